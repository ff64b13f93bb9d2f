"""Every engine answers what the interpreter answers: random policies over random tables of facts with unknowns."""

from __future__ import annotations

from itertools import zip_longest

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from baybridge.policy.document.reader import load
from baybridge.policy.engines.outcomes import plan
from baybridge.policy.engines.polars_engine import DTYPES
from baybridge.policy.engines.population import decided
from baybridge.policy.engines.spark_engine import SPARK, Sql
from baybridge.policy.language import expression as tree
from baybridge.policy.one_case.decide import decide
from baybridge.policy.one_case.interpret import Evaluation, exact_facts
from baybridge.policy.one_case.verdict import outcome
from baybridge.rulebook.effect import compare_rows
from baybridge.rulebook.tables import compare, run
from policy_documents import policy
from policy_generators import TYPES, documents, facts
from spark_session import needs_spark, spark

SCHEMA = {name: DTYPES[fact.type] for name, fact in TYPES.items()}
MANY = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
#: Drawn once, without shrinking: Spark takes seconds for a query, so many policies share one.
DRAWN = settings(deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
POLICIES, ROWS, TOGETHER = 40, 60, 8
#: Each operator and function straight over facts, besides the random ones.
PLAIN = r"""
id: plain
version: "1"
source: s
shape: findings
define: {named: "x + 1"}
values:
  abs: ABS(x)
  ceil: CEIL(x)
  exp: EXP(x)
  floor: FLOOR(x)
  ln: LN(x)
  round: ROUND(x)
  round2: ROUND(x, 2)
  sqrt: SQRT(x)
  sum: i + j
  difference: x - y
  product: i * j
  quotient: i / j
  share: x / 88.4
  negative: "- x"
  least: LEAST(x, i, 2.5)
  greatest: GREATEST(i, j)
  first: COALESCE(x, i, 0)
  chosen: CASE WHEN a THEN named WHEN b THEN i END
  days: days_between(d, e)
  months: months_between(d, e)
  hours: days_between(t, w)
  moons: months_between(t, w)
  later: d + INTERVAL 1 MONTH
  earlier: t - INTERVAL 1 DAY
findings:
  - {code: text, when: "s = 'é' OR s <> '${x}' AND NOT (s IN ('low ', '\\', '{0}'))"}
  - {code: code, when: "k IN ('low', 'high') OR m = 'none' OR k IS NULL"}
  - {code: number, when: "x < y OR x <= i OR i > j OR i >= 2 OR x = i OR i <> j"}
  - {code: moment, when: "d < e OR t >= w OR d = DATE '2024-02-29'"}
"""


def expected(rules, known):
    """The row that the decision of one case makes; its truths and outcome are those of the interpreter."""
    decision = decide(rules, known)
    truths = {reason.criterion: reason.holds for reason in decision.reasons}
    evaluation = Evaluation(exact_facts(known, TYPES), rules.define)
    assert truths == {rule.id: evaluation.holds(rule.expression) for rule in rules.body.rules}
    assert decision.outcome == outcome(rules.body, truths)
    values = {f"value.{name}": value for name, value in decision.values.items()}
    return {"outcome": decision.outcome} | values | {f"holds.{name}": holds for name, holds in truths.items()}


def table_of(rows):
    return pl.DataFrame([{**row, "subject": n} for n, row in enumerate(rows)], schema={**SCHEMA, "subject": pl.Int64})


def polars_rows(rules, rows):
    found = decided(table_of(rows).lazy(), rules).collect().to_dicts()
    return [{name: value for name, value in row.items() if name not in {*SCHEMA, "subject"}} for row in found]


def spark_rows(policies, rows, folder):
    """The rows of each policy, all decided in one query."""
    from pyspark.sql import functions

    table_of(rows).write_parquet(folder / "facts.parquet")
    table = spark().read.parquet(str(folder / "facts.parquet"))
    plans = [plan(rules, SPARK, frozenset(), Sql("TRUE"), f"p{n}.") for n, rules in enumerate(policies)]
    for stages in zip_longest(*(made.stages for made in plans), fillvalue=()):
        table = table.select("*", *(functions.expr(expr.text).alias(name) for stage in stages for name, expr in stage))
    answers = [(f"{n}.{answer.name}", answer.expr) for n, made in enumerate(plans) for answer in made.answers]
    table.select("subject", *(functions.expr(expr.text).alias(name) for name, expr in answers)).write.parquet(str(folder / "out"))
    found = pl.read_parquet(folder / "out" / "*.parquet").sort("subject")
    return [
        found.select(pl.col(f"{n}.{answer.name}").alias(answer.name) for answer in made.answers).to_dicts() for n, made in enumerate(plans)
    ]


def drawn(strategy, count):
    """That many random examples, the same in every run."""
    found = []

    @settings(DRAWN, max_examples=count)
    @given(strategy)
    def draw(one):
        found.append(one)

    draw()
    return found


@MANY
@given(documents(), st.lists(facts(), min_size=1, max_size=6))
def test_polars_decides_as_one_case_does(text, rows):
    rules = load(text, "r.yaml", TYPES)
    assert polars_rows(rules, rows) == [expected(rules, known) for known in rows]


@settings(MANY, max_examples=30)
@given(documents(), documents(), st.lists(facts(), min_size=1, max_size=12))
def test_the_effect_on_rows_in_memory_is_that_on_a_table(tmp_path_factory, old_text, new_text, rows):
    old, new = load(old_text, "old.yaml", TYPES), load(new_text, "new.yaml", TYPES)
    table = tmp_path_factory.mktemp("effect") / "facts.parquet"
    table_of(rows).with_columns(pl.col("subject").cast(pl.String)).write_parquet(table)
    told = compare(old, new, table, lambda _done, _of: None)
    found, unchanged = compare_rows(old, new, [(str(n), known) for n, known in enumerate(rows)])
    assert found == told
    assert found.changed + unchanged.total() == len(rows)


@pytest.fixture(scope="module")
def random_policies():
    return [load(text, "r.yaml", TYPES) for text in (PLAIN, *dict.fromkeys(drawn(documents(), 4 * POLICIES)[-POLICIES:]))]  # the first are small


@needs_spark
def test_spark_polars_generated_code_and_the_interpreter_agree_on_random_policies(random_policies, tmp_path):
    rows = drawn(facts(), ROWS)
    for first in range(0, len(random_policies), TOGETHER):
        batch = random_policies[first : first + TOGETHER]
        folder = tmp_path / str(first)
        folder.mkdir()
        for rules, on_spark in zip(batch, spark_rows(batch, rows, folder), strict=True):
            for known, in_spark, in_polars in zip(rows, on_spark, polars_rows(rules, rows), strict=True):
                assert in_spark == in_polars == expected(rules, known), (rules.text, known)


def test_what_is_compared_on_spark_reaches_every_operator(random_policies):
    """Every node of the tree, every sign, function and unit, and every shape stands in the policies that Spark decides."""
    reached: set[object] = {rules.shape for rules in random_policies}
    for rules in random_policies:
        roots = [*rules.define.values(), *(rule.expression for rule in (*rules.body.rules, *rules.flags, *rules.values))]
        for node in (node for root in roots for node in tree.walk(root)):
            reached.add(type(node))
            reached.update(getattr(node, name) for name in ("operator", "function", "which") if hasattr(node, name))
            reached.update((type(node), node.unit) for _ in "1" if hasattr(node, "unit"))
    signs = {"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "LEAST", "GREATEST"}
    functions = {"ABS", "FLOOR", "CEIL", "ROUND", "LN", "EXP", "SQRT"}
    units = {(kind, unit) for kind in (tree.Span, tree.Shift) for unit in ("DAY", "MONTH")}
    shapes = {"criteria", "table", "score", "limits", "findings"}
    assert set(tree.Expression.__args__) | signs | functions | units | shapes <= reached


def test_what_is_compared_on_spark_is_not_all_unknown(random_policies):
    rows = drawn(facts(), ROWS)
    truths = [value for rules in random_policies for row in polars_rows(rules, rows) for name, value in row.items() if name.startswith("holds.")]
    assert min(truths.count(truth) for truth in (True, False, None)) > len(truths) / 10


AWKWARD = {
    "crs-astct-2019": {
        "temperature": [37.0, 38.0, None, 39.5, float("nan"), float("inf"), -0.0],
        "hypotension": ["none", "fluids", "vasopressor", None, "straw", "", "NONE"],
    },
    "easix": {
        "ldh": [200, 2**53, None, 0, -1, 250, 10],
        "creatinine": [88.4, 1.5, None, 0.0, 1e300, 5e-324, 70.0],
        "platelets": [0.0, 150.0, None, 1e-300, 88.4, 3.0, 7.0],
    },
    "relma-cel-lbcl-cn": {  # decimals, as tables of a warehouse have them
        "age": pl.Series(["18.000", "17.999", None, "60.000", "60.000", "18.001", "70.000"]).str.to_decimal(scale=3),
        "lines_of_therapy": pl.Series(["2.0", "2.0", "2.0", "2.5", None, "1.0", "3.0"]).str.to_decimal(scale=1),
        "diagnosis": ["dlbcl"] * 7,
        "relapsed_or_refractory": [True] * 7,
    },
    "car-hematotox": {
        "platelets": pl.Series(["74.9", "75.0", "175.0", "175.1", None, "0.1", "12345678901234567890.1"]).str.to_decimal(scale=1),
        "ferritin": pl.Series(["649", "650", "2000", "2001", None, "1", "9007199254740991"]).str.to_decimal(scale=0),
        "crp": [30.0, 29.9, float("nan"), 1.0, 1.0, 1.0, 1.0],
    },
}


def written(name, folder):
    pl.DataFrame({"patient_id": list(range(7)), "`odd` ${name}": ["x"] * 7, **AWKWARD[name]}, strict=False).write_parquet(folder / "facts.parquet")
    return folder / "facts.parquet"


@needs_spark
@pytest.mark.parametrize("name", AWKWARD)
def test_spark_and_polars_write_the_same_table(name, tmp_path):
    from baybridge.rulebook.tables_spark import decided as decided_on_spark

    rules, table = policy(name), written(name, tmp_path)
    run(rules, table, tmp_path / "polars.parquet", lambda _done, _of: None)
    decided_on_spark(spark().read.parquet(str(table)), rules).write.parquet(str(tmp_path / "spark.parquet"))
    ours, theirs = pl.read_parquet(tmp_path / "polars.parquet"), pl.read_parquet(tmp_path / "spark.parquet" / "*.parquet")
    assert theirs.columns == ours.columns
    assert theirs.sort("patient_id").to_dicts() == ours.sort("patient_id").to_dicts()
    assert "refused" in ours["outcome"].to_list()
