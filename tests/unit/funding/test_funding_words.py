"""Every sentence of funding stands in four languages with the same placeholders; every code of the code has one; the command says it."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from click.testing import CliRunner

import baybridge.funding
from baybridge.cli.funding import fund
from baybridge.documents.loader import Documents
from baybridge.funding.outcome import agreement
from baybridge.funding.plans.plans import DRUG_NOT_LISTED, EXCLUDED_PREEXISTING
from baybridge.funding.quote import reading, stack
from baybridge.funding.quote.report import key_of
from funding_material import a_case, bill, layer

LANGUAGES = ("en", "zh-Hans", "zh-Hant", "pt")
SENTENCES = {name: {k: v for k, v in Documents().translations(name).items() if k.startswith("funding.")} for name in LANGUAGES}
SOURCE = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(baybridge.funding.__file__).parent.rglob("*.py")))

CODES = (
    stack.RATE, stack.FIXED, stack.MEANS_TESTED, stack.RESIDUAL_LIMIT, stack.NOT_COVERED, stack.NOT_IN_FORCE, stack.LAPSED, stack.WAITING,
    stack.UNVERIFIED, "PAY-CAP:cap_event", "PAY-CAP:cap_year", "PAY-CAP:cap_lifetime", EXCLUDED_PREEXISTING, DRUG_NOT_LISTED,
    "PAY-SITE-NOT-LISTED", "PAY-INDICATION-MISMATCH", agreement.REFUND_DUE, agreement.NO_REFUND, agreement.VOID_NOT_INFUSED,
    *agreement.OWN_CODES.values(),
)  # fmt: skip


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_languages_say_the_same(language: str) -> None:
    assert list(SENTENCES[language]) == list(SENTENCES["en"])
    assert {k for k, v in SENTENCES[language].items() if placeholders(v) != placeholders(SENTENCES["en"][k])} == set()


def test_every_code_has_a_sentence() -> None:
    sorts = re.findall(r'return "([a-z_]+)"', inspect.getsource(reading.reason_of))
    problems = {f"funding.case.{code}" for code in ("whole", *sorts, *re.findall(r'(?:problem\(|reason=)"([a-z_]+)"', SOURCE))}
    named = set(re.findall(r'"(funding\.[a-z_]+\.[a-z_]+)"', SOURCE)) | {key_of(code) for code in CODES}
    steps = {f"funding.settle.{step}" for step in ("adjudicate", "cause_unknown", "pending")}
    assert len(problems) > 15
    assert (problems | named | steps) - set(SENTENCES["en"]) == set()


def run(tmp_path: Path, content: Any, *options: str) -> Any:
    file = tmp_path / "case.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return CliRunner().invoke(fund, [str(file), *options])


def test_json_of_one_case_and_of_a_list(tmp_path: Path) -> None:
    one = run(tmp_path, a_case(layer(rate="0.80")), "--json")
    many = run(tmp_path, [a_case(layer(rate="0.80"))], "--json")
    assert one.exit_code == many.exit_code == 0
    assert json.loads(many.stdout) == [json.loads(one.stdout)]
    assert json.loads(one.stdout)["patient_share"] == "200.00"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_waterfall_in_words(tmp_path: Path, language: str) -> None:
    oba = {"basis": "LIST_PRICE", "rate": "0.50", "allocation": "INSURER_FIRST", "refund_outcomes": ["X"], "cases": [{"outcome": "X"}]}
    tenders = {"tenders": [{"currency": "HKD", "remainder": True, "rate_bill_to_tender": "1.0873"}]}
    means = layer("fund", kind="MEANS_TESTED", status="unverified", means_test={"annual_gross_income": "150.00"})
    stacked = (layer("none", covers=["TRAVEL"]), layer("plan", rate="0.80"), means)
    case = a_case(*stacked, oba=oba, settlement=tenders, instalments={"count": 2})
    told = run(tmp_path, case, "--language", language)
    assert told.exit_code == 0
    for amount in ("1000.00", "800.00", "200.00", "500.00", "PAY-RATE", "PAY-NOT-COVERED", "PAY-UNVERIFIED-PLAN", "OBA-REFUND-DUE"):
        assert amount in told.stdout
    assert "funding." not in told.stdout
    assert "{" not in told.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (a_case(lines=[bill("-1.00")]), 'bill_lines[0].gross: Expected an amount as text with two places, such as "1200000.00"'),
        ({**a_case(), "currency": "EUR"}, "currency: Expected one of CNY, HKD, MOP, USD; found"),
        (a_case(layer(layer_ccy="HKD")), "layers[0].fx_to_layer_ccy: Expected a rate of exchange above zero"),
        (
            [a_case(), a_case(settlement={"tenders": [{"currency": "CNY", "bill_ccy_amount": "1.00"}]})],
            "[1].settlement.tenders: The tenders sum",
        ),
        ("{", "This is no JSON that can be read: line 1"),
        (a_case(lines=[bill("x"), bill("y", line_id="z")]), "2 problems in"),
    ],
)
def test_a_failure_is_one_clear_line(tmp_path: Path, content: Any, said: str) -> None:
    result = run(tmp_path, content, "--json")
    assert result.exit_code == 1
    (reason,) = json.loads(result.stdout)["reasons"]
    assert said in reason["text"] and not reason["remedy"].startswith("found")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(fund, [str(tmp_path / "none.json")])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)


def test_standard_input_and_usage() -> None:
    assert CliRunner().invoke(fund, ["-", "--json"], input=json.dumps(a_case())).exit_code == 0
    assert CliRunner().invoke(fund, []).exit_code == 2
