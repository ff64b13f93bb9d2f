"""What a site answers before its node is made: a file in YAML or TOML, or the same answers given one by one on a terminal.

Main job: `read_answers(file)` answers `Answers`, or raises `AnswerProblems` with everything that is wrong, each at its file and key; `answers_from(given, …)` does the
same for a mapping.

Paths count from the folder of the file. Elsewhere: what is looked at before anything is made in `looks.py`, questions on a terminal in `cli/setup_questions.py`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path as FilePath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from baybridge.base.text import not_text
from baybridge.documents.heading import Part
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.problems import WRONG_VALUE, PolicyProblems, Problem, did_you_mean, field_name
from baybridge.documents.reading import Report, read_as
from baybridge.documents.source import MAX_CHARACTERS, Path, read_yaml
from baybridge.facts.fhir import mapping
from baybridge.language.languages import languages_of
from baybridge.node.config import ConfigProblem, carries_password, regions_at

_NODE = "^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$", extra={"words": "a name of at most 200 letters"})]
AccountName = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$", extra={"words": "a name of at most 80 letters"})]
NodeName = Annotated[str, Meta(pattern=_NODE, max_length=40, extra={"words": "a name of a-z, 0-9 and -, of at most 40 letters"})]
Region = Annotated[str, Meta(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$", extra={"words": "a region, such as CN, HK or MO"})]
Port = Annotated[int, Meta(ge=1, le=65535, extra={"words": "a port from 1 to 65535"})]
PathText = Annotated[str, Meta(min_length=1, extra={"words": "a path"})]
Fingerprint = Annotated[str, Meta(pattern=r"^[0-9a-fA-F\s:]{64,200}$", extra={"words": "a fingerprint of 64 digits and letters a to f"})]
Kind = Literal["centre", "laboratory", "plant"]


class Listen(Part, frozen=True, kw_only=True):
    """Where the node listens."""

    host: str = "127.0.0.1"
    port: Port = 8080


class Tls(Part, frozen=True, kw_only=True):
    """The certificate that the node shows, and its key."""

    certificate: PathText
    key: PathText


class Administrator(Part, frozen=True, kw_only=True):
    """The first person who may let others in."""

    account: AccountName
    name: AccountName
    language: str | None = None


class Backup(Part, frozen=True, kw_only=True):
    """Where the node's backups go, and the file with the public key that they are encrypted to."""

    to: PathText
    key: PathText


class Mail(Part, frozen=True, kw_only=True):
    """The server through which messages leave the building; a file with its password, where it asks for one; the first administrator's own address."""

    host: Name
    sender: Name
    port: Port = 587
    security: Literal["starttls", "tls"] = "starttls"
    account: str = ""
    password_file: PathText | None = None
    inside: bool = False
    administrator: Name | None = None


class NeighbourAnswer(Part, frozen=True, kw_only=True):
    """Another node: its card, as a file or the address where it answers, and the fingerprint that somebody there read out."""

    card: PathText
    fingerprint: Fingerprint


class Answers(Part, frozen=True, kw_only=True):
    """Everything that a site must say."""

    organisation: Name
    jurisdiction: Region
    address: str
    administrator: Administrator
    node: NodeName | None = None
    city: Name | None = None
    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1)] = ("centre", "laboratory")
    languages: tuple[str, ...] = ()
    database: str | None = None
    listen: Listen = Listen()
    tls: Tls | None = None
    trusted_proxies: tuple[str, ...] = ()
    metrics_port: Port | None = None
    backup: Backup | None = None
    mail: Mail | None = None
    neighbours: tuple[NeighbourAnswer, ...] = ()
    config_folder: PathText | None = None
    documents: PathText | None = None

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Where one answer does not go with another, or is none of its kind."""
        yield from _of_address(self)
        yield from _of_reach(self)
        if self.database is not None:
            yield from _of_database(self.database)
        for number, text in enumerate(self.trusted_proxies):
            if not _is_network(text):
                yield ("trusted_proxies", number), "an address or a network, such as 10.1.2.3 or 10.9.0.0/16", text
        if self.mail is not None and bool(self.mail.account) != (self.mail.password_file is not None):
            yield ("mail", "account"), "account and password_file together, or neither", "one of them"
        for number, one in enumerate(self.languages):
            if one in self.languages[:number]:
                yield ("languages", number), "each language once", one


def _of_address(given: Answers) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    try:
        parts = urlsplit(given.address)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0) and not re.search(r"\s", given.address)
    except ValueError:
        yield ("address",), "an address such as https://car-t.hospital.example", given.address
        return
    if not whole or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        yield ("address",), "an address such as https://car-t.hospital.example, with nothing behind the name and the port", given.address
        return
    if parts.scheme == "https" and given.tls is None and not given.trusted_proxies:
        yield ("address",), "tls (a certificate and its key) or trusted_proxies (a server in front that has them) for an https address", "neither"
    if parts.scheme == "http" and (given.tls is not None or not _is_loopback(parts.hostname or "")):
        yield ("address",), "an https address, or an http one on this machine alone (127.0.0.1) for a trial", given.address


def _of_reach(given: Answers) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    try:
        ip_address(given.listen.host)
    except ValueError:
        if given.listen.host != "localhost":
            yield ("listen", "host"), "an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them", given.listen.host
            return
    if not _is_loopback(given.listen.host) and given.tls is None and not given.trusted_proxies:
        expected = "127.0.0.1 while there is neither tls nor a server in front (trusted_proxies): records would cross the network in the clear"
        yield ("listen", "host"), expected, given.listen.host
    if given.metrics_port is not None and given.metrics_port == given.listen.port:
        yield ("metrics_port",), "another port than the one for pages", str(given.metrics_port)


def _of_database(url: str) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    if carries_password(url):
        yield ("database",), "a URL without a password: put the password into a file of ~/.pgpass, or use the server's socket", "one with a password"
        return
    try:
        kind = make_url(url).get_backend_name()
    except ArgumentError:
        kind = "something else"
    if kind != "postgresql":
        yield ("database",), "a URL such as postgresql+psycopg:///baybridge, or nothing for a file in the node's folder", kind


def _is_network(text: str) -> bool:
    try:
        return ip_network(text).prefixlen > 0  # one of everybody trusts anyone
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def node_name(folder: FilePath) -> str:
    """The name of a node whose site gave it none: that of its folder, as names are written."""
    return re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40].strip("-") or "node"


class AnswerProblems(Exception):
    """Answers that cannot be used: every problem at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(said, problems)))
        self.problems = problems


