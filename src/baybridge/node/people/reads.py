"""Reading a person's record: decided each time, and noted where the patient can see it.

Main job: `for_case` and `for_patient` answer what a reading rests on (`consent/reading.Ground`) or a refusal; `note` writes the row of the patient's list "who looked"
together with its log entry, whose hash binds the row.

A reading is decided by role and organisation (`access.py`), relation and consent (`consent/reading.py`), purpose (a person who asked for restriction is read for care
alone), and an emergency access where all that refuses. **Source**: design section 4; contract K17.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, bindparam, insert, select

from baybridge.base import plain_rows
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.reading import Ground, ground
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import (
    AttachmentScanned,
    CaseDeclined,
    CaseProposed,
    CorrectionReceived,
    DecisionReopened,
    DocumentReceived,
    EntriesNamed,
    GlassBroken,
    GlassReviewed,
    IdentityLinked,
    IdentityQuestioned,
    MessageDelivered,
    MessageFailed,
    PackageReceived,
    ProposedCaseAccepted,
    ProposedCaseRefused,
    Recorded,
    RecordsImported,
    RequestAnswered,
    RequestMade,
    ResultsReread,
    TransferReceived,
)
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams
from baybridge.node import asking, tables
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import access, helping
from baybridge.node.people.access_memory import Remembered
from baybridge.node.people.readings import COLUMNS, Noted, Read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

#: What a reading rests on for whom the table of access lets in whatever consent stands.
_GROUNDS: Mapping[Role, Ground] = {Role.PATIENT: Ground.OWN, Role.CAREGIVER: Ground.HELPS, Role.PAYER: Ground.PAYER}
#: Actions that show what the patient allowed, and hold nothing of the record: somebody must be able to see why the rest is closed.
_ABOUT_CONSENT = frozenset({"case.sharing", "case.requests"})
_PURPOSE_OF_ACTION: Mapping[str, str] = {
    "case.funding": "finance", "case.quote": "finance", "case.evidence": "evidence", "case.who_looked": "privacy", "case.requests": "privacy", "case.copy": "privacy",
    "case.mark": "privacy", "person.rights": "privacy",
}  # fmt: skip

#: Events that a node records by itself when packages come, declining, and what a person asks of the own data: a case with no others is one that this site only holds.
_OF_MACHINES = tuple(
    kind.__name__
    for kind in (
        PackageReceived, CorrectionReceived, DecisionReopened, TransferReceived, IdentityQuestioned, IdentityLinked, RecordsImported, ResultsReread,
        CaseDeclined, CaseProposed, ProposedCaseAccepted, ProposedCaseRefused, GlassBroken, GlassReviewed, AttachmentScanned,
        MessageDelivered, MessageFailed, DocumentReceived, RequestMade, EntriesNamed, RequestAnswered,
    )
)  # fmt: skip


# --- deciding -------------------------------------------------------------------------------------------------------


def for_case(node: Node, action: str, actor: Actor | None, case: Case | None, payers: frozenset[str], *, purpose: str = "") -> Ground | Refusal:
    """What a reading of a case rests on; the refusal is the same whether or not the case exists. `purpose`: why it is read, if not for what the action says."""
    refusal = helping.may_case(node, action, actor, case, payers)
    if refusal is None and actor is not None and case is not None:
        found = _carried(node, action, actor, case, purpose or purpose_of(node, action, actor))
        if isinstance(found, Ground):
            return found
        refusal = found
    if actor is not None and case is not None and case.case_id in glass(node, actor):
        return Ground.EMERGENCY
    return refusal or refuse(Reason("command.no_case"), category=Category.NOT_FOUND)


def _carried(node: Node, action: str, actor: Actor, case: Case, purpose: str) -> Ground | Refusal:
    """What a reading rests on for whom the table of access lets in."""
    if actor.role in _GROUNDS:
        return _GROUNDS[actor.role]
    with node.storage.reading() as connection:
        closed = _restricted(node, connection, purpose, case.patient_id)
    if closed is not None:
        return closed
    found = ground(case, node.site, _today(node)) if action not in _ABOUT_CONSENT else Ground.RELATION
    return found if isinstance(found, Ground) else refuse(found, category=Category.FORBIDDEN)


def for_patient(node: Node, connection: Connection, action: str, actor: Actor | None, patient_id: str | None, *, purpose: str = "") -> Ground | Refusal:
    """What a reading of a patient's record rests on; without a patient, of what is nobody's. `purpose`: why it is read, if not for what the action says."""
    refusal = access.may_case(action, actor, node.site, patient_id)
    if refusal is None and actor is not None:
        found = _record(node, connection, purpose or purpose_of(node, action, actor), actor, patient_id)
        if isinstance(found, Ground):
            return found
        refusal = found
    if actor is not None and patient_id and set(cases_of(connection, patient_id)) & glass(node, actor):
        return Ground.EMERGENCY
    return refusal or refuse(Reason("access.sign_in"), category=Category.UNAUTHENTICATED)


def _record(node: Node, connection: Connection, purpose: str, actor: Actor, patient_id: str | None) -> Ground | Refusal:
    if actor.role in _GROUNDS:
        return _GROUNDS[actor.role]
    closed = _restricted(node, connection, purpose, patient_id)
    if closed is not None or not patient_id:
        return closed or Ground.RELATION
    if _is_worked_on(connection, patient_id):
        return Ground.RELATION
    cases = cases_of(connection, patient_id)
    sent = set(streams.cases_of_only(connection, _OF_MACHINES, having=PackageReceived.__name__, among=cases)) if cases else set()
    if not sent or sent != set(cases):
        return Ground.RELATION  # nobody sent it, or people of this site did something in a case of it
    grounds = [ground(fold_case(connection, case_id), node.site, _today(node)) for case_id in sorted(sent)]
    best = next((item for item in grounds if isinstance(item, Ground)), None)
    return best or refuse(*(item for item in grounds if isinstance(item, Reason)), category=Category.FORBIDDEN)


def _is_worked_on(connection: Connection, patient_id: str) -> bool:
    """Whether people of this site did something in a case of a patient, as far as that was worked out."""
    return connection.execute(_WORKED_ON, {"patient": patient_id}).first() is not None


_WORKED_ON = select(tables.case_index.c.case_id).where(tables.case_index.c.patient_id == bindparam("patient"), tables.case_index.c.only_told.is_(False)).limit(1)


def _restricted(node: Node, connection: Connection, purpose: str, patient_id: str | None) -> Refusal | None:
    """The refusal of a purpose for which the record of a person who asked for restriction is not used."""
    if not patient_id or purpose in node.people.restricted or not is_restricted(connection, patient_id):
        return None
    return refuse(Reason("access.restricted", {"purpose": purpose}), category=Category.FORBIDDEN)


def is_restricted(connection: Connection, patient_id: str) -> bool:
    """Whether a person's record is kept and not used at the person's own request."""
    table = tables.restriction
    held = select(table.c.restriction).where(table.c.patient_id == patient_id, table.c.lifted_at.is_(None))
    return connection.execute(held).first() is not None


def restricted(connection: Connection) -> frozenset[str]:
    """Every patient whose record is kept and not used at the person's own request."""
    return frozenset(connection.execute(_CLOSED).scalars())


