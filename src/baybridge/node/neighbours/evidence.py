"""The evidence pack of a case, gathered from the node.

Main job: `evidence_pack(node, case_id)`: the log says how many events the case has, a checkpoint is signed over it, then events, proofs, decisions with their
policies, and receipts are packed and signed. Neighbours' co-signatures join as they come. What a message between
organisations says is left out unless somebody attached it; what it holds stands in `exchange/evidence/verify.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Connection, RowMapping, select

from baybridge.base.keys import VerifyKey
from baybridge.exchange.evidence import verify
from baybridge.exchange.evidence.anchor import build_anchor
from baybridge.exchange.signed import sign_document
from baybridge.journey.events import (
    CaseMessageSent,
    CaseMessageShown,
    CaseMessageTaskEnded,
    EntriesNamed,
    PackageReceived,
    PatientAnswered,
    PatientWrote,
    Recorded,
    RequestAnswered,
    RequestMade,
    Told,
)
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.integrity import things
from baybridge.node.neighbours import witnessing

if TYPE_CHECKING:
    from baybridge.node.node import Node


def evidence_pack(node: Node, case_id: str) -> bytes:
    """One file that anyone can verify offline."""
    witnessing.write_head(node, case_id)
    witnessing.sign_checkpoint(node)
    witnessing.ask_cosignatures(node)
    with node.storage.reading() as connection:
        rows = connection.execute(select(tables.decision).where(tables.decision.c.case_id == case_id)).mappings().all()
        texts = {row.sha256: row.text for row in connection.execute(select(tables.policy_text.c.sha256, tables.policy_text.c.text))}
        outgoing = connection.execute(select(tables.outgoing.c.receipt).where(tables.outgoing.c.case_id == case_id)).scalars().all()
        hidden, unread = _not_attached(node.case_memory.events(streams.read(connection, case_id)))
        came = select(tables.incoming.c.package_id, tables.incoming.c.receipt).where(tables.incoming.c.case_id == case_id)
        incoming = [row.receipt for row in connection.execute(came) if row.package_id not in unread]
        decisions = [_decision(connection, row, texts.get(row["policy_sha256"], "")) for row in rows if row["document"]]
        return verify.build(
            connection,
            case_id=case_id,
            subject=node.pseudonym(case_id),
            node=node.site.node,
            card=_card(node),
            key=witnessing.signing_key(node),
            witnesses=_witnesses(node),
            decisions=decisions,
            receipts=[bytes(receipt) for receipt in (*outgoing, *incoming) if receipt],
            made_at=node.now().isoformat(),
            without=hidden,
        )


def _not_attached(events: Sequence[Recorded]) -> tuple[set[str], set[str]]:
    """The events that say what a message says which nobody attached to the evidence, and the packages that brought one; and what patient and team wrote to each other."""
    shown = {item.event.message_id for item in events if isinstance(item.event, CaseMessageShown)}
    hidden = {item.event_id for item in events if isinstance(item.event, CaseMessageSent | CaseMessageTaskEnded) and item.event.message_id not in shown}
    hidden |= {item.event_id for item in events if isinstance(item.event, PatientWrote | PatientAnswered | RequestMade | EntriesNamed | RequestAnswered)}
    packages: set[str] = set()
    for item in events:
        if isinstance(item.event, PackageReceived) and any(_is_hidden(told, shown) for told in item.event.told):
            hidden.add(item.event_id)
            packages.add(item.event.package_id)
    return hidden, packages


def _is_hidden(told: Told, shown: Collection[str]) -> bool:
    return told.event.get("type") == CaseMessageSent.__name__ and told.event.get("message_id") not in shown


def _decision(connection: Connection, row: RowMapping, text: str) -> dict[str, Any]:
    """A decision with its facts and policy, and what its entry in the log covers."""
    source = tables.decision_source.c
    sources = connection.execute(select(source.resource).where(source.sha256 == row["sha256"])).scalars().all()
    facts = bytes(row["facts"])
    told = {"document": orjson.loads(row["document"]), "facts": orjson.loads(facts), "policy": text or None}
    return {**told, "basis": things.basis(dict(row), text, sources), "facts_text": facts.decode()}


def signed_file(node: Node, kind: str, payload: Mapping[str, object]) -> bytes:
    """One document of this node, signed and anchored in its log, that anyone can verify offline with `baybridge verify`."""
    witnessing.sign_checkpoint(node)
    witnessing.ask_cosignatures(node)
    key = witnessing.signing_key(node)
    with node.storage.reading() as connection:
        anchor = build_anchor(connection, node=node.site.node, card=_card(node), key=key, witnesses=_witnesses(node))
    return sign_document(kind, payload, key, anchor)


def _card(node: Node) -> dict[str, object]:
    return {
        "node": node.site.node,
        "organisation": node.site.organisation,
        "jurisdiction": node.site.jurisdiction,
        "signing_keys": list(node.keys.shown.signing_keys),
    }


def _witnesses(node: Node) -> dict[str, list[VerifyKey]]:
    return {name: witnessing.keys_of(neighbour) for name, neighbour in node.neighbours.items()}
