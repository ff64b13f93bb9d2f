"""The check of the ledger over everything that it speaks of.

Main job: `check(connection, config, rows)`, or `check_stored(config)` of a node's folder, answers how much was hashed again and every finding: what differs
from its entry, what is missing though it was logged, what stands there and was never logged. Findings name things by pseudonym, hash and position,
never by an id from outside.

The tree, the checkpoints, the events and the neighbours' word are `ledger/checking.py`'s; the columns beside a resource's bytes `record/store/verifying.py`'s.
A part of the database that cannot be read is a finding, and the rest is checked all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from baybridge.base.keys import KeyRing, SigningKey, VerifyKey
from baybridge.base.outcome import Reason
from baybridge.ledger import checking, log
from baybridge.ledger.checkpoint import origin_of
from baybridge.node.attachments import checking as attachments
from baybridge.node.config import Config, ConfigProblem
from baybridge.node.integrity import form, index, projected, readings, seals
from baybridge.node.integrity import rows as covered_rows
from baybridge.node.integrity.coverage import ALSO, Coverage, also_covered, also_since, covered_since
from baybridge.node.integrity.covered import COVERED, Way
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.integrity.rows import RowLog, rows_of
from baybridge.node.integrity.things import BASIS, DECISION, KEPT, PACKAGE, RECEIPT, RECORD, ROW, Newest, Thing, newest, things
from baybridge.node.neighbours.key_changes import change_in
from baybridge.node.neighbours.own_keys import read_changes
from baybridge.node.storage import Storage
from baybridge.record.store import verifying

#: What the log's own check finds is a difference, but for these.
_LOG_KINDS: Mapping[str, str] = {
    "ledger.check.gap": MISSING,
    "ledger.check.event_missing": MISSING,
    "ledger.check.sequence_gap": MISSING,
    "ledger.check.salt_missing": MISSING,
    "ledger.check.no_checkpoint": MISSING,
    "ledger.check.cut_back": MISSING,
    "ledger.check.event_not_logged": UNLOGGED,
}
_COUNTED: Mapping[str, str] = {RECORD: "versions", DECISION: "decisions", RECEIPT: "receipts", ROW: "accounts"}


@dataclass(slots=True)
class Checked:
    """What a check came to."""

    entries: int = 0
    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("events", "versions", "decisions", "receipts", "accounts"), 0))
    findings: list[Finding] = field(default_factory=list)
    coverage: Coverage | None = None
    not_covered: int = 0  # things without an entry of a node that was last written by a version that logged less


def check(connection: Connection, config: Config, rows: RowLog) -> Checked:
    """Everything that this database holds, against its log."""
    found = Checked()
    for part, work in Whole(connection, config, rows, found).parts().items():
        look(found, part, work)
    return found


def look(found: Checked, part: str, work: Callable[[], Iterable[Finding]]) -> None:
    """Check one part; one that cannot be read is a finding."""
    try:
        for finding in work():
            found.findings.append(finding)
    except Exception as problem:  # noqa: BLE001 - a page that cannot be read is what this looks for; the rest is checked all the same
        values = {"part": part, "problem": type(problem).__name__}
        found.findings.append(Finding(DIFFERS, f"database/{part}", Reason("ledger.check.unreadable_part", values)))


class UnreadableDatabaseError(Exception):
    """The database of a node's folder cannot be read at all."""


def check_stored(config: Config) -> Checked:
    """Everything in the database of a node that need not run, read-only; ConfigProblem without a database, UnreadableDatabaseError where it cannot be read."""
    path = Path(config.database.removeprefix("sqlite:///"))
    if config.database.startswith("sqlite:///") and not path.is_file():
        raise ConfigProblem(f"expected the database {path.name} in the node's folder, found none")
    try:
        storage = Storage(config.database)
        try:
            storage.require(config.folder)
            with storage.reading() as connection:
                return check(connection, config, rows_of(config))
        finally:
            storage.close()
    except DBAPIError as problem:
        raise UnreadableDatabaseError from problem


