"""What the flowsheet shows, in order: groups of measurements that share an axis of values.

Main job: `PANELS`, and `gap_of(fact, rules)`, the longest time over which two values of a fact are joined by a line.

What stands on one axis, and what an axis shows at least, is a convention of this project. **Units**: those of the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from baybridge.documents.escalation import Intervals
from baybridge.facts.dictionary import Fact
from baybridge.web.ward.drawing import Frame


@dataclass(frozen=True, slots=True)
class Panel:
    """Facts that stand on one axis; the name is the end of its key among the texts."""

    name: str
    facts: tuple[str, ...]
    frame: Frame


PANELS = (
    Panel("temperature", ("temperature",), Frame(36, 40)),
    Panel("pressure", ("systolic_pressure", "mean_arterial_pressure", "diastolic_pressure"), Frame(40, 160)),
    Panel("pulse", ("heart_rate",), Frame(40, 140)),
    Panel("breathing", ("respiratory_rate",), Frame(8, 32)),
    Panel("saturation", ("oxygen_saturation", "arterial_oxygen_saturation"), Frame(85, 100)),
    Panel("oxygen", ("oxygen_flow",), Frame(0, 10)),
    Panel("ice", ("ice_score",), Frame(0, 10)),
    Panel("capd", ("capd_score",), Frame(0, 32)),
    Panel("crp", ("crp",), Frame(0, 10)),
    Panel("ferritin", ("ferritin",), Frame(logarithmic=True)),
    Panel("interleukin_6", ("interleukin_6",), Frame(logarithmic=True)),
    Panel("neutrophils", ("neutrophils",), Frame(0, 1)),
    Panel("lymphocytes", ("lymphocytes",), Frame(0, 1)),
    Panel("white_cells", ("white_cells",), Frame(0, 1)),
    Panel("platelets", ("platelets",), Frame(0, 100)),
    Panel("hemoglobin", ("hemoglobin",), Frame(40, 140)),
)

#: Findings that are no number: each answer is a row of its own under the charts.
CODED = ("oxygen_device",)

#: Everything that the flowsheet reads.
FACTS = frozenset({*(name for panel in PANELS for name in panel.facts), *CODED})

#: Scores that a round of their own interval asks for.
_SCORES = ("ice_score", "capd_score")
#: A round comes late by half its interval before the line breaks. Convention of this project.
_LATE = 1.5


def gap_of(fact: Fact, rules: Intervals) -> timedelta:
    """What is measured in rounds: half as long again as the interval of a patient without toxicity; any other value: for as long as it is used."""
    if fact.of_the_moment:
        hours = rules.ice_hours_by_icans[0] if fact.name in _SCORES else rules.hours_by_grade[0]
        return timedelta(hours=_LATE * hours)
    return timedelta(hours=fact.max_age_h or 24)
