"""What a patient writes to the team, and the answer: questions, how a day went, signs to watch for.

Main job: the rules of `WriteToTeam` and `AnswerPatient`; `letters_of(case)`, each with its answer; `unanswered(case)`. A letter with a sign calls nobody by
itself: the page tells the patient to call at once, and the letter is a red task of the nurse until a nurse or physician says what was done,
from a closed set: words such as "ok" end nothing.

**Source**: convention of this project. Elsewhere: the signs and what can be done about one in `data/telling/patients.yaml`, the task in `node/upkeep/attention.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.documents.patients import Patients
from baybridge.followup import rendering
from baybridge.journey.case import Case
from baybridge.journey.checks import alive, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import PatientAnswered, PatientWrote
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, roles
from baybridge.journey.texts import Note, OneOf


def signs(situation: Situation) -> Collection[str]:
    """The signs to watch for, by the document in force."""
    return [sign.code for sign in situation.documents.the(Patients).signs]


def dealings(situation: Situation) -> Collection[str]:
    """What can have been done about a sign, by the document in force."""
    return [one.code for one in situation.documents.the(Patients).dealings]


class WriteToTeam(Struct, frozen=True, kw_only=True):
    """The patient writes to the team."""

    watched: Annotated[tuple[Annotated[str, OneOf(signs)], ...], Meta(description="signs to watch for that are felt now")] = ()
    text: Annotated[Note, Meta(description="a question, or how the day went")] = ""


class AnswerPatient(Struct, frozen=True, kw_only=True):
    """The team answers; the patient reads it."""

    letter_id: str
    answer: Note
    dealing: Annotated[str | None, OneOf(dealings), Meta(description="what was done, where the patient wrote of a sign to watch for")] = None


@dataclass(frozen=True, slots=True)
class Letter:
    """What was written, and the answer once there is one."""

    entry: Entry[PatientWrote]
    answered: Entry[PatientAnswered] | None


def write_to_team(situation: Situation, given: WriteToTeam) -> Verdict:
    """The letter stands; it says a sign or a word."""
    against = [*alive(situation)]
    if not given.watched and not said(given.text):
        against.append(Reason("followup.letter.empty", where="text"))
    if against:
        return refuse(*against)
    return (PatientWrote(letter_id=situation.new_id(), watched=tuple(dict.fromkeys(given.watched)), text=given.text.strip()),)


def none_to_answer(situation: Situation) -> Iterator[Reason]:
    """Every letter is answered."""
    if not unanswered(situation.case):
        yield Reason("followup.letter.none_open")


def answer_patient(situation: Situation, given: AnswerPatient) -> Verdict:
    """A letter is answered once; one with a sign by who can judge it, and with what was done: it ends the red task and the patient's own call."""
    letter = next((one for one in unanswered(situation.case) if one.entry.event.letter_id == given.letter_id), None)
    against = []
    if letter is None:
        against.append(Reason("followup.letter.none_open", where="letter_id"))
    elif letter.entry.event.watched:
        against.extend(_against_sign(situation, given))
    if not said(given.answer):
        against.append(Reason("followup.letter.no_answer", where="answer"))
    return refuse(*against) if against else (PatientAnswered(letter_id=given.letter_id, answer=given.answer.strip(), dealing=given.dealing or ""),)


def _against_sign(situation: Situation, given: AnswerPatient) -> Iterator[Reason]:
    if situation.actor.role not in _JUDGES:
        yield Reason("followup.letter.sign_clinical", {"roles": ", ".join(role.value for role in _JUDGES)}, where="letter_id")
    if given.dealing is None:
        yield Reason("followup.letter.not_dealt", where="dealing")


#: Who can say that a sign to watch for is dealt with. Convention of this project.
_JUDGES = (Role.NURSE, Role.PHYSICIAN)


def letters_of(case: Case) -> tuple[Letter, ...]:
    """Every letter, the newest first."""
    answers = {entry.event.letter_id: entry for entry in case.of(PatientAnswered)}
    return tuple(Letter(entry, answers.get(entry.event.letter_id)) for entry in reversed(case.of(PatientWrote)))


def unanswered(case: Case) -> tuple[Letter, ...]:
    """The letters that wait for an answer."""
    return tuple(one for one in letters_of(case) if one.answered is None)


#: What page, command line, FHIR and other nodes know about these commands; a letter stays at the hospital to which it was written.
COMMAND_ROWS = (
    CommandRow(
        WriteToTeam, write_to_team, roles(Role.PATIENT, Role.CAREGIVER),
        (EventRow(PatientWrote, rendering.letter),),
        page="overview",
        correction=Correction(None),
        kinds=ANYWHERE,
        button=None,
        choices={"watched": "watched_sign"},
    ),
    CommandRow(
        AnswerPatient, answer_patient, roles(Role.NURSE, Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(PatientAnswered, rendering.letter_answered),),
        page="overview",
        correction=Correction(None),
        kinds=ANYWHERE,
        blocked=none_to_answer,
        place=60,
        choices={"dealing": "dealing"},
    ),
)
