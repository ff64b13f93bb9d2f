"""Evidence: one file with a case's events, proofs and decisions that anyone can verify offline, and the verification of every signed file.

Main job: `build` makes the pack of a case; `verify_file` says of any exported file (pack, signed decision, receipt, card, checkpoint)
whether it holds, check by check, and on whose word.

Elsewhere: `signed.py` the outer form, `anchor.py` keys and witnesses, `case.py` the pack's contents, `bound.py` what the log binds beside events,
`trust.py` known keys. Why it is built this way: docs/decisions/0001-ledger.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import ValidationError
from msgspec.json import decode
from sqlalchemy import Connection

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.decoding import convert
from baybridge.base.keys import SigningKey, VerifyKey, b64url
from baybridge.base.outcome import Reason, Refusal
from baybridge.exchange.card.health_card import looks_like_card
from baybridge.exchange.card.report import verify_card
from baybridge.exchange.evidence import bound
from baybridge.exchange.evidence.anchor import WrittenItem, build_anchor, check_anchor, item
from baybridge.exchange.evidence.case import PackedDecision, Recompute, check_case, named_documents, recomputed
from baybridge.exchange.evidence.report import Check, VerifyReport, failed, held, refused
from baybridge.exchange.evidence.trust import Trust
from baybridge.exchange.signed import SignedDocument, read_document, sign_document
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import heads, log, streams
from baybridge.ledger.log import Logged
from baybridge.ledger.streams import StoredEvent

FORMAT = "baybridge-evidence/2"
PACK_KIND = "evidence"
DECISION_KIND = "decision"
_NOTE_MARK = "\n\n\u2014 ".encode()


class WrittenEvent(WrittenItem):
    """A `PackedEvent` as JSON."""

    salt: str | None
    body: dict[str, object] | None


class WrittenHead(WrittenItem):
    """A `PackedHead` as JSON."""

    salt: str | None
    content: dict[str, object]


# --- making ---------------------------------------------------------------------------------------------------------


def build(
    connection: Connection,
    *,
    case_id: str,
    subject: str,
    node: str,
    card: Mapping[str, object],
    key: SigningKey,
    witnesses: Mapping[str, Sequence[VerifyKey]],
    decisions: Sequence[Mapping[str, object]],
    receipts: Sequence[bytes],
    made_at: str,
    without: Collection[str] = (),
) -> bytes:
    """The evidence pack of a case at the newest checkpoint, as file bytes.

    `card` is the node card with `node` and `signing_keys`; `witnesses` the neighbours' keys by node; `decisions` are
    `{"document": …, "facts": …, "policy": text or None}`, of which those that the events name are taken, each with `basis` (the bytes that its log entry
    covers) and `facts_text` where the node has them; `receipts` compact JWS; `without` are events of which the pack
    shows that they stand in the log, and not what they say.
    ValueError unless a head over all events (`heads.write`) and then a checkpoint (`keeping.issue`) were made before.
    """
    anchor = build_anchor(connection, node=node, card=card, key=key, witnesses=witnesses)
    size = notes.read(notes.parse(anchor["checkpoint"])).size
    stored = streams.read(connection, case_id)
    logged = {heads.event_id_of(one.entry): one for one in log.entries_of(connection, subject, heads.EVENT_KIND)}
    events = [_packed_event(connection, one, logged[one.event_id], size, shown=one.event_id not in without) for one in stored]
    named = named_documents([event["body"] for event in events])
    taken = _taken(connection, subject, decisions, named, size)
    payload = {
        "format": FORMAT,
        "made_at": made_at,
        "case_id": case_id,
        "subject": subject,
        "head": _packed_head(connection, case_id, subject, size),
        "events": events,
        "decisions": list(taken.values()),
        "withheld": sorted(named - set(taken)),
        "receipts": [receipt.decode("ascii") for receipt in receipts],
        "receipts_logged": bound.receipts(connection, subject, receipts, size),
    }
    return sign_document(PACK_KIND, payload, key, anchor)


def _packed_event(connection: Connection, stored: StoredEvent, logged: Logged, size: int, *, shown: bool) -> WrittenEvent:
    body = decode(stored.body) if stored.body and shown else None
    if body is not None and canonical_bytes(body) != stored.body:
        raise ValueError(f"expected event {stored.sequence} as canonical JSON")
    return {**item(connection, logged, size), "salt": _salt(logged) if body is not None else None, "body": body}


def _packed_head(connection: Connection, case_id: str, subject: str, size: int) -> WrittenHead:
    events = log.entries_of(connection, subject, heads.EVENT_KIND)
    newest = log.entries_of(connection, subject, heads.KIND)[-1:]
    if not newest or newest[0].entry.what != heads.what(len(events)) or newest[0].position >= size:
        raise ValueError("expected a head over all events of the case below the newest checkpoint; write one and issue a checkpoint first")
    content = heads.content(case_id, subject, events)
    return {**item(connection, newest[0], size), "salt": _salt(newest[0]), "content": decode(content)}


def _salt(logged: Logged) -> str | None:
    return None if logged.salt is None else b64url(logged.salt)


def _taken(
    connection: Connection, subject: str, decisions: Sequence[Mapping[str, object]], named: set[str], size: int
) -> dict[str, dict[str, object]]:
    """The decisions that events name, by SHA-256, in its order."""
    found = {sha256_hex(canonical_bytes(one["document"])): one for one in decisions}
    members = ("document", "facts", "policy")
    logged = bound.bases(connection, subject, found, size)
    return {sha256: {**{name: found[sha256].get(name) for name in members}, "logged": logged.get(sha256)} for sha256 in sorted(named & set(found))}


def sign_decision(decision: Mapping[str, object], key: SigningKey, anchor: Mapping[str, object] | None = None) -> bytes:
    """One decision (`{"document", "facts", "policy"}`) as a signed file that `verify_file` computes again."""
    members = ("document", "facts", "policy")
    return sign_document(DECISION_KIND, {name: decision.get(name) for name in members}, key, anchor)


# --- verifying ------------------------------------------------------------------------------------------------------


def verify_file(data: bytes, trust: Trust | None = None, recompute: Recompute | None = None, at: datetime | None = None) -> VerifyReport:
    """Whether an exported file holds: every check, and what the result rests on.

    `trust` are the nodes known beforehand; without it a file holds only if its signer's key stands in a log that neighbours named in the
    file co-signed, and the report says that nobody outside the file vouched. `recompute` makes decisions again; `at` is now, for cards that end.
    """
    if looks_like_card(data):
        return verify_card(data, trust, at)
    if _NOTE_MARK in data and not data.lstrip().startswith(b"{"):
        return _verify_checkpoint(data, trust)
    document = read_document(data)
    if isinstance(document, Refusal):
        return refused("unknown", document)
    signer = _signer(document, trust)
    if isinstance(signer, Check):
        return VerifyReport(document.kind, (signer,))
    signature = held("signature", values={"kid": signer.kid})
    if document.anchor is None:
        return _verify_unanchored(document, signer, signature, trust, recompute)
    anchored = check_anchor(document.anchor, signer, trust)
    if isinstance(anchored, Check):
        return VerifyReport(document.kind, (signature, anchored))
    contents = check_case(document.payload, anchored, recompute) if document.kind == PACK_KIND else _contents(document, recompute)
    return VerifyReport(document.kind, (signature, *anchored.checks, *contents), anchored.trust)


def _signer(document: SignedDocument, trust: Trust | None) -> VerifyKey | Check:
    """The key that made the signature: a known one, or the one that the document names and that its anchor must then bear out."""
    known = tuple(key for node in trust.nodes for key in node.keys) if trust is not None else ()
    found = document.by(known) or document.named
    return found if found is not None else failed("signature", "unknown_key", {"kid": document.kid[:80]})


def _verify_unanchored(
    document: SignedDocument, signer: VerifyKey, signature: Check, trust: Trust | None, recompute: Recompute | None
) -> VerifyReport:
    """A signature without a log behind it: worth what is known of the key beforehand, and nothing without."""
    node = trust.node_of(signer) if trust is not None else None
    if document.kind == PACK_KIND:
        return VerifyReport(document.kind, (signature, failed("anchor", "missing")))
    if node is None:
        return VerifyReport(document.kind, (failed("signature", "unknown_key", {"kid": signer.kid}),))
    return VerifyReport(document.kind, (signature, *_contents(document, recompute)), Reason("ledger.trust.key_only", {"node": node}))


def _contents(document: SignedDocument, recompute: Recompute | None) -> Sequence[Check]:
    if document.kind != DECISION_KIND:
        return ()
    try:
        decision = convert(document.payload, PackedDecision, strict=True)
    except ValidationError:
        return (failed("decisions", "unreadable"),)
    return tuple(recomputed([decision], recompute))


def _verify_checkpoint(data: bytes, trust: Trust | None) -> VerifyReport:
    try:
        note = notes.parse(data.decode("utf-8"))
        checkpoint = notes.read(note)
    except ValueError:
        return VerifyReport("checkpoint", (failed("checkpoint", "unreadable"),))
    node = trust.origins().get(checkpoint.origin) if trust is not None else None
    if trust is None or node is None:
        return VerifyReport("checkpoint", (failed("checkpoint", "unknown_log", {"origin": checkpoint.origin[:80]}),))
    if notes.signer(note, checkpoint.origin, trust.keys_of(node)) is None:
        return VerifyReport("checkpoint", (failed("checkpoint", "bad_signature", {"node": node}),))
    others = {str(known.node): known.keys for known in trust.others(node)}
    by = [name for name, keys in sorted(others.items()) if notes.cosigned_at(note, notes.origin_of(name), keys) is not None]
    checks = (held("checkpoint", values={"size": checkpoint.size}),)
    values: dict[str, str | int] = {"node": node, "witnesses": ", ".join(by), "size": checkpoint.size}
    return VerifyReport("checkpoint", checks, Reason("ledger.trust.known" if by else "ledger.trust.known_alone", values))
