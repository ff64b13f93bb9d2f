"""Emergency access: somebody without a right to read a case takes it, for a few hours, and everybody concerned is told.

Main job: the rules of `BreakGlass` and `ReviewBreakGlass`, and `open_until(case, account, now)`.

**Source**: contract K17. Elsewhere: who is refused without it, `reading.py` and the node's table of access; hours and roles, document `access/people.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.consent import rendering
from baybridge.documents.people import People
from baybridge.journey.case import Case
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import GlassBroken, GlassReviewed
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, never_blocked, roles
from baybridge.journey.texts import Note

#: As many letters as a reason needs that somebody else can judge later. Convention of this project.
SHORTEST_REASON = 10
#: What holds where a site's document leaves it out. Source: contract K17.


class BreakGlass(Struct, frozen=True, kw_only=True):
    """Read this case now although nothing gives the right to; patient, team and privacy role are told."""

    case: Annotated[str, Meta(description="the case; the one that the command is given on where left out")] = ""
    reason: Annotated[Note, Meta(description="why care cannot wait: the privacy role and the patient read it")]


class ReviewBreakGlass(Struct, frozen=True, kw_only=True):
    """Say whether an emergency access was justified."""

    event_id: Annotated[str, Meta(description="the emergency access that was looked at")]
    justified: bool
    note: Note


def break_glass(situation: Situation, given: BreakGlass) -> Verdict:
    """The case is open to this account for a few hours."""
    rules = situation.documents.the(People).break_glass
    allowed = rules.roles
    if situation.actor.role.value not in allowed:
        roles = ", ".join(sorted(allowed))
        return refuse(Reason("consent.break_glass.role", {"roles": roles, "role": situation.actor.role.value}), category=Category.FORBIDDEN)
    if len(given.reason.strip()) < SHORTEST_REASON:
        return refuse(Reason("consent.break_glass.reason", {"letters": SHORTEST_REASON}, where="reason"))
    until = situation.now + timedelta(hours=rules.hours)
    return (GlassBroken(reason=given.reason.strip(), until=until),)


def review_break_glass(situation: Situation, given: ReviewBreakGlass) -> Verdict:
    """The emergency access was looked at by somebody else than who took it."""
    entry = next((item for item in unreviewed(situation.case) if item.origin.event_id == given.event_id), None)
    against = []
    if entry is None:
        against.append(Reason("consent.break_glass.unknown", where="event_id"))
    elif entry.origin.is_of(situation.actor.account, situation.actor.person):
        against.append(Reason("consent.break_glass.own", where="event_id"))
    if not said(given.note):
        against.append(Reason("consent.break_glass.note", where="note"))
    return refuse(*against) if against else (GlassReviewed(event_id=given.event_id, justified=given.justified, note=given.note.strip()),)


def none_unreviewed(situation: Situation) -> Iterator[Reason]:
    """Nobody took emergency access that somebody else has still to look at."""
    if not unreviewed(situation.case):
        yield Reason("consent.break_glass.none")


def unreviewed(case: Case) -> tuple[Entry[GlassBroken], ...]:
    """Emergency accesses of this case that nobody has looked at yet."""
    done = {entry.event.event_id for entry in case.of(GlassReviewed)}
    return tuple(entry for entry in case.of(GlassBroken) if entry.origin.event_id not in done and not entry.origin.told)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        BreakGlass, break_glass, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST),
        (EventRow(GlassBroken, rendering.broken),),
        page="looked",
        button=None,
        correction=Correction(None, undo="ReviewBreakGlass"),
        kinds=ANYWHERE,
        purpose="emergency",
        blocked=never_blocked,
        unrelated=True,
        names_case=True,
        place=40,
    ),
    CommandRow(
        ReviewBreakGlass, review_break_glass, roles(Role.QUALITY),
        (EventRow(GlassReviewed, rendering.reviewed),),
        page="looked",
        correction=Correction(Role.QUALITY),
        kinds=ANYWHERE,
        purpose="privacy",
        blocked=none_unreviewed,
        place=50,
    ),
)
