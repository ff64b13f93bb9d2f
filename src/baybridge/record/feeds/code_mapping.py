"""A laboratory's own codes: an explicit mapping to LOINC, and a work list of what is not mapped yet.

Main job: `mapped(resource, feed)` adds the LOINC coding that the mapping names beside the one that was sent; `with_mapping` does so by the
mappings that people signed at this node, and `without_mapping` takes one back; `work_list(observations, known)` lists codes that no rule
can read, with suggestions by name and unit for a person to choose from. A suggestion is never applied.

**Source**: the mapping document of the laboratory, or a person's signed mapping. Names come from the dictionary of facts, brought by the
caller, as does whether a unit can be read as a fact's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

LOINC = "http://loinc.org"
MAPPING = "urn:baybridge:mapping"  # tag of a result that was read by a signed mapping
_LOINC_CODE = re.compile(r"^\d{1,5}-\d$")
UnitFits = Callable[[str, str], bool]  # fact, unit as written
#: What this project codes itself where LOINC has nothing; not to be mapped.
_READABLE = (LOINC, "urn:baybridge:")
_WORDS = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")
_ALIKE = 0.6
_MOST = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A fact that an unmapped code may mean, with its codes, how alike the names are (0 to 1), and whether its units can be read."""

    fact: str
    loinc: tuple[str, ...]
    likeness: float
    unit_fits: bool | None = None  # None: the results have no unit


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that no rule can read: whose it is, how it is called, how often it came, in which units."""

    system: str
    code: str
    display: str
    units: tuple[str, ...]
    count: int
    suggestions: tuple[Suggestion, ...]
    example: Mapping[str, Any] | None = None  # the newest value with its unit and day, no patient's name

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        near = [{"fact": item.fact, "loinc": list(item.loinc), "likeness": item.likeness, "unit_fits": item.unit_fits} for item in self.suggestions]
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


def with_mapping(resource: Mapping[str, Any], signed: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[str, Any]:
    """An observation with the LOINC coding of a signed mapping for its (system, code), tagged with it; anything else as it is."""
    if resource.get("resourceType") != "Observation" or not signed or _loinc(resource):
        return dict(resource)
    row = next((row for key in map(code_key, _codings(resource)) if (row := signed.get(key)) is not None), None)
    row = signed.get(("", str((resource.get("code") or {}).get("text") or ""))) if row is None else row
    if row is None:
        return dict(resource)
    coding = {"system": LOINC, "code": str(row["loinc"]), **({"display": row["name"]} if row.get("name") else {})}
    code = {**(resource.get("code") or {}), "coding": [coding, *_codings(resource)]}
    meta = resource.get("meta") or {}
    tags = [*(meta.get("tag") or ()), {"system": MAPPING, "code": row["mapping"]}]
    return {**resource, "meta": {**meta, "tag": tags}, "code": code, **_with_unit(resource, row.get("unit"))}


def without_mapping(resource: Mapping[str, Any], mapping: str) -> dict[str, Any]:
    """An observation as it was before a signed mapping: its added coding and tag gone, and the unit where the mapping supplied it."""
    meta = resource.get("meta") or {}
    tags = [tag for tag in meta.get("tag") or () if (tag.get("system"), tag.get("code")) != (MAPPING, mapping)]
    if len(tags) == len(meta.get("tag") or ()):
        return dict(resource)
    rest = {name: value for name, value in meta.items() if name != "tag"}
    made = {**resource, "code": {**resource["code"], "coding": _codings(resource)[1:]}, "meta": {**rest, **({"tag": tags} if tags else {})}}
    if not made["code"]["coding"]:
        del made["code"]["coding"]
    return made if made["meta"] else {name: value for name, value in made.items() if name != "meta"}


def code_key(coding: Mapping[str, Any]) -> tuple[str, str]:
    """What a mapping is of: whose code it is, and the code, else its words."""
    return str(coding.get("system") or ""), str(coding.get("code") or coding.get("display") or "")


def is_loinc(code: str) -> bool:
    """Whether a text has the form of a LOINC code and its check digit fits (modulus 10). **Source**: LOINC Users' Guide, appendix."""
    if not _LOINC_CODE.match(code):
        return False
    body, check = code.split("-")
    odd = str(int(body[::-1][0::2]) * 2)
    total = sum(map(int, body[::-1][1::2])) + sum(map(int, odd))
    return (10 - total % 10) % 10 == int(check)


def _with_unit(resource: Mapping[str, Any], unit: str | None) -> dict[str, Any]:
    quantity = resource.get("valueQuantity")
    if not quantity or not unit or quantity.get("unit") or quantity.get("code"):
        return {}
    return {"valueQuantity": {**quantity, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}


def _codings(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((resource.get("code") or {}).get("coding") or ())


def _loinc(resource: Mapping[str, Any]) -> bool:
    return any(str(coding.get("system") or "").startswith(_READABLE) and coding.get("code") for coding in _codings(resource))


def work_list(
    observations: Iterable[Mapping[str, Any]], dictionary: Mapping[str, Mapping[str, Any]], fits: UnitFits | None = None
) -> tuple[Unmapped, ...]:
    """Codes that no rule can read, the most frequent first; `dictionary` are the facts with their codes and labels."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    examples: dict[tuple[str, str], Mapping[str, Any]] = {}
    for item in observations:
        if item.get("resourceType", "Observation") == "Observation" and not _loinc(item):
            coding: Mapping[str, Any] = next(iter(_codings(item)), {})
            display = str(coding.get("display") or (item.get("code") or {}).get("text") or "")
            quantity = item.get("valueQuantity") or {}
            key = (str(coding.get("system") or ""), str(coding.get("code") or display))
            found.setdefault(key, []).append((display, str(quantity.get("code") or quantity.get("unit") or "")))
            examples[key] = max((examples.get(key, item), item), key=lambda one: str(one.get("effectiveDateTime") or ""))
    rows = (_row(key, seen, dictionary, fits, _example(examples[key])) for key, seen in found.items())
    return tuple(sorted(rows, key=lambda row: (-row.count, row.system, row.code)))


def _row(
    key: tuple[str, str],
    seen: Sequence[tuple[str, str]],
    dictionary: Mapping[str, Mapping[str, Any]],
    fits: UnitFits | None,
    example: Mapping[str, Any] | None,
) -> Unmapped:
    display = next((name for name, _ in seen if name), "")
    units = tuple(sorted({unit for _, unit in seen if unit}))
    return Unmapped(*key, display, units, len(seen), suggestions(display or key[1], dictionary, units, fits), example)


def _example(observation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The value of one result, without whose it is."""
    kept = {name: value for name, value in observation.items() if name.startswith("value") or name == "effectiveDateTime"}
    return kept or None


def suggestions(
    name: str, dictionary: Mapping[str, Mapping[str, Any]], units: Sequence[str] = (), fits: UnitFits | None = None
) -> tuple[Suggestion, ...]:
    """Facts with a LOINC code whose name in any language is most like this one; those whose unit cannot be read come last. A person chooses."""
    near = [
        Suggestion(fact, codes, round(likeness, 2), all(fits(fact, unit) for unit in units) if units and fits is not None else None)
        for fact, entry in dictionary.items()
        if (codes := tuple(row["loinc"] for row in entry.get("codes") or () if "loinc" in row))
        and (likeness := max((_likeness(name, label) for label in _names(fact, entry)), default=0.0)) >= _ALIKE
    ]
    return tuple(sorted(near, key=lambda item: (item.unit_fits is False, -item.likeness, item.fact))[:_MOST])


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
