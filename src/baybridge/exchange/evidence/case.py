"""The evidence pack of a case: what is in it, and every check of its contents.

Main job: from the events, head, decisions and receipts of a pack, and the checkpoint that its anchor showed, say whether each event is the
one that was logged, whether any is missing, and whether each decision follows again from its facts and policy.

Elsewhere: signature and anchor are checked before (`anchor.py`); making a pack is `verify.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct, ValidationError

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.decoding import convert
from baybridge.base.keys import VerifyKey, b64url_decode
from baybridge.base.outcome import Refusal
from baybridge.exchange.evidence import bound
from baybridge.exchange.evidence.anchor import Anchored, included
from baybridge.exchange.evidence.bound import LoggedBasis, LoggedReceipt
from baybridge.exchange.evidence.report import Check, failed, held
from baybridge.exchange.signed import read_document
from baybridge.ledger import heads, log
from baybridge.ledger.log import Entry

Recompute = Callable[[str, Mapping[str, object], str | None, str | None], Mapping[str, object]]
"""(policy text, facts, subject, as_of) -> the decision document."""

#: event fields that name a decision or quote document by its SHA-256
DOCUMENT_FIELDS = ("decision_sha256", "new_decision_sha256", "quote_sha256")

#: members of a decision document (design, section 9); what parts decide without the policy engine looks different and is kept, not computed
_DECISION_MEMBERS = frozenset(
    ("policy", "version", "policy_sha256", "subject", "as_of", "outcome", "values", "reasons", "missing", "would_settle", "sources")
)


class PackedEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of the case with its log entry; body and salt are null where the law had them erased, or where they were not attached."""

    position: int
    entry: dict[str, Any]
    proof: list[str]
    salt: str | None
    body: dict[str, Any] | None


class PackedHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log's word on how many events the case has, and which."""

    position: int
    entry: dict[str, Any]
    proof: list[str]
    salt: str
    content: dict[str, Any]


class PackedDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision document, the facts that it was given, the policy's full text (null where a part decided without one), and their log entry where they have one."""

    document: dict[str, Any]
    facts: dict[str, Any]
    policy: str | None
    logged: LoggedBasis | None = None


