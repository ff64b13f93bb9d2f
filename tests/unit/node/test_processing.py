"""The record of processing says what a node really holds, reads, sends and keeps, in every language, and nothing of a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.cli.main import main
from baybridge.journey.command import Role
from baybridge.node.people import accounts, processing


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World.new(tmp_path_factory.mktemp("network"))
    made.refer()
    made.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=made.case("mo").consents[3].consent_id)
    return made


def client_of(world: World, node: str, language: str = "en") -> TestClient:
    home, name = world.nodes[node], f"quality-{language}"
    with home.storage.writing() as connection:
        accounts.add_account(connection, account=name, name=name, role=Role.QUALITY, organisation=home.site.organisation, password="-")
        token = accounts.open_session(connection, name, home.now()).token
    client = TestClient(application(home, workers=False), base_url="http://127.0.0.1", follow_redirects=False)
    client.headers["cookie"] = f"baybridge={token}; language={language}"
    return client


def test_it_says_what_was_sent_and_received_and_by_which_way(world: World) -> None:
    home, there = processing.record_of(world.nodes["mo"]), processing.record_of(world.nodes["hk"])
    ((to_node, purpose, route, packages, resources),) = home.sent
    assert (to_node, purpose, packages) == ("hk", "CARE_REFERRAL", 1)
    assert ("mo", purpose, route, packages, resources) in there.received
    assert 0 < resources <= sum(there.categories.values())


def test_it_counts_consents_with_those_taken_back(world: World) -> None:
    record = processing.record_of(world.nodes["mo"])
    given = {(kind, by): (number, back) for kind, by, number, back in record.consents}
    assert given["care", "patient"] == (1, 0)
    assert sum(back for _, back in given.values()) == 1


def test_a_reading_is_in_it_by_purpose_role_and_right(world: World) -> None:
    client = client_of(world, "mo", "en")
    before = processing.record_of(world.nodes["mo"])
    assert client.get(f"/cases/{world.case_id}/facts").status_code == 200
    after = processing.record_of(world.nodes["mo"])
    assert sum(n for *_, n in after.purposes) == sum(n for *_, n in before.purposes) + 1
    assert ("quality", "quality", "relation") in {row[:3] for row in after.purposes}


def test_every_rule_of_retention_of_this_region_is_in_it_and_says_whether_it_is_verified(world: World) -> None:
    rules = {row[0]: row for row in processing.record_of(world.nodes["mo"]).retention}
    assert rules["transfer-records-3-years"][2] == 3
    assert not any(name.startswith("cn-") for name in rules)


def test_nothing_of_a_person_is_in_it(world: World) -> None:
    node = world.nodes["mo"]
    said = json.dumps(processing.record_of(node).as_json(), ensure_ascii=False) + processing.page(node, processing.record_of(node), "en")
    assert [word for word in (world.patient, "試甲", "9000001", world.case_id) if word in said] == []


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_page_print_and_text_speak_the_language_without_a_key(world: World, language: str, tmp_path: Path) -> None:
    node = world.nodes["mo"]
    record = processing.record_of(node)
    client = client_of(world, "mo", f"{language}") if language != "en" else client_of_again(world)
    shown = client.get("/processing").text
    printed = client.get("/processing?print=yes").text
    for text in (shown, printed, processing.text(node, record, language)):
        for key in ("processing.", "read_purpose.", "ground.", "role.", "code."):
            assert f">{key}" not in text and f" {key}" not in text, key
    target = tmp_path / "record.html"
    done = CliRunner().invoke(main, ["processing", "--node", str(node.config.folder), "--language", language, "--out", str(target)])
    assert (done.exit_code, target.read_text("utf-8")[:15]) == (0, "<!doctype html>")


def client_of_again(world: World) -> TestClient:
    home = world.nodes["mo"]
    with home.storage.writing() as connection:
        token = accounts.open_session(connection, "quality-en", home.now()).token
    client = TestClient(application(home, workers=False), base_url="http://127.0.0.1", follow_redirects=False)
    client.headers["cookie"] = f"baybridge={token}; language=en"
    return client


def test_the_command_prints_json(world: World) -> None:
    done = CliRunner().invoke(main, ["processing", "--node", str(world.nodes["hk"].config.folder), "--json"])
    said: dict[str, Any] = json.loads(done.stdout)
    assert (said["node"], said["rights"]["breaches"]) == ("hk", 0)


def test_a_language_that_nobody_speaks_here_is_refused(world: World) -> None:
    done = CliRunner().invoke(main, ["processing", "--node", str(world.nodes["hk"].config.folder), "--language", "xx"])
    assert done.exit_code == 1
    assert "Languages are" in done.stderr
