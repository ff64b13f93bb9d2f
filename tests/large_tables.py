"""Tables larger than the memory that a command may have, and commands with that little memory.

A process that holds more than its limit is killed. What counts is what it has written to memory; pages of a mapped file do not, as the
system can take them back at any time.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

MIB = 1 << 20
PIECE = 100_000  # rows
_HELD = re.compile(r"RssAnon:\s+(\d+) kB")


def write_table(file: Path, columns: dict[str, Any], at_least: int) -> int:
    """A table of pieces that repeat the columns, of at least that many bytes once in memory; answers how many rows it has."""
    piece = pl.DataFrame({name: values[:PIECE] for name, values in columns.items()})
    times = at_least // piece.estimated_size() + 1
    pl.concat([piece.lazy()] * times).sink_parquet(file, row_group_size=PIECE)
    return int(times * piece.height)


def limited(arguments: list[str], limit: int) -> tuple[int, str, str, int]:
    """A Python process that is killed once it holds more bytes than that: exit code, output, errors, the most that it held."""
    most = 0
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([sys.executable, *arguments], stdout=output, stderr=errors)
        while process.poll() is None:
            most = max(most, _held(process.pid))
            if most > limit:
                process.kill()
            time.sleep(0.005)
        output.seek(0)
        errors.seek(0)
        return process.returncode, output.read(), errors.read(), most


def _held(pid: int) -> int:
    try:
        found = _HELD.search(Path(f"/proc/{pid}/status").read_text("ascii"))
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
