"""The log: one entry for each event, record transaction, decision, transfer, signature, scan and access, in a Merkle tree.

Main job: append entries that bind content by a salted hash without holding any of it, and prove what stands in the log.

The SHA-256 of an entry covers a 32-byte salt and the content; erasing salt and content leaves a hash that nobody can guess
back, while every proof still verifies. **Source**: RFC 9162 (tree), RFC 8785 (the entry's bytes). **Units**: positions count from 0.
Elsewhere: checkpoints are signed in `checkpoint.py` and kept by `keeping.py`; the whole is checked by `checking.py`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from msgspec import Struct, structs, to_builtins
from sqlalchemy import BigInteger, ColumnElement, Connection, delete, func, select, tuple_

from baybridge.base import plain_rows
from baybridge.base.canonical import canonical_bytes
from baybridge.base.decoding import decoder
from baybridge.base.key_list import asked_keys, written
from baybridge.ledger import merkle
from baybridge.ledger.merkle import Place
from baybridge.ledger.tables import content_salt, log_entry, log_node

SALT_BYTES = 32
_READ_AT_ONCE = 400  # bound variables in one statement stay far below every database's limit


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry: who did what to which subject, where, when, why; no personal data.

    `subject` is the case's pseudonym in this log ("" where it is about no case), `what` an event id (or Type/event_id), a resource version,
    a decision hash or a key id. `sha256` covers salt and content, lower-case hexadecimal; `append` fills it in.
    """

    kind: str
    at: datetime
    node: str
    organisation: str
    actor: str
    role: str
    purpose: str
    subject: str
    what: str
    sha256: str = ""


class Logged(Struct, frozen=True, kw_only=True):
    """An entry as it stands in the log: its position, its exact bytes, and its salt unless that was erased."""

    position: int
    body: bytes
    salt: bytes | None

    @property
    def entry(self) -> Entry:
        """The entry that the bytes say."""
        return read_entry(self.body)


_DECODER = decoder(Entry)


def entry_bytes(entry: Entry) -> bytes:
    """The canonical bytes of an entry, which the tree hashes."""
    return canonical_bytes(to_builtins(entry))


def read_entry(body: bytes) -> Entry:
    """The entry of exact bytes; msgspec.DecodeError where they are not one."""
    return _DECODER.decode(body)


def pseudonym(secret: bytes, case_id: str) -> str:
    """The name of a case in this log: the same for one case and secret, and nothing to anyone without the secret."""
    made = _keyed(secret).copy()
    made.update(case_id.encode())
    return made.hexdigest()


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """The keyed hash before anything was named: setting a key up costs twice as much as naming one thing by it."""
    return hmac.new(secret, digestmod="sha256")


