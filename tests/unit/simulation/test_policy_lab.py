"""The policy lab: plans over a table, before and after, against reckoning one patient at a time."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Refusal
from baybridge.cli.simulate import simulate as command
from baybridge.simulation.changes import read_change
from baybridge.simulation.lab_report import simulated_json
from baybridge.simulation.policy_lab import Simulated, simulate
from baybridge.simulation.years import Year
from funding_material import documents

DAY = date(2026, 3, 10)
CITY = {
    "id": "city", "shape": "benefit", "currency": "CNY", "order": 40, "region": "Zhuhai", "status": "unverified", "listed_products": None,
    "benefit": {"kind": "COINSURANCE", "covers": ["CAR_T_DRUG"], "basis": "RESIDUAL", "rate": "0.50", "cap_year": "300.00"},
}  # fmt: skip
CLASSES = {**CITY, "id": "classes", "region": None, "order": 50, "rates_by_risk_class": {"standard": "0.60", "pre_existing": None}}
TABLE = {
    "gross.CAR_T_DRUG": np.array([100_000, 100_000, 100_000, 50_000]),
    "gross.TRAVEL": np.array([0, 1_000, 0, 0]),
    "household_income": np.array([100_000, 200_000, 400_000, 50_000]),
    "region": np.array(["Zhuhai", "Zhuhai", "Foshan", "Zhuhai"]),
    "risk_class": np.array(["standard", "pre_existing", "standard", "pre_existing"]),
}


def simulated(*plans: dict[str, Any], changes: tuple[str, ...] = (), table: Any = None) -> Simulated | Refusal:
    read = [read_change(text) for text in changes]
    assert not any(isinstance(change, Refusal) for change in read)
    return simulate(plans, read, TABLE if table is None else table, documents(), event_on=DAY)  # type: ignore[arg-type]


def done(*plans: dict[str, Any], **given: Any) -> dict[str, Any]:
    found = simulated(*plans, **given)
    assert isinstance(found, Simulated), found
    return simulated_json(found, [Year(2027, 8)])


def test_a_plan_of_a_region_pays_its_region_only() -> None:
    before = done(CITY)["before"]
    assert before["funds"]["city"] == {"cost": "850.00", "beneficiaries": 3}  # 300 + 300 + 250
    assert before["patient"] == "2660.00"
    groups = {group["group"]: group for group in before["distribution"]}
    assert groups["region:Foshan"]["patient"] == "1000.00"
    assert groups["region:Zhuhai"]["patients"] == 3


def test_affordability_is_who_pays_over_forty_percent_of_income() -> None:
    """Payments 700, 710, 1000, 250 of incomes 1000, 2000, 4000, 500: 70, 35.5, 25 and 50 percent."""
    whole = done(CITY)["before"]["distribution"][0]
    assert (whole["above_threshold"], whole["above_threshold_percent"]) == (2, "50.00")
    exactly = {**TABLE, "household_income": np.array([175_000, 177_500, 250_000, 62_500])}
    assert done(CITY, table=exactly)["before"]["distribution"][0]["above_threshold"] == 0


def test_a_change_is_seen_in_the_fund_and_at_the_patients() -> None:
    found = done(CITY, changes=("city.cap_year=null", "city.rate=0.90"))
    assert found["after"]["funds"]["city"]["cost"] == "2250.00"
    assert found["difference"] == {"patient": "-1400.00", "funds": "1400.00", "above_threshold": -2}
    assert found["changes"] == ["city.cap_year=null", "city.rate=0.90"]
    assert found["budget"] == [
        {
            "year": 2027,
            "patients": 8,
            "before": {"city": "1700.00", "PATIENT": "5320.00"},
            "after": {"city": "4500.00", "PATIENT": "2520.00"},
            "per_member": {"before": {}, "after": {}},
        }
    ]


def test_risk_classes_are_paid_by_their_own_rate_and_excluded_ones_not_at_all() -> None:
    found = done(CLASSES)["before"]["funds"]["classes"]
    assert found == {"cost": "600.00", "beneficiaries": 2}  # the cap of 300 binds for both of standard risk


def test_shares_sum_to_the_charges_and_a_removed_plan_pays_nothing() -> None:
    found = done(CITY, CLASSES, changes=("-city",))
    for name in ("before", "after"):
        costs = sum(parse_minor(fund["cost"]) for fund in found[name]["funds"].values())
        assert costs + parse_minor(found[name]["patient"]) == 351_000
    assert "city" not in found["after"]["funds"]


def test_without_any_plan_the_patients_pay_everything() -> None:
    assert done(CITY, changes=("-city",))["after"]["patient"] == "3510.00"


def test_a_changed_plan_is_no_longer_verified() -> None:
    verified = {**CITY, "status": "verified", "verified_by": "two", "verified_on": date(2026, 1, 1), "confidence": "high"}
    assert done(verified)["not_verified"] == {}
    assert done(verified, changes=("city.rate=0.51",))["not_verified"] == {"city": "unverified"}


WRONG = [
    ((CITY,), (), {}, ["funding.empty"]),
    ((CITY,), (), {"household_income": np.array([1])}, ["funding.no_charges"]),
    ((CITY,), (), {"gross.CAR_T_DRUG": np.array([1]), "household_income": np.array([1.5])}, ["funding.income"]),
    ((CITY, {**CITY, "id": "hk", "currency": "HKD"}), (), None, ["funding.no_rate"]),
    (({**CITY, "benefit": None},), (), None, ["funding.no_benefit"]),
    ((CLASSES,), (), {"gross.CAR_T_DRUG": np.array([1]), "household_income": np.array([1])}, ["funding.risk_class"]),
    ((CITY,), ("other.rate=1", "city.colour=1"), None, ["change.unknown_plan", "change.unknown_field"]),
    ((), (), None, ["funding.no_plan"]),
]


@pytest.mark.parametrize(("plans", "changes", "table", "expected"), WRONG)
def test_what_cannot_be_simulated_says_why(plans: Any, changes: Any, table: Any, expected: list[str]) -> None:
    answer = simulated(*plans, changes=changes, table=table)
    assert isinstance(answer, Refusal), answer
    assert [reason.code.removeprefix("simulation.") for reason in answer.reasons] == expected


@pytest.mark.parametrize("text", ["", "+", "-", "city", "city.rate", "=1", "city=1"])
def test_a_change_that_cannot_be_read(text: str) -> None:
    assert isinstance(read_change(text), Refusal)


@pytest.fixture
def table_file(tmp_path: Path) -> str:
    file = tmp_path / "table.parquet"
    pl.DataFrame(TABLE).write_parquet(file)
    return str(file)


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_the_command_tells_draws_and_prints(table_file: str, tmp_path: Path, language: str) -> None:
    plan, image = tmp_path / "city.yaml", tmp_path / "lab.svg"
    plan.write_text(json.dumps(CITY))
    ours = ["--plan", "beijing-puhui-2023", "--change", "city.rate=0.9", "--on", "2026-03-10"]
    shared = ["funding", "--population", table_file, "--plan", str(plan), *ours, "--year", "2027=100", "--language", language]
    costs = tmp_path / "costs.svg"
    told = CliRunner().invoke(command, [*shared, "--picture", str(image), "--cost-picture", str(costs)])
    assert "CNY</text>" in costs.read_text(encoding="utf-8")
    assert {"en": "in 90 of 100 draws", "pt": "em 90 de 100 simulações"}.get(language, "100 次中有 90 次") in told.stdout
    assert told.exit_code == 0, told.stderr
    assert "simulation." not in told.stdout
    assert "{" not in told.stdout
    assert image.read_text().startswith("<svg")
    printed = CliRunner().invoke(command, [*shared, "--json"])
    assert json.loads(printed.stdout)["patients"] == 4


@pytest.mark.parametrize(
    "options",
    [
        ["--plan", "nowhere.yaml"], ["--plan", "shanghai-huhuibao-2022-2024", "--change", "x"],
        ["--plan", "shanghai-huhuibao-2022-2024", "--year", "x"], ["--plan", "axi-cel-value-based-2024-list-price"],
    ],
)  # fmt: skip
def test_a_failure_is_one_clear_line(table_file: str, options: list[str]) -> None:
    answer = CliRunner().invoke(command, ["funding", "--population", table_file, "--on", "2026-03-10", *options])
    assert (answer.exit_code, answer.stdout, answer.stderr.count("\n")) == (1, "", 1)


def test_a_file_that_is_no_table(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    file.write_text("no table")
    answer = CliRunner().invoke(command, ["funding", "--population", str(file), "--on", "2026-03-10", "--plan", "beijing-puhui-2023"])
    assert (answer.exit_code, answer.stderr.count("\n")) == (1, 1)
