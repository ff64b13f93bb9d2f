"""Transfers: a package is checked, minimised, signed, sealed, delivered and answered by a receipt; the other side files it once.

Main job: `send` judges and queues in one transaction, `deliver` posts what waits until the receiver's receipt stands, `receive` files a package and answers
its receipt; the same package again answers the same receipt. Named steps lie between, for crash tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from sqlalchemy import insert, select, update

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.exchange import sending
from baybridge.federation import package as packages
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import Event, PackageReceived, Recorded, Told, TransferAllowed, TransferReceived, TransferRefused
from baybridge.journey.stored import event_as_json
from baybridge.ledger import streams
from baybridge.node import handle, reopening, tables
from baybridge.node.commands import COMMANDS
from baybridge.record import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

EXCHANGE_PATH = "/exchange/packages"


# --- sending --------------------------------------------------------------------------------------------------------


def send(node: Node, command: Command) -> handle.Done | Refusal:
    """Judge a transfer; queue the sealed package where it is allowed, keep the refusal with every reason where not."""
    kind = COMMANDS["Transfer"]
    given = handle.read_given(kind, command.given)
    with node.unit() as unit:
        repeated = streams.by_command(unit.connection, command.command_id)
        events = unit.events(command.case_id)
        case = fold(events)
        refusal = handle.may(node, kind, command, case if events else None)
        if refusal is not None:
            return refusal
        if repeated:
            return handle.Done(command.case_id, tuple(item for item in events if item.event_id in repeated))
        if isinstance(given, Refusal):
            return given
        if given.to_node not in node.neighbours:
            known = ", ".join(sorted(node.neighbours))
            return refuse(Reason("exchange.transfer.unknown_node", {"node": given.to_node, "known": known}, where="to_node"), category=Category.INVALID)
        return _judge(node, unit, command, case, given, events)
