"""Values of one moment that differ: at the bedside the worse one counts, and the others are told.

Main job: `settled(measurements, dictionary)`: the measurements without those beside which a worse one of the same fact and moment stands, and these others;
`worse(fact, value, than, explaining)`.

A round that was typed by the minute and a monitor may say two things of one moment, and so may two rounds. Which of them is right nobody knows; what was seen calls.
A value that somebody confirmed, and an entry that was put right, settle it. **Source**: contract K1; that the worse value stands until then is a convention of this
project. Elsewhere: what is read for eligibility, fitness and money keeps the rule of the facts contract (`reading.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from baybridge.documents.fact_reading import Explains
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.looks import makes_less
from baybridge.facts.measurement import Measurement, State
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


def settled(measurements: Sequence[Measurement], dictionary: Dictionary) -> tuple[list[Measurement], list[Measurement]]:
    """The measurements that count, and those of a moment of which another value counts."""
    kept: dict[tuple[str, datetime], Measurement] = {}
    explaining, others = dictionary.explaining, []
    usable = [one for one in measurements if _is_ranked(one, explaining)]
    for one in sorted(usable, key=lambda one: one.order):
        key = (one.fact.name, one.at)
        before = kept.get(key)
        if before is None:
            kept[key] = one
            continue
        stays = before if _worse(before, one, explaining) else one
        other = one if stays is before else before
        kept[key] = stays
        others += [other] if (other.value, other.between) != (stays.value, stays.between) else []
    gone = {id(one) for one in others}
    return ([one for one in measurements if id(one) not in gone], others) if others else (list(measurements), [])


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


def _worse(before: Measurement, one: Measurement, explaining: Mapping[str, Explains]) -> bool:
    return _least(before, explaining) > _least(one, explaining)


def _least(one: Measurement, explaining: Mapping[str, Explains]) -> float:
    """How bad a measurement is at least, whatever it is within its limits."""
    values: Iterable[Value] = one.between if one.between is not None else (one.value,)
    return min(severity(one.fact.name, value, explaining) for value in values)