def content_sha256(salt: bytes, content: bytes) -> str:
    """What an entry says of its content: hexadecimal SHA-256 over salt, then content; ValueError unless the salt has 32 bytes."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"expected a salt of {SALT_BYTES} bytes, found {len(salt)}")
    return sha256(salt + content).hexdigest()


# --- writing --------------------------------------------------------------------------------------------------------


def append(connection: Connection, entries: Sequence[tuple[Entry, bytes]], salt: Callable[[], bytes]) -> list[int]:
    """Append (entry without hash, content) pairs in order; the positions that they took.

    `salt` answers 32 fresh random bytes. The caller's transaction makes the entries stand together with what they are about.
    """
    if not entries:
        return []
    start, last = _end(connection)
    salts = [salt() for _ in entries]
    finished = [
        structs.replace(entry, sha256=content_sha256(one_salt, content)) for (entry, content), one_salt in zip(entries, salts, strict=True)
    ]
    bodies = [entry_bytes(entry) for entry in finished]
    leaves = [merkle.leaf_hash(body) for body in bodies]
    before = _peaks(connection, start, last)
    nodes = merkle.grow(start, leaves, lambda _places: before)
    after = {place: nodes[place] if place in nodes else before[place] for place in merkle.peaks(start + len(leaves))}
    connection.info[_REMEMBERED] = (leaves[-1], after)
    positions = list(range(start, start + len(entries)))
    rows = zip(positions, finished, bodies, leaves, strict=True)
    written = [(position, entry.subject, entry.kind, entry.what, body, leaf) for position, entry, body, leaf in rows]
    plain_rows.add(connection, log_entry, ("position", "subject", "kind", "what", "body", "leaf_hash"), written)
    plain_rows.add(connection, log_node, ("level", "position", "hash"), [(*place, value) for place, value in nodes.items()])
    kept = [(position, entry.subject, one) for position, entry, one in zip(positions, finished, salts, strict=True)]
    plain_rows.add(connection, content_salt, ("position", "subject", "salt"), kept)
    return positions


#: Under what name a connection remembers the peaks of the tree that it grew last, with the hash of that tree's last leaf.
_REMEMBERED = "peaks of the log"


def _peaks(connection: Connection, length: int, last: bytes) -> Mapping[Place, bytes]:
    """The peaks of the tree of that length, whose last leaf has that hash.

    What the connection remembers holds for that leaf alone: each has a salt of its own, so that it is no leaf of a tree that was rolled back or that another
    writer went on with.
    """
    leaf, known = connection.info.get(_REMEMBERED, (b"", {}))
    return known if leaf == last and length else nodes_of(connection, merkle.peaks(length))


def _end(connection: Connection) -> tuple[int, bytes]:
    """How many entries the log has, and the hash of the last one's leaf."""
    row = connection.execute(_LAST).first()
    return (0, b"") if row is None else (row.position + 1, row.leaf_hash)


#: Asked with every write, so they are written once.
_LAST_POSITION = select(func.max(log_entry.c.position))
_LAST = select(log_entry.c.position, log_entry.c.leaf_hash).where(log_entry.c.position == _LAST_POSITION.scalar_subquery())
_NODES_OF = select(log_node).where(tuple_(log_node.c.level, log_node.c.position).in_(asked_keys(BigInteger, BigInteger)))


ERASURE = "erasure"


def erase(connection: Connection, positions: Sequence[int], stamp: Entry, basis: bytes, salt: Callable[[], bytes]) -> None:
    """Erase the salts of entries and say so in the log; the caller erases the contents. The log still proves that something was there.

    `stamp` says who, where, when and why; its kind and what are set here. `basis` is the reason in law, which the erasure's own entry binds.
    """
    connection.execute(delete(content_salt).where(content_salt.c.position.in_(positions)))
    append(connection, [(structs.replace(stamp, kind=ERASURE, what=erased_what(one)), basis) for one in positions], salt)


def erased_what(position: int) -> str:
    """The `what` of the erasure of an entry's content."""
    return f"entry/{position}"


# --- reading --------------------------------------------------------------------------------------------------------


def size(connection: Connection) -> int:
    """How many entries the log has."""
    last = connection.execute(_LAST_POSITION).scalar()
    return 0 if last is None else last + 1


def nodes_of(connection: Connection, places: Sequence[Place]) -> Mapping[Place, bytes]:
    """The stored hashes of complete subtrees; KeyError names a place that the tables lack."""
    found: dict[Place, bytes] = {}
    for start in range(0, len(places), _READ_AT_ONCE):
        some = places[start : start + _READ_AT_ONCE]
        found.update({(row.level, row.position): row.hash for row in connection.execute(_NODES_OF, {"keys": written(some)})})
    missing = [place for place in places if place not in found]
    if missing:
        raise KeyError(missing[0])
    return found


def entries(connection: Connection, start: int, end: int) -> list[Logged]:
    """The entries at positions start..end, end excluded."""
    return _logged(connection, (log_entry.c.position >= start) & (log_entry.c.position < end))


def entries_of(connection: Connection, subject: str, kind: str | None = None) -> list[Logged]:
    """The entries about a subject, in order, of one kind or all."""
    where = log_entry.c.subject == subject
    return _logged(connection, where if kind is None else where & (log_entry.c.kind == kind))


