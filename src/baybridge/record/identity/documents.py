"""Identity documents: their numbers in one form, and how two people's documents stand to each other.

Main job: `identifiers_of(patient)`; `Identifiers.against(other)` answers which kinds of document agree, nearly agree, or contradict. A number
counts where it has the form and the check character of its document; a placeholder ("无", 0000) is no number.

**Source**: forms by region and date in `data/regions`; GB 11643 (mainland resident number: check character, ISO 7064 modulus 11-2); Hong Kong
identity card check digit (weights 9 to 2, modulus 11) [K-h]; systems as in the sample records of the exchange contract.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from baybridge.documents.document_set import DocumentSet
from baybridge.documents.loader import Documents
from baybridge.documents.region import NumberFormEntry, RegionEntry
from baybridge.record.identity.names import one_slip

_NOT_PERSONAL = ("urn:lab:", "urn:baybridge:case")
#: A hospital's own number is that hospital's only where its system says which hospital; without a system it says nothing.
_HK_LENGTH = 9
#: What desks write where they have no number, without blanks and punctuation; words in other letters are never a number.
_NO_NUMBER = re.compile(
    r"^(?:0+|9{4,}|(.)\1{3,}|UNKNOWN|UNK|NIL|NULL|NA|ND|SN|NONE|NOTAVAILABLE|TEST|XX+|SEMNUMERO|SEM|NAOTEM|DESCONHECIDO)$"
)
#: A number that no authority gives out: without any digit, or letters before zeros alone. Convention of this project.
_NEVER_ISSUED = re.compile(r"[^0-9]*|[A-Z]{1,2}0{5,}[0-9A]?", re.ASCII)
_WORDS = re.compile(r"[^0-9]*[^\x00-\x7f][^0-9]*")  # 无证件, 不適用: words and no number, whatever they say
_DOTTED = re.compile(r"\d(?:\.\d+)?[Ee]\+?\d+|\d+\.0+|.*#.*", re.ASCII)


@dataclass(frozen=True, slots=True)
class NumberForm:
    """One form of a document's number: its pattern, its check, when it was issued, how it is brought to the form in which it is compared."""

    pattern: re.Pattern[str]
    check: str | None
    becomes: str | None
    keep: int | None
    issued_until: date | None


DocumentForms = Mapping[str, tuple[NumberForm, ...]]  # system of a document -> its forms


def document_forms(documents: DocumentSet) -> DocumentForms:
    """The forms of every document that the regions describe."""
    found: dict[str, tuple[NumberForm, ...]] = {}
    for name in documents.folder("regions"):
        for row in documents.one(RegionEntry, "regions", name).identity_documents:
            forms = tuple(map(_form, row.forms))
            found |= {system: (*found.get(system, ()), *forms) for system in row.systems}
    return found


def _form(row: NumberFormEntry) -> NumberForm:
    return NumberForm(re.compile(row.pattern, re.ASCII), row.check, row.becomes, row.keep, row.issued_until)


@cache
def shipped_forms() -> DocumentForms:
    """The forms of the documents that come with Baybridge, for whoever has no node."""
    return document_forms(Documents().typed)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in the form in which it is compared; `counts` where its check character fits, `short` where it was written without one."""

    text: str
    counts: bool = True
    short: bool = False


@dataclass(frozen=True, slots=True)
class Identifiers:
    """A person's identity documents: the numbers of each system; those whose check character does not fit; those written without one."""

    numbers: Mapping[str, frozenset[str]]
    doubtful: Mapping[str, frozenset[str]]
    short: Mapping[str, frozenset[str]]

    def against(self, other: Identifiers) -> tuple[list[str], list[str], list[str]]:
        """Systems in which both have a number: the same; one slip apart; different ones. A doubtful number alone says nothing."""
        same, slips, clash = [], [], []
        for system in sorted(set(self.written) & set(other.written)):
            mine, theirs = (found.numbers.get(system, frozenset()) for found in (self, other))
            if mine & theirs or self._by_short(other, system) or other._by_short(self, system):
                same.append(system)
            elif any(one_slip(a, b) for a in self.written[system] for b in other.written[system]):
                slips.append(system)
            elif mine and theirs:
                clash.append(system)
        return same, slips, clash

    @property
    def written(self) -> Mapping[str, frozenset[str]]:
        """The numbers of each system, doubtful ones among them."""
        systems = {*self.numbers, *self.doubtful}
        return {system: self.numbers.get(system, frozenset()) | self.doubtful.get(system, frozenset()) for system in systems}

    def _by_short(self, other: Identifiers, system: str) -> bool:
        """Whether a number written without check character is another one but for that character."""
        bodies = {number[:-1] for number in self.short.get(system, ())}
        return any(number[:-1] in bodies for number in other.written[system])


