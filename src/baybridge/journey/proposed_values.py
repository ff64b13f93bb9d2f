"""Values that a machine read in a document: proposals, until a person who looks at the page says what stands there.

Main job: the rule of `ConfirmProposal`. **Source**: contract K12.
Elsewhere: what is proposed, `facts/proposing.py`; where proposals are kept, `node/attachments/proposals.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.base.quantity import as_number
from baybridge.journey.checks import happened, said
from baybridge.journey.command import ProposedValue, Role, Situation, Verdict
from baybridge.journey.events import ProposalConfirmed
from baybridge.journey.fhir.writer import Writer, concept, identifier, present
from baybridge.journey.row import ANYWHERE, CLINICAL, CommandRow, EventRow, never_blocked, reads, roles
from baybridge.journey.values import fact_entry


class ConfirmProposal(Struct, frozen=True, kw_only=True):
    """This value stands in the document, which the person looked at."""

    proposal: Annotated[str, Meta(description="of the page of the document")]
    value: Annotated[int | float | str, Meta(description="the number as it is printed")]
    unit: Annotated[str, Meta(description="as it is printed")]
    collected_at: Annotated[datetime, Meta(description="when the sample was taken, as the document says")]


def confirm_proposal(situation: Situation, given: ConfirmProposal) -> Verdict:
    """The value stands as a person read it, as of when the sample was taken."""
    found = situation.record.proposed(given.proposal) if situation.record.proposed else None
    if found is None:
        return refuse(Reason("attachment.proposal_unknown", where="proposal"), category=Category.NOT_FOUND)
    against = [*happened(situation, collected_at=given.collected_at), *_against(situation, given, found)]
    if against:
        return refuse(*against)
    value, unit = str(given.value).strip(), given.unit.strip()
    return (
        ProposalConfirmed(attachment=found.attachment, proposal=given.proposal, fact=found.fact, value=value, unit=unit, collected_at=given.collected_at),
    )


def _against(situation: Situation, given: ConfirmProposal, found: ProposedValue) -> Iterator[Reason]:
    """What stands against it: confirmed before, not this role's to say, no number, or no unit of the fact."""
    if any(entry.event.proposal == given.proposal for entry in situation.case.of(ProposalConfirmed)):
        yield Reason("attachment.proposal_confirmed", where="proposal")
    entry = fact_entry(situation, found.fact)
    if entry is not None and situation.actor.role not in entry.stated_by:
        yield Reason("matching.confirm.not_theirs", {"fact": found.fact, "roles": ", ".join(entry.stated_by)}, where="proposal")
    if not said(given.unit):
        yield Reason("attachment.proposal_no_unit", where="unit")
    elif situation.record.unfit is not None:
        yield from situation.record.unfit(found.fact, str(given.value).strip(), given.unit.strip())


def rendered(event: ProposalConfirmed, writer: Writer) -> None:
    """As Observation that a document was read for."""
    quantity = {"value": as_number(event.value), "unit": event.unit}
    source = {"type": "DocumentReference", "identifier": identifier("urn:baybridge:attachment", event.attachment)}
    content = {"valueQuantity": present(quantity), "derivedFrom": [source]}
    writer.observation(concept("urn:baybridge:fact", event.fact), event.collected_at.isoformat(), content, category="laboratory")


#: What page, command line, FHIR and other nodes know about this command. Other nodes are told of the document's values by nobody but its own laboratory.
COMMAND_ROWS = (
    CommandRow(
        ConfirmProposal, confirm_proposal, roles(Role.PHYSICIAN, Role.LABORATORY),
        (EventRow(ProposalConfirmed, rendered),),
        page="attachments",
        button=None,
        correction=CLINICAL,
        kinds=ANYWHERE,
        needs=reads("proposed", "unfit"),
        blocked=never_blocked,
    ),
)
