"""The anchor of a signed file: that the signer's key stands in a log which the neighbours witness.

Main job: tie a signature to a checkpoint, its co-signatures and the key's own log entry, so that a stranger's key under a copied tree is
refused without any outside help, and say on whose word the rest stands.

Without known keys (`Trust`) a whole invented network cannot be told from a real one; the report says so in words. With them the signer must
be known, and so must at least one of the witnesses wherever other nodes are known. Elsewhere: the formats in `ledger/checkpoint.py`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from msgspec import Struct, ValidationError
from msgspec.json import decode
from sqlalchemy import Connection

from baybridge.base.canonical import canonical_bytes
from baybridge.base.decoding import convert
from baybridge.base.keys import SigningKey, VerifyKey
from baybridge.base.outcome import Reason
from baybridge.exchange.evidence.report import Check, failed, held
from baybridge.exchange.evidence.trust import Trust, ring_of
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import keeping, log, merkle
from baybridge.ledger.checkpoint import Checkpoint, Note
from baybridge.ledger.log import Logged


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A log entry with its position and inclusion proof (base64 hashes) in the tree of the anchor's checkpoint."""

    position: int
    entry: dict[str, Any]
    proof: list[str]


class WitnessCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A neighbour and its keys, as the signer knows them."""

    node: str
    keys: list[dict[str, Any]]


class Earlier(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An earlier checkpoint that neighbours co-signed, and the proof that the anchor's tree begins with it."""

    checkpoint: str
    proof: list[str]