def said(problem: Problem) -> str:
    """A problem as it is printed: the file with its line where there is one, the key, what was expected and found."""
    place = f"{problem.file}:{problem.line}" if problem.line else problem.file
    hint = f"; {problem.hint}" if problem.hint else ""
    return ": ".join(filter(None, (place, problem.field, f"expected {problem.expected}, found {problem.found}{hint}")))


def read_answers(file: FilePath) -> Answers:
    """The answers of a file; AnswerProblems with everything that is wrong in it."""
    origin = str(file)
    try:
        with file.open("rb") as content:
            read = content.read(MAX_CHARACTERS + 1)
        text = read.decode("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "no UTF-8"
        raise AnswerProblems((Problem(origin, 0, 0, WRONG_VALUE, "a file that this user may read, in UTF-8", why),)) from None
    if len(read) > MAX_CHARACTERS:
        raise AnswerProblems((Problem(origin, 0, 0, WRONG_VALUE, f"a file of at most {MAX_CHARACTERS} bytes", "a longer one"),))
    if file.suffix == ".toml":
        return answers_from(_of_toml(text, origin), origin, file.parent)
    try:
        source = read_yaml(text, origin)
    except PolicyProblems as problem:
        raise AnswerProblems(problem.problems) from None
    found = _read(source.document, source.report, file.parent)
    if source.problems or found is None:
        raise AnswerProblems(tuple(sorted(source.problems)))
    return found


def _of_toml(text: str, origin: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        line = re.search(r"at line (\d+)", str(problem))
        raise AnswerProblems((Problem(origin, int(line[1]) if line else 0, 0, WRONG_VALUE, "a TOML document", str(problem)),)) from None


def answers_from(given: object, origin: str, base: FilePath) -> Answers:
    """The answers of a mapping whose paths count from a folder; AnswerProblems with everything that is wrong in it."""
    problems: list[Problem] = []

    def report(code: str, path: tuple[str | int, ...], expected: str, found: str, hint: str) -> None:
        problems.append(Problem(origin, 0, 0, code, expected, found, hint, field_name(path)))

    found = _read(given, report, base)
    if problems or found is None:
        raise AnswerProblems(tuple(problems))
    return found


def _read(given: object, report: Report, base: FilePath) -> Answers | None:
    found = read_as(Answers, given if given is not None else {}, report)
    told = mapping(given)
    own = told.get("documents")
    if isinstance(own, str) and not (base / own).is_dir():
        report(WRONG_VALUE, ("documents",), "a folder of documents of this site", own, "")
    data = base / own if isinstance(own, str) and (base / own).is_dir() else None
    try:
        regions, languages = regions_at(data), languages_of(Documents(packaged_data(), *filter(None, (data,))).folder)
    except ConfigProblem as problem:
        report(WRONG_VALUE, ("documents",), "documents without a problem: baybridge check FOLDER", str(problem), "")
        return None
    _among(told.get("jurisdiction"), regions, ("jurisdiction",), report)
    _among(mapping(told.get("administrator")).get("language"), languages, ("administrator", "language"), report)
    for number, one in enumerate(_list(told.get("languages"))):
        _among(one, languages, ("languages", number), report)
    for path, text in _texts(told, ()):
        if not_text(text):
            report(WRONG_VALUE, path, "a text", "signs that no text has", "")
    return found


def _among(value: object, known: Collection[str], path: Path, report: Report) -> None:
    """Report a text that is none of those known; one that is no text was told by its type."""
    if isinstance(value, str) and value not in known:
        report(WRONG_VALUE, path, f"one of {', '.join(known)}", value, did_you_mean(value, known))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    for name, part in mapping(value).items() if isinstance(value, Mapping) else enumerate(_list(value)):
        yield from _texts(part, (*path, name))
