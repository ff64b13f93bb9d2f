"""A whole database as one SQLite file, made while others write, and put back into SQLite or PostgreSQL.

Main job: `take(config, image)` writes the state of one moment; `put(image, storage)` makes an empty database, or the one of an older state, be that state, all of it or
nothing. The image of a PostgreSQL database has the same tables and rows, so that a backup is read, checked and restored in one way.

**Source**: SQLite's online backup in one step: writers of a write-ahead log go on meanwhile, and a copy page by page would begin again at each of their writes.
PostgreSQL: one view of the database under REPEATABLE READ, which holds up no writer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import DecodeError
from sqlalchemy import Connection, MetaData, Table, create_engine, func, insert, inspect, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from baybridge.node.outage import StorageProblem
from baybridge.node.schema import version
from baybridge.node.schema.migrating import make_at
from baybridge.node.storage import Storage

_ROWS_AT_ONCE = 1000
#: What reading a file raises that is no image.
UNREADABLE = (DBAPIError, OSError, DecodeError, KeyError)


def take(storage: Storage, image: Path, *, to_keep: bool) -> None:
    """Write the database as it stands into the file `image`, which is not there yet and is readable by its owner alone; StorageProblem where it cannot be read.

    One `to_keep` is on disk when this ends. One that is read and thrown away need not be: forcing it there would hold up the writers, who wait for the same disk.
    """
    os.close(os.open(image, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    file = storage.engine.url.database
    if storage.engine.dialect.name == "sqlite" and file:
        _copy_pages(Path(file), image)
    else:
        with storage.reading() as connection, opened(image) as engine, engine.begin() as target:
            found = version.found(connection) or version.NEWEST
            make_at(target, found)
            copy_rows(connection, target)
    _settle(image, on_disk=to_keep)


def _copy_pages(source: Path, image: Path) -> None:
    try:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(image)) as other:
            other.execute("PRAGMA synchronous=OFF")  # nobody reads it before it is whole and settled
            one.backup(other, pages=-1)
    except sqlite3.Error as problem:
        full = getattr(problem, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        raise StorageProblem("full" if full else "away") from problem


def _settle(image: Path, *, on_disk: bool) -> None:
    """One file without a write-ahead log beside it; `on_disk` also after a power cut."""
    with closing(sqlite3.connect(image)) as connection:
        connection.execute(f"PRAGMA synchronous={'FULL' if on_disk else 'OFF'}")
        connection.execute("PRAGMA journal_mode=DELETE")
    if not on_disk:
        return
    handle = os.open(image, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def opened(image: Path) -> Iterator[Engine]:
    """An engine on an image."""
    engine = create_engine(f"sqlite:///{image}")
    try:
        yield engine
    finally:
        engine.dispose()


def put(image: Path, storage: Storage) -> None:
    """Make the database be what the image says, all of it or, where the process ends before, nothing of it."""
    file = storage.engine.url.database
    if storage.engine.dialect.name == "sqlite" and file:
        storage.close()
        with closing(sqlite3.connect(f"file:{image}?mode=ro", uri=True)) as one, closing(sqlite3.connect(file)) as other:
            one.backup(other, pages=-1)  # one transaction of the database that is written
        return
    with opened(image) as engine, engine.connect() as source, storage.writing(urgent=True) as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        for table in _ours(source) & set(inspect(connection).get_table_names()):
            connection.exec_driver_sql(f'DROP TABLE "{table}"')
        make_at(connection, version.found(source) or version.NEWEST)
        copy_rows(source, connection)


def _ours(image: Connection) -> set[str]:
    """The tables of a node, of this version and of the image's; whatever else stands in a database is somebody else's."""
    of_now = {name for metadata in version.METADATAS for name in metadata.tables}
    return of_now | set(inspect(image).get_table_names()) | {version.schema_version.name}


def copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row of every table that both have, whatever database either is."""
    there = set(inspect(target).get_table_names())
    for name in sorted(there & set(inspect(source).get_table_names()) - {version.schema_version.name}):
        one, other = (Table(name, MetaData(), autoload_with=connection) for connection in (source, target))
        columns = [column for column in one.columns if column.name in other.columns]
        rows = source.execute(select(*columns).execution_options(yield_per=_ROWS_AT_ONCE)).mappings()
        for portion in rows.partitions():
            target.execute(insert(other), [dict(row) for row in portion])
        if target.dialect.name == "postgresql":
            _count_on(target, other)


def _count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after those that were copied."""
    for column in table.primary_key.columns:
        sequence = connection.execute(select(func.pg_get_serial_sequence(f'"{table.name}"', column.name))).scalar()
        last = connection.execute(select(func.max(column))).scalar() if sequence else None
        if last is not None:
            connection.execute(select(func.setval(sequence, last)))
