"""What is well with a node on this machine, and what is to be mended: each check with what was found, what was expected, and what to do.

Main job: `examine(folder)`. It changes nothing of what the node records, works beside a running server, and goes on to the next check where one cannot be made.

**Source**: contract K6. States: `ok`, `warn` (look at it), `fail` (mend it), `skip` (does not apply, or cannot be said before another is mended).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy import func, select

from baybridge.documents.messages import Outbox
from baybridge.ledger import keeping, log
from baybridge.ledger.witness import Verdict
from baybridge.node import tables
from baybridge.node.config import Config, ConfigProblem, read_config, read_settings
from baybridge.node.consequences.row import Lane
from baybridge.node.integrity import daily
from baybridge.node.keeping import downtime, records, schedule, standing
from baybridge.node.messages import contacts
from baybridge.node.neighbours import register
from baybridge.node.neighbours.key_rotation import STAGED
from baybridge.node.neighbours.own_keys import read_changes, read_own
from baybridge.node.node import Node, Transport
from baybridge.node.outage import StorageProblem
from baybridge.node.storage import Storage
from baybridge.node.upkeep import certificate
from baybridge.node.upkeep.clock_watch import is_kept
from baybridge.node.upkeep.permissions import open_to_others
from baybridge.node.upkeep.served import is_served
from baybridge.node.watch.roster import on_duty
from baybridge.rulebook.site_documents import check_site

State = Literal["ok", "warn", "fail", "skip"]
Of = TypeVar("Of")

#: Conventions of this project: what a node needs to go on, and what should make somebody act in time.
LEAST_FREE, LITTLE_FREE = 64 * 1024 * 1024, 2 * 1024 * 1024 * 1024
CLOCK_MAY_LAG = timedelta(minutes=5)
_CHECK_AGES, _WAITS_LONG = timedelta(days=2), timedelta(minutes=1)
_KEYS = ("signing.pem", "sealing.pem", "secrets.yaml")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check; `remedy` is empty where there is nothing to do."""

    check: str
    state: State
    found: str
    expected: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """As the contract prints it."""
        return asdict(self)

    def said(self, phrase: Callable[[str], str]) -> Finding:
        """The same in the words of a reader; names of checks and states stay."""
        return replace(self, found=phrase(self.found), expected=phrase(self.expected), remedy=phrase(self.remedy))


def examine(folder: Path, transport: Transport | None = None) -> tuple[Finding, ...]:
    """Every check of a node folder, in the order in which they are mended."""
    try:
        config = read_config(folder)
    except ConfigProblem as problem:
        wrong = Finding("config", "fail", str(problem), "a node folder that can be read", "mend node.yaml and keys/, or restore a backup")
        return (_test_settings(), wrong, *(Finding(name, "skip", "the folder cannot be read", "", "mend config first") for name in _OF_CONFIG + _OF_NODE))
    first = [_test_settings(), *(_told(name, look, config) for name, look in zip(_OF_CONFIG, _CONFIG_LOOKS, strict=True))]
    if any(one.check in _NEEDED and one.state == "fail" for one in first):
        return (*first, *(Finding(name, "skip", "the node cannot be opened", "", "mend the checks above first") for name in _OF_NODE))
    try:
        node = Node(config, transport=transport)
    except (ConfigProblem, StorageProblem) as problem:
        opened = Finding("opening", "fail", str(problem), "a node that opens", "mend what is said, then look again")
        return (*first, opened, *(Finding(name, "skip", "the node cannot be opened", "", "mend opening first") for name in _OF_NODE))
    try:
        return (*first, *(_told(name, look, node) for name, look in zip(_OF_NODE, _NODE_LOOKS, strict=True)))
    finally:
        node.storage.close()


def _told(name: str, look: Callable[[Of], Finding], of: Of) -> Finding:
    """What a look finds, or that it could not be made."""
    try:
        return look(of)
    except Exception as problem:  # noqa: BLE001 - one check that breaks must not hide the others
        return Finding(name, "fail", f"the check could not be made: {type(problem).__name__}", "a check that can be made", "look at the log of the node")


# --- of the machine and the folder -----------------------------------------------------------------------------------


