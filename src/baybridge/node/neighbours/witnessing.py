"""Witnessing: this node's checkpoints, and a watch on the neighbours' logs.

Main job: `sign_checkpoint` after the log grew; `watch` fetches each neighbour's checkpoint, checks that its history only grew, co-signs it, and compares what two
neighbours saw of a third. A node that rewrites history is caught here, and the page says so.

**Source**: C2SP tlog-witness. Judgement stands in `ledger/witness.py`, formats in `ledger/checkpoint.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from baybridge.base.keys import SigningKey, VerifyKey
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import heads, keeping, log, witness
from baybridge.ledger.log import Entry
from baybridge.node.neighbours import key_changes

if TYPE_CHECKING:
    from baybridge.node.config import Neighbour
    from baybridge.node.node import Node

_LOG = logging.getLogger("baybridge.witness")
_OK, _CONFLICT, _OUTAGE = 200, 409, 500


def origin_of(node_name: str) -> str:
    """The name of a node's log."""
    return notes.origin_of(node_name)


def origin(node: Node) -> str:
    """The name of this node's log."""
    return origin_of(node.site.node)


def signing_key(node: Node) -> SigningKey:
    """This node's signing key."""
    return node.keys.signing_key


def keys_of(neighbour: Neighbour) -> list[VerifyKey]:
    """A neighbour's public signing keys."""
    return [VerifyKey.from_jwk(jwk) for jwk in neighbour.signing_keys]


def stamp(node: Node, subject: str = "") -> Entry:
    """Who, where and when, for entries that the node itself makes."""
    actor = node.system()
    return Entry(
        kind="", at=node.now(), node=node.site.node, organisation=node.site.organisation, actor=actor.account, role=actor.role.value,
        purpose="integrity", subject=subject, what="",
    )


def sign_checkpoint(node: Node) -> str:
    """The signed checkpoint over the log as it stands; made now if the log grew since the last."""
    with node.storage.reading() as connection:
        stored = keeping.at_size(connection, log.size(connection))
    if stored is not None and notes.verify(stored, origin(node), [signing_key(node).public]) is not None:
        return stored  # by the key in use
    with node.storage.writing(even_restored=True) as connection:
        return keeping.issue(connection, origin(node), signing_key(node), stamp(node), lambda: os.urandom(log.SALT_BYTES))


def sign_first(node: Node) -> None:
    """Sign the first checkpoint of a node that never signed one, so that a check of its log has something to hold it against."""
    with node.storage.reading() as connection:
        signed = next(iter(log.positions_of(connection, (keeping.KEY_KIND,))), None)
    if signed is None:
        sign_checkpoint(node)


def latest_note(node: Node) -> str:
    """The newest checkpoint with the co-signatures that it has."""
    with node.storage.reading() as connection:
        note = keeping.latest(connection)
    return note if note is not None else sign_checkpoint(node)


def write_head(node: Node, case_id: str) -> None:
    """Have the log say how many events a case has, before the case is exported."""
    with node.storage.writing(even_restored=True) as connection:
        heads.write(connection, case_id, stamp(node, node.pseudonym(case_id)), lambda: os.urandom(log.SALT_BYTES))


# --- watching -------------------------------------------------------------------------------------------------------


def watch(node: Node) -> None:
    """Look at every neighbour's log once; a neighbour that does not answer, or not in a form that can be read, is left for the next round."""
    for name in [*node.neighbours]:
        for look in (_learn, _watch_one, _compare):
            neighbour = node.neighbours.get(name)
            if neighbour is None:
                break  # parted with meanwhile
            try:
                look(node, name, neighbour)
            except OSError as problem:
                _LOG.info("log of a neighbour not read: %s", type(problem).__name__)
                break  # it does not answer: another try would only wait as long again
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                _LOG.info("log of a neighbour not read: %s", type(problem).__name__)


def _learn(node: Node, name: str, _neighbour: Neighbour) -> None:
    key_changes.learn(node, name)


def _get(node: Node, neighbour: Neighbour, path: str) -> tuple[int, bytes]:
    if node.transport is None:
        raise ConnectionError("no transport")
    return node.transport(neighbour, path, None)


def _fetch(node: Node, neighbour: Neighbour, path: str) -> bytes:
    status, body = _get(node, neighbour, path)
    if status != _OK:
        raise ConnectionError(f"HTTP {status}")
    return body


def _proof(node: Node, neighbour: Neighbour, one: str, other: str) -> Sequence[bytes] | None:
    """The neighbour's proof between two of its checkpoints, smaller first; None where none is needed, or where it answers without one.

    A node that signed both and cannot prove them stays unproven, or shrunk; only one that does not answer at all is asked again later.
    """
    try:
        old, new = sorted(notes.read(notes.parse(note)).size for note in (one, other))
    except ValueError:
        return None
    if old == new or old == 0:
        return None
    status, body = _get(node, neighbour, f"/log/consistency/{old}/{new}")
    if status >= _OUTAGE:
        raise ConnectionError(f"HTTP {status}")
    if status != _OK:
        return None
    try:
        return [bytes.fromhex(part) for part in orjson.loads(body)["proof"]]
    except (ValueError, KeyError, TypeError):
        return None


