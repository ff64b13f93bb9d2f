"""The tables of the record: every version of every resource, which version is current, and what searches look at.

Main job: one schema for SQLite and PostgreSQL; `patient` is the distribution key of each table but those of sources, which are small
reference tables: they are asked before anybody knows whose record something is.

**Units**: `recorded_at` is UTC text with microseconds, so that its order is time's order; `low` and `high` of a date are seconds
since 1970 (half open), of a quantity the bounds that its written precision allows.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, Table, Text, UniqueConstraint

from baybridge.base.stored_bytes import StoredBytes

metadata = MetaData()

_ROW = BigInteger().with_variant(Integer, "sqlite")

resource_version = Table(
    "resource_version",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("patient", Text, nullable=False),  # logical id of the patient whose record it is, '' where it is nobody's
    Column("recorded_at", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("sha256", Text, nullable=False),  # of the content without server-assigned meta
    Column("body", StoredBytes, nullable=False),  # what a read answers, b'' when deleted
    UniqueConstraint("type", "id", "version", name="resource_version_once"),
    Index("resource_version_of_patient", "patient", "recorded_at"),
)

resource_current = Table(
    "resource_current",
    metadata,
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("row", _ROW, nullable=False),  # of resource_version
    Column("version", Integer, nullable=False),
    Column("patient", Text, nullable=False),
    Column("recorded_at", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("sha256", Text, nullable=False),
    Index("resource_current_in_order", "type", "row"),
    Index("resource_current_of_patient", "patient", "type"),
)

search_value = Table(
    "search_value",
    metadata,
    Column("row", _ROW, primary_key=True, autoincrement=True),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("param", Text, nullable=False),
    Column("kind", Text, nullable=False),  # token, date, string, reference, quantity
    Column("system", Text, nullable=False),  # of a token or quantity; for a string, its text as written
    Column("value", Text, nullable=False),  # code, folded string, reference, or unit of a quantity
    Column("low", Double),
    Column("high", Double),
    Index("search_value_by_value", "type", "param", "value", "id"),
    Index("search_value_of_resource", "type", "id", "param"),
)

source_id = Table(  # which resource of this record an id of a source stands for, filed or awaited
    "source_id",
    metadata,
    Column("source", Text, primary_key=True),  # the name of a source, the base address of a server, or '' for ids of our own
    Column("type", Text, primary_key=True),
    Column("given", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Index("source_id_of_resource", "type", "id"),
)

source_address = Table(  # under which base addresses the files of a source name its resources
    "source_address",
    metadata,
    Column("address", Text, primary_key=True),
    Column("source", Text, nullable=False),
)
