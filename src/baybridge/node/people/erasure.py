"""Erasing what the law lets a person have erased: two persons, never against a hold or a law that keeps, and so that the log stays sound.

Main job: `erase(node, wanted, actor, person)` for events and resources of one patient; `hold` and `release` for a legal hold.

Nothing is erased that a standing decision was made on, nor what opened the case: without it nobody could say any more why somebody was treated so.
Elsewhere: what is taken away and how, in `integrity/erasing.py`; the periods, in `data/retention/`.

**Source**: PIPL article 47, PDPO section 26 and DPP2(2), Macao Law 8/2005 article 11, as the data law reference B puts rights of the person; contract of `person erase`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select, update

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.json_value import JsonDict
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import add_months, day_of
from baybridge.documents.retention import KeptBy, Retention
from baybridge.journey.command import Actor, Role
from baybridge.journey.corrections import missing
from baybridge.journey.events import CaseOpened, DocumentAttached, Recorded
from baybridge.journey.stored import UnknownEvent, decode_stored
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.attachments.settling import settle
from baybridge.node.integrity import erasing
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing
from baybridge.node.people import reads
from baybridge.node.upkeep import projections
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_SECOND_WITHIN = timedelta(minutes=15)  # as for every second person
MAY_ERASE = (Role.ADMINISTRATOR, Role.QUALITY)
_ALL = "all"
_MONTHS_PER_YEAR = 12
_OF_CARE = frozenset({"decisions", "cells", "treatment", "calls"})  # chapters whose events say a decision that people are treated by


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be erased of a patient: events (ids) and resources (Type/id), and the reason in law."""

    patient_id: str
    what: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased; or that a first person asked for it."""

    state: str  # asked, erased
    events: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    earlier_decisions: int = 0  # that do not stand any more: what they said and read was erased with it, their hashes stay

    def as_json(self) -> JsonDict:
        """The answer as plain JSON."""
        return {"state": self.state, "events": list(self.events), "resources": list(self.resources), "earlier_decisions": self.earlier_decisions}


@dataclass(frozen=True, slots=True)
class _Found:
    events: tuple[Recorded, ...]
    resources: tuple[tuple[str, str], ...]  # (Type/id, when its first version was filed)


def erase(node: Node, wanted: Wanted, actor: Actor) -> Erased | Refusal:
    """Erase it where two persons ask within a quarter of an hour and nothing keeps it; every reason where not."""
    if actor.role not in MAY_ERASE or actor.organisation != node.site.organisation:
        said = {"command": "person erase", "roles": ", ".join(MAY_ERASE), "role": actor.role.value}
        return refuse(Reason("access.command", said), category=Category.FORBIDDEN)
    with node.unit() as unit:
        reasons = against(node, unit.connection, wanted, unit.at)
        if reasons:
            return refuse(*reasons, category=Category.CONFLICT)
        second = _second(unit, wanted, actor)
        if isinstance(second, Refusal):
            return second
        return erase_in(node, unit, wanted, actor) if second else Erased("asked")


def against(node: Node, connection: Connection, wanted: Wanted, at: datetime) -> list[Reason]:
    """Every reason why this is not erased now, whoever asks."""
    found, unknown = _find(connection, wanted)
    return [*unknown, *_against(node, connection, wanted, found, at)]


def erase_in(node: Node, unit: Unit, wanted: Wanted, actor: Actor) -> Erased:
    """Erase within a unit of work what nothing stands against (`against`) and two persons asked for."""
    found, _ = _find(unit.connection, wanted)
    return _erase(node, unit, wanted, found, actor)


# --- what it is -----------------------------------------------------------------------------------------------------


def _find(connection: Connection, wanted: Wanted) -> tuple[_Found, list[Reason]]:
    cases = reads.cases_of(connection, wanted.patient_id)
    mine = {stored.event_id: decode_stored(stored) for case_id in cases for stored in streams.read(connection, case_id)}
    unknown: list[Reason] = []
    if not cases and store.get(connection, "Patient", wanted.patient_id) is None:
        unknown.append(Reason("person.unknown", where="patient"))
    if not wanted.what:
        unknown.append(Reason("person.erase.nothing", where="what"))
    if not wanted.basis.strip():
        unknown.append(Reason("person.erase.no_basis", where="basis"))
    events, resources = [], []
    for place, name in enumerate(dict.fromkeys(wanted.what), start=1):
        versions = store.history(connection, *name.split("/", 1)) if "/" in name else []
        if name in mine and not isinstance(mine[name].event, UnknownEvent):
            events.append(mine[name])
        elif versions and {one.patient for one in versions} == {wanted.patient_id} and any(one.body for one in versions):
            resources.append((name, versions[-1].recorded_at))
        else:
            unknown.append(Reason("person.erase.not_theirs", {"place": place}, where="what"))
    return _Found(tuple(events), tuple(resources)), unknown


# --- what keeps it --------------------------------------------------------------------------------------------------


def _against(node: Node, connection: Connection, wanted: Wanted, found: _Found, at: datetime) -> Iterator[Reason]:
    held = connection.execute(
        select(tables.legal_hold.c.since_at).where(tables.legal_hold.c.patient_id == wanted.patient_id, tables.legal_hold.c.lifted_at.is_(None))
    ).scalars().all()
    yield from (Reason("person.erase.legal_hold", {"rule": "legal-hold", "since": since[:10]}) for since in held)
    rules = list(_rules(node))
    for item in found.events:
        kind = type(item.event).__name__
        if isinstance(item.event, CaseOpened):
            yield Reason("person.erase.opens_the_case", {"event": item.event_id})
        yield from _kept(rules, kind, item.event_id, item.recorded_at, at, of_events=True)
    for name, filed_at in found.resources:
        yield from _kept(rules, name.partition("/")[0], name, datetime.fromisoformat(filed_at), at, of_events=False)
    for case_id in dict.fromkeys(item.case_id for item in found.events):
        yield from missing.against(reads.fold_case(connection, case_id), {item.event_id for item in found.events}, node.site.zone)
    rested = _rested_on(connection, found, standing=True)
    if rested:
        yield Reason("person.erase.rested_on", {"count": len(rested)})
    yield from _on_their_way(node, connection, wanted, found)
    projected = _projected(connection, wanted.patient_id, [name for name, _ in found.resources])
    if projected:
        yield Reason("person.erase.of_an_event", {"count": projected})


def _on_their_way(node: Node, connection: Connection, wanted: Wanted, found: _Found) -> Iterator[Reason]:
    """Packages that wait to be delivered and may hold it: what is erased here must not go out afterwards."""
    for row in _sent(node, connection, wanted.patient_id, found):
        if not row["receipt"]:
            yield Reason("person.erase.on_its_way", {"node": row["to_node"]})


def _sent(node: Node, connection: Connection, patient_id: str, found: _Found) -> list[Mapping[str, Any]]:
    """Packages of this node that may hold one of these things: they name the resource, or were made since the event, if it is one that packages tell.

    What is sealed is read by its receiver alone, so this errs on the side of holding it.
    """
    told = {name for kinds in packing.rules_of_telling(node.documents).purposes.values() for name in kinds}
    table, names = tables.outgoing, {name for name, _ in found.resources}
    cases = reads.cases_of(connection, patient_id)
    since = min((item.recorded_at for item in found.events if type(item.event).__name__ in told), default=None)
    rows = connection.execute(select(table).where(table.c.case_id.in_(cases))).mappings().all() if cases else []
    return [
        dict(row) for row in rows
        if names & set(msgspec.json.decode(bytes(row["resources"]))) or (since is not None and datetime.fromisoformat(row["created_at"]) >= since)
    ]  # fmt: skip


def _rules(node: Node) -> Iterator[KeptBy]:
    """The rules of this site's region, and those of everywhere."""
    for name in node.documents.folder("retention"):
        read = node.documents.typed.one(Retention, "retention", name)
        if not read.jurisdiction or node.site.jurisdiction in read.jurisdiction:
            yield from read.rules


