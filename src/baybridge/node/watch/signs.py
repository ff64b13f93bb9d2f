"""What is seen of a patient at a moment: signs that call, by the policy `rapid-response`, from record and case.

Main job: `look(node, unit, case, resources, at)` answers a `Look`: the signs with how high each stands, those that were looked for and absent, and the decision.

Elsewhere: what follows from signs in `bedside/calls.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil, floor
from typing import TYPE_CHECKING

from baybridge.bedside.calls import Seen, closed_alone
from baybridge.bedside.episode import BOUNDS, standing
from baybridge.bedside.monitoring import SCALES
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.fhir import Found, mapping, text
from baybridge.facts.measurement import filed_at
from baybridge.facts.reading import FactSet, read
from baybridge.facts.tied import RANKED
from baybridge.journey import look_now
from baybridge.journey.case import Case, known_by
from baybridge.journey.entry import Entry
from baybridge.journey.events import AssessmentRecorded, LateResultRecorded, Scale
from baybridge.journey.identities import linked
from baybridge.node.commands.deciding import Deciding, LazyFacts
from baybridge.node.unit import Made
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision, decide

if TYPE_CHECKING:
    from baybridge.node.node import Node

POLICY = "rapid-response"

#: The sign that no finding shows: the product that was given failed a test after its release.
#: Source: convention of this project; a late failure calls the physician at once.
PRODUCT = "RR-PRODUCT"

_OF_SCALE: Mapping[Scale, str] = {"crs-astct-2019": "RR-CRS", "icans-astct-2019": "RR-ICANS"}
_ALERT = look_now.ALERT_GRADE

_PRESSURE = ("hypotension", "vasopressors", "vasopressin")
_OXYGEN = ("oxygen_device", "oxygen_flow")
_BRAIN = ("ice_score", "capd_score", "arousal", "seizure", "deep_focal_motor_weakness", "cerebral_edema", "raised_icp_sign")
#: The findings that show each sign; one found again shows it again.
SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    "RR-CRS": (*_PRESSURE, *_OXYGEN),
    "RR-ICANS": _BRAIN,
    "RR-VASOPRESSOR": _PRESSURE,
    "RR-OXYGEN": _OXYGEN,
    "RR-SATURATION": ("oxygen_saturation", "arterial_oxygen_saturation"),
    "RR-ICE-FALL": ("ice_score",),
    "RR-CAPD": ("capd_score",),
    "RR-SEIZURE": ("seizure",),
    "RR-AROUSAL": ("arousal",),
    "RR-ICP": ("raised_icp_sign", "cerebral_edema"),
    "RR-MOTOR": ("deep_focal_motor_weakness",),
    "RR-IECHS": ("iec_hs_grade",),
}
#: Every finding that shows a sign, and temperature, which a grade reads.
OF_SIGNS = frozenset({"temperature"}.union(*SHOWN_BY.values()))


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at a moment, with the decision that says so."""

    seen: Seen
    made: Mapping[str, Made]
    facts: FactSet
    most: Mapping[Scale, int]  # the highest that each grade may be


@dataclass(frozen=True, slots=True)
class _Graded:
    scale: Scale
    low: int
    high: int


def look(node: Node, case: Case, resources: Found, at: datetime, *, current: bool) -> Look:
    """The signs as of `at`, from what is known now of that moment; `current`: `at` is the present."""
    facts = facts_in_time(node, case, resources, at)
    deciding = Deciding(node.policies, LazyFacts(lambda: facts), case.case_id, at)
    stands = standing(case, facts.values, node.site.zone, at)
    ends = [_graded_with(node, case, facts, {**stands, **end}, current=current) for end in _ends(facts, node.dictionary)]
    seen = [_seen_with(node, case, facts, over, graded, deciding, current=current) for over, graded in ends]
    most = {scale: max(one.high for _, graded in ends for one in graded if one.scale == scale) for scale in SCALES}
    return Look(_certain(seen), deciding.made, facts, most)


def in_view(node: Node, case: Case, resources: Found, at: datetime) -> Mapping[str, Mapping[str, int]]:
    """By call since a moment that was closed without the team: the signs of that moment that what was known here when it was closed shows, and how high.

    An entry that was put right since, and now is of this moment, was seen as it was: its own moment of then is looked at too.
    """
    found: dict[str, Mapping[str, int]] = {}
    for call in case.rapid_responses:
        if call.closed is None or not closed_alone(call):
            continue
        then = case.learnt_at(call.closed)
        since = call.called.event.called_at.replace(second=0, microsecond=0) > at  # people write minutes
        moments = {*([at] if since else []), *_before_correction(case, at, then)}
        seen = [_seen_then(node, case, resources, moment, then).levels for moment in moments]
        found[call.call_id] = {code: max(levels.get(code, 0) for levels in seen) for code in {code for levels in seen for code in levels}}
    return found


