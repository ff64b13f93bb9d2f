"""What a command's laboratory messages must know of orders before the first of them is read: the filler's numbers of orders named by the placer's alone.

Main job: `know_orders(connection, files)`. Nothing is read twice unless some message names an order by the placer's number alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from baybridge.record.feeds.feed import orders_of
from baybridge.record.feeds.hl7v2_fhir import order_id, order_system, placer_system
from baybridge.record.feeds.orders import Orders, PlacerOrder
from baybridge.record.intake.reading import Source, feed_data
from baybridge.record.store.store import get_many
from baybridge.record.store.tables import search_value

#: An OBR with a placer's number and no filler's, whatever its field separator is.
_PLACER_ALONE = re.compile(rb"(?:^|[\r\n])OBR([^0-9A-Za-z\s])(?:(?!\1)[^\r\n])*\1(?:(?!\1)[^\r\n])+\1(?:\1|[\r\n]|$)")
_PORTION = 300


def know_orders(connection: Connection, files: Sequence[Source]) -> None:
    """Fill in `Source.orders` of each file: what all files of the command and what was filed before say of the orders that are asked for."""
    data = [(file, found) for file in files if (found := feed_data(file)) is not None]
    if not any(_PLACER_ALONE.search(found) for _, found in data):
        return
    known = Orders()
    for file, found in data:
        known.add(orders_of(found, file.feed))
    for order, filler in _filed(connection, sorted(known.asked)):
        known.note(order, filler)
    for file, _ in data:
        file.orders.add(known)


def _filed(connection: Connection, asked: Sequence[PlacerOrder]) -> Iterator[tuple[PlacerOrder, str]]:
    """The filler's numbers of reports that were filed under a placer's number, of the same patient and about the same."""
    table = search_value
    for start in range(0, len(asked), _PORTION):
        some = asked[start : start + _PORTION]
        mine = (table.c.type == "DiagnosticReport", table.c.param == "identifier", table.c.value.in_({order.number for order in some}))
        rows = connection.execute(select(table.c.id, table.c.system, table.c.value).where(*mine)).all()
        reports = get_many(connection, sorted({("DiagnosticReport", row.id) for row in rows}))
        for row in rows:
            version = reports.get(("DiagnosticReport", row.id))
            if version is None or version.deleted:
                continue
            for order in (one for one in some if (placer_system(one.sender), one.number) == (row.system, row.value)):
                yield from ((order, filler) for filler in _numbers(version.resource, order) if order_id(order, filler) == row.id)


def _numbers(report: Mapping[str, Any], order: PlacerOrder) -> Iterator[str]:
    system = order_system(order.sender)
    yield from (str(item["value"]) for item in report.get("identifier") or () if item.get("system") == system and item.get("value"))
