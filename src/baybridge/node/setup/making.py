"""A node made from what a site answered: all of it, or nothing.

Main job: `set_up(folder, given, …)`. The node is made in a hidden folder beside the one that was asked for, and gets its name when it is whole. A process that is killed
leaves the hidden folder, which no command opens as a node of that name; the same command clears it away, with the tables that it had begun in a PostgreSQL database.

With `config_folder` the settings and documents of the site (`node.yaml`, `data/`) stand there, and links in the node's folder lead to them: state in /var/lib,
settings in /etc.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import inspect

from baybridge.base.failures import why
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor, Role
from baybridge.node.clock import now
from baybridge.node.config import LINKED, regions_at, write_private
from baybridge.node.neighbours import register, witnessing
from baybridge.node.node import Node, open_node
from baybridge.node.outage import StorageProblem
from baybridge.node.people.account_changes import Add, Changed
from baybridge.node.people.administration import change
from baybridge.node.schema import version
from baybridge.node.setup.answers import Answers, node_name
from baybridge.node.setup.looks import Cards, Fetch, Look, look
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage
from baybridge.node.upkeep.founding import found

_MAIL_SECRET = "mail-password"  # noqa: S105 - the name of a file
_DATABASE = "setup-database.txt"  # which database was empty when the making began


@dataclass(frozen=True, slots=True)
class Made:
    """A node that was made: its name, its first administrator with the invitation, which is shown once."""

    node: str
    folder: Path
    administrator: Changed
    address: str

    @property
    def invitation_link(self) -> str:
        """Where the first administrator sets the password."""
        return f"{self.address}/sign-in/invitation?token={self.administrator.invitation}"


@dataclass(frozen=True, slots=True)
class SetUp:
    """What a setup came to: everything that was looked at, and the node, or why there is none; neither where it was only looked."""

    looks: tuple[Look, ...] = ()
    refusal: Refusal | None = None
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a setup works with beside the answers: the folder (absolute) from which their paths count, how a card is fetched, the steps of a crash test."""

    base: Path
    fetch: Fetch
    walk: Walk


def set_up(folder: Path, given: Answers, place: Place, *, only_look: bool = False) -> SetUp:
    """Make the node; with `only_look` answer what was looked at and make nothing. ConfigProblem where its own parts refuse each other."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a link that leads elsewhere stays where it is
    if (against := _there_already(folder, given, place)) is not None:
        return SetUp(refusal=refuse(against, category=Category.CONFLICT))
    fresh = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder) as part:
            regions = regions_at(place.base / given.documents if given.documents else None)
            looks, cards = look(folder, given, place.fetch, regions, now(), place.base)
            bars = [one.reason for one in looks if one.reason is not None and one.bars]
            if bars:
                return SetUp(looks, refuse(*bars, category=Category.INVALID))
            if only_look:
                return SetUp(looks)
            done = _made(folder, part, given, place, cards)
            return SetUp(looks, done) if isinstance(done, Refusal) else SetUp(looks, made=done)
    except StorageProblem as problem:
        return SetUp(refusal=problem.refusal)
    except BlockingIOError:
        return SetUp(refusal=refuse(Reason("setup.busy", {"folder": str(folder)}), category=Category.BUSY))
    except OSError as problem:
        values = {"folder": str(problem.filename or folder), "problem": why(problem)}
        return SetUp(refusal=refuse(Reason("setup.unwritten", values), category=Category.INVALID))
    finally:
        for parent in fresh:
            with suppress(OSError):  # it holds the node now
                parent.rmdir()


def _there_already(folder: Path, given: Answers, place: Place) -> Reason | None:
    """Why nothing can be made at this place, where something stands there."""
    try:
        if (folder / "node.yaml").is_symlink() or (folder / "node.yaml").exists():
            return Reason("setup.again", {"folder": str(folder)})
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            return Reason("setup.not_empty", {"folder": str(folder)})
        settings = place.base / given.config_folder if given.config_folder else None
        if settings is not None and settings.exists() and any(settings.iterdir()) and not _is_of(settings, _part(folder)):
            return Reason("setup.not_empty", {"folder": str(settings)})
    except OSError as problem:
        return Reason("setup.unwritten", {"folder": str(folder), "problem": why(problem)})
    return None


def _part(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.setup")


def _is_of(settings: Path, part: Path) -> bool:
    """Whether a folder of settings is what an unfinished setup laid out."""
    link = part / "node.yaml"
    return link.is_symlink() and link.readlink() == settings / "node.yaml"


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The hidden folder, cleared, while no other setup works beside it; cleared away again unless it got its name. BlockingIOError where one does."""
    part = _part(folder)
    held = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _clear(part)
        try:
            yield part
        finally:
            with suppress(StorageProblem):  # then the next setup empties the database
                _clear(part)
    finally:
        os.close(held)


def _clear(part: Path) -> None:
    """Take away what an unfinished setup of this user left: its tables in a database, its folder of settings, its own folder.

    PermissionError where another user may have made it: what it says would be believed, down to which folder is removed.
    """
    try:
        state = part.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(part))
    database = part / _DATABASE
    if database.is_file():
        _empty(database.read_text(encoding="utf-8"))
    link = part / "node.yaml"
    if link.is_symlink():
        shutil.rmtree(link.readlink().parent, ignore_errors=True)
    shutil.rmtree(part, ignore_errors=True)


