"""Home across the border: the treating centre hands over, the home hospital accepts, and the patient is never between two stools.

Main job: the rules of `HandOver` and `AcceptFollowUp`.

**Source**: mission M16; clinical reference 7.1. Until the other node has accepted, the treating node follows the patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent.emergency import may_be_cared_for
from baybridge.followup import rendering
from baybridge.journey.checks import alive
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import FollowUpAccepted, HandedOver
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in


class HandOver(Struct, frozen=True, kw_only=True):
    """Care goes to another node for follow-up."""

    to_node: str


class AcceptFollowUp(Struct, frozen=True, kw_only=True):
    """This node follows the patient from now on."""

    from_node: str


def hand_over(situation: Situation, given: HandOver) -> Verdict:
    """The patient is handed over after discharge, with a team call neither open nor forgotten."""
    against = (*_ready(situation), *_receiver(situation, given.to_node))
    return refuse(*against) if against else (HandedOver(to_node=given.to_node),)


def _ready(situation: Situation) -> Iterator[Reason]:
    """What stands against handing over, to whomever."""
    yield from alive(situation)
    case = situation.case
    if not case.infusions:
        yield Reason("followup.handover.not_infused")
    if case.discharge is None:
        yield Reason("followup.handover.not_discharged")
    if case.open_rapid_response is not None:
        yield Reason("followup.handover.rapid_response_open")
    if case.follow_up_node is not None and case.follow_up_node != situation.site.node:
        yield Reason("followup.handover.not_ours", {"node": case.follow_up_node})


def _receiver(situation: Situation, to_node: str) -> Iterator[Reason]:
    there = situation.neighbours.get(to_node)
    if there is None or "centre" not in there.kinds:
        yield Reason("followup.handover.centre_unknown", {"node": to_node}, where="to_node")
    if not may_be_cared_for(situation):
        yield Reason("followup.handover.no_care_consent")


def _offered(situation: Situation) -> Iterator[Reason]:
    """Another node handed the patient over to this one, and it did not accept yet."""
    yield from alive(situation)
    if not any(e.event.to_node == situation.site.node for e in situation.case.of(HandedOver)):
        yield Reason("followup.accept.nothing_offered")
    if any(e.origin.node == situation.site.node for e in situation.case.of(FollowUpAccepted)):
        yield Reason("followup.accept.already")


def accept_follow_up(situation: Situation, given: AcceptFollowUp) -> Verdict:
    """This node follows the patient, as the other one offered."""
    against = [*alive(situation)]
    offers = [e for e in situation.case.of(HandedOver) if e.event.to_node == situation.site.node]
    if not any(e.origin.node == given.from_node for e in offers):
        against.append(Reason("followup.accept.not_offered", {"node": given.from_node}, where="from_node"))
    own = [e for e in situation.case.of(FollowUpAccepted) if e.origin.node == situation.site.node]
    if own:
        against.append(Reason("followup.accept.already"))
    return refuse(*against) if against else (FollowUpAccepted(from_node=given.from_node),)


def to_owner(context: FormContext) -> Mapping[str, object]:
    """The node that sent the patient, where it is another."""
    owner = context.case.owner_node
    return {"to_node": owner if owner != context.site.node else None}


def from_centre(context: FormContext) -> Mapping[str, object]:
    """The centre that treated."""
    return {"from_node": context.case.treating_node}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        HandOver, hand_over, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(HandedOver, rendering.handed_over, told_in("CARE_REFERRAL")),),
        page="followup",
        correction=CLINICAL,
        step="handover",
        blocked=_ready,
        place=20,
        prefill=to_owner,
    ),
    CommandRow(
        AcceptFollowUp, accept_follow_up, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(FollowUpAccepted, rendering.follow_up, told_in("CARE_REFERRAL")),),
        page="followup",
        correction=CLINICAL,
        step="accept_follow_up",
        blocked=_offered,
        place=30,
        prefill=from_centre,
    ),
)
