"""Under which id each resource of a command's files is filed, decided before the first of them is.

Main job: `plan(connection, *files, source=…)` reads the heads of all resources of all files together. What a source sent before keeps the id
that it was filed under (`sources.py`). Otherwise an id is kept where it is a valid FHIR id and nobody else's; it is taken when another
source uses it, or when something else stands under it: a resource of another patient's record, another person, another organisation.
Then, and where no valid id was given, an id is derived from where the resource comes from, the same each time.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles"); this project's rules on sources and on taken ids (`identity/same.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from baybridge.base import decoding
from baybridge.record.fhir.definitions import owner_elements, resource_types
from baybridge.record.fhir.primitives import CHECKS
from baybridge.record.fhir.wire import content_sha256, taken_in
from baybridge.record.identity.known import agrees, is_another, known_states
from baybridge.record.identity.same import is_other_person, is_someone_else, shared_identifiers
from baybridge.record.intake.addresses import OWN, Addresses, Here, Key, Part, base_of, without_version
from baybridge.record.intake.earlier_orders import know_orders
from baybridge.record.intake.reading import Entry, Source, entries, is_told_alone
from baybridge.record.intake.sources import claims, filed_as, named_addresses
from baybridge.record.store.store import Version, get_many, history, lasting_versions

#: The id that a resource came with, where another was given.
IMPORTED_ID = "urn:baybridge:imported-id"


class Planned(NamedTuple):
    """One entry's place in the record: where it is filed, what its source calls it, and where its references stand."""

    key: Key
    part: Part | None
    here: Here
    is_parted: bool = False  # it has another id than what its source, or this node, calls the same
    is_undecided: bool = False  # several persons bear its number, and it does not say which of them it is of


@dataclass(slots=True)
class Plan:
    """What the first reading found: how many entries, under which id each is filed, and where references lead."""

    source: str = OWN
    addresses: Addresses = field(default_factory=Addresses)
    count: int = 0
    entries: list[list[Planned | None]] = field(default_factory=list)  # by file, in the order of its entries
    filed: dict[Key, int] = field(default_factory=dict)  # how many entries go there
    parted: set[Key] = field(default_factory=set)  # what has another id than its source's other resource of that id
    as_stored: set[Key] = field(default_factory=set)  # what stands there already, to the letter
    ours: set[Key] = field(default_factory=set)  # what stood here under its id before a source sent it
    stands: set[Key] = field(default_factory=set)  # what was filed indeed: an entry may be left out in the second reading
    bases: dict[str, str] = field(default_factory=dict)  # addresses that this command's source uses
    owners: dict[Key, str] = field(default_factory=dict)
    people: dict[Key, list[dict[str, Any]]] = field(default_factory=dict)  # what this command says of each
    newest: dict[Key, datetime] = field(default_factory=dict)  # by its source, of what the second reading met so far
    of_messages: set[Key] = field(default_factory=set)  # people who came with a laboratory's message, which is no whole record

    def patient_of(self, planned: Planned) -> str:
        """The logical id of the patient whose record an entry is in here; '' where it is nobody's."""
        if planned.is_undecided:
            return ""
        return planned.key[1] if planned.key[0] == "Patient" else self.owners[planned.key]


class Head(msgspec.Struct):
    """What the first reading looks at."""

    resourceType: Any = None  # noqa: N815 - FHIR's name
    id: Any = None
    patient: Any = None
    subject: Any = None
    beneficiary: Any = None
    individual: Any = None
    identifier: Any = None
    name: Any = None
    birthDate: Any = None  # noqa: N815 - FHIR's name
    gender: Any = None


_HEADS = decoding.decoder(Head)


@dataclass(slots=True)
class _Item:
    """One resource on its way to an id."""

    file: int
    place: int
    head: Head
    url: str | None
    here: Here
    part: Part | None
    sent: Part | None  # as references of this command name it
    from_feed: bool
    origin: str  # of what it is derived where nothing names it
    raw: Any  # kept only where an id of our own may stand for it