def _test_settings() -> Finding:
    said = read_settings()
    set_ones = [name for name in ("BAYBRIDGE_HALT_AT", "BAYBRIDGE_CLOCK_AHEAD") if said[name]]
    state: State = "fail" if set_ones else "ok"
    return Finding("test_settings", state, ", ".join(set_ones) or "none", "no setting of tests", "unset them for this service" if set_ones else "")


def _disk(config: Config) -> Finding:
    free = shutil.disk_usage(config.folder).free
    state: State = "fail" if free < LEAST_FREE else "warn" if free < LITTLE_FREE else "ok"
    expected = f"{LITTLE_FREE // 1024**2} MB free or more"
    return Finding("disk", state, f"{free // 1024**2} MB free", expected, "make room, or move the folder to a larger disk" if state != "ok" else "")


def _permissions(config: Config) -> Finding:
    wide = open_to_others(config.folder)
    remedy = "chmod 0700 the folder and its keys, 0600 its files; a start of the node does it as well" if wide else ""
    return Finding("permissions", "fail" if wide else "ok", ", ".join(wide[:10]) or "none", "nothing that others on the machine may read", remedy)


def _keys(config: Config) -> Finding:
    lacking = [name for name in _KEYS if not (config.folder / "keys" / name).is_file()]
    if lacking:
        return Finding("keys", "fail", f"missing: {', '.join(lacking)}", "signing, sealing and secrets", "bring them from a backup; without them the node is another one")
    waits = (config.folder / "keys" / STAGED).exists()  # a change that was cut short, which the next opening finishes
    if not waits and read_own(config.folder).number < len(read_changes(config.folder)):
        remedy = "bring keys/ from a backup made after the last change of a key; docs/neighbours.md"
        return Finding("keys", "fail", "a key that no change led to", "the keys of the last change, which neighbours know", remedy)
    return Finding("keys", "ok", "all there", "signing, sealing and secrets")


def _certificate(config: Config) -> Finding:
    how, now = config.serving, datetime.now(UTC)  # noqa: TID251 - the machine's clock is what is asked about
    if how.certificate is None or how.key is None:
        found = f"served behind {', '.join(how.trusted_proxies)}" if how.trusted_proxies else "none in node.yaml"
        return Finding("certificate", "skip", found, "a certificate, or a trusted server in front, where others reach this node", "docs/serving.md")
    try:
        ends = certificate.read(how.certificate, how.key, now)
    except ConfigProblem as problem:
        return Finding("certificate", "fail", str(problem), "one that holds now and fits its key", "renew it, then reload the service")
    state: State = "warn" if ends.ends_soon(now) else "ok"
    return Finding("certificate", state, f"ends {ends.ends:%Y-%m-%d}", "more than three weeks left", "renew it, then reload the service" if state == "warn" else "")


def _documents(config: Config) -> Finding:
    from baybridge.node.commands.table import COMMANDS

    if config.data_folder is None or not config.data_folder.is_dir():
        return Finding("documents", "ok", "none of its own", "documents of this site without a problem")
    report = check_site(config.data_folder, COMMANDS)
    state: State = "fail" if report.bars else "warn" if report.problems else "ok"
    remedy = f"baybridge check {config.data_folder}" if report.problems else ""
    return Finding("documents", state, f"{len(report.problems)} problems", "documents of this site without a problem", remedy)


def _database(config: Config) -> Finding:
    own = config.database.startswith("sqlite")
    storage = Storage(config.database)
    try:
        with storage.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
    except StorageProblem as problem:
        found = f"its own SQLite file: {problem}" if own else f"PostgreSQL does not answer: {problem}"
        return Finding("database", "fail", found, "a database that answers", "look whether it runs, has room and may be read")
    finally:
        storage.close()
    return Finding("database", "ok", "its own SQLite file answers" if own else "PostgreSQL answers", "a database that answers")


def _schema(config: Config) -> Finding:
    storage = Storage(config.database)
    try:
        storage.require(config.folder)
    except ConfigProblem as problem:
        return Finding("schema", "fail", str(problem), "the schema of this version", f"baybridge upgrade {config.folder}")
    finally:
        storage.close()
    return Finding("schema", "ok", "that of this version", "the schema of this version")