def own_keys(config: Config) -> KeyRing:
    """The node's signing key and the ones before it: those that a change replaced, and files whose names begin the same."""
    files = sorted((config.folder / "keys").glob("signing*.pem"))
    texts = [config.signing_key, *(file.read_text(encoding="utf-8") for file in files)]
    changed = (VerifyKey.from_jwk(jwk) for one in read_changes(config.folder) for jwk in change_in(one).keys.signing_keys)
    return KeyRing.of(*dict.fromkeys((*(SigningKey.from_text(text).public for text in texts), *changed)))


@dataclass(slots=True)
class Whole:
    """One check. Search values are compared unless they are made again before anybody searches (`searched`)."""

    connection: Connection
    config: Config
    rows: RowLog
    found: Checked
    seen: set[tuple[str, str]] = field(default_factory=set)
    also: frozenset[str] = frozenset()
    searched: bool = True

    def parts(self) -> dict[str, Callable[[], Iterable[Finding]]]:
        """What is checked, in order."""
        return {
            "pages": lambda: _pages(self.connection),
            "log": self.log_itself,
            "things": lambda: self.things(things(self.connection, self.rows)),
            "missing": self.missing,
            "current": self._pointers,
            "readings": self._readings,
            "seals": self._seals,
            "cases": lambda: projected.findings(self.connection),
            "attachments": lambda: attachments.findings(self.connection, self.config.folder),
            "form": lambda: form.findings(self.connection),
        }

    def begin(self) -> None:
        """Read since when what is covered, which every part asks."""
        self.found.entries = log.size(self.connection)
        self.found.coverage = covered_since(self.connection)
        self.also = also_covered(self.connection)

    def log_itself(self) -> list[Finding]:
        """The entries, the tree, the checkpoints and the events."""
        self.begin()
        witnesses = {name: KeyRing.from_jwks(neighbour.signing_keys) for name, neighbour in self.config.neighbours.items()}
        self.found.checked["events"] = checking.count_events(self.connection)
        reasons = checking.check(self.connection, own_keys(self.config), witnesses, origin=origin_of(self.config.site.node))
        return [Finding(_LOG_KINDS.get(reason.code, DIFFERS), _what_of(reason), reason) for reason in reasons]

    def things(self, portions: Iterable[list[Thing]]) -> Iterator[Finding]:
        """Things against their entries."""
        indexed = self.searched and index.is_current(self.connection)
        for portion in portions:
            entries = newest(self.connection, portion)
            self.seen.update((thing.kind, thing.what) for thing in portion)
            for thing in portion:
                self._count(thing)
                yield from self._one(thing, entries.get((thing.kind, thing.what)))
            versions = [thing.version for thing in portion if indexed and thing.version is not None]
            for kind, logical_id in verifying.wrong_search_values(self.connection, versions) if versions else ():
                what = f"search/{kind}/{self.rows.pseudonym(f'{kind}/{logical_id}')}"
                yield Finding(DIFFERS, what, Reason("ledger.check.search_differs", {"what": what}))

    def _count(self, thing: Thing) -> None:
        name = _COUNTED.get(thing.kind, "")
        if name and (thing.kind != ROW or thing.what.startswith("account/")):
            self.found.checked[name] += 1

    def _one(self, thing: Thing, newest: Newest | None) -> Iterator[Finding]:
        if newest is None:
            later = thing.kind == ROW and (table := thing.what.partition("/")[0]) in ALSO and table not in self.also
            if self.found.coverage is None or later:
                self.found.not_covered += 1
            else:
                yield _finding(UNLOGGED, thing)
            return
        entry, said = newest
        if said.kind == covered_rows.REMOVED:
            yield _finding(UNLOGGED, thing, entry.position)
        elif entry.salt is None:
            if thing.content:
                yield _finding(DIFFERS, thing, entry.position)
        elif log.content_sha256(entry.salt, thing.content) != said.sha256:
            yield _finding(DIFFERS, thing, entry.position)
        for column in verifying.wrong_columns(thing.version) if thing.version is not None else ():
            values: dict[str, str | int] = {"what": thing.what, "column": column, "position": entry.position}
            yield Finding(DIFFERS, thing.what, Reason("ledger.check.column_differs", values))

    def missing(self) -> Iterator[Finding]:
        """What was logged and was not seen among the things."""
        standing: dict[str, int] = {}
        for position, kind, what in log.positions_of(self.connection, (*KEPT, ROW, covered_rows.REMOVED)):
            if kind in KEPT and (kind, what) not in self.seen:
                yield Finding(MISSING, _named(kind, what), Reason("ledger.check.thing_missing", {"what": _named(kind, what), "position": position}))
            elif kind == ROW:
                standing[what] = position
            elif kind == covered_rows.REMOVED:
                standing.pop(what, None)
        for what, position in standing.items():
            if (ROW, what) not in self.seen and not COVERED[what.partition("/")[0]].fades:
                yield Finding(MISSING, what, Reason("ledger.check.thing_missing", {"what": what, "position": position}))

    def _readings(self) -> Iterator[Finding]:
        since = also_since(self.connection)
        if since is not None:  # else the node was last opened by a version that logged less
            yield from readings.findings(self.connection, self.rows.pseudonym, since)

    def _seals(self) -> Iterator[Finding]:
        for name, covered in COVERED.items():
            if covered.way is Way.SEALED and name in self.also:  # else the node was last opened by a version that sealed less
                yield from seals.findings(self.connection, self.rows.pseudonym, name, partial(self.rows.states, self.connection, covered))

    def _pointers(self) -> Iterator[Finding]:
        for kind, logical_id in verifying.wrong_pointers(self.connection):
            what = f"current/{kind}/{self.rows.pseudonym(f'{kind}/{logical_id}')}"
            yield Finding(DIFFERS, what, Reason("ledger.check.current_differs", {"what": what}))