def plan(connection: Connection, *files: Source, source: str = OWN, ours: frozenset[str] = frozenset()) -> Plan:
    """Decide under which id every resource of these files is filed, by the files together and by what the store holds."""
    know_orders(connection, files)
    made = Plan(source, Addresses(ours, named_addresses(connection)))
    items = [item for number, file in enumerate(files) for item in _items(made, number, file)]
    for is_patient in (True, False):
        _assign(connection, made, [item for item in items if (item.head.resourceType == "Patient") is is_patient])
    return made


def _items(made: Plan, number: int, file: Source) -> Iterator[_Item]:
    keys: list[Planned | None] = []
    made.entries.append(keys)
    for place, entry in enumerate(entries(file)):
        made.count += not is_told_alone(entry)
        keys.append(None)
        head = head_of(entry) if isinstance(entry, Entry) else None
        if isinstance(entry, Entry) and head is not None:
            yield _item(made, number, place, entry, head)


def _item(made: Plan, number: int, place: int, entry: Entry, head: Head) -> _Item:
    base = base_of(entry.full_url)
    if base and made.source and base not in made.addresses.ours and base not in made.addresses.names:
        made.bases[base] = made.source
        made.addresses.names = {**made.addresses.names, base: made.source}
    space = OWN if entry.from_feed else made.source or made.addresses.space_of(base)
    here = Here(space, base, number * 2**32 + (entry.place.line or 0))
    given = _given(head, entry, base)
    sent = Part(space, head.resourceType, given) if given else None
    given = lasting(given) if entry.from_feed and head.resourceType == "Patient" else given
    origin = given or content_sha256(taken_in(entry.raw))
    raw = entry.raw if space == OWN and is_id(head.id) else None
    part = Part(space, head.resourceType, given) if given else None
    return _Item(number, place, head, entry.full_url, here, part, sent, entry.from_feed, origin, raw)


def _given(head: Head, entry: Entry, base: str) -> str:
    """What the source calls a resource: its id, the end of its address, or its whole address; '' where it has no name."""
    if isinstance(head.id, str) and head.id:
        return head.id
    return (entry.full_url or "").removeprefix(f"{base}/{head.resourceType}/") if base else entry.full_url or ""


def head_of(entry: Entry) -> Head | None:
    """What the first reading looks at; None where it is no resource."""
    try:
        head = _HEADS.decode(entry.raw)
        if isinstance(head.id, str) or entry.full_url:
            return head if isinstance(head.resourceType, str) and head.resourceType in resource_types() else None
        taken_in(entry.raw)  # its content names it; what cannot be read is left out and told in the second reading
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return head if isinstance(head.resourceType, str) and head.resourceType in resource_types() else None


# --- ids ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    """What the store knows about the ids of some entries."""

    connection: Connection
    known: dict[Part, set[Key]]
    stored: dict[Key, Version]
    claimed: dict[Key, set[str]]

    def states(self, made: Plan, key: Key, person: dict[str, Any]) -> list[dict[str, Any]]:
        """What was ever known of a person, by the store and by this command; the store's present version alone where it agrees already."""
        version = self.stored.get(key)
        if version is None or version.deleted:
            return known_states(made.people.get(key, ()))
        if version.number == 1 or agrees(person, version.resource):
            return known_states([version.resource, *made.people.get(key, ())])
        return known_states([*lasting_versions(history(self.connection, *key)), *made.people.get(key, ())])


