"""The references of what a client sends, pointed at what they mean here.

Main job: `pointed(node, writes, base)` reads each reference as a file's would be read (`record/intake/addresses.py`): by the addresses of the transaction's
own entries first, then as this server's or a source's, then by its condition. A client's plain ids are this server's own; an entry whose
fullUrl is of another server speaks of that server's. What can only be meant inside the transaction and is not there is refused; what
names a resource that is not here is filed and told.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles") and RESTful API ("Transaction Processing Rules", conditional references).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from sqlalchemy import Connection

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.node.fhir.interactions import Interaction
from baybridge.node.fhir.seeing import Seeing
from baybridge.record.fhir.references import references, repointed
from baybridge.record.intake.addresses import OWN, Addresses, Here, Key, Part, base_of, without_version
from baybridge.record.intake.sources import filed_as, named_addresses
from baybridge.record.store.search import SearchResult
from baybridge.record.store.store import current_patients

if TYPE_CHECKING:
    from baybridge.journey.command import Actor
    from baybridge.node.node import Node

_CONDITION = re.compile(r"[A-Z][A-Za-z]+\?")
_MOST = 20  # reasons of one entry that are told


@dataclass(frozen=True, slots=True)
class Write:
    """One write with the address that its Bundle gives it; '' where it has none."""

    interaction: Interaction
    url: str = ""


@dataclass(slots=True)
class Pointed:
    """The writes with their references resolved, what is told of each, and every reason why one cannot be done."""

    interactions: list[Interaction] = field(default_factory=list)
    told: list[list[Reason]] = field(default_factory=list)
    against: list[Reason] = field(default_factory=list)


def pointed(node: Node, actor: Actor | None, writes: Sequence[Write], base: str) -> Pointed | Refusal:
    """Every reference of these writes resolved; `base` is the address under which the client speaks to this server."""
    with node.storage.reading() as connection:
        addresses = Addresses(node.fhir_bases | {base}, named_addresses(connection))
        seeing = Seeing(node, connection, actor, "fhir.read")
        made, keys = Pointed(), [_key_of(seeing, write.interaction) for write in writes]
        for write, key in zip(writes, keys, strict=True):
            addresses.learn(key, Part(OWN, *key), write.url, 0)
        standing = _Standing.of(connection, addresses, writes, seeing)
        for write, key in zip(writes, keys, strict=True):
            _point(standing, replace(write, interaction=replace(write.interaction, logical_id=key[1])), made)
    return refuse(*made.against, category=Category.INVALID) if made.against else made


@dataclass(slots=True)
class _Standing:
    """What stands here of what some writes refer to, asked once for all of them."""

    connection: Connection
    addresses: Addresses
    filed: Mapping[Part, set[Key]]
    there: Collection[Key]
    seeing: Seeing

    @classmethod
    def of(cls, connection: Connection, addresses: Addresses, writes: Sequence[Write], seeing: Seeing) -> _Standing:
        """Of these writes."""
        texts = {(_here(addresses, write), without_version(text)[0]) for write in writes for text, _path in references(write.interaction.resource or {})}
        parts = {part for here, text in texts if not addresses.lead(text, here) and (part := addresses.part_of(text, here)) is not None}
        filed = filed_as(connection, parts) if parts else {}
        keys = {(part.kind, part.given) for part in parts if part.space == OWN}.union(*filed.values())
        return cls(connection, addresses, filed, current_patients(connection, sorted(keys)) if keys else {}, seeing)

    def keys_of(self, part: Part) -> list[Key]:
        """Under which ids a part stands here; a client that names an id of this server means what it reads under it."""
        own = (part.kind, part.given)
        return [own] if part.space == OWN and own in self.there else sorted(self.filed.get(part, ()))


def _here(addresses: Addresses, write: Write) -> Here:
    base = base_of(write.url)
    return Here(addresses.space_of(base) if base else OWN, base)


def _key_of(seeing: Seeing, interaction: Interaction) -> Key:
    """Under which id a write will stand: the one that is there already where its condition finds it."""
    if interaction.only_if_none is not None:
        known = seeing.search(interaction.kind, interaction.only_if_none)
        if isinstance(known, SearchResult) and known.total == 1:
            return interaction.kind, known.found[0].id
    return interaction.kind, interaction.logical_id


def _point(standing: _Standing, write: Write, made: Pointed) -> None:
    resource = write.interaction.resource
    told: list[Reason] = []
    targets: dict[str, str] = {}
    here = _here(standing.addresses, write)
    for text, path in references(resource or {}):
        plain = without_version(text)[0]
        where = f"{write.interaction.where}.{path}".lstrip(".")
        if plain and not plain.startswith("#") and plain not in targets:
            key = _meant(standing, plain, here, where, told, made.against)
            targets |= {plain: f"{key[0]}/{key[1]}"} if key else {}

    def target(text: str) -> str | None:
        plain, version = without_version(text)
        return f"{targets[plain]}{version}" if plain in targets else None

    interaction = replace(write.interaction, resource=repointed(resource, target)) if resource else write.interaction
    made.interactions.append(interaction)
    made.told.append(told[:_MOST])


def _meant(standing: _Standing, text: str, here: Here, where: str, told: list[Reason], against: list[Reason]) -> Key | None:
    """What a reference means; None where it stays as it is, which is told, or where it cannot be filed, which is refused."""
    keys = standing.addresses.lead(text, here)
    if len(keys) > 1:
        against.append(Reason("record.bundle.reference_several", where=where))
    if keys:
        return keys[0]
    part = standing.addresses.part_of(text, here)
    if part is None:
        return _by_condition(standing, text, where, told, against)
    found = standing.keys_of(part)
    if len(found) == 1:
        if found[0] not in standing.there:
            told.append(Reason("record.reference_nowhere", {"type": part.kind}, where=where))
        return found[0]
    if part.space == here.space != OWN:
        against.append(Reason("record.bundle.reference", {"type": part.kind}, where=where))
    else:
        told.append(Reason("record.reference_nowhere", {"type": part.kind}, where=where))
    return (part.kind, part.given) if part.space == OWN else None


def _by_condition(standing: _Standing, text: str, where: str, told: list[Reason], against: list[Reason]) -> Key | None:
    if not _CONDITION.match(text):
        code, list_of = ("record.bundle.reference", against) if text.startswith("urn:") else ("record.reference_nowhere", told)
        list_of.append(Reason(code, {"type": "resource"}, where=where))
        return None
    kind, _mark, query = text.partition("?")
    closed = standing.seeing.closed(kind)
    if closed is not None:
        against.extend(replace(reason, where=where) for reason in closed.reasons)
        return None
    found = standing.seeing.search(kind, parse_qsl(unquote(query)))
    if isinstance(found, SearchResult) and found.total == 1 and standing.seeing.against(found.found[0]) is None:
        return kind, found.found[0].id
    against.append(Reason("record.bundle.condition", {"type": kind}, where=where))
    return None
