"""The checked tree of a rule: what an expression means, free of how it was written.

Main job: a closed set of frozen nodes that the interpreter, the type checker and every code generator walk.

Meaning, the same on every engine:

- Unknown is None. `And`, `Or`, `Not` follow Kleene; every other operator is unknown when an operand is, except the three that
  look at whether something is known: `IsNull`, `Coalesce`, and `Case`, which passes over a condition that is not true, as SQL does.
- Facts of type number are fractions, also where they are given as whole numbers; so is the result of alternatives of both kinds.
  Whole numbers stay whole under `+ - *`; `/` is always a fraction. A result that is not finite, or a whole number beyond
  2**53 - 1 (what JSON carries exactly), is unknown, and so are division by zero, LN of what is not positive and SQRT of what is negative.
- `ROUND` moves halves away from zero; with no digits it answers a whole number, as `FLOOR` and `CEIL` do.
- Text is only compared for equality. Dates are civil dates, instants are aware times; the two are never mixed. Months between
  instants are those between their days in the time of China, which all three regions keep.
- `BETWEEN` is two comparisons; `<>` in a chain of `IN` is `Not(In)`: both are rewritten when parsed.

**Source**: design, "Rules decide in three values".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from baybridge.policy.language.types import Value

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
ArithmeticOperator = Literal["+", "-", "*", "/"]
Function = Literal["ABS", "FLOOR", "CEIL", "ROUND", "LN", "EXP", "SQRT"]
CalendarUnit = Literal["DAY", "MONTH"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression; `at` is the character offset where it was written."""

    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal_(Node):  # noqa: N801 - `Literal` is taken by typing
    """A value written in the rule; None is NULL: known to be unknown."""

    value: Value


@dataclass(frozen=True, slots=True)
class Fact(Node):
    """A fact of the dictionary."""

    name: str


@dataclass(frozen=True, slots=True)
class Defined(Node):
    """An expression that the document named under `define`."""

    name: str


@dataclass(frozen=True, slots=True)
class And(Node):
    """True when all terms are, false when one is false."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """True when one term is, false when all are false."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """True for false, false for true."""

    term: Expression


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """Two values of one kind compared."""

    operator: Operator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class In(Node):
    """Whether the term equals one of the literals."""

    term: Expression
    values: tuple[Literal_, ...]


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """Whether the term is unknown; itself never unknown."""

    term: Expression


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """Two numbers combined."""

    operator: ArithmeticOperator
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """The number with the other sign."""

    term: Expression


@dataclass(frozen=True, slots=True)
class Case(Node):
    """The value of the first branch whose condition is true, else `otherwise`."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Coalesce(Node):
    """The first term that is known."""

    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Extreme(Node):
    """The least or greatest term; unknown when any is."""

    which: Literal["LEAST", "GREATEST"]
    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of one number; `digits` only for ROUND."""

    function: Function
    term: Expression
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Fraction(Node):
    """A whole number as a fraction; never written, set where alternatives are of both kinds, so that the result is of one."""

    term: Expression


@dataclass(frozen=True, slots=True)
class Span(Node):
    """Whole days or complete calendar months from `start` to `end`; negative when `end` is earlier."""

    unit: CalendarUnit
    start: Expression
    end: Expression


@dataclass(frozen=True, slots=True)
class Shift(Node):
    """A date (or, by days, an instant) moved by a fixed number of days or months."""

    term: Expression
    amount: int
    unit: CalendarUnit


Expression = (
    Literal_
    | Fact
    | Defined
    | And
    | Or
    | Not
    | Compare
    | In
    | IsNull
    | Arithmetic
    | Negate
    | Case
    | Coalesce
    | Extreme
    | Call
    | Fraction
    | Span
    | Shift
)


def children(node: Expression) -> tuple[Expression, ...]:
    """The direct parts of a node, in writing order."""
    match node:
        case And(terms=terms) | Or(terms=terms) | Coalesce(terms=terms) | Extreme(terms=terms):
            return terms
        case Not(term=term) | IsNull(term=term) | Negate(term=term) | Call(term=term) | Shift(term=term) | Fraction(term=term):
            return (term,)
        case Compare(left=first, right=second) | Arithmetic(left=first, right=second) | Span(start=first, end=second):
            return (first, second)
        case In(term=term, values=values):
            return (term, *values)
        case Case(branches=branches, otherwise=otherwise):
            return (*(part for branch in branches for part in branch), otherwise)
        case Literal_() | Fact() | Defined():
            return ()


def walk(node: Expression) -> Iterator[Expression]:
    """The node and everything below it, depth first."""
    yield node
    for child in children(node):
        yield from walk(child)


def depth(node: Expression, defined: Mapping[str, int]) -> int:
    """How many levels an expression has, also through the names that it uses, whose levels are given."""
    if isinstance(node, Defined):
        return 1 + defined.get(node.name, 0)
    return 1 + max((depth(child, defined) for child in children(node)), default=0)


def rebuild(node: Expression, change: Callable[[Expression], Expression]) -> Expression:
    """The tree with `change` applied to every node, leaves first."""

    def again(part: Expression) -> Expression:
        return rebuild(part, change)

    made: Expression
    match node:
        case And(terms=terms) | Or(terms=terms) | Coalesce(terms=terms) | Extreme(terms=terms):
            made = replace(node, terms=tuple(again(term) for term in terms))
        case Not(term=term) | IsNull(term=term) | Negate(term=term) | In(term=term):
            made = replace(node, term=again(term))
        case Call(term=term) | Shift(term=term) | Fraction(term=term):
            made = replace(node, term=again(term))
        case Compare(left=left, right=right) | Arithmetic(left=left, right=right):
            made = replace(node, left=again(left), right=again(right))
        case Span(start=start, end=end):
            made = replace(node, start=again(start), end=again(end))
        case Case(branches=branches, otherwise=otherwise):
            pairs = tuple((again(condition), again(result)) for condition, result in branches)
            made = replace(node, branches=pairs, otherwise=again(otherwise))
        case _:
            made = node
    return change(made)