class CasePack(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload of an evidence pack."""

    format: Literal["baybridge-evidence/1", "baybridge-evidence/2"]  # 1 shows no entries of decisions and receipts
    made_at: str
    case_id: str
    subject: str
    head: PackedHead
    events: list[PackedEvent]
    decisions: list[PackedDecision]
    withheld: list[str]  # SHA-256 of documents that events name and this pack does not hold
    receipts: list[str]  # compact JWS of the receivers of packages
    receipts_logged: list[LoggedReceipt] = []


def check_case(payload: object, anchored: Anchored, recompute: Recompute | None) -> Iterator[Check]:
    """Every check of a pack's contents; one failed check where it cannot be read at all."""
    try:
        pack = convert(payload, CasePack, strict=True)
    except ValidationError as problem:
        yield failed("pack", "unreadable", where=str(problem).rpartition(" - at ")[2].strip("`")[:80])
        return
    yield from _check_inclusion(pack, anchored)
    yield from _check_contents(pack, anchored)
    yield from _check_order(pack)
    yield _check_head(pack)
    yield from _check_decisions(pack, recompute)
    yield from _check_bases(pack, anchored)
    yield from _check_receipts(pack, anchored.parties)
    yield from bound.check_receipts(pack.receipts_logged, pack.receipts, pack.subject, anchored)
    yield _claims(pack, anchored.node, recompute)


def _claims(pack: CasePack, node: str, recompute: Recompute | None) -> Check:
    """What rests on the word of whoever exported the pack, and on nothing in the log: when, decisions and receipts without entry, receipts left out."""
    computed = [recompute is not None and one.policy is not None and set(one.document) == _DECISION_MEMBERS for one in pack.decisions]
    kept = sum(one.logged is None and not again for one, again in zip(pack.decisions, computed, strict=True))
    logged = {one.receipt_sha256 for one in pack.receipts_logged}
    unlogged = sum(sha256_hex(text.encode()) not in logged for text in pack.receipts)
    values: dict[str, str | int] = {"node": node, "made_at": pack.made_at[:40], "kept": kept, "receipts": unlogged, "absent": _absent(pack)}
    return held("claimed", "by", values)


def _absent(pack: CasePack) -> int:
    """How many receipts events speak of that the pack does not hold."""
    here = {sha256_hex(text.encode()) for text in pack.receipts}
    return sum(isinstance(named := event.get("receipt_sha256"), str) and named not in here for event in _events(pack))


def _events(pack: CasePack) -> list[Mapping[str, Any]]:
    return [one.body["event"] for one in pack.events if one.body is not None and isinstance(one.body.get("event"), Mapping)]


def _check_bases(pack: CasePack, anchored: Anchored) -> Iterator[Check]:
    claiming = [(one, one.logged) for one in pack.decisions if one.logged is not None]
    wrong = [
        str(one.document.get("policy"))
        for one, logged in claiming
        if not bound.basis_holds(logged, pack.case_id, pack.subject, {"document": one.document, "facts": one.facts, "policy": one.policy}, anchored)
    ]
    yield from bound.check_bases(wrong, len(claiming))


# --- events ---------------------------------------------------------------------------------------------------------


def _check_inclusion(pack: CasePack, anchored: Anchored) -> Iterator[Check]:
    checkpoint = anchored.checkpoint
    if checkpoint is None:
        yield failed("inclusion", "no_checkpoint")
        return
    items: list[PackedEvent | PackedHead] = [*pack.events, pack.head]
    missing = [one.position for one in items if not included(one.entry, one.position, one.proof, checkpoint)]
    newer = sum(one.position >= anchored.witnessed for one in pack.events)
    if missing:
        yield failed("inclusion", "not_in_log", {"count": len(missing), "position": missing[0]})
    elif newer and anchored.witnessed:
        yield held("inclusion", "partly_witnessed", {"count": len(items), "newer": newer})
    else:
        yield held("inclusion", values={"count": len(items)})


def _check_contents(pack: CasePack, anchored: Anchored) -> Iterator[Check]:
    changed = [number for number, one in enumerate(pack.events, start=1) if not _event_holds(one, pack, anchored.node)]
    erased = sum(one.body is None for one in pack.events)
    if changed:
        yield failed("contents", "changed", {"count": len(changed), "sequence": changed[0]})
    else:
        yield held("contents", "some_erased" if erased else "held", {"count": len(pack.events), "erased": erased})


def _event_holds(one: PackedEvent, pack: CasePack, node: str) -> bool:
    entry = _entry(one.entry)
    if entry is None or (entry.kind, entry.subject, entry.node) != (heads.EVENT_KIND, pack.subject, node):
        return False
    if one.body is None or one.salt is None:
        return one.body is None and one.salt is None
    return _hash_holds(entry, one.salt, canonical_bytes(one.body)) and _is_named(entry, one.body)


def _entry(raw: Mapping[str, object]) -> Entry | None:
    try:
        return convert(raw, Entry, strict=True)
    except ValidationError:
        return None


def _hash_holds(entry: Entry, salt: str, content: bytes) -> bool:
    try:
        return log.content_sha256(b64url_decode(salt), content) == entry.sha256
    except ValueError:
        return False


def _is_named(entry: Entry, body: Mapping[str, object]) -> bool:
    event = body.get("event")
    kind = event.get("type") if isinstance(event, Mapping) else None
    return entry.what in (body.get("event_id"), f"{kind}/{body.get('event_id')}")


def _check_order(pack: CasePack) -> Iterator[Check]:
    for number, one in enumerate(pack.events, start=1):
        body = one.body
        if body is not None and (body.get("sequence"), body.get("case_id")) != (number, pack.case_id):
            yield failed("order", "gap", {"expected": number})
            return
    positions = [one.position for one in pack.events]
    if positions != sorted(set(positions)):
        yield failed("order", "positions")
    else:
        yield held("order", values={"count": len(positions)})


def _check_head(pack: CasePack) -> Check:
    head, entry = pack.head, _entry(pack.head.entry)
    ours = entry is not None and (entry.kind, entry.subject) == (heads.KIND, pack.subject)
    if entry is None or not ours or not _hash_holds(entry, head.salt, canonical_bytes(head.content)):
        return failed("complete", "head_changed")
    named = [(str(one.entry.get("what", "")).rpartition("/")[2], one.position) for one in pack.events]
    expected = heads.statement(pack.case_id, pack.subject, named)
    if head.content != expected or entry.what != heads.what(len(named)) or any(position > head.position for _, position in named):
        return failed("complete", "events_missing", {"expected": str(head.content.get("count")), "found": len(named)})
    return held("complete", values={"count": len(named)})


# --- decisions ------------------------------------------------------------------------------------------------------


def named_documents(events: Sequence[Mapping[str, object] | None]) -> set[str]:
    """The SHA-256 of every decision and quote that events of this node name; what other nodes told is theirs to show."""
    bodies = [event for body in events if body is not None and isinstance(event := body.get("event"), Mapping)]
    return {sha256 for event in bodies for name in DOCUMENT_FIELDS if isinstance(sha256 := event.get(name), str)}


def _check_decisions(pack: CasePack, recompute: Recompute | None) -> Iterator[Check]:
    named = named_documents([one.body for one in pack.events])
    present = [sha256_hex(canonical_bytes(one.document)) for one in pack.decisions]
    stray = sum(sha256 not in named for sha256 in present)
    if stray or len(set(present)) != len(present):
        yield failed("decisions", "not_of_the_case", {"count": stray})
    if named - set(present) != set(pack.withheld) or len(set(pack.withheld)) != len(pack.withheld):
        yield failed("decisions", "missing", {"count": len(named - set(present) - set(pack.withheld))})
    yield from recomputed(pack.decisions, recompute)
    if pack.withheld:
        yield held("decisions", "withheld", {"count": len(pack.withheld)})


def recomputed(decisions: Sequence[PackedDecision], recompute: Recompute | None) -> Iterator[Check]:
    """Whether each decision with a policy comes out the same, byte for byte."""
    with_policy = [one for one in decisions if one.policy is not None and set(one.document) == _DECISION_MEMBERS]
    if recompute is None:
        yield held("decisions", "not_recomputed", {"count": len(decisions)})
        return
    for one in with_policy:
        if not _comes_out_the_same(one, recompute):
            yield failed("decisions", "differs", {"policy": str(one.document.get("policy"))[:80]})
    yield held("decisions", values={"count": len(with_policy), "kept": len(decisions) - len(with_policy)})


def _comes_out_the_same(one: PackedDecision, recompute: Recompute) -> bool:
    document = one.document
    try:
        again = recompute(one.policy or "", one.facts, document.get("subject"), document.get("as_of"))
        return canonical_bytes(again) == canonical_bytes(document)
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return False


# --- receipts -------------------------------------------------------------------------------------------------------


def _check_receipts(pack: CasePack, parties: Mapping[str, tuple[VerifyKey, ...]]) -> Iterator[Check]:
    bodies = _events(pack)
    for number, text in enumerate(pack.receipts, start=1):
        receipt = _receipt(text, parties)
        if receipt is None:
            yield failed("receipts", "bad_signature", {"number": number})
        elif not any(_is_about(body, receipt, sha256_hex(text.encode())) for body in bodies):
            yield failed("receipts", "not_of_the_case", {"number": number})
    yield held("receipts", values={"count": len(pack.receipts)})


def _receipt(text: str, parties: Mapping[str, tuple[VerifyKey, ...]]) -> Mapping[str, object] | None:
    """What a receipt says, if the node that it says received the package signed it."""
    document = read_document(text.encode())
    if isinstance(document, Refusal) or document.kind != "receipt" or not isinstance(document.payload, Mapping):
        return None
    return document.payload if document.by(parties.get(str(document.payload.get("to_node")), ())) is not None else None


def _is_about(event: Mapping[str, object], receipt: Mapping[str, object], sha256: str) -> bool:
    """True if an event names this receipt, or is the arrival of the package that it acknowledges."""
    same = all(event.get(name) == receipt.get(name) for name in ("package_id", "content_sha256"))
    return event.get("receipt_sha256") == sha256 or (event.get("type") in ("PackageReceived", "CaseProposed") and same)
