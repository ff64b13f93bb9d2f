"""Ways to pay compared: orders, plans that could be joined, products, regions; best first, with what each requires."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from baybridge.base.outcome import Refusal
from baybridge.cli.funding import fund
from baybridge.funding.quote.comparing import Comparison, compare, comparison_json
from funding_material import a_case, bill, funded, layer, scale

CITY = layer("city", rate="0.60", could_join={"until": "2026-06-30", "premium": "1.90"})
RELMA = {"id": "relma-cel", "kind": "product", "bill_lines": [bill("1100.00")], "requires": ["second opinion"]}
ABROAD = {
    "id": "hong-kong", "kind": "region", "currency": "HKD", "bill_lines": [bill("800.00")], "layers": [layer("vhis", rate="0.50")],
    "without": ["mine"], "per_bill_unit": "1.25", "on": "2026-03-01", "source": "HKAB",
}  # fmt: skip


def compared(*layers: dict[str, Any], **more: Any) -> Comparison:
    found = compare(a_case(*layers, **more), scale())
    assert not isinstance(found, Refusal), found
    return found


def pays(found: Comparison) -> list[tuple[str, int]]:
    return [(one.option.option_id, one.pays_minor) for one in found.options]


def test_a_plan_that_could_be_joined_counts_its_premium_and_is_not_paid_by_otherwise() -> None:
    found = compared(CITY)
    assert pays(found) == [("as-it-stands +city", 40_190), ("as-it-stands", 100_000)]
    assert found.options[0].option.requires[0][1] == {"plan": "city", "until": "2026-06-30", "premium": "1.90", "currency": "CNY"}
    assert funded(a_case(CITY))["patient_share"] == "1000.00"


def test_a_waiting_period_makes_joining_cost_more_than_it_pays() -> None:
    found = compared({**CITY, "effective_from": "2026-03-01", "waiting_days": 30})
    assert pays(found) == [("as-it-stands", 100_000), ("as-it-stands +city", 100_190)]


def test_another_order_where_the_policy_allows_it() -> None:
    """The reference's case: an earlier layer moves what is left out of a later payer's reach."""
    lines = [bill("200.00", "DRUG", "a"), bill("200.00", "STAY", "b")]
    both = layer("both", covers=["DRUG", "STAY"], deductible="50.00", order=1)
    drug = layer("drug", covers=["DRUG"], cap_event="50.00", order=2)
    early = layer("early", covers=["DRUG"], rate="0.50", order=0, orders=[0, 3])
    found = compared(early, both, drug, lines=lines)
    assert pays(found) == [("as-it-stands early@3", 2_500), ("as-it-stands", 3_333)]
    assert found.options[0].option.requires == (("funding.compare.requires_order", {"plan": "early", "order": 3}),)


def test_products_and_regions_beside_the_case_at_a_dated_rate() -> None:
    found = compared(layer("mine", rate="0.70"), compare=[RELMA, ABROAD])
    assert pays(found) == [("as-it-stands", 30_000), ("hong-kong", 32_000), ("relma-cel", 33_000)]
    keys = {one.option.option_id: [key.rpartition(".")[2] for key, _ in one.option.requires] for one in found.options}
    assert keys == {"as-it-stands": [], "hong-kong": ["requires_region", "at_rate"], "relma-cel": ["requires_product", "requires_text"]}


def test_a_choice_is_combined_with_every_other() -> None:
    found = compared({**CITY, "orders": [1]}, layer("mine", rate="0.10", orders=[50]), compare=[RELMA])
    assert len(found.options) == 2 * (2 + 4)


def test_an_option_in_another_currency_without_a_rate_is_told_and_not_ranked() -> None:
    unrated = {name: value for name, value in ABROAD.items() if name not in ("per_bill_unit", "on", "source")}
    found = compared(layer("mine", rate="0.70"), compare=[unrated])
    assert pays(found) == [("as-it-stands", 30_000)]
    assert [(name, reasons[0].code) for name, reasons in found.cannot] == [("hong-kong", "funding.compare.no_rate")]


def test_an_option_that_cannot_be_computed_is_told_with_every_reason() -> None:
    found = compared(compare=[{"id": "x", "kind": "other", "bill_lines": [bill("-1.00"), bill("1.5.0")]}])
    assert [reason.where for reason in found.cannot[0][1]] == ["bill_lines[0].gross", "bill_lines[1].gross", "bill_lines[1].id"]


def test_what_rests_on_unverified_plans_is_said() -> None:
    printed = comparison_json(compared({**CITY, "status": "unverified"}))
    assert printed["options"][0]["unverified"] == ["city"]
    assert printed["options"][0]["patient_pays_if_only_verified_pay"] == "1001.90"
    assert printed["options"][0]["difference"] == "-598.10"


WRONG = [
    ({"layers": [{**CITY, "could_join": {"premium": "1.00"}}]}, [("layers[0].could_join.until", "compare.could_join")]),
    ({"layers": [{**CITY, "could_join": {"until": "x", "premium": "-1"}}]}, [("layers[0].could_join.premium", "case.amount")]),
    ({"layers": [layer(orders=["1"])]}, [("layers[0].orders[0]", "compare.orders")]),
    ({"compare": [{"id": "x", "kind": "magic"}]}, [("compare[0].kind", "case.one_of")]),
    ({"compare": [RELMA, RELMA]}, [("compare[0].id", "case.duplicate"), ("compare[1].id", "case.duplicate")]),
    ({"compare": [{**RELMA, "layers": ["x"]}]}, [("compare[0].layers[0]", "case.object")]),
    ({"compare": [{**ABROAD, "on": None}]}, [("compare[0].per_bill_unit", "compare.rate")]),
    ({"compare": "x"}, [("compare", "case.list")]),
    ({"layers": "x"}, [("layers", "case.list")]),
    ({"layers": [layer(f"L{n}", order=n, orders=[90 + n]) for n in range(9)]}, [("", "compare.too_many")]),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_choices_that_cannot_be_read(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    answer = compare({**a_case(), **changes}, scale())
    assert isinstance(answer, Refusal)
    assert [(reason.where, reason.code.removeprefix("funding.")) for reason in answer.reasons] == expected


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_the_command_says_it_in_words_and_json(tmp_path: Path, language: str) -> None:
    file = tmp_path / "case.json"
    broken = {"id": "broken", "kind": "other", "bill_lines": []}
    file.write_text(json.dumps(a_case({**CITY, "status": "expired"}, layer("mine", rate="0.10", orders=[50]), compare=[ABROAD, broken])))
    told = CliRunner().invoke(fund, [str(file), "--compare", "--language", language])
    assert told.exit_code == 0, told.stderr
    assert "funding." not in told.stdout
    assert "{" not in told.stdout
    printed = CliRunner().invoke(fund, [str(file), "--compare", "--json"])
    amounts = [float(option["patient_pays"]) for option in json.loads(printed.stdout)["options"]]
    assert amounts == sorted(amounts)


def test_terms_of_another_currency_are_never_read_as_the_options_own() -> None:
    """A layer that an option in another currency keeps stays in its own, and the option asks for its rate."""
    kept = layer("city", rate="0.60", cap_year="500.00")
    data = a_case(kept, compare=[{"id": "hk", "kind": "region", "currency": "HKD", "per_bill_unit": "1.25", "on": "2026-03-09", "source": "s"}])
    found = compare(data, scale())
    assert isinstance(found, Comparison)
    assert [(reason.where, reason.code) for reason in dict(found.cannot)["hk"]] == [("layers[0].fx_to_layer_ccy", "funding.case.exchange_rate")]
    with_rate = {**kept, "order": 10, "layer_ccy": "CNY", "fx_to_layer_ccy": "0.80"}
    data["compare"][0]["layers"] = [with_rate]
    found = compare(data, scale())
    assert isinstance(found, Comparison)
    one = next(one for one in found.options if one.option.option_id == "hk")
    assert one.funded.stack.patient_minor == 40_000  # 1,000 HKD are 800 CNY, of which the layer pays 480, or 600 HKD
    assert one.pays_minor == 32_000
