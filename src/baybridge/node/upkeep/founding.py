"""Founding: make a node folder, and make nodes know each other.

Main job: `found(folder, profile)` writes `node.yaml`, keys and an empty database; `introduce(nodes)` exchanges node cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import yaml

from baybridge.journey.command import Role
from baybridge.ledger import log
from baybridge.node import clock
from baybridge.node.clock import new_id
from baybridge.node.config import ConfigProblem, database_url, make_site, new_secrets, regions_at, write_private
from baybridge.node.intake.card_key import card_key
from baybridge.node.integrity import coverage, index
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours.own_keys import read_own
from baybridge.node.neighbours.package import new_keys
from baybridge.node.people.accounts import add_account
from baybridge.node.storage import Storage
from baybridge.node.upkeep.permissions import tighten

_TRUSTED = ("node", "signing_keys", "card_keys", "issuer")
_CARD = ("node", "organisation", "jurisdiction", "city", "kinds", "gd9", "ciio", "zone", "issuer")


def found(folder: Path, profile: Mapping[str, object], database: str | None = None) -> None:
    """A new node folder; ConfigProblem where one is there already, the profile does not say who the node is or no database answers."""
    if (folder / "node.yaml").exists():
        raise ConfigProblem(f"expected a folder without a node, found node.yaml in {folder.name!r}; choose another folder")
    site = make_site(str(profile["node"]), profile, regions_at(folder / "data"))
    people = _people(profile.get("accounts"))
    for name in ("data", "neighbours"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    storage = Storage(database or database_url(folder))
    storage.create()
    signing, sealing = new_keys()
    write_private(folder / "keys" / "signing.pem", signing)
    write_private(folder / "keys" / "sealing.pem", sealing)
    card_key(folder)
    secrets = new_secrets()
    write_private(folder / "keys" / "secrets.yaml", yaml.safe_dump(secrets | ({"database": database} if database else {})))
    storage.rows = RowLog(site, lambda text: log.pseudonym(bytes.fromhex(secrets["pseudonym"]), text), clock.now)
    with storage.writing() as connection:
        for person in people:
            add_account(connection, account=new_id(), organisation=str(profile["organisation"]), **person)
    coverage.begin(storage, storage.rows)
    index.keep_current(storage, storage.rows)
    storage.close()
    kept = {name: value for name, value in profile.items() if name != "accounts"}
    (folder / "node.yaml").write_text(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False), encoding="utf-8")
    tighten(folder)


class FirstAccount(TypedDict):
    """An account with which a node begins."""

    name: str
    role: Role
    password: str
    language: str


def _people(given: object) -> list[FirstAccount]:
    """The first accounts (`name`, `role`, `password`, optional `language`); passwords are kept as hashes only, never in node.yaml."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise ConfigProblem(f"accounts: expected a list of name, role and password, found {type(given).__name__}")
    people: list[FirstAccount] = []
    for number, item in enumerate(given):
        if not isinstance(item, Mapping) or not all(isinstance(item.get(key), str) and item[key] for key in ("name", "role", "password")):
            raise ConfigProblem(f"accounts[{number}]: expected name, role and password as text")
        if item["role"] not in list(Role):
            raise ConfigProblem(f"accounts[{number}].role: expected one of {', '.join(Role)}")
        if any(item["name"] == person["name"] for person in people):
            raise ConfigProblem(f"accounts[{number}].name: given twice")
        language = str(item.get("language", "en"))
        people.append({"name": item["name"], "role": Role(item["role"]), "password": item["password"], "language": language})
    return people


def card(folder: Path, url: str) -> dict[str, object]:
    """The node card of a folder, as neighbours keep it."""
    profile = yaml.safe_load((folder / "node.yaml").read_text(encoding="utf-8"))
    return {
        **{name: profile[name] for name in _CARD if name in profile},
        "url": url,
        **read_own(folder).as_card(),
    }


def introduce(nodes: Sequence[tuple[Path, str]]) -> None:
    """Give every node of (folder, address) the cards of all others."""
    cards = {folder: card(folder, url) for folder, url in nodes}
    for folder, _ in nodes:
        for other, other_card in cards.items():
            if other != folder:
                path = folder / "neighbours" / f"{other_card['node']}.yaml"
                path.write_text(yaml.safe_dump(other_card, allow_unicode=True, sort_keys=False), encoding="utf-8")


def trust(nodes: Sequence[tuple[Path, str]]) -> dict[str, object]:
    """The public keys of a network, by which evidence can be checked offline."""
    cards = [card(folder, url) for folder, url in nodes]
    return {"nodes": [{"log_origin": f"baybridge/{one['node']}", **{name: one[name] for name in _TRUSTED if name in one}} for one in cards]}
