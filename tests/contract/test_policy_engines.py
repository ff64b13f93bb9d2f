"""Every engine answers what the interpreter answers: random policies over random tables of facts with unknowns."""

from __future__ import annotations

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baybridge.policy.decide import decide
from baybridge.policy.document import load
from baybridge.policy.population import DTYPES, decided
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
