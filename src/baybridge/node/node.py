"""One running site: the composition root.

Main job: `Node(config)` holds configuration, storage, documents and keys, opens units of work, and reads: `case`, `events`, `facts`. What changes a case
comes in by `handle.py`. Rules stand in the parts; this class only wires.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import orjson
from sqlalchemy import Connection, select

from baybridge.base.resource import Resource
from baybridge.consent.reading import Ground
from baybridge.documents.escalation import Escalation
from baybridge.documents.loader import packaged_data
from baybridge.documents.people import People
from baybridge.documents.quote import QuoteDocument
from baybridge.documents.recognition import Names
from baybridge.exchange.card.health_card import CardKey
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.exposure import filed_doses
from baybridge.facts.fhir import Found
from baybridge.facts.reading import FactSet, read
from baybridge.facts.washouts import drug_history
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, CardIssuer, FromRecord, Site
from baybridge.journey.drug_history import DrugHistory
from baybridge.journey.events import Recorded
from baybridge.journey.identities import linked, same_person
from baybridge.language.languages import Language, languages_of
from baybridge.language.regions import Regions, regions_of
from baybridge.ledger import log, streams
from baybridge.node import accepted, clock, tables
from baybridge.node.attachments import proposals
from baybridge.node.attachments.received import received
from baybridge.node.case_memory import CaseMemory
from baybridge.node.case_record import CaseRecord
from baybridge.node.commands import courier_codes
from baybridge.node.config import Config, Neighbour, keys_stamp, neighbours_stamp, read_config, read_neighbours
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import ConsequenceRow
from baybridge.node.consequences.table import CONSEQUENCES
from baybridge.node.directory.living_documents import LivingDocuments, steady
from baybridge.node.integrity import coverage, index
from baybridge.node.integrity.rows import RowLog
from baybridge.node.keeping import standing
from baybridge.node.money import grants
from baybridge.node.neighbours import key_rotation
from baybridge.node.neighbours.own_keys import OwnKeys, read_own
from baybridge.node.neighbours.retries import Retries
from baybridge.node.outage import StorageProblem
from baybridge.node.people import helping, persons, reads, requests, second_factor
from baybridge.node.people.access_memory import AccessMemory
from baybridge.node.people.factor_key import Sealer, factor_key
from baybridge.node.people.noting import Noting
from baybridge.node.people.outside.openid import Providers
from baybridge.node.record_memory import RecordMemory
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage, Waits
from baybridge.node.together import Together
from baybridge.node.unit import Unit, system_actor
from baybridge.node.upkeep import given_tasks, labels, projections, slots
from baybridge.node.upkeep.clock_watch import ClockWatch
from baybridge.node.upkeep.permissions import tighten
from baybridge.node.upkeep.reserve import Kept, Reserve
from baybridge.node.watch.ward import Ward
from baybridge.policy.document.shapes import Policy
from baybridge.record.identity.documents import DocumentForms, document_forms
from baybridge.record.identity.names import NameReader
from baybridge.record.store import store
from baybridge.record.store.subjects import named
from baybridge.rulebook.library import PolicyLibrary, fact_types, policies_of

if TYPE_CHECKING:
    from baybridge.policy.one_case.many import Many

Transport = Callable[[Neighbour, str, bytes | None], tuple[int, bytes]]


_LOG = logging.getLogger("baybridge.node")
_WRITES_AT_ONCE = 64  # of people and programs, in one transaction
#: For how long those who came are waited for: less than a commit costs, and what follows from a write (measured).
_NOTES_GATHER_S, _WRITES_GATHER_S = 0.002, 0.005
T = TypeVar("T")


class Node:
    """One organisation's node, over one database."""

    def __init__(self, config: Config, *, now: clock.Clock = clock.now, transport: Transport | None = None) -> None:
        self.config = config
        self.now = now
        self.step = Walk.of(config.settings).step  # passes a named step of a write or transfer
        self._neighbours: Mapping[str, Neighbour] = config.neighbours
        self._neighbours_at = neighbours_stamp(config.folder)
        self._keys_at, self._keys = keys_stamp(config.folder), read_own(config.folder)
        self.transport = transport
        self.retries = Retries()
        self.outside = Providers(config.folder)  # where people sign in elsewhere
        self.case_memory = CaseMemory()
        self.record_memory = RecordMemory()
        self.access = AccessMemory(self)
        self.noting = Noting(self)
        self.ward = Ward(self)
        self.storage = Storage(config.database, Waits.of(config.settings))
        self.storage.require(config.folder)
        self.storage.sealer = Sealer(factor_key(config.folder))
        self.storage.rows = RowLog(config.site, self.pseudonym, now)
        coverage.begin(self.storage, self.storage.rows)
        index.keep_current(self.storage, self.storage.rows)
        persons.make_sure(self.storage)
        second_factor.seal_all(self.storage)
        self.storage.guard = self._guard
        self.clock_watch: ClockWatch | None = None  # of a node that is served
        self._notes = Together(partial(self.unit, even_restored=True), gathers_s=_NOTES_GATHER_S)
        self._writes = Together(partial(self.unit, within=True), _WRITES_AT_ONCE, _WRITES_GATHER_S)
        self.reserve = Reserve(config.folder, self._keys.signing_key, int(config.settings.get("BAYBRIDGE_RESERVE_KB", "1024")) * 1024, lambda: self.keys.ring)
        self.site_documents = accepted.standing(config)
        self.documents = LivingDocuments(self.storage, *self._roots())
        self.streams_last = timedelta(minutes=10)  # then a browser comes again, so that a server can stop and a session is looked at anew
        self.served_at = ""  # the address on which this process listens
        self.keys_not_believed: dict[str, str] = {}  # by neighbour, what was said of its last change
        self._together: tuple[tuple[str, ...], Many] | None = None
        key_rotation.recover(self)

    def _guard(self, connection: Connection) -> None:
        """StorageProblem while nothing may be written: the clock cannot be believed, or people have not accepted yet what a restored node lacks."""
        if self.clock_watch is not None:
            self.clock_watch.guard()
        standing.guard(connection)

    def watch_clock(self) -> None:
        """From now on write nothing while the machine's clock cannot be believed; a clock that a test sets is the test's."""
        if self.config.settings["BAYBRIDGE_CLOCK_AHEAD"]:
            return
        with self.storage.reading() as connection:
            size = log.size(connection)
            newest = log.entries(connection, size - 1, size)[0].entry.at if size else None
        self.clock_watch = ClockWatch(self.now, newest)

    # --- its documents ----------------------------------------------------------------------------------------------

    def _roots(self) -> tuple[Path, ...]:
        return (packaged_data(), *filter(None, (self.site_documents.root,)))

    def read_documents_again(self) -> bool:
        """Put in force what the site wrote since the last look, or keep what is and tell why; True where another set is in force now."""
        accepted.note_ours_alone(self.config, self.site_documents)
        if not accepted.changed(self.config, self.site_documents):
            return False
        before, self.site_documents = self.site_documents, accepted.standing(self.config)
        if self.site_documents.root == before.root:
            return False
        self.documents = LivingDocuments(self.storage, *self._roots())
        for derived in ("dictionary", "policies", "name_reader", "document_forms", "reviewed_policies", "people"):
            self.__dict__.pop(derived, None)
        self._together = None
        return True

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """Who this node is."""
        return self.config.site

    @property
    def address(self) -> str:
        """Where others reach this node: as configured, else where it serves; never what a request says of itself."""
        return self.config.url or self.served_at or f"http://127.0.0.1:{self.config.port or 8080}"

    @property
    def fhir_bases(self) -> frozenset[str]:
        """The addresses that are known to be this node's own FHIR base: as configured, and where it serves."""
        return frozenset(f"{url}/fhir" for url in (self.config.url, self.served_at) if url)

    @property
    def neighbours(self) -> Mapping[str, Neighbour]:
        """The nodes it knows; a card that was added or removed while it runs counts at once."""
        changed_at = neighbours_stamp(self.config.folder)
        if changed_at != self._neighbours_at:
            self._neighbours, self._neighbours_at = read_neighbours(self.config.folder, self.regions), changed_at
        return self._neighbours

    @cached_property
    def regions(self) -> Regions:
        """The regions that this node knows."""
        return regions_of(self.documents.folder)

    @cached_property
    def languages(self) -> Mapping[str, Language]:
        """The languages that its pages are written in, in the order in which they are offered."""
        return languages_of(self.documents.folder)

    @cached_property
    def dictionary(self) -> Dictionary:
        """The fact dictionary."""
        return Dictionary.from_documents(self.documents.folder("facts"), self.documents.folder("terms"))

    @cached_property
    def policies(self) -> PolicyLibrary:
        """The policy library."""
        return policies_of(self.documents, fact_types(self.documents))

    @property
    def escalation(self) -> Escalation:
        """Who is told of a call and when, and how often a patient is assessed."""
        return self.documents.typed.escalation

    @cached_property
    def people(self) -> People:
        """The rules of this site about its people."""
        return self.documents.typed.the(People)

    @cached_property
    def document_forms(self) -> DocumentForms:
        """The numbers of identity documents, by the regions that this node knows."""
        return document_forms(self.documents.typed)

    @cached_property
    def name_reader(self) -> NameReader:
        """How names are compared across scripts, spellings and orders."""
        from opencc import OpenCC

        return NameReader.of(self.documents.typed.the(Names), OpenCC("t2s").convert)

    @property
    def keys(self) -> OwnKeys:
        """Its own keys; one that was replaced while it runs counts at once."""
        changed_at = keys_stamp(self.config.folder)
        if changed_at != self._keys_at:
            self._keys, self._keys_at = read_own(self.config.folder), changed_at
        return self._keys

    @property
    def card_key(self) -> CardKey:
        """The key by which this node signs cards that patients carry."""
        return self.keys.card

    @cached_property
    def reviewed_policies(self) -> dict[str, Policy]:
        """The policies of reviewed trials by their text, as far as they were read."""
        return {}

    def together(self, policies: tuple[Policy, ...]) -> Many:
        """Many policies in their common form; the last one is kept, since reviews change rarely. NumPy is loaded by it, which takes a tenth of a start."""
        from baybridge.policy.one_case.many import Many

        key = tuple(policy.sha256 for policy in policies)
        if self._together is None or self._together[0] != key:
            self._together = (key, Many(policies))
        return self._together[1]

    def system(self) -> Actor:
        """The node's own worker as an actor."""
        return system_actor(self.site)

    def pseudonym(self, case_id: str) -> str:
        """The name of a case in this node's log; without the node's secret nobody can tell which case it is."""
        return log.pseudonym(bytes.fromhex(self.config.secrets["pseudonym"]), case_id)

    # --- transactions -----------------------------------------------------------------------------------------------

    @contextmanager
    def unit(self, *, urgent: bool = False, drained: bool = True, even_restored: bool = False, within: bool = False) -> Iterator[Unit]:
        """A unit of work; all of it stands afterwards, or none. What follows from it is queued with it, and done at once unless `drained` says otherwise.

        `urgent`: before every writer of this process that waits. `even_restored`: as for `Storage.writing`. `within`: what follows is done in the unit, as far as it can.
        """
        with self.storage.writing(urgent=urgent, even_restored=even_restored) as connection, steady():
            unit = Unit(connection, self.site, self.now(), lambda: clock.new_id(self.now), self.pseudonym, self.step, self.case_memory, self.record_memory)
            yield unit
            found = queue.left_after(self, unit) if within else queue.following(unit, self.consequence_kinds)
            unit.queued = queue.keep(unit, self.consequence_kinds, found)
            unit.finish()
        self.step("write.committed")
        if unit.erased:
            self.storage.empty_write_ahead()
        if drained and unit.queued:
            with suppress(StorageProblem):  # it stands in the queue, and the worker does it
                queue.drain_of(self, unit.queued)

    def write(self, work: Callable[[Unit], T]) -> T:
        """What a piece of work answers, done in a unit of work with others that come at the same moment; it is on disk, and what follows from it is done."""
        return self._writes.do(work)

    @cached_property
    def consequence_kinds(self) -> Mapping[str, ConsequenceRow]:
        """Every kind of consequence, by its name."""
        return CONSEQUENCES

    # --- looking ----------------------------------------------------------------------------------------------------

    def events(self, case_id: str, until: datetime | None = None) -> list[Recorded]:
        """The events of a case, as known at `until`."""
        with self.storage.reading() as connection:
            recorded = self.case_memory.events(streams.read(connection, case_id))
        return [item for item in recorded if until is None or item.recorded_at <= until]

    def case(self, case_id: str, until: datetime | None = None) -> Case | None:
        """A case, as known at `until`; None where there is none."""
        if until is None:
            with self.storage.reading() as connection:
                return self.case_memory.case(streams.read(connection, case_id))
        events = self.events(case_id, until)
        return fold(events) if events else None

    def fact_set(self, connection: Connection, case: Case, at: datetime, record: CaseRecord | None = None) -> FactSet:
        """The facts of a case's patient as of a moment, from record and case; `record` is the case's as of then, where the caller has it."""
        resources = (record or CaseRecord(connection, case, at, self.record_memory)).once("found", Found)
        known = self.record_memory.known(case.patient_id or "", self.dictionary)
        confirmed = {name: entry.event.value for name, entry in case.confirmed_until(at).items()}
        return read(resources, at, self.dictionary, case=case, confirmed=confirmed, zone=self.site.zone, known=known)

    def facts(self, case: Case, at: datetime | None = None) -> FactSet:
        """The facts of a case's patient, as known at `at`."""
        with self.storage.reading() as connection:
            return self.fact_set(connection, case, at or self.now())

    def record_material(
        self, connection: Connection, needs: frozenset[str], case: Case, at: datetime, record: CaseRecord | None = None
    ) -> FromRecord:
        """What a rule asked the record for, by the names of `FromRecord`; whose results they are comes with them. `record` as for `fact_set`."""
        looks = bool(needs & {"resources", "observations", "drugs"})
        resources = (record or CaseRecord(connection, case, at, self.record_memory)).resources if looks else []
        return FromRecord(
            resources=resources if "resources" in needs else (),
            observations=[one for one in resources if one["resourceType"] == "Observation"] if "observations" in needs else (),
            same_person=same_person(case) if looks else {},
            quote=quote_document(connection, case) if "quote" in needs else None,
            grants=grants.grants(connection, self.documents.typed.plans, self.site.zone) if "grants" in needs else (),
            card=CardIssuer(self.config.issuer, self.card_key.public.kid) if "card" in needs else None,
            drugs=self._drugs(resources, case, at) if "drugs" in needs else None,
            of_others=of_others(connection, resources, case) if "of_others" in needs else frozenset(),
            cases_of=partial(_cases_of, connection) if "cases_of" in needs else None,
            courier_code=partial(courier_codes.tried, connection, at) if "courier_code" in needs else None,
            slots_on=partial(slots.held_on, connection) if "slots_on" in needs else None,
            proposed=partial(proposals.of_case, self, case) if "proposed" in needs else None,
            unfit=partial(proposals.unfit, self.dictionary) if "unfit" in needs else None,
            received=partial(received, self.config, case.case_id) if "received" in needs else None,
            tasks={task.key: task.role for task in projections.open_tasks(self, connection, case, at)} if "tasks" in needs else {},
            staff=given_tasks.staff(connection, self.site, at) if "staff" in needs else {},
            labels_elsewhere=partial(labels.elsewhere, connection, case.case_id) if "labels_elsewhere" in needs else None,
            erasable=partial(requests.erasable, self, connection, case, at) if "erasable" in needs else None,
            put_right=partial(requests.put_right, connection, case) if "put_right" in needs else None,
            caregivers=helping.accounts_for(connection, case.patient_id or "") if "caregivers" in needs else frozenset(),
        )

    def _drugs(self, resources: Sequence[Resource], case: Case, at: datetime) -> DrugHistory:
        """The drugs that a patient was given, and the days of transplants."""
        treatments = self.dictionary.terms.treatments
        found = Found(resources)
        return replace(drug_history(found, at, treatments, case), filed=filed_doses(found, treatments, case))

    def record_access(self, actor: Actor, case_id: str, what: str, purpose: str, on: Ground = Ground.RELATION) -> None:
        """Write an access to a patient's record into the patient's list and the log, or into the reserve while the database takes nothing.

        A patient without a case is named instead of the case.
        """
        self.note_readings(actor, [case_id], what, purpose, on)

    def note_readings(self, actor: Actor, subjects: Sequence[str], what: str, purpose: str, on: Ground) -> None:
        """The same for some cases, or patients without one, in one transaction."""

        def noted(unit: Unit) -> None:
            owners = reads.owners_of(unit.connection, subjects)
            reads.note_all(unit, actor, [(owners[one], one) if one in owners else (one, "") for one in subjects], what, purpose, on)

        self.note_reading(actor, subjects, what, purpose, noted, emergency=on is Ground.EMERGENCY, ground=on.value)

    def note_reading(
        self, actor: Actor, subjects: Sequence[str], what: str, purpose: str, write: Callable[[Unit], None], *, emergency: bool = False, **more: str
    ) -> None:
        """Note readings by `write`, with others that are noted at the same moment; where the database cannot take it, keep them in the reserve until it can.

        `subjects`: the cases, or patients where no case is known, that were read. ReserveFullError where the reserve is full too, but for `emergency`, the
        reading of one case that somebody took in an emergency.
        """
        try:
            self._notes.do(write)
        except StorageProblem:
            at = self.now().isoformat()
            said = {"account": actor.account, "role": actor.role.value, "organisation": actor.organisation, "what": what, "purpose": purpose}
            self.reserve.keep([Kept(at=at, subject=subject, more=more, **said) for subject in subjects], emergency=emergency)


