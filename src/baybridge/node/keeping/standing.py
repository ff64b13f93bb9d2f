"""How a restored node stands: what its neighbours had seen of its log, and whether people have accepted what it lacks.

Main job: `ask(…)` asks every neighbour; `guard(connection)` refuses writing while a gap is not accepted; `accept(node, reason, actor)` by two persons; `tell(node)`
says so to the neighbours, and `hear(node, note)` is a neighbour's side of that.

What is told is a signed checkpoint of the log as it was restored, with the line `restored` and the moment of acceptance: the neighbour logs it and shows it beside
what it saw before. It lifts no brand: that is two persons' at the neighbour. **Source**: contracts K5 and K6; C2SP tlog-checkpoint, extension lines.
**Units**: sizes are entries of the log; minutes by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import orjson
from msgspec import Struct, json, structs
from sqlalchemy import Connection, delete, insert, select

from baybridge.base import decoding
from baybridge.base.keys import KeyRing, VerifyKey
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.neighbours.own_keys import read_changes
from baybridge.node.outage import StorageProblem

if TYPE_CHECKING:
    from baybridge.node.config import Config
    from baybridge.node.node import Node, Transport
    from baybridge.node.unit import Unit

State = Literal["clean", "gap", "unknown", "accepted"]
#: What a node whose restoration stands so takes nothing but sign-ins and notes of who reads.
CLOSED: tuple[State, ...] = ("gap", "unknown")
RESTORED = "restored"
_SECOND_WITHIN = timedelta(minutes=15)  # contract K3
_MAY_ACCEPT = (Role.ADMINISTRATOR, Role.QUALITY)
_OK = 200


class Seen(Struct, frozen=True, kw_only=True):
    """What one neighbour had seen of the log: its size, how many entries are lacking here; None where it did not answer."""

    node: str
    seen_size: int | None
    gap: int | None
    differs: bool = False  # it holds a checkpoint that this log does not lead to
    newer_keys: bool = False  # it knows keys of this node that came after those of the backup
    told: bool = False  # that the gap was accepted


class Standing(Struct, frozen=True, kw_only=True):
    """The latest restoration of a database."""

    restored_at: str
    backup_sha256: str
    backup_made_at: str
    log_size: int
    root: str
    state: State
    neighbours: tuple[Seen, ...]
    asked_by: str | None = None
    asked_at: str | None = None
    reason: str | None = None

    @property
    def closed(self) -> bool:
        """Whether the node waits for two persons."""
        return self.state in CLOSED


# --- asking ---------------------------------------------------------------------------------------------------------


def ask(config: Config, connection: Connection, keys: KeyRing, transport: Transport, size: int) -> tuple[Seen, ...]:
    """What every neighbour had seen of this node's log, against the first `size` entries of it, those that were restored."""
    return tuple(_ask(config, connection, keys, transport, name, size) for name in sorted(config.neighbours))


def _ask(config: Config, connection: Connection, keys: KeyRing, transport: Transport, name: str, size: int) -> Seen:
    silent = Seen(node=name, seen_size=None, gap=None)
    try:
        status, body = transport(config.neighbours[name], "/log/witnessed", None)
        note = orjson.loads(body).get(config.site.node, "") if status == _OK else None
    except (OSError, ValueError, AttributeError):
        return silent
    newer = _newer_keys(config, keys, transport, name)
    if note == "":
        return Seen(node=name, seen_size=0, gap=0, newer_keys=bool(newer))
    found = notes.verify(note, notes.origin_of(config.site.node), KeyRing.of(*keys, *newer)) if isinstance(note, str) else None
    if found is None:
        return structs.replace(silent, newer_keys=bool(newer))  # not our word: as if it had not answered
    if found.size > size:
        return Seen(node=name, seen_size=found.size, gap=found.size - size, newer_keys=bool(newer))
    differs = log.size_and_root(connection, found.size)[1] != found.root
    return Seen(node=name, seen_size=found.size, gap=0, differs=differs, newer_keys=bool(newer))


class _Known(Struct):
    """What a neighbour says of the keys of a node."""

    node: str
    signing_keys: tuple[dict[str, object], ...]
    key_change: int = 0  # the number of the last change; older versions do not say it