def _assign(connection: Connection, made: Plan, items: Sequence[_Item]) -> None:
    known = filed_as(connection, (item.part for item in items if item.part is not None))
    wanted = [*{(item.head.resourceType, item.origin) for item in items if is_id(item.origin)}, *{key for keys in known.values() for key in keys}]
    held = _Held(connection, known, get_many(connection, wanted), claims(connection, wanted))
    items = sorted(items, key=lambda item: item.head.resourceType == "Patient" and not (item.head.name and item.head.birthDate))
    owners = _owners(connection, made, items)
    for item, owner in zip(items, owners, strict=True):
        key = _key_for(made, item, owner, held)
        if isinstance(key, _Several):
            made.addresses.learn_several(key.keys, item.sent, item.url, item.here.bundle)
            made.entries[item.file][item.place] = Planned(key.keys[0], item.part, item.here, is_undecided=True)
            continue
        if item.here.space != OWN and _is_live(key, held) and not held.claimed.get(key):
            made.ours.add(key)
        made.filed[key] = made.filed.get(key, 0) + 1
        made.owners.setdefault(key, owner)
        if key[0] == "Patient":
            made.people.setdefault(key, []).append(msgspec.structs.asdict(item.head))
            if item.from_feed:
                made.of_messages.add(key)
        if item.part != item.sent:
            made.addresses.learn(key, item.part, None, item.here.bundle)
        made.addresses.learn(key, item.sent, item.url, item.here.bundle, shared_identifiers(item.head.identifier))
        made.entries[item.file][item.place] = Planned(key, item.part, item.here, key in made.parted)


class _Several(NamedTuple):
    """The persons of one number, of whom an entry does not say which it is of."""

    keys: tuple[Key, ...]


def _key_for(made: Plan, item: _Item, owner: str, held: _Held) -> Key | _Several:
    kind: str = item.head.resourceType
    key = (kind, item.origin)
    known = set() if item.part is None else held.known.get(item.part, set()) | set(made.addresses.lead_of(item.part))
    if _is_open(made, item, owner, key, held):
        known.add(key)
    persons = tuple(one for one in sorted(known) if kind == "Patient" and (one in made.people or _is_live(one, held)))
    if len(persons) > 1 and key not in made.as_stored:
        return _one_of(made, item, persons, held)
    fits = [one for one in sorted(known) if _fits(made, item, owner, one, held)]
    if fits:
        return key if key in fits else fits[0]
    if is_id(item.origin) and not known and key not in made.filed and not _is_used(item, key, held):
        return key
    last = item.origin.removeprefix("urn:uuid:").lower()
    if last != item.origin and is_uuid(last) and (kind, last) not in made.filed:
        return kind, last
    return _parted(made, item, owner, is_parted=bool(known))


def _one_of(made: Plan, item: _Item, persons: tuple[Key, ...], held: _Held) -> Key | _Several:
    """Which of the persons of one number an entry is of: the one with its name and birth date; nobody of them where both differ from each."""
    head = msgspec.structs.asdict(item.head)
    last = {one: held.states(made, one, head)[-1] for one in persons}
    agreeing = [one for one in persons if agrees(head, last[one])]
    if len(agreeing) == 1:
        return agreeing[0]
    fits = [one for one in persons if _fits(made, item, "", one, held)]
    if not fits:
        return _parted(made, item, "", is_parted=True)
    mine = shared_identifiers(item.head.identifier)
    sharing = [one for one in persons if mine & shared_identifiers(last[one].get("identifier"))]
    return sharing[0] if not agreeing and len(sharing) == 1 and sharing[0] in fits else _Several(persons)


def _is_live(key: Key, held: _Held) -> bool:
    version = held.stored.get(key)
    return version is not None and not version.deleted


def _parted(made: Plan, item: _Item, owner: str, *, is_parted: bool) -> Key:
    """An id of its own for what cannot have the one that it came with."""
    whose = owner or repr((item.head.identifier, item.head.birthDate, item.head.name)) if is_parted or item.here.space == OWN else ""
    key = (item.head.resourceType, derived_id(item.head.resourceType, item.origin, "\x00".join(filter(None, (item.here.space, whose)))))
    if is_parted or item.here.space == OWN:
        made.parted.add(key)
    return key


def _is_open(made: Plan, item: _Item, owner: str, key: Key, held: _Held) -> bool:
    """Whether what stands under this id here may be what comes, though its source never sent it."""
    version = held.stored.get(key)
    if version is None or version.deleted or item.here.space in held.claimed.get(key, ()):
        return False
    if held.claimed.get(key):
        if item.raw is None or not _is_content(item.raw, version):
            return False
        made.as_stored.add(key)  # our own export comes back
        return True
    if item.here.space == OWN:
        return True
    same = shared_identifiers(item.head.identifier) & shared_identifiers(version.resource.get("identifier"))
    return bool(same or (owner and owner == version.patient))


