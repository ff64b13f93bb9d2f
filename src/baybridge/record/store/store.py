"""The FHIR store: every version of every resource, over an open connection.

Main job: `put` files a resource as its next version (or says that nothing changed), `get`, `get_version`, `history` and
`patient_resources` read it, as of now or of an earlier moment. What is read are the stored bytes, not a rendering of them.

**Units**: times are aware; `recorded_at` is when this node filed a version. Elsewhere: searching in `search.py`, form in `fhir/validate.py`,
outside files in `intake/importing.py`; transactions, clock and log entries belong to the caller.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, bindparam, delete, exists, func, insert, select, tuple_, update

from baybridge.base import plain_rows
from baybridge.base.key_list import asked_keys, key_list, written
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.resource import Resource
from baybridge.base.stored_bytes import as_bytes
from baybridge.record.fhir.definitions import resource_types
from baybridge.record.fhir.primitives import CHECKS
from baybridge.record.fhir.references import local_part, named_in, patient_of
from baybridge.record.fhir.wire import Json, content_sha256, parse, stamped, write
from baybridge.record.store.indexing import Value, search_rows
from baybridge.record.store.tables import resource_current, resource_version, search_value

Change = Literal["created", "updated", "unchanged", "deleted"]
Key = tuple[str, str]  # type, id
Span = tuple[int | None, int | None]  # the first row of a span and the one behind it; None where it is open

_NOTHING = (0, "", True)
_COLUMNS = ("type", "id", "version", "patient", "recorded_at", "deleted", "sha256", "body")  # of a version, behind its row
_AT_ONCE = 400  # keys in one question, below the parameter limits of both databases


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a resource as it is stored; `change` says what the call that answered it did."""

    type: str
    id: str
    number: int
    patient: str
    recorded_at: str
    deleted: bool
    sha256: str
    body: bytes
    change: Change = "unchanged"

    @property
    def resource(self) -> Json:
        """The parsed resource, fractions as exact decimals; nothing where this version deletes it."""
        found: Json = {} if self.deleted else parse(self.body)
        return found

    @property
    def reference(self) -> str:
        """Type/id."""
        return f"{self.type}/{self.id}"


# --- writing --------------------------------------------------------------------------------------------------------


def put(connection: Connection, resource: Json, *, at: datetime, expected_version: int | None = None) -> Version | Refusal:
    """File a resource under its type and id; the same content again changes nothing.

    With `expected_version`, a conflict is answered unless that is the current version (0: there must be none).
    """
    key = _key(resource)
    if expected_version is not None:
        found = _current(connection, [key]).get(key)
        current = found.version if found is not None else 0
        if current != expected_version:
            return _conflict(key[0], expected_version, current)
    return put_many(connection, [resource], at=at)[0]


def _conflict(kind: str, expected: int, current: int) -> Refusal:
    reason = Reason("record.version_conflict", {"type": kind, "expected": expected, "current": current})
    return refuse(reason, category=Category.CONFLICT)


def put_many(connection: Connection, resources: Sequence[Json], *, at: datetime, new_ids: bool = False) -> list[Version]:
    """File many resources in their order, each as `put` would; much faster than one by one.

    `new_ids`: their ids were made for them just now, so that there is none of them yet and nothing that stands can name one.
    """
    stamp = time_text(at)
    keys = [_key(resource) for resource in resources]
    current = {} if new_ids else _current(connection, keys)
    known: dict[Key, tuple[int, str, bool]] = {key: (row.version, row.sha256, row.deleted) for key, row in current.items()}
    answers: list[Version] = []
    filed: dict[Key, Version] = {}
    for key, resource in zip(keys, resources, strict=True):
        version = _next(key, resource, known.get(key), stamp)
        if version.change == "unchanged" and key in filed:
            version = replace(filed[key], change="unchanged")
        elif version.change != "unchanged":
            filed[key] = version
        known[key] = (version.number, version.sha256, False)
        answers.append(version)
    changed = [version for version in answers if version.change != "unchanged"]
    _file(connection, changed, set(current), resources=dict(zip(keys, resources, strict=True)), new_ids=new_ids)
    return _with_bodies(connection, answers)


