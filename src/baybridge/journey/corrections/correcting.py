"""Putting right what was entered: the rule of `CorrectEntry`.

Main job: void an entry, or replace it by what the command that made it answers to another input as of the entry's own time. The entry stays in the history, with who
struck it through and why; what the same command worked out with it goes with it.

**Source**: contract K2. Elsewhere: what rests on an entry in `resting.py`, the fold in `journey/corrected.py`, what follows from a correction in `node/corrections`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.case import Case
from baybridge.journey.checks import said
from baybridge.journey.command import Actor, Role, Situation, Verdict
from baybridge.journey.corrected import Struck
from baybridge.journey.corrections import rendering
from baybridge.journey.corrections.resting import rests_on
from baybridge.journey.entry import Entry
from baybridge.journey.events import (
    CallEscalated,
    CallNotified,
    CorrectionReason,
    EntryCorrected,
    Event,
    GradeConfirmed,
    RapidResponseCalled,
    ShipmentReceived,
)
from baybridge.journey.judged import Judged
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, Second, never_blocked, reads, roles
from baybridge.journey.texts import Note


class CorrectEntry(Struct, frozen=True, kw_only=True):
    """An entry is put right: struck through, or replaced."""

    event_id: Annotated[str, Meta(description="the entry, by the id that stands in the timeline")]
    action: Literal["void", "replace"]
    reason: CorrectionReason
    note: Annotated[Note, Meta(description="what the reader of the struck entry should know")] = ""
    given: Annotated[dict[str, Any] | None, Meta(description="the whole input of the command that made the entry; with replace only")] = None


@dataclass(frozen=True, slots=True)
class Making:
    """What this node knows of how entries were made.

    `rows` are the commands that make a kind of event, `computed` the kinds that no person enters; `together(event_id)` answers the ids that one command recorded with
    an entry; `again(row, case, at, actor, given)` answers what a command's rule would have said to an input at an earlier moment of a case, or why the input is none;
    `beside(row, case, at, actor, given, old)` what stands against it because of everything else that stands now.
    """

    rows: Mapping[type[Event], tuple[CommandRow, ...]]
    computed: frozenset[type[Event]]
    together: Callable[[str], Sequence[str]]
    again: Callable[[CommandRow, Case, datetime, Actor, Mapping[str, Any]], Verdict]
    beside: Callable[[CommandRow, Case, datetime, Actor, Mapping[str, Any], Event], Sequence[Reason]]


@dataclass(frozen=True, slots=True)
class _Change:
    """One entry that does not hold, and what stands instead, if anything."""

    old: Entry[Any]
    new: Event | None = None


def correct_entry(situation: Situation, given: CorrectEntry) -> Verdict:
    """The correction of the entry and of what was worked out with it, and the entries that stand instead."""
    entry, making = find(situation.case, given.event_id), situation.record.making
    if entry is None or making is None:
        return refuse(Reason("correction.unknown", where="event_id"), category=Category.NOT_FOUND)
    against = [*_against(situation, making, entry), *_input(given)]
    if against:
        already = any(reason.code == "correction.already" for reason in against)
        return refuse(*against, category=Category.CONFLICT if already else Category.REFUSED)
    return _put_right(situation, making, entry, given)


def _put_right(situation: Situation, making: Making, entry: Entry[Event], given: CorrectEntry) -> Verdict:
    together = _together(situation.case, making, entry)
    made = _made_again(situation, making, together, given) if given.action == "replace" else ()
    if isinstance(made, Refusal):
        return made
    changes, beside = _replaced(making, together, made) if given.action == "replace" else (_voided(making, entry, together), [])
    against = [*_depending(situation, changes)]
    return refuse(*against) if against else _judged(situation, given, changes, beside)


def find(case: Case, event_id: str) -> Entry[Event] | None:
    """The entry of that id, standing or struck; one that stands at another's place has the other's times."""
    found = next((entry for entry in case.entries if entry.origin.event_id == event_id), None)
    return found or next((entry for entry in case.history if entry.origin.event_id == event_id), None)


# --- who may, and what cannot be corrected --------------------------------------------------------------------------


def against(situation: Situation, entry: Entry[Event]) -> Iterator[Reason]:
    """Why this person does not put this entry right, whatever they would say about it; what rests on it is asked later."""
    if situation.record.making is not None:
        yield from _against(situation, situation.record.making, entry)


def _against(situation: Situation, making: Making, entry: Entry[Event]) -> Iterator[Reason]:
    by = next((struck for struck in situation.case.struck if struck.entry.origin.event_id == entry.origin.event_id), None)
    if by is not None:
        yield _already(by)
    elif entry.origin.told or entry.origin.node != situation.site.node:
        yield Reason("correction.elsewhere", {"node": entry.origin.node})
    elif isinstance(entry.event, EntryCorrected):
        yield Reason("correction.own_undo", {"command": "CorrectEntry"})
    else:
        yield from _not_correctable(situation, making, entry)


def _already(struck: Struck) -> Reason:
    return Reason("correction.already", {"state": struck.state, "replaced_by": struck.by.event.replaced_by or ""}, where="event_id")


def _not_correctable(situation: Situation, making: Making, entry: Entry[Event]) -> Iterator[Reason]:
    rows = making.rows.get(type(entry.event), ())
    if not rows or type(entry.event) in making.computed or entry.origin.role in (Role.SYSTEM.value, Role.NODE.value):
        yield Reason("correction.computed")
        return
    correction = rows[0].correction
    if correction.undo is not None:
        yield Reason("correction.own_undo", {"command": correction.undo})
    elif correction.role is None:
        yield Reason("correction.final")
    elif not _may(situation, entry, correction):
        yield Reason("correction.not_yours", {"role": correction.role.value})


def _may(situation: Situation, entry: Entry[Event], correction: Correction) -> bool:
    """Whoever entered it, in the same role, or at this site the role that answers for such entries."""
    actor, origin = situation.actor, entry.origin
    own = actor.account == origin.actor and actor.role.value == origin.role
    return own or (correction.role in actor.roles and actor.organisation == situation.site.organisation)


def _input(given: CorrectEntry) -> Iterator[Reason]:
    if given.action == "replace" and given.given is None:
        yield Reason("correction.no_input", where="given")
    if given.action == "void" and given.given:
        yield Reason("correction.void_with_input", where="given")
    if given.reason == "other" and not said(given.note):
        yield Reason("correction.no_note", where="note")


# --- what is struck through, and what stands instead ----------------------------------------------------------------


def _together(case: Case, making: Making, entry: Entry[Event]) -> list[Entry[Event]]:
    """The standing entries that one command recorded, this one among them, in order; each as what stands for it now."""
    instead = {struck.entry.origin.event_id: struck.by.event.replaced_by for struck in case.struck}
    ids = {entry.origin.event_id}
    for event_id in making.together(entry.origin.event_id):
        last: str | None = event_id
        while last in instead:
            last = instead[last]
        ids |= {last} if last else set()
    return [one for one in case.entries if one.origin.event_id in ids and not isinstance(one.event, _CALLS)]


#: Calls that went out stay: what becomes of one whose sign was never there is `node/corrections/again.py`'s.
_CALLS = (RapidResponseCalled, CallNotified, CallEscalated)


def _made_again(situation: Situation, making: Making, together: Sequence[Entry[Event]], given: CorrectEntry) -> tuple[Event, ...] | Refusal:
    """What the command would have answered at the entry's own time to the input that is right."""
    first = together[0]
    kinds = {type(entry.event) for entry in together}
    candidates = sorted(making.rows[_entered(making, together)], key=lambda row: not kinds <= {event.event for event in row.events})
    verdicts = [_judged_again(situation, making, together, row, actor, given.given or {}) for row in candidates for actor in _in_whose_role(situation, row, first)]
    verdict = next((one for one in verdicts if not isinstance(one, Refusal)), verdicts[0])
    if isinstance(verdict, Refusal):
        return verdict
    events = verdict.events if isinstance(verdict, Judged) else verdict
    refusal = verdict.refusal if isinstance(verdict, Judged) else None
    return refusal or events


