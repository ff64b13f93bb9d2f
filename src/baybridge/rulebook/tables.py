"""A policy over a table in a Parquet file, in bounded memory.

Main job: `run(policy, facts, out, told)` decides every row and answers the counts; `compare(old, new, facts, told)` answers who changes
outcome and because of which criterion. The table is read in pieces and may be larger than memory.

Elsewhere: `policy/engines/population.py` makes the columns; `rulebook/tables_spark.py` does the same on a cluster.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from threading import Lock
from typing import Any

import polars as pl

from baybridge.policy.document.shapes import NOT_IN_FORCE, Policy
from baybridge.policy.engines.population import REFUSED, decided, decided_by
from baybridge.rulebook.effect import Changes
from baybridge.rulebook.reasons import causes

#: Rows of a piece, and groups of rows read ahead: with more, Polars holds half a gigabyte more and is no faster. A person may set others.
_SMALL_PIECES = {"POLARS_IDEAL_MORSEL_SIZE": "20000", "POLARS_ROW_GROUP_PREFETCH_SIZE": "2"}
#: Rows whose columns are written together: with half of it, what the writer keeps of each group adds up to a gigabyte after 28 million rows of 42 columns.
_WRITTEN_TOGETHER = 200_000
SAMPLE = 1_000  # changed subjects that are held; all of them can be written
SUBJECTS = ("subject", "patient", "patient_id", "subject_id", "id", "case")
Told = Callable[[int, int], None]  # rows done, rows in all
_OLD, _NEW, _ROW = "old.outcome", "new.outcome", "baybridge.row"


class TableUnreadableError(ValueError):
    """A table that cannot be read or written: which, what was expected and found."""


def run(policy: Policy, facts: Path, out: Path | None, told: Told, on: date | None = None) -> dict[str, int]:
    """Rows by outcome, most first; with `out` the decided table is written there, complete or not at all.

    Raises `TableUnreadableError`, or `TableProblem` where a column has another type than its fact.
    """
    frame, total = _table(facts)
    counts, counting = Counter[str](), Lock()
    answers = decided(frame, policy)
    if not is_in_force(policy, on):
        answers = answers.with_columns(pl.lit(NOT_IN_FORCE).alias("outcome"))

    def count(piece: pl.DataFrame) -> pl.DataFrame:
        with counting:  # pieces that are written are looked at by several threads
            for outcome, number in piece["outcome"].value_counts().iter_rows():
                counts[outcome] += number
            told(sum(counts.values()), total)
        return piece

    _pass(answers if out is not None else answers.select("outcome"), count, None, facts, out)
    return most_first(counts)


def most_first(counts: Mapping[str, int]) -> dict[str, int]:
    """The counts of outcomes, most first and then by name, so that the same table gives the same bytes."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def absent(policy: Policy, facts: Path) -> dict[str, str]:
    """Facts of a policy for which a table has no column, each with the column whose name is nearest, if one is near."""
    columns = _table(facts)[0].collect_schema().names()
    others = [name for name in columns if name not in policy.fact_types]
    return {name: next(iter(get_close_matches(name, others, n=1)), "") for name in policy.fact_names if name not in columns}


def compare(old: Policy, new: Policy, facts: Path, told: Told, out: Path | None = None) -> Changes:
    """How many rows change outcome, with the criteria behind each change; with `out` every changed row is written there as Parquet.

    Raises `TableUnreadableError`, or `TableProblem` where a column has another type than its fact.
    """
    frame, total = _table(facts)
    named = next((name for name in SUBJECTS if name in frame.collect_schema().names()), None)
    if named is None:
        named, frame = _ROW, frame.with_row_index(_ROW)
    both = decided_by(frame, {"old": old, "new": new}, {named: "subject"})
    changes = Changes()
    held, counting = _Causes(old, new), Lock()

    def look(piece: pl.DataFrame) -> pl.DataFrame:
        moved = held.named(piece.filter(pl.col(_OLD) != pl.col(_NEW)))
        with counting:
            for *pattern, because, number in moved.group_by("old", "new", "because").len().iter_rows():
                changes.because[pattern[0], pattern[1], tuple(because)] += number
            changes.rows, changes.changed = changes.rows + piece.height, changes.changed + moved.height
            if out is None:  # pieces come one after the other
                changes.subjects += moved.head(max(SAMPLE - len(changes.subjects), 0)).to_dicts()
            told(changes.rows, total)
        return moved

    schema: dict[str, Any] = {"subject": both.collect_schema()["subject"], "old": pl.String, "new": pl.String, "because": pl.List(pl.String)}
    _pass(both, look, pl.Schema(schema), facts, out)
    if out is not None:  # the first rows as they were written, whichever thread was first
        changes.subjects = pl.scan_parquet(out).head(SAMPLE).collect().to_dicts()
    return changes


