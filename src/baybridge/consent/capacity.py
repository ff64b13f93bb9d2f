"""A physician says whether the patient can decide.

Main job: the rule of `StateCapacity`. It goes before what a grade says, until a later grade says otherwise; a "no" is lifted by a physician alone.

**Source**: who decides rests on it, `deciding.py`; no form of the assessment is laid down here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent import rendering
from baybridge.documents.people import People
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, happened, longer_than, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import CapacityStated
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note


class StateCapacity(Struct, frozen=True, kw_only=True):
    """A physician saw the patient and says whether the patient can decide."""

    can_decide: Annotated[bool, Meta(description="whether the patient understands, weighs and says what is decided")]
    seen_at: Moment
    note: Annotated[Note, Meta(description="what it rests on")]
    unusual: Unusual = False


def state_capacity(situation: Situation, given: StateCapacity) -> Verdict:
    """The statement stands, from when the patient was seen."""
    against = [*alive(situation), *happened(situation, seen_at=given.seen_at)]
    if not said(given.note):
        against.append(Reason("consent.capacity.note", where="note"))
    against.extend(asked_once((*_long_ago(situation, given), *_beside_the_grade(situation, given)), unusual=given.unusual))
    if against:
        return refuse(*against)
    return (CapacityStated(can_decide=given.can_decide, seen_at=given.seen_at, note=given.note.strip()),)


def _long_ago(situation: Situation, given: StateCapacity) -> Iterator[Reason]:
    """The patient was seen so long ago that the statement may no longer hold."""
    hours = situation.documents.the(People).deciding.statement_max_age_h
    if longer_than(given.seen_at, situation.now, hours):
        found = int((situation.now - given.seen_at).total_seconds() // 3600)
        yield Reason("consent.capacity.long_ago", {"found": found, "hours": hours}, source=CONVENTION, where="unusual")


def _beside_the_grade(situation: Situation, given: StateCapacity) -> Iterator[Reason]:
    """ICANS stands at a grade from which a patient is taken to be unable, and the statement says able."""
    standing, least = situation.case.grades.get("icans-astct-2019"), situation.documents.the(People).deciding.unable_from_icans
    if given.can_decide and standing is not None and standing.at_most >= least:
        yield Reason("consent.capacity.icans_stands", {"grade": standing.at_most}, source=CONVENTION, where="unusual")


#: Both questions are asked once and pass where the physician means it.
CONVENTION = "convention of this project: no published threshold of capacity by grade of ICANS, and no age of a statement, was found"

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