def _empty(database: str) -> None:
    """Drop the tables of a node from a database that was empty when the setup began."""
    storage = Storage(database)
    try:
        with storage.writing(urgent=True) as connection:
            ours = {name for metadata in version.METADATAS for name in metadata.tables} | {version.schema_version.name}
            for name in sorted(ours & set(inspect(connection).get_table_names())):
                connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    finally:
        storage.close()


def _made(folder: Path, part: Path, given: Answers, place: Place, cards: Cards) -> Made | Refusal:
    part.mkdir(mode=0o700)
    if given.database is not None:
        write_private(part / _DATABASE, given.database)
    place.walk.step("setup.begun")
    profile = _profile(folder, given, place.base)
    _lay_documents(part, given, place.base)
    found(part, profile, given.database)
    _lay_secrets(part, given, place.base)
    place.walk.step("setup.founded")
    node = open_node(part)
    try:
        done = _peopled(node, given, cards)
    finally:
        node.storage.close()
    if isinstance(done, Refusal):
        return done
    place.walk.step("setup.peopled")
    if given.config_folder is not None:
        _lay_out(part, place.base / given.config_folder)
    place.walk.step("setup.laid_out")
    if folder.exists():
        folder.rmdir()
    part.rename(folder)
    (folder / _DATABASE).unlink(missing_ok=True)
    _settle(folder.parent)
    place.walk.step("setup.named")
    return Made(str(profile["node"]), folder, done, given.address.rstrip("/"))


def _profile(folder: Path, given: Answers, base: Path) -> dict[str, object]:
    """What stands in node.yaml: paths as they are found from anywhere, nothing that was not answered."""
    serving: dict[str, object] = {"host": given.listen.host}
    if given.tls is not None:
        serving |= {"certificate": _absolute(base, given.tls.certificate), "key": _absolute(base, given.tls.key)}
    if given.trusted_proxies:
        serving["trusted_proxies"] = list(given.trusted_proxies)
    if given.metrics_port is not None:
        serving["metrics_port"] = given.metrics_port
    found: dict[str, object] = {
        "node": given.node or node_name(folder),
        "organisation": given.organisation,
        "jurisdiction": given.jurisdiction,
        "kinds": list(given.kinds),
        "url": given.address.rstrip("/"),
        "port": given.listen.port,
        "serving": serving,
    }
    if given.city is not None:
        found["city"] = given.city
    if given.backup is not None:
        found["backup"] = {"to": _absolute(base, given.backup.to), "key": _absolute(base, given.backup.key)}
    return found


def _absolute(base: Path, text: str) -> str:
    return str((base / text).resolve())


def _lay_documents(part: Path, given: Answers, base: Path) -> None:
    """The site's own documents, and the order in which its languages are offered."""
    if given.documents is not None:
        shutil.copytree(base / given.documents, part / "data")
    languages = part / "data" / "languages"
    for order, language in enumerate(given.languages, start=1 - len(given.languages)):
        languages.mkdir(parents=True, exist_ok=True)
        (languages / f"{language}.yaml").write_text(yaml.safe_dump({"id": language, "order": order}), encoding="utf-8")


    if given.mail is not None:
        way = {"kind": "mail", "host": given.mail.host, "port": given.mail.port, "security": given.mail.security, "sender": given.mail.sender}
        way |= {"account": given.mail.account, "secret": _MAIL_SECRET} if given.mail.account else {}
        way |= {"inside": True} if given.mail.inside else {}
        (part / "data" / "messages").mkdir(parents=True, exist_ok=True)
        (part / "data" / "messages" / "outbox.yaml").write_text(yaml.safe_dump({"id": "outbox", "ways": {"mail": way}}, sort_keys=False), encoding="utf-8")


def _lay_secrets(part: Path, given: Answers, base: Path) -> None:
    """The password of the mail server, and where the first administrator is reached, in files of the node alone."""
    if given.mail is None:
        return
    if given.mail.password_file is not None:
        write_private(part / "keys" / "messages" / _MAIL_SECRET, (base / given.mail.password_file).read_text(encoding="utf-8"))
    if given.mail.administrator is not None:
        contacts = {given.administrator.account: {"mail": given.mail.administrator}}
        write_private(part / "keys" / "contacts.yaml", yaml.safe_dump(contacts, allow_unicode=True))


def _peopled(node: Node, given: Answers, cards: Cards) -> Changed | Refusal:
    """The neighbours and the first administrator; the first entries are covered from the first moment."""
    operator = Actor("operator", Role.ADMINISTRATOR, node.site.organisation, via="shell")
    for number, card in cards.items():
        added = register.add(node, card, given.neighbours[number].fingerprint)
        if isinstance(added, Refusal):
            return added
    one = given.administrator
    language = one.language or next(iter(given.languages), None)
    done = change(node, operator, Add(account=one.account, person=one.name, roles=(Role.ADMINISTRATOR.value,), language=language))
    witnessing.sign_checkpoint(node)
    return done


def _lay_out(part: Path, settings: Path) -> None:
    """Have the settings and documents of the site in a folder of their own, with links in the node's folder that lead there."""
    laid = Path(os.path.abspath(settings))  # noqa: PTH100 - where it is found, not where a link leads
    for name in LINKED:
        (part / name).rename(part / f"{name}.laid")
        (part / name).symlink_to(laid / name)
    laid.mkdir(parents=True, exist_ok=True, mode=0o750)
    for name in LINKED:
        shutil.move(part / f"{name}.laid", laid / name)


def _settle(folder: Path) -> None:
    """Have the new name on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