class Anchor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ties a signature to a witnessed log."""

    node: str
    card: dict[str, Any]
    checkpoint: str
    earlier: Earlier | None
    witnesses: list[WitnessCard]
    key: Item


class WrittenItem(TypedDict):
    """An `Item` as JSON."""

    position: int
    entry: dict[str, object]
    proof: list[str]


class WrittenWitness(TypedDict):
    """A `WitnessCard` as JSON."""

    node: str
    keys: list[dict[str, str]]


class WrittenEarlier(TypedDict):
    """An `Earlier` as JSON."""

    checkpoint: str
    proof: list[str]


class WrittenAnchor(TypedDict):
    """An `Anchor` as JSON."""

    node: str
    card: dict[str, object]
    checkpoint: str
    earlier: WrittenEarlier | None
    witnesses: list[WrittenWitness]
    key: WrittenItem


# --- making ---------------------------------------------------------------------------------------------------------


def encode_proof(proof: Sequence[bytes]) -> list[str]:
    """Hashes of a proof as base64."""
    return [b64encode(step).decode("ascii") for step in proof]


def decode_proof(proof: Sequence[str]) -> list[bytes]:
    """Hashes of a proof from base64; ValueError where a text is not base64."""
    return [b64decode(step, validate=True) for step in proof]


def item(connection: Connection, logged: Logged, size: int) -> WrittenItem:
    """A log entry with its proof in the tree of that size, as JSON; ValueError if the entry is not in it."""
    entry = decode(logged.body)
    return {"position": logged.position, "entry": entry, "proof": encode_proof(log.proof(connection, logged.position, size))}


def build_anchor(
    connection: Connection, *, node: str, card: Mapping[str, object], key: SigningKey, witnesses: Mapping[str, Sequence[VerifyKey]]
) -> WrittenAnchor:
    """The anchor at the newest checkpoint, as JSON.

    ValueError if there is no checkpoint signed by `key` (`keeping.issue` makes one, with the key's entry).
    """
    note = keeping.latest(connection) or ""
    checkpoint = notes.verify(note, notes.origin_of(node), [key.public])
    logged = log.entries_on(connection, key.kid, keeping.KEY_KIND)
    if checkpoint is None or not logged:
        raise ValueError("expected a checkpoint signed by the node's key and the key's entry in the log; issue a checkpoint first")
    cards: list[WrittenWitness] = [{"node": name, "keys": [one.jwk() for one in keys]} for name, keys in sorted(witnesses.items())]
    return {
        "node": node,
        "card": dict(card),
        "checkpoint": note,
        "earlier": _earlier(connection, checkpoint.size, witnesses),
        "witnesses": cards,
        "key": item(connection, logged[0], checkpoint.size),
    }


def _earlier(connection: Connection, size: int, witnesses: Mapping[str, Sequence[VerifyKey]]) -> WrittenEarlier | None:
    """The newest co-signed checkpoint before `size`, where the one at `size` has no co-signature yet."""
    for smaller, text in reversed(keeping.all_notes(connection)):
        note = notes.parse(text)
        if any(notes.cosigned_at(note, notes.origin_of(name), keys) is not None for name, keys in witnesses.items()):
            return None if smaller == size else {"checkpoint": text, "proof": encode_proof(log.consistency(connection, smaller, size))}
    return None


# --- checking -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the anchor showed: its checks, its checkpoint, how many entries witnesses vouch for, and what the result rests on.

    `parties` are the keys of the node and its neighbours, those known beforehand in place of those that the file names.
    """

    checks: tuple[Check, ...]
    node: str
    checkpoint: Checkpoint | None
    witnessed: int
    trust: Reason
    parties: Mapping[str, tuple[VerifyKey, ...]]


def check_anchor(raw: object, signer: VerifyKey, trust: Trust | None) -> Anchored | Check:
    """Every check of an anchor under the key that signed the file; one failed check where it cannot be read at all."""
    try:
        anchor = convert(raw, Anchor, strict=True)
        note = notes.parse(anchor.checkpoint)
        named = {card.node: tuple(ring_of({"keys": card.keys})) for card in anchor.witnesses}
    except (ValidationError, ValueError):
        return failed("anchor", "unreadable")
    checkpoint = notes.verify(anchor.checkpoint, notes.origin_of(anchor.node), [signer])
    known = {other.node or "": tuple(other.keys) for other in trust.others(anchor.node)} if trust is not None else {}
    neighbours = _distinct(known or named, anchor.node, signer)
    vouched = _Vouched(anchor, note, checkpoint, neighbours)
    checks = [
        *_check_signer(anchor, signer, trust),
        held("checkpoint", values={"size": checkpoint.size}) if checkpoint else failed("checkpoint", "not_by_signer"),
        *vouched.checks(must=trust is None or bool(trust.others(anchor.node))),
        _check_key_entry(anchor, signer, checkpoint, vouched.size if trust is None else None),
    ]
    parties = {**named, **known, anchor.node: (signer,)}
    return Anchored(tuple(checks), anchor.node, checkpoint, vouched.size, _trust(anchor, trust, vouched), parties)


def _distinct(named: Mapping[str, tuple[VerifyKey, ...]], node: str, signer: VerifyKey) -> dict[str, tuple[VerifyKey, ...]]:
    """Who may vouch for `node`: others, never by the signer's own key, and no key for two of them."""
    used = {signer}
    found: dict[str, tuple[VerifyKey, ...]] = {}
    for name, keys in named.items():
        own = tuple(key for key in keys if key not in used)
        used.update(own)
        if own and name != node:
            found[name] = own
    return found


def _check_signer(anchor: Anchor, signer: VerifyKey, trust: Trust | None) -> Iterator[Check]:
    if trust is not None and signer not in trust.keys_of(anchor.node):
        yield failed("signer", "not_known", {"node": anchor.node, "kid": signer.kid})
        return
    try:
        in_card = anchor.card.get("node") == anchor.node and signer in tuple(ring_of(anchor.card))
    except ValueError:
        in_card = False
    values = {"node": anchor.node, "kid": signer.kid}
    yield held("signer", values=values) if in_card else failed("signer", "not_in_card", values)


def _check_key_entry(anchor: Anchor, signer: VerifyKey, checkpoint: Checkpoint | None, witnessed: int | None) -> Check:
    """The signer's key is an entry of the log; where nobody is known beforehand, an entry that the witnesses saw."""
    entry = anchor.key.entry
    if entry.get("kind") != keeping.KEY_KIND or entry.get("what") != signer.kid or entry.get("node") != anchor.node:
        return failed("key", "other_key", {"kid": signer.kid})
    if checkpoint is None or not included(anchor.key.entry, anchor.key.position, anchor.key.proof, checkpoint):
        return failed("key", "not_in_log", {"kid": signer.kid})
    if witnessed is not None and anchor.key.position >= witnessed:
        return failed("key", "not_witnessed", {"kid": signer.kid})
    return held("key", values={"kid": signer.kid})


def included(entry: Mapping[str, object], position: int, proof: Sequence[str], checkpoint: Checkpoint) -> bool:
    """True if an entry (as JSON) stands at a position of the checkpoint's tree."""
    try:
        steps = decode_proof(proof)
    except ValueError:
        return False
    leaf = merkle.leaf_hash(canonical_bytes(entry))
    return merkle.verify_inclusion(leaf, position, checkpoint.size, steps, checkpoint.root)


class _Vouched:
    """Which neighbours co-signed what of the history."""

    def __init__(self, anchor: Anchor, note: Note, checkpoint: Checkpoint | None, neighbours: Mapping[str, tuple[VerifyKey, ...]]) -> None:
        self.by, self.broken = _cosigners(note, neighbours)
        self.size = checkpoint.size if checkpoint and self.by else 0
        self.inconsistent = False
        if anchor.earlier is not None:
            self._earlier(anchor.earlier, checkpoint, neighbours)

    def _earlier(self, earlier: Earlier, checkpoint: Checkpoint | None, neighbours: Mapping[str, tuple[VerifyKey, ...]]) -> None:
        try:
            note = notes.parse(earlier.checkpoint)
            old = notes.read(note)
            proof = decode_proof(earlier.proof)
        except ValueError:
            self.inconsistent = True
            return
        by, broken = _cosigners(note, neighbours)
        self.broken += broken
        grown = checkpoint is not None and old.origin == checkpoint.origin
        if checkpoint is None or not grown or not merkle.verify_consistency(old.size, checkpoint.size, old.root, checkpoint.root, proof):
            self.inconsistent = True
        elif not self.by and by:
            self.by, self.size = by, old.size

    def checks(self, *, must: bool) -> Iterator[Check]:
        """What the co-signatures come to; `must` where nothing else would stand against a rewritten history."""
        if self.inconsistent:
            yield failed("witness", "inconsistent")
        if self.broken:
            yield failed("witness", "bad_signature", {"witnesses": ", ".join(self.broken)})
        if self.by:
            yield held("witness", values={"witnesses": ", ".join(self.by), "size": self.size})
        elif must:
            yield failed("witness", "none")
        else:
            yield held("witness", "none_known")


def _cosigners(note: Note, neighbours: Mapping[str, tuple[VerifyKey, ...]]) -> tuple[list[str], list[str]]:
    """The neighbours whose co-signature stands, and those who have a line that does not verify."""
    by, broken = [], []
    lines = {(one.name, one.key_id) for one in note.signatures}
    for node, keys in sorted(neighbours.items()):
        name = notes.origin_of(node)
        if notes.cosigned_at(note, name, keys) is not None:
            by.append(node)
        elif any((name, notes.cosigner_id(name, key)) in lines for key in keys):
            broken.append(node)
    return by, broken


def _trust(anchor: Anchor, trust: Trust | None, vouched: _Vouched) -> Reason:
    values: dict[str, str | int] = {"node": anchor.node, "witnesses": ", ".join(vouched.by), "size": vouched.size}
    if trust is None:
        return Reason("ledger.trust.file_only", values)
    return Reason("ledger.trust.known" if vouched.by and trust.others(anchor.node) else "ledger.trust.known_alone", values)
