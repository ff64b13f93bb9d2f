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
from typing import Any

from baybridge.base.dated import in_force, value_on
from baybridge.base.time import day_of, parse_instant_or_day

Json = Mapping[str, Any]
SIGNED = "urn:baybridge:signed"
NODE = "urn:baybridge:node"
LOINC = "http://loinc.org"
LOCAL_CODES = "urn:baybridge:observation"
#: FHIR status -> the contract's. Source: FHIR R4, ObservationStatus.
_STATUS = {"final": "final", "amended": "corrected", "corrected": "corrected", "cancelled": "cancelled", "entered-in-error": "cancelled"}


@dataclass(frozen=True, slots=True)
class Setting:
    """For whom and when results are judged: the receiver, its purpose and moment, and what is known of the patient meanwhile."""

    receiver: Json  # the receiver's row: id, jurisdiction, city, methods, units
    purpose: str
    use_at: datetime
    patient_id: str | None
    laboratories: Sequence[Json]
    resources: Sequence[Json]
    reading: Json  # data/recognition/reading.yaml
    infused_on: date | None = None
    drugs: tuple[tuple[str, datetime], ...] = ()  # (ATC, given at) from the case
    emergency: bool = False
    #: Other Patients of the record and whether they are this one (`record/identity_matching.patient_match`); None: a person must look.
    same_person: Mapping[str, bool | None] = field(default_factory=dict)


def request_for(observation: Mapping[str, object], setting: Setting) -> dict[str, Any]:
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
            "unit": (setting.receiver.get("units") or {}).get(loinc),
            "receiver_method": (setting.receiver.get("methods") or {}).get(loinc),
            "use": setting.reading["uses"].get(setting.purpose),
            "reset_events": reset_events(setting),
            "emergency": setting.emergency,
            "infused_on": setting.infused_on.isoformat() if setting.infused_on else None,
        },
    }


def code_of(observation: Json) -> str | None:
    """The LOINC code, or this project's own code where LOINC has none."""
    for system in (LOINC, LOCAL_CODES):
        for coding in (observation.get("code") or {}).get("coding") or ():
            if coding.get("system") == system and coding.get("code"):
                return str(coding["code"])
    return None


def collected_at(observation: Json) -> datetime | None:
    """When the sample was taken; a bare date is its first moment, the earliest that it can mean."""
    text = observation.get("effectiveDateTime") or (observation.get("effectivePeriod") or {}).get("start")
    try:
        return parse_instant_or_day(text) if text else None
    except ValueError:
        return None


def newest_first(observation: Mapping[str, object]) -> tuple[bool, float, str]:
    """The order of results: the newest first, those without a known moment last."""
    taken = collected_at(observation)
    return taken is None, -taken.timestamp() if taken else 0.0, str(observation.get("id"))


def _result(observation: Json, setting: Setting, *, own: bool) -> dict[str, Any]:
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


def measured(observation: Json) -> dict[str, Any]:
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


def _is_of(observation: Json, setting: Setting) -> bool | None:
    reference = (observation.get("subject") or {}).get("reference")
    if reference is None or setting.patient_id is None:
        return None
    subject = reference.rsplit("/", 1)[-1]
    return True if subject == setting.patient_id else setting.same_person.get(subject, False)


def _issued(observation: Json) -> str | None:
    try:
        return parse_instant_or_day(observation["issued"]).isoformat() if observation.get("issued") else None
    except ValueError:
        return None


def _value(observation: Json) -> tuple[object, str | None]:
    quantity = observation.get("valueQuantity")
    if quantity:
        return _number(quantity.get("value")), quantity.get("code") or quantity.get("unit")
    if "valueCodeableConcept" in observation:
        return _words(observation["valueCodeableConcept"]), None
    plain = (observation.get(name) for name in ("valueString", "valueInteger", "valueBoolean"))
    return next((value for value in plain if value is not None), None), None


def _number(value: Any) -> float | int | None:
    if value is None or isinstance(value, bool):
        return None
    return value if isinstance(value, int) else float(value)


def _interval(observation: Json) -> tuple[float | int | None, float | int | None]:
    first: Json = next(iter(observation.get("referenceRange") or ()), {})
    return _number((first.get("low") or {}).get("value")), _number((first.get("high") or {}).get("value"))


def _words(concept: Json | None) -> str | None:
    if not concept:
        return None
    coding: Json = next(iter(concept.get("coding") or ()), {})
    words = concept.get("text") or coding.get("code") or coding.get("display")
    return str(words) if words else None


def _tags(resource: Json, system: str) -> list[str]:
    return [tag["code"] for tag in (resource.get("meta") or {}).get("tag") or () if tag.get("system") == system and tag.get("code")]


# --- the laboratory -------------------------------------------------------------------------------------------------


def laboratory_of(observation: Mapping[str, object], setting: Setting) -> Mapping[str, object]:
    """The directory's row of the performing laboratory, else of the node that signed; an empty one where nobody is named or listed."""
    names = set(_performers(observation, setting.resources))
    found = [row for row in setting.laboratories if names & _names_of(row)]
    if not found and not names:
        found = [row for row in setting.laboratories if row.get("node") in _tags(observation, SIGNED)]
    return found[0] if len(found) == 1 else {}


