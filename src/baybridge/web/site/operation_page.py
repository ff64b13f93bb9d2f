"""How the node stands, for the administrator: versions, disk, what waits, backups, certificate, clock, neighbours, feeds.

Main job: `OPERATION_DOORS`, among them the packages of this installation with their known faults.

Elsewhere: what is said in `node/upkeep/overview.py`; what must be mended at once stands red on every page of the administrator.
"""

from __future__ import annotations

from starlette.responses import Response

from baybridge.http.doors import Asked, Door
from baybridge.node.upkeep import parts
from baybridge.node.upkeep.overview import Line, overview
from baybridge.web.page.page import Reader, render


def operation(asked: Asked) -> Response:
    """The page."""
    found, reader = overview(asked.node), Reader(asked)
    lines = [(one.level, reader.t(f"overview.{one.name}"), _said(one, reader)) for one in found.lines]
    return render(asked, "operation.html", lines=lines, neighbours=found.neighbours, feeds=found.feeds)


def _said(one: Line, reader: Reader) -> str:
    values = {name: reader.moment(value) if name == "at" and isinstance(value, str) else value for name, value in one.values.items()}
    return reader.t(f"overview.{one.name}.{one.said}", **values)


def packages(asked: Asked) -> Response:
    """Every package with version and licence, and what the advisories of this node's folder say of it."""
    found = parts.parts()
    kept = parts.advisories_in(asked.node.config.folder)
    known: dict[str, list[parts.Fault]] = {}
    for fault in parts.faults(found, kept.advisories) if kept is not None and kept.advisories is not None else ():
        known.setdefault(fault.package, []).append(fault)
    return render(asked, "parts.html", parts=found, kept=kept, faults=known, file=parts.ADVISORIES)


OPERATION_DOORS = (
    Door("/operation", ("GET",), "operation", "operation.read", operation),
    Door("/operation/parts", ("GET",), "operation.parts", "operation.read", packages),
)
