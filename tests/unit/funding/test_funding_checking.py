"""The checker of plan documents: what it accepts, every problem with file and line, worked cases, numbers that no case holds."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.cli.funding import fund
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.source import read_yaml
from baybridge.funding.plans.checking import check, known_from
from funding_material import documents

KNOWN = known_from(Documents())

VHIS, LIST, SCALE = "hk-vhis-standard", "axi-cel-value-based-2024-list-price", "hk-ccf-scale-2012"


@pytest.mark.parametrize("name", documents())
def test_ours_have_no_problem(name: str) -> None:
    assert check(documents()[name], KNOWN) == ()


def checked(name: str, path: str, value: Any) -> list[tuple[str, str]]:
    document: Any = copy.deepcopy(documents()[name])
    holder = document
    *steps, last = path.split("/")
    for step in steps:
        holder = holder[int(step)] if step.isdecimal() else holder[step]
    if value is ...:
        del holder[last]
    else:
        holder[int(last) if last.isdecimal() else last] = value
    return [(reason.where, reason.code.removeprefix("funding.")) for reason in check(document, KNOWN)]


WRONG = [
    (VHIS, "source", ..., [("source", "check.missing")]),
    (VHIS, "source", "", [("source", "case.text")]),
    (VHIS, "status", "true", [("status", "case.one_of")]),
    (VHIS, "status", "verified", [("status", "check.verified_by_whom")]),
    (VHIS, "currency", "EUR", [("currency", "case.one_of"), ("benefit.currency", "case.one_of")]),
    (VHIS, "jurisdiction", ["TW"], [("jurisdiction", "case.one_of")]),
    (VHIS, "title/pt", "", [("title", "check.title")]),
    (VHIS, "document_date", "yesterday", [("document_date", "case.day")]),
    (VHIS, "order", "30", [("order", "case.whole")]),
    (VHIS, "benefit/rate", "1.20", [("benefit.rate", "case.rate")]),
    (VHIS, "benefit/cap_year", 80000, [("benefit.cap_year", "case.amount")]),
    (VHIS, "benefit/deductable", "1.00", [("benefit.deductable", "case.misspelt")]),
    (VHIS, "cases", [], [("cases", "check.no_cases")]),
    (VHIS, "cases/0/benefit", "70000.00", [("cases[0]", "check.case_fails")]),
    (VHIS, "cases/0/gross", "x", [("cases[0]", "check.case_unreadable")]),
    (VHIS, "cases/0", "x", [("cases[0]", "check.case_unreadable")]),
    (VHIS, "benefit/cap_lifetime", "90000000.00", [("benefit.cap_lifetime", "check.number_untested")]),
    ("beijing-puhui-2023", "rates_by_risk_class/pre_existing", "3", [("rates_by_risk_class.pre_existing", "case.rate")]),
    ("hk-ccf-ultra-expensive", "means_test/scale", "none", [("means_test.scale", "quote.scale_missing")]),
    (LIST, "death_rule", ..., [("death_rule", "check.missing")]),
    (LIST, "basis", "PRICE", [("basis", "case.one_of")]),
    (LIST, "rate", "0.40", [("cases[0]", "check.case_fails"), ("cases[1]", "check.case_fails"), ("cases[3]", "check.case_fails"),
                            ("cases[4]", "check.case_fails")]),
    (LIST, "cases", [{"name": "x", "drug": "10.00", "paid": {"PATIENT": "10.00"}, "outcome": "NO_CR_AT_M3", "refund": "5.00",
                      "code": "OBA-REFUND-DUE"}], [("cap", "check.number_untested")]),
    (SCALE, "scale/tiers/2/flat", "x", [("scale.tiers[2].flat", "case.amount")]),
    (SCALE, "scale/tiers/2/flat", "2001.00", [("cases[5]", "check.case_fails"), ("cases[4]", "check.case_fails")]),
    ("axi-cel-zuma-7", "n", 181, [("counts", "check.counts")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value", "expected"), WRONG)
def test_each_problem_has_its_place(name: str, path: str, value: Any, expected: list[tuple[str, str]]) -> None:
    assert sorted(checked(name, path, value)) == sorted(expected)


@pytest.mark.parametrize("junk", [None, [], "x", {}, {"shape": "benefit"}, {"shape": "agreement", "id": 3}, {"shape": "means_test"}])
def test_anything_is_answered(junk: Any) -> None:
    assert check(junk, KNOWN)


def test_the_line_of_a_field() -> None:
    text = "id: x\nbenefit:\n  rate: '1'\n  bands:\n    - {rate: '2'}\n    - rate: '3'\ncases: []\n"
    source = read_yaml(text, "x.yaml")
    assert [source.line_of(path) for path in ("id", "benefit.rate", "benefit.bands[1].rate", "benefit.cap_year", "nowhere", "")] == [1, 3, 6, 2, 1, 1]


def test_the_command_checks_ours_and_fails_with_file_and_line(tmp_path: Path) -> None:
    ours = CliRunner().invoke(fund, ["check"])
    assert ours.exit_code == 0, ours.stdout
    file = tmp_path / "mine.yaml"
    text = (packaged_data() / "plans" / "benefits" / f"{VHIS}.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace('rate: "1.00"', 'rate: "2.00"'), encoding="utf-8")
    broken = CliRunner().invoke(fund, ["check", str(file)])
    line = text.splitlines().index('  rate: "1.00"') + 1
    assert (broken.exit_code, broken.stderr.count("\n")) == (1, 1)
    assert f"{file}:{line}: benefit.rate: Expected a rate from 0 to 1" in broken.stdout
    printed = CliRunner().invoke(fund, ["check", str(file), "--json"])
    assert json.loads(printed.stdout)["problems"][0]["line"] == line
    assert CliRunner().invoke(fund, ["check", str(tmp_path / "none.yaml")]).exit_code == 1
    file.write_text("a: [", encoding="utf-8")
    assert CliRunner().invoke(fund, ["check", str(file)]).exit_code == 1


def test_two_case_files_are_a_usage_error() -> None:
    assert CliRunner().invoke(fund, ["a.json", "b.json"]).exit_code == 2
