"""Options of a patient: every way in one list, with chances that rank nothing they cannot, and "not yet" beside "no"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.documents.loader import Documents
from baybridge.documents.organisations import Cities, Organisations
from baybridge.documents.timing import VeinToVein, Washouts
from baybridge.documents.trials import PublishedResponses
from baybridge.facts.washouts import earliest_collection
from baybridge.language.regions import regions_of
from baybridge.matching.chances import Chance, better, chances_of, wilson
from baybridge.matching.options import Catalogue, Option, Patient, opening, options
from baybridge.matching.ordering import ordered, rankable
from baybridge.matching.timing import earliest_infusion

TODAY = date(2026, 11, 22)
DOCUMENTS = Documents()
WASHOUTS = DOCUMENTS.typed.the(Washouts)
PUBLISHED = DOCUMENTS.typed.the(PublishedResponses)
POLICIES = [row.policy for product in DOCUMENTS.typed.products.values() for row in product.labels]


@cache
def catalogue() -> Catalogue:
    organisations = [row for row in DOCUMENTS.typed.the(Organisations).organisations if not row.synthetic]
    typed = DOCUMENTS.typed
    return Catalogue(typed.products, organisations, PUBLISHED, typed.the(VeinToVein), typed.the(Cities).cities, regions_of(DOCUMENTS.folder))


def decision(outcome: str, *missing: str, settle: list[list[str]] | None = None) -> dict[str, Any]:
    return {"outcome": outcome, "missing": list(missing), "would_settle": settle or [], "sources": ["label"], "confidence": "high"}


def listed(decisions: Mapping[str, Any], collection_on: date | None = TODAY, **more: Any) -> tuple[Option, ...]:
    return ordered(options(Patient("MO", "Macao", TODAY, collection_on), catalogue(), decisions, **more), "status")


# --- the list -------------------------------------------------------------------------------------------------------


def test_every_route_stands_in_one_list_with_where_and_since_when() -> None:
    rows = listed({policy: decision("ineligible") for policy in POLICIES} | {"axi-cel-lbcl-3l-cn": decision("eligible")})
    axi = {(row.route, row.jurisdiction, row.centre) for row in rows if row.status == "eligible"}
    assert ("centre_import", "MO", "kiang-wu") in axi
    assert ("approved", "CN", "hku-shenzhen") in axi
    assert ("named_patient", "HK", None) in axi
    assert [row.status for row in rows] == sorted(
        (row.status for row in rows), key=["eligible", "not-yet", "undetermined", "ineligible"].index
    )
    home = next(row for row in rows if row.centre == "kiang-wu")
    assert (home.borders, home.same_city, home.languages) == (0, True, None)
    assert home.infusion is not None
    assert (home.infusion.on, home.infusion.confidence) == (TODAY + timedelta(days=25), "low")
    assert any("S31" in source for source in home.sources)


def test_a_product_without_a_label_that_was_read_is_undetermined() -> None:
    rows = [row for row in listed({}) if row.product == "pujiolunsai"]
    assert {(row.status, row.policy) for row in rows} == {("undetermined", None)}


def test_what_nobody_has_evidence_for_is_no_option() -> None:
    rows = listed({})
    assert not any(row.product == "relmacabtagene-autoleucel" and row.jurisdiction == "HK" for row in rows)


def test_not_yet_is_another_answer_than_no() -> None:
    eligible = {"axi-cel-lbcl-3l-cn": decision("eligible")}
    waiting = next(row for row in listed(eligible, TODAY + timedelta(days=10)) if row.policy == "axi-cel-lbcl-3l-cn")
    assert (waiting.status, waiting.not_before) == ("not-yet", TODAY + timedelta(days=10))
    no = {"axi-cel-lbcl-3l-cn": decision("ineligible")}
    grows = next(row for row in listed(no, not_before={"axi-cel-lbcl-3l-cn": date(2027, 1, 5)}) if row.policy == "axi-cel-lbcl-3l-cn")
    assert (grows.status, grows.not_before) == ("not-yet", date(2027, 1, 5))
    assert next(row for row in listed(no) if row.policy == "axi-cel-lbcl-3l-cn").status == "ineligible"


def test_sorting_by_date_and_nearness() -> None:
    rows = listed({"axi-cel-lbcl-3l-cn": decision("eligible")})
    assert ordered(rows, "near")[0].city == "Macao"
    by_date = [row.infusion for row in ordered(rows, "date")]
    assert all(found is not None for found in by_date[: sum(found is not None for found in by_date)])


# --- chances --------------------------------------------------------------------------------------------------------


def chance(percent: float, n: int, population: str = "one", confidence: str = "high") -> Chance:
    low, high = wilson(percent, n)
    return Chance("complete_response", percent, low, high, n, "T", population, "s", confidence, computed=True)


def test_intervals_as_published_or_computed_and_said_so() -> None:
    zuma, china = chances_of("axi-cel-lbcl-3l-cn", PUBLISHED)
    assert (zuma.low, zuma.high, zuma.computed) == (48.3, 67.2, True)
    assert (china.low, china.high, china.computed) == (48.2, 68.1, False)


def test_the_computed_interval_of_a_published_one_is_near_it() -> None:
    """Wilson against the exact interval that the publication gives for 83.2 % of 101."""
    low, high = wilson(83.2, 101)
    assert abs(low - 74.4) < 1.0
    assert abs(high - 89.9) < 1.0


@pytest.mark.parametrize(
    ("one", "other", "above"),
    [
        (chance(90, 200), chance(50, 200), True),
        (chance(50, 200), chance(90, 200), False),
        (chance(90, 200), chance(50, 200, population="two"), False),
        (chance(90, 200, confidence="low"), chance(50, 200), False),
        (chance(90, 200), chance(50, 200, confidence="low"), False),
        (chance(60, 30), chance(50, 30), False),
    ],
)
def test_only_comparable_and_distant_figures_rank(one: Chance, other: Chance, above: bool) -> None:
    assert better([one], [other]) is above


def test_no_two_published_rows_of_different_trials_rank_each_other() -> None:
    found = {row.policy: chances_of(row.policy, PUBLISHED) for row in PUBLISHED.rows}
    for one in found.values():
        for other in found.values():
            populations = {c.population for c in one} & {c.population for c in other}
            assert not better(one, other) or populations


def test_sorting_by_chance_keeps_the_order_of_what_cannot_be_compared() -> None:
    rows = listed({policy: decision("eligible") for policy in POLICIES})
    named = sorted(rows, key=lambda row: (row.product, row.jurisdiction, row.centre or "~", row.policy or ""))
    ranked = [row for row in named if rankable(row, "chance", {})]
    assert ordered(rows, "chance") == (*ranked, *(row for row in named if row not in ranked))


@given(st.floats(0, 100), st.integers(1, 2000))
def test_an_interval_holds_its_figure(percent: float, n: int) -> None:
    low, high = wilson(percent, n)
    assert 0 <= low <= high <= 100
    assert low - 0.1 <= percent <= high + 0.1


# --- timing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("atc", "days", "of"),
    [
        ("H02AB02", 3, "steroid"),
        ("L01DB01", 14, "cytotoxic"),
        ("L01AA01", 21, "cyclophosphamide_methotrexate"),
        ("L01XG01", 21, "proteasome_inhibitor"),
        ("L01FF02", 42, "checkpoint_inhibitor"),
        ("L01FC01", 42, "anti_cd38"),
        ("L01BB04", 182, "cladribine"),
        ("L01EL01", 3, "kinase_inhibitor"),
        ("L01FA01", 0, "anti_cd20"),
    ],
)
def test_each_class_is_washed_out(atc: str, days: int, of: str) -> None:
    found = earliest_collection([(atc, TODAY)], WASHOUTS, TODAY)
    assert (found.on, found.waits[0].of) == (TODAY + timedelta(days=days), of)


def test_the_longest_wait_binds_and_what_to_avoid_is_said() -> None:
    doses = [("H02AB02", TODAY), ("L01XG01", TODAY - timedelta(days=10)), ("L01AA09", TODAY - timedelta(days=30)), ("L99ZZ01", TODAY)]
    found = earliest_collection(doses, WASHOUTS, TODAY, [("transplant", TODAY - timedelta(days=95))])
    assert found.on == TODAY + timedelta(days=11)
    assert [wait.of for wait in found.binding] == ["proteasome_inhibitor"]
    assert [wait.of for wait in found.waits if wait.avoid] == ["fludarabine_bendamustine"]
    assert found.unruled == ("L99ZZ01",)


@given(
    st.lists(st.tuples(st.sampled_from(["H02AB02", "L01AA01", "L01FC01", "L01EL01"]), st.integers(0, 90)), max_size=6), st.integers(0, 60)
)
def test_one_more_dose_never_brings_collection_forward(doses: list[tuple[str, int]], ago: int) -> None:
    given_doses = [(atc, TODAY - timedelta(days=days)) for atc, days in doses]
    more = [*given_doses, ("L01AA01", TODAY - timedelta(days=ago))]
    assert earliest_collection(more, WASHOUTS, TODAY).on >= earliest_collection(given_doses, WASHOUTS, TODAY).on >= TODAY


def test_the_time_of_making_is_published_or_an_assumption() -> None:
    document = DOCUMENTS.typed.the(VeinToVein)
    assert earliest_infusion("tisagenlecleucel", TODAY, document).confidence == "high"
    assumed = earliest_infusion("zevorcabtagene-autoleucel", TODAY, document)
    assert (assumed.confidence, assumed.range) == ("low", (TODAY + timedelta(days=18), TODAY + timedelta(days=40)))


# --- what to test next ----------------------------------------------------------------------------------------------


def test_the_test_that_opens_most_comes_first() -> None:
    decisions = [
        decision("undetermined", "cd19", "lvef", settle=[["lvef"]]),
        decision("undetermined", "lvef", settle=[["lvef"]]),
        decision("undetermined", "cd19", settle=[["cd19"]]),
        decision("eligible", "ecog"),
    ]
    rows = opening(decisions, {"lvef": 3})
    assert [(row.fact, row.settles, row.concerns, row.cost) for row in rows] == [("lvef", 2, 2, 3), ("cd19", 1, 2, 1)]


# --- the directory --------------------------------------------------------------------------------------------------


def test_the_named_hospitals_are_rows_with_a_source_and_claim_nothing_else() -> None:
    rows = {row.id: row for row in catalogue().organisations}
    named = ["queen-mary", "sysucc", "sysu-first", "jiahui-international", "kiang-wu", "zhongshan", "renji", "west-china"]
    named += ["peking-union", "peking-first"]
    for name in named:
        assert rows[name].source
        assert rows[name].accreditations is None, "no source names one"
        for offer in rows[name].offers or ():
            assert offer.source
            assert offer.product in catalogue().products
