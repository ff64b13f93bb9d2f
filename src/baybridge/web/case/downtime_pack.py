"""The downtime pack: what a ward goes on with on paper while the system does not answer, as pages that need nothing but a browser or a printer.

Main job: `pack(node, languages)` answers the files of a pack, one page for each language: patients with grades, last findings, drugs given and doses held, who is on
duty, telephone numbers, and blank forms of an assessment and of custody, each with a code that names the form and the case and no person; `read_code(text)` reads it.

Elsewhere: writing a pack in `node/keeping/downtime.py`, when in `data/keeping/downtime.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from baybridge.base.ids import mark_of
from baybridge.bedside.monitoring import SCALES
from baybridge.documents.downtime import Downtime
from baybridge.documents.escalation import span
from baybridge.documents.terms import Drugs
from baybridge.facts.fhir import patient_name
from baybridge.http.doors import Asked
from baybridge.journey import events as ev
from baybridge.journey.calls import Call
from baybridge.journey.case import Case
from baybridge.journey.conditions import CONDITIONS, therapy_event_open
from baybridge.journey.drug_history import FiledDose
from baybridge.journey.entry import Entry
from baybridge.journey.intervals import assessment_due
from baybridge.journey.reserved_doses import reserved_doses
from baybridge.node import cases
from baybridge.node.people import persons
from baybridge.node.watch import roster
from baybridge.node.watch.ward import filed_of
from baybridge.record.store import store
from baybridge.web.case.bedside_page import SHORT, whose
from baybridge.web.case.graded import rests_said
from baybridge.web.case.view import product_name
from baybridge.web.forms import findings
from baybridge.web.forms.field import Field
from baybridge.web.page.page import Reader, standalone
from baybridge.web.page.qr import qr_svg

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: What the code of a blank form says: that it is one of ours, which form, which case. Source: convention of this project.
_CODE = re.compile(r"BB1:(?P<form>assess|custody):(?P<case>[0-9A-Za-z-]{1,64})")


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient of the pack, as far as a ward needs the system for it."""

    case: Case
    name: str
    born: str
    product: str
    grades: tuple[tuple[str, int, int, ev.GradeAssessed], ...]  # scale, lowest and highest possible, as it was assessed
    due_at: datetime | None
    drugs: tuple[Entry[ev.DrugGiven], ...]
    filed: tuple[FiledDose, ...]  # doses that only another system filed
    held: tuple[tuple[str, int, int], ...]  # drug, doses held, of these given since
    watched: bool
    custody: bool
    assess_qr: str
    custody_qr: str

    @property
    def mark(self) -> str:
        """The short mark of the case, as on every page."""
        return mark_of(self.case.case_id)

    @property
    def last(self) -> ev.AssessmentRecorded | None:
        """The last assessment."""
        return max((entry.event for entry in self.case.assessments), key=lambda event: event.assessed_at, default=None)


def code_of(form: str, case_id: str) -> str:
    """What the code of a blank form says."""
    return f"BB1:{form}:{case_id}"


def read_code(text: str) -> tuple[str, str] | None:
    """The form and the case that a scanned code names; None where it is no code of ours."""
    found = _CODE.fullmatch(text.strip())
    return (found["form"], found["case"]) if found else None


@dataclass(frozen=True, slots=True)
class Pack:
    """The files of a pack by name, when it was made, and whose state it holds."""

    files: dict[str, bytes]
    made_at: datetime
    case_ids: tuple[str, ...]


def pack(node: Node, languages: Sequence[str]) -> Pack:
    """The pack as of now, a page for each language that this node knows."""
    now = node.now()
    found = tuple(_patients(node, now))
    known = [language for language in languages if language in node.languages] or ["en"]
    return Pack({f"ward.{language}.html": _page(node, found, language, now) for language in known}, now, tuple(one.case.case_id for one in found))


