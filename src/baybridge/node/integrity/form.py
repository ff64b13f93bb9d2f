"""Whether the database has the form that this software gave it: its tables, and nothing that writes by itself.

Main job: `findings(connection)`. A trigger or a rule would change rows inside the node's own transactions, where a change counts as the node's and is logged in its name;
so would a default of a column, or one that is computed. A key or an index that is gone lets the same thing stand twice.

Tables that are not the node's own are nothing that it reads. Elsewhere: which form that is, `schema/version.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Inspector, Table, UniqueConstraint, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn

from baybridge.base.outcome import Reason
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.schema.version import METADATAS

#: The table of each thing that writes by itself.
_SQLITE_WRITES = "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL_WRITES = (
    "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
    " UNION ALL SELECT tablename FROM pg_rules WHERE schemaname = current_schema()"
)


def findings(connection: Connection) -> Iterator[Finding]:
    """What writes by itself, and each table that is another than this software made."""
    inspector, own = inspect(connection), {table.name: table for metadata in METADATAS for table in metadata.sorted_tables}
    writes = connection.exec_driver_sql(_SQLITE_WRITES if connection.dialect.name == "sqlite" else _POSTGRESQL_WRITES).scalars()
    for name in sorted(set(writes) & set(own)):
        yield _found(UNLOGGED, name, "ledger.check.writes_itself")
    there = set(inspector.get_table_names())
    for name, table in sorted(own.items()):
        if name not in there:
            yield _found(MISSING, name, "ledger.check.table_missing")
        elif _form(inspector, name) != _expected(table):
            yield _found(DIFFERS, name, "ledger.check.table_differs")


_Form = tuple[set[str], list[str], set[tuple[str, ...]], set[tuple[str, tuple[str, ...], bool]]]


def _form(inspector: Inspector, name: str) -> _Form:
    """Columns (with a mark where the database fills one), key, unique columns and indexes, as the database has them."""
    columns = {f"{one['name']}{'' if _is_plain(one) else '='}" for one in inspector.get_columns(name)}
    unique = {tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)}
    indexes = {
        (str(one["name"]), tuple(str(column) for column in one["column_names"]), bool(one["unique"]))
        for one in inspector.get_indexes(name) if "duplicates_constraint" not in one
    }  # fmt: skip
    return columns, list(inspector.get_pk_constraint(name)["constrained_columns"]), unique, indexes


def _is_plain(column: ReflectedColumn) -> bool:
    """Whether a column holds what is written into it: no default but the counting of PostgreSQL, and nothing computed."""
    default = str(column.get("default") or "")
    return (not default or default.startswith("nextval(")) and "computed" not in column and "identity" not in column


def _expected(table: Table) -> _Form:
    unique = {tuple(column.name for column in one.columns) for one in table.constraints if isinstance(one, UniqueConstraint)}
    indexes = {(str(one.name), tuple(column.name for column in one.columns), bool(one.unique)) for one in table.indexes}
    return {column.name for column in table.columns}, [column.name for column in table.primary_key.columns], unique, indexes


def _found(kind: str, table: str, code: str) -> Finding:
    return Finding(kind, f"form/{table}", Reason(code, {"what": table}))
