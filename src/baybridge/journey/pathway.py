"""The pathway: what must happen next, as a pure function of pathway, case, facts and time.

Main job: `tasks(pathway, case, facts, now, node_site)`. A step is open where its node is this one, the steps before it are finished, its
conditions hold, and neither it nor a step that makes it pointless is finished. Death ends all of them and starts its own.

**Source**: `data/pathways/standard.yaml`. **Units**: due times in UTC. Elsewhere: clocks that run out are in
`alarms.py`, conditions in `conditions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import msgspec
from msgspec.structs import asdict

from baybridge.base.time import start_of_day
from baybridge.documents.escalation import Escalation, Intervals
from baybridge.documents.pathway import DoneBy, Pathway, Step
from baybridge.journey import claims, intervals, refunds
from baybridge.journey import events as ev
from baybridge.journey.alarms import alarms, alarms_after_death
from baybridge.journey.case import Case
from baybridge.journey.command import Site
from baybridge.journey.conditions import CONDITIONS, index_of
from baybridge.journey.entry import Entry
from baybridge.journey.task import Level, Task
from baybridge.policy.language.types import Value

#: Claims are many; the one that waits longest says when the step is due.
_CLAIMS: Mapping[str, Callable[[Case], Iterator[datetime]]] = {"oldest_claim": claims.undecided, "oldest_unpaid": claims.unpaid, "oldest_cut": claims.cut}

#: What is due on a day is not late before the day has ended.
_WHOLE_DAY = timedelta(hours=23, minutes=59)

#: Where an event says itself when it happened, in order of preference.
_MOMENTS = ("ended_at", "started_at", "received_at", "dispatched_at", "assessed_at", "checked_at", "thawed_at")


@dataclass(frozen=True)
class _Road:
    """The pathway laid over one case at one node."""

    steps: Mapping[str, Step]
    case: Case
    facts: Mapping[str, Value]
    site: Site

    @cached_property
    def cycle(self) -> tuple[Entry[ev.Event], ...]:
        """Entries since the current slot, this included; none where there is no slot."""
        slot = self.case.slot
        return self.case.entries[index_of(self.case, slot) :] if slot else ()

    @cached_property
    def since_infusion(self) -> tuple[Entry[ev.Event], ...]:
        """Entries since the last infusion."""
        infusions = self.case.infusions
        return self.case.entries[index_of(self.case, infusions[-1]) :] if infusions else ()

    def finishing(self, step: Step) -> Entry[ev.Event] | None:
        """The last entry that finishes a step."""
        found = [entry for matcher in step.done_by for entry in self._in_scope(matcher) if _matches(entry, matcher)]
        return found[-1] if found else None

    def _in_scope(self, matcher: DoneBy) -> Sequence[Entry[ev.Event]]:
        scope = matcher.scope
        if scope == "cycle":
            return self.cycle
        if scope == "infusion":
            return self.since_infusion
        if scope == "here":
            return [entry for entry in self.case.entries if entry.origin.node == self.site.node]
        return self.case.entries

    def finished(self, name: str) -> bool:
        """Whether a step is finished; a slot is, while it is held."""
        if name == "slot":
            return self.case.slot is not None
        return self.finishing(self.steps[name]) is not None

    def is_open(self, step: Step) -> bool:
        """Whether somebody here must do this step now."""
        return (
            self._is_here(step.site)
            and all(self.finished(name) for name in step.after)
            and all(CONDITIONS[name](self.case, self.site) for name in step.only_if)
            and self.finishing(step) is None
            and not any(self.finished(name) for name in step.ended_by)
            and self._facts_ask(step)  # last: reading the facts of a patient costs most
        )

    def _is_here(self, site: str) -> bool:
        node = self.site.node
        if site == "any":
            return True
        if site == "offered":
            return node in {e.event.to_node for e in self.case.of(ev.CaseReferred)}
        nodes = {
            "owner": self.case.owner_node,
            "treating": self.case.treating_node,
            "plant": self.case.plant_node,
            "follow_up": self.case.follow_up_node,
        }
        return nodes[site] == node

    def _facts_ask(self, step: Step) -> bool:
        return step.if_facts is None or any(self.facts.get(name) is True for name in step.if_facts)

    def due_at(self, step: Step) -> datetime | None:
        """When a step is due; None where nothing says so yet."""
        due = step.due
        start = self._anchor(due.from_) if due else None
        if due is None or start is None:
            return None
        return (start + timedelta(hours=due.hours, days=due.days)).astimezone(UTC)

    def _anchor(self, name: str) -> datetime | None:
        case, zone = self.case, self.site.zone
        if name == "opened":
            return case.opened.origin.at if case.opened else None
        if name == "infusion":
            return case.infused_at
        if name == "collection_on":
            return start_of_day(case.slot.event.collection_on, zone) if case.slot else None
        if name == "last_assessment":
            return case.assessments[-1].event.assessed_at if case.assessments else case.infused_at
        if name == "refund_due":
            day = refunds.due_on(case)
            return start_of_day(day, zone) + _WHOLE_DAY if day else None
        if name == "emergency_end":
            return case.emergency.event.until if case.emergency else None
        if name in _CLAIMS:
            return min(_CLAIMS[name](case), default=None)
        if name == "death":
            died = case.last(ev.Died)  # nobody does before what follows from a death that was not known
            return max(start_of_day(died.event.died_on, zone), case.learnt_at(died)) if died else None
        if name == "grade":
            open_ = (grade.latest for grade in case.grades.values() if grade.asks and grade.latest.event.grade_max >= 1)
            return max(map(case.learnt_at, open_), default=None)
        entry = self.finishing(self.steps[name])
        return _moment(entry) if entry else None


def _matches(entry: Entry[ev.Event], matcher: DoneBy) -> bool:
    if type(entry.event).__name__ != matcher.event:
        return False
    if not matcher.where:
        return True
    said = asdict(matcher.where)
    return all(getattr(entry.event, name) == value for name, value in said.items() if value is not None)


def _moment(entry: Entry[ev.Event]) -> datetime:
    return next((getattr(entry.event, name) for name in _MOMENTS if hasattr(entry.event, name)), entry.origin.at)


def tasks(
    pathway: Pathway, case: Case, facts: Mapping[str, Value], now: datetime, node_site: Site, escalation: Escalation | None = None
) -> tuple[Task, ...]:
    """What must happen next at this node, the earliest due first."""
    if not case.entries:
        return ()
    steps = {step.step: step for step in (*pathway.steps, *pathway.after_death)}
    road = _Road(steps, case, facts, node_site)
    if case.alive:
        planned = _planned(road, pathway.steps, now)
        watched = planned if escalation is None else _watched(planned, case, now, escalation.assessment)
        found = (*watched, *alarms(case, now, node_site, pathway, escalation))
    else:
        found = (*_planned(road, pathway.after_death, now), *alarms_after_death(case, now, node_site, pathway, escalation))
    return tuple(sorted(found, key=lambda task: (task.due_at is None, task.due_at or now, task.key)))


def _watched(planned: Iterator[Task], case: Case, now: datetime, rules: Intervals) -> Iterator[Task]:
    """The planned tasks, with assessments due by the standing grade, and the ICE score as a task of its own."""
    for task in planned:
        if task.step != "monitor":
            yield task
            continue
        for step, due_at in (("monitor", intervals.assessment_due(case, rules)), ("monitor_ice", intervals.ice_due(case, rules))):
            late = due_at is not None and due_at < now
            level: Level = "red" if intervals.is_urgent(case, rules) else "amber" if late else "plan"
            said = {"due_at": due_at.astimezone(UTC) if due_at else None, "level": level, "late": "journey.late.clinical" if late else None}
            yield msgspec.structs.replace(task, key=step, step=step, title=f"journey.task.{step}", **said)


def _planned(road: _Road, steps: Sequence[Step], now: datetime) -> Iterator[Task]:
    for step in steps:
        if road.is_open(step):
            due_at = road.due_at(step)
            late = due_at is not None and due_at < now
            yield Task(
                key=step.step,
                step=step.step,
                role=step.role,
                site=road.site.node,
                title=f"journey.task.{step.step}",
                values={},
                commands=step.commands,
                due_at=due_at,
                level=step.late_level if late else "plan",
                late=f"journey.late.{step.late}" if late else None,
            )
