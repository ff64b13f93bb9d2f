"""HL7 v2 messages as laboratories send them: segments, fields, repetitions, components, escapes.

Main job: `messages(data)` answers every message of a file (one or many, batches, MLLP frames) with what could not be read. Bytes are decoded
before they are split, because the second byte of a Chinese character may be a delimiter. What an escape does not say stays as it was sent.

**Source**: HL7 v2.5.1 chapter 2 (delimiters, escape sequences 2.7, character sets 2.15.9.18). What they mean in FHIR: `hl7v2_fhir.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

#: MSH-18 (table 0211) and how senders write it, capitals and digits only -> the codec; gb18030 and big5hkscs read what the smaller sets write.
#: Source: HL7 v2.5.1, 2.15.9.18.
_CHARACTER_SETS: Mapping[str, str] = {
    **dict.fromkeys(("ASCII", "USASCII", "ANSIX341968"), "ascii"),
    **dict.fromkeys(("UNICODEUTF8", "UTF8", "UTF8SIG", "UNICODE"), "utf-8"),
    **dict.fromkeys(("88591", "ISO88591", "ISOIR100", "LATIN1"), "latin-1"),
    **dict.fromkeys(("885915", "ISO885915"), "iso8859-15"),
    **dict.fromkeys(("WINDOWS1252", "CP1252"), "cp1252"),
    **dict.fromkeys(("GB180302000", "GB18030", "GB180302005", "GB180302022", "GBK", "GB2312", "GB231280", "CP936", "EUCCN"), "gb18030"),
    **dict.fromkeys(("BIG5", "BIG5HKSCS", "CP950"), "big5hkscs"),
}
SHOWN_SETS = "UNICODE UTF-8, GB 18030-2000, BIG-5, 8859/1, ASCII"
_FIRST_HAN = "\u2e80"  # radicals and all that follows in the code charts
_STARTS = (b"MSH", b"FHS", b"BHS")
_ENVELOPE = ("FHS", "BHS", "BTS", "FTS")
_FRAME = "\x0b\x1c"
_HEAD = re.compile(rb"MSH[^0-9A-Za-z\s]")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}$")
#: Segments that a result message may hold. Source: HL7 v2.5.1, 7.3.1 and 7.3.2 (ORU), with those that later versions add.
_KNOWN = frozenset(
    (
        "MSH", "SFT", "UAC", "PID", "PD1", "ARV", "PRT", "NTE", "NK1", "AL1", "PV1", "PV2", "ORC", "OBR", "TQ1", "TQ2", "CTD", "OBX", "FT1",
        "CTI", "SPM", "SAC", "DEV", "DSC", "EVN", "MRG", "ROL", "DG1", "IN1", "IN2", "GT1", "PDA", "TXA",
    )
)  # fmt: skip
_TEXTS = ("OBX", "NTE")


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
    """The five characters that a message declares for itself, and the codec that its hexadecimal escapes are written in."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    codec: str = "utf-8"


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

    def is_taken_away(self, field: int) -> bool:
        """Whether a field says explicitly (`""`) that the receiver shall take away what it has. Source: HL7 v2.5.1, 2.10.4."""
        text = self.fields[field] if field < len(self.fields) else ""
        parts = text.replace(self.marks.repetition, self.marks.component).split(self.marks.component)
        return '""' in parts and not any(part not in ("", '""') for part in parts)

    def repetitions(self, field: int, *, coded: bool = False) -> tuple[tuple[str, ...], ...]:
        """Each repetition of a field as its components, escapes resolved: the first subcomponent of each, or all of it where it is `coded`.

        The components of a coded element have no parts: an ampersand in one is a sender's word ("ABO & Rh").
        """
        raw = self.raw(field)
        return tuple(self._components(item, coded=coded) for item in raw.split(self.marks.repetition)) if raw else ()

    def components(self, field: int) -> tuple[str, ...]:
        """The components of the first repetition; empty where the field is."""
        return next(iter(self.repetitions(field)), ())

    def coded(self, field: int) -> tuple[str, ...]:
        """The components of the first repetition of a coded element."""
        return next(iter(self.repetitions(field, coded=True)), ())

    def subcomponents(self, field: int, component: int) -> tuple[str, ...]:
        """The subcomponents of one component of the first repetition."""
        parts = self.raw(field).split(self.marks.repetition)[0].split(self.marks.component)
        return tuple(self.text(part) for part in parts[component - 1].split(self.marks.subcomponent)) if component <= len(parts) else ()

    def value(self, field: int, component: int = 1) -> str:
        """One component of the first repetition, or nothing."""
        raw, marks = self.raw(field), self.marks
        if not raw:
            return ""
        parts = raw.split(marks.repetition, 1)[0].split(marks.component, component)
        text = self.text(parts[component - 1].split(marks.subcomponent, 1)[0]).strip() if component <= len(parts) else ""
        return "" if text == '""' else text

    def segment_text(self, field: int) -> str:
        """A field of free text whole, escapes resolved; repetitions and components as they stand."""
        return self.text(self.raw(field)).strip()

    def where(self, field: int) -> str:
        """The place for a person: OBX[3]-5."""
        return f"{self.name}[{self.number}]-{field}"

    def _components(self, item: str, *, coded: bool) -> tuple[str, ...]:
        marks, parts = self.marks, item.split(self.marks.component)
        if not coded and marks.subcomponent in item:
            parts = [part.split(marks.subcomponent, 1)[0] for part in parts]
        return tuple(map(self.text, parts)) if marks.escape in item else tuple(parts)

    def text(self, raw: str) -> str:
        """Text with its escape sequences resolved; one that HL7 does not know stays as it was sent."""
        if self.marks.escape not in raw:
            return raw
        return _escapes(self.marks.escape).sub(lambda found: _resolved(found, self.marks), raw)


