"""A hospital with a patient's record and one account of each kind that may want to read it, asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
_PEOPLE = {
    "patient": (Role.PATIENT, HERE, "own"), "nurse": (Role.NURSE, HERE, None), "quality": (Role.QUALITY, HERE, None), "physician": (Role.PHYSICIAN, HERE, None),
    "coordinator": (Role.COORDINATOR, HERE, None), "stranger": (Role.PHYSICIAN, "Elsewhere", None), "plant": (Role.MANUFACTURER, "Plant", None),
    "payer": (Role.PAYER, "Payer", None),
}  # fmt: skip


@dataclass
class House:
    """The node, its clock, a client of it, the patient's case, and a token of each account."""

    node: Node
    clock: Clock
    client: TestClient
    case_id: str
    tokens: dict[str, str]

    def get(self, who: str, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[who]}", **headers})

    def rows(self) -> list[dict[str, Any]]:
        """Who looked, as the patient reads it."""
        return list(self.get("patient", f"/cases/{self.case_id}/looked.json").json())


@contextmanager
def opened(folder: Path) -> Iterator[House]:
    """A new one."""
    clock = Clock()
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=clock)
    imported = import_upload(node, Actor("first", Role.COORDINATOR, HERE), "r.json", json.dumps(record("own", node.now())).encode())
    tokens = {}
    with node.storage.writing() as connection:
        for name, (role, organisation, patient) in _PEOPLE.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-", patient_id=patient)
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, clock, client, imported.cases["own"], tokens)  # type: ignore[union-attr]
