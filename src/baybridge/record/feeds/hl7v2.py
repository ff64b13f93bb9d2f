"""HL7 v2 messages as laboratories send them: segments, fields, repetitions, components, escapes.

Main job: `messages(data)` answers every message of a file (one or many, batches, MLLP frames) with what could not be read.

**Source**: HL7 v2.5.1 chapter 2 (delimiters, escape sequences 2.7, character sets 2.15.9.18). What they mean in FHIR: `hl7v2_fhir.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: MSH-18 (table 0211) -> the codec. Source: HL7 v2.5.1, 2.15.9.18.
_CHARACTER_SETS: Mapping[str, str] = {
    "": "utf-8", "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UNICODE": "utf-8", "8859/1": "latin-1",
    "8859/15": "iso8859-15", "GB 18030-2000": "gb18030", "GB 18030": "gb18030", "BIG-5": "big5hkscs",
}  # fmt: skip
_STARTS = (b"MSH", b"FHS", b"BHS")
_ENVELOPE = ("FHS", "BHS", "BTS", "FTS")
_FRAME = b"\x0b\x1c"
_ESCAPE = re.compile(r"\\([^\\]*)\\")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a message; `left_out` where something of it could not be taken."""

    code: str
    where: str  # segment and field, e.g. OBX[3]-5
    expected: str
    found: str
    left_out: bool = True


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five characters that a message declares for itself."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its name, its place among the segments of that name, and its raw fields from 1 on."""

    name: str
    number: int
    fields: tuple[str, ...]
    marks: Delimiters

    def raw(self, field: int) -> str:
        """A field as it stands; empty where absent or explicitly null."""
        text = self.fields[field] if field < len(self.fields) else ""
        return "" if text == '""' else text

    def repetitions(self, field: int) -> tuple[tuple[str, ...], ...]:
        """Each repetition of a field as its components (first subcomponent of each), escapes resolved."""
        raw = self.raw(field)
        return tuple(self._components(item) for item in raw.split(self.marks.repetition)) if raw else ()

    def components(self, field: int) -> tuple[str, ...]:
        """The components of the first repetition; empty where the field is."""
        return next(iter(self.repetitions(field)), ())

    def subcomponents(self, field: int, component: int) -> tuple[str, ...]:
        """The subcomponents of one component of the first repetition."""
        parts = self.raw(field).split(self.marks.repetition)[0].split(self.marks.component)
        return tuple(self.text(part) for part in parts[component - 1].split(self.marks.subcomponent)) if component <= len(parts) else ()

    def value(self, field: int, component: int = 1) -> str:
        """One component of the first repetition, or nothing."""
        found = self.components(field)
        return found[component - 1].strip() if component <= len(found) else ""

    def segment_text(self, field: int) -> str:
        """A field of free text whole, escapes resolved; repetitions and components as they stand."""
        return self.text(self.raw(field)).strip()

    def where(self, field: int) -> str:
        """The place for a person: OBX[3]-5."""
        return f"{self.name}[{self.number}]-{field}"

    def _components(self, item: str) -> tuple[str, ...]:
        return tuple(self.text(part.split(self.marks.subcomponent)[0]) for part in item.split(self.marks.component))

    def text(self, raw: str) -> str:
        """Text with its escape sequences resolved."""
        marks = self.marks
        if marks.escape not in raw:
            return raw
        known = {"F": marks.field, "S": marks.component, "R": marks.repetition, "E": marks.escape, "T": marks.subcomponent, ".br": "\n"}
        pattern = (
            _ESCAPE
            if marks.escape == "\\"
            else re.compile(f"{re.escape(marks.escape)}([^{re.escape(marks.escape)}]*){re.escape(marks.escape)}")
        )
        return pattern.sub(lambda found: known.get(found[1], _hexadecimal(found[1])), raw)


def _hexadecimal(code: str) -> str:
    if not code.startswith("X"):
        return ""
    try:
        return bytes.fromhex(code[1:]).decode("utf-8")
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its segments in order, and its place in the file from 1 on."""

    number: int
    segments: tuple[Segment, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def head(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    @property
    def kind(self) -> str:
        """Message code and event, e.g. ORU^R01."""
        return "^".join(self.head.components(9)[:2])


def looks_like(data: bytes) -> bool:
    """Whether bytes begin like an HL7 v2 file."""
    return data.lstrip(b"\xef\xbb\xbf\r\n\t \x0b").startswith(_STARTS)


def messages(data: bytes) -> Iterator[Message]:
    """Every message of a file; one that cannot be decoded or has no delimiters comes with its fault and no segments."""
    lines = [line.strip(_FRAME) for line in re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf"))]
    number = 0
    found: list[bytes] = []
    for line in lines:
        if line.lstrip().startswith(b"MSH") and found:
            number += 1
            yield _message(number, found)
            found = []
        if line.strip() and line.strip()[:3].decode("ascii", "replace") not in _ENVELOPE:
            found.append(line.strip())
    if found:
        yield _message(number + 1, found)


def _message(number: int, lines: Sequence[bytes]) -> Message:
    head = lines[0]
    if not head.startswith(b"MSH") or len(head) < len("MSH|^~\\&"):
        return Message(number, (), (Fault("hl7_no_head", "MSH", "a message that begins with MSH and its delimiters", "another segment"),))
    marks = _delimiters(head)
    declared = _declared(head, marks)
    codec = _CHARACTER_SETS.get(declared)
    if codec is None:
        return Message(
            number, (), (Fault("hl7_characters", "MSH-18", f"one of {', '.join(filter(None, _CHARACTER_SETS))}", declared[:40]),)
        )
    try:
        texts = [line.decode(codec) for line in lines]
    except UnicodeDecodeError:
        return Message(number, (), (Fault("hl7_characters", "MSH-18", f"text in {declared or 'UTF-8'}", "bytes of another character set"),))
    return Message(number, tuple(_segments(texts, marks)))


def _delimiters(head: bytes) -> Delimiters:
    text = head[3:8].decode("latin-1")
    field = text[0]
    marks = text[1:].split(field)[0].ljust(4, "\0")
    return Delimiters(field, marks[0], marks[1], marks[2], marks[3])


def _declared(head: bytes, marks: Delimiters) -> str:
    fields = head.decode("latin-1").split(marks.field)
    text = fields[17] if len(fields) > 17 else ""
    return text.split(marks.repetition)[0].split(marks.component)[0].strip().upper()


def _segments(texts: Sequence[str], marks: Delimiters) -> Iterator[Segment]:
    counted: dict[str, int] = {}
    for text in texts:
        name, *rest = text.split(marks.field)
        counted[name] = counted.get(name, 0) + 1
        fields = (name, marks.field, *rest) if name == "MSH" else (name, *rest)
        yield Segment(name, counted[name], fields, marks)
