"""Every engine answers what the interpreter answers: random policies over random tables of facts with unknowns."""

from __future__ import annotations

import shutil

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baybridge.node.population import run
from baybridge.node.population_spark import _values as spark_values
from baybridge.node.population_spark import decided_rows
from baybridge.node.population_spark import run as run_on_spark
from baybridge.policy.decide import decide
from baybridge.policy.document import load
from baybridge.policy.population import DTYPES, decided
from policy_documents import policy
from policy_generators import TYPES, documents, facts

SCHEMA = {name: DTYPES[fact.type] for name, fact in TYPES.items()}
MANY = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


def expected(rules, known):
    """The row that the decision of one case makes."""
    decision = decide(rules, known)
    values = {f"value.{name}": value for name, value in decision.values.items()}
    return {"outcome": decision.outcome} | values | {f"holds.{reason.criterion}": reason.holds for reason in decision.reasons}


def polars_rows(rules, rows):
    table = pl.DataFrame([{**row, "subject": n} for n, row in enumerate(rows)], schema={**SCHEMA, "subject": pl.Int64})
    return decided(table.lazy(), rules).collect().to_dicts()


@MANY
@given(documents(), st.lists(facts(), min_size=1, max_size=6))
def test_polars_decides_as_one_case_does(text, rows):
    rules = load(text, "r.yaml", TYPES)
    for number, (found, known) in enumerate(zip(polars_rows(rules, rows), rows, strict=True)):
        assert found.pop("subject") == number
        answers = {name: value for name, value in found.items() if name not in SCHEMA}
        assert answers == expected(rules, known)


@MANY
@given(documents(), st.lists(facts(), min_size=1, max_size=6))
def test_what_a_spark_worker_does_is_what_one_case_does(text, rows):
    rules = load(text, "r.yaml", TYPES)
    columns = [
        "subject",
        "outcome",
        *(f"value.{name}" for name, _ in spark_values(rules)),
        *(f"holds.{rule.id}" for rule in rules.body.rules),
    ]
    table = ({**row, "subject": n} for n, row in enumerate(rows))
    for number, found in enumerate(decided_rows(rules.text, TYPES, ["subject"], None, table)):
        assert dict(zip(columns, found, strict=True)) == {"subject": number, **expected(rules, rows[number])}


def test_spark_and_polars_write_the_same_table(tmp_path):
    pytest.importorskip("pyspark", reason="Spark is not installed: `pip install pyspark`, and Java 17, to compare the engines on it")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java 17, and there is no java on this machine")
    crs = policy("crs-astct-2019")
    temperatures, needs = [37.0, 38.0, None, 39.5, float("nan")], ["none", "fluids", "vasopressor", None]
    rows = [{"patient_id": 4 * n + k, "temperature": t, "hypotension": h} for n, t in enumerate(temperatures) for k, h in enumerate(needs)]
    known = {"fever_attributable": True, "crs_diagnosed": False, "fever_suppressed": False, "hypotension_attributable": True}
    pl.DataFrame([{**row, **known} for row in rows]).write_parquet(tmp_path / "facts.parquet")
    told = run(crs, tmp_path / "facts.parquet", tmp_path / "polars.parquet", lambda _done, _of: None)
    assert run_on_spark(crs, tmp_path / "facts.parquet", tmp_path / "spark", "local[2]") == told
    by_spark = pl.read_parquet(tmp_path / "spark" / "*.parquet").sort("patient_id").to_dicts()
    assert by_spark == pl.read_parquet(tmp_path / "polars.parquet").sort("patient_id").to_dicts()
