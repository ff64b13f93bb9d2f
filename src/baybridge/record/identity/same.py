"""Whether two resources with the same id are about the same person or thing.

Main job: protect one patient's record from another hospital's patient who happens to have the same logical id.

**Source**: this project's rule: a shared identifier means the same, unless name and birth date both changed; otherwise nothing may contradict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def shared_identifiers(value: object) -> set[str]:
    """The identifiers of a resource as `system|value`, those with both; a placer's number names what was asked for, and not what was found."""
    items = value if isinstance(value, list) else [value]
    named = (item for item in items if isinstance(item, dict) and item.get("system") and item.get("value"))
    return {f"{item['system']}|{item['value']}" for item in named if not _is_of_placer(item)}


def _is_of_placer(item: Mapping[str, Any]) -> bool:
    kind = item.get("type")
    codings = kind.get("coding") if isinstance(kind, dict) else None
    return isinstance(codings, list) and any(isinstance(coding, dict) and coding.get("code") == "PLAC" for coding in codings)


def is_replaced(person: Mapping[str, Any]) -> bool:
    """Whether a Patient says that another record of the same person is to be used instead. **Source**: FHIR R4, Patient.link (replaced-by)."""
    links = person.get("link")
    return isinstance(links, list) and any(isinstance(link, dict) and link.get("type") == "replaced-by" for link in links)


def is_changed_person(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """True where name and birth date both differ: whatever number they share, a person decides before one replaces the other."""
    named = _names(one.get("name")), _names(other.get("name"))
    born = one.get("birthDate"), other.get("birthDate")
    return all(named) and all(born) and born[0] != born[1] and not named[0] & named[1]


def is_someone_else(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """True when two resources of one type and id are about different persons or things."""
    first, second = shared_identifiers(one.get("identifier")), shared_identifiers(other.get("identifier"))
    if first & second:
        return is_changed_person(one, other)
    contradicts = any(one.get(name) and other.get(name) and one[name] != other[name] for name in ("birthDate", "gender"))
    return contradicts or bool(first and second and not same_name(one.get("name"), other.get("name")))


def is_other_person(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """True when what one source sent under one id twice is two persons: name and birth date changed, or name and sex and no identifier stayed."""
    contradicts = any(one.get(name) and other.get(name) and one[name] != other[name] for name in ("birthDate", "gender"))
    named = bool(_names(one.get("name")) and _names(other.get("name")))
    shared = shared_identifiers(one.get("identifier")) & shared_identifiers(other.get("identifier"))
    return is_changed_person(one, other) or (contradicts and named and not shared and not same_name(one.get("name"), other.get("name")))


def same_name(one: object, other: object) -> bool:
    """True where two `name` elements have a name in common."""
    return bool(_names(one) & _names(other))


def _names(value: object) -> set[str]:
    if isinstance(value, str):
        return {value}
    found: set[str] = set()
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            given = item.get("given")
            whole = " ".join([*(given if isinstance(given, list) else []), str(item.get("family", ""))]).strip()
            found |= {text for text in (item.get("text"), whole) if isinstance(text, str) and text}
    return found
