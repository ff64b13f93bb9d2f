"""What a payer works on at this node: its cases, and everything that waits for it.

Main job: `parts_of(node, connection, payer)`, one `PayerCase` for each case in which the payer has a part; `with_grounds` adds what somebody typed in an appeal.

What was worked out with a case's tasks is read from `payer_case`; where something happened since, the case itself is. Elsewhere: what waits in one case in
`funding/payer/worklist.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, delete, insert, select

from baybridge.base import decoding
from baybridge.documents.timing import TimeLimits
from baybridge.funding.payer.worklist import Item, Terms, order, payers_in, state_of, waiting
from baybridge.journey.case import Case, fold
from baybridge.journey.events import ClaimSubmitted, PackageReceived, PreauthorisationRequested, QuoteIssued
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams
from baybridge.node import tables

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_TYPES = tuple(kind.__name__ for kind in (QuoteIssued, PreauthorisationRequested, ClaimSubmitted, PackageReceived))
_ITEMS = decoding.decoder(tuple[Item, ...])
#: Work that somebody gave grounds for; they stand in the case alone, which the law may have erased.
_WITH_GROUNDS = frozenset({"appeal", "preauthorisation_appeal"})


@dataclass(frozen=True, slots=True)
class PayerCase:
    """A case in which a payer has a part: what became of it, and what waits, without grounds."""

    case_id: str
    product: str | None
    synthetic: bool
    state: str
    items: tuple[Item, ...]


def terms_of(node: Node) -> Terms:
    """Plans, agreements and time limits of this node."""
    documents = node.documents.typed
    return Terms(documents.plans, documents.the(TimeLimits).rows, node.site.zone, today(node))


def keep(node: Node, unit: Unit, case: Case) -> None:
    """Bring a case's rows up to date: one for each payer that has a part in it."""
    row, connection = tables.payer_case, unit.connection
    terms = terms_of(node)
    wanted = {payer: _row(case, payer, terms) for payer in payers_in(case, terms.plans)}
    mine = row.c.case_id == case.case_id
    before = {item["payer"]: dict(item) for item in connection.execute(select(row).where(mine)).mappings()}
    if before == wanted:
        return
    connection.execute(delete(row).where(mine))
    if wanted:
        connection.execute(insert(row), list(wanted.values()))


def _row(case: Case, payer: str, terms: Terms) -> dict[str, object]:
    found = _part(case, payer, terms)
    return {"payer": payer, "case_id": case.case_id, "state": found.state, "waiting": msgspec.json.encode(found.items)}


def _part(case: Case, payer: str, terms: Terms) -> PayerCase:
    items = tuple(replace(item, grounds="") for item in waiting(case, payer, terms))
    return PayerCase(case.case_id, case.product, case.synthetic, state_of(case, payer), items)


def parts_of(node: Node, connection: Connection, payer: str) -> list[PayerCase]:
    """A payer's part in each of its cases, by case."""
    row, index = tables.payer_case.c, tables.case_index.c
    kept = select(row.case_id, index.product, index.synthetic, row.state, row.waiting).join(tables.case_index, index.case_id == row.case_id)
    found = [
        PayerCase(one.case_id, one.product, one.synthetic, one.state, _ITEMS.decode(one.waiting))
        for one in connection.execute(kept.where(row.payer == payer, index.tasks_stale.is_(False)))
    ]
    return sorted([*found, *_changed(node, connection, payer)], key=lambda one: one.case_id)


def _changed(node: Node, connection: Connection, payer: str) -> Iterator[PayerCase]:
    """The same of the cases where something happened since their tasks were worked out."""
    index, terms = tables.case_index.c, terms_of(node)
    stale = connection.execute(select(index.case_id).where(index.tasks_stale)).scalars().all()
    for case_id in streams.cases_with(connection, _TYPES, among=stale):
        case = node.case_memory.case(streams.read(connection, case_id))
        if case is not None and payer in payers_in(case, terms.plans):
            yield _part(case, payer, terms)


def cases_of(node: Node, payer: str) -> list[Case]:
    """The cases themselves in which a payer has a part."""
    with node.storage.reading() as connection:
        names = [one.case_id for one in parts_of(node, connection, payer)]
        return [fold((decode_stored(stored) for stored in streams.read(connection, name)), name) for name in names]


def worklist(parts: Iterable[PayerCase]) -> list[Item]:
    """What waits in these cases, what is due first first."""
    return sorted((item for one in parts for item in one.items), key=order)


def with_grounds(node: Node, connection: Connection, payer: str, items: Sequence[Item]) -> list[Item]:
    """The same items, those of an appeal with its grounds as the case has them."""
    terms, cases = terms_of(node), dict[str, tuple[Item, ...]]()
    found = []
    for item in items:
        if item.kind in _WITH_GROUNDS and item.case_id not in cases:
            case = node.case_memory.case(streams.read(connection, item.case_id))
            cases[item.case_id] = waiting(case, payer, terms) if case is not None else ()
        same = (one for one in cases.get(item.case_id, ()) if (one.kind, one.plan, one.claim_id) == (item.kind, item.plan, item.claim_id))
        found.append(replace(item, grounds=next((one.grounds for one in same), "")))
    return found


def today(node: Node) -> date:
    """The date at this node."""
    return node.now().astimezone(node.site.zone).date()
