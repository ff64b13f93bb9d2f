"""Reopening: a corrected result makes again what rested on it.

Main job: `decide_again`, a consequence of every correction, by whatever door it came and whichever case the resource touches or touched: every standing decision that
read one of the changed resources is made again. A policy is applied again to the record as it now is, with what a person gave laid over; a recognition is judged again
by its own rule for the same moment of use. The case says that it happened, carries the new answer as a new event, and asks for attention where the answer differs
(`upkeep/attention.py`).

A transfer is not judged again: it was lawful when it was made, and its receivers are told (`neighbours/telling.py`). A quote rests on the bill and the plans, never on
a result, so no correction touches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import msgspec
import orjson
from sqlalchemy import RowMapping, bindparam, select

from baybridge.base.resource import Resource
from baybridge.base.time import parse_instant
from baybridge.bedside.monitoring import SCALES
from baybridge.facts.given import read_given
from baybridge.journey.case import Case
from baybridge.journey.checks import digest
from baybridge.journey.command import Command, FromRecord, Situation
from baybridge.journey.events import (
    DecisionReopened,
    EligibilityDecided,
    Event,
    FitnessChecked,
    RepeatRequested,
    ResultRecognised,
)
from baybridge.journey.identities import linked
from baybridge.node import tables
from baybridge.node.commands import judging
from baybridge.node.commands.deciding import Deciding
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.unit import Made
from baybridge.node.upkeep import projections
from baybridge.node.watch import signs
from baybridge.recognition.outcome import REPEAT
from baybridge.recognition.recognising import judge_again
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_RECOGNITION = "RecogniseResults"
#: What is judged by the patient as seen at the bedside (`watch/arrival.py`).
_OF_THE_BEDSIDE = frozenset({signs.POLICY})


def decide_again(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Make again what rested on changed resources. The node itself acts, not the person who brought the correction: nobody has looked yet."""
    case_id, because = consequence.case_id, str(consequence.body.get("because", ""))
    events = _decide_again(node, unit, case_id, consequence.resources, because)
    if events:
        unit.append(case_id, events, node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)


DECIDE_AGAIN = ConsequenceRow("decide-again", Lane.CASE, decide_again, of_records="corrected")


# --- deciding again -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Again:
    """What is needed to make a case's decisions again."""

    node: Node
    unit: Unit
    case: Case
    deciding: Deciding
    situation: Situation
    because: str


def _decide_again(node: Node, unit: Unit, case_id: str, changed: Sequence[str], because: str) -> list[Event]:
    rows = [row for row in resting_on(unit, case_id, changed) if row["policy"] not in SCALES]  # grades follow by themselves (`corrections/grades.py`)
    if not rows:
        return []
    case = unit.case(case_id)
    command = Command(_RECOGNITION, case_id, {}, node.system(), "")
    deciding, situation = judging.situate(node, unit, COMMANDS[_RECOGNITION], case, command)
    taken_out = _taken_out(unit, case, changed)
    if taken_out:  # judged once more as what it is, another person's result, so that the case says that it does not serve
        situation = replace(situation, record=_with(situation.record, taken_out))
    again = _Again(node, unit, case, deciding, situation, because)
    return [event for row in rows for event in _one(again, row)]


def _taken_out(unit: Unit, case: Case, changed: Sequence[str]) -> list[Resource]:
    """Those of the changed resources that are another person's now: moved there, or of a record whose link was taken back."""
    people = {*linked(case), case.patient_id}
    found = store.get_many(unit.connection, [(kind, name) for kind, _, name in (one.partition("/") for one in changed)]) if case.patient_id else {}
    theirs = [version.resource for version in found.values() if not version.deleted and version.patient and version.patient not in people]
    return cast("list[Resource]", theirs)


def _with(record: FromRecord, resources: Sequence[Resource]) -> FromRecord:
    """What a rule reads, with more resources."""
    results = [resource for resource in resources if resource["resourceType"] == "Observation"]
    return replace(record, resources=[*record.resources, *resources], observations=[*record.observations, *results])


