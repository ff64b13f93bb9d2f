"""Letting somebody in who helps a patient, and ending it.

Main job: the rules of `AllowCaregiver` and `EndCaregiver`. An account for a caregiver opens nothing by itself: the patient, or who decides for the patient, lets the
person in, case by case. A guardian or representative says so with a paper, and somebody of the hospital records it.

**Source**: PIPL articles 23, 29 (separate consent names recipient and purpose) and 31 (guardian). Elsewhere: what each sees, `helping.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent import rendering
from baybridge.consent.deciding import against_giver, deciding
from baybridge.consent.helping import helpers
from baybridge.consent.rules import BY_DOCUMENT
from baybridge.journey.attachments import not_attached
from baybridge.journey.checks import alive
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import CaregiverAllowed, CaregiverEnded, Giver, Helping, Shown
from baybridge.journey.row import CommandRow, Correction, EventRow, reads, roles
from baybridge.journey.texts import Note, OneOf


def with_account(situation: Situation) -> Collection[str]:
    """The persons who have an account as a caregiver of this patient."""
    return situation.record.caregivers


def helping_now(situation: Situation) -> Collection[str]:
    """The persons who were let in and not ended; who helps ends the own part alone, and is told of nobody else."""
    who, found = situation.actor, [one.event.person_id for one in helpers(situation.case, situation.today)]
    return [one for one in found if who.role is not Role.CAREGIVER or one == who.person]


class AllowCaregiver(Struct, frozen=True, kw_only=True):
    """Somebody who has an account for it may help, and see what is named."""

    person_id: Annotated[str, OneOf(with_account), Meta(description="who; the hospital makes the account first, and sees who it is")]
    capacity: Annotated[Helping, Meta(description="guardian of a child, representative of an adult who cannot decide; else caregiver")] = "caregiver"
    shows: Annotated[tuple[Shown, ...], Meta(description="what a caregiver sees beside the road, the dates and the signs to watch for")] = ()
    valid_until: Annotated[date | None, Meta(description="the last day; until it is ended where left out")] = None
    given_by: Annotated[Giver, Meta(description="who allows it, in which capacity")] = "patient"
    by_document: Annotated[Note, Meta(description=BY_DOCUMENT)] = ""
    attachment: Annotated[str, Meta(description="the signed paper, where it is among the documents of the case")] = ""


class EndCaregiver(Struct, frozen=True, kw_only=True):
    """Somebody who helped sees nothing any more."""

    person_id: Annotated[str, OneOf(helping_now)]
    note: Annotated[Note, Meta(description="why, where somebody should know")] = ""


def allow_caregiver(situation: Situation, given: AllowCaregiver) -> Verdict:
    """The person is let in, or every reason against it."""
    against = [*alive(situation), *_against_capacity(situation, given), *against_giver(situation, given.given_by, given.by_document)]
    against += not_attached(situation.case, given.attachment)
    if not given.person_id.strip():
        against.append(Reason("consent.caregiver.nobody", where="person_id"))
    elif given.person_id == situation.actor.person:
        against.append(Reason("consent.caregiver.oneself", where="person_id"))
    if given.valid_until is not None and given.valid_until < situation.today:
        against.append(Reason("consent.record.already_over", {"day": given.valid_until.isoformat()}, where="valid_until"))
    if against:
        return refuse(*against)
    return (
        CaregiverAllowed(
            person_id=given.person_id,
            capacity=given.capacity,
            shows=tuple(dict.fromkeys(given.shows)) if given.capacity == "caregiver" else (),
            valid_until=given.valid_until,
            given_by=given.given_by,
            by_document=given.by_document.strip(),
            attachment=given.attachment,
        ),
    )


def _against_capacity(situation: Situation, given: AllowCaregiver) -> Iterator[Reason]:
    """A guardian and a representative say so themselves, with their paper, and somebody of the hospital records it."""
    if situation.actor.role is Role.PATIENT and (given.capacity != "caregiver" or given.given_by != "patient"):
        yield Reason("consent.caregiver.staff_records", where="capacity")
    if given.capacity != "caregiver" and given.given_by != given.capacity:
        yield Reason("consent.caregiver.says_itself", {"capacity": given.capacity}, where="given_by")
    if given.capacity == "guardian" and deciding(situation).minor is None:
        yield Reason("consent.caregiver.age_unknown", where="capacity")


def nobody_to_allow(situation: Situation) -> Iterator[Reason]:
    """Nobody has an account as a caregiver of this patient."""
    yield from alive(situation)
    if not situation.record.caregivers:
        yield Reason("consent.caregiver.no_account")


def end_caregiver(situation: Situation, given: EndCaregiver) -> Verdict:
    """The person sees nothing any more."""
    if given.person_id not in helping_now(situation):
        return refuse(Reason("consent.caregiver.none_ended", where="person_id"))
    return (CaregiverEnded(person_id=given.person_id, note=given.note.strip()),)


def nobody_to_end(situation: Situation) -> Iterator[Reason]:
    """Nobody helps who could be ended."""
    if not helping_now(situation):
        yield Reason("consent.caregiver.none_helps")


_STAFF = (Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE)

#: What page, command line, FHIR and other nodes know about these commands; who helps is known at the hospital that made the account, and told to nobody.
COMMAND_ROWS = (
    CommandRow(
        AllowCaregiver, allow_caregiver, roles(*_STAFF, Role.PATIENT),
        (EventRow(CaregiverAllowed, rendering.caregiver_allowed),),
        page="sharing",
        correction=Correction(None, undo="EndCaregiver"),
        purpose="consent",
        needs=reads("caregivers"),
        blocked=nobody_to_allow,
        place=40,
        choices={"person_id": "caregiver_account"},
    ),
    CommandRow(
        EndCaregiver, end_caregiver, roles(*_STAFF, Role.PATIENT, Role.CAREGIVER),
        (EventRow(CaregiverEnded, rendering.caregiver_ended),),
        page="sharing",
        correction=Correction(None, undo="AllowCaregiver"),
        purpose="consent",
        blocked=nobody_to_end,
        place=50,
        choices={"person_id": "caregiver_helping"},
    ),
)