@lru_cache(maxsize=32)
def _escapes(mark: str) -> re.Pattern[str]:
    """The escape sequences of 2.7; any other pair of escape characters is text."""
    known = r"[FSRETHN]|\.(?:br|ce|fi|nf|sp\d*|sk\d+|in[+-]?\d+|ti[+-]?\d+)|X(?:[0-9A-Fa-f]{2})+"
    return re.compile(f"{re.escape(mark)}({known}){re.escape(mark)}", re.ASCII)


def _resolved(found: re.Match[str], marks: Delimiters) -> str:
    code = found[1]
    plain = {"F": marks.field, "S": marks.component, "R": marks.repetition, "E": marks.escape, "T": marks.subcomponent}
    if code in plain:
        return plain[code]
    if code.startswith("X"):
        try:
            return bytes.fromhex(code[1:]).decode(marks.codec)
        except ValueError:
            return found[0]
    if code.startswith((".br", ".sp", ".ce")):
        return "\n"
    return " " if code.startswith(".sk") else ""  # begin and end of highlighting, indents: form, not text


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


def messages(data: bytes, undeclared: str = "utf-8") -> Iterator[Message]:
    """Every message of a file; one that cannot be decoded or has no delimiters comes with its fault and no segments.

    `undeclared` is the codec of messages that name no character set.
    """
    number = 0
    for part in _parts(data):
        lines = [line for line in part if line[1].strip(b"\x0b\x1c \t\xef\xbb\xbf")]
        if lines and not all(line[1].strip(b"\x0b\x1c \t\xef\xbb\xbf")[:3].decode("latin-1") in _ENVELOPE for line in lines):
            number += 1
            yield _message(number, part, undeclared)


Line = tuple[bytes, bytes]  # what ended the line before it, and the line


def _parts(data: bytes) -> Iterator[list[Line]]:
    """The lines of each message: a line that begins with MSH and a delimiter begins one."""
    found: list[Line] = []
    pieces = re.split(rb"(\r\n|\r|\n)", data)
    ends = [b"\r", *pieces[1::2]]
    for end, line in zip(ends, pieces[::2], strict=True):
        if _HEAD.match(line.lstrip(b"\x0b\x1c \t\xef\xbb\xbf")) and found:
            yield found
            found = []
        found.append((end, line))
    yield found


