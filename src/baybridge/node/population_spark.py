"""A policy over a table on Spark: local, or a cluster's address; the same rows and counts as `node/population.py`.

Main job: `run(policy, facts, out, master)`. Spark carries the rows; each worker decides its part with the compiled form of the policy, so
that the answers are those of one case by construction. Baybridge must be installed where the workers run.

Elsewhere: `node/population.py` is the embedded engine and many times faster on one machine.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from baybridge.node.population import TableUnreadableError
from baybridge.policy.decide import FactsError, decide
from baybridge.policy.document import load
from baybridge.policy.population import REFUSED
from baybridge.policy.shapes import Findings, Limits, Policy, Score
from baybridge.policy.types import FactType

_SQL_TYPES = {"boolean": "boolean", "integer": "bigint", "number": "double", "date": "date", "instant": "timestamp"}
Row = Mapping[str, Any]


def run(policy: Policy, facts: Path, out: Path | None, master: str, on: date | None = None) -> dict[str, int]:
    """Rows by outcome, most first; with `out` the decided table is written there as a folder of Parquet files.

    Raises `TableUnreadableError` where pyspark is not installed, or the table cannot be read.
    """
    spark = _session(master)
    try:
        table = _read(spark, facts)
        others = [name for name in table.columns if name not in policy.fact_types]
        schema = ", ".join([*(f"`{name}` {table.schema[name].dataType.simpleString()}" for name in others), *_columns(policy)])
        text, types = policy.text, dict(policy.fact_types)
        rows = table.rdd.mapPartitions(lambda part: decided_rows(text, types, others, on, (row.asDict() for row in part)))
        if out is None:
            counts = Counter(rows.map(lambda row: row[len(others)]).countByValue())
        else:
            answers = spark.createDataFrame(rows, schema)
            answers.write.mode("overwrite").parquet(str(out))
            counts = Counter({row["outcome"]: row["count"] for row in spark.read.parquet(str(out)).groupBy("outcome").count().collect()})
        return dict(counts.most_common())
    finally:
        spark.stop()


def decided_rows(
    text: str, types: Mapping[str, FactType], others: list[str], on: date | None, rows: Iterable[Row]
) -> Iterator[tuple[Any, ...]]:
    """The other columns, outcome, values and truths of each row, in the order of the schema."""
    policy = load(text, "policy", types)
    names = [name for name, _ in _values(policy)]
    for row in rows:
        kept = tuple(row[name] for name in others)
        try:
            facts = {name: _fact(fact, row.get(name)) for name, fact in policy.fact_types.items()}
            found = decide(policy, facts, as_of=on, settle=False)
        except FactsError:
            yield (*kept, REFUSED, *(None for _ in names), *(None for _ in policy.body.rules))
            continue
        truths = {reason.criterion: reason.holds for reason in found.reasons}
        yield (*kept, found.outcome, *(found.values.get(name) for name in names), *(truths.get(rule.id) for rule in policy.body.rules))


def _session(master: str) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise TableUnreadableError("expected pyspark for --engine spark, found none; install it, or use --engine polars") from None
    builder = SparkSession.builder.master(master).appName("baybridge policy run")
    quiet = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "true"}
    for key, value in quiet.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    if master.startswith("local"):
        spark.sparkContext.pythonExec = sys.executable  # the workers of this machine are this Python
    return spark


def _read(spark: Any, facts: Path) -> Any:
    from pyspark.errors import PySparkException

    try:
        return spark.read.parquet(str(facts.resolve()))
    except PySparkException as error:
        raise TableUnreadableError(f"{facts.name}: expected a Parquet table, found {type(error).__name__}") from None


def _fact(fact: FactType, value: Any) -> Any:
    """A value of a table as a fact; left alone where it is none, so that the decision refuses it."""
    if fact.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)  # Spark gives times of the machine's zone
        return moment if fact.type == "instant" else value
    if fact.type == "date" and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _columns(policy: Policy) -> list[str]:
    values = [f"`value.{name}` {kind}" for name, kind in _values(policy)]
    return ["outcome string", *values, *(f"`holds.{rule.id}` boolean" for rule in policy.body.rules)]


def _values(policy: Policy) -> list[tuple[str, str]]:
    """The printed values of a policy with their types in SQL, in the order of a decision."""
    found: list[tuple[str, str]] = []
    match policy.body:
        case Score(names=names) as body:
            whole = all(isinstance(row.points, int) for domain in body.domains for row in domain.rows)
            found += [(name, "bigint" if whole else "double") for name in (names.score, names.min, names.max)]
            found += [(names.driver, "string")] if names.driver is not None else []
        case Findings():
            found.append(("codes", "array<string>"))
        case Limits():
            found += [("outside", "array<string>"), ("critical", "boolean")]
        case _:
            pass
    if policy.flags:
        found += [("flags", "array<string>"), ("flag", "string")]
    return found + [(rule.id, _SQL_TYPES.get(rule.kind, "string")) for rule in policy.values]