def _kept(rules: Sequence[KeptBy], kind: str, name: str, at: datetime, now: datetime, *, of_events: bool) -> Iterator[Reason]:
    for rule in rules:
        listed = rule.events if of_events else rule.resources
        until = add_months(day_of(at), rule.years * _MONTHS_PER_YEAR)
        if (kind in listed or _ALL in listed) and rule.years and day_of(now) < until:
            values: dict[str, str | int] = {"rule": rule.id, "what": kind, "until": until.isoformat()}
            yield Reason("person.erase.kept_by_law" if rule.confidence != "low" else "person.erase.kept_unverified", values, where=name, source=rule.source)


def _rested_on(connection: Connection, found: _Found, *, standing: bool) -> list[str]:
    """Decisions (SHA-256) that read one of these, or that one of these events says: those that stand, or those that do not any more."""
    names = [*(name for name, _ in found.resources), *(f"Event/{item.event_id}" for item in found.events)]
    source, decision = tables.decision_source, tables.decision
    said = {str(getattr(item.event, "decision_sha256", "")) for item in found.events if type(item.event).__module__.rpartition(".")[2] in _OF_CARE}
    read = select(source.c.sha256).where(source.c.resource.in_(names))
    query = select(decision.c.sha256).where(decision.c.sha256.in_(said - {""}) | decision.c.sha256.in_(read))
    stands = decision.c.superseded_by.is_(None) if standing else decision.c.superseded_by.is_not(None)
    return sorted(connection.execute(query.where(stands).distinct()).scalars())


