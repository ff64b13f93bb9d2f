"""From the observations of a record to recognition requests.

Main job: `request_for(observation, setting)`, the request of the contract with the laboratory from the directory.

A signature counts only where the observation came in a package whose signature was verified (`urn:baybridge:signed`), or where the
laboratory is the receiver's own. What the record does not say stays null, and counts against.

**Source**: FHIR R4 Observation; exchange contract, "recognise".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from baybridge.base.dated import in_force, value_on
from baybridge.base.resource import Coding, Concept, Measured, ReferenceRange, Resource
from baybridge.base.time import day_of, parse_instant_or_day
from baybridge.documents.recognition import Requests
from baybridge.facts.fhir import items, text
from baybridge.recognition.written import (
    AccreditationEntry,
    AssessmentEntry,
    DatedEntry,
    LaboratoryRow,
    MarkEntry,
    WrittenAccreditation,
    WrittenAssessment,
    WrittenDay,
    WrittenLaboratory,
    WrittenRequest,
    WrittenResetEvent,
    WrittenResult,
    WrittenVerification,
)

SIGNED = "urn:baybridge:signed"
LOINC = "http://loinc.org"
LOCAL_CODES = "urn:baybridge:observation"
#: FHIR status -> the contract's. Source: FHIR R4, ObservationStatus.
_STATUS = {"final": "final", "amended": "corrected", "corrected": "corrected", "cancelled": "cancelled", "entered-in-error": "cancelled"}


@dataclass(frozen=True)
class Setting:
    """For whom and when results are judged: the receiver, its purpose and moment, and what is known of the patient meanwhile."""

    receiver: LaboratoryRow  # the receiver's row: id, jurisdiction, city, methods, units
    purpose: str
    use_at: datetime
    patient_id: str | None
    laboratories: Sequence[LaboratoryRow]
    resources: Sequence[Resource]
    reading: Requests
    infused_on: date | None = None
    drugs: tuple[tuple[str, datetime], ...] = ()  # (ATC, given at) from the case
    emergency: bool = False
    #: Other Patients of the record and whether they are this one (`record/identity_matching.patient_match`); None: a person must look.
    same_person: Mapping[str, bool | None] = field(default_factory=dict)

    @cached_property
    def organisations(self) -> Mapping[str, Resource]:
        """The organisations of the record by `Organization/id`, the last one of each name."""
        return {f"Organization/{item.get('id')}": item for item in self.resources if item.get("resourceType") == "Organization"}

    @cached_property
    def reset_events(self) -> list[WrittenResetEvent]:
        """Events until the moment of use that can end a result's worth: medicines of record and case; worked out once for all results."""
        given = [*self.drugs, *_medicines(self.resources)]
        found = [(at.isoformat(), kind) for atc, at in given if at <= self.use_at for kind in _kinds(atc, self.reading)]
        return [{"type": kind, "at": at} for at, kind in sorted(found)]


def request_for(observation: Resource, setting: Setting) -> WrittenRequest:
    """The recognition request of one observation."""
    laboratory = laboratory_of(observation, setting)
    own = laboratory.get("id") is not None and laboratory.get("id") == setting.receiver["id"]
    loinc = code_of(observation)
    return {
        "result": _result(observation, setting, own=own),
        "laboratory": directory_row(laboratory, day_of(collected_at(observation))),
        "request": {
            "receiver_site": setting.receiver["id"],
            "receiver_jurisdiction": setting.receiver.get("jurisdiction"),
            "receiver_city": setting.receiver.get("city"),
            "purpose": setting.purpose,
            "use_at": setting.use_at.isoformat(),
            "unit": (setting.receiver.get("units") or {}).get(loinc or ""),
            "receiver_method": (setting.receiver.get("methods") or {}).get(loinc or ""),
            "use": setting.reading.uses.get(setting.purpose),
            "reset_events": list(setting.reset_events),
            "emergency": setting.emergency,
            "infused_on": setting.infused_on.isoformat() if setting.infused_on else None,
        },
    }


def code_of(observation: Measured) -> str | None:
    """The LOINC code, or this project's own code where LOINC has none."""
    for system in (LOINC, LOCAL_CODES):
        for coding in (observation.get("code") or {}).get("coding") or ():
            if coding.get("system") == system and coding.get("code"):
                return str(coding["code"])
    return None


def collected_at(observation: Resource) -> datetime | None:
    """When the sample was taken; a bare date is its first moment, the earliest that it can mean."""
    said = observation.get("effectiveDateTime") or (observation.get("effectivePeriod") or {}).get("start")
    try:
        return parse_instant_or_day(said) if said else None
    except ValueError:
        return None