def _watch_one(node: Node, name: str, neighbour: Neighbour) -> None:
    note = _fetch(node, neighbour, "/log/checkpoint").decode()
    with node.storage.reading() as connection:
        before = keeping.seen(connection, name)
    last = before.note if before else ""
    proof = _proof(node, neighbour, last, note) if last else None
    judgement = witness.judge(last, note, origin=origin_of(name), keys=keys_of(neighbour), proof=proof)
    with node.storage.writing(even_restored=True) as connection:
        keeping.remember(connection, name, note, judgement, node.now().isoformat())
    if judgement.consistent:
        line = notes.cosign(notes.parse(note), origin(node), signing_key(node), int(node.now().timestamp()))
        cosigned = str(notes.parse(note).joined([line]))
        if node.transport is not None:
            node.transport(neighbour, "/exchange/cosignatures", cosigned.encode())


def _compare(node: Node, name: str, neighbour: Neighbour) -> None:
    """Compare what a neighbour saw of every third node with what we saw of it."""
    theirs = orjson.loads(_fetch(node, neighbour, "/log/witnessed"))
    for third, note in theirs.items():
        if third in (node.site.node, name) or third not in node.neighbours:
            continue
        with node.storage.reading() as connection:
            mine = keeping.seen(connection, third)
        if mine is None or not mine.note or not note:
            continue
        proof = _proof(node, node.neighbours[third], mine.note, note)
        judgement = witness.compare(mine.note, note, origin=origin_of(third), keys=keys_of(node.neighbours[third]), proof=proof)
        if judgement.verdict is witness.Verdict.UNPROVEN:  # it signed both and answers that no history leads from one to the other
            judgement = witness.Judgement(witness.Verdict.FORKED, judgement.checkpoint)
        if judgement.verdict is witness.Verdict.FORKED:
            with node.storage.writing(even_restored=True) as connection:
                keeping.remember(connection, third, note, judgement, node.now().isoformat())


def witnessed(node: Node) -> dict[str, str]:
    """The latest checkpoint that this node saw of each neighbour."""
    with node.storage.reading() as connection:
        return {one.neighbour: one.note for one in keeping.all_seen(connection)}


def accept_cosignature(node: Node, cosigned: str) -> Refusal | None:
    """Join a neighbour's co-signature to our checkpoint; refused unless a neighbour's key made it over our own signed note."""
    try:
        note = notes.parse(cosigned)
    except ValueError:
        return refuse(Reason("log.not_a_note"), category=Category.INVALID)
    checkpoint = notes.verify(cosigned, origin(node), node.keys.ring)
    names = {origin_of(name): neighbour for name, neighbour in node.neighbours.items()}
    lines = [line for line in note.signatures if line.name in names and notes.cosigned_at(note, line.name, keys_of(names[line.name])) is not None]
    if checkpoint is None or not lines:
        return refuse(Reason("log.not_our_checkpoint"), category=Category.FORBIDDEN)
    with node.storage.writing(even_restored=True) as connection:
        keeping.join_cosignatures(connection, checkpoint.size, lines)
    return None


# --- being asked, and asking, at once -------------------------------------------------------------------------------


def ask_cosignatures(node: Node) -> None:
    """Show the newest checkpoint to every neighbour and join what they co-sign; a neighbour that does not answer is left out."""
    note = latest_note(node)
    for name, neighbour in node.neighbours.items():
        try:
            _ask_one(node, name, neighbour, note)
        except OSError:
            continue


def _ask_one(node: Node, name: str, neighbour: Neighbour, note: str) -> None:
    if node.transport is None or notes.cosigned_at(notes.parse(note), origin_of(name), keys_of(neighbour)) is not None:
        return
    status, body = node.transport(neighbour, "/exchange/checkpoints", _showing(node, note, 0))
    if status == _CONFLICT:
        status, body = node.transport(neighbour, "/exchange/checkpoints", _showing(node, note, int(orjson.loads(body)["seen"])))
    if status == _OK:
        accept_cosignature(node, body.decode())


def _showing(node: Node, note: str, seen: int) -> bytes:
    size = notes.read(notes.parse(note)).size
    with node.storage.reading() as connection:
        proof = log.consistency(connection, seen, size) if 0 < seen < size else []
    return orjson.dumps({"note": note, "proof": [part.hex() for part in proof]})


def consider(node: Node, note: str, proof: Sequence[bytes]) -> str | int | Refusal:
    """A neighbour's checkpoint that was shown to us: the co-signed note, or the size that we saw last, from which it must prove its growth."""
    neighbours = node.neighbours
    names = {origin_of(name): name for name in neighbours}
    try:
        name = names[notes.read(notes.parse(note)).origin]
    except (ValueError, KeyError):
        return refuse(Reason("log.not_a_note"), category=Category.INVALID)
    with node.storage.reading() as connection:
        before = keeping.seen(connection, name)
    last = before.note if before else ""
    keys = keys_of(neighbours[name])
    judgement = witness.judge(last, note, origin=origin_of(name), keys=keys, proof=proof or None)
    if judgement.verdict is witness.Verdict.BAD_SIGNATURE:
        return refuse(Reason("log.not_a_note"), category=Category.FORBIDDEN)
    if judgement.verdict in (witness.Verdict.UNPROVEN, witness.Verdict.SHRUNK):
        return notes.read(notes.parse(last)).size
    with node.storage.writing(even_restored=True) as connection:
        keeping.remember(connection, name, note, judgement, node.now().isoformat())
    if not judgement.consistent:
        return refuse(Reason("log.forked"), category=Category.CONFLICT)
    line = notes.cosign(notes.parse(note), origin(node), signing_key(node), int(node.now().timestamp()))
    return str(notes.parse(note).joined([line]))
