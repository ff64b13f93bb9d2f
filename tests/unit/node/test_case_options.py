"""A case's options as a node puts them together: eligibility, routes, timing and money in one list, in orders that claim nothing they cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from acceptance.support import Clock, record
from baybridge.journey.command import Actor, Command, Role
from baybridge.matching.options import Option
from baybridge.matching.ordering import ORDERS, rankable
from baybridge.node.commands.preview import looking
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.options.options import CaseOptions, case_options
from baybridge.node.upkeep.founding import found

PHYSICIAN = Actor("doctor", Role.PHYSICIAN, "Hospital")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("options") / "node"
    found(folder, {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "city": "Macao", "kinds": ["centre", "laboratory"]})
    yield Node(read_config(folder), now=Clock())


@pytest.fixture(scope="module")
def case_id(node: Node) -> str:
    return filed(node, person("patient-one", node))


def person(name: str, node: Node) -> dict[str, Any]:
    """The record of somebody who is nobody else: own document, name and birth date."""
    bundle = deepcopy(record(name, node.now()))
    patient = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    number = sum(map(ord, name))
    patient["identifier"][0]["value"] = f"9{number:06d}(0)"
    patient["name"] = [{"text": f"{name.title()} (synthetic)"}]
    patient["birthDate"] = f"{1950 + number % 20}-0{1 + number % 9}-1{number % 10}"
    return bundle


def filed(node: Node, bundle: dict[str, Any]) -> str:
    imported = import_upload(node, Actor("first", Role.COORDINATOR, "Hospital"), "r.json", json.dumps(bundle).encode())
    return next(iter(imported.cases.values()))  # type: ignore[union-attr]


def relapsed(node: Node, bundle: dict[str, Any]) -> str:
    """The case of a record, with the relapse confirmed that its words leave open."""
    case_id = filed(node, bundle)
    given = {"fact": "relapsed_or_refractory", "value": True, "basis": "report"}
    done = handle(node, Command("ConfirmFinding", case_id, given, PHYSICIAN, f"confirm-{case_id}"))
    assert not hasattr(done, "reasons"), done
    return case_id


def answer(node: Node, case_id: str, by: Any = "status", language: str = "en") -> CaseOptions:
    case = node.case(case_id)
    assert case is not None
    with looking(node, case, PHYSICIAN) as look:
        return case_options(look, by, language)


def rows(found: CaseOptions, product: str = "axicabtagene-ciloleucel") -> list[Option]:
    return [row for row in found.rows if row.product == product]


def test_every_route_of_a_product_is_a_row_and_says_why(node: Node, case_id: str) -> None:
    found_now = answer(node, case_id)
    routes = {(row.route, row.jurisdiction) for row in rows(found_now)}
    assert {("approved", "CN"), ("named_patient", "HK"), ("centre_import", "MO")} <= routes
    for row in rows(found_now):
        decision = found_now.decisions[row.policy or ""]
        assert decision["reasons"]
        assert all(reason["source"] for reason in decision["reasons"])
        assert row.sources


def test_a_drug_used_next_door_is_an_unverified_way_and_never_ranked(node: Node, case_id: str) -> None:
    found_now = answer(node, case_id)
    scheme = [row for row in found_now.rows if row.route == "hong_kong_macao_drug"]
    assert {row.product for row in scheme} == {"tisagenlecleucel"}
    assert all(row.unverified and not rankable(row, by, {row.key: 1}) for row in scheme for by in ORDERS)


def test_without_a_quote_the_patient_pays_the_list_price_where_one_is_published(node: Node, case_id: str) -> None:
    found_now = answer(node, case_id)
    paid = {(row.product, row.jurisdiction): found_now.pays(row) for row in found_now.rows}
    mainland = paid["axicabtagene-ciloleucel", "CN"]
    assert mainland is not None
    assert (mainland.pays_minor, mainland.sure_minor, mainland.currency, mainland.quoted) == (120_000_000, 120_000_000, "CNY", False)
    assert paid["axicabtagene-ciloleucel", "HK"] is None, "no price is published there"


def test_a_quote_is_carried_over_to_other_products(node: Node) -> None:
    case_id = filed(node, person("patient-quoted", node))
    given = {
        "event_date": node.now().date().isoformat(), "currency": "CNY", "product": "axicabtagene-ciloleucel",
        "bill_lines": [{"id": "drug", "category": "CAR_T_DRUG", "gross": "1200000.00"}, {"id": "stay", "category": "INPATIENT", "gross": "100000.00"}],
        "plans": [{"plan": "shanghai-huhuibao-2022-2024"}],
    }  # fmt: skip
    done = handle(node, Command("IssueQuote", case_id, given, Actor("c", Role.COORDINATOR, "Hospital"), "q1"))
    assert not hasattr(done, "reasons"), done
    found_now = answer(node, case_id, "pays")
    quoted = {row.product: found_now.pays(row) for row in found_now.rows if row.jurisdiction == "CN"}
    own, other = quoted["axicabtagene-ciloleucel"], quoted["relmacabtagene-autoleucel"]
    assert own is not None and other is not None
    assert own.quoted and other.quoted
    case = node.case(case_id)
    assert case is not None and case.quote is not None
    assert own.pays_minor == case.quote.event.patient_minor
    assert other.pays_minor > own.pays_minor, "its list price is higher, the rest of the bill is the same"
    amounts = [found_now.pays(row) for row in found_now.rows if found_now.pays(row) and not row.unverified]
    assert [one.sure_minor for one in amounts if one] == sorted(one.sure_minor for one in amounts if one)


def test_a_drug_given_last_week_moves_collection_and_makes_it_not_yet(node: Node) -> None:
    bundle = person("patient-late", node)
    recent = (node.now() - timedelta(days=7)).date()
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if resource["id"].endswith("-l2"):
            resource["effectivePeriod"]["end"] = recent.isoformat()
    found_now = answer(node, relapsed(node, bundle))
    assert found_now.collection is not None
    assert found_now.collection.on == recent + timedelta(days=14)
    assert [wait.of for wait in found_now.collection.binding] == ["cytotoxic"]
    waiting = [row for row in rows(found_now) if row.policy == "axi-cel-lbcl-3l-cn"]
    assert {(row.status, row.not_before) for row in waiting} == {("not-yet", found_now.collection.on)}


def test_low_counts_hold_collection_without_a_day(node: Node) -> None:
    bundle = person("patient-low", node)
    for entry in bundle["entry"]:
        if entry["resource"]["id"].endswith("-plt"):
            entry["resource"]["valueQuantity"]["value"] = 12
    found_now = answer(node, relapsed(node, bundle))
    assert [(wait.criterion, wait.waits_for) for wait in found_now.waits] == [("platelets", "counts")]
    later = [row for row in found_now.rows if row.status == "not-yet"]
    assert later
    assert all(row.not_before is None and row.infusion is None for row in later)


def test_a_birthday_ahead_is_not_yet_with_its_day(node: Node) -> None:
    bundle = person("patient-young", node)
    patient = next(entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient")
    today = node.now().date()
    patient["birthDate"] = today.replace(year=today.year - 18, month=9, day=15).isoformat()
    found_now = answer(node, relapsed(node, bundle))
    third_line = next(row for row in found_now.rows if row.policy == "axi-cel-lbcl-3l-cn")
    assert (third_line.status, third_line.not_before) == ("not-yet", today.replace(month=9, day=15))
    assert next(row for row in found_now.rows if row.policy == "eque-cel-mm-cn").status == "ineligible", "the disease does not pass"


def test_no_history_of_drugs_gives_no_day(node: Node) -> None:
    bundle = person("patient-bare", node)
    bundle["entry"] = [entry for entry in bundle["entry"] if not entry["resource"]["resourceType"].startswith("Medication")]
    assert answer(node, filed(node, bundle)).collection is None


def test_the_missing_test_that_opens_most_is_named(node: Node) -> None:
    bundle = person("patient-open", node)
    bundle["entry"] = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] != "Condition"]
    found_now = answer(node, filed(node, bundle))
    assert found_now.openings
    best = found_now.openings[0]
    assert all((best.settles, best.concerns) >= (one.settles, one.concerns) for one in found_now.openings)
    assert best.fact in {fact for row in found_now.rows for fact in row.missing}


@pytest.mark.parametrize("by", ORDERS)
def test_every_order_shows_the_same_rows_and_ranks_no_unverified_one(node: Node, case_id: str, by: Any) -> None:
    found_now = answer(node, case_id, by)
    assert sorted(row.key for row in found_now.rows) == sorted(row.key for row in answer(node, case_id).rows)
    amounts = {row.key: paid.sure_minor if (paid := found_now.pays(row)) else None for row in found_now.rows}
    ranked = [rankable(row, by, amounts) for row in found_now.rows]
    if by != "status":
        assert ranked == sorted(ranked, reverse=True), "what is ranked stands first"
    assert not any(place and row.unverified for place, row in zip(ranked, found_now.rows, strict=True))


def test_an_invented_centre_is_no_option_of_a_real_patient(node: Node) -> None:
    bundle = person("patient-real", node)
    for entry in bundle["entry"]:
        entry["resource"].pop("meta", None)
    bundle.pop("meta", None)
    found_now = answer(node, filed(node, bundle))
    assert "kiang-wu" in {row.centre for row in found_now.rows}
    assert not {"mo", "gd", "hk"} & {row.centre for row in found_now.rows}
