"""How entries of a case were made, for the rule that puts them right.

Main job: `making(node, unit, deciding)`: which commands make which events, what one command recorded together, and what a command's rule would have said to another
input as of an earlier moment: over the case as it stood before the entry, the record as filed by then (for a grade and a dose as it stands now), and facts of then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from baybridge.base.outcome import Reason, Refusal
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Situation, Verdict
from baybridge.journey.corrections.correcting import Making
from baybridge.journey.events import DrugGiven, EntryCorrected, Event, GradeAssessed
from baybridge.journey.judged import Judged
from baybridge.journey.row import nothing_beside
from baybridge.journey.texts import judge
from baybridge.ledger import streams
from baybridge.node.case_record import CaseRecord
from baybridge.node.commands.deciding import Deciding, LazyFacts, decided_at
from baybridge.node.commands.given import read_given
from baybridge.node.commands.table import COMMANDS, EVENTS, GATES, CommandRow
from baybridge.node.watch.bedside import watch_of

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def making(node: Node, unit: Unit, deciding: Deciding, present: Case | None = None) -> Making:
    """What the rule of a correction asks; decisions that are made on the way are kept with those of `deciding`.

    `present`: the case as it stands now, where an entry that stands is judged again and not replaced: what else was found at its moment is read with it.
    """

    def again(row: CommandRow, case: Case, at: datetime, actor: Actor, given: Mapping[str, object]) -> Verdict:
        read = read_given(row, given)
        if isinstance(read, Refusal):
            return read
        then, situation = _then(node, unit, row, case, at, actor, present=present)
        verdict = judge(row, situation, read)
        for document in verdict.decisions if isinstance(verdict, Judged) else ():
            then.keep(document)
        deciding.made |= then.made
        return verdict

    def beside(row: CommandRow, case: Case, at: datetime, actor: Actor, given: Mapping[str, object], old: Event) -> tuple[Reason, ...]:
        read = read_given(row, given)
        if isinstance(read, Refusal) or row.beside is nothing_beside:
            return ()
        _, situation = _then(node, unit, row, case, at, actor, filed_by=unit.at)
        return tuple(row.beside(situation, read, old))

    rows, computed = made()
    return Making(rows, computed, lambda event_id: streams.together(unit.connection, event_id), again, beside)


def _then(
    node: Node, unit: Unit, row: CommandRow, case: Case, at: datetime, actor: Actor, *, filed_by: datetime | None = None, present: Case | None = None
) -> tuple[Deciding, Situation]:
    """The situation of an earlier moment. A grade and a dose follow the record: of what they read, what was filed late or corrected since counts too."""
    by = unit.at if any(event.event in _FOLLOWING for event in row.events) else filed_by or at
    filed = CaseRecord(unit.connection, case, by, node.record_memory)
    whole = replace(case, history=unit.case(case.case_id).history)  # what renders an entry, the replaced one too, is no dose or result beside it
    facts = LazyFacts(lambda: node.fact_set(unit.connection, case, at, filed))
    deciding = Deciding(node.policies, facts, case.case_id, at)
    situation = Situation(
        case=case,
        facts=facts,
        now=at,
        actor=actor,
        site=node.site,
        neighbours={name: neighbour.site for name, neighbour in node.neighbours.items()},
        decide=deciding.decide,
        documents=node.documents.typed,
        new_id=unit.new_id,
        gates=GATES,
        record=node.record_material(unit.connection, row.needs, whole, at, filed),
        watch=watch_of(node, case, at, filed, deciding, present),
        decide_at=decided_at(node, unit, case, filed, deciding),
    )
    return deciding, situation


#: What is worked out from the record as it is known now: a grade from findings, a dose from the weight.
_FOLLOWING = frozenset({GradeAssessed, DrugGiven})


def commands_making(kind: type[Event]) -> tuple[CommandRow, ...]:
    """The commands that make a kind of event."""
    return made()[0].get(kind, ())


@lru_cache(maxsize=1)
def made() -> tuple[dict[type[Event], tuple[CommandRow, ...]], frozenset[type[Event]]]:
    """The commands that make each kind of event, and the kinds that follow from what was entered."""
    rows: dict[type[Event], tuple[CommandRow, ...]] = {}
    for row in COMMANDS.values():
        for event in row.events:
            rows[event.event] = (*rows.get(event.event, ()), row)
    computed = {kind for kind, row in EVENTS.items() if row.computed}
    return rows, frozenset(computed - {EntryCorrected})
