"""Values of HL7 v2 fields as FHIR: times, codes, quantities, reference intervals.

Main job: `observed(obx, zone, sender)` answers the `value[x]` of an observation, or why there is none; `moment(text, zone)` a FHIR dateTime of the same
precision.

**Source**: HL7 v2.5.1 chapter 2A (DTM, CWE, NM, SN); table 0396 for LN and UCUM. **Units**: as sent; UCUM only where the message says so.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

from baybridge.record.feeds.hl7v2 import Fault, Segment
from baybridge.record.feeds.numbers import Written, bounds, exact, has_digits, written_number

Json = dict[str, Any]
_TIME = re.compile(r"([0-9]{4})([0-9]{2})?([0-9]{2})?(?:([0-9]{2})([0-9]{2})?([0-9]{2})?(\.[0-9]{1,6})?)?([+-][0-9]{2}:?[0-9]{2})?")
_FURTHEST = 14 * 60  # minutes from UTC. Source: FHIR R4, dateTime
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
_SHORT = ("ST", "TX", "")  # types that may hold a number by a sender's habit
_WORDS = ("ST", "TX", "FT", "IS", "ID", "SI")


def moment(text: str, zone: tzinfo) -> tuple[str | None, bool]:
    """A FHIR dateTime of the same precision, and whether its zone was assumed; None where the text is no time that FHIR can write.

    Before 1901 the clocks of a place kept its own mean time, whose offset has seconds: a time without an offset is none then.
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None, False
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
        if hour is None:
            return "-".join(part for part in (year, month, day) if part), False
        at = datetime(int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0), tzinfo=zone)
        written = f"{year}-{month}-{day}T{hour}:{minute or '00'}:{second or '00'}{fraction or ''}"
        if offset and _offset(offset):
            return f"{written}{offset[:3]}:{offset[-2:]}", False
        return written + offset_of(at), True
    except (TypeError, ValueError):
        return None, False


def _offset(text: str | None) -> tzinfo | None:
    """The zone of an offset such as +0800; ValueError where no place on earth has it."""
    if not text:
        return None
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    if minutes > _FURTHEST or int(text[-2:]) >= 60:
        raise ValueError("expected an offset of at most 14 hours")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def zone_of_message(text: str) -> tzinfo | None:
    """The offset that a message's own time names: that of its times without one. **Source**: HL7 v2.5.1, 2.15.9.7 (MSH-7)."""
    found = _TIME.fullmatch(text.strip())
    try:
        return _offset(found[8]) if found else None
    except ValueError:
        return None


def offset_of(at: datetime) -> str:
    """The offset of an aware time as FHIR writes it; ValueError where it has seconds."""
    apart = at.utcoffset()
    minutes, rest = divmod(apart.days * 86400 + apart.seconds, 60) if apart is not None else (0, 1)
    if rest:
        raise ValueError("expected an offset in whole minutes")
    hours, left = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{left:02d}"


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


def raw_systems(system: str, sender: str) -> list[str]:
    """What may have stood in a message where a coding has this system."""
    own = system.removeprefix(f"urn:hl7v2:{sender}:".replace(" ", "-"))
    return [raw for raw, named in _SYSTEMS.items() if named == system] + ([] if own == system else ["", own] if own == "local" else [own])


def observed(obx: Segment, zone: tzinfo, sender: str, mark: str = ".") -> tuple[Json, Fault | None]:
    """The value of an observation as `{value[x]: …}`, else its absence; a fault where the value is not what its type says.

    Words come whole, with the separators that stand in them; a flag beside a number comes as `interpretation`.
    """
    kind, found = obx.value(2).upper(), obx.repetitions(5, coded=True)
    if not any(part.strip('" ') for item in found for part in item):
        return {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "unknown"}]}}, None
    if kind in _WORDS or not kind:
        return _worded(kind, obx, mark)
    if len(found) > 1:
        text = "; ".join(" ".join(filter(None, item)) for item in found)
        return {"valueString": text}, Fault("hl7_repeats", obx.where(5), "one value", "several; kept as text", left_out=False)
    value = _typed(kind, obx, found[0], zone, sender, mark)
    if value is not None:
        return value, None
    if kind in ("ED", "RP"):
        absent = {"dataAbsentReason": {"coding": [{"system": _ABSENT, "code": "unsupported"}]}}
        return absent, Fault(
            "hl7_attachment", obx.where(5), "a value that can be read here", f"an attachment ({kind}); it stays in the file"
        )
    text = " ".join(part.strip() for part in found[0] if part).replace(" +", "+")
    return {"valueString": text}, Fault("hl7_value", obx.where(5), f"a value of type {kind}", "text; kept as text", left_out=False)


