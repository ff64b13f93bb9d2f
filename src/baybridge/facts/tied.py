"""Values of one moment that differ: at the bedside the worse one counts, and the others are told.

Main job: `settled(measurements, dictionary, said)`: the measurements without those beside which a worse one of the same fact and moment stands, these others, and
what nobody settled; `said_right(case, dictionary)`, what persons said is right; `worse(fact, value, than, explaining)`.

A round that was typed by the minute and a monitor may say two things of one moment, and so may two rounds. Which of them is right nobody knows; what was seen calls, and
somebody is asked (`node/watch/asking.py`). Who confirms one of them by its source (`ConfirmFinding`) settles it, and so does an entry or a result that is put right.
**Source**: contract K1; that the worse value stands until then is a convention of this project. Elsewhere: what is read for eligibility, fitness and money keeps the rule
of the facts contract (`reading.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from baybridge.documents.fact_reading import Explains
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.fhir import Found, name_of
from baybridge.facts.looks import makes_less
from baybridge.facts.measurement import Measurement, State, filed_at
from baybridge.journey.case import Case
from baybridge.journey.events import FindingConfirmed
from baybridge.policy.language.types import Value

#: Answers in the order in which they are worse. Source: Lee DW et al. BBMT 2019;25:625-638, Tables 2 and 6.
RANKED: Mapping[str, tuple[str, ...]] = {
    "hypotension": ("none", "untreated", "fluids", "vasopressor"),
    "oxygen_device": ("none", "blow_by", "nasal_cannula", "face_mask", "venturi", "non_rebreather", "high_flow_nasal_cannula", "cpap", "bipap", "intubated"),
    "arousal": ("spontaneous", "voice", "tactile", "unarousable"),
    "seizure": ("none", "resolves_rapidly", "prolonged", "repetitive"),
    "cerebral_edema": ("none", "focal", "diffuse"),
}  # fmt: skip
_HIGHER = frozenset({"temperature", "vasopressors", "oxygen_flow", "capd_score", "iec_hs_grade"})
_LOWER = frozenset({
    "oxygen_saturation", "arterial_oxygen_saturation", "systolic_pressure", "mean_arterial_pressure",
    "ice_score", "ice_orientation", "ice_naming", "ice_command", "ice_writing", "ice_attention",
})  # fmt: skip
_FOUND = frozenset({"vasopressin", "deep_focal_motor_weakness", "raised_icp_sign"})
#: Of these a value may be bad on either side: the later entered counts, and every one is looked at (`node/watch/asking.py`).
_EITHER = frozenset({"heart_rate", "respiratory_rate", "diastolic_pressure"})


class SaidRight(NamedTuple):
    """What a person said is right of a fact: the source of the value, the value, and when it was said."""

    fact: str
    source: str
    value: Value
    said_at: datetime


#: When what a source says came in; None where nobody knows.
CameAt = Callable[[str], datetime | None]


def _not_known(_: str) -> datetime | None:
    return None



@dataclass(frozen=True, slots=True)
class Tied:
    """Values of one fact and moment that differ, and nobody said which is right: the one that counts, and the others."""

    counts: Measurement
    others: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """The measurements that count, those of a moment of which another value counts, and where somebody is asked which of them is right."""

    measurements: Sequence[Measurement]
    others: tuple[Measurement, ...] = ()
    ties: tuple[Tied, ...] = ()


def settled(measurements: Sequence[Measurement], dictionary: Dictionary, said: Sequence[SaidRight] = (), came_at: CameAt = _not_known) -> Settled:
    """What counts of values of one moment: the one that a person said is right, else the worse. A value that came after what was said is asked about anew."""
    by_moment: dict[tuple[str, datetime], list[Measurement]] = {}
    explaining = dictionary.explaining
    for one in measurements:
        if _is_ranked(one, explaining):
            by_moment.setdefault((one.fact.name, one.at), []).append(one)
    others: list[Measurement] = []
    ties: list[Tied] = []
    for of_one in by_moment.values():
        if len(of_one) == 1:
            continue
        ordered = sorted(of_one, key=lambda one: one.order)
        right = _right(ordered, said, came_at)
        counts = right or max(ordered, key=lambda one: (_least(one, explaining), one.order))
        differing = tuple(one for one in ordered if (one.value, one.between) != (counts.value, counts.between))
        others += differing
        ties += [Tied(counts, differing)] if differing and right is None else []
    gone = {id(one) for one in others}
    return Settled([one for one in measurements if id(one) not in gone] if gone else measurements, tuple(others), tuple(ties))


def said_right(case: Case | None, dictionary: Dictionary) -> list[SaidRight]:
    """What persons said is right who may state it, by the source of the value, the last word last: what was said here goes before what was told."""
    entries = sorted(case.of(FindingConfirmed), key=lambda entry: not entry.origin.told) if case is not None else []
    known = [one for one in entries if one.event.fact in dictionary and one.origin.role in dictionary[one.event.fact].stated_by]
    return [SaidRight(one.event.fact, one.event.basis, one.event.value, one.origin.recorded_at) for one in known if says_which(one.event)]


def coming_in(found: Found, case: Case | None) -> CameAt:
    """When entries of the case were recorded, and resources of the record filed."""

    def came_at(source: str) -> datetime | None:
        kind, _, name = source.partition("/")
        if kind == "Event":
            return next((entry.origin.recorded_at for entry in case.entries if entry.origin.event_id == name), None) if case is not None else None
        return next((filed_at(one) for one in found.of("Observation") if name_of(one) == source), None)

    return came_at


def says_which(event: FindingConfirmed) -> bool:
    """Whether a confirmation names one value of the record or of a round as right."""
    return event.basis.startswith(("Event/", "Observation/"))


def _right(of_one: Sequence[Measurement], said: Sequence[SaidRight], came_at: CameAt) -> Measurement | None:
    """The value of a moment that a person said is right; None where nobody did, where it reads otherwise since, or where another value came since."""
    for word in reversed(said):
        for one in of_one:
            if (one.fact.name, one.source) == (word.fact, word.source) and one.value == word.value and one.between is None:
                came = [came_at(other.source) for other in of_one if other is not one and other.value != one.value]
                return one if all(at is not None and at <= word.said_at for at in came) else None
    return None


def worse(fact: str, value: Value, than: Value, explaining: Mapping[str, Explains]) -> bool:
    """Whether a value of a finding is worse than another; of an answer, whether it makes less of no finding while the other does."""
    return severity(fact, value, explaining) > severity(fact, than, explaining)


def severity(fact: str, value: Value, explaining: Mapping[str, Explains]) -> float:
    """How bad a value is beside others of its fact; 0 where nobody can tell."""
    if isinstance(value, str) and fact in RANKED:
        return float(RANKED[fact].index(value)) if value in RANKED[fact] else 0.0
    if isinstance(value, bool | str):
        return float(value is True) if fact in _FOUND else float(fact in explaining and not makes_less(value, explaining[fact]))
    if not isinstance(value, int | float):
        return 0.0
    return float(value) if fact in _HIGHER else -float(value) if fact in _LOWER else 0.0


def _is_ranked(one: Measurement, explaining: Mapping[str, Explains]) -> bool:
    name = one.fact.name
    known = name in RANKED or name in _HIGHER | _LOWER | _FOUND | _EITHER or name in explaining
    return known and (one.state is State.EXACT or (one.state is State.BOUND and one.between is not None))


def _least(one: Measurement, explaining: Mapping[str, Explains]) -> float:
    """How bad a measurement is at least, whatever it is within its limits."""
    values: Iterable[Value] = one.between if one.between is not None else (one.value,)
    return min(severity(one.fact.name, value, explaining) for value in values)