def _page(node: Node, found: tuple[Patient, ...], language: str, now: datetime) -> bytes:
    asked = _unasked(node, language)
    reader = Reader(asked)
    values = {
        "patients": found, "rules": node.documents.typed.the(Downtime), "duty": list(_duty(node, now)), "site": node.site, "now": now,
        "rows": findings.rows(asked, {}, {}), "products": {one.case.case_id: product_name(asked, one.case.product) for one in found},
        "whose": lambda one: whose(reader, [one]), "rests": lambda event: rests_said(reader, node.dictionary, event),
        "language": language, "choices": _choices, "signs": _signs,
        "unit_of": lambda name: node.dictionary[name].unit if name in node.dictionary else None,
        "drug_of": lambda atc: reader.title(node.documents.typed.the(Drugs).drugs[atc].names) if atc in node.documents.typed.the(Drugs).drugs else atc,
    }  # fmt: skip
    return standalone("downtime.html", reader, **values).encode("utf-8")


def _signs(call: Call, reader: Reader) -> str:
    return reader.t("page.semicolon").join(reader.code("sign", code) for code in call.codes)


def _choices(field: Field, reader: Reader) -> str:
    """What can be ticked for a finding."""
    if field.kind == "boolean":
        return f"☐ {reader.t('page.no')}   ☐ {reader.t('page.yes')}"
    return "   ".join(f"☐ {reader.t('findings.none_seen') if option.value == 'none' else option.label}" for option in field.options)


def _unasked(node: Node, language: str) -> Asked:
    """Nobody asks for the pack: the reader is whoever holds it."""
    return Asked(
        node=node, method="GET", path="/", parameters={}, query={}, queries=(), headers={}, body=b"", form={}, forms=(), uploads={}, actor=None, session=None,
        language=language, base_url="",
    )  # fmt: skip


def _patients(node: Node, now: datetime) -> Iterator[Patient]:
    """The living patients who are treated here or whose cells are here, those who are watched first."""
    with node.storage.reading() as connection:
        rows = cases.rows(connection)
    made = [made for row in rows if (case := node.case(row.case_id)) is not None and (made := _patient(node, case, now)) is not None]
    yield from sorted(made, key=lambda one: (not one.watched, one.name, one.case.case_id))


def _patient(node: Node, case: Case, now: datetime) -> Patient | None:
    here = node.site.node in (case.treating_node, case.plant_node)
    watched = here and bool(case.infusions) and CONDITIONS["under_watch"](case, node.site)
    custody = here and case.slot is not None and therapy_event_open(case)
    if not case.alive or not (watched or custody or (here and case.open_rapid_response is not None)):
        return None
    with node.storage.reading() as connection:
        version = store.get(connection, "Patient", case.patient_id) if case.patient_id else None
        filed = filed_of(node, connection, case, now)
    resource = version.resource if version is not None and not version.deleted else {}
    said = node.documents.typed.the(Downtime)
    return Patient(
        case=case,
        name=patient_name(resource),
        born=str(resource.get("birthDate") or ""),
        product=case.product or "",
        grades=tuple((SHORT[name], grade.latest.event.grade_min, grade.at_most, grade.latest.event) for name in SCALES if (grade := case.grades.get(name))),
        due_at=assessment_due(case, node.escalation.assessment) if watched else None,
        drugs=tuple(entry for entry in case.drugs if now - entry.event.given_at <= span(said.drugs_of)),
        filed=tuple(one for one in filed if timedelta(0) <= now - one.at <= span(said.drugs_of)),
        held=tuple(_held(case, filed)),
        watched=watched,
        custody=custody,
        assess_qr=qr_svg([code_of("assess", case.case_id)], error="M"),
        custody_qr=qr_svg([code_of("custody", case.case_id)], error="M"),
    )


def _held(case: Case, filed: Sequence[FiledDose]) -> Iterator[tuple[str, int, int]]:
    """Doses that are held for the patient, and how many of the drug were given since, those that only another system filed with them."""
    reserved = reserved_doses(case, filed)
    if reserved is not None and reserved.event.doses:
        yield reserved.event.atc, reserved.event.doses, reserved.given + len(reserved.filed)


def _duty(node: Node, now: datetime) -> Iterator[tuple[str, str, datetime, datetime]]:
    """Who is on duty now or soon: specialty, person, from, until."""
    until = now + span(node.documents.typed.the(Downtime).duty_of)
    with node.storage.reading() as connection:
        names = persons.names(connection)
        soon = [row for row in roster.roster(connection) if row.until_at > now and row.from_at < until]
        people = {row.account: persons.person_of(connection, row.account) or "" for row in soon}
    yield from ((row.specialty, names.get(people[row.account], row.account), row.from_at, row.until_at) for row in soon)
