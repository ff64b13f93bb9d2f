"""Screening: which patients of this node fit which reviewed trials, kept up to date by what changed alone.

Main job: `screen_case(node, unit, case)` after a patient's facts changed, `screen_trial(node, unit, trial_id)` after a trial changed, `catch_up(node)` for the
worker. A changed record screens only the trials that read one of its changed facts; a changed trial screens everybody's kept facts for that trial alone.

What is kept is the outcome; the reasons are made when a person opens a row. **Units**: times are of the node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from baybridge.base.extras import POPULATION
from baybridge.journey.case import Case
from baybridge.matching.screening import outcomes
from baybridge.matching.trials import touched
from baybridge.node import tables
from baybridge.node.options import kept_trials
from baybridge.policy.document.shapes import Policy
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import decide

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: Facts age even where nothing is recorded: results grow stale, people have birthdays.
_EVERY = timedelta(days=1)
#: Cases in one round of the worker, so that deliveries are not kept waiting.
_ROUND = 50
#: From so many policies on, it pays to make their common form.
_MANY = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """One kept answer."""

    case_id: str
    trial_id: str
    outcome: str
    screened_at: datetime


def catch_up(node: Node) -> int:
    """Screen cases where something happened since their facts were last read, or that were not looked at for a day; how many."""
    with node.storage.reading() as connection:
        if connection.execute(select(tables.trial_review.c.trial_id).limit(1)).first() is None:
            return 0
        waiting = _waiting(connection, node.now() - _EVERY)
    for case_id in waiting:
        with node.unit() as unit:
            screen_case(node, unit, unit.case(case_id))
    return len(waiting)


def _waiting(connection: Connection, before: datetime) -> Sequence[str]:
    """A round of the cases to be screened; `read_at` and `updated_at` are the moments of units of this node, whose text has the order of time."""
    case, seen = tables.case_index, tables.screening_facts
    old = seen.c.read_at.is_(None) | (seen.c.read_at < case.c.updated_at) | (seen.c.read_at < before.isoformat())
    joined = select(case.c.case_id).outerjoin(seen, seen.c.case_id == case.c.case_id)
    return connection.execute(joined.where(case.c.patient_id != "", old).limit(_ROUND)).scalars().all()


def screen_case(node: Node, unit: Unit, case: Case) -> tuple[str, ...]:
    """Screen a case for the trials that its changed facts touch, and those it was never screened for; which."""
    trials = kept_trials.all_kept(node, unit.connection)
    counting = {one.trial.trial_id: one.policy for one in trials if one.counts and one.trial.recruits and one.policy is not None}
    facts = dict(node.fact_set(unit.connection, case, unit.at).values) if case.alive else {}
    before = _seen(unit.connection, case.case_id)
    _remember(unit, case.case_id, facts)
    if not case.alive:
        unit.connection.execute(delete(tables.screening).where(tables.screening.c.case_id == case.case_id))
        return ()
    changed = {name for name in {*facts, *before} if facts.get(name) != before.get(name)}
    reads = {trial_id: policy.fact_names for trial_id, policy in counting.items()}
    done = set(unit.connection.execute(select(tables.screening.c.trial_id).where(tables.screening.c.case_id == case.case_id)).scalars())
    again = sorted({*touched(changed, reads), *(counting.keys() - done)})
    found = _outcomes(node, tuple(counting[trial_id] for trial_id in again), facts)
    for trial_id in again:
        policy = counting[trial_id]
        _keep(unit, case.case_id, trial_id, found[policy.id], policy)
    return tuple(again)


def _outcomes(node: Node, policies: tuple[Policy, ...], facts: Mapping[str, Value]) -> Mapping[str, str]:
    """The outcome by policy: a few one after the other, many together in a form that is made once."""
    if len(policies) < _MANY:
        return {policy.id: decide(policy, facts).outcome for policy in policies}
    return outcomes(node.together(policies), facts)


def screen_trial(node: Node, unit: Unit, trial_id: str) -> int:
    """Screen everybody whose facts are kept for one trial; a trial whose criteria do not count is screened for nobody. How many."""
    row = tables.screening
    unit.connection.execute(delete(row).where(row.c.trial_id == trial_id))
    found = kept_trials.kept(node, unit.connection, trial_id)
    if found is None or not found.counts or found.policy is None or not found.trial.recruits:
        return 0
    policy = found.policy
    seen = unit.connection.execute(select(tables.screening_facts.c.case_id, tables.screening_facts.c.facts)).all()
    if not seen:
        return 0
    answers = _many(policy, [(item.case_id, _loads(item.facts)) for item in seen])
    at = unit.at.isoformat()
    rows = [{"case_id": case_id, "trial_id": trial_id, "outcome": outcome, "policy_sha256": policy.sha256, "screened_at": at} for case_id, outcome in answers]
    unit.connection.execute(insert(row), rows)
    return len(rows)


def _many(policy: Policy, people: list[tuple[str, Mapping[str, Value]]]) -> list[tuple[str, str]]:
    """The outcome of one policy for many people: as a table where Polars is installed, else one after the other."""
    if not POPULATION.installed:
        return [(case_id, decide(policy, facts).outcome) for case_id, facts in people]
    import polars as pl

    from baybridge.policy.engines.population import decided

    columns: dict[str, list[Any]] = {name: [facts.get(name) for _, facts in people] for name in policy.fact_names}
    frame = pl.DataFrame({"case_id": [case_id for case_id, _ in people], **columns}, strict=False).lazy()
    answered = decided(frame, policy).select("case_id", "outcome").collect()
    return [(str(case_id), str(outcome)) for case_id, outcome in answered.rows()]


def counts(connection: Connection) -> dict[str, dict[str, int]]:
    """By trial: how many cases have which outcome."""
    row = tables.screening.c
    found: dict[str, dict[str, int]] = {}
    for trial_id, outcome, number in connection.execute(select(row.trial_id, row.outcome, func.count()).group_by(row.trial_id, row.outcome)):
        found.setdefault(trial_id, {})[outcome] = number
    return found


def of_trial(connection: Connection, trial_id: str) -> tuple[Kept, ...]:
    """The kept answers for one trial."""
    row = tables.screening
    return tuple(_answer(item) for item in connection.execute(select(row).where(row.c.trial_id == trial_id)).mappings())


def _answer(item: RowMapping) -> Kept:
    return Kept(item["case_id"], item["trial_id"], item["outcome"], datetime.fromisoformat(item["screened_at"]))


def _keep(unit: Unit, case_id: str, trial_id: str, outcome: str, policy: Policy) -> None:
    row = tables.screening
    unit.connection.execute(delete(row).where(row.c.case_id == case_id, row.c.trial_id == trial_id))
    values = {"case_id": case_id, "trial_id": trial_id, "outcome": outcome, "policy_sha256": policy.sha256, "screened_at": unit.at.isoformat()}
    unit.connection.execute(insert(row).values(values))


def _remember(unit: Unit, case_id: str, facts: Mapping[str, Value]) -> None:
    row = tables.screening_facts
    unit.connection.execute(delete(row).where(row.c.case_id == case_id))
    values = {"case_id": case_id, "facts": _dumps(facts), "read_at": unit.at.isoformat()}
    unit.connection.execute(insert(row).values(values))


def _seen(connection: Connection, case_id: str) -> dict[str, Value]:
    found = connection.execute(select(tables.screening_facts.c.facts).where(tables.screening_facts.c.case_id == case_id)).scalar()
    return _loads(found) if found is not None else {}


#: JSON has no days; they are written as an object of one key.
_DAY, _INSTANT = "day", "instant"


def _dumps(facts: Mapping[str, Value]) -> bytes:
    return orjson.dumps({name: _written(value) for name, value in facts.items()}, option=orjson.OPT_SORT_KEYS)


def _written(value: Value) -> bool | int | float | str | dict[str, str] | None:
    if isinstance(value, datetime):
        return {_INSTANT: value.isoformat()}
    return {_DAY: value.isoformat()} if isinstance(value, date) else value


def _loads(body: bytes) -> dict[str, Value]:
    return {name: _value(value) for name, value in orjson.loads(body).items()}


def _value(value: bool | float | str | dict[str, str] | None) -> Value:  # noqa: FBT001 - a fact may be yes or no
    if isinstance(value, dict):
        return datetime.fromisoformat(value[_INSTANT]) if _INSTANT in value else date.fromisoformat(value[_DAY])
    return value
