"""What is looked at before a node is made: whether this machine, its clock, database, certificate, neighbours and folders are what the answers say.

Main job: `look(folder, answers, cards)` answers every `Look`; one with `bars` keeps the node from being made. Nothing is changed. What a node that is there lacks says
`node/upkeep/doctor.py` with the same limits.

**Units**: MB; minutes.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from baybridge.base.failures import why
from baybridge.base.outcome import Reason, Refusal
from baybridge.node.config import ConfigProblem, read_settings
from baybridge.node.keeping import packing
from baybridge.node.neighbours import register
from baybridge.node.neighbours.transport import Fetched
from baybridge.node.outage import StorageProblem
from baybridge.node.schema import version
from baybridge.node.setup.answers import Answers, NeighbourAnswer, node_name
from baybridge.node.storage import Storage
from baybridge.node.upkeep import certificate
from baybridge.node.upkeep.clock_watch import is_kept
from baybridge.node.upkeep.doctor import CLOCK_MAY_LAG, LEAST_FREE, LITTLE_FREE

_MIB = 1024 * 1024
_SECONDS = 5.0  # for an answer of another server


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at: well without a reason; with one that `bars`, nothing is made."""

    what: str
    reason: Reason | None = None
    bars: bool = True


#: Neighbours' cards that can be believed, by their place among the answers.
Cards = Mapping[int, dict[str, object]]
Fetch = Callable[[str], Fetched]


def look(folder: Path, given: Answers, fetch: Fetch, regions: Collection[str], now: datetime, base: Path) -> tuple[tuple[Look, ...], Cards]:
    """Everything that was looked at, and the neighbours' cards that can be believed, by their place among the answers."""
    cards: dict[int, dict[str, object]] = {}
    looks = [
        *_folders(folder, given, base),
        *_disk(folder),
        *_clock(),
        *_port("port", given.listen.host, given.listen.port),
        *(_port("metrics_port", "127.0.0.1", given.metrics_port) if given.metrics_port else ()),
        *_certificate(given, base, now),
        *_database(given),
        *_backup(given, base),
        *_mail(given, base),
    ]
    for number, one in enumerate(given.neighbours):
        looks += _neighbour(number, one, fetch, regions, now, cards, given.node or node_name(folder), base)
    return tuple(looks), cards


