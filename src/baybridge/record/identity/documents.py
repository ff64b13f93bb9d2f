"""Identity documents: their numbers in one form, and how two people's documents stand to each other.

Main job: `identifiers_of(patient)`; `Identifiers.against(other)` answers which kinds of document agree, nearly agree, or contradict.

**Source**: GB 11643 (mainland resident number: check character, modulus 11-2); Hong Kong identity card check digit (weights 9 to 2,
modulus 11) [K-h]; systems as in the sample records of the exchange contract.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baybridge.record.identity.names import one_slip

HONG_KONG, MACAO, MAINLAND = "urn:hk:hkid", "urn:mo:bir", "urn:cn:resident-id"
_NOT_PERSONAL = ("urn:lab:", "urn:baybridge:case")
#: A hospital's own number is that hospital's only where its system says which hospital; without a system it says nothing.
_HK_LENGTH, _MAINLAND_LENGTH = 9, 18
_PLACEHOLDER = re.compile(r"^(.)\1+$|^(UNKNOWN|NIL|NA|NONE|TEST|XXX+)$")


@dataclass(frozen=True, slots=True)
class Identifiers:
    """A person's identity documents: the numbers of each system."""

    numbers: Mapping[str, frozenset[str]]

    def against(self, other: Identifiers) -> tuple[list[str], list[str], list[str]]:
        """Systems in which both have a number: the same; one slip apart; different ones."""
        same, slips, clash = [], [], []
        for system in sorted(set(self.numbers) & set(other.numbers)):
            mine, theirs = self.numbers[system], other.numbers[system]
            if mine & theirs:
                same.append(system)
            elif any(one_slip(a, b) for a in mine for b in theirs):
                slips.append(system)
            else:
                clash.append(system)
        return same, slips, clash


def identifiers_of(patient: Mapping[str, Any]) -> Identifiers:
    """The numbers of a FHIR Patient by system; old ones and placeholders left out."""
    numbers: dict[str, set[str]] = {}
    for item in patient.get("identifier") or ():
        if not isinstance(item, Mapping) or item.get("use") == "old":
            continue
        system, value = item.get("system"), plain_number(str(item.get("value") or ""))
        if system and value and not system.startswith(_NOT_PERSONAL) and not _PLACEHOLDER.match(value):
            numbers.setdefault(system, set()).add(value)
    return Identifiers({system: frozenset(found) for system, found in numbers.items()})


def plain_number(text: str) -> str:
    """A number as it is compared: full-width forms narrowed, capitals, without blanks and punctuation."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())


def check_digit_fits(system: str, number: str) -> bool | None:
    """Whether a number's own check digit fits; None for systems that have none, or that this part does not know."""
    plain = plain_number(number)
    if system == MAINLAND:
        return len(plain) == _MAINLAND_LENGTH and plain[:17].isdigit() and _mainland_check(plain[:17]) == plain[17]
    if system == HONG_KONG:
        return bool(re.match(r"^[A-Z]{1,2}\d{6}[\dA]$", plain)) and _hong_kong_check(plain[:-1]) == plain[-1]
    return None


def _mainland_check(digits: str) -> str:
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(digits))
    return "10X98765432"[total % 11]


def _hong_kong_check(body: str) -> str:
    padded = body.rjust(_HK_LENGTH - 1)
    values = [36 if c == " " else int(c, 36) for c in padded]
    rest = -sum(value * weight for value, weight in zip(values, range(_HK_LENGTH, 1, -1), strict=True)) % 11
    return "A" if rest == 10 else str(rest)
