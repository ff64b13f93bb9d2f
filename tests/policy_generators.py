"""Random well-typed rules as text, random facts with unknowns, and their completions; shared by the property tests of rules."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from baybridge.policy.types import FactType

CODES = ("none", "low", "high")
TYPES = {
    fact.name: fact
    for fact in (
        *(FactType(name, "boolean") for name in ("a", "b", "c")),
        *(FactType(name, "integer") for name in ("i", "j")),
        *(FactType(name, "number") for name in ("x", "y")),
        *(FactType(name, "code", None, CODES) for name in ("k", "m")),
        *(FactType(name, "date") for name in ("d", "e")),
    )
}
_VALUES = {
    "boolean": st.booleans(),
    "integer": st.one_of(st.integers(-5, 5), st.sampled_from([2**53 - 1, 1 - 2**53, 0])),
    "number": st.one_of(st.integers(-5, 5), st.floats(-10, 10), st.sampled_from([0.0, 1e308, -1e308, 5e-324, 0.5, 2.5])),
    "code": st.sampled_from(CODES),
    "date": st.one_of(st.dates(date(2020, 1, 1), date(2026, 12, 31)), st.sampled_from([date.min, date.max, date(2024, 2, 29)])),
}


def value_of(fact: FactType) -> st.SearchStrategy:
    """A known value of a fact."""
    return _VALUES[fact.type]


def facts() -> st.SearchStrategy[dict]:
    """Some facts, each known or not."""
    return st.fixed_dictionaries({name: st.none() | value_of(fact) for name, fact in TYPES.items()})


def completions() -> st.SearchStrategy[dict]:
    """Every fact known."""
    return st.fixed_dictionaries({name: value_of(fact) for name, fact in TYPES.items()})


def _names(kind: str) -> list[str]:
    return [name for name, fact in TYPES.items() if fact.type == kind]


def numbers(*, monotone: bool, depth: int = 2) -> st.SearchStrategy[str]:
    """A number; `monotone` leaves out what looks at whether something is known."""
    leaf = st.sampled_from([*_names("integer"), *_names("number"), "0", "1", "-2", "2.5", "1e300", "9007199254740991"])
    if depth == 0:
        return leaf
    part, moment = numbers(monotone=monotone, depth=depth - 1), dates(monotone=monotone, depth=depth - 1)
    options = [
        leaf,
        st.builds("({} {} {})".format, part, st.sampled_from("+-*/"), part),
        st.builds("(- {})".format, part),
        st.builds("{}({})".format, st.sampled_from(["ABS", "FLOOR", "CEIL", "ROUND", "LN", "EXP", "SQRT"]), part),
        st.builds("ROUND({}, {})".format, part, st.integers(0, 9)),
        st.builds("{}({}, {})".format, st.sampled_from(["LEAST", "GREATEST"]), part, part),
        st.builds("(1 * {}({}, {}))".format, st.sampled_from(["days_between", "months_between"]), moment, moment),
    ]
    if not monotone:
        truth = conditions(monotone=False, depth=depth - 1)
        options += [
            st.builds("COALESCE({}, {})".format, part, part),
            st.builds("CASE WHEN {} THEN {} ELSE {} END".format, truth, part, part),
            st.builds("CASE WHEN {} THEN {} END".format, truth, part),
        ]
    return st.one_of(options)


def dates(*, monotone: bool, depth: int = 1) -> st.SearchStrategy[str]:
    """A date."""
    leaf = st.sampled_from([*_names("date"), "DATE '2024-02-29'"])
    if depth == 0:
        return leaf
    part = dates(monotone=monotone, depth=depth - 1)
    shifted = st.builds(
        "({} {} INTERVAL {} {})".format, part, st.sampled_from("+-"), st.sampled_from([0, 1, 31, 40000]), st.sampled_from(["DAY", "MONTH"])
    )
    return st.one_of(leaf, shifted, *([] if monotone else [st.builds("COALESCE({}, {})".format, part, part)]))


def conditions(*, monotone: bool, depth: int = 3) -> st.SearchStrategy[str]:
    """A condition."""
    leaf = st.sampled_from([*_names("boolean"), "TRUE", "FALSE", "(k = 'low')", "(k <> m)", "(m IN ('low', 'high'))"])
    if depth == 0:
        return leaf
    part = conditions(monotone=monotone, depth=depth - 1)
    number = numbers(monotone=monotone, depth=min(depth - 1, 2))
    moment = dates(monotone=monotone, depth=min(depth - 1, 1))
    compare = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    options = [
        leaf,
        st.builds("({} AND {})".format, part, part),
        st.builds("({} OR {})".format, part, part),
        st.builds("(NOT {})".format, part),
        st.builds("({} {} {})".format, number, compare, number),
        st.builds("({} {} {})".format, moment, compare, moment),
        st.builds("({} BETWEEN {} AND {})".format, number, number, number),
        st.builds("({} IN (1, 2.5))".format, number),
    ]
    if not monotone:
        options += [st.builds("({} IS NULL)".format, st.one_of(part, number)), st.builds("COALESCE({}, {})".format, part, part)]
    return st.one_of(options)
