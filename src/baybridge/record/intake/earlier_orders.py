"""What a command's laboratory messages must know of orders before the first of them is read: under which number each stands here already.

Main job: `know_orders(connection, files)`. Nothing is read twice unless some message names an order by the placer's number alone, or an order was once filed so.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, exists, select

from baybridge.record.feeds.feed import orders_of
from baybridge.record.feeds.hl7v2_fhir import order_id, order_system, placer_system
from baybridge.record.feeds.orders import Order, Orders
from baybridge.record.identity.documents import is_placeholder
from baybridge.record.intake.reading import Source, feed_data
from baybridge.record.store.store import get_many
from baybridge.record.store.tables import search_value

#: A segment that names an order, its field separator and its fields.
_SEGMENT = re.compile(rb"(?:^|[\r\n])(?:OBR|ORC)([^0-9A-Za-z\s])([^\r\n]*)")
_PORTION = 300
_REPORT = "DiagnosticReport"


def know_orders(connection: Connection, files: Sequence[Source]) -> None:
    """Fill in `Source.orders` of each file: what all files of the command and what was filed before say of its orders."""
    data = [(file, found) for file in files if (found := feed_data(file)) is not None]
    said = _Said()
    for _, found in data:
        said.look(found)
    if not said.by_placer_alone and not _filed_by_placer(connection, said.placers) and not _has_two_numbers(connection, said.fillers):
        return
    known = Orders()
    for file, found in data:
        known.add(orders_of(found, file.feed))
    _begun(connection, known)
    _under(connection, known)
    for order, filler in _filed(connection, sorted(known.asked)):
        known.fillers.setdefault(order, set()).add(filler)
    for file, _ in data:
        file.orders.add(known)


# --- whether anything has to be known ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Said:
    """The numbers of a command's messages, before any is read: `placers` that came with a filler's, `fillers`, and whether a placer's came alone."""

    placers: set[str] = field(default_factory=set)
    fillers: set[str] = field(default_factory=set)
    by_placer_alone: bool = False

    def look(self, data: bytes) -> None:
        for found in _SEGMENT.finditer(data):
            parts = [part.partition(b"^")[0].strip().decode("latin-1") for part in found[2].split(found[1], 3)[1:3]]
            placer, filler = ("" if is_placeholder(part) else part for part in (*parts, "", "")[:2])
            if filler:
                self.fillers.add(filler)
            if filler and placer and filler != placer:
                self.placers.add(placer)
            self.by_placer_alone |= bool(placer and not filler)


def _filed_by_placer(connection: Connection, placers: Collection[str]) -> bool:
    """Whether a report stands under one of these numbers of a placer as its own."""
    found = {(row.id, row.value, row.system.rpartition(":")[2]) for row in named_by(connection, placers)}
    return any((name, value, "order") in found for name, value, system in found if system == "placer")


def _has_two_numbers(connection: Connection, fillers: Collection[str]) -> bool:
    """Whether a report that has one of these numbers has another beside it."""
    beside = search_value.alias("beside")
    other = exists().where(
        beside.c.type == _REPORT, beside.c.id == search_value.c.id, beside.c.param == "identifier",
        beside.c.system == search_value.c.system, beside.c.value != search_value.c.value,
    )  # fmt: skip
    return any(connection.execute(_of_numbers(some).where(other).limit(1)).first() for some in _portions(sorted(fillers)))


def named_by(connection: Connection, numbers: Collection[str]) -> Iterator[Row[Any]]:
    """Id of each report that has one of these numbers, with the system and value of the number."""
    for some in _portions(sorted(numbers)):
        yield from connection.execute(_of_numbers(some)).all()


def _of_numbers(some: Sequence[str]) -> Any:
    table = search_value
    return select(table.c.id, table.c.system, table.c.value).where(
        table.c.type == _REPORT, table.c.param == "identifier", table.c.value.in_(some)
    )


def _portions(numbers: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (numbers[start : start + _PORTION] for start in range(0, len(numbers), _PORTION))


# --- what was filed -----------------------------------------------------------------------------------------------------


def _begun(connection: Connection, known: Orders) -> None:
    """Orders that stand here under the placer's number, with the filler's that came since or comes now, where there is one alone."""
    orders = {order_id(order): order for order in {*known.fillers, *known.asked}}
    reports = get_many(connection, sorted((_REPORT, name) for name in orders))
    for name, order in orders.items():
        version = reports.get((_REPORT, name))
        if version is None or version.deleted:
            continue
        numbers = set(_numbers(version.resource, order))
        others = numbers - {order.number} or known.fillers.get(order, set())
        if order.number in numbers and _is_by_placer(version.resource, order) and len(others) < 2:  # of two nobody guesses which it is
            known.begun[order] = next(iter(others), "")


def _under(connection: Connection, known: Orders) -> None:
    """Orders named by the filler's number that stand here under another."""
    by_number: dict[str, list[Order]] = {}
    for order in known.named:
        by_number.setdefault(order.number, []).append(order)
    rows = list(named_by(connection, by_number))
    reports = get_many(connection, sorted({(_REPORT, row.id) for row in rows}))
    for row in rows:
        version = reports.get((_REPORT, row.id))
        if version is None or version.deleted:
            continue
        for order in (one for one in by_number[row.value] if row.system == order_system(one.sender)):
            for other in _numbers(version.resource, order):
                if other != order.number and order_id(order._replace(number=other)) == row.id:
                    known.under[order] = other


def _filed(connection: Connection, asked: Sequence[Order]) -> Iterator[tuple[Order, str]]:
    """The filler's numbers of reports that were filed under a placer's number, of the same patient and about the same."""
    rows = list(named_by(connection, {order.number for order in asked}))
    reports = get_many(connection, sorted({(_REPORT, row.id) for row in rows}))
    for row in rows:
        version = reports.get((_REPORT, row.id))
        if version is None or version.deleted:
            continue
        for order in (one for one in asked if (placer_system(one.sender), one.number) == (row.system, row.value)):
            yield from (
                (order, filler) for filler in _numbers(version.resource, order) if order_id(order._replace(number=filler)) == row.id
            )


def _is_by_placer(report: Mapping[str, Any], order: Order) -> bool:
    """Whether the placer's number of a report is this one: a filler's number may look the same and name another order."""
    system = placer_system(order.sender)
    return any((item.get("system"), item.get("value")) == (system, order.number) for item in report.get("identifier") or ())


def _numbers(report: Mapping[str, Any], order: Order) -> Iterator[str]:
    system = order_system(order.sender)
    yield from (str(item["value"]) for item in report.get("identifier") or () if item.get("system") == system and item.get("value"))