def _projected(connection: Connection, patient_id: str, names: Sequence[str]) -> int:
    """Those of the resources that an event rendered: they go with their event."""
    return len(_rendered(connection, patient_id) & set(names))


def _rendered(connection: Connection, patient_id: str) -> set[str]:
    """The resources (Type/id) that events of a person's cases rendered."""
    cases = reads.cases_of(connection, patient_id)
    bodies = connection.execute(select(tables.rendered.c.resources).where(tables.rendered.c.case_id.in_(cases))).scalars() if cases else ()
    return {name for body in bodies for name in msgspec.json.decode(bytes(body))}


# --- two persons ----------------------------------------------------------------------------------------------------


def _second(unit: Unit, wanted: Wanted, actor: Actor) -> bool | Refusal:
    """Whether this is the second person who asks for exactly this; the first one is noted."""
    table, person = tables.erasure_asked, actor.person or actor.account
    what = sha256_hex(canonical_bytes([wanted.patient_id, sorted(set(wanted.what)), wanted.basis.strip()]))
    asked = unit.connection.execute(select(table).where(table.c.what == what)).mappings().first()
    fresh = asked is not None and unit.at - datetime.fromisoformat(asked["asked_at"]) <= _SECOND_WITHIN
    if asked is not None and fresh and asked["person"] == person:
        return refuse(Reason("person.erase.same_person"), category=Category.FORBIDDEN)
    unit.connection.execute(delete(table).where(table.c.what == what))
    if not fresh:
        unit.connection.execute(insert(table).values(what=what, person=person, asked_at=unit.at.isoformat()))
        unit.log("erasure-asked", "", what, wanted.basis.encode(), actor, "erasure")
    return fresh


# --- doing it -------------------------------------------------------------------------------------------------------


def _erase(node: Node, unit: Unit, wanted: Wanted, found: _Found, actor: Actor) -> Erased:
    cases = reads.cases_of(unit.connection, wanted.patient_id)
    if unit.connection.dialect.name == "sqlite":
        unit.connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what is taken away is overwritten, not only let go
    basis = wanted.basis.strip().encode()
    earlier = _rested_on(unit.connection, found, standing=False)
    erasing.erase_decisions(unit, cases[0] if cases else "", earlier, actor, basis)
    gone = [name for item in found.events for name in erasing.erase_event(unit, item, actor, basis)]
    for item in found.events:
        if isinstance(item.event, DocumentAttached):
            settle(unit, item.case_id, item.event.sha256)
    own = cases[0] if cases else ""
    for name, _ in found.resources:
        erasing.erase_resource(unit, own, name, actor, basis)
    sealed = [row["package_id"] for row in _sent(node, unit.connection, wanted.patient_id, found)]
    table = tables.outgoing  # what was delivered is needed no more; its receipt and hash stay
    unit.connection.execute(update(table).where(table.c.package_id.in_(sealed), table.c.receipt.is_not(None)).values(sealed=b""))
    types = {name.partition("/")[0] for name in (*(name for name, _ in found.resources), *gone)}
    if types:
        erasing.erase_in_reports(unit, wanted.patient_id, cases, types)
    for case_id in cases:
        names = {item.event_id for item in found.events} | {name for name, _ in found.resources}
        erasing.erase_packages(unit, case_id, _packages_with(node, unit, case_id, names), actor, basis)
        unit.connection.execute(delete(tables.screening_facts).where(tables.screening_facts.c.case_id == case_id))
        projections.project(unit, case_id)
    resources = (*(name for name, _ in found.resources), *gone)
    unit.erased = True
    return Erased("erased", tuple(item.event_id for item in found.events), resources, len(earlier))


def _packages_with(node: Node, unit: Unit, case_id: str, names: set[str]) -> list[str]:
    """Packages of other nodes that hold one of these things."""
    keys = [key for neighbour in node.neighbours.values() for key in neighbour.signing_keys]
    found = []
    for row in unit.connection.execute(select(tables.incoming).where(tables.incoming.c.case_id == case_id)).mappings():
        payload = packages.check_signed(bytes(row["signed"]), keys, packages.SIGNED_TYPE) if row["signed"] else b""
        if isinstance(payload, bytes) and payload and _holds(packages.read_content(payload), names):
            found.append(row["package_id"])
    return found


