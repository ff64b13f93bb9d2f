"""Packages that arrive in another order than they were sent: what a later one brought is not rolled back by one that was under way for longer.

Main job: `older(node, unit, content, before)` names what of a package a later package of the same sender and case brought already, or took back. What nobody brought
since is filed, and what it tells is told: events say themselves when they happened.

Elsewhere: filing in `transfers.py`; the form of `sent_at` in `arrivals.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import select

from baybridge.base.time import parse_instant
from baybridge.journey.events import PackageReceived, Recorded
from baybridge.node import tables
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


def older(node: Node, unit: Unit, content: packages.Content, before: Sequence[Recorded]) -> frozenset[str]:
    """Type/id, as the sender calls them, of what this package holds or takes back and a later one of its sender brought or took back before."""
    named = {*map(_name, content.resources), *content.gone, *content.corrected}
    return frozenset(named & {name for later in _later(node, unit, content, before) for name in (*map(_name, later.resources), *later.gone)})


def _name(text: str) -> str:
    return packing.reference_of(orjson.loads(text))


def _later(node: Node, unit: Unit, content: packages.Content, before: Sequence[Recorded]) -> Iterator[packages.Content]:
    """The packages of this sender and case that were filed and are newer by what the sender says."""
    sent_at = parse_instant(content.sent_at)
    filed = [item.event for item in before if isinstance(item.event, PackageReceived) and item.event.from_node == content.from_node]
    keys = node.neighbours[content.from_node].signing_keys
    for event in filed:
        if event.sent_at is not None and event.sent_at <= sent_at:
            continue
        signed = unit.connection.execute(select(tables.incoming.c.signed).where(tables.incoming.c.package_id == event.package_id)).scalar()
        payload = packages.check_signed(bytes(signed), keys, packages.SIGNED_TYPE) if signed else None
        found = packages.read_content(payload) if isinstance(payload, bytes) else None
        if isinstance(found, packages.Content) and parse_instant(found.sent_at) > sent_at:
            yield found
