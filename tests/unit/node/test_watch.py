"""The watch: what is seen calls the team, whatever door it comes by; one open call a case; what joins it and what calls again; who is told, when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import Told
from baybridge.journey.stored import event_as_json
from baybridge.node import handle
from baybridge.node.case_state import case_state
from baybridge.node.consequences import queue
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.intake.importing import import_upload
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.projections import open_tasks
from baybridge.node.watch import leaving, roster, signs, watching
from baybridge.record.store import store
from watch_world import CASE, PATIENT, Ward

PRESSOR = {"hypotension": "vasopressor", "vasopressors": 1}


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path / "hk")


def named(events: list[Any], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def open_codes(ward: Ward) -> tuple[str, ...]:
    call = ward.case.open_rapid_response
    return call.codes if call else ()


# --- what calls -----------------------------------------------------------------------------------------------------------


def test_a_well_patient_calls_nobody(ward: Ward) -> None:
    assert named(ward.assess(), ev.RapidResponseCalled) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (PRESSOR, "RR-VASOPRESSOR"),
        ({"vasopressin": True, "hypotension": None, "vasopressors": None}, "RR-VASOPRESSOR"),
        ({"oxygen_device": "intubated", "oxygen_reason": None}, "RR-OXYGEN"),
        ({"oxygen_device": "nasal_cannula", "oxygen_flow": 8}, "RR-OXYGEN"),
        ({"oxygen_saturation": 89}, "RR-SATURATION"),
        ({"seizure": "resolves_rapidly"}, "RR-SEIZURE"),
        ({"arousal": "tactile"}, "RR-AROUSAL"),
        ({"raised_icp_sign": True}, "RR-ICP"),
        ({"deep_focal_motor_weakness": True}, "RR-MOTOR"),
        ({"iec_hs_grade": 3}, "RR-IECHS"),
    ],
)
def test_each_sign_calls_in_the_transaction_of_the_assessment(ward: Ward, changes: dict[str, Any], code: str) -> None:
    events = ward.assess(**changes)
    (call,) = named(events, ev.RapidResponseCalled)
    assert code in call.codes
    assert [event.step for event in named(events, ev.CallNotified)] == ["first"]


def test_attribution_left_blank_or_denied_silences_no_sign(ward: Ward) -> None:
    blank = ("fever_attributable", "hypotension_attributable", "hypoxia_attributable")
    (call,) = named(ward.assess(blank=blank, temperature=39.2, hypotension="vasopressor", vasopressors=2), ev.RapidResponseCalled)
    assert call.codes == ("RR-VASOPRESSOR",)
    denied = dict.fromkeys(blank, False)
    (added,) = named(ward.assess(**denied, **PRESSOR, oxygen_device="intubated"), ev.SignAdded)
    assert added.codes == ("RR-OXYGEN",)


def test_a_fall_of_the_ice_score_calls_by_what_came_before(ward: Ward) -> None:
    ward.assess(ice_score=10)
    ward.now += timedelta(hours=5)
    (call,) = named(ward.assess(ice_score=7), ev.RapidResponseCalled)
    assert call.codes == ("RR-ICE-FALL",)


def test_capd_calls_in_a_child(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "hk", birth_date="2019-04-09")
    (call,) = named(ward.assess(blank=("ice_score",), capd_score=9), ev.RapidResponseCalled)
    assert {"RR-CAPD", "RR-ICANS"} <= set(call.codes)


def test_an_observation_through_fhir_calls_within_one_round(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 84)
    ward.round()
    assert open_codes(ward) == ("RR-SATURATION",)


@pytest.mark.parametrize(
    ("fact", "value", "code"),
    [("oxygen_saturation", 84, "RR-SATURATION"), ("ice_score", 2, "RR-ICANS"), ("ice_score", 6, "RR-ICE-FALL"), ("seizure", "prolonged", "RR-SEIZURE")],
)
def test_no_number_of_quiet_moments_that_come_with_it_hides_a_sign(ward: Ward, fact: str, value: Any, code: str) -> None:
    ward.assess(ago=timedelta(hours=12))
    quiet = [("oxygen_saturation", 97, timedelta(minutes=minutes)) for minutes in range(80)]
    ward.observe_all([(fact, value, timedelta(minutes=90)), *quiet, ("ice_score", 10, timedelta(minutes=80))])
    ward.round()
    assert code in open_codes(ward)


def test_a_sign_that_lasts_hides_no_earlier_one(ward: Ward) -> None:
    low = [("oxygen_saturation", 84, timedelta(minutes=minutes)) for minutes in range(80)]
    ward.observe_all([("vasopressors", 1, timedelta(minutes=95)), ("vasopressors", 0, timedelta(minutes=90)), *low])
    ward.round()
    assert {"RR-VASOPRESSOR", "RR-SATURATION"} <= set(open_codes(ward))


def test_quiet_moments_call_nobody_however_many(ward: Ward) -> None:
    ward.observe_all([("oxygen_saturation", 97, timedelta(minutes=minutes)) for minutes in range(200)])
    ward.round()
    assert ward.calls == ()


def test_an_imported_file_calls_within_one_round(ward: Ward) -> None:
    line = (
        '{"resourceType":"Observation","id":"s","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"59408-5"}]},'
        f'"subject":{{"reference":"Patient/{PATIENT}"}},"effectiveDateTime":"{ward.now.isoformat()}",'
        '"valueQuantity":{"value":80,"system":"http://unitsofmeasure.org","code":"%"}}'
    )
    patient = f'{{"resourceType":"Patient","id":"{PATIENT}","birthDate":"1968-04-09","name":[{{"family":"Chan"}}]}}'
    done = import_upload(ward.node, ward.node.system(), "watch.ndjson", f"{patient}\n{line}\n".encode())
    assert not isinstance(done, Refusal)
    ward.round()
    assert open_codes(ward) == ("RR-SATURATION",)


def test_what_another_node_tells_calls_within_one_round(ward: Ward) -> None:
    event = {"type": "AssessmentRecorded", "assessed_at": ward.now.isoformat(), "findings": [["seizure", "prolonged"]]}
    told = Told(event_id="mo-1", node="mo", actor="n", role="nurse", at=ward.now, recorded_at=ward.now, event=event)
    package = ev.PackageReceived(package_id="p", from_node="mo", purpose="SHARED_WATCH", route="R0", content_sha256="0" * 64, resources=0, told=(told,))
    with ward.node.unit() as unit:
        unit.append(CASE, [package], ward.node.system(), known=len(unit.events(CASE)))
    ward.round()
    assert "RR-SEIZURE" in open_codes(ward)


def test_what_a_person_confirms_calls_as_well(ward: Ward) -> None:
    ward.assess(temperature=39.0)
    answer = ward.give("ConfirmGrade", Role.PHYSICIAN, scale="crs-astct-2019", grade=3, reason="one vasopressor was begun")
    assert not isinstance(answer, Refusal)
    assert open_codes(ward) == ("RR-CRS",)


def test_a_late_entry_calls_as_late_though_a_newer_one_is_well(ward: Ward) -> None:
    ward.assess()
    (call,) = named(ward.assess(ago=timedelta(hours=3), **PRESSOR), ev.RapidResponseCalled)
    assert call.late
    assert call.seen_at == ward.now - timedelta(hours=3)


def test_a_monitor_whose_clock_runs_ahead_calls_at_once(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 80, ago=-timedelta(minutes=7))
    ward.round()
    assert open_codes(ward) == ("RR-SATURATION",)


def untimed(ward: Ward, value: int, **times: str) -> None:
    """A saturation whose time is missing, or as given."""
    done = filed(ward, value, **times)
    assert not isinstance(done, Refusal), done
    ward.round()


def filed(ward: Ward, value: int, code: str = "59408-5", system: str = "http://loinc.org", unit: str = "%", **times: str) -> Any:
    resource = {
        "resourceType": "Observation", "id": "u-1", "status": "final", "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": system, "code": code}]},
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}, **times,
    }  # fmt: skip
    return write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", "u-1", resource)])


LOCAL = {"system": "urn:baybridge:observation", "unit": "{score}"}


@pytest.mark.parametrize("times", [{}, {"effectiveDateTime": "2026-06-02T08:00:00Z"}])
@pytest.mark.parametrize(
    ("value", "more"), [(-5, {}), (392, {"code": "8310-5", "unit": "Cel"}), (25, {"code": "ice-score", **LOCAL}), (5, {"code": "ice-orientation", **LOCAL})]
)
def test_a_finding_that_cannot_be_is_refused_through_fhir_as_when_typed(ward: Ward, value: int, more: dict[str, str], times: dict[str, str]) -> None:
    done = filed(ward, value, **more, **times)
    assert isinstance(done, Refusal) and [reason.code for reason in done.reasons] == ["journey.value.implausible"]


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"effectiveDateTime": "2036-01-01T00:00:00Z"},
        {"effectiveDateTime": "1800-01-01T00:00:00Z"},
        {"effectivePeriod": {"start": "2036-01-01T00:00:00Z", "end": "2036-01-01T01:00:00Z"}},
    ],
)
def test_a_sign_whose_time_is_missing_or_cannot_be_calls_as_of_when_it_came(ward: Ward, times: dict[str, Any]) -> None:
    untimed(ward, 80, **times)
    assert open_codes(ward) == ("RR-SATURATION",)
    ward.wait(days=2)
    assert len(ward.calls) == 1


def test_a_sign_dated_by_the_clock_of_another_zone_calls_at_once(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 80, ago=-timedelta(hours=8))
    ward.round()
    assert open_codes(ward) == ("RR-SATURATION",)
    arrive(ward)
    ward.wait(hours=9)
    ward.assess(blank=("oxygen_saturation",))
    assert len(ward.calls) == 1, "it called once, and not again when the time that it named has come"


def test_an_untimed_value_that_is_well_calls_nobody(ward: Ward) -> None:
    untimed(ward, 97)
    assert ward.calls == ()


def test_what_another_node_dated_ahead_calls_at_once(ward: Ward) -> None:
    at = ward.now + timedelta(hours=8)
    event = {"type": "AssessmentRecorded", "assessed_at": at.isoformat(), "findings": [["seizure", "prolonged"]]}
    told = Told(event_id="mo-1", node="mo", actor="n", role="nurse", at=ward.now, recorded_at=ward.now, event=event)
    package = ev.PackageReceived(package_id="p", from_node="mo", purpose="SHARED_WATCH", route="R0", content_sha256="0" * 64, resources=0, told=(told,))
    with ward.node.unit() as unit:
        unit.append(CASE, [package], ward.node.system(), known=len(unit.events(CASE)))
    ward.round()
    assert "RR-SEIZURE" in open_codes(ward)


def test_history_calls_nobody(ward: Ward) -> None:
    assert named(ward.assess(ago=timedelta(hours=30), **PRESSOR), ev.RapidResponseCalled) == []
    ward.observe("oxygen_saturation", 80, ago=timedelta(hours=30))
    ward.round()
    assert ward.calls == ()


# --- one open call, and what calls again ----------------------------------------------------------------------------------------


def test_the_same_sign_while_the_call_is_open_makes_no_second_call(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    ward.assess(**PRESSOR)
    ward.observe("vasopressors", 1)
    ward.round()
    assert len(ward.calls) == 1
    assert "SignAdded" not in ward.names()


def test_a_further_sign_joins_the_open_call(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    (added,) = named(ward.assess(**PRESSOR, seizure="prolonged"), ev.SignAdded)
    assert "RR-SEIZURE" in added.codes
    assert len(ward.calls) == 1


def test_a_sign_that_rose_joins_the_open_call(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    (added,) = named(ward.assess(hypotension="vasopressor", vasopressors=2), ev.SignAdded)
    assert dict(added.levels)["RR-VASOPRESSOR"] == 2


def arrive(ward: Ward) -> None:
    ward.now += timedelta(minutes=6)
    assert not isinstance(ward.give("ArriveRapidResponse", arrived_at=ward.now.isoformat()), Refusal)


def test_after_arrival_the_same_sign_calls_nobody(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    arrive(ward)
    ward.assess(**PRESSOR)
    assert len(ward.calls) == 1


def test_after_arrival_a_sign_that_was_absent_between_calls_again(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    arrive(ward)
    ward.assess()
    ward.assess(**PRESSOR)
    assert len(ward.calls) == 2


def test_what_was_not_looked_for_between_was_not_absent(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    arrive(ward)
    ward.now += timedelta(hours=13)  # nothing of before is current any more
    ward.assess(blank=("hypotension", "vasopressors", "vasopressin", "hypotension_attributable"))
    assert "SignsAbsent" not in ward.names()
    ward.assess(**PRESSOR)
    assert len(ward.calls) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PRESSOR, PRESSOR | {"vasopressors": 2}),
        ({"oxygen_device": "face_mask", "oxygen_reason": "hypoxia"}, {"oxygen_device": "cpap", "oxygen_reason": "hypoxia"}),
        ({"arousal": "tactile"}, {"arousal": "unarousable"}),
    ],
)
def test_after_arrival_a_sign_that_rose_calls_again(ward: Ward, before: dict[str, Any], after: dict[str, Any]) -> None:
    ward.assess(**before)
    arrive(ward)
    ward.assess(**after)
    assert len(ward.calls) == 2
    ward.assess(**after)
    assert len(ward.calls) == 2


def test_after_arrival_another_sign_calls(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    arrive(ward)
    (call,) = named(ward.assess(**PRESSOR, seizure="resolves_rapidly"), ev.RapidResponseCalled)
    assert "RR-SEIZURE" in call.codes


def test_a_late_entry_of_a_sign_that_was_called_since_calls_nobody(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    arrive(ward)
    ward.assess()
    ward.assess(ago=timedelta(minutes=30), **PRESSOR)
    assert len(ward.calls) == 1


def test_an_incomplete_round_closes_nothing(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    ward.now += timedelta(hours=13)
    ward.assess(blank=tuple(name for name in ("hypotension", "vasopressors", "vasopressin", "seizure", "arousal", "oxygen_device")))
    assert ward.case.open_rapid_response is not None


def test_a_call_ends_by_a_physicians_word_with_its_reason(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    refused = ward.give("CloseCall", Role.PHYSICIAN, reason="other-treatment")
    assert [reason.code for reason in refused.reasons] == ["bedside.call.signs_stand", "bedside.call.no_note"]
    close(ward)
    assert ward.case.open_rapid_response is None
    assert ward.calls[-1].state == "closed"
    assert isinstance(ward.give("AcknowledgeCall", Role.PHYSICIAN), Refusal)


def close(ward: Ward, **more: Any) -> None:
    given = {"reason": "resolved", "note": "bolus given, pressure holds", "signs_stand": True, **more}
    assert not isinstance(ward.give("CloseCall", Role.PHYSICIAN, **given), Refusal)


def test_closing_asks_while_a_sign_stands_and_for_a_note(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    refused = ward.give("CloseCall", Role.PHYSICIAN, reason="raised-on-corrected-entry", note="not this patient's")
    assert [(reason.code, reason.values) for reason in refused.reasons] == [("bedside.call.signs_stand", {"codes": "RR-VASOPRESSOR"})]
    refused = ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", signs_stand=True)
    assert [reason.code for reason in refused.reasons] == ["bedside.call.no_resolution"]
    ward.assess()
    assert [reason.code for reason in ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note=" ").reasons] == ["bedside.call.no_resolution"]
    close(ward, signs_stand=False)


def test_a_call_of_a_late_look_asks_until_somebody_looked(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    refused = ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="fine")
    assert [reason.code for reason in refused.reasons] == ["bedside.call.signs_stand"]


@pytest.mark.parametrize("reason", ["resolved", "raised-on-corrected-entry", "other-treatment"])
def test_after_closing_without_the_team_the_next_entry_with_the_sign_calls_again(ward: Ward, reason: str) -> None:
    ward.observe("oxygen_saturation", 82)
    ward.round()
    close(ward, reason=reason)
    ward.observe("heart_rate", 90)
    ward.round()
    assert len(ward.calls) == 1, "nothing was found of the sign since"
    ward.observe("oxygen_saturation", 82)
    ward.round()
    assert [call.state for call in ward.calls] == ["closed", "open"]
    ward.wait(minutes=6)
    assert [step for step, _ in steps(ward)] == ["first", "next"], "the new call has its own clock"


def test_after_closing_an_assessment_of_a_moment_ago_calls_again(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    close(ward)
    ward.assess(**PRESSOR, ago=timedelta(seconds=2))
    assert [call.state for call in ward.calls] == ["closed", "open"]


def test_after_closing_and_arrival_the_sign_is_held_back_again(ward: Ward) -> None:
    ward.assess(**PRESSOR)
    close(ward)
    ward.assess(**PRESSOR)
    arrive(ward)
    ward.assess(**PRESSOR)
    assert [call.state for call in ward.calls] == ["closed", "arrived"]


@pytest.mark.parametrize(("then", "again"), [(82, False), (80, True), (60, True)])
def test_after_arrival_a_saturation_that_fell_further_calls_again(ward: Ward, then: int, again: bool) -> None:
    ward.observe("oxygen_saturation", 85)
    ward.round()
    arrive(ward)
    ward.observe("oxygen_saturation", then)
    ward.round()
    assert len(ward.calls) == 1 + again


def test_every_sign_of_the_policy_names_the_findings_that_show_it(ward: Ward) -> None:
    policy = ward.node.policies.get("rapid-response", ward.now.date())
    assert {finding.code for finding in policy.body.findings} == signs.SHOWN_BY.keys()
    assert {name for names in signs.SHOWN_BY.values() for name in names} <= ward.node.dictionary.facts.keys()


def test_a_command_again_answers_the_same_call(ward: Ward) -> None:
    given = {"findings": PRESSOR, "assessed_at": ward.now.isoformat()}
    command = Command("Assess", CASE, given, Actor("n", Role.NURSE, ward.node.site.organisation), "same")
    first, again = handle.handle(ward.node, command), handle.handle(ward.node, command)
    assert [item.event_id for item in first.events] == [item.event_id for item in again.events]
    assert named([item.event for item in again.events], ev.RapidResponseCalled)


# --- nobody looked ---------------------------------------------------------------------------------------------------------------

UNKNOWN = ("seizure", "arousal", "deep_focal_motor_weakness", "raised_icp_sign", "cerebral_edema")


def test_a_grade_that_may_be_high_calls_when_nobody_looked_in_time(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=14)
    assert ward.calls == ()
    ward.wait(minutes=2)
    assert open_codes(ward) == ("RR-LATE",)
    ward.wait(minutes=1)
    assert len(ward.calls) == 1


def test_who_looks_in_time_calls_nobody(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=10)
    ward.assess()
    ward.wait(minutes=30)
    assert ward.calls == ()


def test_after_a_late_call_was_closed_the_next_round_that_leaves_such_a_grade_counts_again(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    close(ward)
    ward.wait(minutes=40)
    assert len(ward.calls) == 1
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    assert [call.state for call in ward.calls] == ["closed", "open"]


def test_after_a_late_call_the_next_one_waits_for_a_complete_round(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    arrive(ward)
    ward.wait(minutes=40)
    assert len(ward.calls) == 1
    ward.assess()
    ward.now += timedelta(hours=13)
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    assert len(ward.calls) == 2


# --- who is told, and when -----------------------------------------------------------------------------------------------------


def set_duty(ward: Ward, *accounts: str, **more: Any) -> None:
    span = {"from": (ward.now - timedelta(hours=1)).isoformat(), "until": (ward.now + timedelta(days=1)).isoformat()}
    rows = [{"specialty": "haematology", "account": name, "order": place, **span, **more} for place, name in enumerate(accounts, start=1)]
    with ward.node.unit() as unit:
        read = roster.read_roster(rows, roster.active_accounts(unit.connection))
        assert not isinstance(read, Refusal), read
        roster.set_roster(unit, read, ward.node.system())


def steps(ward: Ward) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.event.step, one.event.accounts) for one in ward.calls[-1].notified]


@pytest.fixture
def staffed(ward: Ward) -> Ward:
    for name in ("anna", "bo", "chi", "dan"):
        ward.account(name)
    ward.account("nurse1", Role.NURSE)
    set_duty(ward, "anna", "bo", "chi")
    return ward


def test_unanswered_the_call_climbs_step_by_step(staffed: Ward) -> None:
    staffed.assess(**PRESSOR)
    assert steps(staffed) == [("first", ("anna",))]
    staffed.wait(minutes=5)
    assert steps(staffed)[1:] == [("next", ("bo",))]
    staffed.wait(minutes=5)
    assert steps(staffed)[2:] == [("all", ("anna", "bo", "chi"))]
    staffed.wait(minutes=5)
    assert steps(staffed)[3:] == [("programme_director", ("anna", "bo", "chi", "dan"))]
    assert staffed.names().count("CallEscalated") == 3
    staffed.wait(hours=2)
    assert len(steps(staffed)) == 4


def test_acknowledging_stops_all_but_the_last_step(staffed: Ward) -> None:
    staffed.assess(**PRESSOR)
    assert not isinstance(staffed.give("AcknowledgeCall", Role.PHYSICIAN, "anna"), Refusal)
    staffed.wait(minutes=12)
    assert [step for step, _ in steps(staffed)] == ["first"]
    staffed.wait(minutes=4)
    assert [step for step, _ in steps(staffed)] == ["first", "programme_director"]


def test_arrival_stops_every_step(staffed: Ward) -> None:
    staffed.assess(**PRESSOR)
    arrive(staffed)
    staffed.wait(hours=1)
    assert [step for step, _ in steps(staffed)] == ["first"]


def test_nobody_on_duty_reaches_every_physician_and_is_a_problem(ward: Ward) -> None:
    ward.account("anna")
    ward.account("bo")
    ward.account("n", Role.NURSE)
    (told,) = named(ward.assess(**PRESSOR), ev.CallNotified)
    assert (told.accounts, told.nobody_on_duty) == (("anna", "bo"), True)
    with ward.node.storage.reading() as connection:
        problems = [reason.code for reason in roster.problems(connection, ward.node.escalation, ward.now)]
    assert problems == ["roster.nobody_on_duty", "roster.no_director"]


def test_the_clock_goes_on_after_a_kill(staffed: Ward) -> None:
    staffed.assess(**PRESSOR)
    staffed.restart()
    staffed.wait(minutes=6)
    assert [step for step, _ in steps(staffed)] == ["first", "next"]
    staffed.restart()
    staffed.wait(minutes=30)
    assert [step for step, _ in steps(staffed)] == ["first", "next", "all", "programme_director"]
    with staffed.node.storage.reading() as connection:
        assert queue.waiting(connection, kind="alarm-clock") == []


def test_messages_that_cannot_leave_hold_up_nothing_and_leave_later(staffed: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        channel = "file"

        def send(self, message: dict[str, Any]) -> None:
            raise OSError("no way out")

    with monkeypatch.context() as patched:
        patched.setattr(leaving, "adapter", lambda node: Broken())
        staffed.assess(**PRESSOR)
        staffed.wait(minutes=5)
        assert [step for step, _ in steps(staffed)] == ["first", "next"]
        assert not (staffed.folder / "would-be-sent").exists()
    staffed.wait(minutes=6)
    files = sorted((staffed.folder / "would-be-sent").glob("*.json"))
    assert len(files) == 3
    assert "Chan" not in "".join(file.read_text() for file in files)
    staffed.round()
    assert sorted((staffed.folder / "would-be-sent").glob("*.json")) == files


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"account": "nobody"}, "roster.account"),
        ({"specialty": "surgery"}, "roster.specialty"),
        ({"until": "2020-01-01T00:00:00Z"}, "roster.times"),
        ({"order": "one"}, "roster.order"),
        ({"phone": "1"}, "roster.unknown_key"),
        ({"deputy": "nobody"}, "roster.account"),
    ],
)
def test_a_roster_that_cannot_be_is_refused(staffed: Ward, row: dict[str, Any], code: str) -> None:
    good = {"specialty": "haematology", "account": "anna", "from": "2026-01-01T00:00:00Z", "until": "2026-12-31T00:00:00Z", "order": 1, "deputy": None}
    with staffed.node.storage.reading() as connection:
        read = roster.read_roster([good | row], roster.active_accounts(connection))
    assert isinstance(read, Refusal)
    assert [reason.code for reason in read.reasons] == [code]


def test_a_look_that_fails_is_tried_again(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: Any, **_more: Any) -> Any:
        raise RuntimeError("defect")

    with monkeypatch.context() as patched:
        patched.setattr(watching.signs, "look", broken)
        ward.observe("oxygen_saturation", 84)
        ward.round()
        assert ward.calls == ()
    ward.wait(seconds=30)
    assert open_codes(ward) == ("RR-SATURATION",)


def test_the_state_of_a_case_names_whoever_was_told_as_they_sign_in(staffed: Ward) -> None:
    staffed.assess(**PRESSOR)
    state = case_state(staffed.node, CASE)
    assert not isinstance(state, Refusal)
    assert [step["to"] for call in state["calls"] for step in call["steps"]] == [["anna"]]


@pytest.mark.parametrize(("findings", "watched"), [({}, False), ({"ice_score": 8}, True), (PRESSOR, True)])
def test_whoever_went_home_is_looked_at_again_from_grade_1_or_with_an_open_call(ward: Ward, findings: dict[str, Any], watched: bool) -> None:
    today = ward.now.date()
    left = ev.Discharged(discharged_on=today, stay_near_until=today + timedelta(days=28))
    with ward.node.unit() as unit:
        unit.append(CASE, [left], Actor("p", Role.PHYSICIAN, ward.node.site.organisation), known=len(unit.events(CASE)))
    ward.now += timedelta(minutes=5)
    ward.assess(**findings)
    with ward.node.storage.reading() as connection:
        steps = {task.step for task in open_tasks(ward.node, connection, ward.case, ward.now)}
    assert ("monitor" in steps) is watched and ("monitor_ice" in steps) is watched


def test_a_call_because_nobody_looked_is_closed_with_the_assessment_that_asked_for_it(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=16)
    assert open_codes(ward) == ("RR-LATE",)
    entered = ward.case.assessments[-1].origin.event_id
    assert not isinstance(ward.give("CorrectEntry", Role.PHYSICIAN, event_id=entered, action="void", reason="wrong-patient"), Refusal)
    ward.round()
    assert [(call.state, call.mistaken) for call in ward.calls] == [("closed", True)]


def test_a_call_because_nobody_looked_stays_while_another_grade_asked_for_it(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.now += timedelta(minutes=5)
    ward.assess(blank=UNKNOWN, temperature=37.1)
    ward.wait(minutes=16)
    entered = ward.case.assessments[-1].origin.event_id
    assert not isinstance(ward.give("CorrectEntry", Role.PHYSICIAN, event_id=entered, action="void", reason="wrong-patient"), Refusal)
    ward.round()
    assert open_codes(ward) == ("RR-LATE",)


# --- the product fails after it was given ------------------------------------------------------------------------------------


def late_result(ward: Ward, *, failed: bool) -> None:
    """The plant tells of a result that came after the release."""
    names = ("sterility_negative",) if failed else ()
    event = ev.LateResultRecorded(
        batch="batch-1", results=(("sterility_negative", str(not failed).lower(), "-"),), outcome="outside" if failed else "within",
        failed=names, critical=failed, decision_sha256="0" * 64,
    )  # fmt: skip
    ward.now += timedelta(seconds=1)
    told = Told(
        event_id=f"late-{failed}", node="sh", at=ward.now, recorded_at=ward.now, actor="laboratory.sh", role="laboratory", event=event_as_json(event)
    )
    package = ev.PackageReceived(
        package_id=f"p-{failed}", from_node="sh", purpose="COI_LOGISTICS", route="R0", content_sha256="0" * 64, resources=0, told=(told,)
    )
    with ward.node.unit() as unit:
        unit.append(CASE, [package], ward.node.system(), known=len(unit.events(CASE)))
    ward.round()


def test_a_product_that_fails_after_it_was_given_calls_a_physician_at_once_and_once(ward: Ward) -> None:
    late_result(ward, failed=False)
    assert ward.calls == ()
    late_result(ward, failed=True)
    assert open_codes(ward) == ("RR-PRODUCT",)
    assert "CallNotified" in ward.names()
    close(ward)
    ward.assess()
    ward.wait(minutes=30)
    assert len(ward.calls) == 1, "a physician has answered for this result"
# --- answers that make less of a finding belong to their look ------------------------------------------------------------------

#: What somebody answered hours ago, when nothing was wrong.
EXPLAINED = {"oxygen_device": "nasal_cannula", "oxygen_flow": 2, "oxygen_reason": "comfort", "sedated": True}
NOT_ANSWERED = ("oxygen_reason", "sedated")


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"oxygen_device": "intubated", "oxygen_flow": None}, "RR-OXYGEN"), ({"oxygen_device": "cpap"}, "RR-OXYGEN"), ({"arousal": "unarousable"}, "RR-AROUSAL")],
)
def test_an_answer_of_an_earlier_look_silences_no_sign_of_this_one(ward: Ward, changes: dict[str, Any], code: str) -> None:
    ward.assess(**EXPLAINED)
    ward.wait(hours=4)
    ward.assess(blank=NOT_ANSWERED, **changes)
    assert code in open_codes(ward)


@pytest.mark.parametrize(("fact", "value", "code"), [("oxygen_device", "bipap", "RR-OXYGEN"), ("arousal", "tactile", "RR-AROUSAL")])
def test_an_answer_of_an_earlier_look_silences_no_sign_that_a_monitor_sends(ward: Ward, fact: str, value: str, code: str) -> None:
    ward.assess(**EXPLAINED)
    ward.wait(hours=4)
    ward.observe(fact, value)
    ward.round()
    assert code in open_codes(ward)


def test_an_answer_of_the_same_look_holds(ward: Ward) -> None:
    ward.assess(oxygen_device="cpap", oxygen_reason="home_therapy", sedated=True, arousal="tactile")
    ward.wait(minutes=5)
    assert ward.calls == ()


@pytest.mark.parametrize(
    ("earlier", "later", "most"),
    [
        ({"fever_attributable": False}, {"temperature": 39.2}, 1),
        ({"temperature": 39.0, "hypotension_attributable": False}, {"temperature": 39.0, "hypotension": "fluids"}, 2),
        ({"oxygen_device": "nasal_cannula", "oxygen_flow": 0}, {"temperature": 39.0, "oxygen_device": "nasal_cannula", "oxygen_reason": "hypoxia"}, 3),
    ],
)
def test_an_answer_of_an_earlier_look_lowers_no_grade(ward: Ward, earlier: dict[str, Any], later: dict[str, Any], most: int) -> None:
    ward.assess(**earlier)
    ward.wait(hours=4)
    with_time = {"findings": {"vasopressors": 0, "vasopressin": False, **later}, "assessed_at": (ward.now + timedelta(seconds=1)).isoformat()}
    grades = [item.event for item in ward.give("Assess", **with_time).events if isinstance(item.event, ev.GradeAssessed)]
    assert next(one.grade_max for one in grades if one.scale == "crs-astct-2019") >= most


# --- every code of a finding reaches its sign --------------------------------------------------------------------------------------


def coded(ward: Ward, *codes: str, status: str = "final", **value: Any) -> None:
    """One observation by LOINC, as another system sends it."""
    ward.now += timedelta(seconds=1)
    resource = {
        "resourceType": "Observation", "id": f"sent-{ward.now.timestamp():.0f}", "status": status, "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": code} for code in codes]}, "effectiveDateTime": ward.now.isoformat(), **value,
    }  # fmt: skip
    done = write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", resource["id"], resource)])
    assert not isinstance(done, Refusal), done
    ward.round()


def percent(value: float) -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


@pytest.mark.parametrize("codes", [("59408-5",), ("59417-6",), ("2708-6",), ("20564-1",), ("2708-6", "59408-5"), ("59408-5", "2708-6")])
def test_a_low_saturation_calls_by_every_code_of_it(ward: Ward, codes: tuple[str, ...]) -> None:
    coded(ward, *codes, **percent(78))
    assert open_codes(ward) == ("RR-SATURATION",)
    assert ward.calls[0].levels == {"RR-SATURATION": 12}


def test_a_saturation_that_was_well_since_by_the_other_way_of_measuring_calls_again(ward: Ward) -> None:
    coded(ward, "2708-6", **percent(86))
    arrive(ward)
    coded(ward, "59408-5", **percent(97))
    coded(ward, "59408-5", **percent(86))
    assert len(ward.calls) == 2


@pytest.mark.parametrize("code", ["8310-5", "8331-1", "8332-9", "8328-7", "8333-7", "8334-5", "8329-5", "60834-9", "60836-4", "76010-8"])
def test_a_temperature_is_read_wherever_it_was_taken(ward: Ward, code: str) -> None:
    fact = ward.node.dictionary.by_code("http://loinc.org", code)
    assert fact is not None
    assert fact.name == "temperature"


# --- what is open postpones nothing -----------------------------------------------------------------------------------------------


def test_rounds_that_leave_the_question_open_postpone_nothing(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=9)
    ward.give("Assess", findings={"temperature": 36.9}, another=True, assessed_at=ward.now.isoformat())
    with ward.node.storage.reading() as connection:
        due = next(task.due_at for task in open_tasks(ward.node, connection, ward.case, ward.now) if task.step == "look_now")
    ward.wait(minutes=7)
    assert open_codes(ward) == ("RR-LATE",)
    assert due is not None
    assert due < ward.now


def test_who_answered_begins_a_new_time(ward: Ward) -> None:
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=9)
    ward.assess()
    ward.now += timedelta(hours=13)
    ward.assess(blank=UNKNOWN)
    ward.wait(minutes=9)
    assert ward.calls == ()


# --- discharge, and how often somebody looks ---------------------------------------------------------------------------------------


def keeps_in(ward: Ward) -> list[str]:
    """Why the patient does not leave now."""
    day = ward.now.astimezone(ward.node.site.zone).date()
    given = {"discharged_on": day.isoformat(), "stay_near_until": (day + timedelta(days=60)).isoformat(), "no_driving_until": (day + timedelta(days=60)).isoformat()}
    answer = ward.give("Discharge", Role.PHYSICIAN, **given, caregiver=True, emergency_card=True, unusual=True)
    return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []


def test_nobody_leaves_with_a_sign_though_the_team_has_come(ward: Ward) -> None:
    ward.assess(oxygen_saturation=84)
    arrive(ward)
    ward.assess(oxygen_saturation=81)
    assert keeps_in(ward) == ["gate.discharge.sign"]
    ward.assess(blank=("oxygen_saturation",))
    ward.now += timedelta(hours=13)
    ward.assess(blank=("oxygen_saturation",))
    assert keeps_in(ward) == ["gate.discharge.sign_unseen"]
    ward.assess()
    assert keeps_in(ward) == []


def test_no_longer_interval_while_a_call_is_open_and_one_question_where_the_grade_asks_for_more(ward: Ward) -> None:
    def asked(**more: Any) -> list[str]:
        answer = ward.give("SetAssessmentInterval", Role.PHYSICIAN, every_h=24, note="stable", **more)
        return [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []

    ward.assess(temperature=39.0, **PRESSOR)
    assert "bedside.interval.call_open" in asked(unusual=True)
    arrive(ward)
    assert asked() == ["bedside.interval.longer"]
    assert asked(unusual=True) == []


# --- a node that was told of no infusion ---------------------------------------------------------------------------------------------


@pytest.fixture
def home(ward: Ward) -> str:
    """A case of the same ward whose patient another node treats, which told of no infusion."""
    opened = next(item.event for item in ward.events if isinstance(item.event, ev.CaseOpened))
    accepted = {"type": "CaseAccepted", "product": "axicabtagene-ciloleucel"}
    told = Told(event_id="gd-1", node="gd", actor="p", role="physician", at=ward.now, recorded_at=ward.now, event=accepted)
    package = ev.PackageReceived(package_id="p2", from_node="gd", purpose="CARE_REFERRAL", route="R0", content_sha256="0" * 64, resources=0, told=(told,))
    with ward.node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": "patient-2", "birthDate": "1970-01-01"}, at=unit.at)
        unit.append("case-2", [msgspec.structs.replace(opened, patient_id="patient-2"), package], ward.node.system(), known=0)
        projections.project(unit, "case-2")
    return "case-2"


def test_a_sign_calls_at_the_node_that_was_told_of_no_infusion(ward: Ward, home: str) -> None:
    resource = {
        "resourceType": "Observation", "id": "at-home", "status": "final", "subject": {"reference": "Patient/patient-2"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]}, "effectiveDateTime": ward.now.isoformat(), **percent(75),
    }  # fmt: skip
    assert not isinstance(write(ward.node, Actor("m", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "Observation", "at-home", resource)]), Refusal)
    ward.round()
    case = ward.node.case(home)
    assert case is not None
    assert [call.codes for call in case.rapid_responses] == [("RR-SATURATION",)]


def test_an_assessment_at_the_node_that_was_told_of_no_infusion_is_asked_about_once_and_a_sign_is_not(ward: Ward, home: str) -> None:
    def assess(number: int, findings: dict[str, Any], **more: Any) -> Any:
        given = {"findings": findings, "assessed_at": ward.now.isoformat(), **more}
        return handle.handle(ward.node, Command("Assess", home, given, Actor("n", Role.NURSE, ward.node.site.organisation), f"home-{number}"))

    assert [reason.code for reason in assess(1, {"temperature": 37.0}).reasons] == ["bedside.assess.infusion_not_told"]
    assert not isinstance(assess(2, {"temperature": 37.0}, unusual=True), Refusal)
    assert named([item.event for item in assess(3, {"seizure": "prolonged"}).events], ev.RapidResponseCalled)


# --- what came after a physician had closed the call ---------------------------------------------------------------------------


def closed_then_later(ward: Ward) -> None:
    """A call that a physician closed without the team, and half an hour."""
    ward.observe("oxygen_saturation", 84)
    ward.round()
    ward.now += timedelta(minutes=5)
    close(ward)
    ward.observe("oxygen_saturation", 97)
    ward.round()
    ward.now += timedelta(minutes=30)


@pytest.mark.parametrize("door", ["observation", "assessment"])
def test_a_sign_stamped_before_a_closed_call_that_arrives_after_the_closing_calls(ward: Ward, door: str) -> None:
    closed_then_later(ward)
    ago = timedelta(minutes=45)  # before the call was made
    if door == "observation":
        ward.observe("oxygen_saturation", 82, ago=ago)
    else:
        ward.assess(oxygen_saturation=82, ago=ago)
    ward.round()
    assert [call.state for call in ward.calls] == ["closed", "open"]
    assert ward.calls[-1].codes == ("RR-SATURATION",)


def test_a_sign_that_the_closing_physician_could_see_calls_nobody_again(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 84)
    ward.round()
    ward.observe("oxygen_saturation", 82, ago=timedelta(minutes=10))
    ward.round()
    close(ward)
    ward.observe("oxygen_saturation", 97)
    ward.observe("heart_rate", 80, ago=timedelta(minutes=10))
    ward.round()
    assert [call.state for call in ward.calls] == ["closed"]


def test_a_value_corrected_into_a_sign_after_the_closing_calls(ward: Ward) -> None:
    entered = ward.give("Assess", findings={"oxygen_saturation": 95}, assessed_at=(ward.now - timedelta(minutes=30)).isoformat())
    closed_then_later(ward)
    given = {"findings": {"oxygen_saturation": 82}, "assessed_at": entered.events[0].event.assessed_at.isoformat(), "another": True}
    corrected = ward.give("CorrectEntry", event_id=entered.events[0].event_id, action="replace", reason="wrong-value", given=given)
    assert not isinstance(corrected, Refusal), [reason.code for reason in corrected.reasons]
    ward.round()
    assert [call.state for call in ward.calls] == ["closed", "open"]


def put_right(ward: Ward, minutes_later: int = 0, **findings: Any) -> None:
    """The last assessment is replaced; a sign of it was answered two hours ago."""
    ward.wait(hours=2)
    entry = ward.case.assessments[-1]
    at = entry.event.assessed_at + timedelta(minutes=minutes_later)
    given = {"findings": {**dict(entry.event.findings), **findings}, "assessed_at": at.isoformat(), "another": True, "unusual": True}
    done = ward.give("CorrectEntry", event_id=entry.origin.event_id, action="replace", reason="wrong-value", given=given)
    assert not isinstance(done, Refusal), [reason.code for reason in done.reasons]
    ward.round()


@pytest.mark.parametrize("answer", [close, arrive])
@pytest.mark.parametrize("minutes", [0, -20])
def test_an_entry_put_right_keeps_the_answer_to_the_sign_that_it_shows_still(ward: Ward, answer: Callable[[Ward], None], minutes: int) -> None:
    ward.assess(**PRESSOR)
    answer(ward)
    put_right(ward, minutes, temperature=37.9)
    put_right(ward, temperature=37.2)
    assert len(ward.calls) == 1


@pytest.mark.parametrize("answer", [close, arrive])
@pytest.mark.parametrize("minutes", [0, -20])
def test_an_entry_put_right_into_a_worse_sign_calls_anew(ward: Ward, answer: Callable[[Ward], None], minutes: int) -> None:
    ward.assess(**PRESSOR)
    answer(ward)
    put_right(ward, minutes, vasopressors=3)
    assert [call.state for call in ward.calls][1:] == ["open"]


@pytest.mark.parametrize("answer", [close, arrive])
def test_an_entry_put_right_into_another_sign_calls_for_that_one(ward: Ward, answer: Callable[[Ward], None]) -> None:
    ward.assess(**PRESSOR)
    answer(ward)
    put_right(ward, seizure="prolonged")
    assert "RR-SEIZURE" in ward.calls[-1].fresh and "RR-VASOPRESSOR" not in ward.calls[-1].fresh


def test_a_sign_of_a_day_ago_asks_after_the_call_of_that_day_was_closed(ward: Ward) -> None:
    closed_then_later(ward)
    ward.now += timedelta(hours=25)
    ward.assess()
    ward.observe("oxygen_saturation", 82, ago=timedelta(hours=25, minutes=45))
    ward.round()
    assert [entry.event.why for entry in ward.case.of(ev.FindingAsked)][-1:] == ["old"]
