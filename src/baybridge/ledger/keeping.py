"""Keeping checkpoints: this node's own with the co-signatures that it gathered, and the latest word of each neighbour.

Main job: sign a checkpoint over the log as it stands, never one that contradicts an earlier one, and remember what neighbours showed.

The key that signs is itself an entry of the log before it signs its first checkpoint (kind `key`), so that witnesses vouch for it too and a
stranger's key under a copied tree is found out. Elsewhere: formats in `checkpoint.py`, judgement in `witness.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, structs, to_builtins
from sqlalchemy import Connection, delete, insert, select, update

from baybridge.base.canonical import canonical_bytes
from baybridge.base.keys import SigningKey
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import log
from baybridge.ledger.checkpoint import Checkpoint, Note, NoteSignature
from baybridge.ledger.log import Entry
from baybridge.ledger.tables import checkpoint, witness
from baybridge.ledger.witness import Judgement, Verdict

KEY_KIND = "key"


class Seen(Struct, frozen=True, kw_only=True):
    """The latest word of a neighbour: its newest consistent checkpoint, when we looked, and what was wrong if anything was."""

    neighbour: str
    note: str
    checked_at: str
    consistent: bool
    problem: str = ""
    problem_note: str = ""


# --- own checkpoints ------------------------------------------------------------------------------------------------


def issue(connection: Connection, origin: str, key: SigningKey, stamp: Entry, salt: Callable[[], bytes]) -> str:
    """A signed checkpoint over the whole log, stored; the stored one, co-signatures and all, where the log did not grow since.

    `stamp` says who, where and when, for the entry that a new key gets; its kind, subject and what are set here.
    """
    if not log.entries_on(connection, key.kid, KEY_KIND):
        entry = structs.replace(stamp, kind=KEY_KIND, subject="", what=key.kid)
        log.append(connection, [(entry, key_content(key))], salt)
    size, root = log.size_and_root(connection)
    stored = at_size(connection, size)
    if stored is not None and notes.verify(stored, origin, [key.public]) is not None:
        return stored
    note = str(_joined(stored, notes.sign(Checkpoint(origin, size, root), key)))
    connection.execute(delete(checkpoint).where(checkpoint.c.tree_size == size))
    connection.execute(insert(checkpoint).values(tree_size=size, note=note, made_at=to_builtins(stamp)["at"]))
    return note


def _joined(stored: str | None, signed: Note) -> Note:
    """A checkpoint with the signatures of the stored one of the same tree: by the key from before, and by neighbours who vouched for it."""
    before = notes.parse(stored) if stored is not None else None
    return before.joined(signed.signatures) if before is not None and before.text == signed.text else signed


def key_content(key: SigningKey) -> bytes:
    """The content of a key's entry: its public JWK in canonical JSON."""
    return canonical_bytes(key.public.jwk())


def at_size(connection: Connection, size: int) -> str | None:
    """The checkpoint of exactly that size."""
    note: str | None = connection.execute(select(checkpoint.c.note).where(checkpoint.c.tree_size == size)).scalar()
    return note


def latest(connection: Connection) -> str | None:
    """The newest checkpoint; None before the first."""
    note: str | None = connection.execute(select(checkpoint.c.note).order_by(checkpoint.c.tree_size.desc()).limit(1)).scalar()
    return note


def all_notes(connection: Connection) -> list[tuple[int, str]]:
    """Every checkpoint as (tree size, note), oldest first."""
    query = select(checkpoint.c.tree_size, checkpoint.c.note).order_by(checkpoint.c.tree_size)
    return [(row.tree_size, row.note) for row in connection.execute(query)]


def join_cosignatures(connection: Connection, size: int, lines: Iterable[NoteSignature]) -> str | None:
    """The checkpoint of that size with the co-signatures added, stored; None if there is none. The caller has verified the lines."""
    note = at_size(connection, size)
    if note is None:
        return None
    joined = str(notes.parse(note).joined(lines))
    connection.execute(update(checkpoint).where(checkpoint.c.tree_size == size).values(note=joined))
    return joined


# --- neighbours -----------------------------------------------------------------------------------------------------


def remember(connection: Connection, neighbour: str, note: str, judgement: Judgement, checked_at: str) -> Seen:
    """Keep what a neighbour's checkpoint was judged to be.

    A consistent one becomes the last one seen. Any other is kept beside it as evidence. A fork stays a problem until a person clears it
    (`clear`): a neighbour that once showed two histories is not made honest by one consistent answer.
    """
    before = seen(connection, neighbour)
    if judgement.consistent:
        forked = before is not None and before.problem == Verdict.FORKED
        problem, problem_note = (before.problem, before.problem_note) if before and forked else ("", "")
        now = Seen(
            neighbour=neighbour, note=note, checked_at=checked_at, consistent=not problem, problem=problem, problem_note=problem_note
        )
    else:
        kept = before.note if before else ""
        now = Seen(
            neighbour=neighbour, note=kept, checked_at=checked_at, consistent=False, problem=judgement.verdict.value, problem_note=note
        )
    _write(connection, now)
    return now


def clear(connection: Connection, neighbour: str) -> None:
    """Take a neighbour's problem back after people have looked into it; its log is looked at anew, so that one that has shrunk is not branded again for it."""
    cleared = {"consistent": True, "problem": "", "problem_note": "", "note": ""}
    connection.execute(update(witness).where(witness.c.neighbour == neighbour).values(**cleared))


def _write(connection: Connection, now: Seen) -> None:
    connection.execute(delete(witness).where(witness.c.neighbour == now.neighbour))
    connection.execute(insert(witness).values(**structs.asdict(now)))


def seen(connection: Connection, neighbour: str) -> Seen | None:
    """The latest word of one neighbour; None if we never looked."""
    return next((one for one in all_seen(connection) if one.neighbour == neighbour), None)


def all_seen(connection: Connection) -> list[Seen]:
    """The latest word of every neighbour, by name."""
    rows = connection.execute(select(witness).order_by(witness.c.neighbour)).mappings()
    return [Seen(**row) for row in rows]
