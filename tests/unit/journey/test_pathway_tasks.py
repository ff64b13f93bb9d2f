"""Tasks: who does what next, by when, and the clocks that run out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.conditions import CONDITIONS
from baybridge.journey.events import EVENT_TYPES
from baybridge.journey.pathway import tasks
from baybridge.journey.schedule import visits
from baybridge.journey.state import View, state_of
from baybridge.journey.task import Task
from baybridge.node.commands.table import COMMANDS
from case_world import World

PATHWAY = w.documents().typed.pathway
#: What a whole round states beside the scores.
ROUND = (("hypotension", "none"), ("oxygen_device", "none"), ("temperature", 36.8))


def open_at(world: World, node: str, hours: float = 0, facts: dict[str, Any] | None = None) -> dict[str, Task]:
    found = tasks(PATHWAY, world.case, facts or {}, world.now + timedelta(hours=hours), w.SITES[node], w.documents().typed.escalation)
    return {task.key: task for task in found}


def test_the_document_names_only_what_exists() -> None:
    steps = [*PATHWAY.steps, *PATHWAY.after_death]
    names = {step.step for step in steps}
    for step in steps:
        assert set(step.only_if) <= set(CONDITIONS)
        assert {*step.after, *step.ended_by} <= names
        assert set(step.commands) <= set(COMMANDS)
        assert step.role in set(Role)
        for matcher in step.done_by:
            assert {name for name, value in (asdict(matcher.where) if matcher.where else {}).items() if value is not None} <= set(
                EVENT_TYPES[matcher.event].__struct_fields__
            )
        assert all(Role(step.role) in COMMANDS[name].roles for name in step.commands if name != "RecordConsent")


def test_every_command_on_the_road_stands_in_some_task_or_is_always_possible() -> None:
    offered = {name for step in [*PATHWAY.steps, *PATHWAY.after_death] for name in step.commands}
    offered |= {"AcknowledgeCall", "ArriveRapidResponse", "CloseCall", "RecordVisit", "ReportSecondMalignancy", "ResolveQuarantine"}  # from alarms
    always = {"OpenCase", "ConfirmFinding", "WithdrawConsent", "RecordDeath", "OverrideRecognition"}
    always |= {"CountersignOverride", "CompareParallelTest"}  # tasks of their own, `node/upkeep/attention.py`
    always |= {"AcceptProposedCase", "RefuseProposedCase"}  # asked by attention before there is a road
    always |= {"ConfirmIdentity", "RefuseIdentity", "UndoIdentity", "IssueHealthCard"}  # asked by attention, not by the road
    always |= {"CorrectEntry", "SetAsideEntry", "ReinstateEntry"}  # from every entry of the timeline
    always |= {"BreakGlass", "ReviewBreakGlass"}  # emergency access, asked by nobody and by attention
    always |= {"StateCapacity"}  # whenever somebody doubts whether the patient can decide
    always |= {"ConfirmEntry"}  # of a second person, from whatever waits for one
    always |= {"ReportIncident", "AnswerIncident", "SetAssessmentInterval"}  # asked by nobody and by attention
    always |= {"ConfirmEntry"}  # from the list of what waits for a second person
    always |= {"WriteToTeam", "AnswerPatient"}  # by the patient, whenever there is something to say, and from attention
    always |= {"AllowCaregiver", "EndCaregiver"}  # whenever somebody helps, or does not any more
    always |= {"KeepCall"}  # asked by attention where the cause of a call was withdrawn
    always |= {"ReviewDose"}  # asked by an alarm where the weight of a dose proved to be another one
    always |= {"HandToCourier", "ConfirmCourier"}  # asked by attention once a shipment left
    always |= {"RecordLateResult"}  # when a result comes after the release
    always |= {"AttachDocument", "ConfirmProposal"}  # from the documents of a case, whenever there is one
    always |= {"SendMessage", "AnswerMessage", "ReadMessage", "MakeMessageTask", "EndMessageTask", "ShowMessage"}  # from the messages of a case, and from attention
    always |= {"MakeRequest", "EnterRequest", "NameEntries", "AnswerRequest"}  # whenever a person asks for something of the own data
    always |= {"ClaimTask", "GiveTask", "GiveTaskBack"}  # from every task
    always |= {"RecordEmergency"}  # where consent is missing and care cannot wait
    always |= {"SignException", "RecordBoardDecision", "OmitLymphodepletion"}  # where the road would stop a patient who has to go on
    assert set(COMMANDS) == offered | always


def test_the_first_tasks_of_a_case() -> None:
    found = open_at(World().walk(w.OPEN), "mo")
    assert set(found) == {"records", "consent_care"}
    assert found["consent_care"].role == "coordinator"
    assert found["consent_care"].commands == ("RecordConsent",)


def test_a_step_is_late_after_its_time_and_says_so() -> None:
    world = World().walk(w.OPEN)
    assert open_at(world, "mo", 23)["consent_care"].late is None
    late = open_at(world, "mo", 25)["consent_care"]
    assert (late.late, late.level) == ("journey.late.consent", "amber")


def test_a_referral_asks_the_other_centre_to_answer() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER)
    assert "accept" in open_at(world, "hk")
    assert "accept" not in open_at(world, "gd")
    world.walk(w.BOARD, w.ACCEPT)
    assert "accept" not in open_at(world, "hk")
    assert {"recognition", "quote", "slot"} <= set(open_at(world, "hk"))


def test_macaos_law_asks_only_macao() -> None:
    world = World().walk(w.OPEN, w.CONSENT, w.REFER)
    assert {"consent_mo_ground", "notify_authority"} <= set(open_at(world, "mo"))


@pytest.mark.parametrize(("hours", "level"), [(47.9, None), (48, "amber"), (65.9, "amber"), (66, "red"), (71.9, "red"), (72, "stop")])
def test_the_clock_of_fresh_cells(hours: float, level: str | None) -> None:
    world = w.collected()
    since = hours - 0.5  # collection ended half an hour before
    found = [task for key, task in open_at(world, "hk", since).items() if key.startswith("fresh_cells_clock")]
    assert [task.level for task in found] == ([level] if level else [])


def test_the_clock_stops_when_the_plant_has_the_cells() -> None:
    assert not [key for key in open_at(w.at_plant(), "hk", 100) if key.startswith("fresh_cells_clock")]


@pytest.mark.parametrize(("hours", "level"), [(151.9, None), (152.1, "amber"), (175.9, "amber"), (176.1, "red"), (200.1, "stop")])
def test_the_clock_of_the_dry_shipper(hours: float, level: str | None) -> None:
    world = w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK)  # 200 h of hold time
    found = [task for key, task in open_at(world, "sh", hours).items() if key.startswith("dry_shipper_clock")]
    assert [task.level for task in found] == ([level] if level else [])


@pytest.mark.parametrize(("days", "level"), [(60, None), (66, "amber"), (80, "amber"), (81, "red")])
def test_a_permit_that_ends_soon(days: int, level: str | None) -> None:
    world = World().walk(*w.REFERRAL, w.RESERVE, w.PERMITS[0])  # valid for 80 days
    found = [task for key, task in open_at(world, "hk", days * 24).items() if key.startswith("permit_expiry")]
    assert [task.level for task in found] == ([level] if level else [])


def graded(minimum: int, maximum: int) -> ev.GradeAssessed:
    return ev.GradeAssessed(
        scale="crs-astct-2019",
        outcome="undetermined",
        grade=minimum if minimum == maximum else None,
        grade_min=minimum,
        grade_max=maximum,
        driver=None,
        missing=("oxygen_device",),
        assessed_at=w.START + timedelta(days=60),
        decision_sha256="0",
    )


def test_a_grade_that_may_be_high_asks_for_the_missing_fact() -> None:
    world = w.infused()
    world.record("hk", graded(1, 4))
    task = open_at(world, "hk")["look_now"]
    assert (task.level, task.values["facts"], task.commands) == ("red", "oxygen_device", ("Assess",))
    assert task.due_at == world.now + timedelta(minutes=15)


def test_two_scales_that_ask_are_one_look_due_by_the_first() -> None:
    world = w.infused()
    world.record("hk", graded(1, 4))
    first = world.now
    world.now += timedelta(minutes=5)
    world.record("hk", msgspec.structs.replace(graded(0, 3), scale="icans-astct-2019", missing=("ice_score", "oxygen_device")))
    (task,) = [task for task in open_at(world, "hk").values() if task.step == "look_now"]
    assert task.values == {"scale": "crs-astct-2019, icans-astct-2019", "facts": "oxygen_device, ice_score", "grade": 4}
    assert task.due_at == first + timedelta(minutes=15)


@pytest.mark.parametrize(("minimum", "maximum"), [(2, 2), (1, 2), (3, 4)])
def test_a_grade_that_is_low_or_certainly_high_asks_for_nothing(minimum: int, maximum: int) -> None:
    world = w.infused()
    world.record("hk", graded(minimum, maximum))
    assert "look_now" not in open_at(world, "hk")


def test_signs_that_no_fever_counts_for_are_judged_by_a_physician() -> None:
    world = w.infused()
    world.record("hk", msgspec.structs.replace(graded(0, 0), flags=("review_fever_rule",), assessed_at=world.now))
    task = open_at(world, "hk")["review_grade:crs-astct-2019"]
    assert (task.role, task.level, task.commands) == ("physician", "red", ("ConfirmGrade",))
    assert task.due_at == world.now + timedelta(minutes=15)
    assert "review_grade:crs-astct-2019" not in open_at(world, "mo")
    world.record("hk", ev.GradeConfirmed(scale="crs-astct-2019", grade=2, computed=0, reason="shock of CRS"))
    assert "review_grade:crs-astct-2019" not in open_at(world, "hk")
    world.record("hk", msgspec.structs.replace(graded(0, 0), flags=("review_fever_rule",), assessed_at=world.now + timedelta(hours=1)))
    assert "review_grade:crs-astct-2019" in open_at(world, "hk")  # the next assessment is judged anew
    world.record("hk", msgspec.structs.replace(graded(0, 0), assessed_at=world.now + timedelta(hours=2)))
    assert "review_grade:crs-astct-2019" not in open_at(world, "hk")


def test_an_open_call_of_the_team_is_due_in_ten_minutes() -> None:
    world = w.infused()
    world.record("hk", ev.RapidResponseCalled(scale="crs-astct-2019", grade_min=3, called_at=world.now))
    (task,) = [task for key, task in open_at(world, "hk").items() if key.startswith("rapid_response")]
    assert task.due_at == world.now + timedelta(minutes=10)
    assert not [key for key in open_at(world, "mo") if key.startswith("rapid_response")]


def test_facts_open_a_step() -> None:
    world = World().walk(*w.REFERRAL)
    assert "hbv_plan" in open_at(world, "hk", facts={"hbsag_positive": True})
    assert "hbv_plan" not in open_at(world, "hk", facts={"hbsag_positive": False, "anti_hbc_positive": None})


def test_lymphodepletion_is_asked_for_only_after_receipt() -> None:
    assert "lymphodepletion" not in open_at(w.released(), "hk")
    assert "lymphodepletion" in open_at(w.at_centre(), "hk")


def test_a_test_to_be_repeated_is_asked_for_until_one_serves() -> None:
    world = World().walk(*w.REFERRAL)
    world.record("hk", ev.RepeatRequested(result_id="r", loinc="56888-1", purpose="APH_IDM", codes=(), decision_sha256="0"))
    assert "repeat_test:56888-1:APH_IDM" in open_at(world, "hk")
    world.recognise_markers()
    assert "repeat_test:56888-1:APH_IDM" not in open_at(world, "hk")


def test_a_second_malignancy_is_told_and_tested_after_death_too() -> None:
    world = w.infused()
    world.record("hk", ev.SecondMalignancyReported(kind="t_cell", found_on=world.now.date(), transgene_tested=None))
    assert {"malignancy_tell", "malignancy_test"} <= set(open_at(world, "hk"))
    world.record("hk", ev.Died(died_on=world.now.date(), cause="non_relapse"))
    assert {"malignancy_tell", "malignancy_test", "death_tell"} == set(open_at(world, "hk"))


def test_what_follows_from_a_death_is_due_from_when_it_was_known() -> None:
    world = w.infused()
    world.record("hk", ev.Died(died_on=world.now.date() - timedelta(days=9), cause="non_relapse"))
    due = {key: task.due_at for key, task in open_at(world, "hk").items() if key.startswith("death_")}
    assert due["death_tell"] == world.now + timedelta(days=1)
    assert all(at is None or at > world.now for at in due.values())


def test_the_state_names_the_visits_as_the_tasks_do() -> None:
    world = w.infused()
    day_0 = world.case.infused_at.astimezone(w.SITES["hk"].zone).date()  # type: ignore[union-attr]
    world.record("hk", ev.FollowUpVisited(visit="unscheduled", visited_on=day_0 + timedelta(days=40), alive=True, new_malignancy=None))
    for days, expected in ((10, {"D28": "due"}), (70, {"D28": "missed", "M2": "due"}), (100, {"D28": "missed", "M2": "missed", "M3": "due"})):
        now = world.now + timedelta(days=days)
        view = View(tasks=(), decisions={}, now=now, zone=w.SITES["hk"].zone, follow_up=PATHWAY.follow_up)
        found = {row["visit"]: row["state"] for row in state_of(world.case, view)["visits"] if row["visit"] != "unscheduled"}  # type: ignore[index]
        assert found == expected


def test_visits_follow_the_cadence_and_never_end() -> None:
    planned = visits(w.START.date(), PATHWAY.follow_up)
    codes = [next(planned).code for _ in range(30)]
    assert codes[:6] == ["D28", "M2", "M3", "M6", "M9", "M12"]
    assert codes[6:14] == ["M18", "M24", "M30", "M36", "M42", "M48", "M54", "M60"]
    assert codes[14:24] == [f"M{months}" for months in range(72, 181, 12)]
    later = [next(planned) for _ in range(60)]
    assert all(visit.contact_only for visit in later)


def visit_made(code: str, day: int) -> ev.FollowUpVisited:
    return ev.FollowUpVisited(visit=code, visited_on=(w.START + timedelta(days=day)).date(), alive=True, new_malignancy=None)


def due_visit(world: World, days: int) -> str:
    (task,) = [task for key, task in open_at(world, "hk", days * 24).items() if key.startswith("visit:")]
    return str(task.values["visit"])


def test_a_missed_visit_gives_way_to_the_next() -> None:
    world = w.infused()
    assert [due_visit(world, day) for day in (1, 40, 70, 100, 200, 370)] == ["D28", "D28", "M2", "M3", "M6", "M12"]


def test_a_visit_made_early_moves_on() -> None:
    world = w.infused()
    world.record("hk", visit_made("M2", 80))
    assert due_visit(world, 1) == "M3"


def test_a_receipt_is_told_to_the_sender() -> None:
    world = w.at_plant()
    assert "tell_arrival" in open_at(world, "sh")
    told = ev.TransferAllowed(
        package_id="p", to_node="hk", purpose="COI_LOGISTICS", route="R4", codes=(), decision_sha256="", content_sha256="", resources=0
    )
    world.record("sh", told)
    assert "tell_arrival" not in open_at(world, "sh")
    assert "tell_receipt" in open_at(w.at_centre(), "hk")


def test_a_repeat_is_not_asked_for_once_its_purpose_is_over() -> None:
    world = World().walk(*w.TO_COLLECTION)
    world.record("hk", ev.RepeatRequested(result_id="r", loinc="6690-2", purpose="APH_FITNESS", codes=(), decision_sha256="0"))
    assert "repeat_test:6690-2:APH_FITNESS" in open_at(world, "hk")
    world.recognise_markers()
    world.walk(w.COLLECT)
    assert "repeat_test:6690-2:APH_FITNESS" not in open_at(world, "hk")


def test_a_rejected_batch_asks_for_a_new_slot() -> None:
    world = w.at_plant().walk(w.START_BATCH, w.TEST.but(results=w.results(viability="30")), w.RELEASE)
    assert "slot" in open_at(world, "hk")
    assert "permit_dispatch" not in open_at(world, "hk")


def test_tasks_come_by_due_time() -> None:
    found = tasks(PATHWAY, World().walk(*w.REFERRAL).case, {}, w.START, w.SITES["hk"])
    dues = [task.due_at for task in found if task.due_at]
    assert dues == sorted(dues)
    assert all(task.due_at for task in found[: len(dues)])


# --- how often a patient is assessed after the infusion ---------------------------------------------------------------------


def assessed(grade: int) -> ev.GradeAssessed:
    return msgspec.structs.replace(graded(grade, grade), outcome=f"grade-{grade}", missing=())


@pytest.mark.parametrize(("grade", "hours", "level"), [(0, 4, "plan"), (1, 4, "plan"), (2, 2, "red"), (3, 1, "red"), (4, 1, "red")])
def test_the_next_assessment_is_due_by_the_standing_grade(grade: int, hours: int, level: str) -> None:
    world = w.infused()
    world.now = w.START + timedelta(days=60)
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=(*ROUND, ("ice_score", 10))), assessed(grade))
    task = open_at(world, "hk")["monitor"]
    assert (task.due_at, task.level) == (world.now + timedelta(hours=hours), level)


def test_an_open_call_asks_every_hour_and_icans_for_the_ice_score() -> None:
    world = w.infused()
    world.now = w.START + timedelta(days=60)
    icans = msgspec.structs.replace(assessed(2), scale="icans-astct-2019")
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=(*ROUND, ("ice_score", 5))), icans)
    assert open_at(world, "hk")["monitor_ice"].due_at == world.now + timedelta(hours=2)
    world.record("hk", ev.RapidResponseCalled(called_at=world.now, call_id="c", codes=("RR-SEIZURE",)))
    assert open_at(world, "hk")["monitor"].due_at == world.now + timedelta(hours=1)


def test_a_physician_sets_another_interval_until_the_grade_rises() -> None:
    world = w.infused()
    world.now = w.START + timedelta(days=60)
    world.record("hk", ev.AssessmentRecorded(assessed_at=world.now, findings=(*ROUND, ("ice_score", 10))), assessed(1))
    world.record("hk", ev.AssessmentIntervalSet(every_h=6, grade=1, note="sleeps"))
    assert open_at(world, "hk")["monitor"].due_at == world.now + timedelta(hours=6)
    world.record("hk", assessed(2))
    assert open_at(world, "hk")["monitor"].due_at == world.now + timedelta(hours=2)


def test_the_plant_is_reminded_of_final_results_until_it_records_them_even_after_death() -> None:
    world = w.released()
    awaited = {"final_result:batch-1:sterility_negative": ("plan", 14), "final_result:batch-1:mycoplasma_negative": ("plan", 28)}
    found = {key: task for key, task in open_at(world, "sh").items() if task.step == "final_result"}
    assert {key: (task.level, round((task.due_at - world.now).total_seconds() / 86400)) for key, task in found.items() if task.due_at} == awaited
    assert {task.role for task in found.values()} == {Role.QUALITY.value}
    assert not [task for task in open_at(world, "hk").values() if task.step == "final_result"]
    assert open_at(world, "sh", 24 * 15)["final_result:batch-1:sterility_negative"].level == "amber"
    world.record("hk", ev.Died(died_on=world.now.date(), cause="unknown"))
    assert awaited.keys() <= open_at(world, "sh").keys()
    world.do(w.Step("RecordLateResult", "sh", Role.LABORATORY, 1, {"batch": "batch-1", "results": [["sterility_negative", "true", "-"]]}))
    assert [key for key in open_at(world, "sh") if key.startswith("final_result")] == ["final_result:batch-1:mycoplasma_negative"]
