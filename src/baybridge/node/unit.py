"""One unit of work: everything that a command, an import or a package changes, in one transaction.

Main job: append events, store resources, write the log, keep decisions, queue packages, so that all of it stands or none.

Named steps (`BAYBRIDGE_HALT_AT`) lie between the parts of a write, so that tests can kill the process there: nothing acknowledged may be lost.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError, PendingRollbackError

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.plain_rows import run
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Role, Site
from baybridge.journey.events import Event, Recorded
from baybridge.journey.identities import linked
from baybridge.journey.judged import Judged
from baybridge.journey.stored import encode
from baybridge.ledger import log, streams
from baybridge.node import asking, tables
from baybridge.node.case_memory import CaseMemory
from baybridge.node.case_record import CaseRecord
from baybridge.node.consequences.row import Consequence
from baybridge.node.integrity import things
from baybridge.node.outage import GivenUp, problem_of
from baybridge.node.record_memory import RecordMemory
from baybridge.record.store import store
from baybridge.record.store.store import Version

#: Asked with every decision, so they are written once.
_DECIDED = select(tables.decision.c.sha256).where(tables.decision.c.sha256 == bindparam("decision"))
_POLICY_TEXT = select(tables.policy_text.c.text).where(tables.policy_text.c.sha256 == bindparam("policy"))
_ADD_DECISION, _ADD_SOURCES = insert(tables.decision), insert(tables.decision_source)


@dataclass(frozen=True, slots=True)
class Made:
    """A decision as it was made: its document, the facts it saw, where they came from, the policy's text, and which facts a caller gave.

    What was given is laid over the record again when the decision is made again; the rest is read anew.
    """

    document: Mapping[str, Any]
    facts: Mapping[str, Any]
    sources: frozenset[str]
    policy_text: str
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical document; events point to it."""
        return sha256_hex(canonical_bytes(self.document))


@dataclass(frozen=True, slots=True)
class Brought:
    """What a package of another node brought: resources that were filed (Type/id)."""

    by: str
    filed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work on a case: who does it, what follows by the verdict, and how many events of the case it was decided on.

    `command_id` makes a repeat harmless; `made` are the decisions that were made meanwhile; `brought` is there for a package of another node.
    """

    case_id: str
    actor: Actor
    verdict: Judged
    known: int
    command_id: str | None = None
    made: Mapping[str, Made] = field(default_factory=dict)
    brought: Brought | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """Resource versions that a unit filed: because of what, for which case where that is known, and by which node's package."""

    versions: tuple[Version, ...]
    because: str = ""
    case_id: str = ""
    by: str = ""


