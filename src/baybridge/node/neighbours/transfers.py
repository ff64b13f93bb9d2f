"""Transfers: a sealed package is delivered and answered by a receipt; the other side files it once.

Main job: `deliver` posts what waits until the receiver's receipt stands, `receive` files a package and answers its receipt; the same package again
answers the same receipt. What is not the sender's to say is refused, logged and shown; a case that nobody here knows is held until a person takes it in.
What a package brings and each receipt are written by the same unit of work as a command (`node/work.py`). Named steps lie between, for crash tests.

Elsewhere: whether a transfer may be made is the rule of `Transfer` (`exchange/transfer/sending.py`), packing in `packing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select, update

from baybridge.base import decoding
from baybridge.base.canonical import sha256_hex
from baybridge.base.failures import why
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant
from baybridge.exchange.transfer import sending
from baybridge.exchange.transfer.content import SIGNED, tagged
from baybridge.journey.case import fold
from baybridge.journey.case_messages import PURPOSE as MESSAGES
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import CorrectionReceived, Event, PackageReceived, Recorded, Told, TransferReceived
from baybridge.journey.judged import Judged
from baybridge.node import tables
from baybridge.node.intake.record_times import doubtful_places
from baybridge.node.integrity import things
from baybridge.node.neighbours import arrivals, case_messages, key_changes, order, packing, proposals, refused_packages
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours.references import Sender, led, name_here
from baybridge.node.neighbours.stopping import STOPPED, stopped
from baybridge.node.unit import Filed
from baybridge.node.work import Brought, Work, carry_out
from baybridge.record.fhir.in_error import entered_in_error
from baybridge.record.identity.known import kept
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

EXCHANGE_PATH = "/exchange/packages"
_LOOKED_AT_ONCE = 50  # resources; fewer than the moments that one look goes back to


# --- delivering -----------------------------------------------------------------------------------------------------


def deliver(node: Node) -> int:
    """Post every package that waits; how many receipts came. A failure is kept with its reason and tried again."""
    with node.storage.reading() as connection:
        waiting = connection.execute(
            select(tables.outgoing).where(waits()).order_by(tables.outgoing.c.created_at)
        ).mappings().all()
    return sum(_deliver_one(node, row) for row in waiting if node.retries.is_due(row["package_id"], node.now()))


def waits() -> ColumnElement[bool]:
    """Of a package: it has no receipt, and is still tried."""
    row = tables.outgoing.c
    return row.receipt.is_(None) & row.last_problem.is_distinct_from(STOPPED)


def _deliver_one(node: Node, row: RowMapping) -> bool:
    neighbour = node.neighbours.get(row["to_node"])
    if neighbour is None or node.transport is None or stopped(node, row["package_id"], row["case_id"]):
        return False
    node.step("transfer.before_post")
    try:
        status, answer = node.transport(neighbour, EXCHANGE_PATH, row["sealed"])
    except OSError as problem:
        return _failed(node, row, why(problem))
    node.step("transfer.posted")
    if status != 200:
        if 400 <= status < 500:  # it answered, and will answer the same in a second; an outage is over when it is over
            node.retries.refused(row["package_id"], row["attempts"] + 1, node.now())
        return _failed(node, row, _said(status, answer))
    receipt = packages.read_receipt(answer, neighbour.signers(node.now()))
    if isinstance(receipt, Refusal) or receipt.package_id != row["package_id"] or receipt.content_sha256 != row["content_sha256"]:
        return _failed(node, row, "receipt")
    file_receipt(node, row, answer)
    return True


def _said(status: int, answer: bytes) -> str:
    """Why a receiver did not take a package: its reasons' codes where it gives any, for staff to see."""
    try:
        codes = [str(reason["code"]) for reason in orjson.loads(answer)["reasons"]]
    except (ValueError, KeyError, TypeError):
        codes = []
    named = [code for code in dict.fromkeys(codes) if _CODE.fullmatch(code)][:5]
    return f"HTTP {status} {', '.join(named)}".strip()


_CODE = re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,60}){1,3}")


def _failed(node: Node, row: RowMapping, problem: str) -> bool:
    with node.unit() as unit:
        where = tables.outgoing.c.package_id == row["package_id"]
        unit.connection.execute(update(tables.outgoing).where(where).values(attempts=row["attempts"] + 1, last_problem=problem))
    return False


def problems_of(connection: Connection, case_id: str) -> dict[str, str]:
    """By package of a case that waits: what became of the last try, in the codes that the receiver gave."""
    row = tables.outgoing.c
    mine = select(row.package_id, row.last_problem).where(row.case_id == case_id, row.receipt.is_(None), row.last_problem.is_not(None))
    return {row.package_id: row.last_problem for row in connection.execute(mine)}


