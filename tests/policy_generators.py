"""Random well-typed rules as text, random facts with unknowns, and their completions; shared by the property tests of rules."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache

from hypothesis import strategies as st

from baybridge.policy.language.types import FactType

CODES = ("none", "low", "high")
TYPES = {
    fact.name: fact
    for fact in (
        *(FactType(name, "boolean") for name in ("a", "b", "c")),
        *(FactType(name, "integer") for name in ("i", "j")),
        *(FactType(name, "number") for name in ("x", "y")),
        *(FactType(name, "code", None, CODES) for name in ("k", "m")),
        *(FactType(name, "date") for name in ("d", "e")),
        *(FactType(name, "instant") for name in ("t", "w")),
        FactType("s", "text"),
    )
}
_VALUES = {
    "boolean": st.booleans(),
    "integer": st.one_of(st.integers(-5, 5), st.sampled_from([2**53 - 1, 1 - 2**53, 0])),
    "number": st.one_of(st.integers(-5, 5), st.floats(-10, 10), st.sampled_from([0.0, 1e308, -1e308, 5e-324, 0.5, 2.5])),
    "code": st.sampled_from(CODES),
    "instant": st.datetimes(datetime(2019, 12, 31), datetime(2030, 3, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),  # noqa: DTZ001
    "text": st.sampled_from(["", "low", "Low", "low ", "中", "é", "e\u0301", "'", '"', "\\", "{0}"]),
    "date": st.one_of(st.dates(date(2020, 1, 1), date(2026, 12, 31)), st.sampled_from([date.min, date.max, date(2024, 2, 29)])),
}


def value_of(fact: FactType) -> st.SearchStrategy:
    """A known value of a fact."""
    return _VALUES[fact.type]


def facts() -> st.SearchStrategy[dict]:
    """Some facts, each known or not."""
    return st.fixed_dictionaries({name: st.none() | value_of(fact) for name, fact in TYPES.items()})


def quoted(text: str) -> str:
    """A rule as YAML writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def documents(draw: st.DrawFn, depth: int = 2) -> str:
    """A policy document of any shape, with named expressions, flags and printed values."""
    rules = [
        quoted(text)
        for text in draw(st.lists(conditions(monotone=False, depth=depth) | st.sampled_from(["p", "NOT p OR a"]), min_size=1, max_size=5))
    ]
    named = f"define: {{p: {quoted(draw(conditions(monotone=False, depth=1)))}, q: {quoted(draw(numbers(monotone=False, depth=1)))}}}\n"
    flags = f"flags: [{{code: f, when: {quoted(draw(conditions(monotone=False, depth=1)))}}}]\n"
    values = f"values: {{v: {quoted(draw(numbers(monotone=False)))}, w1: q, w2: x, w3: {quoted(draw(dates(monotone=False)))}, w4: k}}\n"
    return f'id: r\nversion: "1"\nsource: s\n{named}{flags}{values}{draw(_body(rules))}'


@st.composite
def _body(draw: st.DrawFn, rules: list[str]) -> str:
    shape = draw(st.sampled_from(["criteria", "table", "sum", "max", "findings", "limits"]))
    numbered = list(enumerate(rules))
    if shape == "criteria":
        rows = [f"id: r{n}, when: {rule}, any_of: {draw(st.sampled_from(['null', 'g', 'h']))}" for n, rule in numbered]
        return "shape: criteria\noutcomes: {holds: yes it is, fails: it is not}\ncriteria:\n" + _rows(rows)
    if shape == "table":
        return "shape: table\ndefault: o0\nrows:\n" + _rows(
            [f"id: r{n}, outcome: o{draw(st.integers(0, 2))}, when: {rule}" for n, rule in numbered]
        )
    if shape == "findings":
        return "shape: findings\nfindings:\n" + _rows([f"code: c{n % 3}, when: {rule}" for n, rule in numbered])
    if shape == "limits":
        rows = [f"id: r{n}, when: {rule}, critical: {draw(st.sampled_from(['true', 'false']))}" for n, rule in numbered]
        return "shape: limits\nlimits:\n" + _rows([*rows, "fact: x, at_least: 0.5, at_most: 3", "fact: k, one_of: [low, high]"])
    rows = [f"points: {draw(st.integers(-1, 4))}, when: {rule}" for rule in rules]
    bands = draw(st.sampled_from(["bands: [{outcome: low, up_to: 1}, {outcome: high}]", 'outcome: "grade-{score}"']))
    driver = "names: {score: grade, min: least, max: most, driver: driver}\n" if shape == "max" else ""
    others = "  - id: two\n    rows:\n" + _rows(rows[1:]).replace("  - ", "      - ") if rows[1:] else ""
    return f"shape: score\ncombine: {shape}\n{driver}{bands}\ndomains:\n  - id: one\n    rows: [{{{rows[0]}}}]\n{others}"


def _rows(rows: list[str]) -> str:
    return "".join(f"  - {{{row}}}\n" for row in rows)


def completions() -> st.SearchStrategy[dict]:
    """Every fact known."""
    return st.fixed_dictionaries({name: value_of(fact) for name, fact in TYPES.items()})


def _names(kind: str) -> list[str]:
    return [name for name, fact in TYPES.items() if fact.type == kind]


@cache
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
        st.builds("(1 * {}({}, {}))".format, st.sampled_from(["days_between", "months_between"]), instants(), instants()),
    ]
    if not monotone:
        truth = conditions(monotone=False, depth=depth - 1)
        options += [
            st.builds("COALESCE({}, {})".format, part, part),
            st.builds("CASE WHEN {} THEN {} ELSE {} END".format, truth, part, part),
            st.builds("CASE WHEN {} THEN {} END".format, truth, part),
        ]
    return st.one_of(options)


@cache
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


@cache
def instants() -> st.SearchStrategy[str]:
    """An aware time."""
    leaf = st.sampled_from(_names("instant"))
    return leaf | st.builds("({} {} INTERVAL {} DAY)".format, leaf, st.sampled_from("+-"), st.sampled_from([0, 1, 40000]))


@cache
def conditions(*, monotone: bool, depth: int = 3) -> st.SearchStrategy[str]:
    """A condition."""
    leaf = st.sampled_from(
        [*_names("boolean"), "TRUE", "FALSE", "(k = 'low')", "(k <> m)", "(m IN ('low', 'high'))", "(s = 'low')", "(s <> 'é')"]
    )
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
        st.builds("({} {} {})".format, instants(), compare, instants()),
        st.builds("({} BETWEEN {} AND {})".format, number, number, number),
        st.builds("({} IN (1, 2.5))".format, number),
    ]
    if not monotone:
        options += [st.builds("({} IS NULL)".format, st.one_of(part, number)), st.builds("COALESCE({}, {})".format, part, part)]
    return st.one_of(options)
