"""An entry is put right at a node: what rested on it is made again, FHIR says so, nodes that were told are told, and nothing is lost when the process dies between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from acceptance.support import Refused, World, read_resource
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.events import EVENT_TYPES
from baybridge.journey.judged import Judged
from baybridge.node import tables
from baybridge.node.case_state import case_state
from baybridge.node.consequences import queue
from baybridge.node.corrections.making import commands_making
from baybridge.node.integrity import check
from baybridge.node.neighbours import witnessing
from baybridge.node.work import Work, carry_out

ASK = {"temperature": 39.0, "fever_attributable": True, "hypotension": "none", "oxygen_device": "none"}
COLD = {"temperature": 36.8, "hypotension": "fluids", "hypotension_attributable": True, "oxygen_device": "none"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.refer()
    made.accept()
    node = made.nodes["hk"]
    with node.unit() as unit:
        moment = unit.at - timedelta(hours=30)
        infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=moment, ended_at=moment, entire_volume=True)
        unit.append(made.case_id, [infused], made.actor("hk", Role.NURSE), known=len(unit.events(made.case_id)))
    return made


def assess(world: World, findings: dict[str, Any], hours_ago: float) -> str:
    done = world.do("hk", Role.NURSE, "Assess", findings=findings, assessed_at=(world.clock() - timedelta(hours=hours_ago)).isoformat())
    return str(done.events[0].event_id)


def void(world: World, event_id: str, **more: Any) -> Any:
    return world.do("hk", Role.PHYSICIAN, "CorrectEntry", **{"event_id": event_id, "action": "void", "reason": "wrong-patient", **more})


def crs(world: World, node: str = "hk") -> dict[str, Any]:
    return dict(state(world, node)["grades"]["crs-astct-2019"])


def state(world: World, node: str = "hk") -> dict[str, Any]:
    found = case_state(world.nodes[node], world.case_id)
    assert isinstance(found, dict)
    return found


def test_a_later_grade_that_rested_on_the_entry_is_made_again_at_its_place(world: World) -> None:
    first = assess(world, ASK, 6)
    world.do("hk", Role.NURSE, "GiveDrug", atc="L04AC07", name="tocilizumab", dose_mg=520, given_at=(world.clock() - timedelta(hours=4)).isoformat())
    assess(world, COLD, 1)
    before = crs(world)["current"]
    void(world, first)
    after = crs(world)
    assert before["grade_min"] >= 1 and after["current"]["grade"] == 0, "no fever stands any more, so there is no CRS"
    assert after["current"]["at"] == before["at"] and after["highest"]["grade"] == 0
    reopened = world.events("hk", ev.DecisionReopened)
    assert reopened and all(one.entry for one in reopened)
    with world.nodes["hk"].storage.reading() as connection:
        row = tables.decision.c
        found = connection.execute(select(row.sha256, row.superseded_by).where(row.sha256.in_([one.decision_sha256 for one in reopened])))
        made = {item.sha256: item.superseded_by for item in found}
        assert not {one.kind for one in queue.waiting(connection)} & {"made-again", "tell-entries"}
    assert made == {one.decision_sha256: one.new_decision_sha256 for one in reopened}
    assert not {task["step"] for task in state(world)["tasks"]} & {"reopened"}


def test_a_call_that_the_entry_raised_is_closed_and_holds_back_no_later_sign(world: World) -> None:
    """Raised, put right, seen for good, softened, gone: the node closes what nobody showed and calls for what somebody sees."""
    seen = {**ASK, "hypotension": "vasopressor", "vasopressors": 2}
    mistaken = assess(world, seen, 3)
    assert [call.state for call in world.case("hk").rapid_responses] == ["open"]
    void(world, mistaken)
    assert [call.state for call in world.case("hk").rapid_responses] == ["closed"] and state(world)["calls"] == []
    true = assess(world, seen, 2)
    assert [call["state"] for call in state(world)["calls"]] == ["open"]
    at = (world.clock() - timedelta(hours=2)).isoformat()
    for findings, states in (({**seen, "vasopressors": 1}, ["open"]), ({**COLD, "hypotension": "none", "vasopressors": 0, "vasopressin": False}, [])):
        done = world.do("hk", Role.PHYSICIAN, "CorrectEntry", event_id=true, action="replace", reason="wrong-value", given={"findings": findings, "assessed_at": at})
        true = next(item.event_id for item in done.events if isinstance(item.event, ev.AssessmentRecorded))
        assert [call["state"] for call in state(world)["calls"]] == states
    assert len(world.events("hk", ev.RapidResponseCalled)) == 2, "calls that went out stay in the history"


def test_the_running_call_goes_on_while_another_entry_carries_the_sign(world: World) -> None:
    """Entered twice: the first is struck, and the call with its clock goes on; the second too, and nobody is called any more."""
    seen = {**ASK, "hypotension": "vasopressor", "vasopressors": 1}
    first, second = assess(world, seen, 3), assess(world, {**seen, "temperature": 37.0}, 2)
    called = world.case("hk").open_rapid_response
    assert called is not None
    void(world, first, reason="entered-twice")
    assert [(call.call_id, call.state) for call in world.case("hk").rapid_responses] == [(called.call_id, "open")]
    void(world, second)
    assert [call.state for call in world.case("hk").rapid_responses] == ["closed"] and state(world)["calls"] == []


def test_an_answered_sign_of_before_keeps_no_mistaken_call_open(world: World) -> None:
    assess(world, {**ASK, "hypotension": "vasopressor", "vasopressors": 1}, 6)
    world.do("hk", Role.NURSE, "ArriveRapidResponse", arrived_at=world.clock().isoformat())
    mistaken = assess(world, {"seizure": "prolonged"}, 0)
    again = world.case("hk").open_rapid_response
    assert again is not None and "RR-VASOPRESSOR" not in again.fresh and "RR-SEIZURE" in again.fresh
    void(world, mistaken)
    assert [call.state for call in world.case("hk").rapid_responses] == ["arrived", "closed"]


def test_taking_back_the_close_of_a_call_joins_the_later_one(world: World) -> None:
    """Never two open calls: the older is open again, the later joins it, and whoever took the older has not taken this one."""
    seen = {**ASK, "hypotension": "vasopressor", "vasopressors": 1}
    assess(world, seen, 3)
    world.do("hk", Role.PHYSICIAN, "AcknowledgeCall")
    closing = world.do("hk", Role.PHYSICIAN, "CloseCall", reason="resolved", note="bolus", signs_stand=True)
    assess(world, {**seen, "seizure": "resolves_rapidly"}, 0)
    older, later = world.case("hk").rapid_responses
    void(world, closing.events[0].event_id, reason="did-not-happen")
    (call,) = world.case("hk").rapid_responses
    assert (call.call_id, call.joined, call.state) == (older.call_id, (later.call_id,), "open")
    assert {"RR-VASOPRESSOR", "RR-SEIZURE"} <= set(call.codes)
    assert [one["call_id"] for one in state(world)["calls"]] == [older.call_id]
    world.do("hk", Role.NURSE, "ArriveRapidResponse", arrived_at=world.clock().isoformat(), call_id=later.call_id)
    assert [one.state for one in world.case("hk").rapid_responses] == ["arrived"]
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.PHYSICIAN, "AcknowledgeCall", call_id="of-another-patient")
    assert refused.value.codes == ["bedside.call.unknown"]


def test_the_old_answer_is_still_given_for_what_was_known_then(world: World) -> None:
    assess(world, COLD, 6)
    event_id = assess(world, ASK, 1)
    known = world.clock()
    before = case_state(world.nodes["hk"], world.case_id, known_at=known)
    void(world, event_id)
    assert case_state(world.nodes["hk"], world.case_id, known_at=known) == before
    assert state(world)["grades"] != before["grades"]  # type: ignore[index]


def test_struck_entries_read_as_entered_in_error_and_the_replacement_stands(world: World) -> None:
    event_id = assess(world, ASK, 2)
    assert read_resource(world.nodes["hk"], f"Observation/{event_id}")["status"] == "final"
    at = (world.clock() - timedelta(hours=2)).isoformat()
    given = {"findings": {**ASK, "temperature": 38.1}, "assessed_at": at}
    done = world.do("hk", Role.PHYSICIAN, "CorrectEntry", event_id=event_id, action="replace", reason="wrong-value", given=given)
    struck = read_resource(world.nodes["hk"], f"Observation/{event_id}")
    assert struck["status"] == "entered-in-error"
    assert {"system": "urn:baybridge:correction", "code": "entered-in-error"} in struck["meta"]["tag"]
    instead = next(item.event.replaced_by for item in done.events if isinstance(item.event, ev.EntryCorrected) and item.event.event_id == event_id)
    found = [read_resource(world.nodes["hk"], f"Observation/{instead}{suffix}") for suffix in ("", "-1", "-2", "-3")]
    assert {one["status"] for one in found} == {"final"}
    assert 38.1 in {float(one.get("valueQuantity", {}).get("value", 0)) for one in found}


def test_a_death_that_is_taken_back_opens_the_case_again_in_fhir_too(world: World) -> None:
    node, actor = world.nodes["hk"], world.actor("hk", Role.PHYSICIAN)
    with node.unit() as unit:
        died = carry_out(node, unit, Work(world.case_id, actor, Judged((ev.Died(died_on=unit.at.date(), cause="unknown"),)), len(unit.events(world.case_id))))
    assert state(world)["dead"] and read_resource(node, f"EpisodeOfCare/{world.case_id}")["status"] == "finished"
    with node.unit() as unit:
        correction = ev.EntryCorrected(event_id=died.events[0].event_id, action="void", reason="did-not-happen")
        carry_out(node, unit, Work(world.case_id, actor, Judged((correction,)), len(unit.events(world.case_id))))
    assert not state(world)["dead"] and read_resource(node, f"EpisodeOfCare/{world.case_id}")["status"] == "active"


def test_whoever_was_told_is_told_and_shows_it(world: World) -> None:
    assess(world, COLD, 8)
    event_id = assess(world, ASK, 2)
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    world.deliver("hk")
    assert crs(world, "mo")["current"]["grade_min"] == 1
    void(world, event_id, note="words for the own staff")
    world.deliver("hk")
    assert crs(world, "mo") == crs(world, "hk")
    struck = world.case("mo").struck
    assert {one.by.event.note for one in struck} == {""} and all(one.by.origin.told for one in struck)
    assert read_resource(world.nodes["mo"], f"Observation/{event_id}")["status"] == "entered-in-error"
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver()
    assert crs(world, "mo") == crs(world, "hk"), "what comes back to its teller is no news"


def test_who_brought_an_entry_corrects_it(world: World) -> None:
    event_id = assess(world, ASK, 2)
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    world.deliver("hk")
    with pytest.raises(Refused) as refused:
        world.do("mo", Role.PHYSICIAN, "CorrectEntry", event_id=event_id, action="void", reason="wrong-value")
    assert refused.value.codes == ["correction.elsewhere"]


def test_without_consent_the_correction_goes_and_its_content_does_not(world: World) -> None:
    event_id = assess(world, ASK, 2)
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    world.deliver("hk")
    for consent in world.case("mo").consents:
        if consent.kind in ("sensitive", "cross_border"):
            world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    world.deliver()
    at = (world.clock() - timedelta(hours=2)).isoformat()
    world.do("hk", Role.PHYSICIAN, "CorrectEntry", event_id=event_id, action="replace", reason="wrong-value", given={"findings": COLD, "assessed_at": at})
    world.deliver()
    struck = {one.entry.origin.event_id for one in world.case("mo").struck}
    assert event_id in struck
    assert not [one for one in world.case("mo").assessments if one.event.findings == tuple(sorted(COLD.items()))]


def test_corrections_keep_the_ledger_sound(world: World) -> None:
    first = assess(world, ASK, 6)
    world.do("hk", Role.NURSE, "GiveDrug", atc="L04AC07", name="tocilizumab", dose_mg=520, given_at=(world.clock() - timedelta(hours=4)).isoformat())
    assess(world, COLD, 1)
    void(world, first)
    witnessing.sign_checkpoint(world.nodes["hk"])
    assert not check.check_stored(world.nodes["hk"].config).findings


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"event_id": "nowhere"}, ["correction.unknown"]),
        ({"action": "replace"}, ["correction.no_input"]),
        ({"given": {"x": 1}}, ["correction.void_with_input"]),
        ({"reason": "other"}, ["correction.no_note"]),
        ({"reason": "other", "note": "  "}, ["correction.no_note"]),
        ({"action": "replace", "given": {"findings": {}, "assessed_at": "2026-03-02T08:59:00+08:00"}}, ["bedside.assess.nothing_found"]),
        ({"action": "replace", "given": {"what": 1}}, ["command.unknown_field", "command.missing_field", "command.missing_field"]),
    ],
)
def test_what_is_wrong_is_said(world: World, given: dict[str, Any], codes: list[str]) -> None:
    event_id = assess(world, ASK, 2)
    before = world.events("hk")
    with pytest.raises(Refused) as refused:
        void(world, **{"event_id": event_id, **given})
    assert refused.value.codes == codes
    assert world.events("hk") == before


def test_who_may(world: World) -> None:
    event_id = assess(world, ASK, 2)
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.COORDINATOR, "CorrectEntry", event_id=event_id, action="void", reason="wrong-value")
    assert refused.value.codes == ["correction.not_yours"]
    graded = next(item.event_id for item in world.nodes["hk"].events(world.case_id) if isinstance(item.event, ev.GradeAssessed))
    consent = next(item.event_id for item in world.nodes["mo"].events(world.case_id) if isinstance(item.event, ev.ConsentRecorded))
    for node, wrong, code in (("hk", graded, "correction.computed"), ("mo", consent, "correction.own_undo")):
        with pytest.raises(Refused) as refused:
            world.do(node, Role.PHYSICIAN, "CorrectEntry", event_id=wrong, action="void", reason="wrong-value")
        assert refused.value.codes == [code]
    world.do("hk", Role.NURSE, "CorrectEntry", event_id=event_id, action="void", reason="entered-twice")
    with pytest.raises(Refused) as refused:
        void(world, event_id)
    assert refused.value.codes == ["correction.already"]


def test_every_event_that_a_person_enters_is_known_to_the_rule() -> None:
    entered = {kind for kind in EVENT_TYPES.values() if commands_making(kind)}
    assert len(entered) > 50
