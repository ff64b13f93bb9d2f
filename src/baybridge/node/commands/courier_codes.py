"""One-time codes by which a courier without account confirms that bags were taken over.

Main job: `make(node, actor, case_id, shipment_id)`, a fresh code that is shown once and never again, and `tried(connection, …)`, whether a code that was said is it.

Only a slow hash of a code is kept. A code is for the shipment it was made for and the courier who was named, ends after some minutes (`confirm_within` in
`data/access/people.yaml`) or when it was said wrongly too often; a fresh one ends the one before, and so does naming a courier again (`CODES_END`).
**Source**: contract K3 (expiry); the number of tries is a convention of this project.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import scrypt
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, CodeState
from baybridge.journey.entry import tells
from baybridge.journey.events import CourierNamed
from baybridge.node.commands.table import COMMANDS
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.tables import courier_code as table
from baybridge.supply.couriers import ConfirmCourier, against_code

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_DIGITS = 8
_MOST_TRIES = 5  # convention of this project
_COST, _BLOCK = 2**14, 8  # of the hash: some 50 ms, 16 MiB


@dataclass(frozen=True, slots=True)
class Code:
    """A fresh code as it is shown, and when it ends."""

    shipment_id: str
    code: str
    expires_at: datetime


def make(node: Node, actor: Actor, case_id: str, shipment_id: str) -> Code | Refusal:
    """A fresh code for the courier of a shipment that left from here and was not confirmed; every reason against otherwise."""
    row = COMMANDS[ConfirmCourier.__name__]
    actor = actor.acting(row.roles)
    if actor.role not in row.roles or actor.organisation != node.site.organisation:
        roles = ", ".join(sorted(role.value for role in row.roles))
        return refuse(Reason("access.command", {"command": row.name, "roles": roles, "role": actor.role.value}), category=Category.FORBIDDEN)
    with node.unit() as unit:
        case = node.case(case_id)
        against = tuple(against_code(case, node.site, shipment_id)) if case else (Reason("command.no_case"),)
        if case is None or against:
            return refuse(*against, category=Category.NOT_FOUND if case is None else Category.CONFLICT)
        code = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
        ends, salt = unit.at + node.people.confirmed_within(row.name), secrets.token_bytes(16)
        unit.connection.execute(delete(table).where((table.c.shipment_id == shipment_id) | (table.c.expires_at < unit.at.isoformat())))
        kept = {"shipment_id": shipment_id, "case_id": case_id, "salt": salt, "code_hash": _hash(code, salt), "tries": 0, "expires_at": ends.isoformat()}
        unit.connection.execute(insert(table).values(kept))
        unit.log("courier-code", case_id, shipment_id, canonical_bytes({"shipment_id": shipment_id, "expires_at": ends.isoformat()}), actor, "logistics")
    return Code(shipment_id, code, ends)


def tried(connection: Connection, at: datetime, shipment_id: str, code: str) -> CodeState:
    """Whether this is the shipment's code; asking is a try, kept with the transaction whatever comes of it. The right one works once."""
    row = connection.execute(select(table).where(table.c.shipment_id == shipment_id)).first()
    if row is None:
        return "none"
    state: CodeState = "wrong"
    if at >= datetime.fromisoformat(row.expires_at):
        state = "over"
    elif row.tries >= _MOST_TRIES:
        state = "tries"
    elif hmac.compare_digest(bytes(row.code_hash), _hash("".join(code.split()), bytes(row.salt))):
        state = "right"
    tries = _MOST_TRIES if state == "right" else row.tries + 1  # one that counts no more is a try too: the log covers the row, so that each is an entry
    connection.execute(update(table).where(table.c.shipment_id == shipment_id).values(tries=tries))
    return state


def _hash(code: str, salt: bytes) -> bytes:
    return scrypt(code.encode(), salt=salt, n=_COST, r=_BLOCK, p=1)


def _end(_: Node, unit: Unit, consequence: Consequence) -> None:
    """The codes of shipments for which a courier was named: who was told one before is another."""
    named = [entry.event.shipment_id for entry in unit.case(consequence.case_id).history if tells(entry, CourierNamed) and entry.origin.event_id in consequence.events]
    unit.connection.execute(delete(table).where(table.c.shipment_id.in_(named)))


CODES_END = ConsequenceRow("courier-codes-end", Lane.CASE, _end, after=frozenset({CourierNamed}))