def _before_correction(case: Case, at: datetime, then: datetime) -> Iterator[datetime]:
    """Of when the entries that stand at a moment were, as they were known at another."""
    instead = {one.entry.origin.event_id: one.by.event.replaced_by for one in case.struck}
    here = {one.origin.event_id for one in case.assessments if one.event.assessed_at == at}
    for struck in case.struck:
        entry = struck.entry
        if isinstance(entry.event, AssessmentRecorded) and entry.origin.recorded_at <= then < struck.by.origin.recorded_at:
            last: str | None = entry.origin.event_id
            while last in instead:
                last = instead[last]
            if last in here:
                yield entry.event.assessed_at


def _seen_then(node: Node, case: Case, resources: Found, at: datetime, then: datetime) -> Seen:
    """What is seen of a moment by what was filed, entered or linked until another."""
    known = known_by(case, then)
    not_linked = {f"Patient/{other}" for other in linked(case) - linked(known)}
    filed = (one for one in resources.all if (filed_at(one) or at) <= then and text(mapping(one.get("subject")).get("reference")) not in not_linked)
    return look(node, known, Found(filed), at, current=False).seen


def facts_in_time(node: Node, case: Case, resources: Found, at: datetime) -> FactSet:
    """The facts as of a moment, of resources of which each stands at a time that can be (`arrival.py`)."""
    confirmed = {name: entry.event.value for name, entry in case.confirmed_until(at).items()}
    known = node.record_memory.known(case.patient_id or "", node.dictionary)
    return read(resources, at, node.dictionary, case=case, confirmed=confirmed, zone=node.site.zone, remarks=False, known=known, bedside=True)


def _ends(facts: FactSet, dictionary: Dictionary) -> tuple[Mapping[str, Value], ...]:
    """What is laid over the facts: nothing, or every finding that was reported as above or below a limit at its least, and at its greatest."""
    spans = {name: fact.between for name in OF_SIGNS if (fact := facts.facts.get(name)) is not None and fact.between is not None}
    whole = {name for name in spans if dictionary[name].type == "integer"}
    inner = {name: (ceil(low), floor(high)) if name in whole else (low, high) for name, (low, high) in spans.items()}
    return tuple({name: span[end] for name, span in inner.items()} for end in (0, 1)) if spans else ({},)


def shown_by_itself(node: Node, resources: Found, at: datetime) -> tuple[FactSet, tuple[str, ...]]:
    """What a record without a case says as of `at`, and the signs that it shows by itself."""
    facts = read(resources, at, node.dictionary, zone=node.site.zone, remarks=False, bedside=True)
    found = decide(node.policies.get(POLICY, at), facts.values, subject="", as_of=at, settle=False)
    return facts, tuple(map(str, found.values.get("codes") or ()))


_Over = Mapping[str, Value]


def _graded_with(node: Node, case: Case, facts: FactSet, over: _Over, *, current: bool) -> tuple[_Over, list[_Graded]]:
    """The bounds of each grade with some values laid under and over the facts, and these."""
    return over, [_graded(node, case, scale, {**over, **facts.values}, facts.at, current=current) for scale in SCALES]


def _seen_with(node: Node, case: Case, facts: FactSet, over: _Over, graded: Sequence[_Graded], deciding: Deciding, *, current: bool) -> Seen:
    """What is seen with some values laid over the facts."""
    decision = deciding.decide(POLICY, {**over, **{BOUNDS[one.scale]: one.low for one in graded}})
    return _seen(case, node, replace(facts, values={**over, **facts.values}), decision, graded, next(iter(deciding.made)), current=current)


def _certain(seen: Sequence[Seen]) -> Seen:
    """What is seen whatever a finding within limits is: a saturation below 88 % calls, one below 95 % may be none."""
    first, *others = seen
    levels = {code: min(one.levels[code] for one in seen) for code in first.levels if all(code in one.levels for one in others)}
    return replace(first, levels=levels, absent=frozenset.intersection(*(one.absent for one in seen)), grade_min=min(one.grade_min for one in seen))


