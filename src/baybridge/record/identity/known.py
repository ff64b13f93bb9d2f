"""What is known of a person over all versions of the record, and what a later record leaves as it stands.

Main job: `known_states(versions)` is what was known after each version; `is_another` says whether a later record is of another person than any of
them; `agrees` whether name and birth date are those of the last; `kept` gives a record what it leaves out and what stands.

A record that says nothing about a name says nothing against it: neither does it take the name away, nor does a third record that brings another
name and another birth date become the same person by it, be it in one step or in two.

**Source**: this project's rule (`same.py`); HL7 v2.5.1, 2.10.4: an empty field leaves what the receiver has, `""` takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from baybridge.record.identity.same import is_changed_person, same_name

Json = Mapping[str, Any]
#: What says who a person is.
WHO = ("identifier", "name", "gender", "birthDate")
#: What a message of a laboratory or a ward says of a person; such a message is no whole record.
OF_A_MESSAGE = (*WHO, "deceasedBoolean", "deceasedDateTime", "address")
#: The elements that a message took away explicitly, in the meta of the version that it made.
TAKEN_AWAY = "urn:baybridge:taken-away"
_DEATH = ("deceasedBoolean", "deceasedDateTime")


def known_states(versions: Iterable[Json]) -> list[dict[str, Any]]:
    """What was known after each version, the oldest first: what a version leaves out is what was known before it."""
    found: list[dict[str, Any]] = []
    for version in versions:
        before = found[-1] if found else {}
        found.append({**before, **{name: version[name] for name in WHO if version.get(name)}})
    return found


def agrees(person: Json, state: Json) -> bool:
    """Whether name and birth date are those of a state."""
    born = person.get("birthDate")
    return bool(born) and born == state.get("birthDate") and same_name(person.get("name"), state.get("name"))


def is_another(person: Json, states: Sequence[Json]) -> bool:
    """Whether name and birth date both differ from what was ever known, unless they are the present ones."""
    return bool(states) and not agrees(person, states[-1]) and any(is_changed_person(person, state) for state in states)


def kept(resource: Json, before: Json, elements: Sequence[str] = WHO) -> dict[str, Any]:
    """A Patient with what it leaves out of these elements as it stood; an element that says why it has no value (`_birthDate`) is not left out."""
    taken = {str(item.get("valueString")) for item in (resource.get("meta") or {}).get("extension") or () if item.get("url") == TAKEN_AWAY}
    dies = any(name in resource or f"_{name}" in resource for name in _DEATH)
    absent = [name for name in elements if name not in resource and f"_{name}" not in resource and name not in taken]
    stays = {name: before[name] for name in absent if name in before and not (dies and name in _DEATH)}
    return {**resource, **stays}