_OF_CONFIG = ("disk", "permissions", "keys", "certificate", "documents", "database", "schema")
_CONFIG_LOOKS = (_disk, _permissions, _keys, _certificate, _documents, _database, _schema)
_NEEDED = frozenset({"keys", "database", "schema"})


# --- of the node ------------------------------------------------------------------------------------------------------


def _clock(node: Node) -> Finding:
    with node.storage.reading() as connection:
        size = log.size(connection)
        last = next(iter(log.entries(connection, size - 1, size)), None) if size else None
    now = node.now()
    said = last.entry.at if last is not None else now
    state: State = "fail" if now < said - CLOCK_MAY_LAG else "ok"
    found = f"{now.isoformat(timespec='seconds')}, the last entry of the log {said.isoformat(timespec='seconds')}"
    return Finding("clock", state, found, "a clock that is not behind the log", "set the machine's clock by a time server" if state == "fail" else "")


def _time_server(_node: Node) -> Finding:
    kept = is_kept()
    if kept is None:
        return Finding("time_server", "skip", "the kernel of this machine does not say", "a clock that a time server keeps")
    remedy = "" if kept else "set up a time server (systemd-timesyncd, chrony); a served node writes nothing after a jump of its clock until one keeps it"
    return Finding("time_server", "ok" if kept else "warn", "kept" if kept else "not synchronised", "a clock that a time server keeps", remedy)


def _log(node: Node) -> Finding:
    with node.storage.reading() as connection:
        result = daily.latest(connection)
    remedy = f"baybridge ledger check {node.config.folder}"
    if result is None:
        return Finding("log", "warn", "never checked", "checked within two days, without a finding", remedy)
    if result.count:
        return Finding("log", "fail", f"{result.count} findings on {result.checked_at:%Y-%m-%d %H:%M}", "checked within two days, without a finding", remedy)
    late = node.now() - result.checked_at > _CHECK_AGES
    found = f"{result.entries} entries held on {result.checked_at:%Y-%m-%d %H:%M}"
    return Finding("log", "warn" if late else "ok", found, "checked within two days, without a finding", remedy if late else "")


def _neighbours(node: Node) -> Finding:
    there = [one for one in register.listed(node) if one.state != "removed"]
    if not there:
        return Finding("neighbours", "skip", "none", "neighbours that witness this log", "baybridge neighbour add URL --node DIR")
    with node.storage.reading() as connection:
        unknown = {one.neighbour for one in keeping.all_seen(connection) if one.problem == Verdict.BAD_SIGNATURE}
    bad = [f"{one.node} {one.state}" for one in there if one.state != "active"]
    bad += [f"{one.node} signs its log with a key that is not known here" for one in there if one.node in unknown]
    state: State = "fail" if any(one.state in ("forked", "shrunk") for one in there) else "warn" if bad else "ok"
    return Finding("neighbours", state, ", ".join(bad) or f"{len(there)} active", "all active", "baybridge neighbour list --node DIR; docs/neighbours.md" if bad else "")


def _restored(node: Node) -> Finding:
    expected = "a restoration that two persons accepted, or that lacks nothing"
    with node.storage.reading() as connection:
        found = standing.standing(connection)
    if found is None:
        return Finding("restored", "skip", "never restored", "")
    if found.closed:
        said = "entries of the log are lacking; the node takes nothing in" if found.state == "gap" else "a neighbour did not answer; the node takes nothing in"
        return Finding("restored", "fail", said, expected, "look for a newer backup; without one: baybridge restore accept DIR; docs/keeping.md")
    return Finding("restored", "ok", "accepted by two persons" if found.state == "accepted" else "nothing was lacking", expected)


def _backup(node: Node) -> Finding:
    with node.storage.reading() as connection:
        good, last = records.latest(connection, good=True), records.latest(connection, good=False)
    expected = "a good backup within the time of data/keeping/backups"
    remedy = "baybridge backup DIR --to PATH --key PUBLIC; docs/keeping.md"
    if good is None:
        return Finding("backup", "fail", f"none; the last try: {last.problem}" if last else "none", expected, remedy)
    late = schedule.is_late(node, good)
    return Finding("backup", "fail" if late else "ok", f"{good.made_at:%Y-%m-%d %H:%M}", expected, remedy if late else "")


