"""Comparing the names of a person across scripts, spellings and orders.

Main job: `NameReader.compare(one, other)` answers how two FHIR lists of names agree. Where both have a name in one
script that script decides, so that two people whose names only sound alike stay two.

**Source**: readings in `data/recognition/names.yaml`; FHIR R4 HumanName. Elsewhere: identity as a whole in `matching.py`. The
conversion between Chinese scripts is given by the caller, because it reads its tables from disk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from baybridge.documents.recognition import Names

#: Chinese characters with those beyond the basic plane, 〇 and 々, and private-use forms in which older systems of Hong Kong write HKSCS.
_CHINESE = "\u2e80-\u2fdf\u3005\u3007\u3400-\u9fff\uf900-\ufaff\ue000-\uf8ff\U00020000-\U0003fffd\U000f0000-\U0010fffd"
_HAN = re.compile(f"[{_CHINESE}]")
#: What stands where a system could not write a character, or where somebody left one out.
_UNWRITTEN = "?*□■▢○●◯〓�"
#: Pieces of a name in another script than Latin: its letters and their marks, what is not written, and what desks put beside characters to tell
#: people of one name apart (張三A, 張三2). A longer Latin word beside characters is a spelling of its own.
_PIECE = re.compile(
    rf"[{_CHINESE}]|[^\W\d_A-Za-z\u00aa-\u024f\u1e00-\u1eff]|[\u0900-\u0e4e\u064b-\u065f]|[{re.escape(_UNWRITTEN)}]|[0-9]"
    rf"|(?<![a-z])(?!(?:mr|ms|dr|sr)(?![a-z]))[a-z]{{1,2}}(?=[{_CHINESE}])|(?<=[{_CHINESE}])(?!(?:mr|ms|dr|sr)(?![a-z]))[a-z]{{1,2}}(?![a-z])"
)
_LETTER = re.compile(r"[^\W\d_a-z\u00aa-\u024f\u1e00-\u1eff]|[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_VARIANT_MARKS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # choose a form of the character before; say nothing of their own
_LATIN = re.compile(r"[a-z]+")
_APOSTROPHES = str.maketrans("", "", "'’‘ʼʻ`´ʹ")
#: Latin letters that Unicode does not take apart, by the letter that they are a form of.
LETTERS = str.maketrans({"đ": "d", "ð": "d", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h", "ı": "i", "ŋ": "n", "ŧ": "t", "ĸ": "k"})
_BRACKETS = re.compile(r"[(\[（【].*?[)\]）】]")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "sr", "sra"})
_SHORTEST_PART = 2  # tokens that a shorter Latin name must share with a longer one


class Agreement(StrEnum):
    """How two names agree, best first."""

    SAME = "same"
    ORDER = "order"  # the same words in another order or joining
    ACROSS = "across"  # Chinese characters and one of their Latin spellings
    PART = "part"  # one has words that the other lacks
    SPELLING = "spelling"  # two Latin spellings that can stand for the same characters
    SLIP = "slip"  # one letter or character apart
    UNKNOWN = "unknown"  # nothing to compare
    DIFFERENT = "different"


_RANK = {agreement: rank for rank, agreement in enumerate(Agreement)}


@dataclass(frozen=True, slots=True)
class Forms:
    """The writings of a person's names: Chinese ones simplified, with those of other scripts; Latin ones as lower-case words."""

    han: frozenset[str]
    latin: frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class NameReader:
    """Compares names with a conversion to simplified characters and a table of readings."""

    simplify: Callable[[str], str]
    readings: Mapping[str, frozenset[str]]
    variants: Mapping[str, str]

    @classmethod
    def of(cls, document: Names, simplify: Callable[[str], str]) -> NameReader:
        """The reader from the document `names` and a conversion of traditional to simplified characters."""
        readings = {character: frozenset(_plain_readings(text)) for character, text in document.readings.items()}
        return cls(simplify, readings, document.variants)

    def forms(self, names: Iterable[Mapping[str, Any]] | None) -> Forms:
        """The writings in a FHIR list of HumanName."""
        texts = [_VARIANT_MARKS.sub("", unicodedata.normalize("NFKC", text)) for name in names or () if isinstance(name, Mapping) for text in _texts(name)]
        han = {self._han(found) for text in texts for found in [_characters(text)] if found}
        latin = {words for text in texts if (words := latin_words(text))}
        return Forms(frozenset(han), frozenset(latin))

    def _han(self, text: str) -> str:
        return "".join(self.variants.get(character, character) for character in self.simplify(unicodedata.normalize("NFKC", text)))

    def compare(self, one: Forms, other: Forms) -> Agreement:
        """How two people's names agree; where both have Chinese characters those decide, then Latin words, then the two across."""
        if one.han and other.han:
            found = [agreement for a, b in product(one.han, other.han) if (agreement := _han_agree(a, b)) is not Agreement.UNKNOWN]
            if found:
                return _best(found)
        if one.latin and other.latin:
            straight = _best(self._latin_agree(a, b) for a, b in product(one.latin, other.latin))
            across = self._across(one, other)
            return across if straight in (Agreement.DIFFERENT, Agreement.SPELLING) and across is Agreement.ACROSS else straight
        return self._across(one, other)

    def _across(self, one: Forms, other: Forms) -> Agreement:
        pairs = [*product(one.han, other.latin), *product(other.han, one.latin)]
        return _best(self._reads_as(han, latin) for han, latin in pairs)

    def _reads_as(self, han: str, latin: tuple[str, ...]) -> Agreement:
        """Whether Latin words spell these characters, in order of family and given name or the other way round."""
        if any(character not in self.readings for character in han):
            return Agreement.UNKNOWN
        spellings = [self.readings[character] for character in han]
        orders = [spellings, spellings[1:] + spellings[:1], spellings[2:] + spellings[:2]]
        if any(_spells("".join(latin), order) for order in orders):
            return Agreement.ACROSS
        return Agreement.PART if any(_spells("".join(run), order) for run in _runs(latin) for order in orders) else Agreement.DIFFERENT

    def _latin_agree(self, one: tuple[str, ...], other: tuple[str, ...]) -> Agreement:
        if one == other:
            return Agreement.SAME
        if _rotations(one) & _rotations(other) or sorted(one) == sorted(other):
            return Agreement.ORDER
        if _within(one, other) or _within(other, one):
            return Agreement.PART
        if one_slip("".join(sorted(one)), "".join(sorted(other))) or one_slip("".join(one), "".join(other)):
            return Agreement.SLIP
        return Agreement.SPELLING if self._same_characters(one, other) else Agreement.DIFFERENT

    def _same_characters(self, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        """Whether each syllable of one can stand for the same character as that of the other."""
        first, second = (self._syllables("".join(words)) for words in (one, other))
        return any(
            len(a) == len(b) and all(any({x, y} <= spelt for spelt in self.readings.values()) for x, y in zip(a, b, strict=True))
            for a, b in product(first, second)
        )

    def _syllables(self, text: str, most: int = 4) -> list[tuple[str, ...]]:
        """Every way to cut a text into known syllables, at most `most` of them."""
        if not text:
            return [()]
        known = {spelling for spelt in self.readings.values() for spelling in spelt}
        cuts = [text[:n] for n in range(1, min(7, len(text)) + 1) if text[:n] in known] if most else []
        return [(cut, *rest) for cut in cuts for rest in self._syllables(text[len(cut) :], most - 1)]


def _texts(name: Mapping[str, Any]) -> list[str]:
    given = name.get("given") or ()
    parts = [str(name["family"])] if name.get("family") else []
    joined = " ".join([*parts, *(str(item) for item in given)]).strip()
    return [_BRACKETS.sub(" ", text) for text in dict.fromkeys((str(name.get("text") or ""), joined)) if text.strip()]


def latin_words(text: str) -> tuple[str, ...]:
    """The Latin words of a name: lower case, without accents, hyphens and titles."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    plain = plain.translate(LETTERS).translate(_APOSTROPHES)
    return tuple(word for word in _LATIN.findall(plain) if word not in _TITLES)


def _best(found: Iterable[Agreement]) -> Agreement:
    return min(found, key=_RANK.__getitem__, default=Agreement.UNKNOWN)


def _characters(text: str) -> str:
    """A name in another script than Latin, without blanks and punctuation; nothing where all of it is Latin."""
    if text.isascii():
        return ""
    lower = text.lower()
    return "".join(_PIECE.findall(lower)) if _LETTER.search(lower) else ""


def _plain_readings(text: str | Sequence[str]) -> list[str]:
    return [word.translate(_APOSTROPHES) for word in (text.split() if isinstance(text, str) else text)]


def _could_be(one: str, other: str) -> bool:
    """Whether each sign of one that stands for what is not written can be a character or two of the other."""
    pattern = "".join(".{1,2}" if sign in _UNWRITTEN else re.escape(sign) for sign in one)
    return re.fullmatch(pattern, other) is not None


def _han_agree(one: str, other: str) -> Agreement:
    if bool(_HAN.search(one)) is not bool(_HAN.search(other)):
        return Agreement.UNKNOWN  # two scripts, of which no reading is known
    if any(sign in one or sign in other for sign in _UNWRITTEN):
        return Agreement.SLIP if _could_be(one, other) or _could_be(other, one) or one_slip(one, other) else Agreement.DIFFERENT
    if one == other:
        return Agreement.SAME
    if sorted(one) == sorted(other) and one in other + other:
        return Agreement.ORDER
    return Agreement.SLIP if len(one) > 1 and one_slip(one, other) else Agreement.DIFFERENT


def _spells(text: str, spellings: Sequence[frozenset[str]]) -> bool:
    if not spellings:
        return not text
    return any(text.startswith(first) and _spells(text[len(first) :], spellings[1:]) for first in spellings[0])


def _runs(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [words[i:j] for i in range(len(words)) for j in range(i + 1, len(words) + 1) if 1 < j - i < len(words)]


def _rotations(words: tuple[str, ...]) -> set[str]:
    return {"".join(words[n:] + words[:n]) for n in range(len(words))}


def _within(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return _SHORTEST_PART <= len(one) < len(other) and set(one) <= set(other)


def one_slip(one: str, other: str) -> bool:
    """Whether one character was mistyped, left out, doubled or swapped with its neighbour."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])