def _in_whose_role(situation: Situation, row: CommandRow, entry: Entry[Event]) -> Iterator[Actor]:
    """In whose role an entry is judged anew: that of whoever made it, else that of whoever puts it right, where that role gives the command."""
    origin, role = entry.origin, situation.actor.role
    yield Actor(origin.actor, Role(origin.role), origin.organisation)
    if role.value != origin.role and role in row.roles:
        yield Actor(origin.actor, role, origin.organisation)


def _judged_again(
    situation: Situation, making: Making, together: Sequence[Entry[Event]], row: CommandRow, actor: Actor, given: Mapping[str, Any]
) -> Verdict:
    """The verdict of one command at the entry's own time, refused too for what stands against it beside everything that was recorded since."""
    first, case = together[0], situation.case
    verdict = making.again(row, before(case, case.entries.index(first)), first.origin.at, actor, given)
    without = replace(case, entries=tuple(entry for entry in case.entries if entry not in together))
    old = next(entry.event for entry in together if type(entry.event) in {event.event for event in row.events})
    others = making.beside(row, without, first.origin.at, actor, given, old)
    said_already = {reason.code for reason in verdict.reasons} if isinstance(verdict, Refusal) else set()
    more = [reason for reason in others if reason.code not in said_already]
    if isinstance(verdict, Refusal):
        return Refusal(verdict.category, (*verdict.reasons, *more))
    return refuse(*more) if more else verdict


