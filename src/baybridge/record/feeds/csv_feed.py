"""A laboratory's table (CSV) as FHIR, with a mapping document that says what its columns, codes and words mean.

Main job: `read_csv(data, feed, zone)` answers one `Taken` a line (line 1 is the header). What the mapping does not say is not guessed: a
line without patient, code or readable value is left out and told.

The mapping document:

    id: hospital-x-csv
    encoding: utf-8            # utf-8, gb18030, big5hkscs, latin-1
    delimiter: ","
    zone: Asia/Hong_Kong       # of times without an offset
    laboratory: "Hospital X"
    identifier_system: urn:hk:hkid
    columns: {patient: HKID, name: Name, birth_date: DOB, sex: Sex, code: Test, name_of_test: "Test name", value: Result, unit: Unit,
              low: Low, high: High, reference: Range, collected_at: Collected, reported_at: Reported, status: Status, method: Method,
              specimen: Specimen, result_id: "Lab no"}
    times: {collected_at: "%d/%m/%Y %H:%M", birth_date: "%d/%m/%Y"}   # ISO 8601 where left out
    words: {status: {Approved: final}, sex: {M: male}}
    codes: {CRE: {loinc: 2160-0, unit: mg/dL, name: creatinine}}

**Source**: this project's own form; RFC 4180 for the table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.record.feeds.code_mapping import mapped
from baybridge.record.feeds.hl7v2 import Fault
from baybridge.record.feeds.hl7v2_fhir import Taken
from baybridge.record.feeds.hl7v2_values import interval

Json = dict[str, Any]
_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "big5hkscs", "latin-1")
_STATUSES = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")
_NEEDED = ("patient", "code", "value", "collected_at")
_NUMBER = re.compile(r"^(<=|>=|<|>)?\s*([+-]?\d+(?:\.\d+)?)$")


def read_csv(data: bytes, feed: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Taken]:
    """Each line as a patient and an observation; number 0 is the whole file."""
    encoding = str(feed.get("encoding") or "utf-8")
    missing = [name for name in _NEEDED if name not in feed["columns"]]
    if encoding not in _ENCODINGS or missing:
        expected = f"columns {', '.join(_NEEDED)}; encoding one of {', '.join(_ENCODINGS)}"
        yield Taken(0, faults=[Fault("csv_mapping", "columns", expected, f"without {', '.join(missing)}" if missing else encoding[:20])])
        return
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError:
        yield Taken(0, faults=[Fault("csv_encoding", "", f"text in {encoding}", "bytes of another encoding")])
        return
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=str(feed.get("delimiter") or ","))
    absent = sorted(str(feed["columns"][name]) for name in _NEEDED if feed["columns"][name] not in (rows.fieldnames or ()))
    if absent:
        yield Taken(0, faults=[Fault("csv_columns", "", "every column that the mapping names", f"{len(absent)} of them missing")])
        return
    for row in rows:
        yield _Line(row, rows.line_num, feed, zone).read()


class _Line:
    """One line on its way to FHIR."""

    def __init__(self, row: Mapping[str, str | None], number: int, feed: Mapping[str, Any], zone: ZoneInfo) -> None:
        self.row, self.feed, self.zone = row, feed, zone
        self.taken = Taken(number)

    def cell(self, name: str) -> str:
        """The text of a column by its meaning, in the words of FHIR where the mapping translates."""
        text = (self.row.get(str(self.feed["columns"].get(name))) or "").strip()
        return str(((self.feed.get("words") or {}).get(name) or {}).get(text, text))

    def fault(self, code: str, name: str, expected: str, found: str, *, left_out: bool = True) -> None:
        """Tell a fault of a column; never its content."""
        self.taken.faults.append(Fault(code, str(self.feed["columns"].get(name, name)), expected, found, left_out))

    def read(self) -> Taken:
        """The patient and the observation, or why not."""
        if not self.cell("patient") or not self.cell("code"):
            name = "code" if self.cell("patient") else "patient"
            self.fault("csv_empty", name, "a value", "nothing")
            return self.taken
        patient = self._patient()
        observation = self._observation(patient["id"])
        self.taken.resources += [patient, *([observation] if observation else [])]
        return self.taken

    def _patient(self) -> Json:
        system, number = str(self.feed.get("identifier_system") or f"urn:csv:{self.feed.get('id')}"), self.cell("patient")
        born = self._moment("birth_date")
        sex = self.cell("sex")
        patient: Json = {
            "resourceType": "Patient",
            "id": _id("Patient", system, number),
            "identifier": [{"system": system, "value": number}],
            "name": [{"text": self.cell("name")}] if self.cell("name") else None,
            "gender": sex if sex in ("male", "female", "other", "unknown") else None,
            "birthDate": born[:10] if born else None,
        }
        return {name: value for name, value in patient.items() if value}

    def _observation(self, patient_id: str) -> Json | None:
        value = self._value()
        if value is None:
            self.fault("csv_empty", "value", "a value", "nothing")
            return None
        status = self.cell("status")
        if status not in _STATUSES:
            self.fault(
                "csv_status", "status", f"one of {', '.join(_STATUSES)}, or a word that the mapping translates", "another", left_out=False
            )
        observation: Json = {
            "resourceType": "Observation",
            "id": _id("Observation", *self._key()),
            "status": status if status in _STATUSES else "unknown",
            "code": {"coding": [self._coding()]},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": self._moment("collected_at"),
            "issued": self._moment("reported_at"),
            **value,
            "method": {"text": self.cell("method")} if self.cell("method") else None,
            "referenceRange": self._interval(),
            "performer": self._performer(),
        }
        return mapped({name: item for name, item in observation.items() if item}, self.feed)

    def _key(self) -> tuple[str, ...]:
        named = self.cell("result_id")
        own = (named, self.cell("code")) if named else tuple(self.cell(name) for name in ("patient", "code", "collected_at"))
        return (str(self.feed.get("id")), *own)

    def _coding(self) -> Json:
        system = f"urn:csv:{self.feed.get('id')}"
        display = self.cell("name_of_test")
        return {"system": system, "code": self.cell("code"), **({"display": display} if display else {})}

    def _value(self) -> Json | None:
        text = self.cell("value")
        number = _NUMBER.match(text)
        if not number:
            return {"valueString": text} if text else None
        digits, unit = number[2], self.cell("unit")
        quantity: Json = {"value": Decimal(digits) if "." in digits else int(digits)}
        return {"valueQuantity": {**quantity, **({"comparator": number[1]} if number[1] else {}), **({"unit": unit} if unit else {})}}

    def _interval(self) -> list[Json] | None:
        low, high = _NUMBER.match(self.cell("low")), _NUMBER.match(self.cell("high"))
        if not low and not high:
            return interval(self.cell("reference"))
        ends = {"low": low, "high": high}
        return [{name: {"value": Decimal(found[2]) if "." in found[2] else int(found[2])} for name, found in ends.items() if found}]

    def _performer(self) -> list[Json] | None:
        name = self.cell("laboratory") or str(self.feed.get("laboratory") or "")
        return [{"type": "Organization", "display": name}] if name else None

    def _moment(self, name: str) -> str | None:
        """A FHIR dateTime; None and a fault where the text is not in the form that the mapping says."""
        text, form = self.cell(name), (self.feed.get("times") or {}).get(name)
        if not text:
            return None
        try:
            found = datetime.strptime(text, form) if form else None  # noqa: DTZ007 - the zone follows
            if found is None and len(text) == len("2026-03-08"):
                return date.fromisoformat(text).isoformat()
            at = found or datetime.fromisoformat(text)
        except ValueError:
            self.fault("csv_time", name, form or "ISO 8601", "another form", left_out=False)
            return None
        if form and not {"%H", "%I"} & set(re.findall("%.", form)):
            return at.date().isoformat()
        return (at if at.tzinfo else at.replace(tzinfo=self.zone)).isoformat()


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
