"""A policy over a table on Spark: local, or a cluster's address; the same rows and counts as `rulebook/tables.py`.

Main job: `run(policy, facts, out, master)`. The policy becomes columns of Spark SQL, made from the same plan as those of Polars, so that
the rows stay in the JVM: the workers need neither Python nor Baybridge. `decided(table, policy)` is the plan on a DataFrame.

A table may be a local path or an address that the cluster reads (`hdfs://…`, `s3a://…`). On a local path the answer appears complete or
not at all; elsewhere Spark's own committer writes `_SUCCESS` last.

Elsewhere: `policy/engines/spark_engine.py` writes the SQL; `rulebook/tables.py` is the embedded engine and many times faster on one machine.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.shapes import NOT_IN_FORCE, Policy
from baybridge.policy.engines.columns import OURS
from baybridge.policy.engines.outcomes import plan
from baybridge.policy.engines.population import TableProblem, check_names, complaint
from baybridge.policy.engines.spark_engine import SPARK, TYPES, Sql, name, text
from baybridge.policy.language.types import FactType
from baybridge.rulebook.tables import TableUnreadableError, is_in_force, most_first

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: What the SQL of `engine_spark.py` is meant for, and what makes long plans fast (methods above this size are not compiled by the JVM).
SETTINGS: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.variable.substitute": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.codegen.hugeMethodLimit": "8000",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
}
_LOCAL: Mapping[str, str] = {"spark.driver.host": "localhost", "spark.driver.bindAddress": "127.0.0.1"}
_WRONG = f"{OURS}wrong"
_WHOLE = frozenset({"tinyint", "smallint", "int", "bigint"})
_FRACTIONS = frozenset({"float", "double"})
_DAY = text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
_FIRST, _LAST = "0001-01-01", "9999-12-31"


def run(policy: Policy, facts: str | Path, out: str | Path | None, master: str, on: date | None = None, *, bar: bool = False) -> dict[str, int]:
    """Rows by outcome, most first; with `out` the decided table is written there as a folder of Parquet files.

    Raises `TableUnreadableError` where pyspark or Java is missing, the table cannot be read or the answer not be written, and
    `TableProblem` where a column has another type than its fact.
    """
    if out is not None:
        _refuse_other_folder(out)
    spark = session(master, bar=bar)
    from pyspark.errors import PySparkException

    try:
        answers = decided(_read(spark, facts), policy)
        if not is_in_force(policy, on):
            from pyspark.sql import functions

            answers = answers.withColumn("outcome", functions.lit(NOT_IN_FORCE))
        if out is not None:
            answers = _written(spark, answers, out)
        counted = answers.groupBy("outcome").count().collect()
    except PySparkException as error:
        raise TableUnreadableError(f"{facts}: expected a table that can be read to its end, found {_first_line(error)}") from None
    finally:
        spark.stop()
    return most_first({row["outcome"]: row["count"] for row in counted})


def session(master: str, *, bar: bool = False) -> SparkSession:
    """A session of Spark as the SQL of rules expects it; raises `TableUnreadableError` where there is no pyspark or no Java."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        hint = "install it (`pip install 'baybridge[spark]'`), or use --engine polars"
        raise TableUnreadableError(f"expected pyspark for --engine spark, found none; {hint}") from None
    builder = SparkSession.builder.master(master).appName("baybridge policy run")
    local = _LOCAL if master.startswith("local") else {}
    for key, value in {**SETTINGS, **local, "spark.ui.showConsoleProgress": str(bar).lower()}.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except PySparkException as error:
        expected = f"expected Java 17 or later on this machine, and Spark at {master}"
        raise TableUnreadableError(f"{expected}, found {_first_line(error)}; use --engine polars for one machine") from None


def decided(table: DataFrame, policy: Policy, prefix: str = "") -> DataFrame:
    """The table with outcome, values and truths, as `policy/population.decided` makes it; raises `TableProblem`."""
    from pyspark.sql import functions

    types = {field.name: field.dataType.simpleString() for field in table.schema.fields}
    others = [one for one in types if one not in policy.fact_types]
    facts, wrong = _facts(policy, types)
    made = plan(policy, SPARK, frozenset(one for one in policy.fact_types if one not in types), ~SPARK.column(_WRONG))
    check_names(others, made)
    kept = [functions.col(name(one)) for one in others]
    found = table.select(*kept, *(functions.expr(value.text).alias(one) for one, value in facts), functions.expr(wrong.text).alias(_WRONG))
    for stage in made.stages:
        if stage:
            found = found.select("*", *(functions.expr(value.text).alias(one) for one, value in stage))
    return found.select(*kept, *(functions.expr(answer.expr.text).alias(f"{prefix}{answer.name}") for answer in made.answers))