class _Causes:
    """The criteria behind each change; rows with the same truths have the same, so it is found once for each pattern of truths."""

    def __init__(self, old: Policy, new: Policy) -> None:
        self._old, self._new = old, new
        self._rules = {f"{key}.holds.{rule.id}": (key, rule.id) for key, policy in (("old", old), ("new", new)) for rule in policy.body.rules}

    def named(self, moved: pl.DataFrame) -> pl.DataFrame:
        """Subject, old and new outcome, and the criteria, of rows that change."""
        keys = [_OLD, _NEW, *self._rules]
        patterns = moved.select(keys).unique(maintain_order=True)
        because = pl.Series("because", [self._found(row) for row in patterns.iter_rows(named=True)], dtype=pl.List(pl.String))
        found = moved.join(patterns.with_columns(because), on=keys, how="left", nulls_equal=True, maintain_order="left")
        return found.select("subject", pl.col(_OLD).alias("old"), pl.col(_NEW).alias("new"), "because")

    def _found(self, row: Mapping[str, object]) -> list[str]:
        if REFUSED in (row[_OLD], row[_NEW]):
            return []
        truths: dict[str, dict[str, bool | None]] = {"old": {}, "new": {}}
        for column, (key, rule_id) in self._rules.items():
            truth = row[column]
            truths[key][rule_id] = truth if isinstance(truth, bool) else None
        return list(causes(self._old, self._new, truths["old"], truths["new"]))


def _pass(
    answers: pl.LazyFrame, look: Callable[[pl.DataFrame], pl.DataFrame], schema: pl.Schema | None, facts: Path, out: Path | None
) -> None:
    """Every piece of the answers, looked at once, and what the look answers written to `out`; no more than a few pieces are held."""
    try:
        if out is None:
            answers.sink_batches(lambda piece: look(piece) is None)
        else:
            _write(answers.map_batches(look, streamable=True, validate_output_schema=False, schema=schema), facts, out)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableUnreadableError(f"{facts.name}: expected a table that can be read to its end, found {_first_line(error)}") from None


def _table(facts: Path) -> tuple[pl.LazyFrame, int]:
    """The table, unread, and how many rows it has."""
    for name, value in _SMALL_PIECES.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - how Polars is told; nothing of ours is read
    if facts.is_dir() and next(facts.rglob("*.parquet"), None) is None:
        raise TableUnreadableError(f"{facts.name}: expected a folder with Parquet files, found none in it")
    try:
        frame = pl.scan_parquet(facts, glob=False)
        frame.collect_schema()
        return frame, int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableUnreadableError(f"{facts.name}: expected a Parquet table, found {_first_line(error)}") from None


def is_in_force(policy: Policy, on: date | None) -> bool:
    """Whether the policy's dates of effect hold that day; without a day they are not looked at."""
    before = on is not None and policy.in_force_from is not None and on < policy.in_force_from
    after = on is not None and policy.in_force_to is not None and on > policy.in_force_to
    return not (before or after)


def _write(answers: pl.LazyFrame, facts: Path, out: Path) -> None:
    if not out.parent.is_dir() or out.is_dir() or out.resolve() == facts.resolve():
        raise TableUnreadableError(f"{out}: expected a file in a folder that exists, and not the table itself; name another with --out")
    # A folder that Python removes at its end at the latest: an interruption reaches Polars first, and Python again while it tidies up.
    try:
        partly = tempfile.TemporaryDirectory(prefix=f"{out.name}.partial-", dir=out.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise TableUnreadableError(f"{out}: expected a folder that can be written to, found {error.strerror}; name another with --out") from None
    with partly as partial:
        written = Path(partial) / out.name
        answers.sink_parquet(written, row_group_size=_WRITTEN_TOGETHER)
        written.replace(out)


def _first_line(error: Exception) -> str:
    """What Polars says, without its advice on its own functions."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return said.partition(", consider passing")[0].partition(" (path expansion")[0][:200]