def before(case: Case, place: int) -> Case:
    """The case as it stood before the entry at a place, by what is known now."""
    entries = case.entries[:place]
    return replace(case, entries=entries, history=entries, struck=())


def _entered(making: Making, together: Sequence[Entry[Event]]) -> type[Event]:
    return next(type(entry.event) for entry in together if type(entry.event) not in making.computed and not isinstance(entry.event, EntryCorrected))


def _voided(making: Making, entry: Entry[Event], together: Sequence[Entry[Event]]) -> list[_Change]:
    """The entry with what was worked out with it; what was entered beside it stands."""
    return [_Change(one) for one in together if one is entry or type(one.event) in making.computed or one.origin.event_id == entry.origin.event_id]


def _replaced(making: Making, together: Sequence[Entry[Event]], made: Sequence[Event]) -> tuple[list[_Change], list[Event]]:
    """Each entry of the command with its counterpart, void where there is none, and what was made beside.

    The counterpart is of the same kind and in order, else the next that has none.
    """
    left = list(made)
    pairs: dict[str, Event] = {}
    for alike in (True, False):
        for entry in together:
            if entry.origin.event_id in pairs:
                continue
            fitting = [event for event in left if not alike or type(event) is type(entry.event)]
            if fitting:
                left.remove(fitting[0])
                pairs[entry.origin.event_id] = _as_issued(making, entry.event, fitting[0])
    return [_Change(entry, pairs.get(entry.origin.event_id)) for entry in together], left


#: What a step issues and labels, forms and other nodes name since: a correction issues nothing anew.
_ISSUED = ("chain_of_identity", "shipment_id", "claim_id", "enrolment_id", "consent_id", "card", "slot_id", "booking_id", "call_id")


def _as_issued(making: Making, old: Event, new: Event) -> Event:
    """The new event with the identifiers that the old one issued; those that a person typed are as typed."""
    if type(old) is not type(new):
        return new
    typed = {name for row in making.rows.get(type(old), ()) for name in row.form}
    kept = {name: getattr(old, name) for name in _ISSUED if name not in typed and hasattr(old, name)}
    return msgspec.structs.replace(new, **kept) if kept else new


# --- what stands against it -----------------------------------------------------------------------------------------


def _depending(situation: Situation, changes: Sequence[_Change]) -> Iterator[Reason]:
    instead = [Entry(change.new, change.old.origin) for change in changes if change.new is not None]
    gone = [change.old.origin.event_id for change in changes]
    resting = rests_on(situation.case, gone, situation.site.zone, instead)
    if resting:
        ids = tuple(entry.origin.event_id for entry in resting)
        yield Reason("correction.depends", {"event_ids": ids, "count": len(ids)})