def file_receipt(node: Node, row: RowMapping, signed: bytes) -> None:
    """Keep a receipt and say in the case that it came; a second receipt changes nothing."""
    with node.unit() as unit:
        table = tables.outgoing
        fresh = unit.connection.execute(
            update(table).where(table.c.package_id == row["package_id"], table.c.receipt.is_(None)).values(receipt=signed)
        )
        if fresh.rowcount == 0:
            return
        unit.log(things.RECEIPT, row["case_id"], things.package_what(unit.pseudonym, "out", row["package_id"]), signed, node.system())
        event = TransferReceived(package_id=row["package_id"], receipt_sha256=sha256_hex(signed))
        carry_out(node, unit, Work(row["case_id"], node.system(), Judged((event,)), len(unit.events(row["case_id"]))))
        unit.step("transfer.receipt_filed")


# --- receiving ------------------------------------------------------------------------------------------------------


def receive(node: Node, sealed: bytes) -> bytes | Refusal:
    """File or hold a package of another node and answer the signed receipt; the same package again answers the same receipt."""
    senders = {name: neighbour.signers(node.now()) for name, neighbour in node.neighbours.items()}
    opened = packages.open_sealed(sealed, (node.keys.sealing, *node.keys.older_sealing), senders, node.site.node)
    if isinstance(opened, Refusal):
        return opened
    content = opened.content
    with node.unit() as unit:
        known = select(tables.incoming).where(tables.incoming.c.package_id == content.package_id)
        row = unit.connection.execute(known).mappings().first()
        if content.from_node not in node.neighbours:  # parted with while the package was opened
            return refuse(Reason("federation.unknown_signer"), category=Category.FORBIDDEN)
        if row is not None:
            return _same(row, opened)
        reasons = arrivals.against(node, unit, content) or proposals.refused(unit, content)
        if not reasons and key_changes.outlived(packages.signer_of(opened.signed), senders[content.from_node], content.sent_at):
            reasons = [Reason("federation.replaced_key", {"node": content.from_node})]
        if reasons:
            refused_packages.note(node, unit, content.case_id, content.from_node, opened.content_sha256, reasons)
            return refuse(*reasons)
        received = _hold(node, unit, opened) if proposals.is_held(node, unit, content) else file(node, unit, opened)
        receipt = _receipt(node, opened, received)
        _keep(unit, opened, receipt, _sender(node, content))
        unit.step("transfer.before_receipt")
        return receipt


def _same(row: RowMapping, opened: packages.Opened) -> bytes | Refusal:
    if row["content_sha256"] != opened.content_sha256:
        return refuse(Reason("federation.package_differs"), category=Category.CONFLICT)
    return bytes(row["receipt"])


def _sender(node: Node, content: packages.Content) -> Actor:
    return Actor(f"node:{content.from_node}", Role.NODE, node.neighbours[content.from_node].site.organisation)


def _hold(node: Node, unit: Unit, opened: packages.Opened) -> Recorded:
    """Keep a package of a case that nobody here has taken in; the case says that it was proposed."""
    content = opened.content
    event = proposals.held(content, opened.content_sha256)
    work = Work(content.case_id, _sender(node, content), Judged((event,)), len(unit.events(content.case_id)))
    return carry_out(node, unit, work).events[0]


def file(node: Node, unit: Unit, opened: packages.Opened) -> Recorded:
    """File a package that was checked: its resources, what it tells, and what follows from both."""
    content = opened.content
    actor = _sender(node, content)
    before = unit.events(content.case_id)
    sender, patient = Sender(content.from_node, node.neighbours[content.from_node].url), content.patient_id or fold(before).patient_id or ""
    older = order.older(node, unit, content, before)
    is_letter = content.purpose == MESSAGES  # what carries a message is no record of the patient; its files are documents of the case
    brought_along = case_messages.filed(node, unit, content, fold(before)) if is_letter else []
    fresh = [] if is_letter else [text for text in content.resources if packing.reference_of(orjson.loads(text)) not in older]
    resources, nowhere = led(unit.connection, sender, fresh, patient, node.fhir_bases)
    gone = [name_here(unit.connection, sender, name) for name in content.gone if name not in older]
    filed = _file_resources(node, unit, content, resources, gone, actor)
    unit.step("transfer.resources_filed")
    doubtful = doubtful_places(unit.connection, filed, unit.at)
    brought = Brought(content.from_node, tuple(filed))
    judged = Judged((*_arrived(opened, before, nowhere, doubtful, older), *brought_along))
    return carry_out(node, unit, Work(content.case_id, actor, judged, len(before), brought=brought)).events[0]