class _Trust(Struct):
    nodes: tuple[_Known, ...]


def _newer_keys(config: Config, keys: KeyRing, transport: Transport, name: str) -> tuple[VerifyKey, ...]:
    """The signing keys of this node as a neighbour knows them, where they follow on those of the backup; () where they are the same or it does not say."""
    try:
        status, body = transport(config.neighbours[name], "/log/trust.json", None)
        said = next((one for one in decoding.decode(body, _Trust).nodes if one.node == config.site.node), None) if status == _OK else None
        known = tuple(VerifyKey.from_jwk(jwk) for jwk in said.signing_keys) if said is not None else ()
    except (OSError, ValueError, TypeError, KeyError):
        return ()
    if said is None or not known:
        return ()
    return known if known[0] not in tuple(keys) or said.key_change > len(read_changes(config.folder)) else ()


def state_of(neighbours: Sequence[Seen]) -> State:
    """What the answers come to; one that did not answer may have seen more."""
    if any(one.gap or one.differs or one.newer_keys for one in neighbours):
        return "gap"
    return "unknown" if any(one.gap is None for one in neighbours) else "clean"


#: Asked with every page and every write, so they are written once.
_LATEST = select(tables.restoration).order_by(tables.restoration.c.restored_at.desc()).limit(1)
_LATEST_STATE = _LATEST.with_only_columns(tables.restoration.c.state)


# --- keeping --------------------------------------------------------------------------------------------------------


def standing(connection: Connection) -> Standing | None:
    """The latest restoration; None for a database that never was restored."""
    row = connection.execute(_LATEST).mappings().first()
    return Standing(**{**row, "neighbours": decoding.decode(row["neighbours"], tuple[Seen, ...])}) if row is not None else None


def guard(connection: Connection) -> None:
    """StorageProblem while a gap of a restored database is not accepted."""
    state = connection.execute(_LATEST_STATE).scalar()
    if state in CLOSED:
        raise StorageProblem("restored")


def keep(connection: Connection, found: Standing) -> None:
    """Write down how a restored database stands."""
    row = structs.asdict(found) | {"neighbours": json.encode(found.neighbours)}
    connection.execute(delete(tables.restoration).where(tables.restoration.c.restored_at == found.restored_at))
    connection.execute(insert(tables.restoration).values(row))


def look_again(node: Node, keys: KeyRing) -> None:
    """Ask again while a neighbour had not answered; where all have now and none saw more, the node opens by itself."""
    with node.storage.reading() as connection:
        found = standing(connection)
        if found is None or found.state != "unknown" or node.transport is None:
            return
        neighbours = ask(node.config, connection, keys, node.transport, found.log_size)
    if neighbours == found.neighbours:
        return
    with node.unit(even_restored=True) as unit:
        now = standing(unit.connection)
        if now is not None and now.state == "unknown":
            keep(unit.connection, structs.replace(now, neighbours=neighbours, state=state_of(neighbours)))


# --- accepting ------------------------------------------------------------------------------------------------------


def accept(node: Node, reason: str, actor: Actor) -> Standing | Refusal | None:
    """Two persons' word that what the log lacks is gone; None where this was the first of them."""
    actor = actor.acting(_MAY_ACCEPT)
    against = _not_theirs(node, reason, actor)
    if against is not None:
        return against
    with node.unit(even_restored=True) as unit:
        found = standing(unit.connection)
        if found is None or not found.closed:
            return refuse(Reason("restoring.nothing_to_accept"), category=Category.CONFLICT)
        fresh = found.asked_at is not None and unit.at - datetime.fromisoformat(found.asked_at) <= _SECOND_WITHIN
        if fresh and found.asked_by == actor.person:
            return refuse(Reason("neighbour.same_person"), category=Category.FORBIDDEN)
        _log(unit, f"{'accepted' if fresh else 'accepting asked'} {found.log_size}", found, reason, actor)
        if not fresh:
            keep(unit.connection, structs.replace(found, asked_by=actor.person, asked_at=unit.at.isoformat(), reason=reason.strip()))
            return None
        done = structs.replace(found, state="accepted", asked_at=unit.at.isoformat())
        keep(unit.connection, done)
    return done


