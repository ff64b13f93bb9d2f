"""The tables as they stood when versions began to be counted; what an older database lacks of them is added, empty."""

from pathlib import Path
from typing import Any

import yaml
from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
)
from sqlalchemy.types import TypeEngine

revision, down_revision = "0001", None

_WHOLE = BigInteger().with_variant(Integer, "sqlite")
_KINDS: dict[str, TypeEngine[Any]] = {
    "BigInteger": _WHOLE, "Boolean": Boolean(), "Double": Double(), "Integer": Integer(), "StoredBytes": LargeBinary(), "String": String(), "Text": Text(),
}


def upgrade() -> None:
    """Create the tables that are not there, and add the columns that older ones lack; each of those may be empty."""
    connection, tables = op.get_bind(), _baseline()
    tables.create_all(connection)
    for table in tables.sorted_tables:
        _add_columns(connection, table)


def _baseline() -> MetaData:
    metadata = MetaData()
    for name, said in yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")).items():
        columns = [_column(column, words.split()) for column, words in said["columns"].items()]
        unique = [UniqueConstraint(*one["of"], name=one.get("name")) for one in said.get("unique", ())]
        indexes = [Index(index, *(one for one in of if one != "unique"), unique="unique" in of) for index, of in said.get("indexes", {}).items()]
        Table(name, metadata, *columns, *unique, *indexes, sqlite_autoincrement=said.get("never_used_twice", False))
    return metadata


def _column(name: str, words: list[str]) -> Column[object]:
    kind, *flags = words
    key = "key" in flags
    return Column(
        name, _KINDS[kind], primary_key=key, nullable=not key and "filled" not in flags, unique="unique" in flags or None,
        autoincrement="counted" in flags,
    )


def _add_columns(connection: Connection, table: Table) -> None:
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name not in there:
            op.add_column(table.name, Column(column.name, column.type))