def _next(key: Key, resource: Json, known: tuple[int, str, bool] | None, stamp: str) -> Version:
    sha256 = content_sha256(resource)
    number, before, is_new = (known[0], known[1], known[2]) if known else _NOTHING
    if before == sha256 and not is_new:
        return Version(*key, number, patient="", recorded_at="", deleted=False, sha256=sha256, body=b"")
    return Version(
        *key,
        number + 1,
        patient=patient_of(resource),
        recorded_at=stamp,
        deleted=False,
        sha256=sha256,
        body=write(stamped(resource, number + 1, stamp)),
        change="created" if is_new else "updated",
    )


def _file(connection: Connection, versions: list[Version], existing: set[Key], resources: dict[Key, Json], *, new_ids: bool) -> None:
    if not versions:
        return
    rows = _insert_versions(connection, versions)
    last = {(version.type, version.id): (version, row) for version, row in zip(versions, rows, strict=True)}
    _point_to(connection, last, existing, new_ids=new_ids)
    _forget_search(connection, [key for key in last if key in existing])
    found = [(*key, version.patient, *value) for key, (version, _row) in last.items() for value in search_rows(resources[key])]
    plain_rows.add(connection, search_value, ("type", "id", "patient", *Value._fields), found)


def index_again(connection: Connection) -> int:
    """The search values of every current resource made anew by the rules of now; how many resources that were."""
    count = 0
    for row in connection.execute(select(resource_current.c.type, resource_current.c.id)).all():
        version = get(connection, row.type, row.id)
        _forget_search(connection, [(row.type, row.id)])
        values = [] if version is None or version.deleted or not version.body else search_rows(version.resource)
        if values and version is not None:
            connection.execute(insert(search_value), [{"type": row.type, "id": row.id, "patient": version.patient, **value._asdict()} for value in values])
        count += 1
    return count


def _insert_versions(connection: Connection, versions: list[Version]) -> list[int]:
    rows = [(v.type, v.id, v.number, v.patient, v.recorded_at, v.deleted, v.sha256, v.body) for v in versions]
    numbered = plain_rows.add_numbered(connection, resource_version, _COLUMNS, rows)
    if numbered is not None:
        return numbered
    before = last_row(connection)
    plain_rows.add(connection, resource_version, _COLUMNS, rows)
    numbers = {(row.type, row.id, row.version): row.row for row in connection.execute(_ADDED_AFTER, {"before": before})}
    return [numbers[version.type, version.id, version.number] for version in versions]


def _point_to(connection: Connection, last: dict[Key, tuple[Version, int]], existing: set[Key], *, new_ids: bool = False) -> None:
    fresh = []
    for key, (version, row) in last.items():
        values = (row, version.number, version.patient, version.recorded_at, version.deleted, version.sha256)
        if key in existing:
            table = resource_current
            connection.execute(update(table).where(table.c.type == key[0], table.c.id == key[1]).values(**dict(zip(_OF_CURRENT, values, strict=True))))
        else:
            fresh.append((*key, *values))
    columns = ("type", "id", *_OF_CURRENT)
    if new_ids:  # nothing that stands asks whose record they are in
        plain_rows.add(connection, resource_current, columns, fresh)
    elif fresh:
        connection.execute(_ADD_CURRENT, [dict(zip(columns, one, strict=True)) for one in fresh])


_OF_CURRENT = ("row", "version", "patient", "recorded_at", "deleted", "sha256")


def _forget_search(connection: Connection, keys: Sequence[Key]) -> None:
    for part in _parts(keys):
        connection.execute(_FORGET_OF_KEYS, {"keys": written(part)})


def _with_bodies(connection: Connection, versions: list[Version]) -> list[Version]:
    """Unchanged ones as they stand in the store; the others as they were just filed."""
    known = {(version.type, version.id) for version in versions if not version.body}
    if not known:
        return versions
    stored = get_many(connection, sorted(known))
    return [version if version.body else _as_filed(connection, version, stored[version.type, version.id]) for version in versions]


def _as_filed(connection: Connection, version: Version, current: Version) -> Version:
    """The version that an unchanged content already is, even where a later one was filed in the same go."""
    if current.number == version.number:
        return current
    return get_version(connection, version.type, version.id, version.number) or current


