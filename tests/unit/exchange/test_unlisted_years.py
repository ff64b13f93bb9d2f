"""A year without a list of public holidays, and a day that nobody verified, are told and never counted as free."""

from __future__ import annotations

from datetime import date

import pytest

from baybridge.base.time import working_days_between
from baybridge.exchange.transfer.check import check_transfer
from exchange_documents import TRANSFER, changed, transfer_rules


def told(effective: str, at: str, **more: str) -> tuple[list[str], list[str]]:
    changes = {"contract.effective_on": effective, "contract.filed_on": None, "transfer.at": at, "transfer.retention_until": "2040-01-01"}
    answer = check_transfer(changed(TRANSFER, {**changes, **more}), transfer_rules()).as_json()
    return [reason["code"].rsplit(".", 1)[1] for reason in answer.get("told", [])], answer["codes"]


def test_a_year_without_a_list_is_told_and_each_of_its_days_counts() -> None:
    assert working_days_between(date(2026, 12, 28), date(2027, 1, 8), {date(2026, 1, 1)}) == 3 + 8
    names, codes = told("2026-12-28", "2027-01-08T09:00:00+08:00")
    assert names == ["no_holiday_list"]
    assert "DT-033" in codes  # eleven days by the count that cannot be too low


def test_a_listed_year_tells_nothing() -> None:
    assert told("2026-03-09", "2026-03-25T09:00:00+08:00")[0] == []


@pytest.mark.parametrize(("until", "names"), [("2026-12-21", []), ("2026-12-23", ["unverified_day"])])
def test_the_winter_solstice_of_macao_is_not_verified(until: str, names: list[str]) -> None:
    assert told("2026-12-14", f"{until}T09:00:00+08:00", **{"exporter.jurisdiction": "MO"})[0] == names