def _not_theirs(node: Node, reason: str, actor: Actor) -> Refusal | None:
    if not reason.strip():
        return refuse(Reason("neighbour.no_reason", where="reason"), category=Category.INVALID)
    if not actor.person:
        return refuse(Reason("signing.no_person", {"command": "restore accept"}), category=Category.FORBIDDEN)
    if actor.role not in _MAY_ACCEPT or actor.organisation != node.site.organisation:
        values = {"command": "restore accept", "roles": ", ".join(_MAY_ACCEPT), "role": actor.role.value}
        return refuse(Reason("access.command", values), category=Category.FORBIDDEN)
    return None


def _log(unit: Unit, what: str, found: Standing, reason: str, actor: Actor) -> None:
    content = {"backup": found.backup_sha256, "root": found.root, "neighbours": found.neighbours, "reason": reason.strip()}
    unit.log(RESTORED, "", what, json.encode(content), actor, "administration")


# --- telling --------------------------------------------------------------------------------------------------------


def tell(node: Node) -> tuple[Seen, ...]:
    """Tell every neighbour that was not told yet that what this log lacks was accepted, and answer who was; one that does not answer is told later."""
    with node.storage.reading() as connection:
        found = standing(connection)
    if found is None or found.state != "accepted" or node.transport is None or all(one.told for one in found.neighbours):
        return found.neighbours if found is not None else ()
    note = _note(node, found)
    neighbours = tuple(one if one.told else structs.replace(one, told=_told(node, one.node, note)) for one in found.neighbours)
    with node.unit() as unit:
        keep(unit.connection, structs.replace(found, neighbours=neighbours))
    return neighbours


def _note(node: Node, found: Standing) -> bytes:
    from baybridge.node.neighbours import witnessing

    seen = (f"seen {one.node} {'-' if one.seen_size is None else one.seen_size}" for one in found.neighbours)
    lines = (RESTORED, f"accepted {found.asked_at}", *seen)
    said = notes.Checkpoint(witnessing.origin(node), found.log_size, bytes.fromhex(found.root), lines)
    return str(notes.sign(said, witnessing.signing_key(node))).encode()


def _told(node: Node, name: str, note: bytes) -> bool:
    neighbour = node.neighbours.get(name)
    if neighbour is None or node.transport is None:
        return True  # parted with since
    try:
        status, _ = node.transport(neighbour, "/exchange/restored", note)
    except OSError:
        return False
    return status == _OK


def hear(node: Node, note: str) -> Refusal | None:
    """A neighbour says that it was restored: logged, and shown beside what was seen of it; refused unless its key signed it."""
    try:
        origin = notes.read(notes.parse(note)).origin
    except ValueError:
        return refuse(Reason("log.not_a_note"), category=Category.INVALID)
    name, neighbour = next(((one, its) for one, its in node.neighbours.items() if notes.origin_of(one) == origin), ("", None))
    said = notes.verify(note, origin, KeyRing.from_jwks(neighbour.signers(node.now()))) if neighbour is not None else None
    if said is None or said.extensions[:1] != (RESTORED,):
        return refuse(Reason("log.not_a_note"), category=Category.FORBIDDEN)
    table = tables.told_restoration
    with node.unit(even_restored=True) as unit:
        before = unit.connection.execute(select(table.c.note).where(table.c.neighbour == name)).scalar()
        if before is not None and said.extensions[1:2] <= notes.read(notes.parse(before)).extensions[1:2]:
            return None  # told before
        unit.log("neighbour", "", f"restored {name} {said.size}", note.encode(), node.system(), "integrity")
        unit.connection.execute(delete(table).where(table.c.neighbour == name))
        unit.connection.execute(insert(table).values(neighbour=name, told_at=unit.at.isoformat(), note=note))
    return None


def heard(connection: Connection) -> list[tuple[str, str, int]]:
    """(neighbour, when it was told, size of its log then) of every neighbour that was restored."""
    rows = connection.execute(select(tables.told_restoration).order_by(tables.told_restoration.c.neighbour))
    return [(row.neighbour, row.told_at, notes.read(notes.parse(row.note)).size) for row in rows]
