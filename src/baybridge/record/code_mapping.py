"""A laboratory's own codes: an explicit mapping to LOINC, and a work list of what is not mapped yet.

Main job: `mapped(resource, feed)` adds the LOINC coding that the mapping names beside the one that was sent; `work_list(observations, known)`
lists codes that no rule can read, with suggestions by name for a person to choose from. A suggestion is never applied.

**Source**: the mapping document of the laboratory, a person's work. Names come from the dictionary of facts, brought by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

LOINC = "http://loinc.org"
#: What this project codes itself where LOINC has nothing; not to be mapped.
_READABLE = (LOINC, "urn:baybridge:")
_WORDS = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")
_ALIKE = 0.5
_MOST = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fact that an unmapped code may mean, with its codes and how alike the names are (0 to 1)."""

    fact: str
    loinc: tuple[str, ...]
    likeness: float


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that no rule can read: whose it is, how it is called, how often it came, in which units."""

    system: str
    code: str
    display: str
    units: tuple[str, ...]
    count: int
    suggestions: tuple[Suggestion, ...]

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        near = [{"fact": item.fact, "loinc": list(item.loinc), "likeness": item.likeness} for item in self.suggestions]
        plain = {"system": self.system, "code": self.code, "display": self.display, "units": list(self.units), "count": self.count}
        return {**plain, "suggestions": near}


def mapped(resource: Mapping[str, Any], feed: Mapping[str, Any] | None) -> dict[str, Any]:
    """An observation with the LOINC coding that the mapping names for its local code; anything else as it is.

    A row is `code: {loinc: 2345-7, unit: mmol/L, name: …}`; `unit` stands for a missing unit only.
    """
    codes = (feed or {}).get("codes") or {}
    if resource.get("resourceType") != "Observation" or _loinc(resource) or not codes:
        return dict(resource)
    row = next((codes[coding["code"]] for coding in _codings(resource) if coding.get("code") in codes), None)
    if not isinstance(row, Mapping) or not row.get("loinc"):
        return dict(resource)
    coding = {"system": LOINC, "code": str(row["loinc"]), **({"display": row["name"]} if row.get("name") else {})}
    code = {**resource["code"], "coding": [coding, *_codings(resource)]}
    return {**resource, "code": code, **_with_unit(resource, row.get("unit"))}


def _with_unit(resource: Mapping[str, Any], unit: str | None) -> dict[str, Any]:
    quantity = resource.get("valueQuantity")
    if not quantity or not unit or quantity.get("unit") or quantity.get("code"):
        return {}
    return {"valueQuantity": {**quantity, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


def _codings(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((resource.get("code") or {}).get("coding") or ())


def _loinc(resource: Mapping[str, Any]) -> bool:
    return any(str(coding.get("system") or "").startswith(_READABLE) and coding.get("code") for coding in _codings(resource))


def work_list(observations: Iterable[Mapping[str, Any]], dictionary: Mapping[str, Mapping[str, Any]]) -> tuple[Unmapped, ...]:
    """Codes that no rule can read, the most frequent first; `dictionary` are the facts with their codes and labels."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for item in observations:
        if item.get("resourceType", "Observation") == "Observation" and not _loinc(item):
            coding: Mapping[str, Any] = next(iter(_codings(item)), {})
            display = str(coding.get("display") or (item.get("code") or {}).get("text") or "")
            quantity = item.get("valueQuantity") or {}
            key = (str(coding.get("system") or ""), str(coding.get("code") or display))
            found.setdefault(key, []).append((display, str(quantity.get("code") or quantity.get("unit") or "")))
    rows = (_row(system, code, seen, dictionary) for (system, code), seen in found.items())
    return tuple(sorted(rows, key=lambda row: (-row.count, row.system, row.code)))


def _row(system: str, code: str, seen: Sequence[tuple[str, str]], dictionary: Mapping[str, Mapping[str, Any]]) -> Unmapped:
    display = next((name for name, _ in seen if name), "")
    units = tuple(sorted({unit for _, unit in seen if unit}))
    return Unmapped(system, code, display, units, len(seen), suggestions(display or code, dictionary))


def suggestions(name: str, dictionary: Mapping[str, Mapping[str, Any]]) -> tuple[Suggestion, ...]:
    """Facts with a LOINC code whose name in any language is most like this one; a person chooses."""
    near = [
        Suggestion(fact, codes, round(likeness, 2))
        for fact, entry in dictionary.items()
        if (codes := tuple(row["loinc"] for row in entry.get("codes") or () if "loinc" in row))
        and (likeness := max((_likeness(name, label) for label in _names(fact, entry)), default=0.0)) >= _ALIKE
    ]
    return tuple(sorted(near, key=lambda item: (-item.likeness, item.fact))[:_MOST])


def _names(fact: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield fact.replace("_", " ")
    yield from (str(label) for label in (entry.get("labels") or {}).values())


def _likeness(one: str, other: str) -> float:
    first, second = (set(_WORDS.findall(text.casefold())) for text in (one, other))
    if not first or not second:
        return 0.0
    shared = len(first & second) / min(len(first), len(second))
    letters = SequenceMatcher(None, one.casefold(), other.casefold()).ratio()
    return max(letters, 0.9 * shared if len(first & second) * 2 >= len(first | second) else 0.0)
