"""Trials of this node: imported from a registry's file, reviewed by a person, kept with every version.

Main job: `import_trials(node, actor, name, content)` files the studies of a file; `review_trial(…)` keeps a person's structured criteria. Both
stand in the log with who and when; a study that is published otherwise than it was reviewed makes its review stale, without taking it away.

Elsewhere: how they are read in `kept_trials.py`; what a trial means in `matching/trials.py`; which patients fit in `screening.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, delete, func, insert, select

from baybridge.base.json_value import JsonDict
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.matching import reviewing
from baybridge.matching.registry import Unread, read_file
from baybridge.matching.reviewing import Line, LineProblem
from baybridge.matching.trials import Review
from baybridge.node import tables
from baybridge.node.options import kept_trials, screening
from baybridge.node.people import access
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook.library import fact_types

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a registry's file."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    stale: tuple[str, ...]  # trials whose review no longer counts, since their text changed
    problems: tuple[Unread, ...]
    more: bool  # the registry holds further pages

    def as_json(self) -> JsonDict:
        """The answer as plain JSON."""
        lists: JsonDict = {name: list(getattr(self, name)) for name in ("new", "changed", "same", "stale")}
        return {**lists, "problems": [problem.as_json() for problem in self.problems], "more": self.more}


# --- importing ------------------------------------------------------------------------------------------------------


def import_trials(node: Node, actor: Actor, name: str, content: bytes) -> Imported | Refusal:
    """File every study that can be read; all of them stand, or, where none can be read, every reason why not."""
    refusal = access.may("trial.import", actor, node.site)
    if refusal is not None:
        return refusal
    read = read_file(content)
    if not read.trials:
        return refuse(*(Reason("matching.registry.unreadable", {"problem": str(problem)}) for problem in read.problems[:50]), category=Category.INVALID)
    new: list[str] = []
    changed: list[str] = []
    same: list[str] = []
    stale: list[str] = []
    with node.unit() as unit:
        for trial, study in read.trials:
            before = kept_trials.kept(node, unit.connection, trial.trial_id)
            body = orjson.dumps(study, option=orjson.OPT_SORT_KEYS)
            if before is not None and before.trial == trial:
                same.append(trial.trial_id)
                continue
            (new if before is None else changed).append(trial.trial_id)
            if before is not None and before.counts and trial.criteria_sha256 != before.trial.criteria_sha256:
                stale.append(trial.trial_id)
            _file(unit, actor, name, trial.trial_id, body)
            screening.screen_trial(node, unit, trial.trial_id)
    return Imported(tuple(new), tuple(changed), tuple(same), tuple(stale), read.problems, read.more)


def _file(unit: Unit, actor: Actor, name: str, trial_id: str, body: bytes) -> None:
    row = tables.trial
    unit.connection.execute(delete(row).where(row.c.trial_id == trial_id))
    digest = sha256(body).hexdigest()
    values = {"trial_id": trial_id, "study": body, "study_sha256": digest, "imported_at": unit.at.isoformat(), "imported_by": actor.account}
    unit.connection.execute(insert(row).values(**values, file_name=name[:200]))
    unit.log("trial", "", f"{trial_id}/{digest[:16]}", body, actor, "research")


# --- reviewing ------------------------------------------------------------------------------------------------------


def review_trial(node: Node, actor: Actor, trial_id: str, criteria_sha256: str, lines: Sequence[Line]) -> Review | Refusal:
    """Keep a person's reading of a trial's criteria as its next version; a refusal names every line that cannot be used.

    `criteria_sha256` is of the text that the person saw: where another was published meanwhile the review is refused.
    """
    refusal = access.may("trial.review", actor, node.site)
    if refusal is not None:
        return refusal
    with node.unit() as unit:
        found = kept_trials.kept(node, unit.connection, trial_id)
        if found is None:
            return refuse(Reason("matching.trial.unknown", {"trial": trial_id[:20]}), category=Category.NOT_FOUND)
        if found.trial.criteria_sha256 != criteria_sha256:
            return refuse(Reason("matching.review.changed_meanwhile", {"trial": trial_id}), category=Category.CONFLICT)
        version = _last_version(unit.connection, trial_id) + 1
        policy = reviewing.read_policy(found.trial, lines, version, fact_types(node.documents))
        if not isinstance(policy, Policy):
            return refuse(*map(reason_of, policy), category=Category.INVALID)
        body = orjson.dumps([{"text": line.text, "excludes": line.excludes, "reading": line.reading, "when": line.when} for line in lines])
        row = {"trial_id": trial_id, "version": version, "policy": policy.text, "lines": body, "criteria_sha256": criteria_sha256}
        by = {"reviewed_by": actor.account, "role": actor.role.value, "reviewed_at": unit.at.isoformat()}
        unit.connection.execute(insert(tables.trial_review).values(**row, **by))
        unit.log("trial-review", "", f"{trial_id}/review/{version}", policy.text.encode(), actor, "research")
        screening.screen_trial(node, unit, trial_id)
        return Review(trial_id, version, policy.id, criteria_sha256, reviewing.unread(lines), actor.account, actor.role.value, unit.at)


def reason_of(problem: LineProblem) -> Reason:
    """A line's problem as a reason of a refusal."""
    where = f"line {problem.place}" if problem.place else ""
    if problem.code.startswith("matching."):
        return Reason(problem.code, {"most": problem.expected, "found": problem.found}, where=where)
    said = {"expected": problem.expected, "found": problem.found, "hint": f" ({problem.hint})" if problem.hint else ""}
    return Reason("matching.review.not_a_rule", said, where=where)


def _last_version(connection: Connection, trial_id: str) -> int:
    row = tables.trial_review
    return int(connection.execute(select(func.max(row.c.version)).where(row.c.trial_id == trial_id)).scalar() or 0)
