"""Grades follow what they rest on: an entry that was put right or made late, and values of the record that come late, are corrected, taken back or somebody else's.

Main job: `grade_again(…)`, an assessment graded anew by its own rule as of its own time, from what is known now; `GRADES_FOLLOW`, the consequence of whatever was filed
or entered with an earlier time.
A grade that comes out differently is replaced at its own place; the one of before stays in the history, struck through.

Which assessments are graded anew: those whose grade read one of the resources, those recorded after the moment of which a new one speaks, and those of a later moment
than an entry (`found_when`). A value that is newer than an assessment is none of its grade: it asks for another assessment (`watch/asking.py`). **Source**: contract K2.
Elsewhere: entries that were put right in `again.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from baybridge.base.outcome import Refusal
from baybridge.bedside.monitoring import SCALES
from baybridge.facts.tied import says_which
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Role
from baybridge.journey.corrections.correcting import before
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import (
    AssessmentRecorded,
    CorrectionReason,
    DecisionReopened,
    DrugGiven,
    EntryCorrected,
    Event,
    FindingConfirmed,
    GradeAssessed,
    IdentityLinked,
    IdentityUndone,
    ProposalConfirmed,
)
from baybridge.journey.fhir.writer import read_from_case
from baybridge.journey.judged import Judged
from baybridge.node.commands import reopening
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.corrections.making import making
from baybridge.node.upkeep import projections
from baybridge.node.watch.arrival import moment_of
from baybridge.node.watch.asking import facts_named
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_ASSESS = "Assess"


@dataclass(slots=True)
class Made:
    """What is made again: events in order, each with the id that it is to have ('' for any); `entry` is what was put right, where `because` is no other reason."""

    unit: Unit
    reason: CorrectionReason
    because: str
    entry: str = ""
    events: list[Event] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def add(self, event: Event, event_id: str = "") -> None:
        """One more event."""
        self.events.append(event)
        self.ids.append(event_id)

    def replace(self, old: Entry[Event], new: Event) -> None:
        """What stands at the place of an entry from now on."""
        new_id = self.unit.new_id()
        self.add(EntryCorrected(event_id=old.origin.event_id, action="replace", reason=self.reason, replaced_by=new_id))
        self.add(new, new_id)

    def supersede(self, old: str, new: str, entry: str, *, changed: bool) -> None:
        """The decision that an entry cites was made again."""
        if old != new:
            self.unit.supersede(old, new)
            about = self.entry or entry
            self.add(DecisionReopened(decision_sha256=old, new_decision_sha256=new, outcome_changed=changed, because=self.because, entry=about))

    def append(self, node: Node, case_id: str) -> None:
        """Write all of it."""
        self.unit.append(case_id, self.events, node.system(), known=len(self.unit.events(case_id)), event_ids=self.ids)


# --- one assessment -------------------------------------------------------------------------------------------------


def grade_again(node: Node, made: Made, case: Case, place: int) -> None:
    """The grades of the assessment at a place as its rule answers now."""
    origin, assessed = case.entries[place].origin, _assessment(case, place)
    deciding = Deciding(node.policies, LazyFacts(lambda: node.fact_set(made.unit.connection, case, made.unit.at)), case.case_id, made.unit.at)
    actor = Actor(origin.actor, Role(origin.role), origin.organisation)
    given = {"findings": dict(assessed.findings), "assessed_at": assessed.assessed_at.isoformat(), "another": True, "unusual": True}
    verdict = making(node, made.unit, deciding, case).again(COMMANDS[_ASSESS], _found_before(case, place), origin.at, actor, given)
    if isinstance(verdict, Refusal):
        return  # today's rule would not take the findings at all, whatever the record says; what was recorded stands
    fresh = {event.scale: event for event in (verdict.events if isinstance(verdict, Judged) else verdict) if isinstance(event, GradeAssessed)}
    for old in _grades_of(case, place):
        new = fresh.get(old.event.scale)
        if new is None or new == _with_moments(old.event, new):
            continue
        made.unit.keep_decision(case.case_id, deciding.made[new.decision_sha256])
        made.supersede(old.event.decision_sha256, new.decision_sha256, old.origin.event_id, changed=new.outcome != old.event.outcome)
        made.replace(old, new)


def _with_moments(old: GradeAssessed, new: GradeAssessed) -> GradeAssessed:
    """A grade of an older version, which did not keep from when its findings are, with those of the same grade made now."""
    return structs.replace(old, from_before=new.from_before) if old.from_before is None else old


def _found_before(case: Case, place: int) -> Case:
    """The case as it stood before an assessment, with what somebody found or gave before its moment and entered since."""
    then, at = before(case, place), _assessment(case, place).assessed_at
    late = tuple(entry for entry in case.entries[place + 1 :] if _bears_on(entry.event, at))
    return replace(then, entries=(*then.entries, *late), history=(*then.history, *late)) if late else then


def _bears_on(event: Event, at: datetime) -> bool:
    """Whether a grade of a moment rests on an event. Of two rounds of one moment each is graded by itself; a drug of that moment counts."""
    if isinstance(event, FindingConfirmed):
        return says_which(event)
    found = found_when(event)
    return found is not None and (found < at or (found == at and isinstance(event, DrugGiven)))


def found_when(event: Event) -> datetime | None:
    """From when on what an event says of a patient at the bedside counts; None where it says nothing that a later look did not know."""
    if isinstance(event, AssessmentRecorded | GradeAssessed):
        return event.assessed_at
    if isinstance(event, ProposalConfirmed):
        return event.collected_at
    if isinstance(event, FindingConfirmed):
        return _BEGINNING if says_which(event) else None  # it names the value, whenever that was found
    return event.given_at if isinstance(event, DrugGiven) else None


def _assessment(case: Case, place: int) -> AssessmentRecorded:
    event = case.entries[place].event
    if not isinstance(event, AssessmentRecorded):
        raise TypeError(f"expected an assessment, found {type(event).__name__}")
    return event


def _grades_of(case: Case, place: int) -> Iterator[Entry[GradeAssessed]]:
    """The grades that stand for the assessment at a place."""
    assessed_at, seen = _assessment(case, place).assessed_at, set[str]()
    for entry in case.entries[place + 1 :]:
        if tells(entry, GradeAssessed) and entry.event.assessed_at == assessed_at and entry.event.scale not in seen:
            seen.add(entry.event.scale)
            yield entry


# --- what was filed -------------------------------------------------------------------------------------------------


def _follow(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Grade again what rests on resources that were filed, on what was entered of an earlier moment, or on a linked record; done twice, it finds nothing to do."""
    case = unit.case(consequence.case_id)
    own = [place for place, entry in enumerate(case.entries) if isinstance(entry.event, AssessmentRecorded) and entry.origin.node == node.site.node]
    news = _news(node, unit, case, consequence) if own else None
    resting = [place for place in own if news is not None and case.entries[place].origin.event_id not in consequence.events and _rests_on(case, place, news)]
    made = Made(unit, "source-corrected", ", ".join(consequence.resources) or ("identity" if news is None or news.entered is None else "late entry"))
    for place in resting:
        grade_again(node, made, case, place)
    if made.events:
        made.append(node, case.case_id)
        projections.project(unit, case.case_id)


