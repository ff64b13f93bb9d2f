"""A node's configuration: what its folder says, and the few settings that the environment may change.

Main job: read a node folder (`node.yaml`, `keys/`, `data/`) into one frozen `Config`; make a new folder (`baybridge init`).

The folder: `node.yaml` (who this is, neighbours), `keys/` (signing, sealing, secrets; readable by the owner only), `data/` (documents laid over ours),
`node.sqlite` (everything else). This module and `node/clock.py` are the only readers of environment and clock.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import yaml

from baybridge.base.failures import why
from baybridge.base.time import parse_instant
from baybridge.documents.checking import check_folder
from baybridge.documents.loader import Documents, packaged_data, plain_yaml
from baybridge.journey.command import Role, Site
from baybridge.language.regions import Regions, regions_of


class Setting(NamedTuple):
    """One setting: the variable, what it means, what holds without it."""

    variable: str
    meaning: str
    default: str


SETTINGS: tuple[Setting, ...] = (
    Setting("BAYBRIDGE_DATABASE", "database URL; the node's own SQLite file without it", ""),
    Setting("BAYBRIDGE_HALT_AT", "named step at which the process kills itself, for crash tests; never set it in service", ""),
    Setting("BAYBRIDGE_CLOCK_AHEAD", "file that says by how many seconds the clock runs ahead, for acceptance tests; never set it in service", ""),
    Setting("BAYBRIDGE_PASSWORD", "password of the account that gives a command; asked on the terminal without it", ""),
    Setting("BAYBRIDGE_CODE", "one-time code of the account that gives a command", ""),
    Setting("BAYBRIDGE_LANGUAGE", "language of what the command line says, such as zh-Hant; that of LC_ALL, LC_MESSAGES or LANG without it", ""),
    Setting("BAYBRIDGE_LOCK_SECONDS", "how long a writer waits for its turn before it answers that the database is busy", "10"),
    Setting("BAYBRIDGE_STATEMENT_SECONDS", "how long one statement of a PostgreSQL database may take", "120"),
    Setting("BAYBRIDGE_RESERVE_KB", "size of the reserve in which readings are noted while the database takes nothing, made at the first start", "1024"),
    Setting("BAYBRIDGE_MAX_UPLOAD_MB", "largest file taken in, in megabytes after unpacking", "256"),
    Setting("BAYBRIDGE_SCAN", "command that looks at each attachment, which it gets on standard input: 0 clean, 1 refused; nobody looks without it", ""),
    Setting("BAYBRIDGE_BODY_SILENCE_SECONDS", "longest silence in a request's body before it is closed", "10"),
    Setting("BAYBRIDGE_BODY_BYTES_A_SECOND", "fewest bytes a second of a request's body", "1024"),
    Setting("BAYBRIDGE_MAX_CONNECTIONS", "open connections, idle ones included; a connection more waits", "8192"),
    Setting("BAYBRIDGE_HEADER_SECONDS", "time for the head of a request, and how long an idle connection is kept: longer than browsers do (300 s)", "330"),
    Setting("BAYBRIDGE_LOG", "form of the log of `serve`: text for people, json for machines", "text"),
    Setting("BAYBRIDGE_AUTHORITIES", "file with certificates (PEM) of authorities by which neighbours' servers are known, beside the public ones", ""),
    Setting("BAYBRIDGE_DELIVERY_SECONDS", "seconds between two looks at outgoing packages", "1"),
    Setting("BAYBRIDGE_WITNESS_SECONDS", "seconds between two looks at the neighbours' checkpoints", "15"),
)

#: What of a node's folder may stand elsewhere, with a link in its place: the settings and documents of the site.
LINKED = ("node.yaml", "data")
#: How long what was signed by a replaced key may be under way. A convention of this project.
UNDER_WAY = timedelta(days=30)


class ConfigProblem(Exception):
    """The node folder cannot be used; the message says what was expected, what was found and where."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another node: where it answers and the public keys by which its word is known."""

    site: Site
    url: str
    signing_keys: tuple[dict[str, Any], ...]
    sealing_key: dict[str, Any]
    card_keys: tuple[dict[str, Any], ...] = ()  # of patient-carried cards
    issuer: str = ""  # the address under which it issues them
    key_change: int = 0  # number of the last change of its keys that is known here

    def signers(self, at: datetime) -> list[Mapping[str, object]]:
        """The keys that may have signed what arrives now: the one in use, and those that were replaced not long ago and were lost to nobody."""
        return [jwk for jwk in self.signing_keys if "valid_until" not in jwk or (not jwk.get("lost") and at - parse_instant(jwk["valid_until"]) <= UNDER_WAY)]


