"""The document of clocks and limits, as this part reads it.

Main job: `limits(situation)`, the parsed `data/pathways/cold-chain.yaml` with a site's own file laid over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baybridge.journey.command import Situation

COLD_CHAIN = "cold-chain"
PATHWAY = "standard"


def limits(situation: Situation) -> Mapping[str, Any]:
    """Temperature limits of cells on their way."""
    return situation.documents("pathways")[COLD_CHAIN]


def fresh_clock(situation: Situation) -> Mapping[str, Any]:
    """The clock of fresh cells, the same that the tasks show: `amber_h`, `red_h`, `stop_h`."""
    clock: Mapping[str, Any] = situation.documents("pathways")[PATHWAY]["alarms"]["fresh_cells"]
    return clock
