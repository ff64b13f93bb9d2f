"""Entering into the register of breaches: every reason against an entry, and the entry itself.

Main job: `change(node, actor, what, breach_id)`. Times are aware, not ahead and in order; persons are persons of this node's record; a breach is closed once nobody
has to be told any more and it is known whose data it was. Two who write at once write one after the other.

**Source**: rights of the person. Elsewhere: what an entry is, and the clocks, `breaches.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
from msgspec.structs import asdict
from sqlalchemy import insert

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.checks import CLOCK_TOLERANCE
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.people import persons
from baybridge.node.people.breaches import Breach, Clock, Close, Entry, Note, NotNeeded, Open, Persons, Reopen, Told, register

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

MAY = (Role.QUALITY, Role.ADMINISTRATOR)
#: As many letters as words need that somebody else can judge later, and the most that are kept. Convention of this project.
SHORTEST, _LONGEST = 10, 4000
_FIRST_YEAR, _LAST_YEAR = 2000, 2999
_MOST_PATIENTS = 5000


def change(node: Node, actor: Actor, what: Entry, breach_id: str = "") -> Breach | Refusal:
    """Add one entry, to a new breach where it opens one; the breach as it stands then, or every reason against."""
    if not actor.roles & set(MAY) or actor.organisation != node.site.organisation:
        said = {"command": "breach", "roles": ", ".join(MAY), "role": actor.role.value}
        return refuse(Reason("access.command", said), category=Category.FORBIDDEN)
    with node.unit() as unit:
        every = register(node, unit.connection)
        before = next((one for one in every if one.breach_id == breach_id and not isinstance(what, Open)), None)
        reasons = list(_against(unit, what, before, every))
        if reasons:
            return refuse(*reasons, category=_category(reasons))
        named = unit.new_id() if before is None else before.breach_id
        _write(unit, named, len(before.entries) + 1 if before else 1, what, actor)
        return next(one for one in register(node, unit.connection) if one.breach_id == named)


def _category(reasons: Sequence[Reason]) -> Category:
    codes = {one.code for one in reasons}
    return Category.NOT_FOUND if "breach.unknown" in codes else Category.CONFLICT if codes & _STATES else Category.INVALID


#: Refusals that say how the breach stands, and not that something is written wrongly.
_STATES = frozenset({"breach.closed", "breach.not_closed", "breach.again", "breach.already", "breach.runs", "breach.persons_open"})


def _write(unit: Unit, breach_id: str, number: int, what: Entry, actor: Actor) -> None:
    row = {
        "entry_id": unit.new_id(),
        "breach_id": breach_id,
        "number": number,
        "at": unit.at.isoformat(),
        "account": actor.account,
        "person": actor.person or actor.account,
        "kind": type(what).__name__.lower(),
        "body": orjson.dumps(asdict(what)),
    }
    unit.connection.execute(insert(tables.breach_entry).values(**row))


def _against(unit: Unit, what: Entry, before: Breach | None, every: Sequence[Breach]) -> Iterator[Reason]:
    if before is not None and before.closed and not isinstance(what, Reopen | Note):
        yield Reason("breach.closed")
    if isinstance(what, Open):
        yield from _opening(unit, what, every)
    elif before is None:
        yield Reason("breach.unknown", where="breach")
    elif isinstance(what, Persons):
        yield from _naming(unit, what)
    elif isinstance(what, Told):
        yield from _telling(unit, what, before)
    else:
        yield from _saying(what, before)


def _naming(unit: Unit, what: Persons) -> Iterator[Reason]:
    yield from _persons(unit, what.patients)
    if not what.patients and not what.complete:
        yield Reason("breach.nobody_named", where="patients")


def _saying(what: NotNeeded | Note | Close | Reopen, before: Breach) -> Iterator[Reason]:
    yield from _words(what.text, "text") if isinstance(what, Note) else _words(what.because, "because")
    if isinstance(what, NotNeeded):
        yield from _rule(what.rule, before)
    elif isinstance(what, Close):
        yield from _open_still(before)
    elif isinstance(what, Reopen) and not before.closed:
        yield Reason("breach.not_closed")


def _opening(unit: Unit, what: Open, every: Sequence[Breach]) -> Iterator[Reason]:
    yield from _words(what.what, "what")
    yield from _time(unit, what.known_at, "known_at")
    if what.happened_at is not None:
        yield from _time(unit, what.happened_at, "happened_at")
        if not _unlikely(what.happened_at) and not _unlikely(what.known_at) and what.happened_at > what.known_at:
            yield Reason("breach.known_before", where="known_at")
    yield from _persons(unit, what.patients)
    if any(one.opened.what == what.what and one.opened.known_at == what.known_at and not one.closed for one in every):
        yield Reason("breach.again")


def _telling(unit: Unit, what: Told, before: Breach) -> Iterator[Reason]:
    yield from _rule(what.rule, before)
    yield from _time(unit, what.told_at, "told_at")
    if not what.reference.strip():
        yield Reason("breach.no_reference", where="reference")
    if not _unlikely(what.told_at) and what.told_at < before.opened.known_at:
        yield Reason("breach.told_before", where="told_at")
    clock = next((clock for clock in before.clocks if clock.rule.id == what.rule), None)
    if clock is not None:
        yield from _whom(what, before, clock)


def _whom(what: Told, before: Breach, clock: Clock) -> Iterator[Reason]:
    """Persons are named where some alone were told; a clock that stopped is not stopped again."""
    unknown = [patient for patient in what.patients if patient not in before.patients]
    if what.patients and clock.rule.whom != "persons":
        yield Reason("breach.names_nobody", where="patients")
    elif unknown:
        yield Reason("breach.not_concerned", {"count": len(unknown)}, where="patients")
    elif clock.rule.whom == "persons" and not before.patients:
        yield Reason("breach.nobody_known", where="patients")
    if clock.state in ("told", "told_late"):
        yield Reason("breach.already", where="rule")


def _rule(name: str, before: Breach) -> Iterator[Reason]:
    known = [clock.rule.id for clock in before.clocks]
    if name not in known:
        yield Reason("breach.rule_unknown", {"known": ", ".join(known)}, where="rule")


def _open_still(before: Breach) -> Iterator[Reason]:
    for clock in before.clocks:
        if clock.runs:
            yield Reason("breach.runs", {"rule": clock.rule.id})
    if not before.complete:
        yield Reason("breach.persons_open")


def _words(text: str, where: str) -> Iterator[Reason]:
    if not SHORTEST <= len(text.strip()) <= _LONGEST:
        yield Reason("breach.words", {"least": SHORTEST, "most": _LONGEST}, where=where)


def _unlikely(moment: datetime) -> bool:
    return moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR


def _time(unit: Unit, moment: datetime, where: str) -> Iterator[Reason]:
    if _unlikely(moment):
        yield Reason("breach.bad_time", {"year": _FIRST_YEAR}, where=where)
    elif moment.astimezone(UTC) > unit.at + CLOCK_TOLERANCE:
        yield Reason("breach.future", where=where)


def _persons(unit: Unit, patients: Sequence[str]) -> Iterator[Reason]:
    if len(patients) > _MOST_PATIENTS:
        yield Reason("breach.too_many", {"most": _MOST_PATIENTS}, where="patients")
        return
    for place, patient in enumerate(patients, start=1):
        if not persons.patient_is_known(unit.connection, patient):
            yield Reason("breach.patient_unknown", {"place": place}, where="patients")
