"""Where on the road a command makes no sense, it says why: for the button, and whoever gives it all the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

import case_world
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from case_world import World


def _opened() -> World:
    return World().walk(case_world.OPEN)


def _declined() -> World:
    world = World().walk(case_world.OPEN, case_world.CONSENT, case_world.REFER)
    world.record("hk", ev.CaseDeclined(reason="capacity"))
    return world


def _discharged() -> World:
    return case_world.infused().walk(case_world.WATCH, case_world.DISCHARGE)


def _dead() -> World:
    world = case_world.infused()
    world.record("hk", ev.Died(died_on=world.now.date(), cause=None))
    return world


STAGES: dict[str, Callable[[], World]] = {
    "opened": _opened, "declined": _declined, "slot": case_world.before_collection, "at plant": case_world.at_plant, "released": case_world.released,
    "infused": case_world.infused, "discharged": _discharged, "dead": _dead,
}  # fmt: skip


@cache
def at(stage: str) -> World:
    return STAGES[stage]()


def blocked(stage: str, command: str, node: str = "hk") -> list[str]:
    row = COMMANDS[command]
    return [reason.code for reason in row.blocked(at(stage).situation(node, min(row.roles, key=list(Role).index)))]


#: stage, command, and what says why not; None where it may be given.
ROAD: list[tuple[str, str, str | None]] = [
    ("opened", "Assess", "bedside.assess.not_infused"),
    ("infused", "Assess", None),
    ("discharged", "Assess", None),
    ("dead", "Assess", "journey.case.died"),
    ("slot", "ConfirmGrade", "bedside.confirm.no_grade"),
    ("discharged", "ConfirmGrade", None),
    ("slot", "SetAssessmentInterval", "bedside.assess.not_infused"),
    ("infused", "SetAssessmentInterval", None),
    ("declined", "ReserveDrugs", "journey.case.not_accepted"),
    ("slot", "ReserveDrugs", None),
    ("discharged", "ReserveDrugs", None),
    ("dead", "ReserveDrugs", "journey.case.died"),
    ("opened", "ChooseProduct", None),
    ("slot", "ChooseProduct", "matching.choose.under_way"),
    ("released", "ChooseProduct", "matching.choose.under_way"),
    ("infused", "ChooseProduct", None),
    ("dead", "ChooseProduct", "journey.case.died"),
    ("slot", "Collect", None),
    ("at plant", "Collect", None),
    ("released", "Collect", "supply.collect.made"),
    ("infused", "Collect", "supply.collect.over"),
    ("discharged", "SignException", "journey.exception.none_ahead"),
    ("declined", "SignException", None),
    ("dead", "SignException", "journey.case.died"),
    ("dead", "RecordDeath", "followup.death.already"),
    ("opened", "RequestPreauthorisation", "funding.quote.none"),
    ("opened", "AnswerPreauthorisation", "funding.preauthorisation.none_asked"),
    ("opened", "CountersignOverride", "recognition.countersign.none_waiting"),
    ("opened", "CompareParallelTest", "recognition.parallel.none_open"),
    ("opened", "ReviewBreakGlass", "consent.break_glass.none"),
]


@pytest.mark.parametrize(("stage", "command", "why"), ROAD, ids=[f"{command} {stage}" for stage, command, _ in ROAD])
def test_a_command_says_why_it_makes_no_sense_now(stage: str, command: str, why: str | None) -> None:
    found = blocked(stage, command)
    assert (why in found) if why else found == []


def test_doses_that_nobody_holds_are_not_held_after_discharge() -> None:
    world = _discharged()
    world.record("hk", ev.DrugsReserved(atc="L04AC07", doses=0, from_on=world.now.date(), until_on=world.now.date(), shortage_next_within_h=None, shortage_reason=""))
    assert [reason.code for reason in COMMANDS["ReserveDrugs"].blocked(world.situation("hk", Role.PHARMACIST))] == ["bedside.reserve.left"]


#: What is done after a death: what is on its way arrives, money and cells are settled, who was told is told more, papers come, entries are put right.
AFTER_DEATH = frozenset({
    "AttachDocument", "BreakGlass", "ConfirmEntry", "ConfirmProposal", "CorrectEntry", "HandToCourier", "OpenCase", "ReceiveShipment", "RecordLateResult",
    "ReportIncident", "ReportSecondMalignancy", "ReinstateEntry", "SetAsideEntry", "Transfer", "WithdrawConsent",
    "EnterRequest", "NameEntries", "AnswerRequest", "MakeRequest",  # close relatives ask for what stands of who died: PIPL article 49
    "SendMessage", "ShowMessage", "MakeMessageTask", "EndMessageTask", "ClaimTask", "GiveTask", "GiveTaskBack",  # hospitals and payers go on talking
})  # fmt: skip


@pytest.mark.parametrize("node", ["hk", "gd"])
def test_after_death_nothing_is_begun(node: str) -> None:
    kinds = case_world.SITES[node].kinds
    given = {name for name, row in COMMANDS.items() if (not row.kinds or row.kinds & kinds) and not blocked("dead", name, node)}
    assert given <= AFTER_DEATH


#: Gates that do not lie ahead.
ELSEWHERE = [("infused", "collection"), ("infused", "infusion"), ("slot", "infusion"), ("slot", "discharge"), ("discharged", "discharge")]


@pytest.mark.parametrize(("stage", "gate"), ELSEWHERE)
def test_no_exception_is_signed_at_a_gate_that_does_not_lie_ahead(stage: str, gate: str) -> None:
    step = case_world.EXCEPTION.but(gate=gate, codes=[f"gate.{gate}.anything"], note="because")
    assert "journey.exception.not_now" in case_world.codes(at(stage).judge(step))