def resting_on(unit: Unit, case_id: str, changed: Sequence[str]) -> list[RowMapping]:
    """Standing decisions that read one of the resources, the earliest first; of one question asked twice the later alone."""
    rows = unit.connection.execute(_RESTING, {"case": case_id, "changed": list(changed)}).mappings().all()
    latest = {_question(row): row for row in rows}
    return [row for row in rows if latest[_question(row)]["sha256"] == row["sha256"]]


_DECISION, _SOURCE = tables.decision.c, tables.decision_source.c
_READ_ONE = select(_SOURCE.sha256).where(_SOURCE.resource.in_(bindparam("changed", expanding=True)))
#: Asked with every write, so it is written once.
_RESTING = (
    select(tables.decision)
    .where(_DECISION.case_id == bindparam("case"), _DECISION.sha256.in_(_READ_ONE), _DECISION.superseded_by.is_(None))
    .order_by(_DECISION.made_at)
)


def _question(row: RowMapping) -> tuple[str, bytes]:
    """What a decision asked: the policy and what was given, or the request of a recognition."""
    document = orjson.loads(row["document"])
    asked = {"resource": document["resource"], "request": document["request"]["request"]} if _is_recognition(document) else {}
    return row["policy"], bytes(row["given"]) + orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)


def _is_recognition(document: Mapping[str, object]) -> bool:
    return "resource" in document and "request" in document


def _one(again: _Again, row: RowMapping) -> Iterator[Event]:
    document = orjson.loads(row["document"])
    made = _recognised_again(again, document) if _is_recognition(document) else _decided_again(again, row)
    if made is None:
        yield DecisionReopened(decision_sha256=row["sha256"], new_decision_sha256="", outcome_changed=True, because=again.because)
        return
    if made.sha256 == row["sha256"]:
        return
    sha256 = again.unit.keep_decision(row["case_id"], made)
    again.unit.supersede(row["sha256"], sha256)
    changed = made.document["outcome"] != row["outcome"]
    yield DecisionReopened(decision_sha256=row["sha256"], new_decision_sha256=sha256, outcome_changed=changed, because=again.because)
    yield from _answers(again.case, row["sha256"], made)


def _recognised_again(again: _Again, document: Mapping[str, object]) -> Made | None:
    """The recognition by its own rule; None where the result is gone from the record."""
    new = judge_again(again.situation, document)
    return again.deciding.made[again.deciding.keep(new)] if new is not None else None


def _decided_again(again: _Again, row: RowMapping) -> Made | None:
    """The policy applied again, what was given laid over; None where this site no longer has the policy."""
    if row["policy"] not in again.node.policies.ids():
        return None
    given = orjson.loads(row["given"])
    values, _ = read_given({name: value for name, value in given.items() if value is not None}, again.node.dictionary)
    decide = again.situation.bedside.decide if row["policy"] in _OF_THE_BEDSIDE else again.situation.decide
    decision = decide(row["policy"], {**given, **values})
    return again.deciding.made[digest(decision)]


def _answers(case: Case, old_sha256: str, made: Made) -> Iterator[Event]:
    """The case's events that cited the old decision, as they read by the new one; a person's choice and a grade at its moment stay as they were."""
    for entry in case.entries:
        event = entry.event
        if getattr(event, "decision_sha256", None) != old_sha256 or entry.origin.told:
            continue
        if isinstance(event, EligibilityDecided | FitnessChecked):
            yield msgspec.structs.replace(event, outcome=made.document["outcome"], decision_sha256=made.sha256)
        elif isinstance(event, ResultRecognised | RepeatRequested):
            yield _recognition(event, made)
        else:
            continue
        return


def _recognition(event: ResultRecognised | RepeatRequested, made: Made) -> Event:
    document = made.document
    codes = tuple(document["codes"])
    if document["outcome"] == REPEAT or document.get("direction") == "repeat":
        return RepeatRequested(
            result_id=event.result_id, loinc=event.loinc, purpose=event.purpose, codes=codes, decision_sha256=made.sha256
        )
    until = document.get("valid_until")
    return ResultRecognised(
        result_id=event.result_id,
        loinc=event.loinc,
        purpose=event.purpose,
        outcome=document["outcome"],
        codes=codes,
        decision_sha256=made.sha256,
        valid_until=parse_instant(until) if until else None,
    )
