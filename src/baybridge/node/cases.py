"""The list of this node's cases, as the index holds it.

Main job: `page(connection, stage, start, most)`, some of them, the one that changed last first; `case_of(connection, patient_id)`; `names(connection, rows)`;
`figures(connection)`, what each adds to the indicators. Elsewhere: how a row comes about in `upkeep/projections.py`; a case itself is folded from its events
(`Node.case`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, select

from baybridge.alliance.indicators import Figures, figures_of
from baybridge.base import decoding
from baybridge.facts.fhir import patient_name
from baybridge.journey.case import Case, fold
from baybridge.journey.stored import decode_stored
from baybridge.ledger import streams
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


_FIGURES = decoding.decoder(Figures)
_COLUMNS = [case_index.c[name] for name in CaseRow.__dataclass_fields__]


def rows(connection: Connection) -> tuple[CaseRow, ...]:
    """Every case, the one that changed last first."""
    return tuple(map(_row, connection.execute(select(*_COLUMNS).order_by(case_index.c.updated_at.desc()))))


def page(connection: Connection, stage: str, start: int, most: int) -> tuple[CaseRow, ...]:
    """So many rows from a place on, of one stage or, for '', of all; the case that changed last first."""
    wanted = select(*_COLUMNS) if not stage else select(*_COLUMNS).where(case_index.c.stage == stage)
    return tuple(map(_row, connection.execute(wanted.order_by(case_index.c.updated_at.desc(), case_index.c.case_id.desc()).offset(start).limit(most))))


def stage_counts(connection: Connection) -> dict[str, int]:
    """How many cases there are of each stage."""
    found = connection.execute(select(case_index.c.stage, func.count()).group_by(case_index.c.stage))
    return {stage: number for stage, number in found}  # noqa: C416 - rows of two columns


def of_ids(connection: Connection, case_ids: Sequence[str]) -> tuple[CaseRow, ...]:
    """The rows of some hundred cases, in no order."""
    return tuple(map(_row, connection.execute(select(*_COLUMNS).where(case_index.c.case_id.in_(list(case_ids))))))


def figures(connection: Connection) -> list[Figures]:
    """What each case adds to the indicators; of a case where nobody worked it out since an upgrade, from its events."""
    kept = connection.execute(select(case_index.c.case_id, case_index.c.figures)).all()
    return [_FIGURES.decode(row.figures) if row.figures is not None else figures_of(_folded(connection, row.case_id)) for row in kept]


def _folded(connection: Connection, case_id: str) -> Case:
    return fold((decode_stored(stored) for stored in streams.read(connection, case_id)), case_id)


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
