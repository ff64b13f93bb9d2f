"""Writing the downtime pack of a node to its places, and remembering how that went.

Main job: `write(node, to, languages)`; the log of the node says that a pack was made and of how many cases, because whoever has it reads their records.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from baybridge.node.keeping import downtime
from baybridge.node.keeping.downtime import Kept
from baybridge.node.keeping.packing import BackupProblem
from baybridge.node.outage import StorageProblem
from baybridge.web.case.downtime_pack import Pack, pack

if TYPE_CHECKING:
    from baybridge.node.node import Node


def write(node: Node, to: Path | None = None, languages: Sequence[str] = ()) -> Kept:
    """Write a pack to a folder, or to the places of the node's own configuration, which alone are remembered."""
    said, before = node.config.downtime, downtime.last(node.config.folder)
    own = said.languages if said is not None else ("en",)
    places = [to] if to is not None else [place for place in (said.folder, said.second) if place is not None] if said is not None else []
    with downtime.alone(node.config.folder):
        made = pack(node, languages or own)
        key = said.key if said is not None else None
        try:
            problems = downtime.keep(made.files, node.site.node, made.made_at, places, kept=downtime.rules(node).kept, key=key)
        except (OSError, BackupProblem) as problem:
            problems = {"": str(problem)}
        whole = made.made_at if len(problems) < len(places) and "" not in problems else before.made_at
        kept = Kept(made_at=whole, tried_at=made.made_at, patients=len(made.case_ids), problems=problems)
        if to is None:
            with suppress(OSError):  # a full disk of the node: by its age the last one is late then
                downtime.remember(node.config.folder, kept)
    if whole == made.made_at:
        _log(node, made)
    return kept


def _log(node: Node, made: Pack) -> None:
    """The log says which cases a pack held; a database that takes nothing stops no pack."""
    with suppress(StorageProblem), node.unit() as unit:
        unit.log("downtime-pack", "", unit.new_id(), orjson.dumps(sorted(made.case_ids)), node.system())
