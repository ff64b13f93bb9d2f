"""FHIR interactions of a payer's system: its own requests, claims, answers and payments, the patient under a pseudonym, each access logged.

Main job: `read` and `find`, as `node/fhir/interactions.py` has them for staff and patients. A payer finds nothing of other payers, no record, no name.

Elsewhere: what concerns a payer in `exchange/fhir/payer_view.py`. One pseudonym per patient and payer, made with the node's secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, select

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.exchange import PayerView
from baybridge.exchange.fhir import payer_view
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.money.payer import parts_of
from baybridge.record.fhir.wire import write
from baybridge.record.store import store
from baybridge.record.store.search import Pairs, SearchResult, search
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.node.node import Node


def read(node: Node, actor: Actor, found: Version | None) -> Version | Refusal:
    """The version as this payer reads it; refused alike where it is another's and where there is none."""
    view = _view(node)
    if found is None or found.deleted or not payer_view.concerns(found.resource, actor.organisation, view):
        return refuse(Reason("access.relation", {"role": Role.PAYER.value}), category=Category.FORBIDDEN)
    return _seen(node, actor, found, view)


def find(node: Node, actor: Actor, kind: str, given: Pairs) -> SearchResult | Refusal:
    """A page of this payer's own resources of a type."""
    view = _view(node)
    if kind not in payer_view.types_of(view):
        return refuse(Reason("access.relation", {"role": Role.PAYER.value}), category=Category.FORBIDDEN)
    unknown = sorted({name.partition(":")[0][:40] for name, _ in given} - set(view.search))
    if unknown:
        known = ", ".join(sorted(set(view.search)))
        reasons = (Reason("funding.payer.search", {"parameter": name, "known": known}, where=name) for name in unknown)
        return refuse(*reasons, category=Category.INVALID)
    with node.storage.reading() as connection:
        cases = [one.case_id for one in parts_of(node, connection, actor.organisation)]
        own = frozenset(_own(connection, cases, kind, actor.organisation, view))
        result = search(connection, kind, given, only=own)
    if isinstance(result, Refusal):
        return result
    return replace(result, found=tuple(_seen(node, actor, version, view) for version in result.found), included=())


def _own(connection: Connection, cases: list[str], kind: str, payer: str, view: PayerView) -> Iterator[str]:
    """Ids of resources of a type that the events of these cases wrote and that concern the payer."""
    rendered = tables.rendered
    rows = connection.execute(select(rendered.c.resources).where(rendered.c.case_id.in_(cases))).scalars()
    names = dict.fromkeys(name.partition("/")[2] for row in rows for name in orjson.loads(row) if name.startswith(f"{kind}/"))
    versions = store.get_many(connection, [(kind, name) for name in names])
    for version in versions.values():
        if not version.deleted and payer_view.concerns(version.resource, payer, view):
            yield version.id


def _seen(node: Node, actor: Actor, version: Version, view: PayerView) -> Version:
    pseudonym = node.pseudonym(f"{version.patient}|{actor.organisation}")
    return replace(version, body=write(payer_view.seen(version.resource, view, pseudonym)))


def _view(node: Node) -> PayerView:
    return node.documents.typed.the(PayerView)
