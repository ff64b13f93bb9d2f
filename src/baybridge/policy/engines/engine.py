"""What a population engine must be able to do, so that one compiler serves all of them.

Main job: `Engine`, the few operations on columns that `columns.py` and `outcomes.py` write rules with. An expression of an engine also
has Python's operators `& | ~ == != < <= > >= + - *` and unary minus, which answer null where an operand is null, save that `&` and `|`
follow Kleene; those of whole numbers may wrap, those of fractions may give infinity or NaN: the compiler looks at each result.

**Units**: whole numbers are 64-bit, fractions IEEE 754 double, dates civil days, instants microseconds in UTC. Elsewhere:
`polars_engine.py`, `spark_engine.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from baybridge.policy.language.types import Value


class Operators(Protocol):
    """What every expression of an engine can do; the other side is an expression of the same engine."""

    def __and__(self, other: Self, /) -> Self:
        """Kleene's AND of two."""

    def __or__(self, other: Self, /) -> Self:
        """Kleene's OR of two."""

    def __invert__(self) -> Self:
        """NOT."""

    def __lt__(self, other: Self, /) -> Self:
        """Less."""

    def __le__(self, other: Self, /) -> Self:
        """At most."""

    def __gt__(self, other: Self, /) -> Self:
        """More."""

    def __ge__(self, other: Self, /) -> Self:
        """At least."""

    def __eq__(self, other: Self, /) -> Self:  # type: ignore[override]
        """The same."""

    def __ne__(self, other: Self, /) -> Self:  # type: ignore[override]
        """Another."""

    def __add__(self, other: Self, /) -> Self:
        """The sum."""

    def __sub__(self, other: Self, /) -> Self:
        """The difference."""

    def __mul__(self, other: Self, /) -> Self:
        """The product."""

    def __neg__(self) -> Self:
        """The negative."""


Expr = TypeVar("Expr", bound=Operators)  #: an expression of the engine

#: The kind of value that a literal of Python has.
KINDS = ("boolean", "integer", "number", "code", "text", "date", "instant", "null")


class Engine(Protocol[Expr]):
    """Operations on columns; `kind` is one of `KINDS`."""

    def column(self, name: str) -> Expr:
        """The column of that name."""

    def literal(self, value: Value, kind: str) -> Expr:
        """A constant; None is null of that kind."""

    def cast(self, value: Expr, kind: str) -> Expr:
        """A null in that kind, a whole number as a fraction, a fraction without places (below 2**53) as a whole number."""

    def choose(self, branches: Sequence[tuple[Expr, Expr]], otherwise: Expr | None = None) -> Expr:
        """The value of the first condition that is true, else `otherwise` or null."""

    def all_of(self, conditions: Sequence[Expr]) -> Expr:
        """Kleene's AND."""

    def any_of(self, conditions: Sequence[Expr]) -> Expr:
        """Kleene's OR."""

    def coalesce(self, values: Sequence[Expr]) -> Expr:
        """The first value that is not null."""

    def is_null(self, value: Expr) -> Expr:
        """Whether a value is null; never null itself."""

    def least(self, values: Sequence[Expr]) -> Expr:
        """The least of values of one kind, none of them null."""

    def greatest(self, values: Sequence[Expr]) -> Expr:
        """The greatest of values of one kind, none of them null."""

    def quotient(self, left: Expr, right: Expr) -> Expr:
        """One fraction through another, rounded once as IEEE 754 says; null, infinity or NaN where the divisor is 0."""

    def absolute(self, value: Expr) -> Expr:
        """A number without its sign."""

    def is_finite(self, value: Expr) -> Expr:
        """Whether a fraction is neither infinite nor NaN; null where it is null."""

    def floor(self, value: Expr) -> Expr:
        """The greatest fraction without places that is not above."""

    def ceil(self, value: Expr) -> Expr:
        """The least fraction without places that is not below."""

    def about_logarithm(self, value: Expr) -> Expr:
        """The natural logarithm of a positive fraction, as near as the engine's own library has it."""

    def power_of_two(self, exponent: Expr) -> Expr:
        """2 to the power of a fraction without places, exactly."""

    def root(self, value: Expr) -> Expr:
        """The square root of a fraction that is not negative, rounded once as IEEE 754 says."""

    def day_number(self, day: Expr) -> Expr:
        """Days from 1970-01-01 to a date, as a whole number."""

    def day_of_number(self, number: Expr) -> Expr:
        """The date that many days from 1970-01-01."""

    def microseconds(self, instant: Expr) -> Expr:
        """Microseconds from 1970-01-01 in UTC to an instant, as a whole number."""

    def instant_of_microseconds(self, number: Expr) -> Expr:
        """The instant that many microseconds from 1970-01-01 in UTC."""

    def whole_days(self, microseconds: Expr) -> Expr:
        """Complete days in that many microseconds, towards zero."""

    def year(self, day: Expr) -> Expr:
        """The year of a date, as a whole number."""

    def month(self, day: Expr) -> Expr:
        """The month of a date, as a whole number."""

    def day(self, day: Expr) -> Expr:
        """The day of a date in its month, as a whole number."""

    def month_length(self, day: Expr) -> Expr:
        """The last day of a date's month, as a whole number."""

    def add_months(self, day: Expr, months: int) -> Expr:
        """The date that many months later, on the month's last day where it has no such day."""

    def china_day(self, instant: Expr) -> Expr:
        """The civil day of an instant in the time of China."""

    def written(self, points: Expr) -> Expr:
        """A number of points as text, without places where it has none."""

    def joined(self, texts: Sequence[Expr]) -> Expr:
        """Texts one after the other."""

    def names(self, found: Sequence[tuple[str, Expr]]) -> Expr:
        """The names whose condition is true, in this order, as a list."""

    def first(self, names: Expr) -> Expr:
        """The first of a list, null of an empty one."""