def remove(
    connection: Connection, kind: str, logical_id: str, *, at: datetime, expected_version: int | None = None
) -> Version | Refusal | None:
    """Mark a resource as deleted, its history stays; None where there is none."""
    key = (kind, logical_id)
    found = _current(connection, [key]).get(key)
    if found is None:
        return None
    if expected_version is not None and found.version != expected_version:
        return _conflict(kind, expected_version, found.version)
    if found.deleted:
        return get(connection, kind, logical_id)
    stamp = time_text(at)
    version = Version(kind, logical_id, found.version + 1, found.patient, stamp, deleted=True, sha256="", body=b"", change="deleted")
    row = _insert_versions(connection, [version])[0]
    _point_to(connection, {key: (version, row)}, {key})
    _forget_search(connection, [key])
    return version


def erase(connection: Connection, kind: str, logical_id: str) -> list[Version]:
    """Take the content of every version away, as the law may demand: they stand as deletions, with their numbers; the versions as they were."""
    before = [version for version in history(connection, kind, logical_id) if version.body]
    empty = {"deleted": True, "sha256": "", "body": b""}
    table, current = resource_version, resource_current
    connection.execute(update(table).where(table.c.type == kind, table.c.id == logical_id).values(**empty))
    connection.execute(update(current).where(current.c.type == kind, current.c.id == logical_id).values(deleted=True, sha256=""))
    _forget_search(connection, [(kind, logical_id)])
    return before


# --- reading --------------------------------------------------------------------------------------------------------


def get(connection: Connection, kind: str, logical_id: str) -> Version | None:
    """The current version; None where there is none. A deleted one is answered with `deleted` set."""
    return get_many(connection, [(kind, logical_id)]).get((kind, logical_id))


def current(connection: Connection, kind: str, logical_id: str) -> tuple[int, Version | None]:
    """The current version with its row; no version where there is none or it is deleted."""
    row = connection.execute(_VERSIONS_OF_KEYS, {"keys": written([(kind, logical_id)])}).first()
    return (row.row, _version(row)) if row is not None and not row.deleted else (0, None)


def get_many(connection: Connection, keys: Sequence[Key]) -> dict[Key, Version]:
    """The current versions of many resources, by type and id; absent ones are left out."""
    found: dict[Key, Version] = {}
    for part in _parts(keys):
        found.update({(row.type, row.id): _version(row) for row in connection.execute(_VERSIONS_OF_KEYS, {"keys": written(part)})})
    return found


def of_rows(connection: Connection, rows: Sequence[int]) -> list[Version]:
    """The versions in these rows, in their order; KeyError where there is none in one."""
    found: dict[int, Version] = {}
    own = plain_rows.driver(connection)
    for part in (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)):
        if own is not None:
            for row in own.execute(_OF_ROWS, (json.dumps(list(part)),)):
                found[row[0]] = _version((*row[:6], bool(row[6]), row[7], as_bytes(row[8])))
        else:
            found.update({row.row: _version(row) for row in connection.execute(_versions().where(resource_version.c.row.in_(part)))})
    return [found[row] for row in rows]


#: In the order of the table's columns.
_OF_ROWS = f"SELECT row, {', '.join(_COLUMNS)} FROM resource_version WHERE row IN (SELECT value FROM json_each(?))"  # noqa: S608 - names of our own schema


def get_version(connection: Connection, kind: str, logical_id: str, number: int) -> Version | None:
    """One version of a resource; None where there is none."""
    table = resource_version
    row = connection.execute(_versions().where(table.c.type == kind, table.c.id == logical_id, table.c.version == number)).first()
    return _version(row) if row else None


def history(connection: Connection, kind: str, logical_id: str) -> list[Version]:
    """Every version of a resource, the newest first; empty where there is none."""
    table = resource_version
    rows = connection.execute(_versions().where(table.c.type == kind, table.c.id == logical_id).order_by(table.c.version.desc()))
    return [_version(row) for row in rows]


def of_one_patient(versions: Sequence[Version]) -> list[Version]:
    """Of a history, newest first, the versions that the newest one's patient had: what was another's stays with the other."""
    return [version for version in versions if version.patient == versions[0].patient]


def lasting_versions(versions: Sequence[Version]) -> list[Json]:
    """Of a history, newest first, what was filed since the last deletion, the oldest first."""
    found: list[Json] = []
    for version in versions:
        if version.deleted:
            break
        found.append(version.resource)
    return found[::-1]


def every_version(connection: Connection, span: Span = (None, None)) -> Iterator[Version]:
    """Every version of everything in order of filing, or of a span of rows, its end excluded."""
    first, end = span
    bounds: list[ColumnElement[bool]] = []
    if first is not None:
        bounds.append(resource_version.c.row >= first)
    if end is not None:
        bounds.append(resource_version.c.row < end)
    for row in connection.execute(_versions().where(*bounds).order_by(resource_version.c.row)).yield_per(500):
        yield _version(row)


