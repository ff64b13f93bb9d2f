"""The smallest set of tests to repeat, where to take them, what would clear a reason, and what recognition spared."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.recognition.draws import draws, kind_of, needed_tests
from baybridge.recognition.places import places, remedies
from baybridge.recognition.plan import PlanLine, plan
from baybridge.recognition.recognise import recognise
from baybridge.recognition.recognising import RecogniseResults, setting_of
from baybridge.recognition.savings import savings, spared
from exchange_documents import RECOGNITION, changed, documents, recognition_rules
from exchange_situations import NOW, observation, situation

SAMPLING = documents().folder("recognition")["sampling"]
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
        lapsing = type(setting)(**{**{name: getattr(setting, name) for name in setting.__slots__}, "laboratories": rows})
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


def test_spared_tests_are_counted_for_each_pair_of_regions_and_priced_only_where_configured() -> None:
    rules = recognition_rules()
    requests = [
        RECOGNITION,
        changed(RECOGNITION, {"result.id": "r4", "laboratory.id": "hk-lab", "laboratory.jurisdiction": "HK"}),
        changed(RECOGNITION, {"result.id": "r5", "result.patient_match": None}),
        changed(RECOGNITION, {"result.id": "r6", "laboratory.id": "gd-centre"}),
        changed(RECOGNITION, {"result.id": "r7", "laboratory.eqa": [], "request.emergency": True}),
    ]
    served = [{**recognise(request, rules).as_json(), "request": request} for request in requests]
    rows = savings(spared([*served, served[0]]), COSTS)
    assert [(row.measured_in, row.used_in, row.tests, row.days, row.unpriced) for row in rows] == [
        ("HK", "CN", 1, None, 1),
        ("MO", "CN", 1, None, 1),
    ]
    prices = {
        "prices": [{"loinc": ["2160-0"], "jurisdiction": "CN", "amount_minor": 1500, "currency": "CNY"}],
        "turnaround": [{"loinc": ["2160-0"], "jurisdiction": "CN", "days": 1}],
    }
    (_, macao) = savings(spared(served), prices)
    assert (dict(macao.money_minor), macao.days, macao.unpriced) == ({"CNY": 1500}, 1.0, 0)


def test_a_plan_of_a_record_becomes_draws() -> None:
    made = (observation("crea", "2160-0", 1.1, "mg/dL", NOW.date(), signed="mo"),)
    here = situation("hk", {"observations": made, "resources": made})
    setting = setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=NOW + timedelta(hours=20)))
    found = draws(plan(made, [setting], recognition_rules(), NOW), NOW, SAMPLING)
    assert "creatinine" not in {test.analyte for draw in found for test in draw.tests}
    assert sum(draw.kind == "blood" for draw in found) == 1
    assert found[0].as_json()["kind"]
