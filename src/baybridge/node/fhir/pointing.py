"""The references of what a client sends, pointed at what they mean here.

Main job: `pointed(node, writes, base)` reads each reference as a file's would be read (`record/intake/addresses.py`): by the addresses of the transaction's
own entries first, then as this server's or a source's, then by its condition. A client's plain ids are this server's own; an entry whose
fullUrl is of another server speaks of that server's. What can only be meant inside the transaction and is not there is refused; what
names a resource that is not here is filed and told.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles") and RESTful API ("Transaction Processing Rules", conditional references).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
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
        seeing = Seeing(node, connection, actor, "fhir.read")
        named = seeing.remembered.once("addresses", partial(named_addresses, connection))
        addresses = Addresses(node.fhir_bases | {base}, dict(named))
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
    there: Mapping[Key, str]
    seeing: Seeing

    @classmethod
    def of(cls, connection: Connection, addresses: Addresses, writes: Sequence[Write], seeing: Seeing) -> _Standing:
        """Of these writes."""
        texts = {(_here(addresses, write), without_version(text)[0]) for write in writes for text, _path in references(write.interaction.resource or {})}
        parts = {part for here, text in texts if not addresses.lead(text, here) and (part := addresses.part_of(text, here)) is not None}
        filed = seeing.remembered.each([*parts], partial(_filed, connection))
        keys = {(part.kind, part.given) for part in parts if part.space == OWN}.union(*filed.values())
        return cls(connection, addresses, {part: found for part, found in filed.items() if found}, _there(connection, keys, seeing), seeing)

    def unseen(self, key: Key | None, kind: str, where: str) -> Iterator[Reason]:
        """What is told of a reference to what this client may not see or what is not here: the same of both, so that no reference asks what is here."""
        if self.seeing.closed(kind) is not None:
            yield Reason("record.reference_unseen", {"type": kind}, where=where)
        elif key is None or key not in self.there or self.seeing.hides(key[0], key[1], self.there[key]):
            yield Reason("record.reference_nowhere", {"type": kind}, where=where)

    def keys_of(self, part: Part) -> list[Key]:
        """Under which ids a part stands here; a client that names an id of this server means what it reads under it."""
        own = (part.kind, part.given)
        return [own] if part.space == OWN and own in self.there else sorted(self.filed.get(part, ()))


def _filed(connection: Connection, parts: Sequence[Part]) -> list[set[Key]]:
    """Under which ids each of these parts stands here."""
    found = filed_as(connection, parts)
    return [found.get(part, set()) for part in parts]


def _there(connection: Connection, keys: Collection[Key], seeing: Seeing) -> dict[Key, str]:
    """Whose records those of these resources are in that stand here; one that does not may come at any moment, and is looked for each time."""
    kept = seeing.remembered.kept
    known = {key: str(kept["owner", *key]) for key in keys if ("owner", *key) in kept}
    new = sorted(set(keys) - known.keys())
    found = current_patients(connection, new) if new else {}
    for (kind, logical_id), patient in found.items():
        seeing.remembered.once(("owner", kind, logical_id), partial(str, patient))
    return known | found


def _here(addresses: Addresses, write: Write) -> Here:
    base = base_of(write.url)
    return Here(addresses.space_of(base) if base else OWN, base)


def _key_of(seeing: Seeing, interaction: Interaction) -> Key:
    """Under which id a write will stand: the one that is there already where its condition finds it."""
    condition = interaction.chosen_by or interaction.only_if_none
    if condition is not None:
        known = seeing.search(interaction.kind, condition)
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
        told.extend(standing.unseen(found[0], part.kind, where))
        return found[0]
    if part.space == here.space != OWN:
        against.append(Reason("record.bundle.reference", {"type": part.kind}, where=where))
    else:
        told.extend(standing.unseen(None, part.kind, where))
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