def entries_on(connection: Connection, what: str, kind: str) -> list[Logged]:
    """The entries of one kind about one event, resource version, decision or key."""
    return _logged(connection, (log_entry.c.what == what) & (log_entry.c.kind == kind))


def entries_about(connection: Connection, whats: Sequence[str], kinds: Collection[str]) -> list[Logged]:
    """The entries of some kinds about some hundred things, in order."""
    return _logged(connection, log_entry.c.what.in_(list(whats)) & log_entry.c.kind.in_(sorted(kinds)))


def newest_on(connection: Connection, what: str, kinds: Collection[str]) -> Logged | None:
    """The newest entry of some kinds about one thing."""
    found = entries_about(connection, [what], kinds)
    return found[-1] if found else None


def positions_of(connection: Connection, kinds: Collection[str]) -> Iterator[tuple[int, str, str]]:
    """(position, kind, what) of every entry of some kinds, in order."""
    columns = (log_entry.c.position, log_entry.c.kind, log_entry.c.what)
    for row in connection.execute(select(*columns).where(log_entry.c.kind.in_(sorted(kinds))).order_by(log_entry.c.position)).yield_per(1000):
        yield row.position, row.kind, row.what


def entries_of_kind(connection: Connection, kind: str) -> Iterator[Logged]:
    """Every entry of one kind in order, a portion at a time."""
    joined = log_entry.outerjoin(content_salt, log_entry.c.position == content_salt.c.position)
    query = select(log_entry.c.position, log_entry.c.body, content_salt.c.salt).select_from(joined).where(log_entry.c.kind == kind)
    for position, body, salt in connection.execute(query.order_by(log_entry.c.position)).yield_per(1000):
        yield Logged(position=position, body=body, salt=salt)


def stored(connection: Connection, start: int, end: int) -> list[tuple[Logged, Columns]]:
    """The entries at positions start..end, end excluded, with the columns beside each."""
    joined = log_entry.outerjoin(content_salt, log_entry.c.position == content_salt.c.position)
    columns = (log_entry.c.position, log_entry.c.body, content_salt.c.salt, log_entry.c.subject, log_entry.c.kind, log_entry.c.what, log_entry.c.leaf_hash)
    query = select(*columns).select_from(joined).where(log_entry.c.position >= start, log_entry.c.position < end).order_by(log_entry.c.position)
    rows = connection.execute(query).all()
    return [(Logged(position=position, body=body, salt=salt), (subject, kind, what, leaf)) for position, body, salt, subject, kind, what, leaf in rows]


#: Subject, kind, what and hash of the leaf, as the columns beside an entry say them.
Columns = tuple[str, str, str, bytes]


def _logged(connection: Connection, where: ColumnElement[bool]) -> list[Logged]:
    joined = log_entry.outerjoin(content_salt, log_entry.c.position == content_salt.c.position)
    query = select(log_entry.c.position, log_entry.c.body, content_salt.c.salt).select_from(joined).where(where)
    rows = connection.execute(query.order_by(log_entry.c.position)).all()
    return [Logged(position=position, body=body, salt=salt) for position, body, salt in rows]


def size_and_root(connection: Connection, upto: int | None = None) -> tuple[int, bytes]:
    """The size of the log (or `upto`, where the log is at least that long) and the root over it."""
    length = size(connection) if upto is None else upto
    return length, merkle.root(length, lambda places: nodes_of(connection, places))


def proof(connection: Connection, position: int, tree_size: int) -> list[bytes]:
    """The inclusion proof of an entry in the tree of that size; ValueError unless position < tree_size <= size of the log."""
    _within(connection, tree_size)
    return merkle.inclusion_proof(position, tree_size, lambda places: nodes_of(connection, places))


def consistency(connection: Connection, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` entries begins with that of `old`; ValueError unless 1 <= old <= new <= size of the log."""
    _within(connection, new)
    return merkle.consistency_proof(old, new, lambda places: nodes_of(connection, places))


def _within(connection: Connection, tree_size: int) -> None:
    length = size(connection)
    if tree_size > length:
        raise ValueError(f"expected a tree size up to {length}, found {tree_size}")
