"""What comes along with a search: resources that the found ones name, and resources that name the found ones.

**Source**: FHIR R4, search, "Including other resources in result".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from baybridge.record.fhir.definitions import parameters, resource_types
from baybridge.record.fhir.references import local_part
from baybridge.record.store.indexing import stored_as
from baybridge.record.store.store import Version, get_many
from baybridge.record.store.tables import search_value

_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` (reverse False) or `_revinclude`: which type's parameter, and which types it may lead to."""

    kind: str
    parameter: str
    target: str | None
    reverse: bool


def read_include(searched: str, text: str, *, reverse: bool) -> Include | None:
    """Type:parameter or Type:parameter:Target; None where it names no reference parameter."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or parts[0] not in resource_types() or (not reverse and parts[0] != searched):
        return None
    parameter = parameters(parts[0]).get(parts[1])
    if parameter is None or parameter.kind != "reference":
        return None
    return Include(parts[0], parts[1], parts[2] if len(parts) == 3 else None, reverse)


def included(connection: Connection, found: Sequence[Version], includes: Sequence[Include], patient: str | None) -> list[Version]:
    """The versions that come along, each once and none that was found; another patient's are left out where one is named."""
    have = {(version.type, version.id) for version in found}
    wanted: dict[tuple[str, str], None] = {}
    for include in includes:
        keys = _naming(connection, found, include) if include.reverse else _named(connection, found, include)
        wanted.update(dict.fromkeys(key for key in keys if key not in have))
    versions = get_many(connection, list(wanted)).values()
    return [version for version in versions if not version.deleted and (patient is None or version.patient in ("", patient))]


def _named(connection: Connection, found: Sequence[Version], include: Include) -> list[tuple[str, str]]:
    table = search_value
    keys: list[tuple[str, str]] = []
    for ids in _parts([version.id for version in found if version.type == include.kind]):
        names = stored_as(include.kind, include.parameter)
        is_named = (table.c.type == include.kind) & table.c.param.in_(names) & table.c.id.in_(ids)
        values = connection.execute(select(table.c.value).where(is_named))
        keys += [key for text in values.scalars() if (key := local_part(text)) and include.target in (None, key[0])]
    return keys


def _naming(connection: Connection, found: Sequence[Version], include: Include) -> list[tuple[str, str]]:
    table = search_value
    keys: list[tuple[str, str]] = []
    for references in _parts([version.reference for version in found]):
        names = stored_as(include.kind, include.parameter)
        is_naming = (table.c.type == include.kind) & table.c.param.in_(names) & table.c.value.in_(references)
        rows = connection.execute(select(table.c.id).where(is_naming))
        keys += [(include.kind, logical_id) for logical_id in rows.scalars()]
    return keys


def _parts(items: list[str]) -> list[list[str]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