def _downtime(node: Node) -> Finding:
    expected = "a pack for a ward without the system within the time of data/downtime, at every place"
    if "centre" not in node.site.kinds:
        return Finding("downtime", "skip", "no patient is treated here", "")
    if node.config.downtime is None:
        return Finding("downtime", "warn", "none is written", expected, "write `downtime` with the folders `to` and `second` into node.yaml; docs/operating.md")
    kept = downtime.last(node.config.folder)
    places = [place for place in (node.config.downtime.folder, node.config.downtime.second) if place is not None]
    empty = [place for place in places if kept.made_at is None or not (place / downtime.name_of(node.site.node, kept.made_at)).is_dir()]
    wrong = [f"{place or 'pack'}: {why}" for place, why in kept.problems.items()] + [f"not at {place}" for place in empty if str(place) not in kept.problems]
    found = "; ".join([f"{kept.made_at:%Y-%m-%d %H:%M}" if kept.made_at else "none", *wrong])
    if not downtime.is_late(node, kept) and not empty:
        return Finding("downtime", "ok", found, expected)
    return Finding("downtime", "fail", found, expected, "baybridge downtime DIR says what is wrong; a node that is served writes it by itself")


def _mail(node: Node) -> Finding:
    document = node.documents.typed.the(Outbox)
    if not document.ways:
        return Finding("mail", "skip", "nothing leaves this node: no way is named", "", "")
    wanted = {name for way in document.ways.values() for name in (way.secret, way.address, *way.secrets.values()) if name}
    lacking = sorted(name for name in wanted if not contacts.secret(node.config.folder, name))
    try:
        known = contacts.contacts(node.config.folder)
    except contacts.ContactsProblem as problem:
        return Finding("mail", "fail", str(problem), "contacts that can be read", "mend keys/contacts.yaml")
    if lacking:
        remedy = "write keys/messages/NAME, readable by the node's user alone"
        return Finding("mail", "fail", f"no secret: {', '.join(lacking)}", "a file for each secret that a way names", remedy)
    found = f"{len(document.ways)} ways, {len(document.rules)} rules, addresses of {len(known)} people"
    remedy = "" if document.rules else "write rules, then try: baybridge message test"
    return Finding("mail", "ok" if document.rules else "warn", found, "ways with rules", remedy)


def _worker(node: Node) -> Finding:
    if not is_served(node.config.folder) and node.config.database.startswith("sqlite"):
        return Finding("worker", "skip", "the node is not served now", "", "baybridge serve DIR")
    waiting = tables.consequence.c
    with node.storage.reading() as connection:
        first = connection.execute(select(func.min(waiting.not_before)).where(waiting.lane.in_((Lane.ALARM.value, Lane.CASE.value)))).scalar()
    since = node.now() - datetime.fromisoformat(first) if first else timedelta(0)
    if since > _WAITS_LONG:
        remedy = "look at the log of the service, and restart it"
        return Finding("worker", "fail", f"something has waited for {round(since.total_seconds())} s", "nothing that waits for more than a minute", remedy)
    return Finding("worker", "ok", "nothing waits", "nothing that waits for more than a minute")


def _roster(node: Node) -> Finding:
    if "centre" not in node.site.kinds:
        return Finding("roster", "skip", "no patient is treated here", "", "")
    with node.storage.reading() as connection:
        there = on_duty(connection, node.documents.typed.escalation, node.now())
    if not there:
        remedy = "baybridge roster set FILE --node DIR; until then a call reaches every physician"
        return Finding("roster", "warn", "nobody is on duty now", "somebody on duty for calls of the rapid response team", remedy)
    return Finding("roster", "ok", f"{len(there)} on duty", "somebody on duty for calls of the rapid response team")


_OF_NODE = ("clock", "time_server", "log", "neighbours", "restored", "backup", "downtime", "mail", "worker", "roster")
_NODE_LOOKS = (_clock, _time_server, _log, _neighbours, _restored, _backup, _downtime, _mail, _worker, _roster)


def worst(findings: Sequence[Finding]) -> State:
    """The worst state of all: `fail`, then `warn`, then `ok`."""
    states = {one.state for one in findings}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"
