"""Exceptions as the alliance sees them: where, which gate, when, which reasons, what came of it; never whose, and no note."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from zoneinfo import ZoneInfo

import case_world as w
from baybridge.alliance.exceptions import SignedAtGate, exceptions_of
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node.neighbours import packing
from case_world import World

ZONE = ZoneInfo("Asia/Hong_Kong")
NOTE = "Mrs Unmistakable wishes it"
SIGN = w.EXCEPTION.but(note=NOTE)
BEFORE = w.READY[:-1]


def only(world: World) -> SignedAtGate:
    (one,) = exceptions_of(world.case, world.now, ZONE)
    return one


def test_one_that_was_used_says_where_when_why_and_what_followed() -> None:
    world = w.at_centre().walk(*BEFORE, SIGN, w.CHECK, w.THAW, w.INFUSE)
    one = only(world)
    assert (one.node, one.gate, one.codes, one.outcome, one.afterwards) == ("hk", "infusion", ("gate.infusion.no_interval",), "used", "none")
    assert NOTE not in str(asdict(one))
    world.record("hk", ev.Died(died_on=world.now.date(), cause="progression"))
    assert only(world).afterwards == "died"


def test_one_that_nobody_used_waits_and_then_ran_out() -> None:
    world = w.at_centre().walk(*BEFORE, SIGN)
    assert only(world).outcome == "waiting"
    world.now += timedelta(hours=25)
    assert only(world).outcome == "unused"


def test_one_that_was_struck_through_is_shown_as_such() -> None:
    world = w.at_centre().walk(*BEFORE, SIGN)
    signed = world.case.of(ev.GateExceptionSigned)[0].origin.event_id
    world.record("hk", ev.EntryCorrected(event_id=signed, action="void", reason="wrong-patient"), role=Role.PHYSICIAN)
    assert only(world).outcome == "struck"


def test_what_a_physician_wrote_is_told_where_the_patient_is_known_and_nowhere_else() -> None:
    world = w.at_centre().walk(*BEFORE, SIGN)
    rules = packing.rules_of_telling(w.documents())
    told = {purpose: packing.told(rules, purpose, world.events, without_patient=purpose != "CARE_REFERRAL") for purpose in ("CARE_REFERRAL", "QUALITY_REGISTRY")}
    assert NOTE in str(told["CARE_REFERRAL"])
    assert NOTE not in str(told["QUALITY_REGISTRY"])
    assert "gate.infusion.no_interval" in str(told["QUALITY_REGISTRY"])
