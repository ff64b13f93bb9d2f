"""Searching: a person by name or number, a case by a number on its bag, batch, claim or paper.

What was typed is sent in the body and stands in no address: it may be a name. Who works without names searches by the numbers of cells, papers and money alone.
Name and birth date are of a record: whoever's are shown has it in the own list of who looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.consent.reading import Ground
from baybridge.facts.fhir import patient_name
from baybridge.http.doors import Asked, Door
from baybridge.node.finding import Hit, find
from baybridge.node.people import access, reads
from baybridge.node.people.access import NAMELESS
from baybridge.record.store import store
from baybridge.web.case import tabs
from baybridge.web.case.view import product_name
from baybridge.web.page.page import Reader, render


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what was found: a case, or a person without one here."""

    who: str
    born: str
    by: str
    number: str
    address: str
    patient: str  # of whom there is a record and no case
    stage: str
    product: str
    synthetic: bool


def search_page(asked: Asked) -> Response:
    """What can be searched for."""
    return render(asked, "search.html", rows=None, more=False, names=False)


def search(asked: Asked) -> Response:
    """Whom what was typed leads to."""
    typed, names = asked.form.get("q", "").strip()[:200], asked.person.role not in NAMELESS
    if not typed:
        return search_page(asked)
    with asked.node.storage.reading() as connection:
        found = find(connection, typed, names=names)
        people = store.get_many(connection, [("Patient", hit.patient) for hit in found.hits]) if names else {}
    if people:
        purpose = reads.purpose_of(asked.node, "case.find", asked.person)
        asked.node.note_readings(asked.person, sorted(patient for _kind, patient in people), "case.search", purpose, Ground.RELATION)
    rows = [row for hit in found.hits for row in _rows(asked, hit, people.get(("Patient", hit.patient)))]
    return render(asked, "search.html", rows=rows, more=found.more, names=names, rights=asked.person.role in access.roles("person.rights"))


def _rows(asked: Asked, hit: Hit, person: store.Version | None) -> Iterator[Row]:
    known = person.resource if person is not None and not person.deleted else {}
    name, born = patient_name(known), str(known.get("birthDate") or "")
    begin = tabs.home_tab(asked.person.role)
    for case in hit.cases:
        who = name or Reader(asked).t("case.mark", mark=mark_of(case.case_id))
        address, product = tabs.address(case.case_id, begin), product_name(asked, case.product)
        yield Row(who, born, hit.by, hit.number, address, "", case.stage, product, case.synthetic)
    if not hit.cases and known:
        yield Row(name or Reader(asked).t("search.unnamed"), born, hit.by, hit.number, "", hit.patient, "", "", synthetic=False)


SEARCH_DOORS = (Door("/search", ("GET",), "search.page", "case.find", search_page), Door("/search", ("POST",), "search", "case.find", search))
