"""A policy over a table in a Parquet file, in bounded memory.

Main job: `run(policy, facts, out, told)` decides every row and answers the counts; `compare(old, new, facts, told)` answers who changes
outcome and because of which criterion. The table is read in pieces and may be larger than memory.

Elsewhere: `policy/population.py` makes the columns; `node/population_spark.py` does the same on a cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from baybridge.policy.compare import causes
from baybridge.policy.population import REFUSED, decided
from baybridge.policy.shapes import NOT_IN_FORCE, Policy

PIECE = 100_000  # rows that are held at a time where pieces are compared
SUBJECTS = ("subject", "patient", "patient_id", "subject_id", "id", "case")
Told = Callable[[int, int], None]  # rows done, rows in all


class TableUnreadableError(ValueError):
    """A file that is no Parquet table: what was expected and found."""


@dataclass(slots=True)
class Changes:
    """Who changes outcome between two policies."""

    rows: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    because: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # old outcome, new outcome, criteria
    subjects: list[dict[str, Any]] = field(default_factory=list)


def run(policy: Policy, facts: Path, out: Path | None, told: Told, on: date | None = None) -> dict[str, int]:
    """Rows by outcome, most first; with `out` the decided table is written there, complete or not at all.

    Raises `TableUnreadableError`, or `TableProblem` where a column has another type than its fact.
    """
    frame, total = _table(facts)
    counts: Counter[str] = Counter()

    def count(piece: pl.DataFrame) -> pl.DataFrame:
        for outcome, number in piece["outcome"].value_counts().iter_rows():
            counts[outcome] += number
        told(sum(counts.values()), total)
        return piece

    answers = _in_force(decided(frame, policy), policy, on)
    try:
        if out is None:
            answers.select("outcome").sink_batches(lambda piece: count(piece) is None)
        else:
            _write(answers.map_batches(count, streamable=True, validate_output_schema=False), out)
    except pl.exceptions.PolarsError as error:
        raise TableUnreadableError(f"{facts.name}: expected a table that can be read to its end, found {_first_line(error)}") from None
    return dict(counts.most_common())


def compare(old: Policy, new: Policy, facts: Path, told: Told) -> Changes:
    """Rows whose outcome differs, with the criteria behind each difference.

    Raises `TableUnreadableError`, or `TableProblem` where a column has another type than its fact.
    """
    frame, total = _table(facts)
    changes = Changes()
    subject = next((name for name in SUBJECTS if name in frame.collect_schema().names()), None)
    for piece in frame.collect_batches(chunk_size=PIECE, maintain_order=True):
        _compare_piece(old, new, piece, subject, changes)
        changes.rows += piece.height
        told(changes.rows, total)
    return changes


def _compare_piece(old: Policy, new: Policy, piece: pl.DataFrame, subject: str | None, changes: Changes) -> None:
    before, after = decided(piece.lazy(), old).collect(), decided(piece.lazy(), new).collect()
    moved = (before["outcome"] != after["outcome"]).arg_true()
    for pair, number in Counter(zip(before["outcome"], after["outcome"], strict=True)).items():
        changes.counts[pair] += number
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for place, first, second in zip(moved, *(_rows(frame, moved) for frame in (before, after)), strict=True):
        truths = tuple({rule.id: row[f"holds.{rule.id}"] for rule in policy.body.rules} for policy, row in ((old, first), (new, second)))
        pattern = tuple(tuple(found.values()) for found in truths)
        if pattern not in known:
            refused = REFUSED in (first["outcome"], second["outcome"])
            known[pattern] = () if refused else causes(old, new, truths[0], truths[1])
        because = known[pattern]
        changes.because[first["outcome"], second["outcome"], ", ".join(because)] += 1
        named = piece[subject][place] if subject is not None else changes.rows + place
        changes.subjects.append({"subject": named, "old": first["outcome"], "new": second["outcome"], "because": list(because)})


def _rows(frame: pl.DataFrame, places: pl.Series) -> Iterator[dict[str, Any]]:
    return frame[places].iter_rows(named=True)


def _table(facts: Path) -> tuple[pl.LazyFrame, int]:
    """The table, unread, and how many rows it has."""
    try:
        frame = pl.scan_parquet(facts, glob=False)
        frame.collect_schema()
        return frame, int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableUnreadableError(f"{facts.name}: expected a Parquet table, found {_first_line(error)}") from None


def _in_force(answers: pl.LazyFrame, policy: Policy, on: date | None) -> pl.LazyFrame:
    """The answers; `not-in-force` in every row outside the dates of effect."""
    before = on is not None and policy.in_force_from is not None and on < policy.in_force_from
    after = on is not None and policy.in_force_to is not None and on > policy.in_force_to
    return answers.with_columns(pl.lit(NOT_IN_FORCE).alias("outcome")) if before or after else answers


def _write(answers: pl.LazyFrame, out: Path) -> None:
    partial = out.with_name(f"{out.name}.partial")
    try:
        answers.sink_parquet(partial)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
