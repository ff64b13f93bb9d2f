"""A node without the extras: what needs none goes on, what needs one says which and how to have it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from baybridge.base.extras import EXTRAS, needed_for
from baybridge.cli.main import main
from baybridge.node.options.screening import _many
from baybridge.policy.document.reader import load
from policy_documents import fact_types

POLICY = """
id: adults
version: "1"
source: a label
shape: criteria
outcomes: {holds: eligible, fails: ineligible}
criteria:
  - {id: adult, when: age >= 18}
"""
WITHOUT = "import sys; sys.modules.update(polars=None, pyspark=None, psycopg=None); "


def test_the_application_starts_without_any_extra():
    done = subprocess.run([sys.executable, "-c", WITHOUT + "import baybridge.app, baybridge.serving"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_application_loads_no_extra_before_it_is_needed_nor_what_only_counting_needs():
    later = ("polars", "pyspark", "psycopg", "numpy", "scipy", "sqlglot", "alembic", "opencc")
    code = f"import sys, baybridge.serving; print([name for name in {later} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_command_that_needs_an_extra_says_which_and_how_to_have_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "polars", None)
    for name in [name for name in sys.modules if name.startswith(("baybridge.policy.engines", "baybridge.rulebook.tables"))]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "t.parquet").write_bytes(b"")
    done = CliRunner().invoke(main, ["policy", "run", "crs-astct-2019", "--facts", str(tmp_path / "t.parquet")])
    assert done.exit_code == 1
    assert "the extra “population”" in done.stderr
    assert "pip install 'baybridge[population]'" in done.stderr


def test_a_package_that_no_extra_brings_is_not_explained_away():
    assert needed_for(ModuleNotFoundError(name="nowhere")) is None


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda one: one.name)
def test_each_extra_is_one_of_the_package(extra):
    from importlib.metadata import metadata

    assert extra.name in (metadata("baybridge").get_all("Provides-Extra") or [])
    assert needed_for(ModuleNotFoundError(name=f"{extra.module}.inner")) is not None


def test_screening_answers_the_same_with_and_without_polars(monkeypatch):
    policy = load(POLICY, "adults.yaml", fact_types())
    people = [("a", {"age": 60.0}), ("b", {"age": 17.0}), ("c", {}), ("d", {"age": None})]
    with_polars = _many(policy, people)
    monkeypatch.setitem(sys.modules, "polars", None)
    assert with_polars == [("a", "eligible"), ("b", "ineligible"), ("c", "undetermined"), ("d", "undetermined")]
    assert _many(policy, people) == with_polars