def _is_content(raw: Any, version: Version) -> bool:
    try:
        return content_sha256(taken_in(raw)) == version.sha256
    except ValueError:
        return False


def _is_used(item: _Item, key: Key, held: _Held) -> bool:
    version = held.stored.get(key)
    return bool(held.claimed.get(key, set()) - {item.here.space}) or (version is not None and not version.deleted)


def _fits(made: Plan, item: _Item, owner: str, key: Key, held: _Held) -> bool:
    """Whether a resource may be the next version of what is filed, planned or awaited under an id."""
    if item.head.resourceType == "Patient":
        return _is_same_person(made, item, key, held)
    if key in made.filed:
        return not (owner and made.owners[key] and owner != made.owners[key])
    version = held.stored.get(key)
    if version is None or version.deleted or key in made.as_stored:
        return True
    is_theirs = item.here.space != OWN and item.here.space in held.claimed.get(key, ())
    if not (owner or version.patient):
        differs = is_other_person if is_theirs else is_someone_else
        return not differs(msgspec.structs.asdict(item.head), version.resource)
    return is_theirs or not (owner and version.patient and owner != version.patient)


def _is_same_person(made: Plan, item: _Item, key: Key, held: _Held) -> bool:
    """Whether a Patient may be the next version of what is known of a person: by what is known last, and by what was ever known."""
    head = msgspec.structs.asdict(item.head)
    states = held.states(made, key, head)
    if not states or (key in made.as_stored and key not in made.filed):
        return True
    is_theirs = item.here.space != OWN and item.here.space in held.claimed.get(key, ()) and key not in made.filed
    differs = is_other_person if is_theirs else is_someone_else
    return not differs(head, states[-1]) and not is_another(head, states)


def lasting(given: str) -> str:
    """What a feed calls a person of a number, whatever name and birth date a message gives (`feeds/people.py`)."""
    return given.partition(".")[0]


def derived_id(kind: str, given: str, origin: str) -> str:
    """An id made from where a resource comes from, the same each time."""
    value = int.from_bytes(sha256("\x00".join((kind, given, origin)).encode()).digest()[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76  # version 8, made by rules of our own. Source: RFC 9562 section 5.8
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def is_id(value: object) -> bool:
    """Whether FHIR allows this logical id."""
    return CHECKS["id"](value)


def is_uuid(text: str) -> bool:
    """Whether this is a UUID as it is written in addresses."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


# --- whose ----------------------------------------------------------------------------------------------------------


def given_owner(head: Head) -> str:
    """The reference, as given, that says whose record a resource belongs to; '' where none does."""
    for name in owner_elements(head.resourceType):
        value = getattr(head, name, None)
        text = value.get("reference") if isinstance(value, dict) else None
        if isinstance(text, str):
            return text
    return ""


def _owners(connection: Connection, made: Plan, items: Sequence[_Item]) -> list[str]:
    """The logical id of each entry's patient here; '' where it has none, or where nobody can say."""
    asked = [without_version(given_owner(item.head))[0] for item in items]
    led = [made.addresses.lead(text, item.here) if text else () for text, item in zip(asked, items, strict=True)]
    away = [None if keys or not text else made.addresses.part_of(text, item.here) for text, keys, item in zip(asked, led, items, strict=True)]
    known = filed_as(connection, (part for part in away if part is not None))
    return [_one_patient(keys or tuple(known.get(part, ())) if part else keys, part) for keys, part in zip(led, away, strict=True)]


def _one_patient(keys: Sequence[Key], part: Part | None) -> str:
    if not keys and part is not None and part.space == OWN:
        keys = [(part.kind, part.given)]
    return keys[0][1] if len(keys) == 1 and keys[0][0] == "Patient" else ""