def _message(number: int, lines: list[Line], undeclared: str) -> Message:
    first = next(place for place, (_, line) in enumerate(lines) if line.strip(b"\x0b\x1c \t\xef\xbb\xbf"))
    lines = [(end, line) for end, line in lines[first:] if line.strip(b"\x0b\x1c")[:3].decode("latin-1") not in _ENVELOPE]
    head = lines[0][1].lstrip(b"\x0b\x1c \t\xef\xbb\xbf")
    if not _HEAD.match(head) or len(head) < len("MSH|^~\\&"):
        return Message(number, (), (Fault("hl7_no_head", "MSH", "a message that begins with MSH and its delimiters", "another segment"),))
    codec, declared = _codec(head, undeclared)
    if codec is None:
        return Message(number, (), (Fault("hl7_characters", "MSH-18", f"one of {SHOWN_SETS}", declared[:40]),))
    try:
        texts = [(end, line.decode(codec).strip(_FRAME)) for end, line in [(b"\r", head), *lines[1:]]]
    except UnicodeDecodeError:
        texts = []
    if not texts or is_utf8_instead(b"".join(line for _, line in lines), codec):
        return Message(number, (), (Fault("hl7_characters", "MSH-18", f"text in {declared or undeclared}", "bytes of another character set"),))
    marks = _delimiters(texts[0][1], codec)
    joined, faults = _joined(texts, marks)
    return Message(number, tuple(_segments(joined, marks)), tuple(faults))


def _codec(head: bytes, undeclared: str) -> tuple[str | None, str]:
    """The codec in which the head names that codec, and the name; none where the head, read in each, names another.

    The head must be decoded before its fields are counted: a trail byte of GB 18030 or Big5 may be the field separator.
    """
    declared = ""
    for codec in dict.fromkeys((undeclared, "utf-8", "gb18030", "big5hkscs", "cp1252", "iso8859-15", "latin-1", "ascii")):
        try:
            text = head.decode(codec)
        except UnicodeDecodeError:
            continue
        name = _declared(text)
        if _CHARACTER_SETS.get(_letters(name), "" if name else undeclared) == codec:
            return codec, name
        declared = declared or name
    if not declared:
        return undeclared, ""  # decoding the message tells that its bytes are of another set
    return _CHARACTER_SETS.get(_letters(declared)), declared


def codec_of(name: str) -> str | None:
    """The codec of a character set as senders and sites write it (GBK, Big5, utf8); None for one that is not read here."""
    return _CHARACTER_SETS.get(_letters(name))


def is_utf8_instead(data: bytes, codec: str) -> bool:
    """Whether a text is said to be of another set and is UTF-8: it would be read as other characters without a word.

    A text of GB 18030 or Big5 can be UTF-8 by chance, but not with Han characters in it; accented letters of one byte each cannot.
    """
    if codec in ("utf-8", "utf-16", "ascii") or data.isascii():
        return False
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return codec not in ("gb18030", "big5hkscs") or any(character >= _FIRST_HAN for character in text)


def _letters(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name.upper())


def _declared(head: str) -> str:
    marks = _delimiters(head, "")
    fields = head.split(marks.field)
    text = fields[17] if len(fields) > 17 else ""
    return text.split(marks.repetition)[0].split(marks.component)[0].strip(" \x1c")


def _delimiters(head: str, codec: str) -> Delimiters:
    field = head[3]
    marks = head[4:8].split(field)[0].ljust(4, "\0")
    return Delimiters(field, marks[0], marks[1], marks[2], marks[3], codec)


# --- lines as segments ----------------------------------------------------------------------------------------------


def _joined(lines: Sequence[tuple[bytes, str]], marks: Delimiters) -> tuple[list[str], list[Fault]]:
    """The segments of a message: a line that begins none belongs to the text of the segment before it."""
    by_return = any(b"\r" in end for end, _ in lines[1:])
    found: list[list[str]] = []
    faults: list[Fault] = []
    for end, line in lines:
        name = line.lstrip()[:4].split(marks.field, 1)[0]
        begins = _SEGMENT.match(name) and (not by_return or b"\r" in end or name in _KNOWN)
        if begins or not found:
            found.append([line.lstrip()])
            continue
        found[-1].append(line)
        if not faults and line.strip() and (b"\r" in end or found[-1][0][:3] not in _TEXTS):
            told = "a line that begins none; kept with what stands before"
            faults.append(Fault("hl7_line", found[-1][0][:3], "a segment on each line", told, left_out=False))
    return ["\n".join(parts).rstrip(" \t\r\n" + _FRAME) for parts in found], faults


def _segments(texts: Sequence[str], marks: Delimiters) -> Iterator[Segment]:
    counted: dict[str, int] = {}
    for text in texts:
        name, *rest = text.split(marks.field)
        counted[name] = counted.get(name, 0) + 1
        fields = (name, marks.field, *rest) if name == "MSH" else (name, *rest)
        yield Segment(name, counted[name], fields, marks)