def guarded(connection: Connection) -> tuple[str, ...]:
    """The patients whose record not all staff of this site may read: those who asked for restriction, and those whom only another node's packages told of."""
    closed = connection.execute(_CLOSED).scalars().all()
    perhaps = connection.execute(_PERHAPS_SENT).scalars().all()
    if not perhaps:
        return tuple(dict.fromkeys(closed))
    index, untouched = tables.case_index, streams.cases_of_only(connection, _OF_MACHINES, having=PackageReceived.__name__, among=perhaps)
    sent = connection.execute(select(index.c.patient_id).where(index.c.case_id.in_(untouched), index.c.patient_id != "")).scalars() if untouched else ()
    return tuple(dict.fromkeys((*closed, *sent)))


_CLOSED = select(tables.restriction.c.patient_id).where(tables.restriction.c.lifted_at.is_(None))
_PERHAPS_SENT = select(tables.case_index.c.case_id).where(tables.case_index.c.only_told.is_(None) | tables.case_index.c.only_told.is_(True))


def only_told(events: Sequence[Recorded]) -> bool:
    """Whether in the stream of a case only other nodes' packages tell of it, and nobody of this site did anything; once it is not so, it stays so."""
    kinds = {type(item.event).__name__ for item in events}
    return PackageReceived.__name__ in kinds and kinds <= set(_OF_MACHINES)


def cases_of(connection: Connection, patient_id: str) -> tuple[str, ...]:
    """The cases of a patient, and those that use the record by a link."""
    own = select(tables.case_index.c.case_id).where(tables.case_index.c.patient_id == patient_id)
    pair = tables.identity_pair
    linked = select(pair.c.case_id).where(pair.c.other == patient_id, pair.c.state == "linked")
    return tuple(dict.fromkeys((*connection.execute(own).scalars(), *connection.execute(linked).scalars())))


def lasts(found: Ground | Refusal) -> bool:
    """Whether a decision holds until something changes, and is ended by no clock."""
    return isinstance(found, Ground) and found is not Ground.EMERGENCY


def glass(node: Node, actor: Actor) -> frozenset[str]:
    """The cases that an account may read now by an emergency access."""
    stamp = node.storage.access_stamp_now()
    remembered = node.access.under(stamp) if stamp is not None else Remembered()
    now, rows = node.now(), remembered.once(("glass", actor.account), partial(_glass, node, actor))
    return frozenset(case_id for case_id, begins, ends in rows if begins <= now < ends)


