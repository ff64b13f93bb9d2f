"""Every case that a resource ever touched.

Main job: `cases_touched(connection, versions)`: by the patients that the resource has and had, all cases of each, the cases that use or used the record by a link, and
those of which a decision read the resource. A result that moved from one patient to another touches the cases of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Text, bindparam, select, tuple_

from baybridge.base.key_list import key_list
from baybridge.node import tables
from baybridge.record.store.store import Version
from baybridge.record.store.tables import resource_version

_AT_ONCE = 400  # values in one question, below the parameter limits of both databases


def cases_touched(connection: Connection, versions: Sequence[Version]) -> dict[str, list[str]]:
    """The resources (Type/id) by each case that they touch or touched, in the order of `versions`."""
    of_patient: dict[str, set[str]] = {}
    for patient, name in _patients(connection, versions):
        of_patient.setdefault(patient, set()).add(name)
    found: dict[str, set[str]] = {}
    for case_id, patient, linked in _cases(connection, sorted(of_patient)):
        names = {name for name in of_patient[patient] if not (linked and name.startswith("Patient/"))}  # the other Patient is no part of the case
        found.setdefault(case_id, set()).update(names)
    for case_id, name in _read_by_decisions(connection, [version.reference for version in versions if version.number > 1]):
        found.setdefault(case_id, set()).add(name)
    order = list(dict.fromkeys(version.reference for version in versions))
    return {case_id: [name for name in order if name in names] for case_id, names in sorted(found.items()) if names}


def cases_waiting(connection: Connection, versions: Sequence[Version]) -> list[str]:
    """The cases of which nobody said yet whether the record of one of these patients is theirs."""
    patients = dict.fromkeys(version.patient for version in versions if version.patient)
    found = (connection.execute(_WAITING, {"patients": part}).scalars() for part in _parts(patients))
    return sorted({case_id for part in found for case_id in part})


def _patients(connection: Connection, versions: Sequence[Version]) -> Iterator[tuple[str, str]]:
    """(patient, Type/id) of whom each resource is and was."""
    yield from ((version.patient, version.reference) for version in versions if version.patient)
    table = resource_version
    older = dict.fromkeys((version.type, version.id) for version in versions if version.number > 1)
    for keys in _parts(older):
        asked = tuple_(table.c.type, table.c.id).in_(key_list(keys, Text, Text))
        query = select(table.c.type, table.c.id, table.c.patient).where(asked, table.c.patient != "").distinct()
        yield from ((row.patient, f"{row.type}/{row.id}") for row in connection.execute(query))


def _cases(connection: Connection, patients: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """(case, patient, whether by a link) of every case of these patients and every case that uses or used their records."""
    for part in _parts(patients):
        yield from ((row.case_id, row.patient_id, False) for row in connection.execute(_OWN, {"patients": part}))
        yield from ((row.case_id, row.other, True) for row in connection.execute(_LINKED, {"patients": part}))


def _read_by_decisions(connection: Connection, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(case, Type/id) of every decision that read one of these resources."""
    source = tables.decision_source
    for part in _parts(dict.fromkeys(names)):
        rows = connection.execute(select(source.c.case_id, source.c.resource).where(source.c.resource.in_(part)).distinct())
        yield from ((row.case_id, row.resource) for row in rows)


_INDEX, _PAIR = tables.case_index.c, tables.identity_pair.c
#: Asked with every write, so they are written once.
_OWN = select(_INDEX.case_id, _INDEX.patient_id).where(_INDEX.patient_id.in_(bindparam("patients", expanding=True)))
_OF_OTHERS = _PAIR.other.in_(bindparam("patients", expanding=True))
_LINKED = select(_PAIR.case_id, _PAIR.other).where(_OF_OTHERS, _PAIR.state.in_(("linked", "undone")))
_WAITING = select(_PAIR.case_id).where(_OF_OTHERS, _PAIR.state == "open")

T = TypeVar("T")


def _parts(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while part := list(islice(left, _AT_ONCE)):
        yield part
