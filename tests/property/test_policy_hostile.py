"""Hostile documents: refused with a place and a reason, in bounded time and memory; nothing but facts can be reached."""

from __future__ import annotations

import re
import resource
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baybridge.documents.problems import PolicyProblems
from baybridge.policy.document.reader import load
from baybridge.policy.engines.outcomes import plan
from baybridge.policy.engines.spark_engine import SPARK, Sql, name, text
from baybridge.policy.language import expression as tree
from baybridge.policy.language.parse import parse
from baybridge.policy.language.types import ExpressionError
from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.decide import decide
from policy_generators import TYPES, quoted

SLOW = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
#: What reaches for more than a fact, in the words of several languages.
REACHING = [
    *("__import__('os').system('true')", "a.__class__", "a.b", "().__class__.__bases__[0]", "open('/etc/passwd')", "exec('1')", "lambda: 1"),
    *("(SELECT 1)", "a IN (SELECT a FROM t)", "EXISTS(SELECT 1)", "x FROM t", "COUNT(*)", "SUM(x) OVER ()", "CAST(x AS TEXT)", "x::text"),
    *("reflect('java.lang.System', 'exit', 1)", "java_method('a', 'b')", "LOAD_FILE('/etc/passwd')", "pg_sleep(10)", "@@version", "${x}"),
    *("a; DROP TABLE t", "a -- b", "a /* b */", "`a`", '"a"', "[a]", "a[0]", "{{a}}", "%(a)s", "$1", "?", ":a", "a := 1", "x => y"),
    *("REPEAT('x', 1000000000)", "x ** x", "x ^ 2", "x << 3", "x % 2", "RAND()", "NOW()", "CURRENT_DATE", "sleep(9)", "x LIKE '%'", "a && b"),
    *("x RLIKE '(a+)+$'", "INTERVAL 1 DAY", "d + INTERVAL 999999999 DAY", "d + INTERVAL x DAY", "DATE x", "DATE '99999-01-01'", "EXP", "ROUND(x, 99)"),
]
WORDS = ["a", "x", "1", " AND ", " OR ", "(", ")", "NOT ", " > ", ", ", " = "]
#: Forms that grow without end.
GROWING = {
    "brackets": lambda n: "(" * n + "a" + ")" * n,
    "open brackets": lambda n: "(" * n,
    "NOT": lambda n: "NOT " * n + "a",
    "minus": lambda n: "- " * n + "x > 0",
    "CASE": lambda n: "CASE WHEN a THEN " * n + "b" + " ELSE c END" * n,
    "functions": lambda n: "ABS(" * n + "x" + ")" * n + " > 0",
    "sum": lambda n: "x" + " + x" * n + " > 0",
    "AND": lambda n: "a" + " AND a" * n,
    "IN": lambda n: "x IN (" + ", ".join(map(str, range(n))) + ")",
    "digits": lambda n: "x > " + "9" * n,
    "places": lambda n: "x > 0." + "1" * n,
    "exponent": lambda n: f"x > 1e{n}",
    "name": lambda n: "a" * n,
    "text": lambda n: "s = '" + "x" * n + "'",
    "quote": lambda n: "s = " + "'" * (2 * n + 1),
}


def document(*rules: str) -> str:
    rows = "".join(f"  - {{id: r{n}, when: {quoted(rule)}}}\n" for n, rule in enumerate(rules))
    return f'id: r\nversion: "1"\nsource: s\nshape: criteria\ncriteria:\n{rows}'


def refused_or_plain(rule: str) -> None:
    """Refused at a place of the text, or a tree of facts and literals that every form can be written from."""
    try:
        found = parse(rule)
    except ExpressionError as problem:
        assert 0 <= problem.offset <= len(rule)
        assert problem.expected
        assert problem.found
        return
    assert all(isinstance(node, tree.Expression.__args__) for node in tree.walk(found))
    assert all(re.fullmatch("[a-z][a-z0-9_]*", node.name) for node in tree.walk(found) if isinstance(node, tree.Fact))
    try:
        policy = load(document(rule), "r.yaml", TYPES)
    except PolicyProblems as refused:
        assert refused.problems
        return
    assert len(compiled(policy).truths({}.get)) == 1
    plan(policy, SPARK, frozenset(), Sql("TRUE"))


@pytest.mark.parametrize("rule", REACHING)
def test_what_reaches_for_more_than_a_fact_is_refused(rule):
    with pytest.raises(PolicyProblems) as refused:
        load(document(rule), "r.yaml", TYPES)
    assert all(problem.expected and problem.found for problem in refused.value.problems)


