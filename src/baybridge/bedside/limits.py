"""The document of clocks and limits, as the bedside reads it.

Main job: `limits(situation)`, the parsed `data/pathways/cold-chain.yaml` with a site's own file laid over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baybridge.journey.command import Situation

COLD_CHAIN = "cold-chain"


def limits(situation: Situation) -> Mapping[str, Any]:
    """Clocks and limits at the bedside."""
    return situation.documents("pathways")[COLD_CHAIN]
