"""The references of a batch, pointed at what they mean.

Main job: `resolved(connection, made, planned, resources)` asks first what this command brings, then under which id the source's resource was filed or
is awaited, then this record. What has not come is told and gets the id under which it will be filed, so that the order of files is of no matter;
what can mean two resources is left to the caller to leave out.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles"). Elsewhere: what an address means in `addresses.py`, whose ids in `sources.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection

from baybridge.record.fhir.references import references, repointed
from baybridge.record.fhir.wire import Json
from baybridge.record.intake.addresses import OWN, Key, Part, without_version
from baybridge.record.intake.planning import Plan, Planned, derived_id, is_id
from baybridge.record.intake.sources import called_so, claims, filed_as
from baybridge.record.store.store import current_patients


class Open(NamedTuple):
    """A reference that leads nowhere: of which resource of the batch, at which path, to which type ('' where it names none).

    `elsewhere` are the sources whose files call a resource of that type so, '' where it is an id of this record's own: the file may be theirs.
    """

    place: int
    path: str
    kind: str
    elsewhere: tuple[str, ...] = ()


@dataclass(slots=True)
class Led:
    """Resources with their references resolved, and what could not be."""

    resources: list[Json] = field(default_factory=list)
    nowhere: list[Open] = field(default_factory=list)
    several: list[tuple[int, str]] = field(default_factory=list)
    announced: list[tuple[Open, Key]] = field(default_factory=list)  # this command brings it, unless it is left out
    rows: dict[tuple[Part, Key], None] = field(default_factory=dict)


class _End(NamedTuple):
    """One reference with what this command says of it."""

    place: int
    path: str
    text: str  # without its version
    keys: tuple[Key, ...]
    part: Part | None


def resolved(connection: Connection, made: Plan, planned: Sequence[Planned], resources: Sequence[Json]) -> Led:
    """The resources of a batch with every reference pointed at what it means, and what is to be told of the rest."""
    ends = [end for place, resource in enumerate(resources) for end in _ends(made, place, planned[place], resource)]
    led, targets = Led(), [dict[str, str]() for _resource in resources]
    meant, absent = _meant(connection, made, {end.part for end in ends if end.part is not None and not end.keys}, led)
    named = _known_elsewhere(connection, absent) if absent else {}
    for end in ends:
        keys = end.keys or (meant.get(end.part, ()) if end.part else ())
        at = Open(end.place, end.path, end.part.kind if end.part else "", named.get(end.part, ()) if end.part else ())
        if len(keys) > 1:
            led.several.append((end.place, end.path))
        elif keys:
            targets[end.place][end.text] = f"{keys[0][0]}/{keys[0][1]}"
        if end.keys:
            led.announced += [(at, key) for key in end.keys if key not in made.stands]
        elif not keys or end.part in absent:
            led.nowhere.append(at)
    led.resources = [_pointed(resource, known) for resource, known in zip(resources, targets, strict=True)]
    for one in planned:
        if one.part is not None and (one.part.space != OWN or one.key[1] != one.part.given):
            led.rows[one.part, one.key] = None
        if one.key in made.ours:  # the source's name for it is one more; ours goes on meaning it
            led.rows[Part(OWN, *one.key), one.key] = None
    return led


def _ends(made: Plan, place: int, planned: Planned, resource: Json) -> list[_End]:
    if planned.key in made.as_stored:
        return []
    found = []
    for text, path in references(resource):
        plain = without_version(text)[0]
        if plain and not plain.startswith("#"):
            keys = made.addresses.lead(plain, planned.here)
            found.append(_End(place, path, plain, keys, made.addresses.part_of(plain, planned.here)))
    return found


def _pointed(resource: Json, targets: dict[str, str]) -> Json:
    def target(text: str) -> str | None:
        plain, version = without_version(text)
        return f"{targets[plain]}{version}" if plain in targets else None

    if all(text == target for text, target in targets.items()):
        return resource
    made: Json = repointed(resource, target)
    return made


def _meant(connection: Connection, made: Plan, parts: set[Part], led: Led) -> tuple[dict[Part, tuple[Key, ...]], set[Part]]:
    """What parts that do not come with this command mean, and those of them that nobody has."""
    known = filed_as(connection, parts)
    own = {part: (part.kind, part.given) for part in parts}
    every = sorted({*own.values(), *(key for keys in known.values() for key in keys)})
    live, claimed = set(current_patients(connection, every)), claims(connection, own.values())
    meant: dict[Part, tuple[Key, ...]] = {}
    absent: set[Part] = set()
    for part in sorted(parts):
        keys, key = set(known.get(part, ())), own[part]
        if part.space == OWN and key in live and claimed.get(key, {OWN}) == {OWN}:
            keys.add(key)
        if not keys and _awaits(made, part):
            is_free = is_id(part.given) and key not in live and key not in claimed and key not in made.filed
            keys = {key if is_free else (part.kind, derived_id(part.kind, part.given, part.space))}
            led.rows |= {(part, one): None for one in keys}
        meant[part] = tuple(sorted(keys))
        if not keys & (live | made.stands):
            absent.add(part)
    return meant, absent


def _known_elsewhere(connection: Connection, absent: set[Part]) -> dict[Part, tuple[str, ...]]:
    """By part that nobody has: the other sources of which something came that is called so, '' for this record's own."""
    called = called_so(connection, absent)
    own = {(part.kind, part.given) for part in absent if is_id(part.given)}
    live = current_patients(connection, sorted({*own, *(key for _, key in called)}))
    claimed = claims(connection, own)
    found = {(part.kind, part.given, part.space) for part, key in called if key in live and part.space != OWN}
    found |= {(*key, OWN) for key in own if key in live and claimed.get(key, {OWN}) == {OWN}}
    return {part: tuple(sorted(space for kind, given, space in found if (kind, given) == (part.kind, part.given) and space != part.space)) for part in absent}


def _awaits(made: Plan, part: Part) -> bool:
    """Whether a resource that has not come gets its id here already: of our own, of this source, or a patient of whatever server."""
    return part.space in (OWN, made.source) or part.kind == "Patient" or part.space in made.addresses.bases
