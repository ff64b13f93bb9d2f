"""A defect inside a page: a translated page with status 500, and a log that names the kind of problem and the route, never a value."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.upkeep.founding import found
from baybridge.web.site import log_pages

SECRET = "Chan Tai Man 1234567"
PROFILE = {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre"]}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    found(tmp_path / "hk", PROFILE)
    made = Node(read_config(tmp_path / "hk"))
    yield made
    made.storage.close()


@pytest.fixture
def client(node: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    def fails(_node: Node) -> dict[str, object]:
        raise LookupError(SECRET)

    monkeypatch.setattr(log_pages, "trusted", fails)
    with TestClient(application(node, workers=False), raise_server_exceptions=False) as made:
        yield made


@pytest.mark.parametrize(("language", "words"), [("en", "Something failed here"), ("zh-HK", "系統出錯"), ("zh-CN", "系统出错"), ("pt", "Algo falhou aqui")])
def test_a_defect_is_a_page_in_the_readers_language_without_a_value(client: TestClient, language: str, words: str) -> None:
    answer = client.get("/log/trust.json", headers={"accept": "text/html,*/*;q=0.8", "accept-language": language})
    assert answer.status_code == 500
    assert words in answer.text
    assert SECRET not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


def test_a_program_gets_one_line(client: TestClient) -> None:
    answer = client.get("/log/trust.json", headers={"accept": "application/json"})
    assert (answer.status_code, answer.text) == (500, "Internal error")


def test_the_log_names_the_kind_of_problem_and_the_route_alone(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get(f"/log/trust.json?who={SECRET}", headers={"accept": "text/html"})
    lines = [record.getMessage() for record in caplog.records if record.name == "baybridge.access"]
    assert any("LookupError" in line and "GET /log/trust.json failed" in line for line in lines), lines
    assert SECRET not in "\n".join(lines)
    assert "1234567" not in "\n".join(lines)


def test_public_keys_are_given_to_anyone_and_nothing_secret(node: Node) -> None:
    with TestClient(application(node, workers=False)) as client:
        answer = client.get("/log/trust.json")
    (own,) = answer.json()["nodes"]
    assert own["log_origin"] == "baybridge/hk"
    assert own["signing_keys"]
    assert "d" not in own["signing_keys"][0]


@pytest.mark.parametrize("path", ["/nothing-here", "/policies/..%2f..%2fetc%2fpasswd", "/cases/one/two/three"])
@pytest.mark.parametrize(
    ("language", "words"), [("en", "No page stands at this address"), ("zh-HK", "此網址沒有頁面"), ("zh-CN", "此网址没有页面"), ("pt", "Não há nenhuma página")]
)
def test_an_address_where_nothing_stands_is_a_page_in_the_readers_language(client: TestClient, path: str, language: str, words: str) -> None:
    answer = client.get(path, headers={"accept": "text/html,*/*;q=0.8", "accept-language": language})
    assert answer.status_code == 404
    assert words in answer.text and "passwd" not in answer.text


def test_a_program_is_told_in_one_line_that_nothing_stands_there_and_what_is_allowed(client: TestClient) -> None:
    assert client.get("/nothing-here", headers={"accept": "application/json"}).text == "Not Found"
    refused = client.delete("/policies", headers={"accept": "text/html"})
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"HEAD", "GET"})
