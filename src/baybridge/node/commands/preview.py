"""Preview: what a case looks like and what a command would answer now, without doing it.

Main job: `looking(node, case, actor, at)` opens one reading transaction with the facts of the case, read once; `Look.would(command, input)` answers the
refusal that the command would meet. The sentence that would refuse a command is the tooltip of its disabled button; it is judged with the same rules, so that
page and `handle` cannot disagree.

What stands whatever the input (`CommandRow.blocked`) comes first; a complete input is then judged by the rule itself. An input that is not complete is no
refusal, nor one to which the rule has nothing against but a field that is empty: the form asks for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from msgspec import Struct

from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.facts.factset import FactSet
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, FromRecord, Situation
from baybridge.journey.gates import standing_at
from baybridge.journey.judged import Judged
from baybridge.journey.texts import judge
from baybridge.node.clock import new_id
from baybridge.node.commands import judging
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.commands.given import read_given
from baybridge.node.commands.table import COMMANDS, GATES, CommandRow
from baybridge.node.corrections.making import making
from baybridge.node.unit import Unit
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision, decide

if TYPE_CHECKING:
    from baybridge.node.node import Node


#: A reason names a field, or a place inside it: `lines[0].gross`.
_FIELD = re.compile(r"[.\[]")


class Look:
    """One look at a case as of a moment: its facts, decisions over them, and what commands would answer."""

    def __init__(self, node: Node, unit: Unit, case: Case, actor: Actor) -> None:
        self.node = node
        self.unit = unit
        self.case = case
        self.actor = actor
        self._filed = unit.record(case)
        self._material = FromRecord()
        self._looked: frozenset[str] = frozenset()
        self._decided: dict[tuple[object, ...], Decision] = {}
        self._tried: dict[tuple[str, str], Refusal | None] = {}

    @cached_property
    def _situated(self) -> tuple[Deciding, Situation]:
        plain = next(kind for kind in COMMANDS.values() if not kind.needs)
        command = Command(plain.name, self.case.case_id, {}, self.actor, "preview")
        return judging.situate(self.node, self.unit, plain, self.case, command, settle=False)

    @property
    def lazy_facts(self) -> Mapping[str, Value]:
        """The same facts for whom may not need them: read when one is looked at."""
        return self._situated[1].facts

    @cached_property
    def facts(self) -> FactSet:
        """The facts of the case's patient, read once for page and rules alike."""
        facts = self._situated[1].facts
        return facts.fact_set if isinstance(facts, LazyFacts) else self.node.fact_set(self.unit.connection, self.case, self.unit.at, self._filed)

    def situation(self, needs: frozenset[str] = frozenset()) -> Situation:
        """What a rule would look at; `needs` names what it reads from the record."""
        missing = needs - self._looked
        if missing:
            found = self.node.record_material(self.unit.connection, missing, self.case, self.unit.at, self._filed)
            self._material = found.only(missing | {"same_person"}, over=self._material)
            self._looked |= needs
        record = self._material.only(needs | {"same_person"})
        if "making" in needs:
            record = replace(record, making=making(self.node, self.unit, self._situated[0]))
        return replace(self._situated[1], decide=partial(self.decide, settle=False), record=record)

    def decide(self, policy_id: str, facts: Mapping[str, Value] | None = None, *, at: datetime | None = None, settle: bool = True) -> Decision:
        """The decision of a policy over these facts with `facts` laid over; a look keeps nothing, so it is not hashed and stored as a command's is.

        What would settle it is read by pages alone: rules, which ask without `settle`, read outcome, values, reasons and what is missing.
        """
        moment = at or self.unit.at
        key = (policy_id, repr(facts or {}), moment, settle)
        if key not in self._decided:  # several commands of one page ask the same
            policy = self.node.policies.get(policy_id, moment)
            self._decided[key] = decide(policy, {**self.facts.values, **(facts or {})}, subject=self.case.case_id, as_of=moment, settle=settle)
        return self._decided[key]

    def at_gates(self, gate: str | None = None) -> tuple[Reason, ...]:
        """What an exception could cover now at one gate of the road, at all of them where none is named."""
        needs = frozenset(name for row in COMMANDS.values() if row.gate is not None for name in row.needs)
        situation = self.situation(needs)
        wanted = [row for name, row in GATES.items() if gate in (None, name)]
        standing = (reason for row in wanted for reason in row.standing(situation) if reason.code.startswith("gate."))
        return (*standing, *(Reason(code) for row in wanted for code in sorted(row.of_input)))

    def would(self, name: str, given: Mapping[str, object]) -> Refusal | None:
        """The refusal that a command with this input would meet now; None where it would be done or its form asks for more."""
        key = (name, repr(given))
        if key not in self._tried:  # one button stands in several places of a page
            self._tried[key] = self._would(name, given)
        return self._tried[key]

    def _would(self, name: str, given: Mapping[str, object]) -> Refusal | None:
        kind = COMMANDS[name]
        refusal = judging.may(self.node, kind, Command(name, self.case.case_id, given, self.actor, "preview"), self.case)
        if refusal is not None:
            return refusal
        situation = self.situation(kind.needs)
        blocked = tuple(kind.blocked(situation))
        if blocked:
            return refuse(*blocked)
        read = read_given(kind, given)
        refusal = None if isinstance(read, Refusal) else _judge(kind, situation, read)
        return None if refusal is None or _asks_for_more(refusal, given) else refusal


    def at_gate(self, name: str) -> Refusal | None:
        """What stands at the gate of a command and was not signed, for the form of one that is judged only by its input; None where nothing does."""
        kind = COMMANDS[name]
        found = standing_at(self.situation(kind.needs), kind.gate) if kind.gate is not None else ()
        standing = [reason for reason in found if reason.code.startswith("gate.")]
        return refuse(*standing) if standing else None


def _asks_for_more(refusal: Refusal, given: Mapping[str, object]) -> bool:
    """Whether every reason is about a field of the input that nobody has filled in yet."""
    return all(reason.where and not given.get(_FIELD.split(reason.where)[0]) for reason in refusal.reasons)


def _judge(kind: CommandRow, situation: Situation, given: Struct) -> Refusal | None:
    verdict = judge(kind, situation, given)
    if isinstance(verdict, Judged):
        return verdict.refusal
    return verdict if isinstance(verdict, Refusal) else None


@contextmanager
def looking(node: Node, case: Case, actor: Actor, at: datetime | None = None) -> Iterator[Look]:
    """One reading transaction to look at a case in, as of now or an earlier moment."""
    with node.storage.reading() as connection:
        unit = Unit(connection, node.site, at or node.now(), lambda: new_id(node.now), node.pseudonym, lambda _name: None, node.case_memory, node.record_memory)
        yield Look(node, unit, case, actor)