@dataclass(frozen=True, slots=True)
class _News:
    """What a grade may rest on otherwise now: everything recorded from a moment on, the decisions that read what was filed, and looks after what was entered."""

    since: datetime | None
    decisions: frozenset[str] = frozenset()
    entered: datetime | None = None


def _news(node: Node, unit: Unit, case: Case, consequence: Consequence) -> _News | None:
    """What was filed or linked, as far as a grade may read it; None where nothing of it is."""
    events = [entry.event for entry in case.history if entry.origin.event_id in consequence.events] if consequence.events else []
    if any(isinstance(event, IdentityLinked | IdentityUndone) for event in events):
        return _News(_BEGINNING)
    entered = min((at for event in events if (at := found_when(event)) is not None), default=None)
    read = frozenset(row["sha256"] for row in reopening.resting_on(unit, case.case_id, consequence.resources) if row["policy"] in SCALES)
    keys = [(kind, logical_id) for kind, _, logical_id in (name.partition("/") for name in consequence.resources) if kind in _READ]
    versions = [one for one in store.get_many(unit.connection, keys).values() if not one.deleted and not read_from_case(one.resource)]
    said = _said_to_grades(node, unit)
    told = [one.resource for one in versions if one.type != "Observation" or facts_named(one.resource, node.dictionary) & said]
    moments = [_since(one, unit.at) for one in told]
    since = min((at for at in moments if case.infused_at is None or at >= case.infused_at - _HOLDS), default=None)
    return _News(since, read, entered) if read or since is not None or entered is not None else None


#: What a grade reads of a record beside what somebody grades: findings, drugs against fever, and a syndrome that was diagnosed.
_READ = frozenset({"Observation", "MedicationAdministration", "MedicationStatement", "Condition"})
#: For how long a finding of before the infusion is read at the longest. Source: `max_age_h` in `data/facts`; a score holds for a day.
_HOLDS = timedelta(hours=24)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def _since(resource: Mapping[str, object], now: datetime) -> datetime:
    """From when on a resource may be read; a drug or a diagnosis whose moment is not said, from the beginning."""
    if resource["resourceType"] == "Observation":
        return moment_of(resource, now, None) or now
    return moment_of(resource, now, None) or _BEGINNING if resource["resourceType"] == "MedicationAdministration" else _BEGINNING


def _said_to_grades(node: Node, unit: Unit) -> frozenset[str]:
    """The facts that a grade reads, the items of its scores, and the findings beside which an answer is too old."""
    names = {name for scale in SCALES for name in node.policies.get(scale, unit.at).fact_names}
    items = {item for total, of_it in node.dictionary.sums.items() if total in names for item in of_it}
    beside = {finding for name, rule in node.dictionary.explaining.items() if name in names for finding in rule.findings}
    return frozenset(names | items | beside)


def _rests_on(case: Case, place: int, news: _News) -> bool:
    if news.since is not None and case.entries[place].origin.at >= news.since:
        return True
    if news.entered is not None and _assessment(case, place).assessed_at >= news.entered:
        return True
    return any(grade.event.decision_sha256 in news.decisions for grade in _grades_of(case, place))


_AFTER: frozenset[type[Event]] = frozenset({IdentityLinked, IdentityUndone, AssessmentRecorded, DrugGiven, ProposalConfirmed, FindingConfirmed})
GRADES_FOLLOW = ConsequenceRow("grades-follow", Lane.CASE, _follow, after=_AFTER, of_records="any")
