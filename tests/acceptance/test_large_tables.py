"""Tables four times larger than the memory of the run: decided, compared, and written complete or not at all."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

from baybridge.documents.loader import Documents
from baybridge.rulebook.library import fact_types
from large_tables import MIB, PIECE, limited, write_table

LIMIT = 640 * MIB
NUMBERS = sorted(name for name, fact in fact_types(Documents()).items() if fact.type == "number" and name != "age")[:19]
POLICY = """
id: adults
version: "1"
source: a label
shape: criteria
outcomes: {holds: eligible, fails: ineligible}
criteria:
  - {id: adult, when: age >= 18}
""" + "".join(f"  - {{id: c{n}, when: {name} >= {n} OR {name} < 0}}\n" for n, name in enumerate(NUMBERS))
BAYBRIDGE = ["-m", "baybridge", "policy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("large")
    (made / "old.yaml").write_text(POLICY)
    (made / "new.yaml").write_text(POLICY.replace("18", "61"))
    columns = {"patient_id": np.arange(PIECE), "age": np.arange(PIECE) % 91}
    more = {name: np.full(PIECE, 80.0) for name in NUMBERS}
    (made / "rows").write_text(str(write_table(made / "facts.parquet", columns | more, 4 * LIMIT)))
    return made


def test_the_table_does_not_fit_into_the_memory_of_the_run(folder):
    code = f"import polars; print(polars.read_parquet({str(folder / 'facts.parquet')!r}, memory_map=False).height)"
    code, _, _, held = limited(["-c", code], LIMIT)
    assert code != 0
    assert held > LIMIT


def test_it_is_decided_and_written(folder):
    out = folder / "out.parquet"
    code, output, errors, _ = limited([*BAYBRIDGE, "run", str(folder / "old.yaml"), "--facts", str(folder / "facts.parquet"), "--out", str(out), "--json"], LIMIT)
    assert code == 0, errors[-2000:]
    rows = int((folder / "rows").read_text())
    young = int((np.arange(PIECE) % 91 < 18).sum()) * (rows // PIECE)
    assert json.loads(output)["outcomes"] == {"eligible": rows - young, "ineligible": young}
    written = pl.scan_parquet(out)
    assert written.select(pl.len()).collect().item() == rows
    assert written.filter(pl.col("outcome") == "ineligible").select(pl.len()).collect().item() == young
    out.unlink()


def test_versions_are_compared_and_every_change_is_written(folder):
    out = folder / "changes.parquet"
    arguments = [*BAYBRIDGE, "compare", str(folder / "old.yaml"), str(folder / "new.yaml"), "--facts", str(folder / "facts.parquet")]
    code, output, errors, _ = limited([*arguments, "--out", str(out), "--json"], LIMIT)
    assert code == 0, errors[-2000:]
    report = json.loads(output)
    rows, ages = int((folder / "rows").read_text()), np.arange(PIECE) % 91
    moved = int(((ages >= 18) & (ages < 61)).sum()) * (rows // PIECE)
    assert (report["rows"], report["changed"], len(report["subjects"])) == (rows, moved, 1000)
    assert report["changes"] == [{"old": "eligible", "new": "ineligible", "because": ["adult"], "rows": moved}]
    written = pl.scan_parquet(out)
    assert written.select(pl.len()).collect().item() == moved
    assert written.head(1).collect().to_dicts() == [{"subject": 18, "old": "eligible", "new": "ineligible", "because": ["adult"]}]
    out.unlink()


def test_a_run_that_is_stopped_leaves_no_answer(folder):
    out = folder / "stopped.parquet"
    arguments = [sys.executable, *BAYBRIDGE, "run", str(folder / "old.yaml"), "--facts", str(folder / "facts.parquet"), "--out", str(out)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while process.poll() is None and not [*folder.glob("stopped.parquet.partial*/*")]:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert [file.name for file in folder.glob("stopped*")] == []


def test_a_table_that_breaks_off_leaves_no_answer(folder):
    whole = (folder / "facts.parquet").read_bytes()
    broken = folder / "broken.parquet"
    broken.write_bytes(whole[: len(whole) // 3] + bytes(len(whole) // 3) + whole[2 * len(whole) // 3 :])
    for command in (["run", str(folder / "old.yaml")], ["compare", str(folder / "old.yaml"), str(folder / "new.yaml")]):
        code, _output, errors, _ = limited([*BAYBRIDGE, *command, "--facts", str(broken), "--out", str(folder / "none.parquet")], LIMIT)
        assert code == 1, errors[-2000:]
        assert errors.startswith("broken.parquet: expected a table that can be read to its end, found ")
        assert [file.name for file in folder.glob("none*")] == []
