"""What if a policy had other thresholds: who of this node's own patients would get another answer, and which worked cases would fail.

Main job: `tried(node, old, text, actor)`. Nothing is stored but who looked: no decision is kept, no document changes.

Facts are those known now, read from record and case as for any decision; days of effect are not looked at. A payer's population are the cases it
was asked about. **Source**: issue of the rules; people without a relation to a patient see no small numbers (`SMALLEST`, a convention).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, select

from baybridge.consent.reading import Ground
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Role
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.money import payer
from baybridge.node.people import access, reads
from baybridge.policy.document.reader import load
from baybridge.policy.document.shapes import Policy, WorkedCase
from baybridge.policy.one_case.decide import Decision
from baybridge.rulebook.checking import failing
from baybridge.rulebook.effect import Changes, compare_rows

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: Cases whose facts are read for one look, those that changed last; more belong to `baybridge policy compare`.
MOST_CASES = 500
#: Smallest number that is told to somebody who may not read the cases themselves. Source: convention of this project.
SMALLEST = 5
#: How facts reach a policy without any record: with the request, or from the part that asks.
_NOT_OF_RECORD = frozenset({"given", "derived"})


@dataclass(frozen=True, slots=True)
class Tried:
    """A changed policy and what it would do; `changes` is None where the record holds none of its facts."""

    policy: Policy
    failing: tuple[tuple[WorkedCase, Decision | None], ...]
    changes: Changes | None
    unchanged: Mapping[str, int] = field(default_factory=dict)  # by outcome
    population: int = 0  # cases that could have been looked at

    @property
    def limited(self) -> bool:
        """Whether only some of the population were looked at."""
        return self.changes is not None and self.changes.rows < self.population


def tried(node: Node, old: Policy, text: str, actor: Actor, most: int = MOST_CASES) -> Tried:
    """The effect of a changed document on this node's population, at most so many cases, and on the document's own worked cases; raises `PolicyProblems`."""
    new = load(text, old.origin, node.policies.fact_types)
    broken = tuple(failing(new, node.dictionary))
    if not of_record(node, old) and not of_record(node, new):
        return Tried(new, broken, None)
    with node.storage.reading() as connection:
        now = node.now()
        rows = [(case.case_id, node.fact_set(connection, case, now).values) for case in islice(_cases(node, connection, actor), most)]
    _note(node, actor, old, [case_id for case_id, _ in rows])
    changes, unchanged = compare_rows(old, new, rows)
    return Tried(new, broken, changes, unchanged, population(node, actor))


def of_record(node: Node, policy: Policy) -> bool:
    """Whether any fact of a policy is read from records."""
    return any(node.dictionary[name].how not in _NOT_OF_RECORD for name in policy.fact_names if name in node.dictionary)


def sees_cases(node: Node, actor: Actor) -> bool:
    """Whether an actor may read this node's cases one by one, and hence be told which."""
    return access.ACTIONS["case.facts"].get(actor.role) is access.Relation.CARE and actor.organisation == node.site.organisation


def population(node: Node, actor: Actor) -> int:
    """How many cases are this actor's population: those with a patient, for a payer those in which it has a part."""
    row = tables.case_index.c
    with node.storage.reading() as connection:
        if actor.role is Role.PAYER:
            own = {one.case_id for one in payer.parts_of(node, connection, actor.organisation)}
            return sum(case_id in own for case_id in connection.execute(select(row.case_id).where(row.patient_id != "")).scalars())
        return connection.execute(select(func.count()).select_from(tables.case_index).where(row.patient_id != "")).scalar_one()


def _cases(node: Node, connection: Connection, actor: Actor) -> Iterator[Case]:
    """The cases that are this actor's population, those that changed last first."""
    row = tables.case_index.c
    closed = select(tables.restriction.c.patient_id).where(tables.restriction.c.lifted_at.is_(None))  # kept, and no longer used for this
    wanted = select(row.case_id).where(row.patient_id != "", row.patient_id.not_in(closed)).order_by(row.updated_at.desc())
    own = {one.case_id for one in payer.parts_of(node, connection, actor.organisation)} if actor.role is Role.PAYER else None
    for case_id in connection.execute(wanted).scalars():
        if own is not None and case_id not in own:
            continue
        yield fold(decode_stored(stored) for stored in streams.read(connection, case_id))


def _note(node: Node, actor: Actor, policy: Policy, case_ids: list[str]) -> None:
    """Each patient whose facts were read stands in the log."""
    what = f"what-if {policy.id}"
    with node.unit() as unit:
        owners = reads.owners_of(unit.connection, case_ids)
        for case_id in case_ids:
            reads.note(unit, actor, owners.get(case_id, ""), case_id, what, "quality", Ground.PAYER if actor.role is Role.PAYER else Ground.RELATION)
