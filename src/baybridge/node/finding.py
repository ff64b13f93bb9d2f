"""Finding a person or a case by what somebody has in hand: a name in any script, a document's number, or a number on a bag, a batch, a claim or a paper.

Main job: `find(connection, text, names=…)`. The database searches, over values that `record/store` keeps for searching; nothing is read into memory but what is shown.
A name is found by any part of it, however short, and by its parts in any order; a number by its beginning, whatever blanks and hyphens stand in it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from baybridge.node.cases import CaseRow, of_patients
from baybridge.node.tables import case_index
from baybridge.record.store.indexing import folded
from baybridge.record.store.tables import search_value

MOST = 50
_SHORTEST_NUMBER = 3
#: What a number of each system stands on; those of people stand in their records.
KINDS: Mapping[str, str] = {
    "urn:baybridge:chain-of-identity": "chain",
    "urn:baybridge:bag": "bag",
    "urn:baybridge:batch": "batch",
    "urn:baybridge:claim": "claim",
    "urn:baybridge:permit": "permit",
    "urn:baybridge:waybill": "waybill",
    "urn:baybridge:shipment": "shipment",
    "urn:baybridge:certificate": "certificate",
}
#: The resources that carry them.
_CARRIERS = ("Appointment", "Claim", "DiagnosticReport", "DocumentReference", "MedicationAdministration", "Procedure", "Specimen", "SupplyDelivery")
_IN_NUMBERS = " -()/.（）－"


@dataclass(frozen=True, slots=True)
class Hit:
    """A patient who was found: by `name`, by the number of a `person`, by a case's mark, or by a number of a kind; and the cases here, which may be none."""

    patient: str
    by: str
    number: str
    cases: tuple[CaseRow, ...]


@dataclass(frozen=True, slots=True)
class FoundPeople:
    """Whom a search found, and whether there are more."""

    hits: tuple[Hit, ...]
    more: bool


def find(connection: Connection, text: str, *, names: bool) -> FoundPeople:
    """Patients whose name or number begins, or contains, what was typed; without `names` those alone that a number of cells, papers or money leads to."""
    found: dict[str, tuple[str, str]] = {}
    number = _plain(text)
    if len(number) >= _SHORTEST_NUMBER:
        for patient, system, value in connection.execute(_numbered(text)):
            found.setdefault(patient, (KINDS[system], value))
        for patient in connection.execute(_marked(number)).scalars():
            found.setdefault(patient, ("case", ""))
    if names:
        words = list(filter(None, map(folded, text.split())))
        queries = [("name", _named(words))] if words else []
        queries += [("person", _of_person(number))] if len(number) >= _SHORTEST_NUMBER else []
        for by, query in queries:
            for patient in connection.execute(query).scalars():
                found.setdefault(patient, (by, ""))
    cases = of_patients(connection, list(found)[:MOST])
    hits = tuple(Hit(patient, by, number, cases.get(patient, ())) for patient, (by, number) in list(found.items())[:MOST])
    return FoundPeople(hits, len(found) > MOST)


def _plain(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKC", text).upper() if char not in _IN_NUMBERS)


def _named(words: list[str]) -> Select[str]:
    """Patients in whose names every word stands somewhere."""
    table = search_value
    of_names = select(table.c.id).where(table.c.type == "Patient", table.c.param == "name")
    query = of_names.where(table.c.value.contains(words[0], autoescape=True))
    for word in words[1:]:
        query = query.where(table.c.id.in_(of_names.where(table.c.value.contains(word, autoescape=True))))
    return query.distinct().order_by(table.c.id).limit(MOST + 1)


def _of_person(number: str) -> Select[str]:
    """Patients with a document whose number begins so."""
    table = search_value
    bare: ColumnElement[str] = func.upper(table.c.value)
    for char in _IN_NUMBERS:
        bare = func.replace(bare, char, "")
    return (
        select(table.c.id)
        .where(table.c.type == "Patient", table.c.param == "identifier", bare.startswith(number, autoescape=True))
        .distinct()
        .order_by(table.c.id)
        .limit(MOST + 1)
    )


def _numbered(text: str) -> Select[str, str, str]:
    """(patient, system, number) of cells, papers and money whose number begins as it was typed."""
    table = search_value
    given = unicodedata.normalize("NFKC", text).strip()
    begins = [(table.c.value >= typed) & (table.c.value < f"{typed}\U0010ffff") for typed in dict.fromkeys((given, given.upper()))]
    return (
        select(table.c.patient, table.c.system, table.c.value)
        .where(table.c.type.in_(_CARRIERS), table.c.param == "identifier", or_(*begins), table.c.system.in_(KINDS), table.c.patient != "")
        .distinct()
        .order_by(table.c.value, table.c.patient)
        .limit(MOST + 1)
    )


def _marked(number: str) -> Select[str]:
    """Patients of the case with this id, or whose id ends so: its short mark."""
    index = case_index
    mark = number.lower()
    by = index.c.case_id == mark if len(mark) > 6 else func.replace(index.c.case_id, "-", "").endswith(mark, autoescape=True)
    return select(index.c.patient_id).where(by, index.c.patient_id != "").limit(MOST + 1)
