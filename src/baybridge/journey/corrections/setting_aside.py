"""Setting aside what another node told wrongly: the rules of `SetAsideEntry` and `ReinstateEntry`.

Main job: quality of this site strikes an entry of another node through, here and with a reason, and another person confirms it. Nothing is deleted, what was worked out
from it is made again, and the node that told it is shown it and puts right what is wrong there. Reinstating takes that back.

That bags are not to be used (a limit that failed, a rejected batch, a quarantine, a discard) is put right by whoever told it alone: no signature here passes it.
Consents and their withdrawal are the patient's word to the node that heard it, and the opening is what the case is: they are not set aside. Calls that went out stay.
**Source**: contract K2; that quality does it, with another person, is a convention of this project. Elsewhere: the fold in `journey/corrected.py`, own entries in
`correcting.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.journey.case import Case
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.corrections import rendering
from baybridge.journey.corrections.correcting import find
from baybridge.journey.corrections.resting import rests_on
from baybridge.journey.entry import Entry, Origin
from baybridge.journey.events import (
    CaseOpened,
    ConsentRecorded,
    ConsentWithdrawn,
    CorrectionReason,
    EntryCorrected,
    EntryReinstated,
    Event,
    LateResultRecorded,
    ProductRejected,
    ProposedCaseRefused,
    QuarantineResolved,
    RapidResponseCalled,
    ShipmentReceived,
    SignAdded,
)
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, Second, never_blocked, reads, roles, with_quality
from baybridge.journey.texts import Note

#: What its own node alone puts right: the patient's word, what the case is, and an answer that was given.
_THEIRS_ALONE = (CaseOpened, ConsentRecorded, ConsentWithdrawn, ProposedCaseRefused, EntryCorrected, EntryReinstated)
_CALLS = (RapidResponseCalled, SignAdded)


class SetAsideEntry(Struct, frozen=True, kw_only=True):
    """An entry of another node does not count here."""

    event_id: Annotated[str, Meta(description="the entry of another node, by the id that stands in the timeline")]
    reason: CorrectionReason
    note: Annotated[Note, Meta(description="what the reader of the struck entry should know")] = ""


class ReinstateEntry(Struct, frozen=True, kw_only=True):
    """An entry of another node that was set aside here counts again."""

    event_id: Annotated[str, Meta(description="the entry that was set aside, by the id that stands in the timeline")]
    note: Annotated[Note, Meta(description="what the reader of the struck entry should know")] = ""


def set_aside_entry(situation: Situation, given: SetAsideEntry) -> Verdict:
    """The entry is struck through here, with what its node worked out with it."""
    entry = find(situation.case, given.event_id)
    if entry is None:
        return refuse(Reason("correction.unknown", where="event_id"), category=Category.NOT_FOUND)
    gone = _with_it(situation, entry)
    reasons = [*against(situation, entry), *_depending(situation, gone)]
    if given.reason == "other" and not said(given.note):
        reasons.append(Reason("correction.no_note", where="note"))
    if reasons:
        already = any(reason.code == "correction.already" for reason in reasons)
        return refuse(*reasons, category=Category.CONFLICT if already else Category.REFUSED)
    note = given.note.strip()
    return tuple(EntryCorrected(event_id=one.origin.event_id, action="void", reason=given.reason, note=note) for one in gone)


def against(situation: Situation, entry: Entry[Event]) -> Iterator[Reason]:
    """Why this person does not set this entry aside, whatever they would say about it."""
    by = next((struck for struck in situation.case.struck if struck.entry.origin.event_id == entry.origin.event_id), None)
    if by is not None:
        yield Reason("correction.already", {"state": by.state, "replaced_by": by.by.event.replaced_by or ""}, where="event_id")
    elif not entry.origin.told:
        yield Reason("correction.aside.own", where="event_id")
    elif isinstance(entry.event, _THEIRS_ALONE):
        yield Reason("correction.elsewhere", {"node": entry.origin.node})
    elif isinstance(entry.event, _CALLS):
        yield Reason("correction.computed")
    elif _forbids_a_product(entry.event):
        yield Reason("correction.aside.forbids", {"node": entry.origin.node})
    if Role.QUALITY not in situation.actor.roles or situation.actor.organisation != situation.site.organisation:
        yield Reason("correction.aside.not_yours")


def _forbids_a_product(event: Event) -> bool:
    """Whether an entry says that bags are not to be used: no signature of another house passes that, and whoever told it wrongly puts it right."""
    if isinstance(event, LateResultRecorded):
        return bool(event.failed)
    if isinstance(event, ShipmentReceived):
        return event.disposition == "quarantined"
    return isinstance(event, ProductRejected) or (isinstance(event, QuarantineResolved) and event.decision == "discard")


def _with_it(situation: Situation, entry: Entry[Event]) -> list[Entry[Event]]:
    """The entry, and what its node worked out in the same step: told with the same author and moment, and entered by nobody."""
    making, origin = situation.record.making, entry.origin
    computed = making.computed if making is not None else frozenset()

    def beside(one: Entry[Event]) -> bool:
        same = (one.origin.node, one.origin.actor, one.origin.recorded_at) == (origin.node, origin.actor, origin.recorded_at)
        return one.origin.told and same and type(one.event) in computed and not isinstance(one.event, _CALLS) and type(entry.event) not in computed

    return [entry, *(one for one in situation.case.entries if one.origin.event_id != origin.event_id and beside(one))]


def _depending(situation: Situation, gone: Sequence[Entry[Event]]) -> Iterator[Reason]:
    resting = rests_on(situation.case, [one.origin.event_id for one in gone], situation.site.zone)
    if resting:
        ids = tuple(one.origin.event_id for one in resting)
        yield Reason("correction.depends", {"event_ids": ids, "count": len(ids)})


def reinstate_entry(situation: Situation, given: ReinstateEntry) -> Verdict:
    """The entry, and what was set aside with it, counts again."""
    struck = set_aside_here(situation.case)
    if given.event_id not in struck:
        return refuse(Reason("correction.aside.not_set_aside", where="event_id"), category=Category.CONFLICT)
    if Role.QUALITY not in situation.actor.roles or situation.actor.organisation != situation.site.organisation:
        return refuse(Reason("correction.aside.not_yours"))
    by = struck[given.event_id]
    together = [event_id for event_id, one in struck.items() if (one.recorded_at, one.actor) == (by.recorded_at, by.actor)]
    return tuple(EntryReinstated(event_id=event_id, note=given.note.strip()) for event_id in together)


def set_aside_here(case: Case) -> dict[str, Origin]:
    """By entry of another node that does not count here: who set it aside, and when."""
    return {one.entry.origin.event_id: one.by.origin for one in case.struck if one.entry.origin.told and not one.by.origin.told}


#: What another house signed is not struck through by one person: of the two, one is of quality.
_TWO = Second("approved", among=with_quality)

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        SetAsideEntry, set_aside_entry, roles(Role.QUALITY),
        (EventRow(EntryCorrected, rendering.corrected),),
        page="timeline",
        correction=Correction(None, undo="ReinstateEntry"),
        kinds=ANYWHERE,
        needs=reads("making"),
        blocked=never_blocked,
        button=None,
        second=_TWO,
    ),
    CommandRow(
        ReinstateEntry, reinstate_entry, roles(Role.QUALITY),
        (EventRow(EntryReinstated, rendering.reinstated),),
        page="timeline",
        correction=Correction(None, undo="SetAsideEntry"),
        kinds=ANYWHERE,
        needs=reads("making"),
        blocked=never_blocked,
        button=None,
        second=_TWO,
    ),
)
