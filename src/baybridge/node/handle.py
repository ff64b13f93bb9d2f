"""The only way in: authorise, load, check, decide, append, then project.

Main job: `handle(node, command)` answers `Done` with the events that now stand, or a `Refusal` with every reason. Page, command line, HTTP and packages of
other nodes all come through here.

A command whose `command_id` was handled before answers what it answered then. A projection (FHIR rendering, tasks) that fails is recorded and
retried by the worker; it never undoes what happened.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.worklist import payers_in
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Command, Situation
from baybridge.journey.events import CaseOpened, Recorded
from baybridge.journey.judged import Judged
from baybridge.ledger import streams
from baybridge.node import access, projections
from baybridge.node.commands import COMMANDS, CommandKind
from baybridge.node.deciding import Deciding, LazyFacts

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


@dataclass(frozen=True, slots=True)
class Done:
    """What now stands: the case, the events that were appended, the decisions they rest on."""

    case_id: str
    events: tuple[Recorded, ...]
    decisions: tuple[str, ...] = ()


def handle(node: Node, command: Command) -> Done | Refusal:
    """Do what a command asks, or answer every reason why not."""
    kind = COMMANDS.get(command.name)
    if kind is None:
        known = ", ".join(sorted(COMMANDS))
        return refuse(Reason("command.unknown", {"command": command.name, "known": known}), category=Category.NOT_FOUND)
    given = read_given(kind, command.given)
    with node.unit() as unit:
        repeated = streams.by_command(unit.connection, command.command_id)
        if repeated and kind.opens:  # the caller may not know the case that its first try opened
            command = replace(command, case_id=streams.case_of(unit.connection, repeated[0]) or command.case_id)
        events = unit.events(command.case_id)
        case = fold(events)
        refusal = may(node, kind, command, case if events else None, again=bool(repeated))
        if refusal is not None:
            return refusal
        if repeated:
            return done_before(command.case_id, events, repeated)
        if isinstance(given, Refusal):
            return also_blocked(node, unit, kind, case, command, given)
        return _decide_and_append(node, unit, kind, command, case, given, len(events))


def also_blocked(node: Node, unit: Unit, kind: CommandKind, case: Case, command: Command, unread: Refusal) -> Refusal:
    """What is wrong with the input, and what stands against the command whatever its input: every reason at once."""
    _, situation = situate(node, unit, kind, case, command)
    return Refusal(unread.category, (*unread.reasons, *kind.blocked(situation)))


def done_before(case_id: str, events: Sequence[Recorded], repeated: Sequence[str]) -> Done | Refusal:
    """What a command answered the first time; a conflict where its id was used on another case."""
    found = tuple(event for event in events if event.event_id in repeated)
    if not found:
        return refuse(Reason("command.id_used"), category=Category.CONFLICT)
    decisions = dict.fromkeys(sha256 for item in found for name in _CITES if (sha256 := getattr(item.event, name, None)))
    return Done(case_id, found, tuple(decisions))


#: Fields by which events point to decisions.
_CITES = ("decision_sha256", "quote_sha256", "new_decision_sha256")


def _decide_and_append(node: Node, unit: Unit, kind: CommandKind, command: Command, case: Case, given: Any, known: int) -> Done | Refusal:
    deciding, situation = situate(node, unit, kind, case, command)
    verdict = kind.rule(situation, given)
    unit.step("write.decided")
    if isinstance(verdict, Refusal):
        return verdict
    events = verdict.events if isinstance(verdict, Judged) else verdict
    for document in verdict.decisions if isinstance(verdict, Judged) else ():
        deciding.keep(document)
    recorded = unit.append(command.case_id, events, command.actor, known=known, command_id=command.command_id)
    kept = [unit.keep_decision(command.case_id, made) for sha256, made in deciding.made.items() if rests_on(events, sha256)]
    after_append(unit, command.case_id)
    node.after(unit, command, recorded)
    unit.step("write.before_commit")
    return Done(command.case_id, tuple(recorded), tuple(kept))


def after_append(unit: Unit, case_id: str) -> None:
    """Bring projections of a case up to date: its FHIR rendering, its place in the index, its tasks."""
    projections.project(unit, case_id)
    unit.step("write.projected")


def rests_on(events: tuple[Any, ...], sha256: str) -> bool:
    """Whether one of the events points to a decision."""
    return any(getattr(event, name, None) == sha256 for event in events for name in _CITES)


def may(node: Node, kind: CommandKind, command: Command, case: Case | None, *, again: bool = False) -> Refusal | None:
    """Whether this actor may give this command here, now; `again` where it was given before, and the case that it opens is there."""
    reasons = []
    actor = command.actor
    refusal = access.may_case("case.command", actor, node.site, case.patient_id if case else None, payers_of(node, case))
    if refusal is not None and not (kind.opens and actor.organisation == node.site.organisation):
        return refusal
    if actor.role not in kind.roles and actor.role.value not in ("system", "node"):
        roles = ", ".join(sorted(role.value for role in kind.roles))
        reasons.append(Reason("access.command", {"command": kind.name, "roles": roles, "role": actor.role.value}))
        return refuse(*reasons, category=Category.FORBIDDEN)
    if kind.kinds and not kind.kinds & node.site.kinds:
        return refuse(Reason("access.node_kind", {"command": kind.name, "kinds": ", ".join(sorted(kind.kinds))}), category=Category.FORBIDDEN)
    if case is None and not kind.opens:
        return refuse(Reason("command.no_case"), category=Category.NOT_FOUND)
    if case is not None and kind.opens and not again:
        return refuse(Reason("command.case_exists"), category=Category.CONFLICT)
    return None


def payers_of(node: Node, case: Case | None) -> frozenset[str]:
    """Payers that were asked about a case, claimed from, or refund under its agreement, and may therefore see their part of its funding."""
    return payers_in(case, node.documents.folder("plans")) if case else frozenset()


def situate(node: Node, unit: Unit, kind: CommandKind, case: Case, command: Command) -> tuple[Deciding, Situation]:
    """The situation in which a command is judged, and the memory of decisions made in it."""
    facts = LazyFacts(lambda: node.fact_set(unit.connection, case, unit.at))
    deciding = Deciding(node.policies, facts, command.case_id, unit.at)
    situation = Situation(
        case=case,
        facts=facts,
        now=unit.at,
        actor=command.actor,
        site=node.site,
        neighbours={name: neighbour.site for name, neighbour in node.neighbours.items()},
        decide=deciding.decide,
        documents=node.documents.folder,
        new_id=unit.new_id,
        record=node.record_material(unit.connection, kind.needs, case, unit.at),
    )
    return deciding, situation


def read_given(kind: CommandKind, given: Mapping[str, Any]) -> Any:
    """The input of a command as its struct, or a refusal with every field that does not fit."""
    fields = msgspec.structs.fields(kind.given)
    known = ", ".join(sorted(field.name for field in fields))
    unknown = sorted(given.keys() - {field.name for field in fields})
    reasons = [Reason("command.unknown_field", {"field": name[:40], "known": known}, where=name[:40]) for name in unknown]
    values: dict[str, Any] = {}
    for field in fields:
        if given.get(field.name) is None and (not field.required or is_optional(field.type)):
            if field.required:
                values[field.name] = None
            continue
        if field.name not in given:
            said = {"field": field.name, "expected": type_name(field.type)}
            reasons.append(Reason("command.missing_field", said, where=field.name))
            continue
        try:
            values[field.name] = msgspec.convert(given[field.name], field.type, strict=False)
        except msgspec.ValidationError as problem:
            reasons.append(_bad_field(field.name, field.type, str(problem)))
    return refuse(*reasons, category=Category.INVALID) if reasons else kind.given(**values)


def _bad_field(name: str, kind: Any, problem: str) -> Reason:
    """Why a field does not fit, and where inside it; what was given is not repeated."""
    text, _, path = problem.partition(" - at ")
    where = name + path.strip("`").removeprefix("$")
    said = {"field": name, "problem": _QUOTED.sub("", text).strip(), "expected": type_name(kind)}
    return Reason("command.bad_field", said, where=where)


_QUOTED = re.compile(r"\s*'.*'")


def bare(kind: Any) -> Any:
    """A type without its annotations."""
    return bare(typing.get_args(kind)[0]) if typing.get_origin(kind) is typing.Annotated else kind


def is_optional(kind: Any) -> bool:
    """Whether a type admits None."""
    kind = bare(kind)
    return typing.get_origin(kind) in (typing.Union, types.UnionType) and type(None) in typing.get_args(kind)


def type_name(kind: Any) -> str:
    """A type as a person reads it: codes listed, containers named."""
    kind = bare(kind)
    if typing.get_origin(kind) is typing.Literal:
        return " | ".join(str(value) for value in typing.get_args(kind))
    if is_optional(kind):
        return " | ".join(type_name(part) for part in typing.get_args(kind) if part is not type(None)) + " or nothing"
    return str(getattr(kind, "__name__", kind)).replace("typing.", "")


def opened_patient(events: tuple[Recorded, ...]) -> str | None:
    """The patient of a case that these events opened."""
    return next((item.event.patient_id for item in events if isinstance(item.event, CaseOpened)), None)
