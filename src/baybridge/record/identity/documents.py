"""Identity documents: their numbers in one form, and how two people's documents stand to each other.

Main job: `identifiers_of(patient)`; `Identifiers.against(other)` answers which kinds of document agree, nearly agree, or contradict.

**Source**: systems as in the sample records of the exchange contract.
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
