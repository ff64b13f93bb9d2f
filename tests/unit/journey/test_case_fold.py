"""Folding: told events, conflicts, unknown types, stages."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

import case_world as w
from baybridge.journey import events as ev
from baybridge.journey.case import fold
from baybridge.journey.conflicts import conflicts_of
from baybridge.journey.events import Recorded, Told
from baybridge.journey.held import Stage
from baybridge.journey.stages import stage_of

NOW = w.START


def told(event: ev.Event | dict[str, object], number: int = 1, node: str = "gd") -> Told:
    body = event if isinstance(event, dict) else msgspec.to_builtins(event)
    return Told(event_id=f"{node}-t{number}", node=node, at=NOW, recorded_at=NOW, actor="a", role="physician", event=body)


def package(*items: Told, number: int = 1) -> ev.PackageReceived:
    return ev.PackageReceived(
        package_id=f"p{number}", from_node="gd", purpose="CARE_REFERRAL", route="R5", content_sha256="0", resources=0, told=items
    )


def test_an_empty_case_is_new() -> None:
    case = fold((), "case-9")
    assert (case.case_id, stage_of(case), case.patient_id) == ("case-9", Stage.NEW, None)


def test_told_events_carry_their_origin() -> None:
    world = w.World()
    world.record("hk", package(told(ev.CaseOpened(patient_id="p", residence="MO", synthetic=True), node="mo")))
    opened = world.case.opened
    assert opened is not None
    assert (opened.origin.node, opened.origin.package_id, opened.origin.told) == ("mo", "p1", True)
    assert world.case.owner_node == "mo"


def test_what_was_recorded_here_stands_and_a_different_telling_is_a_conflict() -> None:
    world = w.World().walk(w.OPEN)
    mine = ev.Died(died_on=NOW.date(), cause="disease")
    other = ev.Died(died_on=NOW.date() - timedelta(days=1), cause="unknown")
    world.record("mo", mine, package(told(other)))
    assert world.case.died_on == NOW.date()
    (conflict,) = conflicts_of(world.case)
    assert (conflict.field, conflict.told.node, conflict.kept.node) == ("died_on", "gd", "mo")


def test_a_telling_that_agrees_is_no_conflict() -> None:
    world = w.World().walk(w.OPEN)
    mine = ev.Died(died_on=NOW.date(), cause="disease")
    world.record("mo", mine, package(told(mine)))
    assert conflicts_of(world.case) == ()


def test_an_event_of_a_newer_node_is_kept_whole() -> None:
    newer = {"type": "OrganRegrown", "organ": "thymus"}
    broken = {"type": "Died", "died_on": "yesterday"}
    world = w.World().walk(w.OPEN)
    world.record("mo", package(told(newer, 1), told(broken, 2)))
    assert [item.told.event for item in world.case.unread] == [newer, broken]
    assert world.case.alive


def test_every_event_survives_its_telling() -> None:
    case = w.infused().case
    for entry in case.entries:
        again = w.World()
        again.record("mo", package(told(entry.event)))
        assert again.case.entries[-1].event == entry.event


def test_a_patient_whose_identifier_was_left_out_is_unknown_not_empty() -> None:
    world = w.World()
    world.record("sh", package(told(ev.CaseOpened(patient_id="", residence="MO", synthetic=True), node="mo")))
    assert world.case.patient_id is None


STAGES = [
    (w.World, Stage.NEW),
    (lambda: w.World().walk(w.OPEN), Stage.OPENED),
    (lambda: w.World().walk(*w.REFERRAL[:3]), Stage.REFERRED),
    (lambda: w.World().walk(*w.REFERRAL), Stage.ACCEPTED),
    (lambda: w.World().walk(*w.TO_COLLECTION), Stage.SLOT_RESERVED),
    (w.collected, Stage.COLLECTED),
    (lambda: w.collected().walk(w.SHIP_OUT), Stage.TO_PLANT),
    (w.at_plant, Stage.AT_PLANT),
    (lambda: w.at_plant().walk(w.START_BATCH), Stage.IN_PROCESS),
    (w.released, Stage.RELEASED),
    (lambda: w.released().walk(*w.PERMITS_BACK, w.SHIP_BACK), Stage.TO_CENTRE),
    (w.at_centre, Stage.AT_CENTRE),
    (lambda: w.at_centre().walk(w.fitness("lymphodepletion"), w.LYMPHODEPLETE), Stage.LYMPHODEPLETED),
    (w.infused, Stage.INFUSED),
]


@pytest.mark.parametrize(("make", "stage"), STAGES, ids=[stage.value for _, stage in STAGES])
def test_stages_in_order(make: object, stage: Stage) -> None:
    assert stage_of(make().case) is stage  # type: ignore[operator]


def test_as_of_an_earlier_moment_is_the_fold_until_then() -> None:
    events = w.infused().events
    seen = [stage_of(fold(events[:count])) for count in range(len(events) + 1)]
    order = list(Stage)
    assert seen[0] is Stage.NEW
    assert [order.index(stage) for stage in seen] == sorted(order.index(stage) for stage in seen)


def test_a_new_therapy_event_leads_the_stage_again() -> None:
    world = w.infused().walk(w.RESERVE)
    assert stage_of(world.case) is Stage.SLOT_RESERVED


def test_the_same_claim_twice_is_one_payment() -> None:
    world = w.World().walk(w.OPEN)
    paid = ev.BenefitPaid(claim_id="c1", payer="p", amount_minor=1, currency="CNY")
    world.record("mo", paid, paid)
    assert len(world.case.payments) == 1


def test_the_last_judgement_of_a_result_counts() -> None:
    world = w.World().walk(w.OPEN)
    world.recognise_markers("mo")
    world.record(
        "mo", ev.RepeatRequested(result_id="result-hiv", loinc="56888-1", purpose="APH_IDM", codes=("MR-051",), decision_sha256="1")
    )
    assert "result-hiv" not in {entry.event.result_id for entry in world.case.recognised}
    assert [entry.event.result_id for entry in world.case.repeats] == ["result-hiv"]


def test_envelopes_may_repeat() -> None:
    events: list[Recorded] = w.infused().events
    assert fold([*events, *events]) == fold(events)
