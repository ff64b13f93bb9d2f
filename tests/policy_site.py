"""A centre with two patients and one account for each kind of reader, served in this process, for tests of the pages about rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.documents.loader import packaged_data
from baybridge.journey.command import Actor, Role
from baybridge.language.texts import Texts
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.rulebook.speaker import Saying

HERE = "Hospital"
PEOPLE = {
    "physician": (Role.PHYSICIAN, HERE),
    "alliance": (Role.ALLIANCE, "Alliance"),
    "payer": (Role.PAYER, "a payer that nobody asked"),
    "nurse": (Role.NURSE, HERE),
}


@dataclass
class Site:
    """The node, a client of it, its two cases, and everybody's session."""

    node: Node
    client: TestClient
    cases: tuple[str, ...]
    sessions: dict[str, accounts.Session]

    @property
    def saying(self) -> Saying:
        """How an English reader is spoken to."""
        return Saying(Texts(self.node.documents), self.node.dictionary, "en")

    def get(self, who: str, path: str, language: str = "en") -> str:
        return self.answer(who, "GET", path, language).text

    def send(self, who: str, path: str, language: str = "en", /, **fields: str):  # type: ignore[no-untyped-def]
        shown = self.answer(who, "GET", path, "en").text
        sha256 = re.search(r'name="sha256" value="([0-9a-f]{64})"', shown)
        known = dict(re.findall(r'name="(t\d+)" value="([^"]*)"', shown))
        sent = {"sha256": sha256[1] if sha256 else "", "do": "try", **known, **fields}
        return self.answer(who, "GET", path, language, params=sent)

    def answer(self, who: str, method: str, path: str, language: str, **more):  # type: ignore[no-untyped-def]
        headers = {"cookie": f"baybridge={self.sessions[who].token}; language={language}"}
        return self.client.request(method, path, headers=headers, **more)


#: A document of the site's own, laid over the one that comes with Baybridge, with one threshold otherwise.
OWN, CHANGED = "fitness-treatment", ("ecog < 2", "ecog < 3")


def with_own_document(folder: Path) -> None:
    """Lay the site's own document into a node's folder."""
    shipped = next(packaged_data().rglob(f"{OWN}.yaml"))
    own = folder / "data" / "policies" / "fitness" / shipped.name
    own.parent.mkdir(parents=True)
    own.write_text(shipped.read_text("utf-8").replace(*CHANGED), "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A centre with two patients of 59 years after two lines, and one account for each kind of reader."""
    folder = tmp_path_factory.mktemp("what-if") / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    with_own_document(folder)
    node = Node(read_config(folder), now=Clock())
    first = Actor("first", Role.COORDINATOR, HERE)
    cases = []
    for patient, number, name, born in (("one", "9000001(0)", "試甲", "1966-05-03"), ("two", "9000002(8)", "試乙", "1966-07-19")):
        bundle = record(patient, node.now())
        bundle["entry"][0]["resource"] |= {"identifier": [{"system": "urn:mo:bir", "value": number}], "name": [{"text": name}], "birthDate": born}
        imported = import_upload(node, first, "record.json", json.dumps(bundle).encode())
        cases += imported.cases.values()  # type: ignore[union-attr]
    sessions = {}
    with node.storage.writing() as connection:
        for name, (role, organisation) in PEOPLE.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-", patient_id=None)
            sessions[name] = accounts.open_session(connection, name, node.now())
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield Site(node, client, tuple(cases), sessions)


def text_of(page: str) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
