"""Scripts of other pages ask FHIR where the site names their origin, by a token, and nothing else of the node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.node.config import ConfigProblem, read_config
from baybridge.node.node import open_node
from baybridge.node.upkeep.founding import found

PAGE = "https://app.example"


def founded(folder: Path, serving: str) -> Path:
    found(folder, {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre"]})
    file = folder / "node.yaml"
    file.write_text(file.read_text("utf-8") + serving, "utf-8")
    return folder


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    node = open_node(founded(tmp_path / "hk", f"serving: {{fhir_origins: ['{PAGE}']}}\n"))
    yield TestClient(application(node, workers=False))
    node.storage.close()


def test_a_named_page_is_answered_and_another_is_not(client: TestClient) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "PUT", "access-control-request-headers": "authorization, if-match"}
    before = client.options("/fhir/Patient/p", headers=asked)
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, PAGE)
    assert "access-control-allow-credentials" not in before.headers
    answer = client.get("/fhir/Patient/p", headers={"origin": PAGE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"], answer.json()["resourceType"]) == (401, PAGE, "OperationOutcome")
    assert "ETag" in answer.headers["access-control-expose-headers"]
    for other in ("https://evil.example", "null", f"{PAGE}.evil.example", "http://app.example"):
        assert client.options("/fhir/Patient/p", headers={**asked, "origin": other}).status_code == 400, other
        assert "access-control-allow-origin" not in client.get("/fhir/metadata", headers={"origin": other}).headers, other
    assert client.get("/fhir/metadata").json()["rest"][0]["security"]["cors"] is True


@pytest.mark.parametrize("address", ["/", "/cases", "/sign-in", "/do/Assess", "/fhirx", "/health/live", "/static/baybridge.css"])
def test_nothing_but_fhir_is_open_to_other_pages(client: TestClient, address: str) -> None:
    assert "access-control-allow-origin" not in client.get(address, headers={"origin": PAGE}, follow_redirects=False).headers


def test_without_a_named_origin_nothing_is_open(tmp_path: Path) -> None:
    node = open_node(founded(tmp_path / "hk", ""))
    client = TestClient(application(node, workers=False))
    assert "access-control-allow-origin" not in client.get("/fhir/metadata", headers={"origin": PAGE}).headers
    assert client.get("/fhir/metadata").json()["rest"][0]["security"]["cors"] is False
    node.storage.close()


@pytest.mark.parametrize("origin", ["*", "https://app.example/", "app.example", "https://app.example/x", "javascript:1", "https://*.example"])
def test_an_origin_that_is_none_is_told(tmp_path: Path, origin: str) -> None:
    folder = founded(tmp_path / "hk", f"serving: {{fhir_origins: ['{origin}']}}\n")
    with pytest.raises(ConfigProblem, match="fhir_origins"):
        read_config(folder)