@dataclass(slots=True)
class Unit:
    """A running write transaction of one node."""

    connection: Connection
    site: Site
    at: datetime
    new_id: Callable[[], str]
    pseudonym: Callable[[str], str]
    step: Callable[[str], None]
    memory: CaseMemory
    records: RecordMemory
    appended: list[Recorded] = field(default_factory=list)
    filed: list[Filed] = field(default_factory=list)
    follows: list[Consequence] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)  # consequences that are due now
    erased: bool = False  # something was taken away that stands in the database's write-ahead log until that is emptied
    news: dict[str, list[tuple[str, str]]] = field(default_factory=dict)  # of each package that was filed, the events that nobody told before
    _record: tuple[object, CaseRecord] | None = None
    _to_log: list[tuple[log.Entry, bytes]] = field(default_factory=list)
    _asked: list[str] = field(default_factory=list)  # the request of each of them

    def events(self, case_id: str) -> list[Recorded]:
        """The events of a case so far."""
        return list(self.memory.events(streams.read(self.connection, case_id)))

    def case(self, case_id: str) -> Case:
        """A case with its events so far."""
        return self.known(case_id)[1]

    def known(self, case_id: str) -> tuple[tuple[Recorded, ...], Case]:
        """The events of a case so far, and the case that they amount to."""
        stored = streams.read(self.connection, case_id)
        return self.memory.events(stored), self.memory.case(stored) or fold(())

    def record(self, case: Case) -> CaseRecord:
        """The record of a case as of now, read once while nothing is filed and the case has the same patients."""
        key = (case.case_id, case.patient_id, tuple(sorted(linked(case))), store.last_row(self.connection))
        if self._record is None or self._record[0] != key:
            self._record = (key, CaseRecord(self.connection, case, self.at, self.records))
        return self._record[1]

    def append(
        self,
        case_id: str,
        events: Sequence[Event],
        actor: Actor,
        *,
        known: int,
        command_id: str | None = None,
        event_ids: Sequence[str] = (),
        part: int = 0,
    ) -> list[Recorded]:
        """Append events after the `known` ones that the caller decided on; each gets a log entry, and the id that `event_ids` has for it, or a new one.

        `part`: how many events the same command led to before.
        """
        ids = chain(event_ids, repeat(""))
        recorded = [self._envelope(case_id, event, actor, known + number, next(ids)) for number, event in enumerate(events, start=1)]
        stored = [
            streams.StoredEvent(
                event_id=item.event_id,
                case_id=case_id,
                sequence=item.sequence,
                type=type(item.event).__name__,
                at=item.at.isoformat(),
                recorded_at=item.recorded_at.isoformat(),
                body=encode(item),
                command_id=command_id,
            )
            for item in recorded
        ]
        streams.append(self.connection, stored, known, part)
        self.step("write.events")
        for item in stored:
            self.log("event", case_id, item.event_id, item.body, actor)
        self.appended += recorded
        return recorded

    def _envelope(self, case_id: str, event: Event, actor: Actor, sequence: int, event_id: str) -> Recorded:
        return Recorded(
            event_id=event_id or self.new_id(),
            case_id=case_id,
            sequence=sequence,
            at=self.at,
            recorded_at=self.at,
            node=self.site.node,
            organisation=self.site.organisation,
            actor=actor.account,
            role=actor.role.value,
            event=event,
            person=actor.person,
            via=actor.via,
        )

    def log(self, kind: str, case_id: str, what: str, content: bytes, actor: Actor, purpose: str = "care", request: str | None = None) -> None:
        """Note one log entry, written with the rest at the end; the entry holds a salted hash of the content and no personal data.

        `request`: to which request over HTTP it belongs, if not to the one that is answered now.
        """
        entry = log.Entry(
            kind=kind,
            at=self.at,
            node=self.site.node,
            organisation=self.site.organisation,
            actor=actor.account,
            role=actor.role.value,
            purpose=purpose,
            subject=self.pseudonym(case_id) if case_id else "",
            what=what,
        )
        self._to_log.append((entry, content))
        self._asked.append(asking.REQUEST.get() if request is None else request)

    def follow(
        self, kind: str, case_id: str, body: Mapping[str, object] | None = None, *, not_before: datetime | None = None, consequence_id: str = ""
    ) -> None:
        """Queue a consequence with this write, to be done now or not before a moment; the same `consequence_id` again replaces the row that waits."""
        self.follows.append(Consequence(kind, case_id, body or {}, not_before, consequence_id))

    @contextmanager
    def apart(self) -> Iterator[None]:
        """A part of the work that falls alone: where it raises, what it wrote is taken back and what the rest wrote stays.

        GivenUp where it cannot be taken back, because the database gave the whole transaction up.
        """
        lists: tuple[list[Any], ...] = (self.appended, self.filed, self.follows, self._to_log, self._asked)
        before = [len(one) for one in lists]
        run(self.connection, "SAVEPOINT part")
        try:
            yield
        except BaseException as error:
            try:
                run(self.connection, "ROLLBACK TO SAVEPOINT part")
            except (DBAPIError, PendingRollbackError, sqlite3.Error) as lost:
                known = problem_of(error) or problem_of(lost)
                raise GivenUp(known.kind if known is not None else "away") from error
            for one, length in zip(lists, before, strict=True):
                del one[length:]
            self._record = None
            run(self.connection, "RELEASE SAVEPOINT part")
            raise
        run(self.connection, "RELEASE SAVEPOINT part")

    def finish(self) -> None:
        """Append what was logged to the Merkle log; the last thing before the commit."""
        asking.note(self.connection, log.append(self.connection, self._to_log, salt=lambda: os.urandom(log.SALT_BYTES)), self._asked)
        self._to_log.clear()
        self._asked.clear()
        self.step("write.log")

    def keep_decision(self, case_id: str, made: Made) -> str:
        """Store a decision with all that is needed to make it again; the same decision is stored once."""
        sha256 = made.sha256
        if self.connection.execute(_DECIDED, {"decision": sha256}).first():
            return sha256
        policy_sha256 = str(made.document.get("policy_sha256", ""))
        row: dict[str, Any] = {
            "sha256": sha256,
            "case_id": case_id,
            "policy": str(made.document.get("policy", "")),
            "policy_sha256": policy_sha256,
            "outcome": str(made.document.get("outcome", "")),
            "made_at": self.at.isoformat(),
            "document": canonical_bytes(made.document),
            "facts": orjson.dumps(dict(made.facts), option=orjson.OPT_SORT_KEYS),
            "given": orjson.dumps(dict(made.given), option=orjson.OPT_SORT_KEYS),
        }
        self.connection.execute(_ADD_DECISION, row)
        sources = sorted(made.sources)
        if sources:
            self.connection.execute(_ADD_SOURCES, [{"sha256": sha256, "resource": source, "case_id": case_id} for source in sources])
        text = self._policy_text(policy_sha256, made.policy_text)
        self.log(things.DECISION, case_id, sha256, row["document"], system_actor(self.site))
        self.log(things.BASIS, case_id, sha256, things.basis(row, text, sources), system_actor(self.site))
        return sha256

    def _policy_text(self, sha256: str, text: str) -> str:
        """The text of a policy as it is kept, kept now where it is not."""
        if not sha256:
            return ""
        kept: str | None = self.connection.execute(_POLICY_TEXT, {"policy": sha256}).scalar()
        if kept is None:
            self.connection.execute(insert(tables.policy_text).values(sha256=sha256, text=text))
        return text if kept is None else kept

    def supersede(self, old: str, new: str) -> None:
        """Mark a decision as made again."""
        self.connection.execute(update(tables.decision).where(tables.decision.c.sha256 == old).values(superseded_by=new))


def system_actor(site: Site) -> Actor:
    """The node's own worker."""
    return Actor("system", Role.SYSTEM, site.organisation)