# --- a second person ------------------------------------------------------------------------------------------------


def asks_second(situation: Situation, given: CorrectEntry) -> bool:
    """Whether another person confirms this correction; what is refused anyway asks nobody."""
    entry, making = find(situation.case, given.event_id), situation.record.making
    if entry is None or making is None or any(_against(situation, making, entry)):
        return False
    rule = making.rows[type(entry.event)][0].correction.second
    lowered = rule == "lowered" and _lowers(entry.event, given)
    return rule == "always" or lowered or _read_by_two(entry.event, given) or _holds_bags(situation.case, entry.event)


def _read_by_two(event: Event, given: CorrectEntry) -> bool:
    """Whether two persons signed what is replaced: what stands instead is signed by two again."""
    return given.action == "replace" and len({one.person for one in event.signed_by}) > 1


def _holds_bags(case: Case, event: Event) -> bool:
    """Whether bags are in quarantine by this arrival: what takes them out of it is decided by two, one of them of quality, as `ResolveQuarantine` is."""
    return isinstance(event, ShipmentReceived) and event.disposition == "quarantined" and bool(case.quarantined & set(event.bags))


def _lowers(event: Event, given: CorrectEntry) -> bool:
    """Whether a lower grade stands afterwards, or one that is not known; what is no grade is never lowered."""
    if not isinstance(event, GradeConfirmed):
        return False
    grade = (given.given or {}).get("grade") if given.action == "replace" else event.computed
    return not isinstance(grade, int) or grade < event.grade


def second_roles(situation: Situation, given: CorrectEntry | None) -> frozenset[Role]:
    """Who confirms: the roles that give the command which made the entry, the one that answers for such entries, and quality.

    Of two who put right what quality answers for, one is of quality.
    """
    if given is None:  # no entry is named yet
        return frozenset({Role.PHYSICIAN, Role.QUALITY, Role.COORDINATOR})
    entry, making = find(situation.case, given.event_id), situation.record.making
    rows = making.rows.get(type(entry.event), ()) if entry is not None and making is not None else ()
    signed = rows[0].second if rows and entry is not None and _read_by_two(entry.event, given) else None
    if signed is not None:
        return signed.who(rows[0], situation, given)
    of_quality = any(row.correction == Correction(Role.QUALITY, second="always") for row in rows) or (entry is not None and _holds_bags(situation.case, entry.event))
    if situation.actor.role is not Role.QUALITY and of_quality:
        return frozenset({Role.QUALITY})
    return frozenset({Role.QUALITY, *(role for row in rows for role in (*row.roles, row.correction.role) if role is not None)})


# --- the verdict ----------------------------------------------------------------------------------------------------


def _judged(situation: Situation, given: CorrectEntry, changes: Sequence[_Change], beside: Sequence[Event]) -> Judged:
    """The corrections, that of the entry first, then what stands instead under the ids that they name, then what was made beside."""
    first = [change for change in changes if change.old.origin.event_id == given.event_id]
    ordered = [*first, *(change for change in changes if change not in first)]
    names = {change.old.origin.event_id: situation.new_id() for change in ordered if change.new is not None}
    corrections = [
        EntryCorrected(
            event_id=change.old.origin.event_id,
            action="void" if change.new is None else "replace",
            reason=given.reason,
            note=given.note.strip(),
            replaced_by=names.get(change.old.origin.event_id),
        )
        for change in ordered
    ]
    instead = [change.new for change in ordered if change.new is not None]
    return Judged((*corrections, *instead, *beside), event_ids=(*("" for _ in corrections), *names.values()))


#: What page, command line, FHIR and other nodes know about the command.
COMMAND_ROWS = (
    CommandRow(
        CorrectEntry, correct_entry,
        roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY, Role.PAYER),
        (EventRow(EntryCorrected, rendering.corrected),),
        page="timeline",
        correction=Correction(None, undo="CorrectEntry"),
        kinds=ANYWHERE,
        needs=reads("making"),
        blocked=never_blocked,
        button=None,
        second=Second("approved", when=asks_second, among=second_roles),
    ),
)
