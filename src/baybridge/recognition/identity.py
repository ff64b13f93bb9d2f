"""Whose record it is: a person confirms, refuses, or takes back that another record is this patient's.

Main job: the rules of `ConfirmIdentity`, `RefuseIdentity` and `UndoIdentity`. A confirmation names what was seen; where something
contradicts (another number, birth date or sex), it also says why it holds all the same. The newest word counts.

**Source**: exchange contract, "recognise" (`patient_match`); policy reference A2 and A3, MR-001. Elsewhere: who may be whom in
`record/identity/matching.py`; what follows an answer in `node/intake/identity.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation
from baybridge.journey.events import Event, IdentityLinked, IdentityRefused, IdentityUndone
from baybridge.journey.identities import Identity, identities_of
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, roles
from baybridge.journey.texts import Note
from baybridge.recognition import rendering

_SOURCE = "exchange contract, patient_match"
#: Reasons that speak against one person; a confirmation in spite of one is explained.
AGAINST = ("identifier.clash", "identifier.slip", "birth.different", "birth.slip", "name.different", "sex.different")


class ConfirmIdentity(Struct, frozen=True, kw_only=True):
    """The other record is this patient's."""

    question: Annotated[str, Meta(description="which other record: id of the question in the case")]
    seen: Annotated[
        Literal["identity_document", "travel_permit", "passport", "asked_laboratory", "asked_patient"],
        Meta(description="what the person who confirms saw or whom they asked"),
    ]
    note: Annotated[Note | None, Meta(description="why it holds where something contradicts")] = None


class RefuseIdentity(Struct, frozen=True, kw_only=True):
    """The other record is somebody else's."""

    question: Annotated[str, Meta(description="which other record: id of the question in the case")]
    because: Annotated[Note, Meta(description="what shows it, without names or numbers")]


class UndoIdentity(Struct, frozen=True, kw_only=True):
    """A link was wrong."""

    question: Annotated[str, Meta(description="which other record: id of the question in the case")]
    because: Annotated[Note, Meta(description="what was wrong, without names or numbers")]


def confirm_identity(situation: Situation, given: ConfirmIdentity) -> tuple[Event, ...] | Refusal:
    """The link, or every reason against it."""
    found = _found(situation, given.question)
    reasons = [*_unknown(found)]
    if found is not None and found.state == "linked":
        reasons.append(Reason("recognition.identity.linked_already", where="question"))
    contradicting = contradictions(found) if found is not None else ()
    if contradicting and not said(given.note):
        reasons.append(Reason("recognition.identity.note_needed", {"count": len(contradicting)}, _SOURCE, "note"))
    if reasons:
        return refuse(*reasons, category=_category(found))
    return (IdentityLinked(question=given.question, basis="confirmed", seen=given.seen, note=(given.note or "").strip()),)


def refuse_identity(situation: Situation, given: RefuseIdentity) -> tuple[Event, ...] | Refusal:
    """That it is somebody else, or every reason against saying so."""
    found = _found(situation, given.question)
    reasons = [*_unknown(found), *_because(given.because)]
    if found is not None and found.state == "linked":
        reasons.append(Reason("recognition.identity.undo_first", where="question"))
    if found is not None and found.state in ("refused", "undone"):
        reasons.append(Reason("recognition.identity.refused_already", where="question"))
    if reasons:
        return refuse(*reasons, category=_category(found))
    return (IdentityRefused(question=given.question, because=given.because.strip()),)


def undo_identity(situation: Situation, given: UndoIdentity) -> tuple[Event, ...] | Refusal:
    """That the link is taken back, or every reason against it."""
    found = _found(situation, given.question)
    reasons = [*_unknown(found), *_because(given.because)]
    if found is not None and found.state != "linked":
        reasons.append(Reason("recognition.identity.not_linked", where="question"))
    if reasons:
        return refuse(*reasons, category=_category(found))
    return (IdentityUndone(question=given.question, because=given.because.strip()),)


def nothing_asked(situation: Situation) -> Iterator[Reason]:
    """No other record was ever found that may be this patient's."""
    if not identities_of(situation.case):
        yield Reason("recognition.identity.nothing_asked")


def none_linked(situation: Situation) -> Iterator[Reason]:
    """There is no link that could be taken back."""
    if not any(item.state == "linked" for item in identities_of(situation.case)):
        yield Reason("recognition.identity.none_linked")


def contradictions(found: Identity) -> tuple[str, ...]:
    """The reasons of a question that speak against one person."""
    return tuple(code for code in found.asked.event.reasons if code.split(":")[0] in AGAINST)


def _found(situation: Situation, question: str) -> Identity | None:
    return next((item for item in identities_of(situation.case) if item.question == question), None)


def _unknown(found: Identity | None) -> Iterator[Reason]:
    if found is None:
        yield Reason("recognition.identity.unknown", where="question")


def _because(text: str) -> Iterator[Reason]:
    if not said(text):
        yield Reason("recognition.identity.because_needed", where="because")


def _category(found: Identity | None) -> Category:
    return Category.NOT_FOUND if found is None else Category.INVALID


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ConfirmIdentity, confirm_identity, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY),
        (EventRow(IdentityLinked, rendering.linked),),
        page="identity",
        correction=Correction(None, undo="UndoIdentity"),
        kinds=ANYWHERE,
        step="identity",
        blocked=nothing_asked,
        button=None,
    ),
    CommandRow(
        RefuseIdentity, refuse_identity, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.LABORATORY),
        (EventRow(IdentityRefused, rendering.not_the_same),),
        page="identity",
        correction=Correction(None, undo="ConfirmIdentity"),
        kinds=ANYWHERE,
        step="identity",
        blocked=nothing_asked,
        button=None,
    ),
    CommandRow(
        UndoIdentity, undo_identity, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.QUALITY),
        (EventRow(IdentityUndone, rendering.undone),),
        page="identity",
        correction=Correction(None, undo="ConfirmIdentity"),
        kinds=ANYWHERE,
        step="identity",
        blocked=none_linked,
        button=None,
    ),
)
