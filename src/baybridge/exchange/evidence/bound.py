"""What the log binds of a pack beside its events: the facts and policy text behind each decision, and each receipt.

Main job: `bases` and `receipts` find the entries for a pack; `check_bases` and `check_receipts` say whether what the pack prints is what was hashed.

The entry of a decision's basis covers the case, when it was made, the outcome, and the hashes of facts, policy text and sources; of a receipt its very bytes. Packs of
before have neither, nor has what was logged without them: it rests on the exporter's word, and the report says how much of it does. Elsewhere: `case.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import decode
from sqlalchemy import Connection

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.decoding import convert
from baybridge.base.keys import b64url, b64url_decode
from baybridge.exchange.evidence.anchor import Anchored, WrittenItem, included, item
from baybridge.exchange.evidence.report import Check, failed, held
from baybridge.ledger import log
from baybridge.ledger.log import Entry, Logged

#: Kinds of entries: what a decision was made on, and a receipt.
BASIS_KIND, RECEIPT_KIND = "decision-basis", "receipt"


class LoggedReceipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log entry of a receipt, by the SHA-256 of the receipt."""

    receipt_sha256: str
    position: int
    entry: dict[str, Any]
    proof: list[str]
    salt: str


class LoggedBasis(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log entry of what a decision was made on, what it covers, and the facts in the very text that was hashed."""

    position: int
    entry: dict[str, Any]
    proof: list[str]
    salt: str
    content: dict[str, Any]
    facts_text: str


class WrittenReceipt(WrittenItem):
    """A `LoggedReceipt` as JSON."""

    receipt_sha256: str
    salt: str


class WrittenBasis(WrittenItem):
    """A `LoggedBasis` as JSON."""

    salt: str
    content: dict[str, object]
    facts_text: str


# --- making ---------------------------------------------------------------------------------------------------------


def receipts(connection: Connection, subject: str, found: Sequence[bytes], size: int) -> list[WrittenReceipt]:
    """The entries of these receipts below a size of the log; none for what was never logged or erased."""
    logged = [one for one in log.entries_of(connection, subject, RECEIPT_KIND) if one.position < size]
    return [made for receipt in found if (made := _receipt(connection, logged, receipt, size)) is not None]


def _receipt(connection: Connection, logged: Sequence[Logged], receipt: bytes, size: int) -> WrittenReceipt | None:
    for one in logged:
        if one.salt is not None and log.content_sha256(one.salt, receipt) == one.entry.sha256:
            return {**item(connection, one, size), "receipt_sha256": sha256_hex(receipt), "salt": b64url(one.salt)}
    return None


def bases(connection: Connection, subject: str, found: Mapping[str, Mapping[str, object]], size: int) -> dict[str, WrittenBasis]:
    """The entries of what decisions were made on, by the decision's SHA-256; `found` are `basis` (its bytes) and `facts_text` by the same."""
    made: dict[str, WrittenBasis] = {}
    for one in log.entries_of(connection, subject, BASIS_KIND):
        entry, mine = one.entry, found.get(one.entry.what, {})
        content, text = mine.get("basis"), mine.get("facts_text")
        if one.salt is None or one.position >= size or not isinstance(content, bytes) or not isinstance(text, str):
            continue
        if log.content_sha256(one.salt, content) == entry.sha256:
            made[entry.what] = {**item(connection, one, size), "salt": b64url(one.salt), "content": decode(content), "facts_text": text}
    return made


# --- checking -------------------------------------------------------------------------------------------------------


def basis_holds(bound: LoggedBasis, case_id: str, subject: str, printed: Mapping[str, Any], anchored: Anchored) -> bool:
    """Whether a decision as printed (`document`, `facts`, `policy`) is what the log's entry covers."""
    sha256 = sha256_hex(canonical_bytes(printed["document"]))
    content = bound.content
    try:
        facts = decode(bound.facts_text.encode())
        same = canonical_bytes(facts) == canonical_bytes(printed["facts"])
    except (DecodeError, ValueError):
        return False
    return (
        same
        and _stands(bound, BASIS_KIND, subject, canonical_bytes(content), anchored)
        and bound.entry.get("what") == sha256
        and content.get("case_id") == case_id
        and content.get("facts_sha256") == sha256_hex(bound.facts_text.encode())
        and content.get("policy_text_sha256") == sha256_hex((printed["policy"] or "").encode())
    )


def check_bases(wrong: Sequence[str], count: int) -> Iterator[Check]:
    """What the entries of decisions come to: `wrong` are the policies of those that do not fit, `count` how many were bound."""
    if wrong:
        yield failed("basis", "changed", {"count": len(wrong), "policy": wrong[0][:80]})
    elif count:
        yield held("basis", values={"count": count})


def check_receipts(logged: Sequence[LoggedReceipt], printed: Sequence[str], subject: str, anchored: Anchored) -> Iterator[Check]:
    """Whether each receipt that claims an entry has it, and how many claim none."""
    by_sha256 = {sha256_hex(text.encode()): text for text in printed}
    wrong = [
        one for one in logged
        if (text := by_sha256.get(one.receipt_sha256)) is None or not _stands(one, RECEIPT_KIND, subject, text.encode(), anchored)
    ]  # fmt: skip
    if wrong:
        yield failed("receipts", "not_logged", {"count": len(wrong), "position": wrong[0].position})
    elif logged:
        yield held("receipts", "logged", {"count": len(logged)})


def _stands(one: LoggedReceipt | LoggedBasis, kind: str, subject: str, content: bytes, anchored: Anchored) -> bool:
    try:
        entry = convert(one.entry, Entry, strict=True)
        fits = log.content_sha256(b64url_decode(one.salt), content) == entry.sha256
    except (ValidationError, ValueError):
        return False
    ours = (entry.kind, entry.subject, entry.node) == (kind, subject, anchored.node)
    return fits and ours and anchored.checkpoint is not None and included(one.entry, one.position, one.proof, anchored.checkpoint)
