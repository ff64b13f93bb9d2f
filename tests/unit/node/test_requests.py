"""A request is followed by its id: from the answer that names it to the entries of the ledger that it wrote, and from an error page to the log."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.cli.main import main
from baybridge.journey.command import Role
from baybridge.node import asking
from baybridge.node.config import read_config
from baybridge.node.integrity.check import check_stored
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.web.page import pages


@pytest.fixture
def node(tmp_path: Path) -> Node:
    people = [{"name": "co", "role": "coordinator", "password": "a right password"}]
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"], "accounts": people})
    return Node(read_config(tmp_path / "mo"))


def signed_in(node: Node) -> dict[str, str]:
    session = accounts.sign_in(node.storage, "co", "a right password", "", node.now())
    assert isinstance(session, accounts.Session)
    return {"authorization": f"Bearer {session.token}"}


def kinds(node: Node, request: str) -> list[str]:
    with node.storage.reading() as connection:
        return [one.entry.kind for one in asking.entries(connection, request)]


def test_what_a_request_changed_and_read_is_found_by_the_id_of_its_answer(node: Node) -> None:
    head = signed_in(node)
    with TestClient(application(node, workers=False)) as client:
        given = {"case": "case-1", "given": {"patient_id": "p1", "residence": "MO", "synthetic": True}, "command_id": "c1"}
        done = client.post("/do/OpenCase", json=given, headers=head)
        assert done.status_code == 200
        read = client.get("/cases/case-1", headers=head)
        assert read.status_code == 200
        refused = client.post("/do/OpenCase", json={**given, "command_id": "c2"}, headers=head)
    changed, looked, nothing = (answer.headers["x-request-id"] for answer in (done, read, refused))
    assert len({changed, looked, nothing}) == 3
    assert "event" in kinds(node, changed)
    assert kinds(node, looked) == ["access"]
    assert "event" not in kinds(node, nothing)
    assert {Role.COORDINATOR.value} == {one["role"] for one in json.loads(by_command(node, looked, "--json"))}
    assert "access" in by_command(node, looked)
    assert by_command(node, "0" * 32) == "No entry of this log was written by a request of this id.\n"
    witnessing.sign_checkpoint(node)
    node.storage.close()
    assert check_stored(node.config).findings == []


def by_command(node: Node, request: str, *options: str) -> str:
    return CliRunner().invoke(main, ["--language", "en", "ledger", "request", request, "--node", str(node.config.folder), *options]).output


def test_an_error_page_names_the_request_of_its_log_line(node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Chan Tai Man")

    monkeypatch.setattr(pages, "render", broken)
    with caplog.at_level(logging.ERROR), TestClient(application(node, workers=False), raise_server_exceptions=False) as client:
        answer = client.get("/cases", headers={**signed_in(node), "accept": "text/html"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert "Chan" not in answer.text + caplog.text
    node.storage.close()