def identifiers_of(patient: Mapping[str, Any], forms: DocumentForms | None = None) -> Identifiers:
    """The numbers of a FHIR Patient by system, as they are compared; old ones, placeholders and what is no number of its document left out."""
    found: list[tuple[str, Number]] = []
    for item in patient.get("identifier") or ():
        if not isinstance(item, Mapping) or item.get("use") == "old":
            continue
        system, number = item.get("system"), document_number(item, forms)
        if system and number and not system.startswith(_NOT_PERSONAL):
            found.append((system, number))
    return Identifiers(
        _by_system(pair for pair in found if pair[1].counts),
        _by_system(pair for pair in found if not pair[1].counts),
        _by_system(pair for pair in found if pair[1].short),
    )


def _by_system(pairs: Iterable[tuple[str, Number]]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for system, number in pairs:
        found[system] = found.get(system, frozenset()) | {number.text}
    return found


def document_number(item: Mapping[str, Any], forms: DocumentForms | None = None) -> Number | None:
    """The number of an Identifier in the form in which it is compared: one document, one form. None where it is no number of its document."""
    text = str(item.get("value") or "")
    number, period = plain_number(text), item.get("period")
    if not number or is_placeholder(text) or _NEVER_ISSUED.fullmatch(number):
        return None
    known = (shipped_forms() if forms is None else forms).get(str(item.get("system")))
    if known is None:
        return Number(number)
    start = str(period.get("start") or "")[:10] if isinstance(period, Mapping) else ""
    return next((one for form in known if _is_issued(form, start) and (one := _fitting(form, number))), None)


def unfit_numbers(patient: Mapping[str, Any], forms: DocumentForms | None = None) -> Iterator[int]:
    """Places of a Patient's identifiers whose document is known and whose number is none of it: another form, or another check character."""
    known = shipped_forms() if forms is None else forms
    items = patient.get("identifier")
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping) and item.get("system") in known and item.get("use") != "old":
            number = document_number(item, known)
            if number is None or not number.counts:
                yield place


def is_born_otherwise(patient: Mapping[str, Any], forms: DocumentForms | None = None) -> bool:
    """Whether a person's birth date is another than the one in an own number of the mainland whose check character fits. **Source**: GB 11643-1999, 4."""
    known = shipped_forms() if forms is None else forms
    born, identifiers = str(patient.get("birthDate") or ""), patient.get("identifier")
    for item in identifiers if born and isinstance(identifiers, list) else ():
        if isinstance(item, Mapping) and item.get("use") != "old" and any(form.check == "gb-11643" for form in known.get(str(item.get("system")), ())):
            number = document_number(item, known)
            if number is not None and number.counts:
                day = number.text[6:14]
                return not f"{day[:4]}-{day[4:6]}-{day[6:]}".startswith(born)
    return False


def _is_issued(form: NumberForm, start: str) -> bool:
    """Whether a document of this form was still issued on a day; yes where no day is known."""
    return not start or form.issued_until is None or start <= form.issued_until.isoformat()


def _fitting(form: NumberForm, number: str) -> Number | None:
    if not form.pattern.fullmatch(number):
        return None
    short = form.becomes == "resident-18"
    if short:
        number = f"{number[:6]}19{number[6:]}"
        number += mainland_check(number)
    counts = form.check is None or _CHECKS[form.check](number)
    return None if short and not counts else Number(number[: form.keep] if form.keep else number, counts, short)


def plain_number(text: str) -> str:
    """A number as it is compared: full-width forms narrowed, capitals, without blanks and punctuation."""
    if text.isascii() and text.isalnum():
        return text.upper()
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())


def is_placeholder(text: str) -> bool:
    """Whether a text stands where no number is known."""
    number = plain_number(text)
    return not number or _NO_NUMBER.match(number) is not None or _WORDS.fullmatch(number) is not None


def is_mangled(text: str) -> bool:
    """Whether a spreadsheet made a number of it and lost digits: `4.40106E+17`, `123.0`, `#REF!`."""
    return _DOTTED.fullmatch(text.strip()) is not None


def _is_mainland(number: str) -> bool:
    """Form, check character and a day that exists. **Source**: GB 11643-1999, 4."""
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number) or mainland_check(number[:17]) != number[17]:
        return False
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])).year >= _OLDEST
    except ValueError:
        return False


_OLDEST = 1890  # nobody older has a number


def _is_hong_kong(number: str) -> bool:
    return bool(re.fullmatch(r"[A-Z]{1,2}[0-9]{6}[0-9A]", number)) and hong_kong_check(number[:-1]) == number[-1]


_CHECKS = {"gb-11643": _is_mainland, "hkid": _is_hong_kong}


def mainland_check(digits: str) -> str:
    """The check character of a mainland number's first seventeen digits. **Source**: GB 11643-1999 (ISO 7064, MOD 11-2)."""
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return "10X98765432"[total % 11]


def hong_kong_check(body: str) -> str:
    """The check character of a Hong Kong number's one or two letters and six digits [K-h]."""
    padded = body.rjust(_HK_LENGTH - 1)
    values = [36 if c == " " else int(c, 36) for c in padded]
    rest = -sum(value * weight for value, weight in zip(values, range(_HK_LENGTH, 1, -1), strict=True)) % 11
    return "A" if rest == 10 else str(rest)