def _names_of(row: Json) -> set[str]:
    return {row["id"], *(row.get("names") or ()), *(row.get("identifiers") or ()), *([row["node"]] if row.get("node") else [])}


def _performers(observation: Json, resources: Sequence[Json]) -> Iterable[str]:
    """Names and identifiers of the organisations that performed an observation."""
    organisations = {f"Organization/{item.get('id')}": item for item in resources if item.get("resourceType") == "Organization"}
    for performer in observation.get("performer") or ():
        reference = performer.get("reference", "")
        if performer.get("type") != "Organization" and "Organization/" not in reference:
            continue
        known = organisations.get("/".join(reference.split("/")[-2:]), {})
        yield from filter(None, (performer.get("display"), (performer.get("identifier") or {}).get("value"), known.get("name")))
        yield from known.get("alias") or ()
        yield from (entry["value"] for entry in known.get("identifier") or () if entry.get("value"))
        if not known and reference:
            yield reference.rsplit("/", 1)[-1]


_ACCREDITATION = ("standard", "body", "mra_signatory", "valid_from", "valid_to", "scope")
_ASSESSMENT = ("loinc", "date", "passed")


def directory_row(row: Json, on: date | None = None) -> dict[str, object]:
    """What the contract asks of a laboratory, as it was on the day of collection; dates of the directory as text.

    A listing, a suspension, a place that changed on a day are given as they were on `on`; marks and verifications that had ended or not begun are left
    out. Accreditations and assessments carry their own days, which the rules compare. What the directory marks as unverified (low confidence)
    opens no path: it is left out, unless it speaks against the laboratory.
    """
    marks, eqa = row.get("hr_marks"), row.get("eqa")
    accreditations = row.get("accreditations")
    return {
        **{name: _texts(value_on(row, name, on)) for name in ("id", "jurisdiction", "alliance_listed", "eqa_suspended")},
        "hr_marks": None if marks is None else [mark for one in marks if (mark := _mark(one, row, on)) is not None],
        "accreditations": None if accreditations is None else [_kept(one, _ACCREDITATION) for one in accreditations if _counts(one, row)],
        "alliance_verified": _verified(row, on),
        "eqa": None if eqa is None else [_kept(one, _ASSESSMENT) for one in eqa if _counts(one, row) or one.get("passed") is not True],
    }


def _counts(entry: Json, row: Json) -> bool:
    """Whether an entry is verified enough to open a path."""
    return bool(entry.get("confidence", row.get("confidence")) != "low")


def _kept(entry: Json, names: Sequence[str]) -> dict[str, Any]:
    return {name: _texts(entry.get(name)) for name in names}


def _mark(entry: object, row: Mapping[str, object], on: date | None) -> str | None:
    """A mark that counts on a day; one without days counts always."""
    if not isinstance(entry, Mapping):
        return str(entry)
    return str(entry["mark"]) if in_force(entry, on) and _counts(entry, row) else None


def _verified(row: Mapping[str, object], on: date | None) -> object:
    """The alliance's verification that holds on a day, else the last that is known."""
    entries = row.get("alliance_verified")
    if not isinstance(entries, list | tuple):
        return _texts(entries)
    counting = [entry for entry in entries if _counts(entry, row)]
    kept = ([entry for entry in counting if in_force(entry, on)] or counting)[-1:]
    return _kept(kept[0], ("valid_from", "valid_to")) if kept else None


def _texts(value: object) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _texts(item) for name, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list | tuple) else value


# --- what happened since --------------------------------------------------------------------------------------------


def reset_events(setting: Setting) -> list[dict[str, Any]]:
    """Events until the moment of use that can end a result's worth: medicines of record and case."""
    given = [*setting.drugs, *_medicines(setting.resources)]
    events = [{"type": kind, "at": at.isoformat()} for atc, at in given if at <= setting.use_at for kind in _kinds(atc, setting.reading)]
    return sorted(events, key=lambda event: (event["at"], event["type"]))


def _kinds(atc: str, reading: Json) -> list[str]:
    return sorted({kind for prefix, kind in reading["reset_by_atc"].items() if atc.startswith(prefix)})


def _medicines(resources: Sequence[Json]) -> Iterable[tuple[str, datetime]]:
    for item in resources:
        if item.get("resourceType") not in ("MedicationAdministration", "MedicationStatement"):
            continue
        period = item.get("effectivePeriod") or {}
        text = item.get("effectiveDateTime") or period.get("end") or period.get("start")
        codes = [coding.get("code") for coding in (item.get("medicationCodeableConcept") or {}).get("coding") or () if _is_atc(coding)]
        try:
            at = parse_instant_or_day(text) if text else None
        except ValueError:
            at = None
        if at is not None and item.get("status") not in ("entered-in-error", "not-done", "not-taken"):
            yield from ((code, at) for code in codes if code)


def _is_atc(coding: Json) -> bool:
    return coding.get("system") == "http://www.whocc.no/atc"
