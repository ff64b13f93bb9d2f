"""What a person asked for of the own data, at a node: what stands against an answer, what follows from it, and the register of all requests.

Main job: `follow_up(node, unit, work, recorded)`, what an answer grants, in the transaction of the answer; `register(node)`, every request with its clock.

Elsewhere: the rules, `consent/requests.py`; what keeps data from erasure, `erasure.py`; the copy, `copying.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from sqlalchemy import Connection, insert, select, update

from baybridge.base.outcome import Reason
from baybridge.consent.requests import Clock, Request, clock_of, requests_of
from baybridge.journey.case import Case
from baybridge.journey.command import Actor
from baybridge.journey.events import Recorded, RequestAnswered, RequestMade
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.people import erasure
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

State = Literal["open", "late", "granted", "partly", "refused"]


@dataclass(frozen=True, slots=True)
class Row:
    """A request of the register: whose, in which case, by when it is answered, and how it stands. `late`: it waits past its day, or was answered past it."""

    request: Request
    case_id: str
    patient_id: str
    clock: Clock | None
    state: State
    late: bool

    def as_json(self) -> dict[str, object]:
        """As the command prints it."""
        made, answer = self.request.entry.event, self.request.answer
        return {
            "request": self.request.id, "case": self.case_id, "patient": self.patient_id, "right": made.right, "received_at": made.received_at.isoformat(),
            "channel": made.channel, "made_by": made.made_by, "state": self.state, "late": self.late,
            "due_at": self.clock.due_at.isoformat() if self.clock else None,
            "rule": self.clock.rule.id if self.clock else None,
            "confidence": self.clock.rule.confidence if self.clock else None,
            "answered_at": answer.origin.at.isoformat() if answer else None,
            "answered_by": answer.origin.actor if answer else None,
        }  # fmt: skip


def register(node: Node) -> list[Row]:
    """Every request at this node: those that wait first, by when they are due; then the others, the newest first."""
    with node.storage.reading() as connection:
        names = streams.cases_with(connection, (RequestMade.__name__,))
    found = [row for case_id in names if (case := node.case(case_id)) is not None for row in rows_of(node, case, node.now())]
    waiting = sorted((row for row in found if row.request.answer is None), key=lambda row: row.clock.due_at if row.clock else row.request.entry.event.received_at)
    return [*waiting, *sorted((row for row in found if row.request.answer is not None), key=lambda row: row.request.entry.event.received_at, reverse=True)]


def rows_of(node: Node, case: Case, now: datetime) -> list[Row]:
    """The requests of a case."""
    documents, site = node.documents.typed, node.site
    return [
        _row(one, case, clock_of(documents, site.jurisdiction, one.entry.event, site.zone), now) for one in requests_of(case) if one.entry.origin.node == site.node
    ]


def _row(request: Request, case: Case, clock: Clock | None, now: datetime) -> Row:
    first = request.answers[0].origin.at if request.answers else now
    late = clock is not None and first >= clock.due_at
    state: State = request.answer.event.outcome if request.answer else "late" if late else "open"
    return Row(request, case.case_id, case.patient_id or "", clock, state, late)


# --- what stands against an answer ----------------------------------------------------------------------------------


def erasable(node: Node, connection: Connection, case: Case, at: datetime, what: Sequence[str], basis: str) -> Sequence[Reason]:
    """Every reason why this is not erased of the patient of a case, whoever asks."""
    return erasure.against(node, connection, erasure.Wanted(case.patient_id or "", tuple(what), basis), at)


def put_right(connection: Connection, case: Case, name: str, since: datetime) -> bool:
    """Whether an entry was struck through, by whatever correction; or a resource changed or withdrawn since a moment."""
    if "/" not in name:
        return any(one.entry.origin.event_id == name for one in case.struck)
    current = store.get(connection, *name.split("/", 1))
    return current is not None and current.number > 1 and datetime.fromisoformat(current.recorded_at) >= since


# --- what follows from one ------------------------------------------------------------------------------------------


def follow_up(node: Node, unit: Unit, work: Work, recorded: Sequence[Recorded]) -> None:
    """Restrict, lift or erase what an answer of this node says, in the transaction of the answer."""
    for item in recorded:
        if isinstance(item.event, RequestAnswered) and item.node == node.site.node:
            case = unit.case(work.case_id)
            if item.event.right == "restriction":
                _restrict(unit, case, item, item.event, work.actor)
            elif item.event.what:
                erasure.erase_in(node, unit, erasure.Wanted(case.patient_id or "", item.event.what, item.event.basis), work.actor)


def _restrict(unit: Unit, case: Case, item: Recorded, answer: RequestAnswered, actor: Actor) -> None:
    """A restriction that this request brought stands while its last answer grants it; others are left as they are."""
    table = tables.restriction
    own = [entry.origin.event_id for entry in case.of(RequestAnswered) if entry.event.request_id == answer.request_id]
    standing = unit.connection.execute(select(table.c.restriction).where(table.c.restriction.in_(own), table.c.lifted_at.is_(None))).scalars().all()
    if answer.outcome == "refused":
        values = {"lifted_at": unit.at.isoformat(), "lifted_by": actor.account, "lifted_because": answer.because}
        unit.connection.execute(update(table).where(table.c.restriction.in_(standing)).values(**values))
    elif not standing:
        row = {"restriction": item.event_id, "patient_id": case.patient_id or "", "reason": answer.because, "since_at": unit.at.isoformat()}
        unit.connection.execute(insert(table).values(**row, account=actor.account))
