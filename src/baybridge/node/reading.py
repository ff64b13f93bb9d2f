"""A patient's facts and decisions from a node's folder, for the command line.

Main job: `facts_for_patient` and `decide_for_patient`; each access to the record goes into the log.

The record is read as it stands now and the facts as of `at`: what was imported today about March tells of March.
Elsewhere: reading itself in `facts/reading.py`; a running node's own decisions in `node/commands/deciding.py`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.base.time import parse_instant_or_day
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.reading import FactSet, read
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Actor, Role
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams
from baybridge.node.cases import case_of
from baybridge.node.node import Node, open_node
from baybridge.policy.one_case.decide import DecisionDocument, decide
from baybridge.record.store import store
from baybridge.rulebook.library import fact_types, policies_of

if TYPE_CHECKING:
    from baybridge.policy.document.shapes import Policy

_PURPOSE = "treatment"


class UnknownPatientError(LookupError):
    """The node's record has no such patient."""

    def __init__(self, node: str) -> None:
        super().__init__(f"the record of node {node} has no patient with that id; see `baybridge import` for the ids that a file brought")


def facts_for_patient(node_dir: Path, patient: str, at: str | datetime | None = None) -> FactSet:
    """The facts of a patient of a node's record as of `at` (now); raises `UnknownPatientError`, or ValueError for a time that is none."""
    return _facts(open_node(node_dir), patient, at, "facts")[0]


def decide_for_patient(node_dir: Path | None, policy: str | Policy, patient: str, at: str | datetime | None = None) -> DecisionDocument:
    """The decision of a policy, given by its id or whole, over a patient's facts as of `at` (now), as its document.

    Raises `UnknownPatientError`, `UnknownPolicy`, `PolicyProblems`, or ValueError for a time that is none.
    """
    if node_dir is None:
        raise ValueError("a patient is looked up in a node: give its folder")
    node = open_node(node_dir)
    moment = _moment(node, at)
    if isinstance(policy, str):
        policy = policies_of(node.documents, fact_types(node.documents)).get(policy, moment.astimezone(node.site.zone).date())
    fact_set, case = _facts(node, patient, moment, f"decide {policy.id}")
    subject = case.case_id if case is not None else patient
    return decide(policy, fact_set.values, subject=subject, as_of=moment).as_json()


def _facts(node: Node, patient: str, at: str | datetime | None, what: str) -> tuple[FactSet, Case | None]:
    moment = _moment(node, at)
    dictionary = Dictionary.from_documents(node.documents.folder("facts"), node.documents.folder("terms"))
    with node.storage.reading() as connection:
        patient_id = patient.removeprefix("Patient/")
        resources = store.patient_resources(connection, patient_id)
        if not any(resource.get("resourceType") == "Patient" for resource in resources):
            raise UnknownPatientError(node.site.node)
        case = _case(connection, patient_id)
    confirmed = {name: entry.event.value for name, entry in case.confirmed_until(moment).items()} if case is not None else {}
    node.record_access(_operator(node), case.case_id if case is not None else patient_id, what, _PURPOSE)
    return read(resources, moment, dictionary, case=case, confirmed=confirmed, zone=node.site.zone), case


def _moment(node: Node, at: str | datetime | None) -> datetime:
    if at is None:
        return node.now()
    return at if isinstance(at, datetime) else parse_instant_or_day(at, node.site.zone)


def _case(connection: Connection, patient_id: str) -> Case | None:
    """The patient's case, the one that changed last where there are several."""
    case_id = case_of(connection, patient_id)
    return fold(decode_stored(stored) for stored in streams.read(connection, case_id)) if case_id else None


def _operator(node: Node) -> Actor:
    return Actor("operator", Role.SYSTEM, node.site.organisation)
