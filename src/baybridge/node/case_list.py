"""The cases of a node as one list: where each stands and how far it came, without names.

Main job: `listed(node, stage)`. Elsewhere: the state of one case in `case_state.py`.

**Units**: moments ISO 8601 with offset; `day` counts calendar days of the site's zone since the last infusion, the day of the infusion being 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from baybridge.journey.case import fold
from baybridge.journey.stages import stage_of
from baybridge.node import cases

if TYPE_CHECKING:
    from datetime import datetime

    from baybridge.node.node import Node


class Listed(TypedDict):
    """One case; what is not known, or has not happened, is null."""

    case: str
    patient: str | None
    stage: str
    product: str | None
    opened_at: str | None
    infused_at: str | None
    day: int | None


def listed(node: Node, stage: str | None = None) -> list[Listed]:
    """Every case, those of one stage where it is named, by id."""
    with node.storage.reading() as connection:
        ids = cases.ids(connection)
    found = (_listed(node, case_id) for case_id in sorted(ids))
    return [one for one in found if stage in (None, one["stage"])]


def _listed(node: Node, case_id: str) -> Listed:
    case = fold(node.events(case_id))
    return {
        "case": case_id,
        "patient": case.patient_id or None,
        "stage": stage_of(case).value,
        "product": case.product,
        "opened_at": case.opened.origin.at.isoformat() if case.opened is not None else None,
        "infused_at": case.infused_at.isoformat() if case.infused_at is not None else None,
        "day": _days(node, case.infused_at) if case.infused_at is not None else None,
    }


def _days(node: Node, since: datetime) -> int:
    zone = node.site.zone
    return (node.now().astimezone(zone).date() - since.astimezone(zone).date()).days