@pytest.mark.parametrize("form", GROWING)
@pytest.mark.parametrize("size", [10, 25, 400, 5_000, 100_000])
def test_what_grows_without_end_is_decided_or_refused(form, size):
    refused_or_plain(GROWING[form](size))
    if size == 100_000:
        with pytest.raises(PolicyProblems):
            load(document(GROWING[form](size)), "r.yaml", TYPES)


@SLOW
@given(st.lists(st.sampled_from([*REACHING, *WORDS]) | st.text(max_size=4), max_size=8).map("".join))
def test_mixtures_are_refused_or_read_as_facts(rule):
    refused_or_plain(rule)


@SLOW
@given(st.text(max_size=30))
def test_a_text_stays_a_text_and_a_name_a_name_in_sql(written):
    inside = text(written)[1:-1]
    assert re.fullmatch(r"([0-9A-Za-z]|\\u[0-9A-F]{4})*", inside)
    units = re.sub(r"\\u([0-9A-F]{4})", lambda found: chr(int(found[1], 16)), inside)
    assert units.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass") == written
    assert name(written)[1:-1].replace("``", "") .count("`") == 0


HEAD = 'id: r\nversion: "1"\nsource: s\nshape: criteria\n'
LEVELS = "".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True))
DOCUMENTS = {
    "aliases that double": "a: &a [x, x, x, x, x, x, x, x, x]\n" + LEVELS,
    "aliases as rules": HEAD + "define:\n  a: &a [1]\n" + LEVELS.replace("\n", "\n  "),
    "an alias of itself": "a: &a [*a]\n",
    "a mapping in itself": "&a {b: *a}\n",
    "deep": "[" * 20_000 + "]" * 20_000,
    "deep mappings": "".join(" " * n + "a:\n" for n in range(2_000)),
    "long": "x" * 2_000_000,
    "many keys": "".join(f"k{n}: 1\n" for n in range(80_000)),
    "an object of Python": HEAD + "criteria: !!python/object/apply:os.system ['true']\n",
    "a module of Python": "!!python/module:os {}\n",
    "a merge": HEAD + "criteria: [{<<: {id: a}, when: a}]\n",
    "two documents": HEAD + "---\n" + HEAD,
    "a number of a million digits": HEAD + "criteria: [{id: a, when: a}]\nnotes: " + "9" * 900_000 + "\n",
    "a score of a thousand digits": HEAD.replace("criteria", "score") + "domains: [{id: d, rows: [{points: " + "9" * 5_000 + ", when: a}]}]\n",
    "not a number": HEAD.replace("criteria", "score") + "domains: [{id: d, rows: [{points: .nan, when: a}]}]\n",
    "base sixty": HEAD.replace("criteria", "score") + "domains: [{id: d, rows: [{points: " + ":".join(["59"] * 3_000) + ", when: a}]}]\n",
    "a list as a key": "? [a, b]\n: 1\n",
    "bytes that are no text": "\ud800",
    "nothing": "",
}
CHECK = """
import json, sys
from baybridge.policy.document.reader import load
from baybridge.documents.problems import PolicyProblems
for name, text in json.load(sys.stdin).items():
    try:
        load(text, "hostile.yaml", {})
    except PolicyProblems as refused:
        print(name, len(refused.problems))
"""


def test_hostile_documents_are_refused_within_little_time_and_memory():
    """In a process that may use 20 seconds of a processor and a gigabyte; one that passes either is killed."""
    import json

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    done = subprocess.run([sys.executable, "-c", CHECK], input=json.dumps(DOCUMENTS), capture_output=True, text=True, check=False, preexec_fn=limit)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.rsplit(" ", 1)[0] for line in done.stdout.splitlines()] == list(DOCUMENTS)


def definitions(count: int) -> str:
    """Names that each use the one before nine times: written out, the last would be 9**count parts."""
    return "".join(f"  d{n}: {' + '.join([f'd{n - 1}'] * 9)}\n" for n in range(1, count + 1))


@pytest.mark.parametrize("absent", [frozenset(), frozenset({"x"})])
def test_definitions_that_multiply_stay_small_in_every_form(absent):
    policy = load(HEAD + "criteria: [{id: a, when: d14 > 1}]\ndefine:\n  d0: x\n" + definitions(14), "r.yaml", TYPES)
    assert compiled(policy).truths({"x": 0.0}.get) == (False,)
    assert decide(policy, {}).missing == ("x",)
    made = plan(policy, SPARK, absent, Sql("TRUE"))
    assert sum(len(expr.text) for stage in made.stages for _, expr in stage) < 100_000


def test_names_that_build_on_each_other_too_deep_are_refused():
    with pytest.raises(PolicyProblems, match="at most 150 levels with the names it uses"):
        load(HEAD + "criteria: [{id: a, when: d60 > 1}]\ndefine:\n  d0: x\n" + definitions(60), "r.yaml", TYPES)