def decision_document(connection: Connection, sha256: str) -> dict[str, object] | None:
    """A kept decision document."""
    body = connection.execute(select(tables.decision.c.document).where(tables.decision.c.sha256 == sha256)).scalar()
    return orjson.loads(body) if body else None


def _cases_of(connection: Connection, patient_id: str) -> tuple[Case, ...]:
    return tuple(reads.fold_case(connection, case_id) for case_id in reads.cases_of(connection, patient_id))


def quote_document(connection: Connection, case: Case) -> QuoteDocument | None:
    """The document of a case's last quote; None without one, or where it is not kept here."""
    found = decision_document(connection, case.quote.event.quote_sha256) if case.quote else None
    return cast("QuoteDocument | None", found)


def of_others(connection: Connection, resources: Sequence[Resource], case: Case) -> frozenset[str]:
    """Those of a case's resources (Type/id) that hold data of a person who is not the patient: a list or appointment of several."""
    if not case.patient_id:
        return frozenset()
    mine = {case.patient_id, *linked(case)}
    pairs = [named(dict(resource)) for resource in resources]
    owners = store.current_patients(connection, sorted({key for _patients, keys in pairs for key in keys}))
    held = [{*patients, *(owners.get(key, "") for key in keys)} - {""} for patients, keys in pairs]
    return frozenset(f"{resource['resourceType']}/{resource['id']}" for resource, people in zip(resources, held, strict=True) if people - mine)


def open_node(folder: Path, *, database: str | None = None, now: clock.Clock | None = None, transport: Transport | None = None) -> Node:
    """The node of a folder, on the real clock unless the caller or the settings say otherwise."""
    config = read_config(folder, database)
    opened = tighten(folder)
    if opened:
        _LOG.warning("Others on this machine could read %s; now the owner alone can.", ", ".join(opened))
    shifted = config.settings["BAYBRIDGE_CLOCK_AHEAD"]
    return Node(config, now=now or (clock.ahead(shifted) if shifted else clock.now), transport=transport)
