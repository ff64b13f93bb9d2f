"""Packages of neighbours that were refused: kept with every reason, so that staff see who sends what is not theirs.

Main job: `note` once for each content; `listed` for the page. A package that nobody we know signed leaves no trace here: anybody could fill the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, insert, select

from baybridge.base.outcome import Reason
from baybridge.journey.command import Actor, Role
from baybridge.node import tables

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """One refused package: whose, of which case, when, and why."""

    from_node: str
    case_id: str
    at: str
    reasons: tuple[Reason, ...]


def note(node: Node, unit: Unit, case_id: str, from_node: str, content_sha256: str, reasons: Sequence[Reason]) -> None:
    """Keep a refusal and log it; the same content again changes nothing."""
    table = tables.refused_package
    if unit.connection.execute(select(table.c.content_sha256).where(table.c.content_sha256 == content_sha256)).first():
        return
    body = orjson.dumps([reason.as_json() for reason in reasons])
    row = {"content_sha256": content_sha256, "case_id": case_id[:64], "from_node": from_node, "at": unit.at.isoformat(), "reasons": body}
    unit.connection.execute(insert(table).values(row))
    neighbour = node.neighbours.get(from_node)
    actor = Actor(f"node:{from_node}", Role.NODE, neighbour.site.organisation if neighbour else from_node)
    unit.log("refused", case_id[:64], content_sha256, body, actor, "integrity")


def listed(connection: Connection) -> list[RefusedPackage]:
    """The refusals that stand out, the newest first."""
    table = tables.refused_package
    rows = connection.execute(select(table).order_by(table.c.at.desc()).limit(_SHOWN)).mappings()
    return [RefusedPackage(row["from_node"], row["case_id"], row["at"], tuple(map(_reason, orjson.loads(row["reasons"])))) for row in rows]


def _reason(plain: dict[str, object]) -> Reason:
    values = plain.get("values")
    return Reason(str(plain["code"]), values if isinstance(values, dict) else {}, where=str(plain.get("where", "")))