def _holds(content: packages.Content | Refusal, names: set[str]) -> bool:
    if isinstance(content, Refusal):
        return False
    held: list[Mapping[str, Any]] = [msgspec.json.decode(text.encode()) for text in content.resources]
    return bool(names & {f"{one['resourceType']}/{one['id']}" for one in held}) or bool(names & {str(item.get("event_id")) for item in content.told})


# --- legal hold -----------------------------------------------------------------------------------------------------


def hold(node: Node, patient_id: str, reason: str, actor: Actor, *, lift: bool = False) -> bool | Refusal:
    """Set or lift a legal hold on a person's record; False where it stands so already."""
    return _mark(node, tables.legal_hold, "hold", patient_id, reason, actor, lift=lift)


def restrict(node: Node, patient_id: str, reason: str, actor: Actor, *, lift: bool = False) -> bool | Refusal:
    """Note or lift a person's own wish that the record be kept and no longer used, but for care; False where it stands so already."""
    return _mark(node, tables.restriction, "restriction", patient_id, reason, actor, lift=lift)


def _mark(node: Node, table: Table, key: str, patient_id: str, reason: str, actor: Actor, *, lift: bool) -> bool | Refusal:
    with node.unit() as unit:
        reasons = []
        if store.get(unit.connection, "Patient", patient_id) is None and not reads.cases_of(unit.connection, patient_id):
            reasons.append(Reason("person.unknown", where="patient"))
        if not reason.strip():
            reasons.append(Reason("person.no_reason", where="reason"))
        if reasons:
            return refuse(*reasons, category=Category.INVALID)
        standing = unit.connection.execute(select(table.c[key]).where(table.c.patient_id == patient_id, table.c.lifted_at.is_(None))).scalars().all()
        if bool(standing) is not lift:
            return False
        if lift:
            values = {"lifted_at": unit.at.isoformat(), "lifted_by": actor.account, "lifted_because": reason.strip()}
            unit.connection.execute(update(table).where(table.c[key].in_(standing)).values(**values))
        else:
            row = {key: unit.new_id(), "patient_id": patient_id, "reason": reason.strip(), "since_at": unit.at.isoformat(), "account": actor.account}
            unit.connection.execute(insert(table).values(**row))
        return True


# --- what stands ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """A legal hold or a restriction that stands: since when, and why."""

    kind: Literal["hold", "restriction"]
    since_at: datetime
    reason: str


def marks(connection: Connection, patient_id: str) -> list[Mark]:
    """What stands on a person's record."""
    found = []
    for kind, table in (("hold", tables.legal_hold), ("restriction", tables.restriction)):
        rows = connection.execute(select(table).where(table.c.patient_id == patient_id, table.c.lifted_at.is_(None)).order_by(table.c.since_at)).mappings()
        found += [Mark("hold" if kind == "hold" else "restriction", datetime.fromisoformat(row["since_at"]), row["reason"]) for row in rows]
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """An entry or a resource of a person that this node holds, and what is known to stand against its erasure by its kind and age alone."""

    name: str
    kind: str
    at: datetime
    reasons: tuple[Reason, ...]
    resource: Mapping[str, Any] = field(default_factory=dict)  # what it says now, where it is one


def held(node: Node, connection: Connection, patient_id: str, at: datetime) -> list[Held]:
    """Everything that could be named in an erasure, the newest first; what else stands against one (a decision, a later entry) is told when it is named."""
    rules, rendered = list(_rules(node)), _rendered(connection, patient_id)
    found = []
    for case_id in reads.cases_of(connection, patient_id):
        for item in (decode_stored(stored) for stored in streams.read(connection, case_id)):
            if not isinstance(item.event, UnknownEvent):
                kind = type(item.event).__name__
                opens = (Reason("person.erase.opens_the_case", {"event": item.event_id}),) if isinstance(item.event, CaseOpened) else ()
                found.append(Held(item.event_id, kind, item.recorded_at, (*opens, *_kept(rules, kind, item.event_id, item.recorded_at, at, of_events=True))))
    for version in (one for one in store.patient_versions(connection, patient_id) if one.patient == patient_id):
        first = datetime.fromisoformat(store.history(connection, version.type, version.id)[-1].recorded_at)
        name = f"{version.type}/{version.id}"
        if name in rendered:
            continue  # it goes with its event
        kept = tuple(_kept(rules, version.type, name, first, at, of_events=False))
        found.append(Held(name, version.type, first, kept, version.resource))
    return sorted(found, key=lambda one: (one.at, one.name), reverse=True)
