"""Rows into a table by the database's own driver, where thousands come a second and most of the time would go into wording the same statement again.

Main job: `add(connection, table, columns, rows)` and, where the numbers of the new rows are asked for, `add_numbered`; `run` for statements without values;
`Asked` is a question that is worded once; `driver(connection)` is SQLite's own connection.

On SQLite nothing stands between: for tables alone that no watch of a write transaction follows (`node/storage.py`), with values as the columns keep them. On other
databases the same goes by SQLAlchemy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Table, insert
from sqlalchemy.dialects import sqlite

Row = tuple[object, ...]


def driver(connection: Connection) -> sqlite3.Connection | None:
    """The connection of SQLite's own driver; None on another database."""
    found = connection.connection.driver_connection if connection.dialect.name == "sqlite" else None
    return found if isinstance(found, sqlite3.Connection) else None


def run(connection: Connection, statement: str) -> None:
    """Carry out a statement without values or answers, such as the beginning of a transaction."""
    own = driver(connection)
    if own is not None:
        own.execute(statement)
    else:
        connection.exec_driver_sql(statement)


def add(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Add rows, each with its values in the order of the columns."""
    if not rows:
        return
    own = driver(connection)
    if own is not None:
        own.executemany(_words(table.name, tuple(columns)), rows)
    else:
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def add_numbered(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> list[int] | None:
    """The same, with the number that each new row got; None where this database does not tell, and nothing was added."""
    own = driver(connection)
    if own is None:
        return None
    words = _words(table.name, tuple(columns))
    return [own.execute(words, row).lastrowid or 0 for row in rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its values, as SQLAlchemy has it and as SQLite's own driver takes it: worded once, asked often."""

    question: Select[Any]
    words: str
    values: tuple[object, ...]

    @classmethod
    def of(cls, question: Select[Any]) -> Asked:
        """A question that is complete; its values are texts and numbers."""
        worded = question.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
        return cls(question, str(worded), tuple(worded.params[name] for name in worded.positiontup or ()))

    def rows(self, connection: Connection) -> Sequence[Sequence[Any]]:
        """What is answered."""
        own = driver(connection)
        return own.execute(self.words, self.values).fetchall() if own is not None else connection.execute(self.question).all()


@lru_cache(maxsize=64)
def _words(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'  # noqa: S608 - names of our own schema
