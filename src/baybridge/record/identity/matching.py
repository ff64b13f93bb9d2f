"""Whose result is it: which person of this record an incoming Patient is, with every reason.

Main job: `candidates(incoming, known, reader)` answers people of the record by likeness; `patient_match(…)` is true only on documented
identity (two identifiers, or one with birth date and name) or a person's signed confirmation, false where something contradicts, and
None where a person must look.

**Source**: exchange contract, "recognise" (`patient_match`); policy reference A2 (two identifiers and a name match across scripts).
Weights order candidates only; nothing is ever decided by a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from baybridge.base.outcome import Reason
from baybridge.record.identity.documents import DocumentForms, Identifiers, identifiers_of
from baybridge.record.identity.names import Agreement, Forms, NameReader, one_slip

Json = Mapping[str, Any]
Verdict = Literal["documented", "unsure", "different"]

#: Names that agree well enough to stand beside one identifier and a birth date. Convention of this project, after policy reference A2.
_AGREES = (Agreement.SAME, Agreement.ORDER, Agreement.ACROSS)
#: Order of candidates for a person's eyes; convention of this project.
_WEIGHTS: Mapping[str, int] = {
    "identifier.same": 40, "identifier.slip": 15, "identifier.clash": -40,
    "birth.same": 20, "birth.slip": 8, "birth.different": -40,
    "name.same": 25, "name.order": 24, "name.across": 22, "name.part": 15, "name.spelling": 10, "name.slip": 10, "name.different": -30,
    "sex.different": -20,
}  # fmt: skip
_WORTH_A_LOOK = 25


@dataclass(frozen=True, slots=True)
class Person:
    """What identity is judged on, read once from a Patient."""

    patient_id: str
    identifiers: Identifiers
    names: Forms
    birth_date: str | None
    gender: str | None


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person's signed word that two records are, or are not, one person."""

    incoming_id: str
    patient_id: str
    same: bool
    account: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of the record that an incoming one may be; `reasons` carry no patient's value."""

    patient_id: str
    verdict: Verdict
    score: int
    reasons: tuple[Reason, ...]

    def as_json(self) -> dict[str, Any]:
        """The candidate as plain JSON."""
        told = {"patient_id": self.patient_id, "verdict": self.verdict, "score": self.score}
        return {**told, "reasons": [reason.as_json() for reason in self.reasons]}


def person_of(patient: Json, reader: NameReader, forms: DocumentForms | None = None) -> Person:
    """The identity of a FHIR Patient; `forms` are the documents' numbers as a node knows them."""
    return Person(
        str(patient.get("id") or ""),
        identifiers_of(patient, forms),
        reader.forms(patient.get("name")),
        patient.get("birthDate"),
        patient.get("gender"),
    )


def search_keys(person: Person) -> frozenset[str]:
    """What two records of one person have in common nearly always: a number, the birth date, or a whole name; for an index of many people."""
    numbers = {f"number:{number}" for found in person.identifiers.numbers.values() for number in found}
    names = {f"name:{name}" for name in person.names.han} | {f"name:{' '.join(sorted(words))}" for words in person.names.latin}
    return frozenset(numbers | names | ({f"born:{person.birth_date}"} if person.birth_date else set()))


def compare(incoming: Person, known: Person, reader: NameReader) -> Candidate:
    """How two records stand to each other, with every reason for and against."""
    same, slips, clash = incoming.identifiers.against(known.identifiers)
    name = reader.compare(incoming.names, known.names)
    born = _birth(incoming.birth_date, known.birth_date)
    sex = _sex(incoming.gender, known.gender)
    said = [
        *(("identifier.same", system) for system in same),
        *(("identifier.slip", system) for system in slips),
        *(("identifier.clash", system) for system in clash),
        *(("check_digit", system) for system in sorted({*incoming.identifiers.doubtful, *known.identifiers.doubtful})),
        (f"name.{name}", ""), (f"birth.{born}", ""), (f"sex.{sex}", ""),
    ]  # fmt: skip
    reasons = tuple(Reason(f"record.identity.{code}", {"system": system} if system else {}) for code, system in said)
    score = sum(_WEIGHTS.get(code, 0) for code, _ in said)
    return Candidate(known.patient_id, _verdict(len(same), bool(slips), bool(clash), name, born, sex, score), score, reasons)


def _verdict(same: int, slip: bool, clash: bool, name: Agreement, born: str, sex: str, score: int) -> Verdict:  # noqa: FBT001
    contradicted = clash or slip or born in ("different", "slip") or name is Agreement.DIFFERENT or sex == "different"
    if not contradicted and (same > 1 or (same == 1 and born == "same" and name in _AGREES)):
        return "documented"
    if same or slip:
        return "unsure"
    apart = clash or born == "different" or name is Agreement.DIFFERENT
    return "unsure" if not apart and score >= _WORTH_A_LOOK else "different"


def _birth(one: str | None, other: str | None) -> str:
    if not one or not other:
        return "unknown"
    if one == other:
        return "same"
    if len(one) != len(other):
        return "unknown" if one.startswith(other) or other.startswith(one) else "different"
    return "slip" if one_slip(one, other) or _swapped(one) == other else "different"


def _swapped(day: str) -> str:
    return "-".join((day[:4], day[8:10], day[5:7]))


def _sex(one: str | None, other: str | None) -> str:
    if not one or not other or "unknown" in (one, other):
        return "unknown"
    return "same" if one == other else "different"


def candidates(incoming: Json, known: Iterable[Json], reader: NameReader) -> tuple[Candidate, ...]:
    """Everyone of the record that the incoming Patient may be, the likeliest first; documented for two is documented for none."""
    person = person_of(incoming, reader)
    compared = [compare(person, person_of(patient, reader), reader) for patient in known]
    return settled([found for found in compared if found.verdict != "different"])


def settled(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates by likeness; where identity would be documented for more than one, a person looks."""
    documented = [item for item in found if item.verdict == "documented"]
    if len(documented) > 1:
        more = Reason("record.identity.more_than_one")
        found = [
            Candidate(item.patient_id, "unsure", item.score, (*item.reasons, more)) if item.verdict == "documented" else item
            for item in found
        ]
    return tuple(sorted(found, key=lambda item: (-item.score, item.patient_id)))


def patient_match(incoming_id: str, patient_id: str, found: Sequence[Candidate], confirmations: Sequence[Confirmation] = ()) -> bool | None:
    """Whether the incoming record is this patient's: the newest signed word, else documented identity; None where a person must look."""
    said = [item for item in confirmations if (item.incoming_id, item.patient_id) == (incoming_id, patient_id)]
    if said:
        return max(said, key=lambda item: item.at).same
    candidate = next((item for item in found if item.patient_id == patient_id), None)
    if candidate is None:
        return False
    return True if candidate.verdict == "documented" else None
