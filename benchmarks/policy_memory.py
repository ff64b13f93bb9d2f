"""A table four times larger than the memory of the run: decided and compared by the commands, beside reading it whole.

The limit is the kernel's, on what a process allocates (RLIMIT_DATA); pages of a mapped file are not counted. Goal: it finishes.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import polars as pl

from baybridge.documents.loader import Documents
from baybridge.rulebook.library import fact_types
from benchmarks.policy_material import NUMBERS
from benchmarks.policy_population import table

LIMIT = 1 << 30
PIECE = 100_000  # rows


def limited(arguments: list[str]) -> tuple[int, str, float]:
    """Exit code, output and seconds of a Python process under the limit."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))

    start = perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, preexec_fn=limit)
    return done.returncode, done.stdout, perf_counter() - start


def main() -> None:
    """Print sizes and times; stop where a command fails or gives other counts than the pieces have."""
    names = [name for name, fact in sorted(fact_types(Documents()).items()) if fact.type == "number"][: len(NUMBERS)]
    piece = table(PIECE).rename({fact.name: name for fact, name in zip(NUMBERS, names, strict=True)}).with_row_index("patient_id")
    times = 4 * LIMIT // piece.estimated_size() + 1
    rules = "".join(f'  - {{id: c{n}, when: "{names[n % len(names)]} >= {n / 2}"}}\n' for n in range(40))
    with tempfile.TemporaryDirectory() as folder:
        facts, old, new = (str(Path(folder) / name) for name in ("facts.parquet", "old.yaml", "new.yaml"))
        text = f'id: bench\nversion: "1"\nsource: benchmark\nshape: criteria\ncriteria:\n{rules}'
        Path(old).write_text(text, "utf-8")
        Path(new).write_text(text.replace(">= 0.0", ">= 60.0"), "utf-8")
        pl.concat([piece.lazy()] * times).sink_parquet(facts, row_group_size=PIECE)
        rows, size = times * PIECE, times * piece.estimated_size()
        print(f"{rows:,} rows, {size / LIMIT:.1f} times the limit of {LIMIT >> 20} MiB; file {Path(facts).stat().st_size / LIMIT:.1f} times")
        whole = f"import polars; polars.read_parquet({facts!r}, memory_map=False)"
        print(f"{'read whole':28} {'fails, as it should' if limited(['-c', whole])[0] else 'fits: the limit shows nothing'}")
        out = ["--facts", facts, "--out", str(Path(folder) / "out.parquet"), "--json"]
        for name, arguments in (("policy run", ["run", old]), ("policy compare", ["compare", old, new])):
            code, output, seconds = limited(["-m", "baybridge", "policy", *arguments, *out])
            if code or json.loads(output)["rows"] != rows:
                raise SystemExit(f"{name}: expected {rows} rows, exit code {code}")
            print(f"{name:28} {seconds:6.1f} s   {rows / seconds / 1e6:5.2f} million rows a second")


if __name__ == "__main__":
    main()