def _facts(policy: Policy, types: Mapping[str, str]) -> tuple[list[tuple[str, Sql]], Sql]:
    """The columns of the facts in their types, and whether a row has a value that its fact cannot take; raises `TableProblem`."""
    facts, wrong, complaints = [], ["FALSE"], []
    for one, fact in policy.fact_types.items():
        if one not in types:
            continue
        found = _fact(fact, types[one])
        if found is None:
            complaints.append(complaint(fact, types[one]))
        else:
            facts.append((one, Sql(found[0])))
            wrong += [f"COALESCE({condition}, FALSE)" for condition in found[1:]]
    if complaints:
        raise TableProblem("\n".join(complaints))
    return facts, Sql(f"({' OR '.join(wrong)})")


def _fact(fact: FactType, kind: str) -> tuple[str, ...] | None:
    """The column of a fact in its type, and which of its values it cannot take; None where it is of another type."""
    column = name(fact.name)
    if kind.startswith("decimal"):
        column, kind = f"CAST({column} AS DOUBLE)", "double"
    whole = kind in _WHOLE
    bounds = f"BETWEEN -{MAX_INTEGER}L AND {MAX_INTEGER}L"
    match fact.type:
        case _ if kind == "void":
            return (f"CAST(NULL AS {TYPES[fact.type]})",)
        case "boolean" if kind == "boolean":
            return (column,)
        case "integer" | "number" if whole:
            return f"CAST({column} AS {TYPES[fact.type]})", f"{column} NOT {bounds}"
        case "integer" if kind in _FRACTIONS:
            fits = f"(CASE WHEN ABS({column}) <= {MAX_INTEGER}D THEN {column} = FLOOR({column}) ELSE FALSE END)"
            return f"CASE WHEN {fits} THEN CAST({column} AS BIGINT) END", f"{column} IS NOT NULL AND NOT {fits}"
        case "number" if kind in _FRACTIONS:
            value = f"CAST({column} AS DOUBLE)"
            return value, f"NOT {SPARK.is_finite(Sql(value)).text}"
        case "code" | "text" if kind == "string":
            allowed = ", ".join(text(value) for value in fact.values)
            return (column, f"{column} NOT IN ({allowed})") if fact.values else (column,)
        case "date":
            return _date(column, kind)
        case "instant" if kind == "timestamp":
            return column, f"{column} NOT BETWEEN TIMESTAMP'{_FIRST} 00:00:00' AND TIMESTAMP'{_LAST} 23:59:59.999999'"
        case _:
            return None


def _date(column: str, kind: str) -> tuple[str, ...] | None:
    inside = f"BETWEEN DATE'{_FIRST}' AND DATE'{_LAST}'"
    match kind:
        case "date":
            return column, f"{column} NOT {inside}"
        case "string":
            day = f"CASE WHEN {column} RLIKE {_DAY} THEN CAST({column} AS DATE) END"
            return f"CASE WHEN {day} {inside} THEN {day} END", f"{column} IS NOT NULL AND NOT COALESCE({day} {inside}, FALSE)"
        case "timestamp_ntz":
            day = f"CAST({column} AS DATE)"
            return day, f"CAST({day} AS TIMESTAMP_NTZ) <> {column} OR {day} NOT {inside}"
        case _:
            return None


def _read(spark: SparkSession, facts: str | Path) -> DataFrame:
    from pyspark.errors import PySparkException

    try:
        return spark.read.parquet(str(facts.resolve()) if isinstance(facts, Path) else facts)
    except PySparkException as error:
        raise TableUnreadableError(f"{_short(facts)}: expected a Parquet table, found {_first_line(error)}") from None


def _refuse_other_folder(out: str | Path) -> None:
    """Raise `TableUnreadableError` where something stands at a local path that is no earlier answer: nobody's folder is deleted."""
    if isinstance(out, Path) and out.exists() and not (out / "_SUCCESS").is_file():
        raise TableUnreadableError(f"{out}: expected no such file or an earlier answer of Spark there, found something else; name another")


def _written(spark: SparkSession, answers: DataFrame, out: str | Path) -> DataFrame:
    """The answers as they stand on disk: on a local path in a folder beside it first, which then takes its name."""
    if isinstance(out, str):
        answers.write.mode("errorifexists").parquet(out)
        return spark.read.parquet(out)
    partial, earlier = (out.with_name(f"{out.name}.{word}") for word in ("partial", "earlier"))
    try:
        answers.write.mode("overwrite").parquet(str(partial.resolve()))
        with suppress(FileNotFoundError):
            out.rename(earlier)
        partial.rename(out)
    finally:
        for folder in (partial, earlier):
            shutil.rmtree(folder, ignore_errors=True)
    return spark.read.parquet(str(out.resolve()))


def _short(table: str | Path) -> str:
    return table.name if isinstance(table, Path) else table


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
