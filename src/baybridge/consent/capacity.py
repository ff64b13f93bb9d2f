"""A physician says whether the patient can decide.

Main job: the rule of `StateCapacity`. It goes before what a grade says, until a later grade says otherwise; a "no" is lifted by a physician alone.

**Source**: who decides rests on it, `deciding.py`; no form of the assessment is laid down here.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent import rendering
from baybridge.journey.checks import Moment, alive, happened, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import CapacityStated
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note


class StateCapacity(Struct, frozen=True, kw_only=True):
    """A physician saw the patient and says whether the patient can decide."""

    can_decide: Annotated[bool, Meta(description="whether the patient understands, weighs and says what is decided")]
    seen_at: Moment
    note: Annotated[Note, Meta(description="what it rests on")]


def state_capacity(situation: Situation, given: StateCapacity) -> Verdict:
    """The statement stands, from when the patient was seen."""
    against = [*alive(situation), *happened(situation, seen_at=given.seen_at)]
    if not said(given.note):
        against.append(Reason("consent.capacity.note", where="note"))
    if against:
        return refuse(*against)
    return (CapacityStated(can_decide=given.can_decide, seen_at=given.seen_at, note=given.note.strip()),)


#: What page, command line, FHIR and other nodes know about this command.
COMMAND_ROWS = (
    CommandRow(
        StateCapacity, state_capacity, roles(Role.PHYSICIAN),
        (EventRow(CapacityStated, rendering.capacity, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="sharing",
        correction=CLINICAL,
        place=15,
        signed="decided",
    ),
)
