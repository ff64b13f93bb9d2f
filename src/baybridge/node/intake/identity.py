"""Whose record came in: candidates among the people of this node, what waits for a person, and what follows an answer.

Main job: `standing(node, patient)` where a new person's record belongs; `ask` puts the question into the cases that it may belong to;
`ask_of_package` does so for a person who came with a package; `follow_up` brings a linked record in, gives somebody else's record a
case of its own, and makes again what rested on a link that was taken back.

Documented identity (`record/identity/matching.py`) links by itself and says so; everything else waits for a person, and opens no case
meanwhile. A link is of one case: the case uses the other person's record, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from baybridge.journey.events import (
    CaseOpened,
    IdentityLinked,
    IdentityQuestioned,
    IdentityRefused,
    IdentityUndone,
    Recorded,
    RecordsImported,
)
from baybridge.journey.identities import Identity, identities_of
from baybridge.node import tables
from baybridge.node.commands.reopening import DECIDE_AGAIN
from baybridge.node.intake.opening import who
from baybridge.node.intake.reports import Report
from baybridge.node.neighbours.telling import TELL_CORRECTION
from baybridge.node.upkeep import projections
from baybridge.record.identity.links import linked_resources
from baybridge.record.identity.matching import Candidate, Person, compare, person_of, search_keys, settled
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit, Work

#: A person with this key stands in the index. Its number is that of the way in which names and numbers are compared: another one makes the index anew.
_INDEXED = "indexed:2"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person's record belongs: cases that use it, else the cases that it may belong to with the likeness."""

    cases: tuple[str, ...] = ()
    waits: bool = False
    found: tuple[tuple[str, Candidate], ...] = ()  # (case, candidate)


# --- looking --------------------------------------------------------------------------------------------------------


def cases_of(connection: Connection, patient_id: str) -> tuple[str, ...]:
    """The cases that use a person's record: the person's own, then those that it is linked to."""
    own = select(tables.case_index.c.case_id).where(tables.case_index.c.patient_id == patient_id)
    pair = tables.identity_pair
    linked = select(pair.c.case_id).where(pair.c.other == patient_id, pair.c.state == "linked").order_by(pair.c.case_id)
    return tuple(dict.fromkeys((*connection.execute(own).scalars(), *connection.execute(linked).scalars())))


def standing(node: Node, connection: Connection, patient_id: str) -> Standing:
    """Where a person's record belongs; nothing is written."""
    cases = cases_of(connection, patient_id)
    if cases:
        return Standing(cases)
    pair = tables.identity_pair
    if connection.execute(select(pair.c.case_id).where(pair.c.other == patient_id, pair.c.state == "open")).first():
        return Standing(waits=True)
    likeliest: dict[str, Candidate] = {}  # of each case, which may use the records of several candidates
    for one in candidates(node, connection, patient_id):
        for case in cases_of(connection, one.patient_id):
            likeliest.setdefault(case, one)
    return Standing(waits=bool(likeliest), found=tuple(likeliest.items()))


def candidates(node: Node, connection: Connection, patient_id: str) -> tuple[Candidate, ...]:
    """The people of this node that a person may be, the likeliest first."""
    reader = node.name_reader
    person = _person(node, connection, patient_id)
    key = tables.identity_key
    near = select(key.c.patient).where(key.c.key.in_(_keys(node, person)), key.c.patient != patient_id).distinct()
    people = [_person(node, connection, other) for other in sorted(connection.execute(near).scalars())]
    compared = [compare(person, other, reader) for other in people]
    return settled([one for one in compared if one.verdict != "different"])


def _person(node: Node, connection: Connection, patient_id: str) -> Person:
    version = store.get(connection, "Patient", patient_id)
    resource = version.resource if version is not None and not version.deleted else {"id": patient_id}
    return person_of(resource, node.name_reader, node.document_forms)


def _keys(node: Node, person: Person) -> list[str]:
    """The keys of a person as the index keeps them: without the node's secret nobody can tell what they say."""
    return sorted(node.pseudonym(key) for key in search_keys(person))


def note_people(node: Node, unit: Unit, patients: Sequence[str]) -> None:
    """Bring the index of people up to date: these, and everyone who was filed before there was an index."""
    key = tables.identity_key
    known = set(unit.connection.execute(select(key.c.patient).where(key.c.key == _INDEXED)).scalars())
    for patient_id in dict.fromkeys((*patients, *(one for one in store.patients(unit.connection) if one not in known))):
        person = _person(node, unit.connection, patient_id)
        unit.connection.execute(delete(key).where(key.c.patient == patient_id))
        rows = [{"key": text, "patient": patient_id} for text in (_INDEXED, *_keys(node, person))]
        unit.connection.execute(insert(key), rows)


# --- asking ---------------------------------------------------------------------------------------------------------


def ask(node: Node, unit: Unit, patient_id: str, found: Sequence[tuple[str, Candidate]], report: str = "") -> tuple[str, ...]:
    """Put the question into each case; documented identity with the person of one case answers it at once. The cases that use the record now."""
    documented = {case_id for case_id, one in found if one.verdict == "documented"}
    for case_id, one in found:
        link = documented == {case_id}
        if link or not documented:
            _question(node, unit, case_id, patient_id, one, report, link=link)
    return tuple(case_id for case_id, _ in found if documented == {case_id})


