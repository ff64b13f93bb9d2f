"""Values of HL7 v2 fields as FHIR: times, codes, quantities, reference intervals.

Main job: `observed(obx, zone, sender)` answers the `value[x]` of an observation, or why there is none; `moment(text, zone)` a FHIR dateTime of the same
precision.

**Source**: HL7 v2.5.1 chapter 2A (DTM, CWE, NM, SN); table 0396 for LN and UCUM. **Units**: as sent; UCUM only where the message says so.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.record.feeds.hl7v2 import Fault, Segment

Json = dict[str, Any]
_TIME = re.compile(r"^(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?)?([+-]\d{4})?$")
_NUMBER = re.compile(r"^[+-]?\d+(?:\.\d*)?$|^[+-]?\.\d+$")
_BETWEEN = re.compile(r"^\s*([+-]?\d+(?:\.\d+)?)\s*(?:-|to|~|–)\s*([+-]?\d+(?:\.\d+)?)")
_BOUND = re.compile(r"^\s*(<=|>=|<|>|≤|≥)\s*([+-]?\d+(?:\.\d+)?)")
#: Table 0396 -> system. Source: HL7 table 0396.
_SYSTEMS = {
    "LN": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "UCUM": "http://unitsofmeasure.org",
}
_UCUM = "http://unitsofmeasure.org"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_COMPARATORS = {"<", ">", "<=", ">="}


def moment(text: str, zone: ZoneInfo) -> tuple[str | None, bool]:
    """A FHIR dateTime of the same precision, and whether its zone was assumed; None where the text is no time."""
    found = _TIME.match(text.strip())
    if not found:
        return None, False
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
        if hour is None:
            return "-".join(part for part in (year, month, day) if part), False
        at = datetime(int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0), tzinfo=zone)
    except (TypeError, ValueError):
        return None, False
    written = f"{offset[:3]}:{offset[3:]}" if offset else at.isoformat()[-6:]
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction or ''}{written}", offset is None


def coding_of(item: tuple[str, ...], sender: str, default: str | None = None) -> Json | None:
    """A CWE as CodeableConcept: code and alternate, each with its system; a local one is named by its sender, so that it maps to nothing else."""
    codings = [coding for start in (0, 3) if (coding := _coding(item[start : start + 3], sender, default))]
    text = item[8].strip() if len(item) > 8 else ""
    if not codings and not text:
        return None
    return {**({"coding": codings} if codings else {}), **({"text": text} if text else {})}


def _coding(part: tuple[str, ...], sender: str, default: str | None) -> Json | None:
    code, display, system = (*(text.strip() for text in part), "", "", "")[:3]
    if not code and not display:
        return None
    if system in _SYSTEMS:
        named = _SYSTEMS[system]
    elif not system and default:
        named = f"http://terminology.hl7.org/CodeSystem/{default}"
    else:
        named = f"urn:hl7v2:{sender}:{system or 'local'}".replace(" ", "-")
    return {"system": named, **({"code": code} if code else {}), **({"display": display} if display else {})}


def observed(obx: Segment, zone: ZoneInfo, sender: str) -> tuple[Json, Fault | None]:
    """The value of an observation as `{value[x]: …}`, else its absence; a fault where the value is not what its type says."""
    kind, found = obx.value(2).upper(), obx.repetitions(5)
    if not any(part for item in found for part in item):
        return {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "unknown"}]}}, None
    if len(found) > 1:
        text = "; ".join(" ".join(filter(None, item)) for item in found)
        return {"valueString": text}, Fault("hl7_repeats", obx.where(5), "one value", "several; kept as text", left_out=False)
    first = found[0]
    value = _typed(kind, obx, first, zone, sender)
    if value is not None:
        return value, None
    text = " ".join(part for part in first if part)
    if kind in ("ED", "RP"):
        absent = {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "unsupported"}]}}
        return absent, Fault(
            "hl7_attachment", obx.where(5), "a value that can be read here", f"an attachment ({kind}); it stays in the file"
        )
    return {"valueString": text}, Fault(
        "hl7_value", obx.where(5), f"a value of type {kind or '(none given)'}", "text; kept as text", left_out=False
    )


def _typed(kind: str, obx: Segment, first: tuple[str, ...], zone: ZoneInfo, sender: str) -> Json | None:
    text = first[0].strip()
    if kind == "NM":
        return {"valueQuantity": quantity(text, obx)} if _NUMBER.match(text) else None
    if kind == "SN":
        return _structured(first, obx)
    if kind in ("CE", "CWE", "CNE"):
        concept = coding_of(first, sender)
        return {"valueCodeableConcept": concept} if concept else None
    if kind in ("DT", "TS", "DTM"):
        found = moment(text, zone)[0]
        return {"valueDateTime": found} if found else None
    return {"valueString": obx.segment_text(5)} if kind in ("ST", "TX", "FT", "IS", "ID", "SI") else None


def _plain(text: str) -> Decimal | int:
    """The number as it was written: 72.50 keeps its last digit."""
    return Decimal(text) if "." in text else int(text)


def quantity(text: str, obx: Segment, comparator: str = "") -> Json:
    """A number with the unit of OBX-6."""
    found: Json = {"value": _plain(text), **({"comparator": comparator} if comparator in _COMPARATORS else {})}
    code, display, system = obx.value(6), obx.value(6, 2), obx.value(6, 3)
    if code or display:
        found["unit"] = display or code
    if system.upper() == "UCUM" and code:
        found |= {"system": _UCUM, "code": code}
    elif code and found.get("unit") != code:
        found["unit"] = code
    return found


def _structured(first: tuple[str, ...], obx: Segment) -> Json | None:
    """SN: comparator, number, separator, number."""
    comparator, one, between, other = (*(part.strip() for part in first), "", "", "", "")[:4]
    if not _NUMBER.match(one):
        return None
    if not other:
        plain = comparator in ("", "=")
        return {"valueQuantity": quantity(one, obx, "" if plain else comparator)} if plain or comparator in _COMPARATORS else None
    if not _NUMBER.match(other):
        return None
    ends = quantity(one, obx), quantity(other, obx)
    if between == "-":
        return {"valueRange": {"low": ends[0], "high": ends[1]}}
    return {"valueRatio": {"numerator": ends[0], "denominator": ends[1]}} if between in (":", "/") else None


def interval(text: str) -> list[Json] | None:
    """OBX-7 as a reference range: bounds where they can be read, the text always."""
    if not text.strip():
        return None
    found: Json = {"text": text.strip()}
    both, bound = _BETWEEN.match(text), _BOUND.match(text)
    if both:
        found |= {"low": {"value": _plain(both[1])}, "high": {"value": _plain(both[2])}}
    elif bound:
        found["high" if bound[1] in ("<", "<=", "≤") else "low"] = {"value": _plain(bound[2])}
    return [found]
