"""`policy run` and `policy compare` over tables, as a caller meets them."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest
from click.testing import CliRunner

from baybridge.cli.main import main

ROWS = {
    "patient_id": ["a", "b", "c", "d"],
    "age": [60.0, 17.0, None, 60.0],
    "grown_on": [date(2026, 1, 1)] * 4,
    "diagnosis": ["dlbcl", "dlbcl", "dlbcl", "nonsense"],
}
POLICY = """
id: adults
version: "1"
source: a label
shape: criteria
outcomes: {holds: eligible, fails: ineligible}
criteria:
  - {id: adult, when: age >= 18}
"""


@pytest.fixture
def call(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["policy", *(str(argument) for argument in arguments)])

    (tmp_path / "old.yaml").write_text(POLICY)
    (tmp_path / "new.yaml").write_text(POLICY.replace("18", "61"))
    pl.DataFrame(ROWS).write_parquet(tmp_path / "facts.parquet")
    return run


def test_every_row_is_decided_counted_and_written(call, tmp_path):
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--out", tmp_path / "out.parquet", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["outcomes"] == {"eligible": 2, "ineligible": 1, "undetermined": 1}
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert table.columns == ["patient_id", "grown_on", "diagnosis", "outcome", "holds.adult"]
    assert table["outcome"].to_list() == ["eligible", "ineligible", "undetermined", "eligible"]
    assert table["holds.adult"].to_list() == [True, False, None, True]
    assert list(tmp_path.glob("*partial*")) == []


def test_a_value_that_a_fact_cannot_take_refuses_its_row(call, tmp_path):
    text = POLICY.replace("  - {id: adult", "  - {id: lymphoma, when: diagnosis = 'dlbcl'}\n  - {id: adult")
    (tmp_path / "old.yaml").write_text(text)
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--json")
    assert json.loads(result.stdout)["outcomes"] == {"eligible": 1, "ineligible": 1, "undetermined": 1, "refused": 1}


def test_a_column_of_another_type_is_refused_with_its_name(call, tmp_path):
    pl.DataFrame({"age": ["sixty"]}).write_parquet(tmp_path / "facts.parquet")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet")
    assert result.exit_code == 1
    assert result.stderr.strip() == "column age: expected number, found String"


@pytest.mark.parametrize(
    ("values", "outcomes"),
    [
        (pl.Series(["18.000", "17.999", None]).str.to_decimal(scale=3), {"eligible": 1, "ineligible": 1, "undetermined": 1}),
        (pl.Series(["18", "17", None]).str.to_decimal(scale=0), {"eligible": 1, "ineligible": 1, "undetermined": 1}),
    ],
)
def test_a_column_of_decimals_is_a_number(call, tmp_path, values, outcomes):
    pl.DataFrame({"age": values}).write_parquet(tmp_path / "facts.parquet")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--json")
    assert json.loads(result.stdout)["outcomes"] == outcomes


def test_a_column_of_decimals_is_a_whole_number_where_it_has_no_fraction(call, tmp_path):
    (tmp_path / "old.yaml").write_text(POLICY.replace("age >= 18", "lines_of_therapy >= 2"))
    pl.DataFrame({"lines_of_therapy": pl.Series(["2.0", "1.0", "2.5"]).str.to_decimal(scale=1)}).write_parquet(tmp_path / "facts.parquet")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--json")
    assert json.loads(result.stdout)["outcomes"] == {"eligible": 1, "ineligible": 1, "refused": 1}


def test_equal_counts_stand_in_the_same_order_each_time(call, tmp_path):
    for ages in ([17.0, 60.0, None], [None, 60.0, 17.0]):
        pl.DataFrame({"age": ages}).write_parquet(tmp_path / "facts.parquet")
        result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--json")
        assert list(json.loads(result.stdout)["outcomes"]) == ["eligible", "ineligible", "undetermined"]


def test_facts_without_a_column_are_said_with_the_column_that_is_near(call, tmp_path):
    pl.DataFrame({"agge": [60.0]}).write_parquet(tmp_path / "facts.parquet")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--json")
    assert json.loads(result.stdout)["outcomes"] == {"undetermined": 1}
    assert result.stderr.strip() == "facts.parquet: no column for age (did you mean column agge?); unknown in every row"
    assert call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet").exit_code == 0


def test_a_place_that_cannot_be_written_to_is_said_as_such_and_not_of_the_table(call, tmp_path):
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--out", "/proc/out.parquet")
    assert result.exit_code == 1
    assert result.stderr.startswith("/proc/out.parquet: expected a folder that can be written to, found ")


def test_a_folder_without_tables_is_refused_in_our_words(call, tmp_path):
    (tmp_path / "none").mkdir()
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "none")
    assert (result.exit_code, result.stderr.strip()) == (1, "none: expected a folder with Parquet files, found none in it")


def test_a_file_that_is_no_table_is_refused(call, tmp_path):
    (tmp_path / "facts.parquet").write_text("no table")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet")
    assert (result.exit_code, result.stderr.startswith("facts.parquet: expected a Parquet table, found")) == (1, True)


def test_a_day_before_the_policy_gives_not_in_force(call, tmp_path):
    (tmp_path / "old.yaml").write_text(POLICY + "in_force_from: 2026-01-01\n")
    result = call("run", tmp_path / "old.yaml", "--facts", tmp_path / "facts.parquet", "--at", "2025-12-31", "--json")
    assert json.loads(result.stdout)["outcomes"] == {"not-in-force": 4}


def test_who_changes_outcome_and_because_of_what(call, tmp_path):
    result = call("compare", tmp_path / "old.yaml", tmp_path / "new.yaml", "--facts", tmp_path / "facts.parquet", "--json")
    report = json.loads(result.stdout)
    assert (report["rows"], report["changed"]) == (4, 2)
    assert report["changes"] == [{"old": "eligible", "new": "ineligible", "because": ["adult"], "rows": 2}]
    assert [change["subject"] for change in report["subjects"]] == ["a", "d"]


def test_a_folder_of_tables_is_compared_and_facts_without_a_column_are_said(call, tmp_path):
    (tmp_path / "many").mkdir()
    for name in ("a", "b"):
        pl.DataFrame(ROWS).drop("age").write_parquet(tmp_path / "many" / f"{name}.parquet")
    result = call("compare", tmp_path / "old.yaml", tmp_path / "new.yaml", "--facts", tmp_path / "many", "--json")
    assert json.loads(result.stdout)["rows"] == 8
    assert result.stderr.strip() == "many: no column for age; unknown in every row"


def test_a_criterion_that_was_added_or_removed_is_named(call, tmp_path):
    (tmp_path / "new.yaml").write_text(POLICY + "  - {id: lines, when: lines_of_therapy >= 2}\n")
    facts = tmp_path / "facts.parquet"
    added = json.loads(call("compare", tmp_path / "old.yaml", tmp_path / "new.yaml", "--facts", facts, "--json").stdout)
    assert added["changes"] == [{"old": "eligible", "new": "undetermined", "because": ["lines"], "rows": 2}]
    removed = json.loads(call("compare", tmp_path / "new.yaml", tmp_path / "old.yaml", "--facts", facts, "--json").stdout)
    assert removed["changes"] == [{"old": "undetermined", "new": "eligible", "because": ["lines"], "rows": 2}]
