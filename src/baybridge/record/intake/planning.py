"""Under which id each resource of a file is filed, decided before the first of them is.

Main job: `plan(connection, source)` reads the heads of all resources. An id is kept where it is a valid FHIR id and free. It is taken when
the store holds something else under it: a resource of another patient's record, another person, another organisation. Then, and where no
valid id was given, an id is derived from where the resource comes from, the same each time.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles"); this project's rule on taken ids (`identity/same.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from baybridge.record.fhir.definitions import owner_elements, resource_types
from baybridge.record.fhir.primitives import CHECKS
from baybridge.record.fhir.references import local_part
from baybridge.record.fhir.wire import content_sha256, parse, taken_in
from baybridge.record.identity.same import is_someone_else, shared_identifiers
from baybridge.record.intake.reading import Entry, Source, entries
from baybridge.record.store.store import Key, Version, get_many


@dataclass(slots=True)
class Plan:
    """What the first reading found: how many entries, under which id each is filed, and where references lead."""

    count: int = 0
    by_url: dict[str, Key] = field(default_factory=dict)
    by_key: dict[tuple[str, str, str], Key] = field(default_factory=dict)  # type, given id, given patient -> filed
    by_identifier: dict[tuple[str, str], Key] = field(default_factory=dict)
    filed: dict[Key, int] = field(default_factory=dict)  # how many entries go there
    moved: dict[Key, Key] = field(default_factory=dict)  # given -> filed, where they differ and only one is meant


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


_HEADS = msgspec.json.Decoder(Head)


def plan(connection: Connection, source: Source) -> Plan:
    """Decide under which id every resource of a file is filed, by the file and by what the store holds."""
    made = Plan()
    heads: list[tuple[Head, Entry]] = []
    for item in entries(source):
        made.count += 1
        if isinstance(item, Entry) and (head := head_of(item)) is not None:
            heads.append((head, item))
    patients = [pair for pair in heads if pair[0].resourceType == "Patient"]
    others = [pair for pair in heads if pair[0].resourceType != "Patient"]
    _assign(connection, made, patients)
    _assign(connection, made, others)
    return made


def head_of(entry: Entry) -> Head | None:
    """What the first reading looks at; None where it is no resource."""
    try:
        head = _HEADS.decode(entry.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(head.resourceType, str) or head.resourceType not in resource_types():
        return None
    try:
        taken_in(entry.raw)
    except ValueError:
        return None  # the second reading leaves it out and says so
    return head


def _assign(connection: Connection, made: Plan, heads: Sequence[tuple[Head, Entry]]) -> None:
    wanted = [(head.resourceType, head.id) for head, _entry in heads if is_id(head.id)]
    stored = get_many(connection, wanted)
    for head, entry in heads:
        given = (head.resourceType, head.id if isinstance(head.id, str) else "")
        owner = _filed_owner(made, head)
        key = _key_for(head, entry, owner, stored)
        made.filed[key] = made.filed.get(key, 0) + 1
        made.by_key[given[0], given[1], given_owner(head)] = key
        if given[1] and key != given:
            made.moved[given] = key
        if entry.full_url:
            made.by_url[entry.full_url] = key
        for identifier in shared_identifiers(head.identifier):
            made.by_identifier.setdefault((head.resourceType, identifier), key)


def _key_for(head: Head, entry: Entry, owner: str, stored: dict[Key, Version]) -> Key:
    kind: str = head.resourceType
    if not is_id(head.id):
        return kind, id_without_one(head, entry)
    held = stored.get((kind, head.id))
    if held is None or held.deleted or not _is_taken(head, held, owner):
        return kind, head.id
    return kind, derived_id(kind, head.id, owner or repr((head.identifier, head.birthDate, head.name)))


def _is_taken(head: Head, held: Version, owner: str) -> bool:
    if head.resourceType == "Patient" or not (owner or held.patient):
        return is_someone_else(msgspec.structs.asdict(head), held.resource)
    return bool(owner and held.patient and owner != held.patient)


def id_without_one(head: Head, entry: Entry) -> str:
    """The id of a resource that has no valid one: its urn:uuid, or one derived from its address or content."""
    url = entry.full_url or ""
    last = url.rsplit(":", 1)[-1] if url.startswith("urn:uuid:") else ""
    if is_id(last):
        return last.lower()
    return derived_id(head.resourceType, str(head.id or ""), url or content_sha256(parse(entry.raw)))


def derived_id(kind: str, given: str, origin: str) -> str:
    """An id made from where a resource comes from, the same each time."""
    value = int.from_bytes(sha256("\x00".join((kind, given, origin)).encode()).digest()[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76  # version 8, made by rules of our own. Source: RFC 9562 section 5.8
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def is_id(value: object) -> bool:
    """Whether FHIR allows this logical id."""
    return CHECKS["id"](value)


def given_owner(head: Head) -> str:
    """The reference, as given, that says whose record a resource belongs to; '' where none does."""
    for name in owner_elements(head.resourceType):
        value = getattr(head, name, None)
        text = value.get("reference") if isinstance(value, dict) else None
        if isinstance(text, str):
            return text
    return ""


def _filed_owner(made: Plan, head: Head) -> str:
    text = given_owner(head)
    key = made.by_url.get(text) or _local_key(made, text)
    return key[1] if key is not None and key[0] == "Patient" else ""


def _local_key(made: Plan, text: str) -> Key | None:
    part = local_part(text)
    return None if part is None else made.moved.get(part, part)
