"""Who the patient of a page is: birth date and age, sex, numbers, weight, allergies, the day since the infusion; and the title that says whose page it is.

Main job: `banner_of(view)`; None for who works without names, and where nobody is known yet. What is not known says so. A title stays in the history of a shared machine:
it has initials and the last three signs of the hospital's own number, or of the case's mark where there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from baybridge.base.ids import mark_of
from baybridge.base.time import full_years
from baybridge.facts.fhir import Resource, codings, items, span, text, words
from baybridge.facts.reading import ReadFact, Status, read
from baybridge.journey.command import Role
from baybridge.journey.identities import linked
from baybridge.node.people.access import NAMELESS, PERSONAL
from baybridge.record.identity.documents import identifiers_of
from baybridge.record.store import store
from baybridge.web.case.naming import initials_of, masked, system_word

if TYPE_CHECKING:
    from baybridge.web.case.view import CaseView

#: Who gives drugs by weight and must know what a patient does not bear.
_CLINICAL = frozenset({Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST})
_OVER = ("inactive", "resolved")
_NOT_SO = ("refuted", "entered-in-error")


@dataclass(frozen=True, slots=True)
class Banner:
    """What stands under the name. `weight` and `allergies` are None for who does not need them; `day` counts from 0 on the day of the last infusion."""

    born: str
    age: int | None
    sex: str
    numbers: tuple[tuple[str, str], ...]
    weight: ReadFact | None
    allergies: tuple[str, ...] | None
    day: int | None
    title: str


def banner_of(view: CaseView) -> Banner | None:
    """The banner of a case's pages for this reader."""
    role, case = view.asked.person.role, view.case
    version = store.get(view.look.unit.connection, "Patient", case.patient_id) if case.patient_id and role not in NAMELESS else None
    if version is None or version.deleted or role in PERSONAL:
        return None
    patient, today = version.resource, view.now.astimezone(view.asked.node.site.zone).date()
    clinical = role in _CLINICAL
    numbers = identifiers_of(patient).written.items()
    infused = case.infused_at.astimezone(view.asked.node.site.zone).date() if case.infused_at is not None else None
    return Banner(
        born=text(patient.get("birthDate")),
        age=_age(patient, today),
        sex=text(patient.get("gender")),
        numbers=tuple((system_word(view.reader, system), masked(number)) for system, some in sorted(numbers) for number in sorted(some)),
        weight=_weight(view, patient) if clinical else None,
        allergies=tuple(dict.fromkeys(_allergies(view))) if clinical else None,
        day=(today - infused).days if infused is not None else None,
        title=" · ".join(filter(None, (initials_of(patient), _last_signs(patient) or mark_of(case.case_id)[-3:]))),
    )


def _age(patient: Mapping[str, object], today: date) -> int | None:
    """Completed years; None where the birth date leaves two answers open."""
    born = span(patient.get("birthDate"))
    ages = {full_years(day, today) for day in (born.first, born.last)} if born is not None else set()
    return ages.pop() if len(ages) == 1 and min(ages) >= 0 else None


def _weight(view: CaseView, patient: Resource) -> ReadFact | None:
    """The weight as the rules read it, of today or older; None where none can be used."""
    dictionary = view.asked.node.dictionary
    weights = _of(view, "Observation", {code for _, code in dictionary["weight"].codes})
    found = read([patient, *weights], view.now, dictionary, case=view.case, zone=view.asked.node.site.zone, remarks=False).facts.get("weight")
    return found if found is not None and found.status in (Status.USED, Status.STALE) else None


def _allergies(view: CaseView) -> Iterator[str]:
    """What somebody recorded that this patient does not bear, or that nothing is known; as it was written."""
    for one in _of(view, "AllergyIntolerance"):
        if not _is(one, "clinicalStatus", _OVER) and not _is(one, "verificationStatus", _NOT_SO):
            coded = codings(one.get("code"))
            yield words(one.get("code")).split("\n")[0] or (coded[0].code if coded else "?")


def _is(resource: Mapping[str, object], name: str, codes: Container[str]) -> bool:
    return any(coding.code in codes for coding in codings(resource.get(name)))


def _of(view: CaseView, kind: str, codes: Collection[str] = ()) -> Iterator[Resource]:
    """Resources of the patient, with one of these codes where any are named. Every page asks, so the whole record is read for an earlier moment alone."""
    if view.until is None:
        patients = [view.case.patient_id or "", *sorted(linked(view.case))]
        return (version.resource for version in store.of_patients(view.look.unit.connection, kind, patients, codes))
    record = view.look.unit.record(view.case).from_outside
    return (one for one in record if one["resourceType"] == kind and (not codes or _is(one, "code", codes)))


def _last_signs(patient: Mapping[str, object]) -> str:
    """The last three signs of the hospital's own number. Source: HL7 table 0203, MR."""
    for one in items(patient.get("identifier")):
        if _is(one, "type", ("MR",)) and len(text(one.get("value"))) > 3:
            return text(one.get("value"))[-3:]
    return ""