def _glass(node: Node, actor: Actor) -> tuple[tuple[str, datetime, datetime], ...]:
    """The emergency accesses of an account: case, from when, until when."""
    with node.storage.reading() as connection:
        rows = connection.execute(_GLASS, {"account": actor.account}).all()
    return tuple((row.case_id, datetime.fromisoformat(row.from_at), datetime.fromisoformat(row.until_at)) for row in rows)


_GLASS = select(tables.broken_glass).where(tables.broken_glass.c.account == bindparam("account"))


def follow_up(node: Node, unit: Unit, work: Work, recorded: Sequence[Recorded]) -> None:
    """Open a case to who took it in an emergency, in the transaction of the event."""
    del node, work
    for item in recorded:
        if isinstance(item.event, GlassBroken):
            row = {"event_id": item.event_id, "case_id": item.case_id, "account": item.actor}
            times = {"from_at": item.recorded_at.isoformat(), "until_at": item.event.until.isoformat()}
            unit.connection.execute(insert(tables.broken_glass).values(**row, **times))


def purpose_of(node: Node, action: str, actor: Actor, command: str = "") -> str:
    """Why somebody reads: by what is read, or by the command whose form it is, else by the role."""
    row = COMMANDS.get(command)
    if row is not None and row.purpose in _PURPOSE_OF_ACTION.values():
        return row.purpose
    return _PURPOSE_OF_ACTION.get(action) or node.people.purpose_of(actor.role.value)


def fold_case(connection: Connection, case_id: str) -> Case:
    """A case as its events say it."""
    return fold((decode_stored(stored) for stored in streams.read(connection, case_id)), case_id)


def _today(node: Node) -> date:
    return node.now().astimezone(node.site.zone).date()


# --- noting ---------------------------------------------------------------------------------------------------------


def note(unit: Unit, actor: Actor, patient_id: str, case_id: str, what: str, purpose: str, on: Ground, *, at: str = "") -> None:
    """Write one reading into the patient's list and into the log; `at` is when it was made, if not now."""
    note_all(unit, actor, [(patient_id, case_id)], what, purpose, on, at=at)


def note_all(unit: Unit, actor: Actor, of: Sequence[tuple[str, str]], what: str, purpose: str, on: Ground, *, at: str = "") -> None:
    """The same for several (patient, case)."""
    note_each(unit, [(Noted(actor, patient_id, what, purpose, on, case_id, at), asking.REQUEST.get()) for patient_id, case_id in of])


def note_each(unit: Unit, those: Sequence[tuple[Noted, str]]) -> None:
    """The same for readings of several people, each with the request that it belongs to."""
    at = unit.at.isoformat()
    found = [noted.as_read(unit.new_id(), at) for noted, _request in those]
    plain_rows.add(unit.connection, tables.record_read, COLUMNS, [read.values for read in found])
    for read, (noted, request) in zip(found, those, strict=True):
        unit.log("access", read.case_id or read.patient_id, read.what, read.content, noted.actor, read.purpose, request)


def owner_of(connection: Connection, case_id: str) -> str | None:
    """The patient of a case ('' where none is known); None where there is no such case."""
    index = tables.case_index
    return connection.execute(select(index.c.patient_id).where(index.c.case_id == case_id)).scalar()


def owners_of(connection: Connection, case_ids: Sequence[str]) -> dict[str, str]:
    """The patients of some hundred cases, by case; one that does not exist is absent."""
    index = tables.case_index
    rows = connection.execute(select(index.c.case_id, index.c.patient_id).where(index.c.case_id.in_(list(case_ids))))
    return {row.case_id: row.patient_id for row in rows}


def looked(connection: Connection, patient_id: str | None, case_id: str) -> list[Read]:
    """Every reading of a patient's record and case, the newest first."""
    table = tables.record_read
    mine = table.c.case_id == case_id
    if patient_id:
        mine = mine | (table.c.patient_id == patient_id)
    rows = connection.execute(select(table).where(mine).order_by(table.c.at.desc(), table.c.read_id.desc())).mappings()
    return [Read(**row) for row in rows]


def stands(connection: Connection, account: str, what: str, at: str) -> bool:
    """Whether a reading by this account at this moment is noted."""
    table = tables.record_read
    return connection.execute(select(table.c.read_id).where(table.c.at == at, table.c.account == account, table.c.what == what)).first() is not None


def noted_since(connection: Connection, account: str, what: str, case_ids: Sequence[str], since: datetime) -> frozenset[str]:
    """Of some hundred cases those of which a reading of this kind by this account was noted since a moment."""
    table = tables.record_read
    lately = (table.c.case_id.in_(list(case_ids)), table.c.at >= since.astimezone(UTC).isoformat())
    return frozenset(connection.execute(select(table.c.case_id).where(*lately, table.c.account == account, table.c.what == what)).scalars())
