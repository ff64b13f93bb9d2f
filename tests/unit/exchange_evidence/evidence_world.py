"""A small network in memory: a node with two cases, and neighbours that witness it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, create_engine

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.keys import SigningKey
from baybridge.exchange.evidence import verify
from baybridge.exchange.evidence.bound import BASIS_KIND, RECEIPT_KIND
from baybridge.exchange.signed import sign_document
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import heads, keeping, log, streams
from baybridge.ledger.log import Entry
from baybridge.ledger.streams import StoredEvent
from baybridge.ledger.tables import metadata

AT = "2026-03-08T09:00:00+08:00"
POLICY = "id: adult\nwhen: age >= 18\n"


def key(name: str) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(sha256(name.encode()).digest())


def counted() -> Callable[[], bytes]:
    """Salts that differ and repeat in every run."""
    number = iter(range(10**6))
    return lambda: sha256(f"salt {next(number)}".encode()).digest()


def decide(policy: str, facts: Any, subject: str | None, as_of: str | None) -> dict[str, Any]:
    """A stand-in engine that is as strict about its inputs as the real one."""
    return {
        "policy": "adult",
        "policy_sha256": sha256_hex(policy.encode()),
        "subject": subject,
        "as_of": as_of,
        "version": "1",
        "outcome": "eligible" if facts["age"] >= 18 else "ineligible",
        "values": {},
        "reasons": [],
        "missing": [],
        "would_settle": [],
        "sources": [],
    }


@dataclass
class World:
    """A node `hk` with its database; neighbours `mo` and `gd` co-sign."""

    connection: Connection
    node: str = "hk"
    key: SigningKey = field(default_factory=lambda: key("hk"))
    salt: Callable[[], bytes] = field(default_factory=counted)
    neighbours: tuple[str, ...] = ("gd", "mo")
    decisions: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)

    def stamp(self, case_id: str = "", **changes: str) -> Entry:
        subject = self.subject(case_id) if case_id else ""
        told = {"kind": "event", "node": self.node, "organisation": "org", "actor": "acc", "role": "nurse", "purpose": "care", "what": ""}
        return Entry(at=datetime.fromisoformat(AT), subject=subject, **{**told, **changes})

    def subject(self, case_id: str) -> str:
        return log.pseudonym(b"secret of " + self.node.encode(), case_id)

    def happen(self, case_id: str, kind: str, **values: Any) -> None:
        sequence = streams.last_sequence(self.connection, case_id) + 1
        event_id = f"{case_id}-{sequence}"
        envelope = {
            "event_id": event_id,
            "case_id": case_id,
            "sequence": sequence,
            "at": AT,
            "recorded_at": AT,
            "node": self.node,
            "organisation": "org",
            "actor": "acc",
            "role": "nurse",
            "event": {"type": kind, **values},
        }
        body = canonical_bytes(envelope)
        stored = StoredEvent(event_id=event_id, case_id=case_id, sequence=sequence, type=kind, at=AT, recorded_at=AT, body=body)
        streams.append(self.connection, [stored], sequence - 1)
        log.append(self.connection, [(self.stamp(case_id, what=f"{kind}/{event_id}"), body)], self.salt)

    def decide(self, case_id: str, age: int) -> None:
        facts = {"age": age}
        document = decide(POLICY, facts, case_id, AT)
        digest = sha256_hex(canonical_bytes(document))
        text = json.dumps(facts)
        covered = {"case_id": case_id, "facts_sha256": sha256_hex(text.encode()), "policy_text_sha256": sha256_hex(POLICY.encode())}
        basis = canonical_bytes(covered)
        log.append(self.connection, [(self.stamp(case_id, kind=BASIS_KIND, what=digest), basis)], self.salt)
        self.decisions.append({"document": document, "facts": facts, "policy": POLICY, "basis": basis, "facts_text": text})
        self.happen(case_id, "EligibilityDecided", policy="adult", outcome=document["outcome"], decision_sha256=digest)

    def receive(self, case_id: str, receipt: bytes) -> None:
        log.append(self.connection, [(self.stamp(case_id, kind=RECEIPT_KIND, what="out/x"), receipt)], self.salt)
        self.receipts.append(receipt)

    def checkpoint(self, *case_ids: str, cosigners: tuple[str, ...] | None = None) -> str:
        for case_id in case_ids:
            heads.write(self.connection, case_id, self.stamp(case_id), self.salt)
        note = keeping.issue(self.connection, notes.origin_of(self.node), self.key, self.stamp(), self.salt)
        parsed = notes.parse(note)
        names = self.neighbours if cosigners is None else cosigners
        lines = [notes.cosign(parsed, notes.origin_of(name), key(name), 1_772_930_000) for name in names]
        size = notes.read(parsed).size
        return keeping.join_cosignatures(self.connection, size, lines) or note

    def card(self) -> dict[str, Any]:
        return {"node": self.node, "signing_keys": [self.key.public.jwk()]}

    def witnesses(self) -> dict[str, list[Any]]:
        return {name: [key(name).public] for name in self.neighbours}

    def pack(self, case_id: str) -> bytes:
        return verify.build(
            self.connection,
            case_id=case_id,
            subject=self.subject(case_id),
            node=self.node,
            card=self.card(),
            key=self.key,
            witnesses=self.witnesses(),
            decisions=self.decisions,
            receipts=self.receipts,
            made_at=AT,
        )


def world() -> World:
    """A node with two cases of several events, one decision each, all witnessed."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    made = World(engine.connect())
    for case_id, age in (("case-a", 40), ("case-b", 12)):
        made.happen(case_id, "CaseOpened", patient_id="p", residence="MO", synthetic=True)
        made.decide(case_id, age)
        made.happen(case_id, "CaseAccepted", product="x")
        made.happen(case_id, "Discharged", discharged_on="2026-03-08", stay_near_until="2026-04-08")
    made.checkpoint("case-a", "case-b")
    return made


def resigned(data: bytes, by: SigningKey, change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
    """The file with its content changed and signed again."""
    value = json.loads(data)
    change(value)
    return sign_document(value["kind"], value["payload"], by, value["anchor"])
