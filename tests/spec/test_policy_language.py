"""The rule language in plain tables: every operator over true, false and unknown, and everything that is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from baybridge.policy.language.parse import parse
from baybridge.policy.language.types import ExpressionError
from baybridge.policy.one_case.interpret import Evaluation

T, F, U = True, False, None
FACTS = {
    "yes": True,
    "no": False,
    "one": 1,
    "two": 2,
    "three": 3,
    "half": 0.5,
    "zero": 0,
    "minus": -2,
    "big": 2**52,
    "red": "red",
    "blue": "blue",
    "newyear": date(2026, 1, 1),
    "leap": date(2024, 2, 29),
    "endjan": date(2026, 1, 31),
    "endfeb": date(2026, 2, 28),
    "noon": datetime(2026, 1, 1, 12, tzinfo=UTC),
    "later": datetime(2026, 1, 3, 11, tzinfo=UTC),
}


def value(text: str, **facts: object):
    return Evaluation(FACTS | facts, {}).value(parse(text))


@pytest.mark.parametrize(
    ("a", "b", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, U, U, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, U, F, U),
        (U, T, U, T),
        (U, F, F, U),
        (U, U, U, U),
    ],
)
def test_and_or(a, b, both, either):
    assert value("a AND b", a=a, b=b) is both
    assert value("a OR b", a=a, b=b) is either


@pytest.mark.parametrize(("a", "negated"), [(T, F), (F, T), (U, U)])
def test_not(a, negated):
    assert value("NOT a", a=a) is negated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one = 1", T),
        ("one = 1.0", T),
        ("one <> 2", T),
        ("one < 2", T),
        ("two <= 2", T),
        ("two > 2", F),
        ("two >= 2.0", T),
        ("absent = 1", U),
        ("absent <> absent", U),
        ("absent < 1", U),
        ("red = 'red'", T),
        ("red <> 'blue'", T),
        ("red = absent", U),
        ("newyear < DATE '2026-01-02'", T),
        ("newyear = DATE '2026-01-01'", T),
        ("noon < later", T),
        ("two BETWEEN 2 AND 3", T),
        ("two NOT BETWEEN 2 AND 3", F),
        ("two BETWEEN 3 AND absent", F),
        ("two BETWEEN 1 AND absent", U),
        ("absent BETWEEN 1 AND 2", U),
        ("two IN (1, 2)", T),
        ("two NOT IN (1, 2)", F),
        ("red IN ('blue')", F),
        ("absent IN (1, 2)", U),
        ("absent IS NULL", T),
        ("absent IS NOT NULL", F),
        ("one IS NULL", F),
        ("NOT one = 2", T),
        ("no OR yes AND no", F),
    ],
)
def test_conditions(text, expected):
    assert value(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one + two", 3),
        ("one - two", -1),
        ("two * three", 6),
        ("three / two", 1.5),
        ("two / one", 2.0),
        ("-two", -2),
        ("- minus", 2),
        ("one + half", 1.5),
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("10 - 4 - 3", 3),
        ("one / zero", None),
        ("half / zero", None),
        ("one + absent", None),
        ("absent * 0", None),
        ("big + big", None),
        ("big + big - one - big", None),
        ("big * 4.0", 2.0**54),
        ("1e308 * 10", None),
        ("ABS(minus)", 2),
        ("FLOOR(-0.5)", -1),
        ("CEIL(-0.5)", 0),
        ("FLOOR(two)", 2),
        ("ROUND(2.5)", 3),
        ("ROUND(-2.5)", -3),
        ("ROUND(0.49999999999999994)", 0),
        ("ROUND(two)", 2),
        ("ROUND(1.25, 1)", 1.3),
        ("ROUND(-1.25, 1)", -1.3),
        ("ROUND(1.4000000000000001, 6)", 1.4),
        ("ROUND(1e300, 9)", None),
        ("LN(1)", 0.0),
        ("LN(zero)", None),
        ("LN(minus)", None),
        ("EXP(zero)", 1.0),
        ("EXP(1000)", None),
        ("SQRT(4)", 2.0),
        ("SQRT(minus)", None),
        ("SQRT(absent)", None),
        ("LEAST(three, two)", 2),
        ("GREATEST(one, half, two)", 2),
        ("LEAST(one, absent)", None),
        ("GREATEST(one, absent)", None),
        ("COALESCE(absent, two)", 2),
        ("COALESCE(absent, missing)", None),
        ("COALESCE(one, absent)", 1),
        ("CASE WHEN yes THEN 1 ELSE 2 END", 1),
        ("CASE WHEN no THEN 1 ELSE 2 END", 2),
        ("CASE WHEN absent THEN 1 ELSE 2 END", 2),
        ("CASE WHEN no THEN 1 END", None),
        ("CASE WHEN no THEN 1 WHEN yes THEN 2 END", 2),
    ],
)
def test_numbers_and_alternatives(text, expected):
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days_between(newyear, DATE '2026-01-31')", 30),
        ("days_between(DATE '2026-01-31', newyear)", -30),
        ("days_between(noon, later)", 1),
        ("days_between(later, noon)", -1),
        ("days_between(absent, newyear)", None),
        ("months_between(endjan, endfeb)", 1),
        ("months_between(newyear, endjan)", 0),
        ("months_between(leap, DATE '2025-02-28')", 12),
        ("months_between(DATE '2025-02-28', leap)", -12),
        ("months_between(DATE '2026-01-15', DATE '2026-03-14')", 1),
        ("newyear + INTERVAL 30 DAY", date(2026, 1, 31)),
        ("newyear - INTERVAL '1' DAY", date(2025, 12, 31)),
        ("endjan + INTERVAL 1 MONTH", date(2026, 2, 28)),
        ("leap - INTERVAL 12 MONTHS", date(2023, 2, 28)),
        ("noon + INTERVAL 2 DAY", datetime(2026, 1, 3, 12, tzinfo=UTC)),
        ("newyear + INTERVAL 40000 MONTH", date(5359, 5, 1)),
        ("DATE '9999-12-31' + INTERVAL 1 DAY", None),
        ("absent + INTERVAL 1 DAY", None),
    ],
)
def test_dates(text, expected):
    assert value(text) == expected


REFUSED = [
    ("patient.name = 'x'", 7, "."),
    ("open('file')", 0, "open("),
    ("__import__", 0, "__import__"),
    ("one = (SELECT 1)", 7, "SELECT"),
    ("EXISTS(SELECT 1)", 0, "EXISTS("),
    ("IFNULL(one, 2)", 0, "IFNULL("),
    ("one != 2", 4, "!="),
    ("one == 2", 4, "=="),
    ("one::int = 1", 3, "::"),
    ("CAST(one AS date)", 0, "CAST("),
    ("one % 2 = 0", 4, "%"),
    ("'a' || 'b'", 4, "||"),
    ("red LIKE 'r%'", 4, "LIKE"),
    ('"one" = 1', 0, '"one"'),
    ("One = 1", 0, "One"),
    ("one -- comment", 0, "a comment"),
    ("one; two", 3, ";"),
    ("one[1]", 3, "["),
    ("{'a': 1}", 0, "{"),
    ("@one", 0, "@"),
    ("one IS TRUE", 0, "IS with something else"),
    ("one IN (two)", 8, "an expression"),
    ("one IN (1, two)", 11, "an expression"),
    ("CASE one WHEN 1 THEN 2 END", 5, "CASE with a value"),
    ("ROUND(one, two)", 11, "something else"),
    ("ROUND(one, 10)", 11, "something else"),
    ("COALESCE(one)", 0, "one"),
    ("newyear + INTERVAL 1 YEAR", 21, "YEAR"),
    ("DATE '2026-02-30'", 5, "'2026-02-30'"),
    ("DATE(one)", 0, "DATE("),
    ("99999999999999999999", 0, "99999999999999999999"),
    ("1e999", 0, "1e999"),
    ("one two", 0, "two names side by side"),
    ("one, two", 3, "','"),
    ("(one", 1, "'one'"),
    ("one AND", 4, "'AND'"),
    ("'open", 0, "an open one"),
    ("", 0, "nothing"),
    ("()", 0, "TUPLE"),
    ("*", 0, "STAR"),
    ("one = ANY(two)", 6, "ANY("),
    ("(one, two) = (1, 2)", 1, "TUPLE"),
]


@pytest.mark.parametrize(("text", "offset", "found"), REFUSED)
def test_what_is_outside_the_language_is_refused_at_its_place(text, offset, found):
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert (refused.value.offset, refused.value.found) == (offset, found)
    assert refused.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "one" + ")" * 500,
        "NOT " * 500 + "one",
        "- " * 500 + "1",
        "CASE WHEN one THEN " * 100 + "1" + " END" * 100,
        "one + " * 5000 + "one",
        " + ".join(["one"] * 400),
        "x" * 100_000,
        "ABS(" * 400 + "1" + ")" * 400,
    ],
    ids=["brackets", "not", "minus", "case", "length", "chain", "name", "calls"],
)
def test_a_hostile_size_is_refused_quickly(text):
    with pytest.raises(ExpressionError) as refused:
        parse(text)
    assert refused.value.code == "policy.problem.too_large"


def test_a_long_list_of_alternatives_is_no_depth():
    text = " OR ".join(f"two = {number}" for number in range(300))
    assert value(text) is True
