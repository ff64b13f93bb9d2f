"""The demo network's four nodes and its accounts.

Main job: `found_network(folder, ports)` makes the node folders and lets them know each other; `ACCOUNTS` lists who may sign in where.

All organisations, people and passwords are invented for the demonstration; the passwords are printed on the terminal and open only this network.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from baybridge.base.outcome import Refusal
from baybridge.journey.command import Role
from baybridge.node.clock import new_id
from baybridge.node.node import Node
from baybridge.node.people import accounts, helping, passwords, persons
from baybridge.node.upkeep.founding import found, introduce, trust
from baybridge.node.watch import roster

PASSWORD = "synthetic-demo"  # noqa: S105 - printed on the terminal, opens only invented data on loopback

PROFILES: Mapping[str, dict[str, Any]] = {
    "mo": {
        "node": "mo", "organisation": "Macao Hospital (synthetic)", "jurisdiction": "MO", "city": "Macao", "kinds": ["centre", "laboratory"],
        "issuer": "https://mo.baybridge.example",
    },
    "gd": {
        "node": "gd", "organisation": "Guangzhou Centre and Laboratory (synthetic)", "jurisdiction": "CN", "city": "Guangzhou",
        "kinds": ["centre", "laboratory"], "gd9": True, "issuer": "https://gd.baybridge.example",
    },
    "hk": {
        "node": "hk", "organisation": "Hong Kong Centre (synthetic)", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"],
        "issuer": "https://hk.baybridge.example",
    },
    "sh": {
        "node": "sh", "organisation": "Shanghai Manufacturer (synthetic)", "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"], "gd9": False,
    },
}
PREFERRED_PORTS = {"mo": 8401, "gd": 8402, "hk": 8403, "sh": 8404}
PAYER = "shanghai-huhuibao"  # the payer of a plan document; the account is invented
CHARITY = "demo-charity"  # an invented fund, its terms in `charity.yaml`
PROGRAMME = "fosun-kairos"  # who refunds under an agreement document; the account is invented
_CHARITY_TERMS = Path(__file__).parent / "charity.yaml"
ALLIANCE = "CAR-T Quality Alliance (synthetic)"


@dataclass(frozen=True, slots=True)
class Account:
    """One demo account: node, sign-in name, role, language, organisation where it is not the node's."""

    node: str
    name: str
    role: Role
    language: str = "en"
    organisation: str | None = None
    patient_id: str | None = None


def _staff(node: str, language: str) -> list[Account]:
    roles = (Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.QUALITY)
    another = Account(node, f"physician2.{node}", Role.PHYSICIAN, language)  # who reads a response beside the first
    return [*(Account(node, f"{role.value}.{node}", role, language) for role in roles), another]


ACCOUNTS: tuple[Account, ...] = (
    *_staff("mo", "zh-Hant"),
    *_staff("gd", "zh-Hans"),
    *_staff("hk", "zh-Hant"),
    *(Account(node, f"administrator.{node}", Role.ADMINISTRATOR) for node in ("mo", "gd", "hk", "sh")),
    Account("sh", "manufacturer.sh", Role.MANUFACTURER, "zh-Hans"),
    Account("sh", "laboratory.sh", Role.LABORATORY, "zh-Hans"),  # who tests what the others release
    Account("sh", "quality.sh", Role.QUALITY, "zh-Hans"),
    Account("sh", "quality2.sh", Role.QUALITY, "zh-Hans"),  # who puts a release right beside the first
    Account("sh", "coordinator.sh", Role.COORDINATOR, "zh-Hans"),
    *(Account(node, f"payer.{node}", Role.PAYER, "en", PAYER) for node in ("mo", "gd", "hk")),
    *(Account(node, f"charity.{node}", Role.PAYER, "en", CHARITY) for node in ("gd", "hk")),
    *(Account(node, f"programme.{node}", Role.PAYER, "en", PROGRAMME) for node in ("gd", "hk")),
    *(Account(node, f"alliance.{node}", Role.ALLIANCE, "en", ALLIANCE) for node in ("mo", "gd", "hk", "sh")),
)


