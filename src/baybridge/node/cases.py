"""The list of this node's cases, as the index holds it.

Main job: `rows(connection)`, one for each case, the one that changed last first; `case_of(connection, patient_id)`; `names(connection, rows)`. Elsewhere: how a
row comes about in `upkeep/projections.py`; a case itself is folded from its events (`Node.case`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from baybridge.facts.fhir import patient_name
from baybridge.node.tables import case_index
from baybridge.record.store import store


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case in the list; `patient_id` is empty where none is known, `updated_at` is ISO 8601."""

    case_id: str
    patient_id: str
    stage: str
    product: str | None
    synthetic: bool
    updated_at: str


_COLUMNS = [case_index.c[name] for name in CaseRow.__dataclass_fields__]


def rows(connection: Connection) -> tuple[CaseRow, ...]:
    """Every case, the one that changed last first."""
    return tuple(map(_row, connection.execute(select(*_COLUMNS).order_by(case_index.c.updated_at.desc()))))


def portions(connection: Connection, size: int) -> Iterator[Sequence[CaseRow]]:
    """The same rows, so many at a time."""
    found = connection.execution_options(yield_per=size).execute(select(*_COLUMNS).order_by(case_index.c.updated_at.desc(), case_index.c.case_id))
    for some in found.partitions():
        yield tuple(map(_row, some))


def names(connection: Connection, of: Sequence[CaseRow]) -> dict[str, str]:
    """By case the name of the patient, of those whose record says one."""
    versions = store.get_many(connection, [("Patient", row.patient_id) for row in of if row.patient_id])
    known = {key[1]: patient_name(version.resource) for key, version in versions.items()}
    return {row.case_id: known[row.patient_id] for row in of if known.get(row.patient_id)}


def of_patient(connection: Connection, patient_id: str) -> tuple[CaseRow, ...]:
    """The cases of a patient, the one that changed last first; none for an empty id."""
    mine = select(*_COLUMNS).where(case_index.c.patient_id == patient_id, case_index.c.patient_id != "")
    return tuple(map(_row, connection.execute(mine.order_by(case_index.c.updated_at.desc()))))


def of_patients(connection: Connection, patients: Sequence[str]) -> dict[str, tuple[CaseRow, ...]]:
    """The cases of each of these patients, the one that changed last first; at most a few hundred patients at once."""
    mine = select(*_COLUMNS).where(case_index.c.patient_id.in_(patients), case_index.c.patient_id != "")
    found: dict[str, tuple[CaseRow, ...]] = {}
    for row in map(_row, connection.execute(mine.order_by(case_index.c.updated_at.desc()))):
        found[row.patient_id] = (*found.get(row.patient_id, ()), row)
    return found


def case_of(connection: Connection, patient_id: str) -> str | None:
    """The patient's case, the one that changed last where there are several."""
    return next((row.case_id for row in of_patient(connection, patient_id)), None)


def ids(connection: Connection) -> tuple[str, ...]:
    """The names of all cases."""
    return tuple(connection.execute(select(case_index.c.case_id)).scalars())


def _row(item: Row[str, str, str, str | None, bool, str]) -> CaseRow:
    return CaseRow(*item)
