"""Rows by the database's own driver are the rows that SQLAlchemy would have written."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, Table, Text, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from baybridge.base import plain_rows

_TABLE = Table("thing", MetaData(), Column("row", Integer, primary_key=True), Column("type", Text, nullable=False), Column("body", LargeBinary))
_ROWS = [("a", b"1"), ("é'\"?", None), ("", b"")]


@pytest.fixture
def engine() -> Engine:
    made = create_engine("sqlite://", poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    _TABLE.create(made)
    return made


def test_the_rows_are_those_that_were_given(engine: Engine) -> None:
    with engine.connect() as connection:
        plain_rows.add(connection, _TABLE, ("type", "body"), _ROWS)
        plain = connection.execute(select(_TABLE.c.type, _TABLE.c.body)).all()
        connection.execute(insert(_TABLE), [{"type": kind, "body": body} for kind, body in _ROWS])
        both = connection.execute(select(_TABLE.c.type, _TABLE.c.body)).all()
    assert plain == _ROWS
    assert both == [*plain, *plain]


def test_no_rows_are_no_statement(engine: Engine) -> None:
    with engine.connect() as connection:
        plain_rows.add(connection, Table("nowhere", MetaData(), Column("x", Text)), ("x",), [])
        assert connection.execute(select(_TABLE)).all() == []


def test_new_rows_are_numbered_in_their_order(engine: Engine) -> None:
    with engine.connect() as connection:
        assert plain_rows.add_numbered(connection, _TABLE, ("type",), [("a",), ("b",)]) == [1, 2]
        assert plain_rows.add_numbered(connection, _TABLE, ("type",), [("c",)]) == [3]
        assert connection.execute(select(_TABLE.c.row, _TABLE.c.type)).all() == [(1, "a"), (2, "b"), (3, "c")]


def test_what_the_table_does_not_take_is_raised_and_taken_back_with_its_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        plain_rows.run(connection, "BEGIN")
        with pytest.raises(sqlite3.IntegrityError):
            plain_rows.add(connection, _TABLE, ("type",), [("a",), (None,)])
        plain_rows.run(connection, "ROLLBACK")
        assert connection.execute(select(_TABLE)).all() == []


def test_a_question_that_is_worded_once_is_answered_as_sqlalchemy_answers_it(engine: Engine) -> None:
    with engine.connect() as connection:
        plain_rows.add(connection, _TABLE, ("type", "body"), _ROWS)
        questions = [
            select(_TABLE.c.type, _TABLE.c.body).where(_TABLE.c.type.in_(["a", "é'\"?"]), _TABLE.c.row < 3).order_by(_TABLE.c.row.desc()).limit(2),
            select(_TABLE.c.row, _TABLE.c.type.label("key")).where(_TABLE.c.body.is_not(None), _TABLE.c.type.in_([])),
            select(_TABLE.c.row).where(_TABLE.c.type.in_(select(_TABLE.c.type).where(_TABLE.c.row == 1))),
        ]
        for question in questions:
            asked = plain_rows.Asked.of(question)
            assert [tuple(row) for row in asked.rows(connection)] == [tuple(row) for row in connection.execute(question)]