def _worded(kind: str, obx: Segment, mark: str) -> tuple[Json, Fault | None]:
    """Words whole; a number that was sent as words is one where a unit stands beside it."""
    text = obx.segment_text(5)
    number = written_number(text, mark, has_unit=bool(obx.value(6))) if kind in _SHORT else None
    if number is not None and obx.value(6):
        return _quantity(number, obx), None
    if number is not None:
        told = Fault("hl7_number", obx.where(5), "type NM, or a unit in OBX-6", "a number sent as text; kept as text", left_out=False)
        return {"valueString": text}, told
    unit = obx.coded(6)
    if kind in _SHORT and kind and has_digits(text) and any(unit) and ":" not in text:
        said = text if text.endswith(words := next(filter(None, unit))) else f"{text} {words}"  # the unit is not lost with the number
        return {"valueString": said}, Fault("hl7_number", obx.where(5), "a number, as a unit stands in OBX-6", "a text with digits; kept as text", left_out=False)
    if kind in _SHORT and kind and any(unit) and not has_digits(text):
        return {"valueString": text}, Fault("hl7_number", obx.where(5), "a number, as a unit stands in OBX-6", "a text without digits; kept as text", left_out=False)
    if kind:
        return {"valueString": text}, None
    return {"valueString": text}, Fault("hl7_value", obx.where(5), "a value of type (none given)", "text; kept as text", left_out=False)


def _typed(kind: str, obx: Segment, first: tuple[str, ...], zone: tzinfo, sender: str, mark: str) -> Json | None:
    text = first[0].strip()
    if kind == "NM":
        number = written_number(text, mark, has_unit=bool(obx.value(6))) if not any(first[1:]) else None
        return _quantity(number, obx) if number is not None else None
    if kind == "SN":
        return _structured(first, obx, mark)
    if kind in ("CE", "CWE", "CNE"):
        concept = coding_of(first, sender)
        return {"valueCodeableConcept": concept} if concept else None
    if kind in ("DT", "TS", "DTM"):
        found = moment(text, zone)[0]
        return {"valueDateTime": found} if found else None
    return None


def _quantity(number: Written, obx: Segment) -> Json:
    """A number with the unit of OBX-6, and what was written beside it."""
    found: Json = {"valueQuantity": quantity(number.value, obx, number.comparator)}
    return {**found, **({"interpretation": [flag_of(number.flag)]} if number.flag else {})}


def flag_of(code: str) -> Json:
    """A flag of table 0078 as CodeableConcept."""
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": code}]}


_TEN, _EXPONENT = re.compile(r"[x×*]?\s?10"), re.compile(r"[0-9]{1,2}\s?(/|$)")


def quantity(value: Decimal | int, obx: Segment, comparator: str = "") -> Json:
    """A number with the unit of OBX-6."""
    found: Json = {"value": value, **({"comparator": comparator} if comparator in _COMPARATORS else {})}
    code, display, system = (part.strip() for part in (*obx.coded(6), "", "", "")[:3])
    if _TEN.fullmatch(code) and _EXPONENT.match(display):  # a caret that the sender did not escape: 10^9/L is one unit, never 10
        code, display = f"{code}^{display}", ""
    if code or display:
        found["unit"] = display or code
    if system.upper() == "UCUM" and code:
        found |= {"system": _UCUM, "code": code}
    elif code and found.get("unit") != code:
        found["unit"] = code
    return found


def _structured(first: tuple[str, ...], obx: Segment, mark: str) -> Json | None:
    """SN: comparator, number, separator, number; a separator without a second number ("2+") is no quantity."""
    comparator, one, between, other = (*(part.strip() for part in first), "", "", "", "")[:4]
    low, high = exact(one, mark), exact(other, mark)
    if low is None:
        return None
    if not between and not other:
        plain = comparator in ("", "=")
        return {"valueQuantity": quantity(low, obx, "" if plain else comparator)} if plain or comparator in _COMPARATORS else None
    if high is None or comparator not in ("", "="):
        return None
    ends = quantity(low, obx), quantity(high, obx)
    if between == "-":
        return {"valueRange": {"low": ends[0], "high": ends[1]}}
    return {"valueRatio": {"numerator": ends[0], "denominator": ends[1]}} if between in (":", "/") else None


def interval(text: str, unit: str = "") -> list[Json] | None:
    """OBX-7 as a reference range: bounds where they can be read, the text always."""
    if not text.strip():
        return None
    return [{"text": text.strip(), **{end: {"value": value} for end, value in bounds(text, unit).items()}}]
