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
_HAN = re.compile("[\u3005\u3007\u3400-\u9fff\uf900-\ufaff\ue000-\uf8ff\U00020000-\U0003fffd\U000f0000-\U0010fffd]+")
_VARIANT_MARKS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # choose a form of the character before; say nothing of their own
_LATIN = re.compile(r"[a-z']+")
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
    """The writings of a person's names: Chinese ones simplified, Latin ones as lower-case words."""

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
        readings = {character: frozenset(text.split() if isinstance(text, str) else text) for character, text in document.readings.items()}
        return cls(simplify, readings, document.variants)

    def forms(self, names: Iterable[Mapping[str, Any]] | None) -> Forms:
        """The writings in a FHIR list of HumanName."""
        texts = [_VARIANT_MARKS.sub("", unicodedata.normalize("NFKC", text)) for name in names or () if isinstance(name, Mapping) for text in _texts(name)]
        han = {self._han(found) for text in texts for found in ["".join(_HAN.findall(text))] if found}
        latin = {words for text in texts if (words := latin_words(text))}
        return Forms(frozenset(han), frozenset(latin))

    def _han(self, text: str) -> str:
        return "".join(self.variants.get(character, character) for character in self.simplify(unicodedata.normalize("NFKC", text)))

    def compare(self, one: Forms, other: Forms) -> Agreement:
        """How two people's names agree; where both have Chinese characters those decide, then Latin words, then the two across."""
        if one.han and other.han:
            return _best(_han_agree(a, b) for a, b in product(one.han, other.han))
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
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    return tuple(word for word in _LATIN.findall(plain) if word not in _TITLES)


def _best(found: Iterable[Agreement]) -> Agreement:
    return min(found, key=_RANK.__getitem__, default=Agreement.UNKNOWN)


def _han_agree(one: str, other: str) -> Agreement:
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
