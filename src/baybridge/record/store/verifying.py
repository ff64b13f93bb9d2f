"""Whether what stands beside a resource's bytes fits them: columns of a version, the pointer to the current one, what searches look at.

Main job: `wrong_columns(version)`, `wrong_pointers(connection)` and `wrong_search_values(connection, versions)`. The bytes themselves are compared with the log
by `node/integrity/check.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Text, and_, or_, select, tuple_

from baybridge.base.key_list import key_list
from baybridge.record.fhir.references import patient_of
from baybridge.record.fhir.wire import content_sha256
from baybridge.record.store.indexing import Value, search_rows
from baybridge.record.store.store import Key, Version
from baybridge.record.store.tables import resource_current, resource_version, search_value

_SAME = ("version", "patient", "recorded_at", "deleted", "sha256")
_SEARCHED = Value._fields
_COLUMNS = ("type", "id", "version", "recorded_at", "patient", "sha256")


def wrong_columns(version: Version) -> list[str]:
    """The columns of a version that do not fit its content; [] if all do. A deletion has no content, and none but its patient is compared."""
    if version.deleted:
        return [name for name, wrong in (("body", version.body), ("sha256", version.sha256)) if wrong]
    if not version.body:
        return []  # erased; the check compares that with the log
    try:
        resource = version.resource
    except ValueError:
        return ["body"]
    meta = resource.get("meta") or {}
    columns = (version.type, version.id, str(version.number), version.recorded_at, version.patient, version.sha256)
    said = (resource.get("resourceType"), resource.get("id"), meta.get("versionId"), meta.get("lastUpdated"), patient_of(resource), content_sha256(resource))
    return [] if columns == said else [name for name, column, content in zip(_COLUMNS, columns, said, strict=True) if column != content]


def wrong_pointers(connection: Connection) -> Iterator[Key]:
    """The resources whose current version is not their last one."""
    current, version = resource_current, resource_version
    differs = or_(version.c.row.is_(None), version.c.type != current.c.type, version.c.id != current.c.id, *(version.c[name] != current.c[name] for name in _SAME))
    pointed = select(current.c.type, current.c.id).select_from(current.outerjoin(version, version.c.row == current.c.row)).where(differs)
    same = and_(current.c.type == version.c.type, current.c.id == version.c.id)
    behind = or_(current.c.row.is_(None), version.c.version > current.c.version)
    unpointed = select(version.c.type, version.c.id).select_from(version.outerjoin(current, same)).where(behind)
    for row in dict.fromkeys((row[0], row[1]) for query in (pointed, unpointed) for row in connection.execute(query)):
        yield row[0], row[1]


def wrong_search_values(connection: Connection, versions: Sequence[Version]) -> Iterator[Key]:
    """Of some hundred versions, the resources whose search values are not those of their current version."""
    keys = list({(version.type, version.id) for version in versions})
    table = resource_current
    current = {(row.type, row.id): row.version for row in connection.execute(select(table).where(tuple_(table.c.type, table.c.id).in_(key_list(keys, Text, Text))))}
    mine = [version for version in versions if current.get((version.type, version.id)) == version.number]
    stored = _stored(connection, [(version.type, version.id) for version in mine])
    for version in mine:
        key, expected = (version.type, version.id), _expected(version)
        if expected is not None and stored.get(key, Counter()) != expected:
            yield key


def _stored(connection: Connection, keys: Sequence[Key]) -> dict[Key, Counter[tuple[Any, ...]]]:
    table = search_value
    columns = (table.c.type, table.c.id, table.c.patient, *(table.c[name] for name in _SEARCHED))
    found: dict[Key, Counter[tuple[Any, ...]]] = {}
    query = select(*columns).where(tuple_(table.c.type, table.c.id).in_(key_list(keys, Text, Text)))
    for kind, logical_id, *searched in connection.execute(query):
        found.setdefault((kind, logical_id), Counter())[tuple(searched)] += 1
    return found


def _expected(version: Version) -> Counter[tuple[Any, ...]] | None:
    """The search values of a current version; None where its content cannot be read, which is found by its hash."""
    if version.deleted or not version.body:
        return Counter()
    try:
        rows = search_rows(version.resource)
    except (ValueError, TypeError, AttributeError):
        return None
    return Counter((version.patient, *value) for value in rows)
