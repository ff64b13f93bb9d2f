"""Which findings a grade reads, and which values of them may raise it.

Main job: `RAISES`: by scale and finding, whether a value of it may raise the grade.

**Source**: Lee DW et al. BBMT 2019;25:625-638, Tables 2, 6 and 7; the limit of pressure as in `data/facts/bedside.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from baybridge.journey.events import Scale
from baybridge.policy.language.types import Value


def _at_least(value: Value, least: float) -> bool:
    return isinstance(value, int | float) and value >= least


RAISES: Mapping[Scale, Mapping[str, Callable[[Value], bool]]] = {
    "crs-astct-2019": {
        "temperature": lambda value: _at_least(value, 38.0),
        "hypotension": lambda value: value != "none",
        "systolic_pressure": lambda value: not _at_least(value, 90),
        "vasopressors": lambda value: _at_least(value, 1),
        "vasopressin": bool,
        "oxygen_device": lambda value: value != "none",
        "oxygen_flow": lambda value: isinstance(value, int | float) and value > 0,
    },
    "icans-astct-2019": {
        "ice_score": lambda value: not _at_least(value, 10),
        "capd_score": lambda value: _at_least(value, 1),
        "arousal": lambda value: value != "spontaneous",
        "seizure": lambda value: value != "none",
        "deep_focal_motor_weakness": bool,
        "cerebral_edema": lambda value: value != "none",
        "raised_icp_sign": bool,
    },
}
