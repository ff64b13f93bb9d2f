"""Taking in a case that another node proposed, or not.

Main job: the rules of `AcceptProposedCase` and `RefuseProposedCase`. Taking a case in says that this node will hold the person's data; whether the centre treats the
person is another question (`AcceptCase`).

**Source**: mission M14; data law reference B (no data without a purpose of the receiver). Elsewhere: what is held and filed in `node/neighbours/proposals.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import CaseProposed, ProposedCaseAccepted, ProposedCaseRefused
from baybridge.journey.proposals import proposal_of
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, roles, told_in
from baybridge.journey.texts import Note
from baybridge.matching import rendering


class AcceptProposedCase(Struct, frozen=True, kw_only=True):
    """This node takes the proposed case in; what was sent is filed."""


class RefuseProposedCase(Struct, frozen=True, kw_only=True):
    """This node does not take the proposed case in; what was sent is erased, and the sender is told."""

    reason: Note


def accept_proposed_case(situation: Situation, _given: AcceptProposedCase) -> Verdict:
    """The case is taken in."""
    against = tuple(proposed_blocked(situation))
    proposal = proposal_of(situation.case)
    if against or proposal is None:
        return refuse(*against)
    return (ProposedCaseAccepted(from_node=proposal.from_node, packages=proposal.packages),)


def refuse_proposed_case(situation: Situation, given: RefuseProposedCase) -> Verdict:
    """The case is not taken in, and why."""
    against = [*proposed_blocked(situation)]
    if not said(given.reason):
        against.append(Reason("matching.proposal.no_reason", where="reason"))
    proposal = proposal_of(situation.case)
    if against or proposal is None:
        return refuse(*against)
    return (ProposedCaseRefused(from_node=proposal.from_node, reason=given.reason.strip()),)


def proposed_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against either answer: nothing is proposed, or it was answered."""
    proposal = proposal_of(situation.case)
    if proposal is None:
        yield Reason("matching.proposal.none")
    elif proposal.state != "open":
        yield Reason("matching.proposal.answered")


_WHO = roles(Role.COORDINATOR, Role.PHYSICIAN, Role.MANUFACTURER, Role.QUALITY)
_FINAL = Correction(None)  # what was held is filed or erased with the answer; what was filed is put right entry by entry

EVENT_ROWS = (EventRow(CaseProposed, rendering.proposed, computed=True),)

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        AcceptProposedCase, accept_proposed_case, _WHO,
        (EventRow(ProposedCaseAccepted, rendering.taken_in),),
        page="overview",
        correction=_FINAL,
        kinds=ANYWHERE,
        step="proposed",
        blocked=proposed_blocked,
        button=None,
    ),
    CommandRow(
        RefuseProposedCase, refuse_proposed_case, _WHO,
        (EventRow(ProposedCaseRefused, rendering.not_taken_in, told_in("CARE_REFERRAL")),),
        page="overview",
        correction=_FINAL,
        kinds=ANYWHERE,
        step="proposed",
        blocked=proposed_blocked,
        button=None,
    ),
)