def spans(connection: Connection, count: int) -> list[Span]:
    """So many spans of rows that hold every version together, about as many rows in each; the first and the last are open."""
    rows = connection.execute(select(func.min(resource_version.c.row), func.max(resource_version.c.row))).one()
    if rows[0] is None or count < 2:
        return [(None, None)]
    inner = [rows[0] + (rows[1] - rows[0] + 1) * number // count for number in range(1, count)]
    return list(zip([None, *inner], [*inner, None], strict=True))


def of_patient(connection: Connection, kind: str, patient_id: str) -> list[Version]:
    """The current resources of a type in a patient's record; with '' those that are nobody's."""
    current = resource_current
    mine = (current.c.type == kind, current.c.patient == patient_id, current.c.deleted.is_(False))
    rows = connection.execute(_versions().join(current, current.c.row == resource_version.c.row).where(*mine).order_by(current.c.row))
    return [_version(row) for row in rows]


def patient_versions(connection: Connection, patient_id: str, at: datetime | None = None) -> list[Version]:
    """A patient's record as of `at` (default now): the last version of each resource that was not deleted then.

    What the record's resources name and nobody owns (an organisation, a drug) comes along, so that it can be read alone.
    """
    stamp = time_text(at) if at is not None else None
    own = _own_versions(connection, patient_id, stamp)
    shared = _shared_versions(connection, sorted(_named_outside(own)), stamp)
    return own + [version for version in shared if version.patient in ("", patient_id)]


def patient_resources(connection: Connection, patient_id: str, at: datetime | None = None) -> list[Resource]:
    """The parsed resources of `patient_versions`."""
    return cast("list[Resource]", [version.resource for version in patient_versions(connection, patient_id, at)])


def of_patients(connection: Connection, kind: str, patients: Sequence[str], codes: Collection[str] = ()) -> list[Version]:
    """The current resources of a type in these records, where codes are named those with one of them; without reading the records."""
    current, value = resource_current, search_value
    wanted = [current.c.patient.in_(patients), current.c.type == kind, current.c.deleted.is_(False)]
    if codes:
        wanted.append(exists().where(value.c.type == kind, value.c.id == current.c.id, value.c.param == "code", value.c.value.in_(codes)))
    rows = connection.execute(_versions().join(current, current.c.row == resource_version.c.row).where(*wanted).order_by(current.c.row))
    return [_version(row) for row in rows]


def last_row(connection: Connection) -> int:
    """The number of the version that was filed last; while it stands, nothing was filed."""
    found = connection.execute(_LAST_ROW).scalar()
    return found or 0


def _own_versions(connection: Connection, patient_id: str, stamp: str | None) -> list[Version]:
    if stamp is None:
        return [_version(row) for row in connection.execute(_CURRENT_OF_PATIENT, {"of_patient": patient_id})]
    table = resource_version
    statement = _last_before(stamp).where(table.c.patient == patient_id)
    return [_version(row) for row in connection.execute(statement.order_by(table.c.row))]


def _shared_versions(connection: Connection, keys: list[Key], stamp: str | None) -> list[Version]:
    if stamp is None:
        return [version for version in get_many(connection, keys).values() if not version.deleted]
    table = resource_version
    found = []
    for part in _parts(keys):
        rows = connection.execute(_last_before(stamp).where(tuple_(table.c.type, table.c.id).in_(key_list(part, Text, Text))).order_by(table.c.row))
        found += [_version(row) for row in rows]
    return found


def _last_before(stamp: str) -> Select[Any]:
    """Versions that were the last of their resource at a moment, and not deletions."""
    table, later = resource_version, resource_version.alias("later")
    is_same = (later.c.type == table.c.type) & (later.c.id == table.c.id)
    superseded = select(later.c.row).where(is_same, later.c.version > table.c.version, later.c.recorded_at <= stamp).exists()
    return _versions().where(table.c.recorded_at <= stamp, ~superseded, table.c.deleted.is_(False))


def _named_outside(versions: list[Version]) -> set[Key]:
    inside = {(version.type, version.id) for version in versions}
    named: set[Key] = set()
    for version in versions:
        if not version.deleted:
            named |= _named_by(version.body) if len(version.body) <= _SHORT else _read_named(version.body)
    return named - inside


_SHORT = 4096  # bytes; what is longer (a scan, a document) is not kept in memory


@lru_cache(maxsize=8192)
def _named_by(body: bytes) -> frozenset[Key]:
    """The resources of a store that a body names, kept by the body itself: the same bytes name the same, whoever filed them."""
    return _read_named(body)


def _read_named(body: bytes) -> frozenset[Key]:
    return frozenset(key for key in map(local_part, named_in(parse(body))) if key is not None)


def patients(connection: Connection) -> list[str]:
    """The logical ids of every patient in the store."""
    table = resource_current
    rows = connection.execute(select(table.c.id).where(table.c.type == "Patient", table.c.deleted.is_(False)).order_by(table.c.row))
    return list(rows.scalars())


def count(connection: Connection) -> dict[str, int]:
    """How many current resources of each type there are."""
    table = resource_current
    rows = connection.execute(select(table.c.type, func.count()).where(table.c.deleted.is_(False)).group_by(table.c.type))
    return {row[0]: row[1] for row in rows}


def changed_since(connection: Connection, since: datetime | None = None, kind: str | None = None) -> Iterator[Version]:
    """The current versions of all resources, in order of filing, or only those filed after `since`."""
    table = resource_current
    statement = _versions().join(table, table.c.row == resource_version.c.row).where(table.c.deleted.is_(False))
    if since is not None:
        statement = statement.where(table.c.recorded_at > time_text(since))
    if kind is not None:
        statement = statement.where(table.c.type == kind)
    for row in connection.execute(statement.order_by(resource_version.c.row)).yield_per(500):
        yield _version(row)


# --- inner ----------------------------------------------------------------------------------------------------------


def time_text(at: datetime) -> str:
    """UTC text with microseconds, whose order is time's order; ValueError where the time has no offset."""
    if at.tzinfo is None:
        raise ValueError("expected a time with offset")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _key(resource: Json) -> Key:
    kind, logical_id = resource.get("resourceType"), resource.get("id")
    if not isinstance(kind, str) or kind not in resource_types():
        raise ValueError("expected a resource type of FHIR R4")
    if not isinstance(logical_id, str) or not CHECKS["id"](logical_id):
        raise ValueError("expected a logical id of 1 to 64 of A-Z a-z 0-9 - .")
    return kind, logical_id


def _current(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row[Any]]:
    found: dict[Key, Row[Any]] = {}
    for part in _parts(list(dict.fromkeys(keys))):
        for row in connection.execute(_CURRENT_OF_KEYS, {"keys": written(part)}):
            found[row.type, row.id] = row
    return found


def current_patients(connection: Connection, keys: Sequence[Key]) -> dict[Key, str]:
    """Whose record each of these resources is in now, deleted ones left out."""
    return {key: row.patient for key, row in _current(connection, keys).items() if not row.deleted}


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


def _versions() -> Select[Any]:
    return select(resource_version)


#: Asked all the time, so they are written once.
_CURRENT_VERSIONS = _versions().join(resource_current, resource_current.c.row == resource_version.c.row)
_AMONG = tuple_(resource_current.c.type, resource_current.c.id).in_(asked_keys(Text, Text))
_VERSIONS_OF_KEYS = _CURRENT_VERSIONS.where(_AMONG)
_CURRENT_OF_KEYS = select(resource_current).where(_AMONG)
_CURRENT_OF_PATIENT = _CURRENT_VERSIONS.where(resource_current.c.patient == bindparam("of_patient"), resource_current.c.deleted.is_(False)).order_by(
    resource_version.c.row
)
_LAST_ROW = select(func.max(resource_version.c.row))
_ADD_CURRENT = insert(resource_current)
_ADDED_AFTER = select(resource_version.c.type, resource_version.c.id, resource_version.c.version, resource_version.c.row).where(
    resource_version.c.row > bindparam("before")
)
_FORGET_OF_KEYS = delete(search_value).where(tuple_(search_value.c.type, search_value.c.id).in_(asked_keys(Text, Text)))


def _version(row: Sequence[Any]) -> Version:
    _, kind, logical_id, number, patient, recorded_at, deleted, sha256, body = row  # in the order of the table's columns
    return Version(kind, logical_id, number, patient, recorded_at, deleted, sha256, body)
