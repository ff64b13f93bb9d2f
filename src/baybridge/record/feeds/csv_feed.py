"""A laboratory's table (CSV) as FHIR, with a mapping document that says what its columns, codes and words mean.

Main job: `read_csv(data, feed, zone)` answers one `Taken` a line (line 1 is the header). What the mapping does not say is not guessed: a
line without patient, code or readable value, with more or fewer cells than the header has, or with a patient's number that a spreadsheet
changed is left out and told.

The mapping document:

    id: hospital-x-csv
    encoding: utf-8            # utf-8, utf-16, gb18030 (GBK), big5hkscs (Big5), latin-1
    delimiter: ","
    decimal_mark: "."          # or ","
    zone: Asia/Hong_Kong       # of times without an offset
    laboratory: "Hospital X"
    identifier_system: urn:hk:hkid
    columns: {patient: HKID, name: Name, birth_date: DOB, sex: Sex, code: Test, name_of_test: "Test name", value: Result, unit: Unit,
              low: Low, high: High, reference: Range, collected_at: Collected, reported_at: Reported, status: Status, method: Method,
              specimen: Specimen, result_id: "Lab no"}
    times: {collected_at: "%d/%m/%Y %H:%M", birth_date: "%d/%m/%Y"}   # as Python's strptime has them; ISO 8601 where left out
    words: {status: {Approved: final}, sex: {M: male}}
    codes: {CRE: {loinc: 2160-0, unit: mg/dL, name: creatinine}}

**Source**: this project's own form; RFC 4180 for the table.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.documents.feed import unclear_form
from baybridge.record.feeds.code_mapping import mapped
from baybridge.record.feeds.hl7v2 import Fault, codec_of, is_utf8_instead
from baybridge.record.feeds.hl7v2_fhir import SENT_AT, Taken
from baybridge.record.feeds.hl7v2_values import flag_of, interval, offset_of
from baybridge.record.feeds.numbers import decimal_mark, has_digits, narrowed, written_number
from baybridge.record.feeds.people import MetPeople, with_person
from baybridge.record.identity.documents import document_number, is_mangled, is_placeholder, shipped_forms

Json = dict[str, Any]
_ENCODINGS = ("utf-8", "utf-16", "gb18030", "big5hkscs", "latin-1")  # and other spellings of them, such as GBK
_STATUSES = ("registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown")
_SEXES = ("male", "female", "other", "unknown")
_NEEDED = ("patient", "code", "value", "collected_at")
#: What a column of a table may hold.
COLUMNS = (
    *_NEEDED, "name", "birth_date", "sex", "name_of_test", "unit", "low", "high", "reference", "reported_at", "status", "method", "specimen", "laboratory", "result_id",
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([+-][0-9]{2}:[0-9]{2}|Z)?")
_MOST_KEPT = 4096  # texts of a file that are kept with what they mean
_ROUNDED = re.compile(r"[0-9]{13,}000")  # a spreadsheet keeps fifteen digits and makes the others zero
_AS_TEXT = re.compile(r"^(?:'|=\"(.*)\"$)")  # how a spreadsheet keeps a number as text


def read_csv(data: bytes, feed: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Taken]:
    """Each line as a patient and an observation; number 0 is the whole file."""
    encoding = str(feed.get("encoding") or "utf-8")
    codec = "utf-16" if re.sub("[^a-z0-9]", "", encoding.lower()) == "utf16" else codec_of(encoding)
    missing = [name for name in _NEEDED if name not in feed["columns"]]
    if codec is None or missing:
        expected = f"columns {', '.join(_NEEDED)}; encoding one of {', '.join(_ENCODINGS)}"
        yield Taken(0, faults=[Fault("csv_mapping", "columns", expected, f"without {', '.join(missing)}" if missing else encoding[:20])])
        return
    unclear = [(name, *one) for name, form in sorted((feed.get("times") or {}).items()) for one in unclear_form(str(form))]
    if unclear:
        yield Taken(0, faults=[Fault("csv_time_form", f"times.{name}", expected, found) for name, expected, found in unclear])
        return
    text: str | None = None
    with contextlib.suppress(UnicodeError):  # told below
        text = data.decode("utf-8-sig" if codec == "utf-8" else codec)
    if text is None or is_utf8_instead(data, codec):
        yield Taken(0, faults=[Fault("csv_encoding", "", f"text in {encoding}", "bytes of another encoding")])
        return
    yield from _Table(text, feed, zone).lines()


class _Table:
    """The lines of a table on their way to FHIR."""

    def __init__(self, text: str, feed: Mapping[str, Any], zone: ZoneInfo) -> None:
        self.feed, self.zone = feed, zone
        # strict: a quotation mark that is not closed is an error, not a cell that holds the rest of the file
        self.rows = csv.reader(io.StringIO(text, newline=""), delimiter=str(feed.get("delimiter") or ","), strict=True)
        self.read_before = _ReadBefore(feed)
        self.columns = [(str(name), str(heading)) for name, heading in feed["columns"].items()]
        self.words: Mapping[str, Mapping[str, Any]] = feed.get("words") or {}
        self.bare = _bare if "\ufeff" in text else str.strip
        self.absent: dict[str, str] = {}  # what the mapping says of columns that this table does not have
        self.wanted: list[tuple[str, int, Mapping[str, Any] | None]] = []  # each column that the mapping names: where it stands, its words

    def lines(self) -> Iterator[Taken]:
        """Each line, or why the file or a line is not read."""
        try:
            headings = [_bare(cell) for cell in next(self.rows, [])]
        except csv.Error as error:
            yield Taken(0, faults=[_unquoted(error)])
            return
        if fault := self._against(headings):
            yield Taken(0, faults=[fault])
            return
        self.absent = {name: str(words[""]) for name, heading in self.columns if heading not in headings and "" in (words := self.words.get(name) or {})}
        self.wanted = [(name, headings.index(heading), self.words.get(name)) for name, heading in self.columns if heading in headings]
        read = 0
        while True:
            number = self.rows.line_num + 1
            try:
                row = next(self.rows)
            except StopIteration:
                if not read:
                    yield Taken(self.rows.line_num, faults=[Fault("csv_no_lines", "", "results", "none", left_out=False)])
                return
            except csv.Error as error:
                yield Taken(self.rows.line_num, faults=[_unquoted(error, number)])
                if "end of data" in str(error) or "field larger" in str(error):
                    return
                continue
            bare = [*map(self.bare, row)]
            if any(bare):
                read += 1
                yield self._line(headings, bare)

    def _against(self, headings: Sequence[str]) -> Fault | None:
        """Why a table with these headings is not read."""
        used = {str(name) for name in self.feed["columns"].values()}
        absent = [str(self.feed["columns"][name]) for name in _NEEDED if self.feed["columns"][name] not in headings]
        if absent:
            return Fault("csv_columns", "", "every column that the mapping names", f"{len(absent)} of them missing")
        twice = sorted(name for name in used if headings.count(name) > 1)
        return Fault("csv_heading_twice", ", ".join(twice)[:80], "each heading once", f"{len(twice)} of them more than once") if twice else None

    def _line(self, headings: list[str], row: list[str]) -> Taken:
        number = self.rows.line_num
        if row == headings:
            return Taken(number, faults=[Fault("csv_heading_again", "", "results", "the headings once more", left_out=False)])
        if len(row) != len(headings):
            return Taken(number, faults=[Fault("csv_cells", "", f"{len(headings)} cells, as many as headings", f"{len(row)}")])
        texts = self.absent | {name: str(words.get(row[place], row[place])) if words else row[place] for name, place, words in self.wanted}
        return _Line(texts, number, self.feed, self.zone, self.read_before).read()


def _bare(cell: str) -> str:
    text = cell.strip()
    return text.strip("\ufeff").strip() if "\ufeff" in text else text


def _unquoted(error: csv.Error, first: int = 1) -> Fault:
    """What the reader of tables could not read; its words name no content."""
    if "field larger" in str(error):
        return Fault("csv_quotes", f"line {first}", f"cells of at most {csv.field_size_limit()} characters", "a larger one; nothing after it is read")
    rest = "; nothing after it is read" if "end of data" in str(error) else ""
    return Fault("csv_quotes", f"line {first}", "cells and quotation marks as RFC 4180 has them", f"others{rest}")


class _ReadBefore:
    """What lines of one file have in common, read once: its people, and the texts that came before without a fault."""

    def __init__(self, feed: Mapping[str, Any]) -> None:
        self.people = MetPeople()
        self.system = str(feed.get("identifier_system") or f"urn:csv:{feed.get('id')}")
        self.mark = decimal_mark(feed)
        self.patients: dict[tuple[str, ...], Json] = {}
        self.moments: dict[tuple[str, str], str] = {}

    def keep_moment(self, name: str, text: str, moment: str) -> str:
        """The moment, kept for the lines that follow."""
        if len(self.moments) >= _MOST_KEPT:
            self.moments.clear()
        self.moments[name, text] = moment
        return moment

    def keep_patient(self, said: tuple[str, ...], patient: Json) -> None:
        """The patient of a line without a fault, kept for the lines that follow."""
        if len(self.patients) >= _MOST_KEPT:
            self.patients.clear()
        self.patients[said] = patient


class _Line:
    """One line on its way to FHIR."""

    def __init__(self, texts: Mapping[str, str], number: int, feed: Mapping[str, Any], zone: ZoneInfo, before: _ReadBefore) -> None:
        self.texts, self.feed, self.zone, self.before, self.people = texts, feed, zone, before, before.people
        self.taken = Taken(number)

    def cell(self, name: str) -> str:
        """The text of a column by its meaning; nothing where the mapping has no such column."""
        return self.texts.get(name, "")

    def fault(self, code: str, name: str, expected: str, found: str, *, left_out: bool = True) -> None:
        """Tell a fault of a column; never its content."""
        self.taken.faults.append(Fault(code, str(self.feed["columns"].get(name, name)), expected, found, left_out))

    def read(self) -> Taken:
        """The patient and the observation, or why not."""
        if not self.cell("patient") or not self.cell("code"):
            name = "code" if self.cell("patient") else "patient"
            self.fault("csv_empty", name, "a value", "nothing")
            return self.taken
        number = self._number()
        if number is None:
            return self.taken
        patient = self._patient(number)
        observation = self._observation(patient["id"], number)
        self.taken.resources += [patient, *([observation] if observation else [])]
        if observation and self.cell("result_id"):
            self.taken.by_sample.add(observation["id"])
        return self.taken

    def _number(self) -> str | None:
        """The patient's number; None and a fault where a spreadsheet changed it, or where it is no number of its document.

        One whose check character alone does not fit is kept and told: it documents nobody.
        """
        text = self.cell("patient")
        text = _AS_TEXT.sub(lambda found: found[1] or "", text) if text[:1] in "'=" else text
        system = str(self.feed.get("identifier_system"))
        if system in shipped_forms():  # 11010519491231002x and …X are one document
            text = narrowed(text).upper()
        if text in self.people.right:
            return text
        found = document_number({"system": system, "value": text})
        if is_mangled(text) or _ROUNDED.fullmatch(narrowed(text)):
            self.fault("csv_identity", "patient", "a number as it stands on the document", "one that a spreadsheet rounded or changed")
        elif is_placeholder(text) or found is None:
            self.fault("csv_identity", "patient", "a number in the form of its document", "another text")
        else:
            if not found.counts and self.people.is_news("check", text):
                self.fault("csv_check", "patient", "the check character of the document", "another; the number documents nobody", left_out=False)
            self.people.right.add(text)
            return text
        return None

    def _patient(self, number: str) -> Json:
        said = (number, self.cell("name"), self.cell("birth_date"), self.cell("sex"))
        kept = self.before.patients.get(said)
        if kept is None:
            faults = len(self.taken.faults)
            kept = self._read_patient(number)
            if len(self.taken.faults) == faults:
                self.before.keep_patient(said, kept)
        return dict(kept)

    def _read_patient(self, number: str) -> Json:
        system = self.before.system
        name, born, sex = self.cell("name"), (self._moment("birth_date") or "")[:10], self.cell("sex")
        another = self.people.is_another((system, number), [name] if name else [], born)
        if another and self.people.is_news("person", number, name, born):
            told = "one with another name and birth date; kept apart until a person decides"
            self.fault("csv_other_person", "patient", "one person under a number", told, left_out=False)
        sent_as = with_person(_id("Patient", system, number), [name] if name else [], born)
        if another:
            self.people.others[sent_as] = _id("Patient", system, number, name, born)
        if sex and sex not in _SEXES:
            self.fault("csv_sex", "sex", f"one of {', '.join(_SEXES)}, or a word that the mapping translates", "another", left_out=False)
        patient: Json = {
            "resourceType": "Patient",
            "id": sent_as,
            "identifier": [{"system": system, "value": number}],
            "name": [{"text": name}] if name else None,
            "gender": sex if sex in _SEXES else None,
            "birthDate": born,
        }
        return {name: value for name, value in patient.items() if value}

    def _observation(self, patient_id: str, number: str) -> Json | None:
        value = self._value()
        if value is None:
            self.fault("csv_empty", "value", "a value", "nothing")
            return None
        status = self.cell("status")
        if status not in _STATUSES:
            self.fault(
                "csv_status", "status", f"one of {', '.join(_STATUSES)}, or a word that the mapping translates", "another", left_out=False
            )
        taken_at = self._moment("collected_at")
        if not narrowed(self.cell("collected_at")):
            self.fault("csv_no_time", "collected_at", "when the sample was taken", "nothing; the result is kept and not used", left_out=False)
        reported_at = self._moment("reported_at")
        observation: Json = {
            "resourceType": "Observation",
            "id": _id("Observation", *self._key(patient_id, number)),
            "status": status if status in _STATUSES else "unknown",
            "code": {"coding": [self._coding()]},
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": taken_at,
            "issued": reported_at if taken_at else None,  # or a result of no known time would count as one of when it was reported
            **value,
            "method": {"text": self.cell("method")} if self.cell("method") else None,
            "referenceRange": self._interval(),
            "performer": self._performer(),
        }
        if "T" in (reported_at or ""):  # a line that was reported earlier never replaces a later one
            observation["meta"] = {"extension": [{"url": SENT_AT, "valueDateTime": reported_at}]}
        return mapped({name: item for name, item in observation.items() if item}, self.feed)

    def _key(self, patient_id: str, number: str) -> tuple[str, ...]:
        named = self.cell("result_id")
        if named:
            return str(self.feed.get("id")), named, self.cell("code")
        other = self.people.others.get(patient_id)
        return (str(self.feed.get("id")), number, *([other] if other else []), self.cell("code"), self.cell("collected_at"))

    def _coding(self) -> Json:
        system = f"urn:csv:{self.feed.get('id')}"
        display = self.cell("name_of_test")
        return {"system": system, "code": self.cell("code"), **({"display": display} if display else {})}

    def _value(self) -> Json | None:
        text, unit = self.cell("value"), self.cell("unit")
        number = written_number(text, self.before.mark, has_unit=bool(unit))
        if number is None:
            if text and has_digits(text):
                self.fault("csv_number", "value", "a number", "a text with digits; kept as text", left_out=False)
            elif text and self._is_of_numbers():
                self.fault("csv_no_number", "value", "a number, as the test has a unit or limits", "a text without digits; kept as text", left_out=False)
            return {"valueString": text} if text else None
        quantity: Json = {"value": number.value, **({"comparator": number.comparator} if number.comparator else {}), **({"unit": unit} if unit else {})}
        return {"valueQuantity": quantity, **({"interpretation": [flag_of(number.flag)]} if number.flag else {})}

    def _is_of_numbers(self) -> bool:
        """Whether the results of a test are numbers: the line or the mapping gives it a unit, or the line a limit."""
        row = (self.feed.get("codes") or {}).get(self.cell("code"))
        has_unit = bool(self.cell("unit")) or (isinstance(row, Mapping) and bool(row.get("unit")))
        return has_unit or any(self._bound(self.cell(end)) is not None for end in ("low", "high"))

    def _interval(self) -> list[Json] | None:
        low, high = self.cell("low"), self.cell("high")
        if not low and not high:
            return interval(self.cell("reference"), self.cell("unit"))
        ends = {"low": self._bound(low), "high": self._bound(high)}
        known = {name: {"value": value} for name, value in ends.items() if value is not None}
        sensible = len(known) < len(ends) or known["low"]["value"] <= known["high"]["value"]
        if sensible and len(known) == bool(low) + bool(high):
            return [dict(known)]
        return [{"text": f"{low} - {high}".strip()}]

    def _bound(self, text: str) -> Decimal | int | None:
        found = written_number(text, self.before.mark) if text else None
        return found.value if found is not None and not found.comparator and not found.flag else None

    def _performer(self) -> list[Json] | None:
        name = self.cell("laboratory") or str(self.feed.get("laboratory") or "")
        return [{"type": "Organization", "display": name}] if name else None

    def _moment(self, name: str) -> str | None:
        """A FHIR dateTime; None and a fault where the text is not in the form that the mapping says, or no time that FHIR can write."""
        said = self.cell(name)
        if not said:
            return None
        return self.before.moments.get((name, said)) or self._read_moment(name, said)

    def _read_moment(self, name: str, said: str) -> str | None:
        text, form = narrowed(said), (self.feed.get("times") or {}).get(name)
        if not text:
            return None
        try:
            if not form and _DAY.fullmatch(text):
                return self.before.keep_moment(name, said, date.fromisoformat(text).isoformat())
            at = datetime.strptime(text, form) if form else _iso(text)  # noqa: DTZ007 - the zone follows
            if name == "birth_date" or (form and not {"%H", "%I"} & set(re.findall("%.", form))):
                return self.before.keep_moment(name, said, at.date().isoformat())
            aware = at if at.tzinfo else at.replace(tzinfo=self.zone)
            return self.before.keep_moment(name, said, f"{at.replace(tzinfo=None).isoformat()}{offset_of(aware)}")
        except ValueError:
            self.fault("csv_time", name, form or "ISO 8601, after 1900", "another form or an older time", left_out=False)
            return None


def _iso(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise ValueError("expected a time of ISO 8601")
    return datetime.fromisoformat(text)


def _id(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()[:32]
