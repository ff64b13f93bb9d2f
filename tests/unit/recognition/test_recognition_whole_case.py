"""The plan of a whole case: when each purpose needs its results, windows after infusion, draws with places, every result against a purpose."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import case_world as w
from baybridge.documents.recognition import Sampling
from baybridge.documents.timing import VeinToVein
from baybridge.journey.case import Case
from baybridge.journey.events import Died
from baybridge.recognition.arranging import Material, arrange
from baybridge.recognition.needs import needs
from baybridge.recognition.panel import panel
from baybridge.recognition.plan import PlanLine, plan, same_analyte
from baybridge.recognition.recognising import RecogniseResults, setting_of
from baybridge.recognition.trends import trends
from case_world import World
from exchange_documents import documents, recognition_rules
from exchange_situations import NOW, observation, situation

ZONE = ZoneInfo("Asia/Hong_Kong")
RULES = recognition_rules()
TIMING = documents().typed.the(VeinToVein)
FOLLOW_UP = documents().typed.pathway.follow_up
ALONE = ("latest", "reference_high", "reference_low")
MATERIAL = Material(documents().typed.the(Sampling), documents().folder("recognition")["costs"])


def ahead(case: Case, now: datetime) -> dict[str, Any]:
    return {need.purpose: need for need in needs(case, now, ZONE, TIMING, FOLLOW_UP)}


def test_before_a_slot_every_later_day_is_assumed_and_says_why() -> None:
    world = World().walk(w.OPEN)
    found = ahead(world.case, world.now)
    assert list(found) == ["ELIGIBILITY", "APH_FITNESS", "APH_IDM", "LD_FITNESS", "INFUSION_DAY"]
    assert [need.fixed for need in found.values()] == [True, False, False, False, False]
    assert "assum" in found["LD_FITNESS"].source.lower()
    assert found["INFUSION_DAY"].at - found["LD_FITNESS"].at == timedelta(days=5)


def test_after_infusion_toxicity_response_and_follow_up_are_ahead_and_death_ends_all() -> None:
    world = w.infused()
    found = ahead(world.case, world.now)
    assert {"TOX_MONITOR", "RESPONSE", "LTFU"} <= set(found)
    assert not {"APH_IDM", "LD_FITNESS", "INFUSION_DAY"} & set(found)
    world.record("hk", Died(died_on=world.now.date(), cause="unknown"))
    assert ahead(world.case, world.now) == {}


def lines(made: list[dict[str, Any]], purpose: str, use_at: datetime, infused_on: date | None = None, now: datetime = NOW) -> list[PlanLine]:
    here = situation("hk", {"observations": made, "resources": made})
    setting = replace(setting_of(here, RecogniseResults(purpose=purpose, use_at=use_at)), infused_on=infused_on)
    return list(plan(made, [setting], RULES, now))


def test_windows_after_infusion_are_planned_each_and_served_by_what_was_taken_inside() -> None:
    infused = NOW.date() - timedelta(days=28)
    found = lines([observation("pet", "44136-0", "CR", None, NOW.date(), signed="hk")], "RESPONSE", NOW, infused)
    imaging = [line for line in found if line.after_infusion]
    assert [(line.after_infusion, line.standing, line.result_id) for line in imaging[:2]] == [((21, 35), "serves", "pet"), ((76, 104), "missing", None)]
    assert [line.after_infusion for line in imaging[2:]] == [(168, 196), (260, 288), (335, 395), (518, 578), (700, 760)]
    (paraprotein,) = [line for line in found if not line.after_infusion]
    assert (paraprotein.loinc[0], paraprotein.standing) == ("33358-3", "missing")
    later = found[1]
    assert (later.repeat_from, later.needed_at) == (
        datetime(2026, 4, 27, 0, 0, tzinfo=ZoneInfo("Asia/Shanghai")),
        datetime(2026, 5, 25, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai")),
    )


def test_a_window_that_is_over_without_a_result_is_late_not_planned() -> None:
    (line,) = lines([], "OBA_OUTCOME", NOW, NOW.date() - timedelta(days=120))
    assert (line.standing, line.repeat_from, line.needed_at < NOW) == ("missing", None, True)


def test_an_analyte_of_two_rows_has_one_line() -> None:
    found = lines([], "APH_FITNESS", NOW + timedelta(days=5))
    assert len({line.analyte for line in found}) == len(found)


def arranged(made: list[dict[str, Any]], purpose: str = "LD_FITNESS") -> Any:
    here = situation("hk", {"observations": made, "resources": made})
    setting = setting_of(here, RecogniseResults(purpose=purpose, use_at=NOW + timedelta(hours=20)))
    return arrange(plan(made, [setting], RULES, NOW), [setting], RULES, NOW, MATERIAL)


def test_each_draw_has_its_places_and_its_own_site_serves_for_all_of_it() -> None:
    found = arranged([])
    blood = next(one for one in found.draws if one.draw.kind == "blood")
    by_name = {place.laboratory: place for place in blood.places}
    assert by_name["hk"].serves_all
    assert {analyte for analyte, _ in by_name["mo"].against} >= {"ferritin", "troponin"}
    assert all(codes == ("MR-031",) for _, codes in by_name["mo"].against)
    assert by_name["must-hospital"].serves == ()
    assert blood.places[0].laboratory == "hk"


def test_what_recognition_spares_is_counted_against_repeating_all() -> None:
    nothing, some = arranged([]).against, arranged([observation("crea", "2160-0", 1.1, "mg/dL", NOW.date(), signed="mo")]).against
    assert (nothing.tests, nothing.unpriced) == (nothing.tests_without, 0)
    assert (some.tests, some.tests_without, some.unpriced, some.days) == (nothing.tests - 1, nothing.tests_without, 1, None)


def test_a_panel_judges_every_result_and_sets_apart_what_the_purpose_does_not_ask_for() -> None:
    made = [
        observation("new", "2160-0", 1.1, "mg/dL", NOW.date(), signed="mo"),
        observation("old", "2160-0", 1.0, "mg/dL", date(2026, 1, 1), signed="mo"),
        observation("tsh", "3016-3", 2.0, "m[IU]/L", NOW.date(), signed="mo"),
    ]
    here = situation("hk", {"observations": made, "resources": made})
    found = panel(made, setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=NOW + timedelta(hours=20))), RULES)
    assert [[one.observation["id"] for one in group] for group in found.asked_for] == [["new", "old"]]
    assert [[one.answer.codes for one in group] for group in found.others] == [[("MR-052",)]]
    assert [item.code for item in found.asked_for[0][1].clearings] == ["MR-020", "MR-051"][-1:]


def test_codes_of_one_analyte_are_one_analyte() -> None:
    windows = RULES.settings.windows
    assert same_analyte(windows, "2160-0", "14682-9")
    assert not same_analyte(windows, "2160-0", "718-7")
    assert not same_analyte(windows, None, None)


def test_a_fact_over_several_results_of_an_analyte_that_depends_on_the_method_asks_for_the_same_method() -> None:
    """A maximum, a run or a baseline would merge methods without saying so; the limits of the very result that is used do not."""
    facts = documents().folder("facts")
    dependent = {code for group in RULES.settings.methods.groups for code in group.loinc}
    by_method = {name for name, fact in facts.items() if {str(code.get("loinc")) for code in fact.get("codes") or ()} & dependent}
    windowed = {name: fact["read"] for name, fact in facts.items() if str((fact.get("read") or {}).get("how", "latest")) not in ALONE}
    assert by_method
    assert windowed
    merged = {name: read for name, read in windowed.items() if set(_named(read)) & by_method}
    assert [name for name, read in merged.items() if not read.get("same_method")] == []
    assert set(merged) == {"ferritin_at_infusion"}


def _named(read: Any) -> list[str]:
    if isinstance(read, str):
        return [read]
    parts = read.values() if isinstance(read, dict) else read if isinstance(read, list) else ()
    return [name for part in parts for name in _named(part)]


def test_a_line_never_runs_over_two_methods_even_where_the_unit_is_one() -> None:
    made = [observation(str(n), "2276-4", 100 + n, "ng/mL", date(2026, 3, n), method={"text": name}) for n, name in ((1, "A"), (2, "B"), (3, "A"))]
    found = trends(made, RULES.settings.methods)
    assert [(line.method, len(line.points), line.apart) for line in found] == [("a", 2, True), ("b", 1, True)]
