"""The smallest set of tests to repeat, where to take them, what would clear a reason, and what recognition spared."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.documents.recognition import Sampling
from baybridge.recognition.draws import draws, kind_of, needed_tests
from baybridge.recognition.places import places, remedies
from baybridge.recognition.plan import PlanLine, plan
from baybridge.recognition.recognise import recognise
from baybridge.recognition.recognising import RecogniseResults, setting_of
from baybridge.recognition.savings import Spared, price_of, savings, spared_of, turnaround_of
from exchange_documents import RECOGNITION, changed, documents, recognition_rules
from exchange_situations import NOW, observation, situation

SAMPLING = documents().typed.the(Sampling)
COSTS = documents().folder("recognition")["costs"]


def line(analyte: str, purpose: str, hours: float, window_h: float = 72, **more: Any) -> PlanLine:
    needed = NOW + timedelta(hours=hours)
    start = max(NOW, needed - timedelta(hours=window_h))
    return PlanLine(purpose, analyte, needed, "missing", repeat_from=start, loinc=(more.pop("code", "1-1"),), receiver="gd", **more)


def test_one_test_serves_two_purposes_where_one_moment_is_in_both_windows() -> None:
    lines = [line("creatinine", "APH_FITNESS", 24, 168), line("creatinine", "LD_FITNESS", 72)]
    (draw,) = draws(lines, NOW, SAMPLING)
    assert [test.purposes for test in draw.tests] == [("APH_FITNESS", "LD_FITNESS")]
    assert (draw.from_at, draw.by_at) == (NOW, NOW + timedelta(hours=24))


def test_a_window_that_has_not_opened_needs_a_test_of_its_own() -> None:
    lines = [line("creatinine", "APH_FITNESS", 24, 168), line("creatinine", "LD_FITNESS", 28 * 24)]
    assert len(draws(lines, NOW, SAMPLING)) == 2


def test_blood_is_drawn_once_and_imaging_apart() -> None:
    lines = [
        line("creatinine", "LD_FITNESS", 72),
        line("platelets", "LD_FITNESS", 72),
        line("Chest CT", "LD_FITNESS", 72, 672, code="24627-2"),
        line("PET-CT baseline", "LD_FITNESS", 72, 672, code="44136-0"),
    ]
    found = draws(lines, NOW, SAMPLING)
    assert sorted((draw.kind, len(draw.tests)) for draw in found) == [("blood", 2), ("imaging", 1), ("imaging", 1)]
    assert kind_of(["94500-6"], SAMPLING) == "swab"


def test_what_only_the_receiver_may_do_draws_the_others_there() -> None:
    lines = [line("creatinine", "LD_FITNESS", 72), line("ABO", "LD_FITNESS", 72, at_receiver=True)]
    (draw,) = draws(lines, NOW, SAMPLING)
    assert draw.place == "gd"


def test_what_was_needed_before_now_is_late_and_due_at_once() -> None:
    (draw,) = draws([line("creatinine", "LD_FITNESS", -5)], NOW, SAMPLING)
    assert (draw.from_at, draw.by_at, draw.tests[0].late) == (NOW, NOW, True)


def test_what_serves_is_not_repeated() -> None:
    assert draws([PlanLine("LD_FITNESS", "creatinine", NOW, "serves")], NOW, SAMPLING) == ()


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted), min_size=1, max_size=6)


@given(spans)
@settings(max_examples=150, deadline=None)
def test_no_smaller_set_of_tests_exists(pairs: list[list[int]]) -> None:
    """Exact: fewer moments than tests never meet every window."""
    lines = [line("creatinine", f"P{n}", end, end - start) for n, (start, end) in enumerate(pairs)]
    found = needed_tests(lines, NOW, SAMPLING)
    assert {purpose for test in found for purpose in test.purposes} == {item.purpose for item in lines}
    for test in found:
        assert test.from_at <= test.by_at
    moments = [NOW + timedelta(hours=end) for _, end in pairs]
    fewer = combinations(moments, len(found) - 1)
    assert not any(all(any(_holds(item, moment) for moment in chosen) for item in lines) for chosen in fewer)


def _holds(item: PlanLine, moment: datetime) -> bool:
    return (item.repeat_from or NOW) <= moment <= item.needed_at


def test_places_are_those_whose_good_result_would_be_recognised() -> None:
    here = situation("gd", {})
    setting = setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=NOW + timedelta(hours=20)))
    rules = recognition_rules()
    lines = {item.analyte: item for item in plan((), [setting], rules, NOW)}
    serving = {place.laboratory for place in places(lines["creatinine"], setting, rules, NOW) if place.serves}
    assert {"gd", "hk", "mo"} <= serving
    assert "must-hospital" not in serving
    assert lines["Pregnancy hCG"].at_receiver
    assert [place.laboratory for place in places(lines["Pregnancy hCG"], setting, rules, NOW)] == ["gd"]


def test_a_lapse_takes_effect_from_its_date() -> None:
    here = situation("gd", {})
    rules = recognition_rules()

    def serves(hours: int) -> bool:
        at = NOW + timedelta(hours=hours)
        setting = setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=at))
        rows = [row if row["id"] != "hk" else {**row, "accreditations": [_lapsing(row)]} for row in setting.laboratories]
        lapsing = replace(setting, laboratories=rows)
        (item,) = [found for found in plan((), [lapsing], rules, NOW) if found.analyte == "creatinine"]
        return {place.laboratory: place.serves for place in places(item, lapsing, rules, at)}["hk"]

    assert serves(0)
    assert not serves(24)


def _lapsing(row: dict[str, Any]) -> dict[str, Any]:
    return {**row["accreditations"][0], "valid_to": NOW.date()}


def test_each_reason_says_what_would_clear_it() -> None:
    rules = recognition_rules()
    request = changed(RECOGNITION, {"laboratory.eqa": [], "result.collected_at": "2026-03-01T09:00:00+08:00", "result.patient_match": None})
    cleared = {item.code: item for item in remedies(request, recognise(request, rules).reasons, rules)}
    assert (cleared["MR-001"].remedy, cleared["MR-001"].overridable) == ("evidence", False)
    assert (cleared["MR-020"].remedy, cleared["MR-020"].second_sign_off) == ("evidence", True)
    assert cleared["MR-051"].remedy == "repeat"
    assert "MR-032" not in cleared


PRICES = {
    "prices": [
        {"loinc": ["2160-0"], "jurisdiction": "CN", "amount_minor": 1500, "currency": "CNY", "confidence": "high"},
        {"loinc": ["718-7"], "jurisdiction": "CN", "amount_minor": 900, "currency": "CNY"},
    ],
    "turnaround": [{"loinc": ["2160-0"], "jurisdiction": "CN", "days": 1, "confidence": "high"}, {"loinc": ["718-7"], "jurisdiction": "CN", "days": 3}],
}


def spared(changes: dict[str, Any], costs: Any = PRICES) -> Any:
    request = changed(RECOGNITION, changes)
    answer = recognise(request, recognition_rules())
    return spared_of(request, answer.outcome, answer.direction, answer.codes, costs, NOW.date())


def test_a_decision_keeps_what_it_spared_at_the_prices_of_its_day() -> None:
    assert spared({}) == {
        "measured_in": "MO",
        "used_in": "CN",
        "price": {"amount_minor": 1500, "currency": "CNY", "confidence": "high", "source": ""},
        "turnaround": {"days": 1, "confidence": "high", "source": ""},
    }
    assert spared({}, COSTS) == {"measured_in": "MO", "used_in": "CN", "price": None, "turnaround": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"result.patient_match": None},
        {"laboratory.id": "gd-centre"},
        {"laboratory.eqa": [], "request.emergency": True},
        {"request.statutory_case": 1, "request.asserted_by": "physician"},
    ],
)
def test_what_is_repeated_own_or_only_for_an_emergency_spares_nothing(changes: dict[str, Any]) -> None:
    assert spared(changes) is None


def row(case: str, result: str, regions: tuple[str, str], costs: Any, on: str = "2026-03-10", loinc: str = "2160-0") -> Spared:
    price, days = (find(costs, loinc, regions[1], NOW.date()) for find in (price_of, turnaround_of))
    return Spared(case, result, loinc, ("LD_FITNESS",), *regions, on, price, days)


def test_the_ledger_has_a_row_for_each_pair_with_unverified_money_apart() -> None:
    macao = [row("a", "r1", ("MO", "CN"), PRICES), row("a", "r2", ("MO", "CN"), PRICES, loinc="718-7"), row("b", "r3", ("MO", "CN"), PRICES)]
    hong_kong = [row("a", "r4", ("HK", "CN"), COSTS)]
    first, second = savings([*macao, *hong_kong])
    assert (first.measured_in, first.tests, first.days, first.unpriced, first.untimed) == ("HK", 1, None, 1, 1)
    assert (second.tests, second.money_minor, second.unverified_minor) == (3, {"CNY": 3000}, {"CNY": 900})
    assert (second.days, second.days_unverified) == (4.0, True)  # side by side in case a: 3; case b: 1


def test_a_plan_of_a_record_becomes_draws() -> None:
    made = (observation("crea", "2160-0", 1.1, "mg/dL", NOW.date(), signed="mo"),)
    here = situation("hk", {"observations": made, "resources": made})
    setting = setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=NOW + timedelta(hours=20)))
    found = draws(plan(made, [setting], recognition_rules(), NOW), NOW, SAMPLING)
    assert "creatinine" not in {test.analyte for draw in found for test in draw.tests}
    assert sum(draw.kind == "blood" for draw in found) == 1
    assert found[0].as_json()["kind"]