def _folders(folder: Path, given: Answers, base: Path) -> Iterator[Look]:
    wanted = [("folder", folder), *([("config_folder", base / given.config_folder)] if given.config_folder else [])]
    for what, place in wanted:
        there = next(one for one in (place.parent, *place.parent.parents) if one.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            yield Look(what, Reason("setup.not_writable", {"folder": str(there)}, where=what))
        else:
            yield Look(what)


def _disk(folder: Path) -> Iterator[Look]:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        yield Look("disk", Reason("setup.disk", {"free": free // _MIB, "least": LITTLE_FREE // _MIB}))
    elif free < LITTLE_FREE:
        yield Look("disk", Reason("setup.disk", {"free": free // _MIB, "least": LITTLE_FREE // _MIB}), bars=False)
    else:
        yield Look("disk")


def _clock() -> Iterator[Look]:
    yield Look("clock", Reason("setup.clock_unkept") if is_kept() is False else None, bars=False)


def _port(what: str, host: str, port: int) -> Iterator[Look]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError:
        yield Look(what, Reason("setup.port_low", {"port": str(port)}, where=what), bars=False)
    except OSError as problem:
        yield Look(what, Reason("setup.port", {"host": host, "port": str(port), "problem": why(problem)}, where=what))
    else:
        yield Look(what)


def _certificate(given: Answers, base: Path, now: datetime) -> Iterator[Look]:
    if given.tls is None:
        return
    try:
        found = certificate.read(base / given.tls.certificate, base / given.tls.key, now)
    except ConfigProblem as problem:
        yield Look("certificate", Reason("setup.certificate", {"problem": "; ".join(str(problem).splitlines())}, where="tls"))
        return
    host = urlsplit(given.address).hostname or ""
    if not found.is_for(host):
        yield Look("certificate", Reason("setup.certificate_name", {"host": host, "names": ", ".join(found.names) or "-"}, where="tls"), bars=False)
    elif found.ends_soon(now):
        yield Look("certificate", Reason("setup.certificate_ends", {"day": found.ends.date().isoformat()}, where="tls"), bars=False)
    else:
        yield Look("certificate")


def _database(given: Answers) -> Iterator[Look]:
    if read_settings()["BAYBRIDGE_DATABASE"]:
        yield Look("database", Reason("setup.database_setting", where="database"))
        return
    if given.database is None:
        return
    try:
        used = _holds_node(given.database)
    except (StorageProblem, ConfigProblem) as problem:
        yield Look("database", Reason("setup.database_away", {"problem": _of_driver(problem)}, where="database"))
    else:
        yield Look("database", Reason("setup.database_used", where="database") if used else None)


def _holds_node(database: str) -> bool:
    storage = Storage(database)
    try:
        with storage.reading() as connection:
            return version.found(connection) is not None
    finally:
        storage.close()


def _of_driver(problem: Exception) -> str:
    """What the driver said, in one line; a URL of setup holds no password."""
    cause = getattr(problem.__cause__, "orig", None) or problem
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def _backup(given: Answers, base: Path) -> Iterator[Look]:
    if given.backup is None:
        yield Look("backup", Reason("setup.no_backup"), bars=False)
        return
    to, key = base / given.backup.to, base / given.backup.key
    found: list[Reason | None] = []
    if not to.is_dir() or not os.access(to, os.W_OK | os.X_OK):
        found.append(Reason("setup.backup_folder", {"folder": str(to)}, where="backup.to"))
    try:
        packing.recipient(key.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, packing.BackupProblem) as problem:
        said = getattr(problem, "strerror", None) or str(problem)
        found.append(Reason("setup.backup_key", {"file": str(key), "problem": said}, where="backup.key"))
    yield from (Look("backup", reason) for reason in found or [None])


def _mail(given: Answers, base: Path) -> Iterator[Look]:
    """Whether something answers where the mail server is said to be; whether it takes mail says `baybridge message test`."""
    if given.mail is None:
        return
    one = given.mail
    if one.password_file is not None:
        try:
            (base / one.password_file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            said = getattr(problem, "strerror", None) or "no UTF-8"
            yield Look("mail", Reason("setup.mail_password", {"file": one.password_file, "problem": said}, where="mail.password_file"))
            return
    try:
        with socket.create_connection((one.host, one.port), timeout=_SECONDS):
            yield Look("mail")
    except OSError as problem:
        values = {"host": one.host, "port": str(one.port), "problem": why(problem)}
        yield Look("mail", Reason("setup.mail_away", values, where="mail"), bars=False)


def _neighbour(
    number: int, one: NeighbourAnswer, fetch: Fetch, regions: Collection[str], now: datetime, cards: dict[int, dict[str, object]], own: str, base: Path
) -> Iterator[Look]:
    where, what = f"neighbours[{number}]", f"neighbour {one.card}"
    try:
        came = fetch(one.card) if one.card.startswith(("http://", "https://")) else Fetched((base / one.card).read_bytes())
    except OSError as problem:
        yield Look(what, Reason("setup.neighbour_away", {"card": one.card, "problem": why(problem)}, where=where))
        return
    card = register.read_card(came.card, own, regions)
    if isinstance(card, Refusal):
        yield from (Look(what, reason) for reason in card.reasons)
    elif not register.same_fingerprint(one.fingerprint, card):
        found = register.fingerprint(card)
        yield Look(what, Reason("neighbour.fingerprint", {"expected": one.fingerprint.strip(), "found": found}, where=f"{where}.fingerprint"))
    elif came.said_at is not None and abs(came.said_at - now) > CLOCK_MAY_LAG:
        cards[number] = card
        minutes = round(abs(came.said_at - now) / timedelta(minutes=1))
        yield Look(what, Reason("setup.clock_apart", {"node": str(card["node"]), "minutes": minutes}, where=where))
    else:
        cards[number] = card
        yield Look(what)
