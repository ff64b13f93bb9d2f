"""Taking a file away that no attachment names: after a refused command or a kill, and after an erasure.

Main job: `settle(unit, case_id, digest)` queues it; `SETTLE` is the consequence that looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from baybridge.journey.events import DocumentAttached, Recorded
from baybridge.node.attachments import files, proposals
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

SETTLE_KIND = "attachment-settle"


def settle(unit: Unit, case_id: str, digest: str, *, after: timedelta = timedelta(0)) -> None:
    """Queue that a content is taken away where no attachment of the case names it then."""
    unit.follow(SETTLE_KIND, case_id, {"sha256": digest}, not_before=unit.at + after if after else None, consequence_id=row_of(case_id, digest))


def row_of(case_id: str, digest: str) -> str:
    """The id of the row that looks at a content."""
    return f"{SETTLE_KIND}/{files.folder_name(case_id)}/{digest}"


def _settle(node: Node, unit: Unit, consequence: Consequence) -> None:
    folder, case_id, digest = node.config.folder, consequence.case_id, str(consequence.body["sha256"])
    files.clear_parts(folder, case_id, digest)
    if digest not in named(unit.events(case_id)):
        files.take_away(folder, case_id, digest)
        proposals.take_away(folder, case_id, digest)


def named(events: Iterable[Recorded]) -> frozenset[str]:
    """The contents that a case's entries name, those that were struck through too; what was erased names nothing."""
    return frozenset(item.event.sha256 for item in events if isinstance(item.event, DocumentAttached))


SETTLE = ConsequenceRow(SETTLE_KIND, Lane.CASE, _settle)