def newest_first(observation: Resource) -> tuple[bool, float, str]:
    """The order of results: the newest first, those without a known moment last."""
    taken = collected_at(observation)
    return taken is None, -taken.timestamp() if taken else 0.0, str(observation.get("id"))


def _result(observation: Resource, setting: Setting, *, own: bool) -> WrittenResult:
    taken, (value, unit) = collected_at(observation), _value(observation)
    low, high = _interval(observation)
    return {
        "id": observation.get("id"),
        "status": _STATUS.get(observation.get("status", ""), "preliminary"),
        "patient_match": _is_of(observation, setting),
        "signature_verified": own or bool(_tags(observation, SIGNED)),
        "loinc": code_of(observation),
        "specimen": (observation.get("specimen") or {}).get("display"),
        "method": _words(observation.get("method")),
        "value": value,
        "unit": unit,
        "reference_low": low,
        "reference_high": high,
        "collected_at": taken.isoformat() if taken else None,
        "reported_at": _issued(observation),
        "interference": [],
    }


def measured(observation: Resource) -> WrittenResult:
    """What an observation says, without whose it is: code, value, unit, method, moment."""
    value, unit = _value(observation)
    taken = collected_at(observation)
    return {
        "id": observation.get("id"),
        "loinc": code_of(observation),
        "value": value,
        "unit": unit,
        "method": _words(observation.get("method")),
        "collected_at": taken.isoformat() if taken else None,
    }


def _is_of(observation: Resource, setting: Setting) -> bool | None:
    reference = (observation.get("subject") or {}).get("reference")
    if reference is None or setting.patient_id is None:
        return None
    subject = reference.rsplit("/", 1)[-1]
    return True if subject == setting.patient_id else setting.same_person.get(subject, False)


def _issued(observation: Resource) -> str | None:
    try:
        return parse_instant_or_day(observation["issued"]).isoformat() if observation.get("issued") else None
    except ValueError:
        return None


def _value(observation: Measured) -> tuple[bool | int | float | str | None, str | None]:
    quantity = observation.get("valueQuantity")
    if quantity:
        return _number(quantity.get("value")), quantity.get("code") or quantity.get("unit")
    if "valueCodeableConcept" in observation:
        return _words(observation["valueCodeableConcept"]), None
    plain = (observation.get("valueString"), observation.get("valueInteger"), observation.get("valueBoolean"))
    return next((value for value in plain if value is not None), None), None


def _number(value: float | None) -> float | int | None:
    if value is None or isinstance(value, bool):
        return None
    return value if isinstance(value, int) else float(value)


def _interval(observation: Measured) -> tuple[float | int | None, float | int | None]:
    first = next(iter(observation.get("referenceRange") or ()), ReferenceRange())
    return _number((first.get("low") or {}).get("value")), _number((first.get("high") or {}).get("value"))


def _words(concept: Concept | None) -> str | None:
    if not concept:
        return None
    coding = next(iter(concept.get("coding") or ()), Coding())
    words = concept.get("text") or coding.get("code") or coding.get("display")
    return str(words) if words else None


def _tags(resource: Resource, system: str) -> list[str]:
    return [tag["code"] for tag in (resource.get("meta") or {}).get("tag") or () if tag.get("system") == system and tag.get("code")]


# --- the laboratory -------------------------------------------------------------------------------------------------


def laboratory_of(observation: Resource, setting: Setting) -> LaboratoryRow:
    """The directory's row of the performing laboratory, else of the node that signed; an empty one where nobody is named or listed."""
    names = set(_performers(observation, setting.organisations))
    found = [row for row in setting.laboratories if names & _names_of(row)]
    if not found and not names:
        found = [row for row in setting.laboratories if row.get("node") in _tags(observation, SIGNED)]
    return found[0] if len(found) == 1 else LaboratoryRow()


def _names_of(row: LaboratoryRow) -> set[str]:
    node = row.get("node")
    return {row["id"], *(row.get("names") or ()), *(row.get("identifiers") or ()), *([node] if node else [])}


def _performers(observation: Resource, organisations: Mapping[str, Resource]) -> Iterable[str]:
    """Names and identifiers of the organisations that performed an observation."""
    for performer in observation.get("performer") or ():
        reference = performer.get("reference", "")
        if performer.get("type") != "Organization" and "Organization/" not in reference:
            continue
        yield from filter(None, (performer.get("display"), (performer.get("identifier") or {}).get("value")))
        known = organisations.get("/".join(reference.split("/")[-2:]))
        if known is not None:
            yield from _names_of_organisation(known)
        elif reference:
            yield reference.rsplit("/", 1)[-1]