@dataclass(frozen=True, slots=True)
class Serving:
    """How a node is reached: by its own certificate, or through servers in front of it whose word about who asks counts."""

    certificate: Path | None = None  # certificates in PEM form, the node's own first
    key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks
    metrics_port: int | None = None  # on loopback, for Prometheus
    host: str = "127.0.0.1"  # where it listens
    fhir_origins: tuple[str, ...] = ()  # from where scripts in a browser may ask FHIR, by a token


@dataclass(frozen=True, slots=True)
class BackupTo:
    """Where a node's backups go: a folder, a file with the public key, and one with the private key where a site wants the node to read them again."""

    folder: Path
    key: Path
    private_key: Path | None = None


@dataclass(frozen=True, slots=True)
class DowntimeTo:
    """Where downtime packs go: a folder, a second place (a share of another machine), the languages, and a file with the public key where a site wants them encrypted."""

    folder: Path
    second: Path | None = None
    key: Path | None = None
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a running node is told from outside."""

    folder: Path
    site: Site
    database: str
    neighbours: dict[str, Neighbour] = field(default_factory=dict)
    data_folder: Path | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    signing_key: str = ""
    sealing_key: str = ""
    port: int | None = None
    settings: dict[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = tuple(Role)
    issuer: str = ""  # https address under which this node issues cards
    url: str = ""  # address under which others reach this node
    serving: Serving = Serving()
    backup: BackupTo | None = None  # where backups go that the node makes by itself
    downtime: DowntimeTo | None = None  # where the pack for a ward without the system goes


def credentials_folder() -> Path | None:
    """Where the service manager lays secrets for this process alone; None where it lays none. Source: systemd, credentials."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")  # noqa: TID251 - this module reads the environment
    return Path(folder) if folder else None


def read_settings() -> dict[str, str]:
    """Each setting's value from the environment, or its default."""
    return {setting.variable: os.environ.get(setting.variable, setting.default) for setting in SETTINGS}  # noqa: TID251 - this module reads the environment


