"""A second person confirms what somebody entered, or does not agree.

Main job: the rule of `ConfirmEntry`, `open_ones(case, now)`, and `against_confirming(situation, given)`: another person, in a role that may, in time, once.

What happens on a yes is the command that was asked about; the node gives it with both signatures (`node/commands/confirming.py`).
**Source**: contract K3; 21 CFR 11.50, 11.70, 11.200; chain of identity rule F2.3 (two-person check).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.case import Case
from baybridge.journey.checks import TWO_PEOPLE, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import ConfirmationAsked, ConfirmationDeclined
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, never_blocked, roles
from baybridge.journey.texts import Note
from baybridge.signing import rendering


class ConfirmEntry(Struct, frozen=True, kw_only=True):
    """Confirm what another person entered, or say that you do not agree."""

    confirmation_id: Annotated[str, Meta(description="what the command that waits answered")]
    agrees: bool
    note: Annotated[Note, Meta(description="why not, where you do not agree")] = ""


def asked(case: Case, confirmation_id: str) -> Entry[ConfirmationAsked] | None:
    """The confirmation of an id, asked at this node."""
    found = (entry for entry in case.of(ConfirmationAsked) if not entry.origin.told)
    return next((entry for entry in found if entry.event.confirmation_id == confirmation_id), None)


def answered(case: Case) -> frozenset[str]:
    """The confirmations that were given or declined."""
    given = {signature.confirmation_id for entry in case.history for signature in entry.event.signed_by}  # one that was struck through was confirmed all the same
    return frozenset(given | {entry.event.confirmation_id for entry in case.of(ConfirmationDeclined)}) - {""}


def open_ones(case: Case, now: datetime) -> tuple[Entry[ConfirmationAsked], ...]:
    """What still waits for a second person at this node."""
    over = answered(case)
    waiting = (entry for entry in case.of(ConfirmationAsked) if not entry.origin.told and entry.event.confirmation_id not in over)
    return tuple(entry for entry in waiting if now < entry.event.expires_at)


def confirm_entry(situation: Situation, given: ConfirmEntry) -> Verdict:
    """The no of the second person, or why nothing can be confirmed. On a yes no event of its own follows: what was confirmed carries the signature."""
    against = tuple(against_confirming(situation, given))
    if against:
        category = Category.FORBIDDEN if all(reason.code in _ABOUT_WHO for reason in against) else Category.CONFLICT
        return Refusal(category, against)
    entry = asked(situation.case, given.confirmation_id)
    if given.agrees or entry is None:
        return ()
    if not said(given.note):
        return refuse(Reason("signing.confirm.no_note", where="note"))
    return (ConfirmationDeclined(confirmation_id=given.confirmation_id, command=entry.event.command, note=given.note.strip()),)


_ABOUT_WHO = frozenset({"signing.confirm.nobody", "signing.confirm.same_person", "signing.confirm.role", "signing.confirm.organisation"})


def against_confirming(situation: Situation, given: ConfirmEntry) -> Iterator[Reason]:
    """Every reason against an answer of this person."""
    entry = asked(situation.case, given.confirmation_id)
    if entry is None:
        yield Reason("signing.confirm.unknown", where="confirmation_id")
        return
    if given.confirmation_id in answered(situation.case):
        yield Reason("signing.confirm.answered", where="confirmation_id")
    elif situation.now >= entry.event.expires_at:
        yield Reason("signing.confirm.over", {"command": entry.event.command}, where="confirmation_id")
    if not situation.actor.person:
        yield Reason("signing.confirm.nobody")
    elif situation.actor.person in {signature.person for signature in entry.event.signed_by}:
        yield Reason("signing.confirm.same_person", source=TWO_PEOPLE)
    if not situation.actor.roles & {*entry.event.roles}:
        yield Reason("signing.confirm.role", {"roles": ", ".join(sorted(entry.event.roles)), "role": situation.actor.role.value})
    if entry.event.organisations and situation.actor.organisation not in entry.event.organisations:
        yield Reason("signing.confirm.organisation", {"organisations": ", ".join(entry.event.organisations)})


#: Whoever signs in may be asked; which roles confirm stands in each confirmation.
_PEOPLE = roles(*(role for role in Role if role not in (Role.NODE, Role.SYSTEM, Role.PATIENT, Role.CAREGIVER)))

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ConfirmEntry, confirm_entry, _PEOPLE,
        (EventRow(ConfirmationDeclined, rendering.declined),),
        page="overview",
        button=None,
        correction=Correction(None),
        kinds=ANYWHERE,
        blocked=never_blocked,
        place=90,
    ),
)

#: A confirmation is asked by whichever command needs one.
EVENT_ROWS = (EventRow(ConfirmationAsked, rendering.asked, computed=True),)