def free_port(wanted: int) -> int:
    """The wanted port on loopback, or a free one where it is taken."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")


def choose_ports() -> dict[str, int]:
    """A free port for each node, the usual one where it can be had."""
    return {node: free_port(port) for node, port in PREFERRED_PORTS.items()}


def address(port: int) -> str:
    """The address of a node on this machine."""
    return f"http://127.0.0.1:{port}"


def found_network(folder: Path, ports: Mapping[str, int]) -> None:
    """Make the four node folders, their acquaintance, and the file of public keys for offline checks."""
    for name, profile in PROFILES.items():
        found(folder / name, profile)
        _own_plan(folder / name)
        _own_director(folder / name, name)
    meet(folder, ports)


def _own_plan(node: Path) -> None:
    """Lay the invented charity over a node's data folder, as a site adds a plan of its own."""
    plans = node / "data" / "plans"
    plans.mkdir(parents=True, exist_ok=True)
    (plans / _CHARITY_TERMS.name).write_bytes(_CHARITY_TERMS.read_bytes())


def _own_director(folder: Path, node: str) -> None:
    """Name the account that is told last where no team comes, as a site lays its own escalation over ours."""
    if "centre" in PROFILES[node]["kinds"]:
        pathways = folder / "data" / "pathways"
        pathways.mkdir(parents=True, exist_ok=True)
        (pathways / "escalation.yaml").write_text(f"id: escalation\nprogramme_director: [physician2.{node}]\n", encoding="utf-8")


def meet(folder: Path, ports: Mapping[str, int]) -> None:
    """Write every node's card to the others, at the addresses of this run."""
    nodes = [(folder / name, address(ports[name])) for name in PROFILES]
    introduce(nodes)
    (folder / "trust.json").write_bytes(orjson.dumps(trust(nodes), option=orjson.OPT_INDENT_2))


def add_accounts(node: Node, patient_id: str | None = None) -> None:
    """Give a node its demo accounts; a patient account where a patient is named."""
    add_staff(node)
    if patient_id is not None:
        add_patient(node, patient_id)


def add_staff(node: Node) -> None:
    """Give a node the accounts of those who work there, each of another person."""
    _add(node, [account for account in ACCOUNTS if account.node == node.site.node])
    if "centre" in node.site.kinds:
        _set_duty(node)


def _set_duty(node: Node) -> None:
    """Both physicians are on duty all the time."""
    names = (f"physician.{node.site.node}", f"physician2.{node.site.node}")
    always = {"from": "2020-01-01T00:00:00+08:00", "until": "2100-01-01T00:00:00+08:00"}
    rows = [{"specialty": "haematology", "account": name, "order": order, "deputy": None, **always} for order, name in enumerate(names, start=1)]
    with node.unit() as unit:
        read = roster.read_roster(rows, roster.active_accounts(unit.connection))
        if isinstance(read, Refusal):
            raise RuntimeError("the roster of the demo names accounts that are not there")
        roster.set_roster(unit, read, node.system())


def add_patient(node: Node, patient_id: str) -> None:
    """Give a node the account of a patient."""
    language = next(account.language for account in ACCOUNTS if account.node == node.site.node)
    _add(node, [Account(node.site.node, f"patient.{node.site.node}", Role.PATIENT, language, None, patient_id)])


def add_caregiver(node: Node, patient_id: str) -> str:
    """Give a node the account of somebody who helps a patient; the id of that person, whom the patient still has to let in."""
    language = next(account.language for account in ACCOUNTS if account.node == node.site.node)
    _add(node, [Account(node.site.node, f"caregiver.{node.site.node}", Role.CAREGIVER, language, None, patient_id)])
    persons.make_sure(node.storage)
    with node.storage.reading() as connection:
        return next(iter(helping.accounts_for(connection, patient_id)))


@cache
def _password_hash() -> str:
    """What is kept of the password, which everybody of the demo has and its page names: hashed once, because a hash is made to take long."""
    return passwords.hashed(PASSWORD)


def _add(node: Node, mine: Sequence[Account]) -> None:
    with node.storage.writing() as connection:
        for account in mine:
            accounts.add_account(
                connection,
                account=new_id(),
                name=account.name,
                role=account.role,
                organisation=account.organisation or node.site.organisation,
                password="",
                password_hash=_password_hash(),
                patient_id=account.patient_id,
                language=account.language,
            )