def _names_of_organisation(known: Mapping[str, object]) -> Iterable[str]:
    alias = known.get("alias")
    names = (text(known.get("name")), *(map(text, alias) if isinstance(alias, list) else ()))
    yield from filter(None, (*names, *(text(entry.get("value")) for entry in items(known.get("identifier")))))


def directory_row(row: LaboratoryRow, on: date | None = None) -> WrittenLaboratory:
    """What the contract asks of a laboratory, as it was on the day of collection; dates of the directory as text.

    A listing, a suspension, a place that changed on a day are given as they were on `on`; marks and verifications that had ended or not begun are left
    out. Accreditations and assessments carry their own days, which the rules compare. What the directory marks as unverified (low confidence)
    opens no path: it is left out, unless it speaks against the laboratory.
    """
    marks, eqa = row.get("hr_marks"), row.get("eqa")
    accreditations = row.get("accreditations")
    return {
        "id": _text(value_on(row, "id", on)),
        "jurisdiction": _text(value_on(row, "jurisdiction", on)),
        "alliance_listed": _flag(value_on(row, "alliance_listed", on)),
        "eqa_suspended": _flag(value_on(row, "eqa_suspended", on)),
        "hr_marks": None if marks is None else [mark for one in marks if (mark := _mark(one, row, on)) is not None],
        "accreditations": None if accreditations is None else [_accreditation(one) for one in accreditations if _counts(one, row)],
        "alliance_verified": _verified(row, on),
        "eqa": None if eqa is None else [_assessment(one) for one in eqa if _counts(one, row) or one.get("passed") is not True],
    }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _counts(entry: DatedEntry | AssessmentEntry, row: LaboratoryRow) -> bool:
    """Whether an entry is verified enough to open a path."""
    return entry.get("confidence", row.get("confidence")) != "low"


def _accreditation(entry: AccreditationEntry) -> WrittenAccreditation:
    scope = entry.get("scope")
    return {
        "standard": entry.get("standard"),
        "body": entry.get("body"),
        "mra_signatory": entry.get("mra_signatory"),
        "valid_from": _day_text(entry.get("valid_from")),
        "valid_to": _day_text(entry.get("valid_to")),
        "scope": None if scope is None else list(scope),
    }


def _assessment(entry: AssessmentEntry) -> WrittenAssessment:
    return {"loinc": entry.get("loinc"), "date": _day_text(entry.get("date")), "passed": entry.get("passed")}


def _mark(entry: str | MarkEntry, row: LaboratoryRow, on: date | None) -> str | None:
    """A mark that counts on a day; one without days counts always."""
    if isinstance(entry, str):
        return entry
    return entry["mark"] if in_force(entry, on) and _counts(entry, row) else None


def _verified(row: LaboratoryRow, on: date | None) -> WrittenVerification | None:
    """The alliance's verification that holds on a day, else the last that is known."""
    written = row.get("alliance_verified")
    if written is None:
        return None
    if isinstance(written, Mapping):
        return {**written, "valid_from": _day_text(written.get("valid_from")), "valid_to": _day_text(written.get("valid_to"))}
    counting = [entry for entry in written if _counts(entry, row)]
    kept = ([entry for entry in counting if in_force(entry, on)] or counting)[-1:]
    return {"valid_from": _day_text(kept[0].get("valid_from")), "valid_to": _day_text(kept[0].get("valid_to"))} if kept else None


def _day_text(day: WrittenDay) -> str | None:
    return day.isoformat() if isinstance(day, date) else day


# --- what happened since --------------------------------------------------------------------------------------------


def _kinds(atc: str, reading: Requests) -> list[str]:
    return sorted({kind for prefix, kind in reading.reset_by_atc.items() if atc.startswith(prefix)})


def _medicines(resources: Sequence[Resource]) -> Iterable[tuple[str, datetime]]:
    for item in resources:
        if item.get("resourceType") not in ("MedicationAdministration", "MedicationStatement"):
            continue
        period = item.get("effectivePeriod") or {}
        said = item.get("effectiveDateTime") or period.get("end") or period.get("start")
        codes = [coding.get("code") for coding in (item.get("medicationCodeableConcept") or {}).get("coding") or () if _is_atc(coding)]
        try:
            at = parse_instant_or_day(said) if said else None
        except ValueError:
            at = None
        if at is not None and item.get("status") not in ("entered-in-error", "not-done", "not-taken"):
            yield from ((code, at) for code in codes if code)


def _is_atc(coding: Coding) -> bool:
    return coding.get("system") == "http://www.whocc.no/atc"
