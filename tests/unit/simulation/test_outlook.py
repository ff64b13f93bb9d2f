"""The outlook of an agreement: whole amounts, published counts, what the law of large numbers asks, and its time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.base.outcome import Refusal
from baybridge.cli.simulate import simulate as command
from baybridge.documents.loader import Documents
from baybridge.simulation.outlook import PROGRAMME, Group, Outlook, Rates, outlook, rates_of
from funding_material import a_case, bill, case_of, documents, layer

OBA = {"basis": "LIST_PRICE", "rate": "0.50", "cap": "600000.00", "allocation": "PRO_RATA_BY_CONTRIBUTION", "refund_outcomes": ["NO_CR_AT_M3"]}
DATA = a_case(layer("plan", rate="0.60"), lines=[bill("1200000.00")], oba=OBA)
RATES = Documents().folder("plans/rates")


def group(patients: int = 200, rates: str = "axi-cel-china-real-world", data: Any = None) -> Group:
    found = rates_of(documents()[rates], rates)
    assert isinstance(found, Rates)
    return Group(case_of(DATA if data is None else data), patients, found)


def looked(*groups: Group, **given: Any) -> Outlook:
    found = outlook(groups, **given)
    assert isinstance(found, Outlook), found
    return found


def test_positions_sum_and_the_mean_is_what_the_published_rate_gives() -> None:
    found = looked(group())
    positions = {position.who: position for position in found.positions}
    assert positions["plan"].committed_minor + positions["PATIENT"].committed_minor == 200 * 120_000_000
    expected = 200 * 60_000_000 * 425 // 1020  # 42 of 101 with half a patient added to each outcome
    assert abs(positions[PROGRAMME].expected_minor - expected) * 100 < expected
    assert abs(positions["plan"].expected_minor + positions["PATIENT"].expected_minor - positions[PROGRAMME].expected_minor) <= 1
    assert positions[PROGRAMME].quantiles[5] < positions[PROGRAMME].quantiles[50] < positions[PROGRAMME].reserve_minor


def test_every_draw_is_a_whole_number_of_refunds() -> None:
    position = looked(group(10)).positions[0]
    assert all(minor % 60_000_000 == 0 for minor in position.quantiles.values())


def test_cases_that_rest_on_one_publication_share_its_uncertainty() -> None:
    """A hundred cases of one patient spread as one group of a hundred, not as if each had a publication of its own."""
    together = looked(group(100)).positions[0].quantiles
    apart = looked(*[group(1)] * 100).positions[0].quantiles
    spreads = [quantiles[95] - quantiles[5] for quantiles in (together, apart)]
    assert abs(spreads[0] - spreads[1]) * 10 < spreads[0]


def test_sums_beyond_63_bits_are_added_whole() -> None:
    large = a_case(layer("plan", rate="0.60"), lines=[bill("900000000000000.00")], oba={**OBA, "cap": None, "basis": "LIST_PRICE"})
    large["oba"] = {name: value for name, value in large["oba"].items() if value is not None}
    found = looked(group(1_000, data=large), draws=200)
    position = found.positions[0]
    assert position.quantiles[95] % 45_000_000_000_000_000 == 0
    assert position.quantiles[95] > 2**63


def test_the_same_seed_gives_the_same_and_more_published_patients_less_spread() -> None:
    assert looked(group()) == looked(group())
    wide, narrow = (Rates("x", counts, "", "", "") for counts in ({"CR_AT_M3": 6, "NO_CR_AT_M3": 4}, {"CR_AT_M3": 600, "NO_CR_AT_M3": 400}))
    spreads = []
    for rates in (wide, narrow):
        quantiles = looked(Group(group().case, 1_000, rates)).positions[0].quantiles
        spreads.append(quantiles[95] - quantiles[5])
    assert spreads[0] > 4 * spreads[1]


@pytest.mark.parametrize("name", RATES)
def test_rates_name_their_publication_and_what_they_stand_for(name: str) -> None:
    document = RATES[name]
    assert isinstance(rates_of(document, name), Rates)
    assert all(document[field] for field in ("source", "assumption", "published", "confidence", "status"))
    assert set(document["title"]) == {"en", "zh-Hans", "zh-Hant", "pt"}
    assert document["product"] in Documents().folder("products")
    assert f"n = {document['n']}" in document["published"]


def test_what_has_no_answer_says_why() -> None:
    assert isinstance(rates_of(None, "x"), Refusal)
    assert isinstance(rates_of({**RATES["axi-cel-zuma-7"], "n": 1}, "x"), Refusal)
    for groups in ([], [group(0)], [group(data=a_case())], [group(), group(data={**DATA, "currency": "HKD"})]):
        assert isinstance(outlook(groups), Refusal)


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_the_command(tmp_path: Path, language: str) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(DATA))
    told = CliRunner().invoke(command, ["agreement", str(file), "--rates", "axi-cel-zuma-7", "--language", language])
    assert told.exit_code == 0, told.stderr
    assert "simulation." not in told.stdout
    assert "{" not in told.stdout
    printed = CliRunner().invoke(command, ["agreement", str(file), "--rates", "axi-cel-zuma-7", "--json"])
    assert json.loads(printed.stdout)["draws"] == 10_000
    assert CliRunner().invoke(command, ["agreement", str(file), "--rates", "nothing"]).exit_code == 1