def _graded(node: Node, case: Case, scale: Scale, values: Mapping[str, Value], at: datetime, *, current: bool) -> _Graded:
    """The bounds of a grade; a physician's own grade may raise them and never lowers what was seen."""
    found = decide(node.policies.get(scale, at), values, subject=case.case_id, as_of=at, settle=False).values
    low, high = int(found.get("grade_min") or 0), int(found.get("grade_max") or 0)
    standing_grade = case.grades.get(scale) if current else None
    own = standing_grade.confirmed.event.grade if standing_grade is not None and standing_grade.confirmed is not None else 0
    return _Graded(scale, max(low, own), max(high, own))


def _seen(case: Case, node: Node, facts: FactSet, decision: Decision, graded: Sequence[_Graded], sha256: str, *, current: bool) -> Seen:
    levels = {str(code): _level(str(code), facts.values, graded) for code in decision.values.get("codes", ())}
    failures = _failed_product(case, facts.at)
    levels |= {PRODUCT: len(failures)} if failures else {}
    absent = {reason.criterion for reason in decision.reasons if reason.holds is False}
    if current and not look_now.waiting(case, node.site.node):
        absent.add(look_now.LATE)
    if current and not failures:
        absent.add(PRODUCT)
    worst = max((one for one in graded if one.low >= _ALERT), key=lambda one: one.low, default=None)
    return Seen(
        levels,
        frozenset(absent - set(levels)),
        facts.at,
        current,
        worst.scale if worst else None,
        worst.low if worst else 0,
        sha256,
        {code: found for code in levels for found in [_shown_at(case, code, facts, current=current)] if found is not None}
        | ({PRODUCT: max(map(case.learnt_at, failures))} if failures else {}),
    )


def _failed_product(case: Case, at: datetime) -> list[Entry[LateResultRecorded]]:
    """The results, learnt here by a moment, by which a product that was given failed after its release."""
    given = {entry.event.bag for entry in case.infusions}
    batches = [batch for batch in case.batches if batch.released and given & set(batch.released.event.bags)]
    return [entry for batch in batches for entry in batch.failed_late if case.learnt_at(entry) <= at]


def _shown_at(case: Case, code: str, facts: FactSet, *, current: bool) -> datetime | None:
    """When what shows a sign was found last, or when a physician graded it; None where no finding names its moment."""
    read = (facts.facts.get(name) for name in SHOWN_BY.get(code, ()))
    moments = [fact.at for fact in read if fact is not None and fact.at is not None and fact.name in facts.values]
    scales = [scale for scale, sign in _OF_SCALE.items() if sign == code] if current else []
    confirmed = [case.grades[scale].confirmed for scale in scales if scale in case.grades]
    return max([*moments, *(entry.origin.at for entry in confirmed if entry is not None)], default=None)


def _level(code: str, values: Mapping[str, Value], graded: Sequence[_Graded]) -> int:
    """How high a sign stands: the highest possible grade, the number of vasopressors, the rank of the device or finding; 1 where nothing is counted."""
    by_scale = {_OF_SCALE[one.scale]: one.high for one in graded}
    if code in by_scale:
        return by_scale[code]
    if code == "RR-VASOPRESSOR":
        return max(1, _number(values.get("vasopressors")))
    if code in _COUNTED:
        return max(1, _COUNTED[code](values))
    fact = _BY_RANK.get(code, "")
    order, found = RANKED.get(fact, ()), values.get(fact)
    return max(1, order.index(found)) if isinstance(found, str) and found in order else 1


def _number(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0


#: The finding whose rank says how high a sign stands.
_BY_RANK: Mapping[str, str] = {"RR-OXYGEN": "oxygen_device", "RR-AROUSAL": "arousal", "RR-SEIZURE": "seizure", "RR-ICP": "cerebral_edema"}
#: How high signs stand that are counted: percent below 90, points that the ICE score fell, points of CAPD above 8, the grade of IEC-HS.
_COUNTED: Mapping[str, Callable[[Mapping[str, Value]], int]] = {
    "RR-SATURATION": lambda values: 90 - min(_number(values[name]) for name in SHOWN_BY["RR-SATURATION"] if values.get(name) is not None),
    "RR-ICE-FALL": lambda values: _number(values.get("ice_drop_24h")),
    "RR-CAPD": lambda values: _number(values.get("capd_score")) - 8,
    "RR-IECHS": lambda values: _number(values.get("iec_hs_grade")),
}
