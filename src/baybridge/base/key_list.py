"""A list of keys of several columns as one parameter of a question.

Main job: `tuple_(*columns).in_(key_list(keys, *types))`. Written as `IN (VALUES …)`, the same question reads the whole table on SQLite before 3.41 as soon as there
are two keys; here the keys come as one JSON array, each is looked up in the index, and the text of the question stays the same whatever their number.

**Source**: SQLite, json_each and ->>; PostgreSQL, json_array_elements and ->>.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

from sqlalchemy import BigInteger, BindParameter, Select, Text, bindparam, literal_column, select
from sqlalchemy import cast as as_type
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Elements(FunctionElement[Any]):
    """The elements of a JSON array as rows with one column, `value`."""

    name = "elements"
    inherit_cache = True


@compiles(_Elements, "sqlite")
def _of_sqlite(element: _Elements, compiler: SQLCompiler, **how: object) -> str:
    return f"json_each({compiler.process(element.clauses, **how)})"


@compiles(_Elements, "postgresql")
def _of_postgresql(element: _Elements, compiler: SQLCompiler, **how: object) -> str:
    return f"json_array_elements(CAST({compiler.process(element.clauses, **how)} AS JSON))"


def key_list(keys: Iterable[Sequence[object]], *types: type[Text] | type[BigInteger]) -> Select[Any]:
    """These keys as rows of a subquery, with the types of their columns in order."""
    return _rows(bindparam(None, written(keys), type_=Text), types)


def asked_keys(*types: type[Text] | type[BigInteger]) -> Select[Any]:
    """The same for a question that is written once: its parameter `keys` is what `written` answers."""
    return _rows(bindparam("keys", type_=Text), types)


def written(keys: Iterable[Sequence[object]]) -> str:
    """Keys as the parameter of a question."""
    return json.dumps([list(key) for key in keys], ensure_ascii=False)


def _rows(parameter: BindParameter[str], types: Sequence[type[Text] | type[BigInteger]]) -> Select[Any]:
    rows = _Elements(parameter).table_valued("value", name="asked")
    parts = [as_type(rows.c.value.op("->>")(literal_column(str(place))), kind) for place, kind in enumerate(types)]
    found: Any = select(*parts).select_from(rows)
    return cast("Select[Any]", found)
