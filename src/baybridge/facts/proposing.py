"""What the lines of a document may say of facts: proposals for a person who looks at the page, never facts.

Main job: `propose(lines, dictionary, printed)`. A value is proposed where a measured fact is named directly before a number with a unit that fits it. Nothing is
proposed of a line that takes it away ("not", "previous"), of a bound ("< 5"), where another word stands between, or of a number that can be read in two ways
("1,200"); marks of high and low are not read. A document in which several persons are named proposes nothing.

**Units**: as printed; `box` in thousandths of the page: left, top, right, bottom.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from baybridge.base.quantity import Quantity
from baybridge.documents.fact_reading import Latest
from baybridge.documents.printed import Printed
from baybridge.facts.dictionary import Dictionary, Fact
from baybridge.facts.units import UnitMismatchError

Box = tuple[int, int, int, int]

_NUMBER = r"\d+(?:[.,]\d+)?"
_RANGE = rf"[\[(]?\s*{_NUMBER}\s*(?:-|~|\u2013|\u2014|to|至|a)\s*{_NUMBER}\s*[\])]?"
_BETWEEN = r"[\s:.)\]\u2026|=]*(?:\([^()\d]{1,20}\))?[\s:.\u2026|=]*"
#: Thousands for one reader, a fraction for another.
_TWO_WAYS = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_LETTER = re.compile(r"[^\W\d_]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document, on which page and where."""

    text: str
    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Proposed:
    """A value that a line may say."""

    fact: str
    value: str
    unit: str
    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a document proposes, or why nothing: several persons are named in it."""

    proposals: tuple[Proposed, ...]
    why: Literal["", "several-persons"] = ""


def propose(lines: Sequence[Line], dictionary: Dictionary, printed: Printed) -> Outcome:
    """Every value that one line says for one fact; a fact that the document says twice and differently is proposed each time."""
    if len(_persons(lines, printed)) > 1:
        return Outcome((), "several-persons")
    names = _names(dictionary, printed)
    found = [one for line in lines for one in _of_line(line, names, dictionary, printed)]
    return Outcome(tuple(dict.fromkeys(found)))


def _persons(lines: Sequence[Line], printed: Printed) -> frozenset[str]:
    """Who stands behind the words for a person; of the word that names most, so that a name and a number of one person are one."""
    said: dict[str, set[str]] = {}
    for line in lines:
        text = _plain(line.text).casefold()
        for word in printed.persons:
            for match in re.finditer(rf"(?<!\w){re.escape(_plain(word).casefold())} ?: ?([^:]+)", text):
                said.setdefault(word, set()).add(_first_name(match[1]))
    most = max(said, key=lambda word: len(said[word]), default="")
    return frozenset(said.get(most, ()))


def _first_name(text: str) -> str:
    """The name at the beginning of a text: two words in letters that leave spaces between words, else one."""
    words = re.split(r"[,;|()]", text)[0].split()
    return " ".join(words[: 2 if words and _LETTER.search(words[0]) else 1])


def _names(dictionary: Dictionary, printed: Printed) -> dict[str, Fact | None]:
    """The measured facts by each of their names in small letters; a name that two facts have names none."""
    names: dict[str, Fact | None] = {}
    for fact in dictionary.facts.values():
        if fact.type not in ("number", "integer") or fact.unit is None or not fact.codes or not isinstance(fact.read, Latest):
            continue
        for name in {_plain(one).casefold() for one in (*fact.labels.values(), *printed.names.get(fact.name, ()))}:
            for said in (name, *(f"{name}{ending}" for ending in printed.endings)):
                names[said] = fact if names.get(said, fact) is fact else None
    return names


def _of_line(line: Line, names: Mapping[str, Fact | None], dictionary: Dictionary, printed: Printed) -> Iterator[Proposed]:
    text = _plain(line.text)
    small = text.lower()
    if len(small) != len(text) or any(_says(small, _plain(word).casefold()) for word in printed.not_said):
        return
    places, behind = _places(small, names), 0
    for number, (start, end, fact) in enumerate(places):
        until = places[number + 1][0] if number + 1 < len(places) else len(text)
        read = _value(text[end:until], printed)
        alone = not any(char.isalpha() for char in _without_flags(small[behind:start], printed))
        if read is not None:
            behind = end + read.length
        if read is not None and alone and fact is not None and _fits(dictionary, fact, read):
            yield Proposed(fact.name, read.value, read.unit, line.page, line.box)


def _without_flags(text: str, printed: Printed) -> str:
    """What stands before a name but marks of high and low: "urine" makes another finding of creatinine."""
    flags = {_plain(flag).lower() for flag in printed.flags}
    return " ".join(word for word in text.split() if word.strip("()[]") not in flags)


def _says(text: str, word: str) -> bool:
    """Whether a word stands in a text; of scripts without spaces, anywhere."""
    return (re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None) if _LETTER.search(word) else word in text


def _places(text: str, names: Mapping[str, Fact | None]) -> list[tuple[int, int, Fact | None]]:
    """Where facts are named, left to right; of names within each other the longest."""
    found: list[tuple[int, int, Fact | None]] = []
    for name in sorted(names, key=len, reverse=True):
        pattern = rf"(?<![\w-]){re.escape(name)}(?![\w-])" if _LETTER.search(name[-1]) or _LETTER.search(name[0]) else re.escape(name)
        for match in re.finditer(pattern, text):
            if all(match.end() <= start or end <= match.start() for start, end, _ in found):
                found.append((match.start(), match.end(), names[name]))
    return _joined(text, sorted(found, key=lambda place: place[0]))


def _joined(text: str, places: list[tuple[int, int, Fact | None]]) -> list[tuple[int, int, Fact | None]]:
    """Two names of one fact beside each other, such as one in brackets, are one."""
    joined: list[tuple[int, int, Fact | None]] = []
    for start, end, fact in places:
        if joined and fact is joined[-1][2] and not text[joined[-1][1] : start].strip(" (/["):
            start = joined.pop()[0]
        joined.append((start, end, fact))
    return joined


@dataclass(frozen=True, slots=True)
class _Read:
    value: str
    unit: str
    length: int


def _value(rest: str, printed: Printed) -> _Read | None:
    """The number directly behind a name and its unit, perhaps behind a mark and a range; None where it is not said so plainly."""
    flags = "|".join(re.escape(_plain(flag)) for flag in sorted(printed.flags, key=len, reverse=True))
    flag = rf"(?:\s*(?:{flags})(?![\w/]))?"
    unit = r"([^\s\d,;()\[\]][^\s,;()\[\]]*|10[\^*]?\d+\s*/\s*[a-zµμ]+|[x×*]\s*10[\^*]?\d+\s*/\s*[a-zµμ]+)"
    match = re.match(rf"{_BETWEEN}({_NUMBER}){flag}(?:\s*{_RANGE})?\s*{unit}", rest, re.IGNORECASE)
    if match is None or _TWO_WAYS.fullmatch(match[1]):
        return None
    return _Read(match[1].replace(",", "."), match[2].strip(" .:|"), match.end())


def _fits(dictionary: Dictionary, fact: Fact, read: _Read) -> bool:
    try:
        converted = dictionary.convert(fact.name, Quantity(Decimal(read.value), read.unit))
    except UnitMismatchError:
        return False
    return fact.is_plausible(converted)


def _plain(text: str) -> str:
    """Full-width signs as plain ones, blanks one by one."""
    return " ".join(unicodedata.normalize("NFKC", text).split())