def _question(node: Node, unit: Unit, case_id: str, other: str, one: Candidate, report: str, *, link: bool) -> None:
    question = unit.new_id()
    asked = IdentityQuestioned(question=question, other=other, verdict=_asked(one), score=one.score, reasons=codes_of(one))
    answer = (IdentityLinked(question=question, basis="documented", seen="", note=""),) if link else ()
    unit.append(case_id, [asked, *answer], node.system(), known=len(unit.events(case_id)))
    row = {"case_id": case_id, "other": other, "question": question, "state": "linked" if link else "open", "report": report}
    unit.connection.execute(insert(tables.identity_pair), row)
    projections.project(unit, case_id)


def _asked(one: Candidate) -> Literal["documented", "unsure"]:
    return "documented" if one.verdict == "documented" else "unsure"


def codes_of(one: Candidate) -> tuple[str, ...]:
    """The reasons of a candidate as an event keeps them: `identifier.same:urn:hk:hkid`."""
    return tuple(
        ":".join(filter(None, (reason.code.removeprefix("record.identity."), str(reason.values.get("system", ""))))) for reason in one.reasons
    )


def ask_of_package(node: Node, unit: Unit, case_id: str, filed: Sequence[str]) -> None:
    """Ask whether the patient of a case, who came with a package, is somebody whom this node knows already."""
    case = unit.case(case_id)
    if not case.patient_id or f"Patient/{case.patient_id}" not in filed:
        return
    note_people(node, unit, (case.patient_id,))
    asked = {item.other for item in identities_of(case)}
    fresh = [one for one in candidates(node, unit.connection, case.patient_id) if one.patient_id not in asked]
    for one in fresh:
        _question(node, unit, case_id, one.patient_id, one, "", link=one.verdict == "documented")


# --- what follows an answer -----------------------------------------------------------------------------------------


def follow_up(node: Node, unit: Unit, work: Work, recorded: Sequence[Recorded]) -> None:
    """In the same transaction: what an answer brings and takes away; whether the patient who came with a package is known here already."""
    if work.brought is not None:
        ask_of_package(node, unit, work.case_id, work.brought.filed)
    for item in recorded:
        if isinstance(item.event, IdentityLinked | IdentityRefused | IdentityUndone):
            case = unit.case(work.case_id)
            identity = next(one for one in identities_of(case) if one.question == item.event.question)
            _keep(unit, work.case_id, identity)
            if isinstance(item.event, IdentityLinked):
                _bring(unit, work, identity.other, work.case_id)
            else:
                _take_out(node, unit, work, identity, was_linked=isinstance(item.event, IdentityUndone))


def _keep(unit: Unit, case_id: str, identity: Identity) -> None:
    pair = tables.identity_pair
    mine = (pair.c.case_id == case_id, pair.c.other == identity.other)
    unit.connection.execute(update(pair).where(*mine).values(state=identity.state))


def _bring(unit: Unit, work: Work, other: str, case_id: str) -> None:
    """The file with which a waiting record came is told in the case that uses it now."""
    pair, report = tables.identity_pair, tables.import_report
    named = select(pair.c.report).where(pair.c.other == other, pair.c.report != "").distinct()
    rows = select(report).where(report.c.report.in_(named), report.c.case_id.is_(None))
    for row in unit.connection.execute(rows).mappings().all():
        told = orjson.loads(row["body"])
        event = RecordsImported(file_sha256=told["file_sha256"], resources=filed_of(told), problems=told["problem_count"])
        unit.append(case_id, [event], work.actor, known=len(unit.events(case_id)))
        unit.connection.execute(update(report).where(report.c.report == row["report"]).values(case_id=case_id))
    projections.project(unit, case_id)


def filed_of(report: Report) -> int:
    """Resources of a kept report that stand in the record."""
    return report["created"] + report["updated"] + report["unchanged"]


def _take_out(node: Node, unit: Unit, work: Work, identity: Identity, *, was_linked: bool) -> None:
    """Make again what rested on the other record, tell who got it, and give the record a case of its own where nothing uses or awaits it."""
    if was_linked:
        resources = store.patient_resources(unit.connection, identity.other)
        names = sorted(linked_resources(resources, identity.other) - {f"Patient/{identity.other}"})  # the other Patient never went anywhere
        for kind in (DECIDE_AGAIN, TELL_CORRECTION):
            unit.follow(kind.name, work.case_id, {"resources": names, "because": f"identity {identity.question[:12]}", "by": ""})
    pair = tables.identity_pair
    awaited = select(pair.c.case_id).where(pair.c.other == identity.other, pair.c.state.in_(("open", "linked")))
    if cases_of(unit.connection, identity.other) or unit.connection.execute(awaited).first():
        return
    own = unit.new_id()
    unit.append(own, [CaseOpened(patient_id=identity.other, **who(unit.connection, identity.other, node.regions))], work.actor, known=0)
    _bring(unit, work, identity.other, own)


# --- what a case reads ----------------------------------------------------------------------------------------------