def terminal_language() -> str:
    """The language of the setting, else of the terminal as its locale names it; empty where nobody says."""
    variables = ("BAYBRIDGE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((value for name in variables if (value := os.environ.get(name, ""))), "")  # noqa: TID251 - this module reads the environment


def regions_at(data_folder: Path | None) -> Regions:
    """The regions that a node to be made will know: ours with those of its own folder laid over them; ConfigProblem with what is wrong with these."""
    if data_folder is None or not data_folder.is_dir():
        return regions_of(Documents(packaged_data()).folder)
    wrong = [str(one) for one in check_folder(data_folder)[1] if Path(one.file).is_relative_to(data_folder / "regions")]
    if wrong:
        raise ConfigProblem("\n".join(["the regions of this site cannot be put in force:", *wrong]))
    return regions_of(Documents(packaged_data(), data_folder).folder)


def _regions_in_force(folder: Path) -> Regions:
    """The regions that a node knows, by the documents that it goes by: a set written since, and wrongly, changes nothing."""
    from baybridge.node.accepted import documents_in_force  # it reads the configuration in turn

    try:
        return regions_of(documents_in_force(folder)[0].folder)
    except ConfigProblem:  # no set is in force yet, which the start refuses; whoever looks at the node before is told of each document, and not of the settings
        return regions_at(folder / "data")


def make_site(node: str, profile: Mapping[str, object], regions: Regions) -> Site:
    """A site from a profile; a city in the area of the GBA contract is one of its cities unless the profile says otherwise."""
    region = regions.get(str(profile.get("jurisdiction")))
    if region is None:
        raise ConfigProblem(f"jurisdiction: expected one of {', '.join(regions)}, found {profile.get('jurisdiction')!r}")
    city = _text(profile, "city")
    gd9 = profile.get("gd9", region.data_area is not None and region.in_data_area(city))
    return Site(
        node=node,
        organisation=str(profile["organisation"]),
        jurisdiction=region.code,
        city=city,
        kinds=frozenset(_texts(profile, "kinds", ("centre", "laboratory"))),
        gd9=bool(gd9),
        ciio=bool(profile.get("ciio", False)),
        zone=ZoneInfo(_text(profile, "zone") or region.time_zone),
        notify_before_transfer=region.notify_before_transfer,
    )


def _text(profile: Mapping[str, object], name: str) -> str | None:
    """The text of a field; None where it says nothing."""
    value = profile.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigProblem(f"{name}: expected a text, found {type(value).__name__}")
    return value


def _texts(profile: Mapping[str, object], name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of a list."""
    value = profile.get(name, otherwise)
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ConfigProblem(f"{name}: expected a list of texts, found {type(value).__name__}")
    return tuple(value)


def carries_password(url: str) -> bool:
    """Whether a database URL names a password; on a command line everybody on the machine could read it."""
    parts = urlsplit(url)
    return parts.password is not None or any(name == "password" for name, _ in parse_qsl(parts.query))


def database_url(folder: Path, kept: str | None = None) -> str:
    """Where a node's database is: the setting's URL, else the one kept at its founding, else the SQLite file of its folder."""
    return read_settings()["BAYBRIDGE_DATABASE"] or kept or f"sqlite:///{(folder / 'node.sqlite').resolve()}"


def read_config(folder: Path, database: str | None = None) -> Config:
    """The configuration of a node folder; ConfigProblem where it is not one."""
    path = folder / "node.yaml"
    try:
        there = path.is_file()
    except PermissionError:
        raise ConfigProblem(f"expected a node folder that this user may read, found {folder.name!r} of another user; run this as the user that serves the node") from None
    if not there:
        raise ConfigProblem(f"expected a node folder with node.yaml, found none in {folder.name!r}; make one with: baybridge init DIR …")
    profile = _map_of(path, ("node", "organisation", "jurisdiction"))
    settings = read_settings()
    secrets = _map_of(folder / "keys" / "secrets.yaml", ("pseudonym", "session"))
    regions = _regions_in_force(folder)
    site = make_site(profile["node"], profile, regions)
    config = Config(
        folder=folder,
        site=site,
        database=database or database_url(folder, secrets.get("database")),
        data_folder=folder / "data",
        secrets=secrets,
        signing_key=_text_at(folder / "keys" / "signing.pem"),
        sealing_key=_text_at(folder / "keys" / "sealing.pem"),
        port=profile.get("port"),
        settings=settings,
        roles=tuple(profile.get("roles", tuple(Role))),
        issuer=str(profile.get("issuer") or "").rstrip("/"),
        url=str(profile.get("url") or "").rstrip("/"),
        serving=_serving(folder, profile.get("serving")),
        backup=_backup_to(folder, profile.get("backup")),
        downtime=_downtime_to(folder, profile.get("downtime")),
    )
    return replace(config, neighbours=read_neighbours(folder, regions))


def _serving(folder: Path, given: object) -> Serving:
    """The part `serving` of a node.yaml; files are named from the node's folder. ConfigProblem with everything that does not fit."""
    known = {"certificate": str, "key": str, "trusted_proxies": list, "metrics_port": int, "host": str, "fhir_origins": list}
    if given is None:
        return Serving()
    if not isinstance(given, dict):
        raise ConfigProblem(f"serving: expected a map of {', '.join(known)}, found {type(given).__name__}")
    wrong = [f"serving.{name}: expected one of {', '.join(known)}" for name in given if name not in known]
    odd = [(name, kind) for name, kind in known.items() if name in given and type(given[name]) is not kind]
    wrong += [f"serving.{name}: expected {kind.__name__}, found {type(given[name]).__name__}" for name, kind in odd]
    if ("certificate" in given) != ("key" in given):
        wrong.append("serving: expected certificate and key together, found one of them")
    origins = given.get("fhir_origins", ()) if isinstance(given.get("fhir_origins"), list) else ()
    wrong += [f"serving.fhir_origins: expected an origin such as https://app.example, found {one!r}" for one in origins if not _ORIGIN.fullmatch(str(one))]
    if wrong:
        raise ConfigProblem("\n".join(wrong))
    certificate, key = (folder / given[name] if name in given else None for name in ("certificate", "key"))
    proxies = tuple(map(str, given.get("trusted_proxies", ())))
    return Serving(certificate, key, proxies, given.get("metrics_port"), given.get("host", "127.0.0.1"), tuple(map(str, origins)))


#: Where a page comes from: scheme, host and port, no path and no star. Source: RFC 6454.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


def _backup_to(folder: Path, said: object) -> BackupTo | None:
    """What `backup` of node.yaml says; paths count from the node's folder. ConfigProblem where it says something else."""
    if said is None:
        return None
    names = ("to", "key", "private_key")
    texts = isinstance(said, dict) and set(said) <= set(names) and all(isinstance(value, str) and value for value in said.values())
    if not isinstance(said, dict) or not texts or not {"to", "key"} <= set(said):
        raise ConfigProblem(f"backup: expected `to` (a folder) and `key` (a file with a public key), and perhaps `private_key`, found {said!r}")
    to, key, private = (folder / said[name] if name in said else None for name in names)
    return BackupTo(to or folder, key or folder, private)


def _downtime_to(folder: Path, said: object) -> DowntimeTo | None:
    """What `downtime` of node.yaml says; paths count from the node's folder. ConfigProblem where it says something else."""
    if said is None:
        return None
    paths = ("to", "second", "key")
    fits = isinstance(said, dict) and set(said) <= {*paths, "languages"} and all(isinstance(said[name], str) and said[name] for name in paths if name in said)
    languages = said.get("languages", ["en"]) if isinstance(said, dict) else None
    named = isinstance(languages, list) and languages and all(isinstance(one, str) for one in languages)
    if not isinstance(said, dict) or not fits or "to" not in said or not isinstance(languages, list) or not named:
        raise ConfigProblem(f"downtime: expected `to` (a folder), and perhaps `second` (a folder elsewhere), `key` (a file), `languages` (a list), found {said!r}")
    to, second, key = (folder / said[name] if name in said else None for name in paths)
    return DowntimeTo(to or folder, second, key, tuple(dict.fromkeys(languages)))


def _text_at(path: Path) -> str:
    """The text of a file of the node's own; ConfigProblem where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigProblem(f"{path.name}: expected a file in {path.parent.name!r}, found none; bring it from a backup") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigProblem(f"{path.name}: expected a text in UTF-8 that this user may read, found {why(problem)}") from None


def _map_of(path: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """The map of a YAML file of the node's own; ConfigProblem where it cannot be read or lacks what it needs. No value of it is told."""
    try:
        found = plain_yaml(_text_at(path))
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "some line"
        raise ConfigProblem(f"{path.name}: expected YAML, found something else at {where}") from None
    lacking = [name for name in needed if not isinstance(found, dict) or name not in found]
    if lacking:
        raise ConfigProblem(f"{path.name}: expected {', '.join(lacking)}, found none")
    return dict(found)


#: What tells that files were replaced: of each its name, number and moment. A moment alone does not: a file system counts in steps of some milliseconds.
Stamp = tuple[tuple[str, int, int], ...]


def stamp_of(folder: Path, ending: str) -> Stamp:
    """The stamp of the files of a folder whose names end so; none where there is no such folder. They are written beside and moved into their places."""
    try:
        with os.scandir(folder) as found:
            return tuple(sorted((one.name, one.inode(), one.stat().st_mtime_ns) for one in found if one.name.endswith(ending) and not one.name.startswith(".")))
    except FileNotFoundError:  # no folder, or a file was moved away just now: the next look sees it
        return ()


def neighbours_stamp(folder: Path) -> Stamp:
    """Tells that a card was added, changed or removed."""
    return stamp_of(folder / "neighbours", ".yaml")


def read_neighbours(folder: Path, regions: Regions) -> dict[str, Neighbour]:
    """The neighbours of a node folder, from their node cards in `neighbours/*.yaml`."""
    found = {}
    for path in sorted((folder / "neighbours").glob("*.yaml")):
        card = plain_yaml(path.read_text(encoding="utf-8"))
        found[card["node"]] = Neighbour(
            make_site(card["node"], card, regions),
            card["url"],
            tuple(card["signing_keys"]),
            card["sealing_key"],
            tuple(card.get("card_keys") or ()),
            str(card.get("issuer") or ""),
            int(card.get("key_change") or 0),
        )
    return found


def keys_stamp(folder: Path) -> Stamp:
    """Tells that a key of the node was replaced."""
    return stamp_of(folder / "keys", "")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def new_secrets() -> dict[str, str]:
    """Fresh secrets of a node: for pseudonyms, for session cookies."""
    return {"pseudonym": secrets.token_hex(32), "session": secrets.token_hex(32)}
