"""Sources: which id of which source stands for which resource of this record, over all commands.

Main job: `filed_as(connection, parts)` answers under which ids resources of a source were filed or are awaited, `claims(connection, keys)`
which sources an id of this record belongs to, `called_so(connection, parts)` what any source calls so, `keep(connection, rows)` adds what a
command found. A reference to something that has not come yet takes an id as well, so that it comes together whichever file is read first.

**Source**: this project's rule: two hospitals' Patient/1 are two people; the ids of one source mean the same in its every file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Text, insert, select, tuple_

from baybridge.base.key_list import asked_keys, key_list, written
from baybridge.record.intake.addresses import Key, Part
from baybridge.record.store.tables import source_address, source_id

_AT_ONCE = 300  # triples in one question, below the parameter limits of both databases


def filed_as(connection: Connection, parts: Iterable[Part]) -> dict[Part, set[Key]]:
    """Under which ids these resources of their sources stand here; parts that nobody knows are left out."""
    found: dict[Part, set[Key]] = {}
    for some in _portions(parts):
        for row in connection.execute(_OF_PARTS, {"keys": written(some)}):
            found.setdefault(Part(row.source, row.type, row.given), set()).add((row.type, row.id))
    return found


_OF_PARTS = select(source_id).where(tuple_(source_id.c.source, source_id.c.type, source_id.c.given).in_(asked_keys(Text, Text, Text)))


def claims(connection: Connection, keys: Iterable[Key]) -> dict[Key, set[str]]:
    """Whose each of these ids is; an id that no source ever used is left out."""
    table = source_id
    found: dict[Key, set[str]] = {}
    for some in _portions(keys):
        for row in connection.execute(select(table.c.type, table.c.id, table.c.source).where(tuple_(table.c.type, table.c.id).in_(key_list(some, Text, Text)))):
            found.setdefault((row.type, row.id), set()).add(row.source)
    return found


def called_so(connection: Connection, parts: Iterable[Part]) -> list[tuple[Part, Key]]:
    """What any source calls as these parts are called, whatever source they are of, and what it stands for."""
    table = source_id
    found = []
    for some in _portions({(part.kind, part.given) for part in parts}):
        rows = connection.execute(select(table).where(tuple_(table.c.type, table.c.given).in_(key_list(some, Text, Text))))
        found += [(Part(row.source, row.type, row.given), (row.type, row.id)) for row in rows]
    return found


def keep(connection: Connection, rows: Mapping[tuple[Part, Key], None]) -> None:
    """Keep which part stands for which resource; what is known already changes nothing."""
    known = filed_as(connection, {part for part, _key in rows})
    fresh = [
        {"source": part.space, "type": part.kind, "given": part.given, "id": key[1]} for part, key in rows if key not in known.get(part, ())
    ]
    if fresh:
        connection.execute(insert(source_id), fresh)


def named_addresses(connection: Connection) -> dict[str, str]:
    """Which source each known base address belongs to."""
    return {row.address: row.source for row in connection.execute(select(source_address))}


def keep_addresses(connection: Connection, names: Mapping[str, str]) -> None:
    """Keep the bases under which a source's files address its resources; the first source that used one has it."""
    known = named_addresses(connection)
    fresh = [{"address": base, "source": source} for base, source in names.items() if base not in known]
    if fresh:
        connection.execute(insert(source_address), fresh)


def _portions(items: Iterable[Any]) -> Iterator[Sequence[Any]]:
    whole = list(dict.fromkeys(items))
    for start in range(0, len(whole), _AT_ONCE):
        yield [tuple(item) for item in whole[start : start + _AT_ONCE]]
