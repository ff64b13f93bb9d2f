"""A quote computed again later: identical, or every place that differs; plans that changed since are told, and change nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.base.outcome import Refusal
from baybridge.cli.funding import fund
from baybridge.funding.quote.reproducing import Reproduced, reproduce
from funding_material import documents
from unit.funding.test_quote_to_settlement import issued


def again(document: dict[str, Any], plans: Any = None) -> Reproduced:
    found = reproduce(document, documents() if plans is None else plans)
    assert not isinstance(found, Refusal), found
    return found


def test_a_kept_quote_is_identical_from_its_own_inputs() -> None:
    found = again(issued()[1])
    assert (found.identical, found.changed) == (True, ())


def test_a_plan_that_changed_or_went_is_told_and_the_quote_stays_as_it_was() -> None:
    plans = {**documents(), "hk-vhis-standard": {**documents()["hk-vhis-standard"], "version": "2"}}
    del plans["hk-ccf-ultra-expensive"]
    found = again(issued()[1], plans)
    assert found.identical
    assert {(one.plan, one.before, one.after) for one in found.changed} == {("hk-vhis-standard", "1", "2"), ("hk-ccf-ultra-expensive", "1", None)}


def test_a_bill_edited_after_the_quote_is_told_in_every_place() -> None:
    document = copy.deepcopy(issued()[1])
    document["inputs"]["bill_lines"][1]["gross"] = "200000.01"
    places = {(one.where, one.kept, one.now) for one in again(document).differences}
    assert ("result.gross", "1500000.00", "1500000.01") in places
    assert {"result.patient_share", "result.patient_share_by_line.stay", "patient_share_if_only_verified_pay"} <= {where for where, _, _ in places}


@pytest.mark.parametrize("document", [{}, {"document": "funding-quote"}, {"document": "funding-quote", "inputs": {"currency": "EUR"}}])
def test_what_is_no_quote_is_refused(document: dict[str, Any]) -> None:
    assert isinstance(reproduce(document, documents()), Refusal)


def test_the_command_says_identical_or_where_it_differs(tmp_path: Path) -> None:
    file = tmp_path / "quote.json"
    file.write_text(json.dumps(issued()[1]))
    good = CliRunner().invoke(fund, ["reproduce", str(file)])
    assert (good.exit_code, good.output.strip()) == (0, "quote.json: identical. The inputs give the same result to the minor unit.")
    edited = copy.deepcopy(issued()[1])
    edited["result"]["patient_share"] = "1.00"
    file.write_text(json.dumps(edited))
    bad = CliRunner().invoke(fund, ["reproduce", str(file), "--json"])
    printed = json.loads(bad.output[: bad.output.rindex("]") + 1])
    assert bad.exit_code == 1
    assert [one["where"] for one in printed[0]["differences"]] == ["result.patient_share"]
    file.write_text("[]")
    none = CliRunner().invoke(fund, ["reproduce", str(file)])
    assert (none.exit_code, "not a quote" in none.output) == (1, True)