def _arrived(
    opened: packages.Opened, before: Sequence[Recorded], nowhere: tuple[str, ...], doubtful: tuple[str, ...], older: frozenset[str]
) -> list[Event]:
    """What the case says of a package: that it came with what it told, what of it had come in a later one, and each correction in it."""
    content = opened.content
    received = PackageReceived(
        package_id=content.package_id,
        from_node=content.from_node,
        purpose=content.purpose,
        route=content.route,
        content_sha256=opened.content_sha256,
        resources=len(content.resources),
        told=tuple(_fresh(content, before)),
        nowhere=nowhere,
        doubtful_times=doubtful,
        sent_at=parse_instant(content.sent_at),
        older=tuple(sorted(older)),
    )
    named = [name for name in content.corrected if name not in older] if content.kind == packages.CORRECTION else ()
    return [received, *(CorrectionReceived(from_node=content.from_node, resource=name, package_id=content.package_id) for name in named)]


def _fresh(content: packages.Content, before: Sequence[Recorded]) -> Iterator[Told]:
    """What a package tells beyond what this case knows: else each package would hold the whole case again, and reading it would take longer with each."""
    own = {item.event_id for item in before}
    heard = {told.event_id: told for item in before if isinstance(item.event, PackageReceived) for told in item.event.told}
    for item in content.told:
        known = heard.get(item["event_id"])
        told = decoding.convert(item, Told) if item["event_id"] not in own else None
        if told is not None and (known is None or known.event != told.event or (told.signature and not known.signature)):
            yield told


def _receipt(node: Node, opened: packages.Opened, received: Recorded) -> bytes:
    return packages.make_receipt(
        packages.Receipt(
            package_id=opened.content.package_id,
            content_sha256=opened.content_sha256,
            from_node=opened.content.from_node,
            to_node=node.site.node,
            received_at=received.at.isoformat(),
        ),
        node.keys.signing,
    )


def _keep(unit: Unit, opened: packages.Opened, receipt: bytes, actor: Actor) -> None:
    row = {
        "package_id": opened.content.package_id,
        "case_id": opened.content.case_id,
        "from_node": opened.content.from_node,
        "received_at": unit.at.isoformat(),
        "content_sha256": opened.content_sha256,
        "signed": opened.signed,
        "receipt": receipt,
    }
    unit.connection.execute(insert(tables.incoming).values(row))
    what_of = things.package_what(unit.pseudonym, "in", opened.content.package_id)
    unit.log(things.PACKAGE, opened.content.case_id, what_of, things.package(row), actor)
    unit.log(things.RECEIPT, opened.content.case_id, what_of, receipt, actor)


def _file_resources(node: Node, unit: Unit, content: packages.Content, resources: Sequence[dict[str, object]], gone: Sequence[str], actor: Actor) -> list[str]:
    """Store the resources of a package, each tagged with its origin, and mark as entered in error what its source no longer stands by; their names here.

    What this node, or another that sent it directly, is the source of is neither overwritten by a copy that comes back nor withdrawn.
    """
    site, named = node.neighbours[content.from_node].site, [(packing.reference_of(one), one) for one in resources]
    here = _Here(content.from_node, store.get_many(unit.connection, list(dict.fromkeys(_key(name) for name in (*(name for name, _ in named), *gone)))))
    for name, resource in named:
        if here.is_senders(name):
            # a package that leaves out who a person is takes nothing away
            whole = kept(resource, here.living[name]) if resource["resourceType"] == "Patient" and name in here.living else resource
            here.put(name, sending.mark_received(whole, site, content.route))
    for name in gone:
        if here.is_senders(name) and here.stands.get(name):
            here.put(name, entered_in_error(here.stands[name]))
    _put(unit, content, here.to_put, actor)
    return [*(name for name, _ in named), *gone]


class _Here:
    """What stands here of the resources that a package brings, as it goes through them: it may bring one twice."""

    def __init__(self, sender: str, held: Mapping[store.Key, store.Version]) -> None:
        self._sender = sender
        self.stands = {version.reference: version.resource for version in held.values()}
        self.living = {version.reference: version.resource for version in held.values() if not version.deleted}
        self.to_put: list[dict[str, object]] = []

    def is_senders(self, name: str) -> bool:
        """Whether nothing of that name stands here, or what the sender is the source of."""
        return name not in self.stands or self._sender in tagged(self.stands[name], SIGNED)

    def put(self, name: str, resource: dict[str, object]) -> None:
        """This resource is to be filed."""
        self.stands[name] = self.living[name] = resource
        self.to_put.append(resource)


def _key(name: str) -> store.Key:
    kind, _, logical_id = name.partition("/")
    return kind, logical_id


def _put(unit: Unit, content: packages.Content, resources: Sequence[dict[str, object]], actor: Actor) -> None:
    """Store a version of each and log those that are new; the case is looked at for so many together."""
    changed = [version for version in store.put_many(unit.connection, resources, at=unit.at) if version.change != "unchanged"]
    for version in changed:
        unit.log(things.RECORD, content.case_id, things.version_what(unit.pseudonym, version), version.body, actor)
    parts = (tuple(changed[at : at + _LOOKED_AT_ONCE]) for at in range(0, len(changed), _LOOKED_AT_ONCE))
    unit.filed += [Filed(part, f"package from {content.from_node}", content.case_id, content.from_node) for part in parts]
