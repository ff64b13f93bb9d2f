"""Seals: the node's keyed hash over each row of a sealed table, and one over all of them.

Main job: `keep` brings the seals up to date with what a write transaction changed; `start` seals a table as it stands; `findings` compares all rows with their seals.

The seal over a table is the sum of the seals of its rows, with a keyed hash of its own: whoever takes a row away together with its seal leaves a sum that does not fit
and that nobody can make fit without the node's secret. A row whose seal did not fit before the node changed it is not sealed again, so that the finding stays; one that
the node made again from what is covered (`derived`) is.

**Units**: the seal of a row is 64 hexadecimal digits; that of a table has the sum before it, as many. What it cannot show: a database that was set back as a whole,
which the witnesses of the log see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from baybridge.base.outcome import Reason
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.tables import seal

Pseudonym = Callable[[str], str]
#: A row by how the log names it, as it was and as it is; None where it was not or is not there.
Change = tuple[str, bytes | None, bytes | None]
_DIGITS, _MODULUS = 64, 1 << 256
_AT_ONCE = 400
#: Asked with every write, so they are written once.
_AMONG = seal.c.what.in_(bindparam("whats", expanding=True))
_OF, _TAKE_AWAY, _ADD = select(seal).where(_AMONG), delete(seal).where(_AMONG), insert(seal)


def start(connection: Connection, pseudonym: Pseudonym, table: str, rows: Iterable[tuple[str, bytes]]) -> int:
    """Seal every row of a table as it stands, in place of the seals that it has; how many."""
    connection.execute(delete(seal).where(seal.c.what.startswith(f"{table}/", autoescape=True)))
    made = {what: _mac(pseudonym, what, content) for what, content in rows}
    connection.execute(delete(seal).where(seal.c.what == _name(table)))
    _insert(connection, {**made, _name(table): _written_sum(pseudonym, table, sum(int(mac, 16) for mac in made.values()))})
    return len(made)


@dataclass(frozen=True, slots=True)
class Changed:
    """What a write transaction changed in a sealed table, which may be `derived`."""

    rows: Sequence[Change]
    derived: bool = False


def keep(connection: Connection, pseudonym: Pseudonym, changed: Mapping[str, Changed]) -> None:
    """Bring the seals of these tables up to date; nothing for a table that was never sealed."""
    moved = {table: one for table, one in changed.items() if one.rows}
    known = _seals(connection, [*map(_name, moved), *(what for one in moved.values() for what, _, _ in one.rows)])
    gone: list[str] = []
    fresh: dict[str, str] = {}
    for table, one in moved.items():
        total = _read_sum(pseudonym, table, known.get(_name(table)))
        if total is not None:
            left, made = _moved(pseudonym, one, known)
            total += sum(int(mac, 16) for mac in made.values()) - sum(int(known[what], 16) for what in left)
            gone += [*left, _name(table)]
            fresh |= {**made, _name(table): _written_sum(pseudonym, table, total)}
    for start_at in range(0, len(gone), _AT_ONCE):
        connection.execute(_TAKE_AWAY, {"whats": gone[start_at : start_at + _AT_ONCE]})
    _insert(connection, fresh)


def _moved(pseudonym: Pseudonym, changed: Changed, known: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The rows whose seals go, and the seals that come."""
    gone: list[str] = []
    fresh: dict[str, str] = {}
    for what, old, new in changed.rows:
        stood = known.get(what)
        expected = None if old is None else _mac(pseudonym, what, old)
        if stood != expected and not changed.derived:
            continue
        if stood is not None:
            gone.append(what)
        if new is not None:
            fresh[what] = _mac(pseudonym, what, new)
    return gone, fresh


def findings(connection: Connection, pseudonym: Pseudonym, table: str, rows: Callable[[], Iterable[tuple[str, bytes]]]) -> Iterator[Finding]:
    """Rows that differ from their seals, that have none, and seals whose row is gone; `rows` reads the table, from the beginning each time."""
    total, seen = 0, 0
    for portion in _portions(rows()):
        known = _seals(connection, [what for what, _ in portion])
        seen += len(known)
        total += sum(int(mac, 16) for mac in known.values())
        for what, content in portion:
            stood = known.get(what)
            if stood is None:
                yield Finding(UNLOGGED, what, Reason("ledger.check.row_unsealed", {"what": what}))
            elif stood != _mac(pseudonym, what, content):
                yield Finding(DIFFERS, what, Reason("ledger.check.row_differs", {"what": what}))
    left = _left(connection, table, seen, rows)
    for what, mac in left.items():
        total += int(mac, 16)
        yield Finding(MISSING, what, Reason("ledger.check.row_missing", {"what": what}))
    if _read_sum(pseudonym, table, _seals(connection, [_name(table)]).get(_name(table))) != total % _MODULUS:
        yield Finding(MISSING, f"table/{table}", Reason("ledger.check.seals_differ", {"what": table}))


def _left(connection: Connection, table: str, seen: int, rows: Callable[[], Iterable[tuple[str, bytes]]]) -> Mapping[str, str]:
    """The seals whose row is gone; looked for only where there are more seals than rows that have one."""
    mine = seal.c.what.startswith(f"{table}/", autoescape=True)
    if connection.execute(select(func.count()).select_from(seal).where(mine)).scalar_one() == seen:
        return {}
    there = {what for what, _ in rows()}
    return {row.what: row.mac for row in connection.execute(select(seal).where(mine)) if row.what not in there}


def _portions(rows: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    portion: list[tuple[str, bytes]] = []
    for row in rows:
        portion.append(row)
        if len(portion) == _AT_ONCE:
            yield portion
            portion = []
    yield portion


def _seals(connection: Connection, whats: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start_at in range(0, len(whats), _AT_ONCE):
        found.update({row.what: row.mac for row in connection.execute(_OF, {"whats": whats[start_at : start_at + _AT_ONCE]})})
    return found


def _insert(connection: Connection, made: Mapping[str, str]) -> None:
    if made:
        connection.execute(_ADD, [{"what": what, "mac": mac} for what, mac in made.items()])


def _mac(pseudonym: Pseudonym, what: str, content: bytes) -> str:
    return pseudonym(f"seal:{what}:{content.hex()}")


# --- the seal over a table ------------------------------------------------------------------------------------------


def _name(table: str) -> str:
    return f"sum/{table}"


def _read_sum(pseudonym: Pseudonym, table: str, kept: str | None) -> int | None:
    """The sum as the node left it; None where the table has none, or one that the node did not make."""
    total = None if kept is None else kept[:_DIGITS]
    return int(total, 16) if total and kept == total + pseudonym(f"seal:{_name(table)}:{total}") else None


def _written_sum(pseudonym: Pseudonym, table: str, total: int) -> str:
    text = f"{total % _MODULUS:0{_DIGITS}x}"
    return text + pseudonym(f"seal:{_name(table)}:{text}")
