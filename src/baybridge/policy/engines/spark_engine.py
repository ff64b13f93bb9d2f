r"""The operations of `engine.py` as Spark SQL text.

Main job: `SPARK`, an `Engine` whose expressions are `Sql`, and `TYPES`, how each kind is held. Nothing of Spark is imported here.

Nothing of a document becomes a word of SQL: names are quoted, and a text holds letters and digits as they are and every other character
as its `\u` number, so that no quote, backslash or `${…}` of a document means anything to Spark.

Meant for a session with `spark.sql.ansi.enabled=false`, `spark.sql.session.timeZone=UTC` and `spark.sql.caseSensitive=true`, which
`rulebook/tables_spark.py` opens: a product that wraps or a division by zero must not stop the query before its result is looked at.

**Source**: Spark SQL reference, "Built-in functions", "Literals", "NaN semantics" (NaN is above every number).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from baybridge.policy.language.types import Value

TYPES: dict[str, str] = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "code": "STRING",
    "text": "STRING",
    "date": "DATE",
    "instant": "TIMESTAMP",
    "null": "BOOLEAN",
}
_DAY_US = 86_400_000_000
_ZONE = "Asia/Shanghai"  # as base.time.CHINA
_GREATEST_DOUBLE = "1.7976931348623157E308D"
_NO_PLACES = "9007199254740992D"  # from here on a double has no places


class Sql:
    """An expression of Spark SQL, in brackets where it is more than a name or a call."""

    __slots__ = ("text",)
    __hash__ = None  # type: ignore[assignment]  # == makes an expression

    def __init__(self, text: str) -> None:
        self.text = text

    def __and__(self, other: Sql) -> Sql:
        return _two(self, "AND", other)

    def __or__(self, other: Sql) -> Sql:
        return _two(self, "OR", other)

    def __invert__(self) -> Sql:
        return Sql(f"(NOT {self.text})")

    def __neg__(self) -> Sql:
        return Sql(f"(- {self.text})")

    def __eq__(self, other: object) -> Sql:  # type: ignore[override]
        return _two(self, "=", other)

    def __ne__(self, other: object) -> Sql:  # type: ignore[override]
        return _two(self, "<>", other)

    def __lt__(self, other: Sql) -> Sql:
        return _two(self, "<", other)

    def __le__(self, other: Sql) -> Sql:
        return _two(self, "<=", other)

    def __gt__(self, other: Sql) -> Sql:
        return _two(self, ">", other)

    def __ge__(self, other: Sql) -> Sql:
        return _two(self, ">=", other)

    def __add__(self, other: Sql) -> Sql:
        return _two(self, "+", other)

    def __sub__(self, other: Sql) -> Sql:
        return _two(self, "-", other)

    def __mul__(self, other: Sql) -> Sql:
        return _two(self, "*", other)


def _two(left: Sql, sign: str, right: object) -> Sql:
    assert isinstance(right, Sql)  # noqa: S101 - a promise of the compiler
    return Sql(f"({left.text} {sign} {right.text})")


def _call(name: str, *values: Sql) -> Sql:
    return Sql(f"{name}({', '.join(value.text for value in values)})")


def _number(value: Sql) -> Sql:
    return Sql(f"CAST({value.text} AS BIGINT)")


def name(written: str) -> str:
    """The name of a column as SQL writes it."""
    return f"`{written.replace('`', '``')}`"


def text(written: str) -> str:
    """A text as SQL writes it."""
    units = written.encode("utf-16-be", "surrogatepass")
    numbers = [int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2)]
    return "'" + "".join(chr(n) if n < 128 and chr(n).isalnum() else f"\\u{n:04X}" for n in numbers) + "'"


class SparkEngine:
    """Spark SQL expressions; what each method answers is said in `engine.py`."""

    def column(self, name_: str) -> Sql:
        """A column."""
        return Sql(name(name_))

    def literal(self, value: Value, kind: str) -> Sql:
        """A constant."""
        match value:
            case None:
                return Sql(f"CAST(NULL AS {TYPES[kind]})")
            case bool():
                return Sql("TRUE" if value else "FALSE")
            case int() | float():
                written = f"{value}L" if kind == "integer" else f"{float(value)!r}D".upper()
                return Sql(f"({written})" if written.startswith("-") else written)
            case date():
                return Sql(f"DATE'{value.isoformat()}'")
            case _:
                return Sql(text(str(value)))

    def cast(self, value: Sql, kind: str) -> Sql:
        """Another kind."""
        return Sql(f"CAST({value.text} AS {TYPES[kind]})")

    def choose(self, branches: Sequence[tuple[Sql, Sql]], otherwise: Sql | None = None) -> Sql:
        """CASE."""
        pairs = " ".join(f"WHEN {condition.text} THEN {value.text}" for condition, value in branches)
        return Sql(f"CASE {pairs}{'' if otherwise is None else f' ELSE {otherwise.text}'} END")

    def all_of(self, conditions: Sequence[Sql]) -> Sql:
        """AND, without nesting."""
        return Sql(f"({' AND '.join(condition.text for condition in conditions)})")

    def any_of(self, conditions: Sequence[Sql]) -> Sql:
        """OR, without nesting."""
        return Sql(f"({' OR '.join(condition.text for condition in conditions)})")

    def coalesce(self, values: Sequence[Sql]) -> Sql:
        """First known."""
        return _call("COALESCE", *values)

    def is_null(self, value: Sql) -> Sql:
        """Unknown."""
        return Sql(f"({value.text} IS NULL)")

    def least(self, values: Sequence[Sql]) -> Sql:
        """Smallest."""
        return values[0] if len(values) == 1 else _call("LEAST", *values)

    def greatest(self, values: Sequence[Sql]) -> Sql:
        """Largest."""
        return values[0] if len(values) == 1 else _call("GREATEST", *values)

    def quotient(self, left: Sql, right: Sql) -> Sql:
        """Null where the divisor is 0."""
        return _two(left, "/", right)

    def absolute(self, value: Sql) -> Sql:
        """Without sign."""
        return _call("ABS", value)

    def is_finite(self, value: Sql) -> Sql:
        """Neither infinite nor NaN."""
        return Sql(f"(ABS({value.text}) <= {_GREATEST_DOUBLE})")

    def floor(self, value: Sql) -> Sql:
        """Down; Spark's own answers a BIGINT."""
        return self._without_places("FLOOR", value)

    def ceil(self, value: Sql) -> Sql:
        """Up; Spark's own answers a BIGINT."""
        return self._without_places("CEIL", value)

    def _without_places(self, function: str, value: Sql) -> Sql:
        small = f"(ABS({value.text}) < {_NO_PLACES})"
        return Sql(f"CASE WHEN {small} THEN CAST({function}({value.text}) AS DOUBLE) ELSE {value.text} END")

    def about_logarithm(self, value: Sql) -> Sql:
        """Natural."""
        return _call("LN", value)

    def power_of_two(self, exponent: Sql) -> Sql:
        """Exact for whole exponents, as Java's specification of pow says."""
        return _call("POW", Sql("2D"), exponent)

    def root(self, value: Sql) -> Sql:
        """Square root."""
        return _call("SQRT", value)

    def day_number(self, day: Sql) -> Sql:
        """Of a date."""
        return _number(_call("UNIX_DATE", day))

    def day_of_number(self, number: Sql) -> Sql:
        """A date."""
        return Sql(f"DATE_FROM_UNIX_DATE(CAST({number.text} AS INT))")

    def microseconds(self, instant: Sql) -> Sql:
        """Of an instant."""
        return _call("UNIX_MICROS", instant)

    def instant_of_microseconds(self, number: Sql) -> Sql:
        """An instant."""
        return _call("TIMESTAMP_MICROS", number)

    def whole_days(self, microseconds: Sql) -> Sql:
        """Towards zero, as DIV does."""
        return Sql(f"({microseconds.text} DIV {_DAY_US}L)")

    def year(self, day: Sql) -> Sql:
        """Of a date."""
        return _number(_call("YEAR", day))

    def month(self, day: Sql) -> Sql:
        """Of a date."""
        return _number(_call("MONTH", day))

    def day(self, day: Sql) -> Sql:
        """Of a date."""
        return _number(_call("DAY", day))

    def month_length(self, day: Sql) -> Sql:
        """Of a date's month."""
        return _number(_call("DAY", _call("LAST_DAY", day)))

    def add_months(self, day: Sql, months: int) -> Sql:
        """A later date."""
        return Sql(f"ADD_MONTHS({day.text}, {months})")

    def china_day(self, instant: Sql) -> Sql:
        """Of an instant."""
        return Sql(f"CAST(FROM_UTC_TIMESTAMP({instant.text}, '{_ZONE}') AS DATE)")

    def written(self, points: Sql) -> Sql:
        """As text."""
        whole = f"CAST({points.text} AS BIGINT)"
        return Sql(f"CASE WHEN {points.text} = {whole} THEN CAST({whole} AS STRING) ELSE CAST({points.text} AS STRING) END")

    def joined(self, texts: Sequence[Sql]) -> Sql:
        """As one text."""
        return _call("CONCAT", *texts)

    def names(self, found: Sequence[tuple[str, Sql]]) -> Sql:
        """As a list."""
        return _call("ARRAY_COMPACT", _call("ARRAY", *(self.choose([(truth, Sql(text(one)))]) for one, truth in found)))

    def first(self, names: Sql) -> Sql:
        """Of a list."""
        return Sql(f"GET({names.text}, 0)")


SPARK = SparkEngine()
