"""What a payer works on at this node: its cases, and everything that waits for it.

Main job: `cases_of(node, payer)` and `worklist(node, payer)`, from the events of the cases in which the payer has a part.

Only cases with an event of money are read. Elsewhere: what waits in one case in `funding/payer/worklist.py`.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.documents.timing import TimeLimits
from baybridge.funding.payer.worklist import Item, Terms, order, payers_in, waiting
from baybridge.journey.case import Case, fold
from baybridge.journey.events import ClaimSubmitted, PackageReceived, PreauthorisationRequested, QuoteIssued
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams

if TYPE_CHECKING:
    from baybridge.node.node import Node

_TYPES = tuple(kind.__name__ for kind in (QuoteIssued, PreauthorisationRequested, ClaimSubmitted, PackageReceived))


def terms_of(node: Node) -> Terms:
    """Plans, agreements and time limits of this node."""
    documents = node.documents.typed
    return Terms(documents.plans, documents.the(TimeLimits).rows, node.site.zone, today(node))


def cases_of(node: Node, payer: str) -> list[Case]:
    """The cases in which a payer has a part."""
    with node.storage.reading() as connection:
        return cases_in(node, connection, payer)


def cases_in(node: Node, connection: Connection, payer: str) -> list[Case]:
    """The same, in a database that is open."""
    names = streams.cases_with(connection, _TYPES)
    found = (fold((decode_stored(stored) for stored in streams.read(connection, name)), name) for name in names)
    return [case for case in found if payer in payers_in(case, node.documents.typed.plans)]


def worklist(node: Node, cases: list[Case], payer: str) -> list[Item]:
    """What waits for a payer in these cases, what is due first first."""
    terms = terms_of(node)
    return sorted((item for case in cases for item in waiting(case, payer, terms)), key=order)


def today(node: Node) -> date:
    """The date at this node."""
    return node.now().astimezone(node.site.zone).date()
