"""The administrator's page says how the node stands, in every language, and each line's level follows what is behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.test_serving import certify
from baybridge.app import application
from baybridge.language.texts import Texts
from baybridge.node.config import Serving, read_config
from baybridge.node.consequences.row import Lane
from baybridge.node.keeping import records
from baybridge.node.keeping.backups import Made
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import card, found
from baybridge.node.upkeep.overview import overview

LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    people = [{"name": name, "role": role, "password": "a right password"} for name, role in (("boss", "administrator"), ("nurse", "nurse"))]
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "accounts": people})
    made = Node(read_config(tmp_path / "mo"))
    yield made
    made.storage.close()


def page(node: Node, name: str, language: str = "en", path: str = "/operation") -> tuple[int, str]:
    session = accounts.sign_in(node.storage, name, "a right password", "", node.now())
    assert isinstance(session, accounts.Session)
    with TestClient(application(node, workers=False)) as client:
        answer = client.get(f"{path}?language={language}", headers={"authorization": f"Bearer {session.token}", "accept": "text/html"})
    return answer.status_code, answer.text


def levels(node: Node) -> dict[str, str]:
    return {f"{one.name}.{one.said}": one.level for one in overview(node).lines}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_is_said_in_the_reader_s_language(node: Node, language: str) -> None:
    status, text = page(node, "boss", language)
    assert status == 200
    assert "overview." not in text, "a key without its sentence"
    assert not re.search(r"\{[a-z]+\}", text), "a value that was not filled in"


@pytest.mark.parametrize("language", LANGUAGES)
def test_packages_say_what_the_advisories_of_the_folder_say(node: Node, language: str) -> None:
    file = node.config.folder / "advisories.json"
    seen = set()
    advisory = {"id": "GHSA-1", "summary": "<b>bad</b>", "affected": [{"package": {"ecosystem": "PyPI", "name": "Jinja2"}, "versions": [metadata.version("jinja2")]}]}
    for content in (None, "no json", "[]", json.dumps([advisory])):
        if content is not None:
            file.write_text(content)
        status, text = page(node, "boss", language, "/operation/parts")
        assert (status, "webauthn" in text, "parts." in text) == (200, True, False)
        assert ("GHSA-1" in text, "<b>bad</b>" in text) == (content == json.dumps([advisory]), False)
        seen.add(re.search(r'class="box (\w+)" role="\w+">([^<]+)', text).groups())  # type: ignore[union-attr]
    assert len(seen) == 4
    assert page(node, "nurse", language, "/operation/parts")[0] == 403


def test_nobody_else_reads_it(node: Node) -> None:
    assert page(node, "nurse")[0] == 403


def test_a_new_node_lacks_a_backup_and_a_check(node: Node) -> None:
    said = levels(node)
    assert said["backup.never"] == "bad"
    assert said["check.never"] == "open"
    assert said["failing.none"] == "good"
    assert said["certificate.none"] == "plain"


def test_backups_are_told_with_the_last_look_and_the_try_that_failed(node: Node) -> None:
    made = Made("/srv/backups/mo.age", 12_000_000, 10, "00", "0003", "ab")
    records.made(node.storage, node.now() - timedelta(hours=2), made)
    assert levels(node)["backup.made"] == "good"
    assert levels(node)["backup_look.never"] == "open"
    with node.storage.reading() as connection:
        good = records.latest(connection, good=True)
    assert good is not None
    records.looked(node.storage, good, node.now(), "")
    records.failed(node.storage, node.now(), Path("/srv/backups"), "no room")
    said = levels(node)
    assert (said["backup_look.looked"], said["backup_try.failed"]) == ("good", "bad")
    assert "no room" in page(node, "boss")[1]


def test_a_certificate_that_ends_soon_or_cannot_be_used_is_told(node: Node, tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, 1)
    node.config = type(node.config)(**{**{name: getattr(node.config, name) for name in node.config.__slots__}, "serving": Serving(certificate, key)})
    assert levels(node)["certificate.ends"] == "good"
    now = node.now()
    node.now = lambda: now + timedelta(days=80)
    assert levels(node)["certificate.ends"] == "open"
    certificate.write_text("none")
    assert levels(node)["certificate.unusable"] == "bad"


def test_a_neighbour_and_a_feed_stand_on_it(node: Node, tmp_path: Path) -> None:
    import yaml

    found(tmp_path / "hk", {"node": "hk", "organisation": "Centre of the North", "jurisdiction": "HK", "kinds": ["centre"]})
    (node.config.folder / "neighbours" / "hk.yaml").write_text(yaml.safe_dump(card(tmp_path / "hk", "https://hk.example")))
    text = page(node, "boss")[1]
    assert "Centre of the North" in text
    assert "active" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lane_that_waits_has_its_words(node: Node, language: str) -> None:
    texts = Texts(node.documents)
    assert [lane.value for lane in Lane if not texts.has(language, f"overview.waiting.{lane.value}")] == []
