"""Trials as this node keeps them: each with its last review and the policy of it.

Main job: `all_kept(…)` and `kept(…)`; `history(…)` has every review. Elsewhere: filing and reviewing in `trials.py`, who fits in `screening.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, RowMapping, select

from baybridge.matching import reviewing
from baybridge.matching.registry import read_study
from baybridge.matching.reviewing import Line
from baybridge.matching.trials import Review, Trial, standing
from baybridge.node import tables
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook.library import fact_types

if TYPE_CHECKING:
    from baybridge.node.node import Node


@dataclass(frozen=True, slots=True)
class Kept:
    """A trial with its last review, the policy of it, and when it came in."""

    trial: Trial
    review: Review | None
    lines: tuple[Line, ...]
    policy: Policy | None
    imported_at: datetime
    imported_by: str
    file_name: str

    @property
    def counts(self) -> bool:
        """Whether its structured criteria count."""
        return self.policy is not None and standing(self.trial, self.review) == "reviewed"


def all_kept(node: Node, connection: Connection) -> tuple[Kept, ...]:
    """Every trial of the node with its last review, by number."""
    reviews = {row["trial_id"]: row for row in connection.execute(select(tables.trial_review).order_by(tables.trial_review.c.version)).mappings()}
    rows = connection.execute(select(tables.trial).order_by(tables.trial.c.trial_id)).mappings()
    return tuple(_kept(node, row, reviews.get(row["trial_id"])) for row in rows)


def kept(node: Node, connection: Connection, trial_id: str) -> Kept | None:
    """One trial with its last review; None where the node does not have it."""
    row = connection.execute(select(tables.trial).where(tables.trial.c.trial_id == trial_id)).mappings().first()
    reviews = history(connection, trial_id)
    return _kept(node, row, reviews[0] if reviews else None) if row is not None else None


def history(connection: Connection, trial_id: str) -> Sequence[RowMapping]:
    """Every review of a trial as it was kept, the newest first."""
    row = tables.trial_review
    return connection.execute(select(row).where(row.c.trial_id == trial_id).order_by(row.c.version.desc())).mappings().all()


def _kept(node: Node, row: RowMapping, reviewed: RowMapping | None) -> Kept:
    trial = _read(row["study"])
    came = (datetime.fromisoformat(row["imported_at"]), row["imported_by"], row["file_name"])
    if reviewed is None:
        return Kept(trial, None, reviewing.lines_of(trial), None, *came)
    lines = tuple(Line(**item) for item in orjson.loads(reviewed["lines"]))
    told = (reviewed["reviewed_by"], reviewed["role"], datetime.fromisoformat(reviewed["reviewed_at"]))
    name = reviewing.policy_id(row["trial_id"])
    review = Review(row["trial_id"], reviewed["version"], name, reviewed["criteria_sha256"], reviewing.unread(lines), *told)
    return Kept(trial, review, lines, policy_of(node, reviewed["policy"]), *came)


@lru_cache(maxsize=8192)
def _read(study: bytes) -> Trial:
    return read_study(orjson.loads(study))


def policy_of(node: Node, text: str) -> Policy:
    """The policy of a kept review, read once."""
    known = node.reviewed_policies
    if text not in known:
        known[text] = load(text, "review", fact_types(node.documents))
    return known[text]
