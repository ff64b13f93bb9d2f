"""The version of the schema: what a database says it has, and what this software needs.

Main job: `make(connection)` creates the tables of the newest version in an empty database; `against(connection, folder)` is why a database of another version is not
opened, in a sentence with the command to run.

The version stands in the table `schema_version`, which alembic keeps too. How a database of an older version is brought up stands in `upgrading.py` and
`migrating.py`, the changes themselves in `migrations/versions/`; a test holds what they come to against the tables of now.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, delete, insert, inspect, select

from baybridge.ledger.tables import metadata as ledger_metadata
from baybridge.node.tables import metadata as node_metadata
from baybridge.record.store.tables import metadata as record_metadata

#: The version that this software reads and writes: the newest file of `migrations/versions/`.
NEWEST = "0008"
#: The first version that was counted.
FIRST = "0001"
#: What a database says that was written before versions were counted.
UNCOUNTED = "0000"

METADATAS = (ledger_metadata, record_metadata, node_metadata)

_LOG = "log_entry"  # a table that every version has
schema_version = Table("schema_version", MetaData(), Column("version_num", String(32), primary_key=True))


def make(connection: Connection) -> None:
    """Create the tables of the newest version where there are none, and say so; a database that holds a node already is left as it is."""
    if found(connection) is not None:
        return
    for metadata in METADATAS:
        metadata.create_all(connection)
    write(connection, NEWEST)


def found(connection: Connection) -> str | None:
    """The version of a database; None where it holds no node."""
    inspector = inspect(connection)
    if not inspector.has_table(schema_version.name):
        return UNCOUNTED if inspector.has_table(_LOG) else None
    return connection.execute(select(schema_version.c.version_num)).scalar() or UNCOUNTED


def write(connection: Connection, version: str) -> None:
    """Say which version a database has."""
    schema_version.create(connection, checkfirst=True)
    connection.execute(delete(schema_version))
    connection.execute(insert(schema_version).values(version_num=version))


def against(connection: Connection, folder: Path) -> str | None:
    """Why the database of a node's folder cannot be opened by this software, with the command to run; None where it can."""
    version = found(connection)
    if version == NEWEST:
        return None
    if version is None:
        return (
            f"expected the database of the node in {folder}, found one that holds none; where it was moved, say where it is with BAYBRIDGE_DATABASE, "
            "and where it was lost, bring it back with: baybridge restore BACKUP --key PRIVATE --to NEWDIR"
        )
    if version < NEWEST:
        return (
            f"expected a database of schema {NEWEST}, found {version}, which an older version of this software wrote; "
            f"bring it up with: baybridge upgrade {folder}"
        )
    return (
        f"expected a database of schema {NEWEST}, found {version}, which a newer version of this software wrote; install that version, "
        f"or go back to the copy that its upgrade made with: baybridge upgrade {folder} --back BACKUP"
    )