def _finding(kind: str, thing: Thing, position: int | None = None) -> Finding:
    what = _named(thing.kind, thing.what)
    values: dict[str, str | int] = {"what": what} if position is None else {"what": what, "position": position}
    return Finding(kind, what, Reason("ledger.check.thing_unlogged" if kind == UNLOGGED else "ledger.check.thing_differs", values))


def _named(kind: str, what: str) -> str:
    """How a finding names a thing: what its entry says, with the kind where that alone does not tell."""
    return f"{kind}/{what}" if kind in (DECISION, BASIS, PACKAGE, RECEIPT) else what


def _what_of(reason: Reason) -> str:
    values = reason.values
    if reason.where:
        return reason.where
    if "position" in values:
        return f"entry/{values['position']}"
    return f"checkpoint/{values['size']}" if "size" in values else reason.code.rpartition(".")[2]


def _pages(connection: Connection) -> Iterator[Finding]:
    """What SQLite says of its own pages and indexes; PostgreSQL keeps checksums of its own."""
    if connection.dialect.name != "sqlite":
        return
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)").fetchall():
        if line != "ok":
            yield Finding(DIFFERS, "database/pages", Reason("ledger.check.pages", {}))
            return


def summary(found: Checked, say: Callable[[Reason], str]) -> dict[str, object]:
    """The check as plain JSON, each finding with its sentence."""
    problems = [{"kind": one.kind, "what": one.what, "code": one.reason.code, "text": say(one.reason)} for one in found.findings]
    coverage = found.coverage
    since = {"at": coverage.at.isoformat(), "position": coverage.position, "first_logged": coverage.first_logged} if coverage else None
    return {
        "ok": not problems,
        "entries": found.entries,
        "checked": found.checked,
        "problems": problems,
        "covered_since": since,
        "not_covered": found.not_covered,
    }
