"""Bad input by every way in: a clear error that names no patient, and all of the rest kept."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node.clock import now
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

LARGE = bool(os.environ.get("BAYBRIDGE_TEST_LARGE"))
HAEMOGLOBIN, CREATININE = 10, 9  # places in the bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found(tmp_path / "node", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre", "laboratory"]})
    return tmp_path / "node"


@pytest.fixture
def node(folder: Path) -> Node:
    return Node(read_config(folder), now=Clock(now()))


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="a", name="a", role=Role.COORDINATOR, organisation="Hospital", password="-")
        session = accounts.open_session(connection, "a", node.now())
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as made:
        made.headers["authorization"] = f"Bearer {session.token}"
        yield made


def bundle() -> dict[str, Any]:
    return record("bad-1", now())


def spoilt(name: str) -> dict[str, Any]:
    """A bundle of which one result is wrong in one way."""
    made = deepcopy(bundle())
    entries = [entry for entry in made["entry"] if entry["resource"]["id"].endswith("a-hb")]
    result = entries[0]["resource"]
    if name == "wrong resource type":
        result["resourceType"] = "Obzervation"
    elif name == "unknown unit":
        result["valueQuantity"] |= {"unit": "blorps", "code": "blorps"}
    elif name == "impossible date":
        result["effectiveDateTime"] = "2026-02-30T10:00:00+08:00"
    elif name == "reference to nowhere":
        result["subject"] = {"reference": "Patient/nobody-here"}
    elif name == "duplicate identifier":
        made["entry"].append({"resource": {**deepcopy(result), "valueQuantity": {"value": 99, "unit": "g/L"}}})
    elif name == "not an object":
        made["entry"].append({"resource": ["no", "resource"]})
    elif name == "no id and no type":
        made["entry"].append({"resource": {"status": "final"}})
    return made


KINDS = ["wrong resource type", "unknown unit", "impossible date", "reference to nowhere", "duplicate identifier", "not an object", "no id and no type"]


def held(node: Node) -> dict[str, int]:
    with node.storage.reading() as connection:
        return store.count(connection)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "baybridge"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_import_on_the_page_tells_and_keeps_the_rest(node: Node, client: TestClient, kind: str) -> None:
    content = json.dumps(spoilt(kind)).encode()
    answer = client.post("/import", files={"file": ("records.json", content, "application/json")})
    assert answer.status_code == 200
    assert held(node)["Observation"] >= 10, "ten of eleven results are sound"
    assert held(node)["Patient"] >= 1
    problems = reports(node)[-1]["problems"]
    assert problems, kind
    for problem in problems:
        assert problem["code"].startswith("record.")
        assert problem.get("expected") or problem.get("found") or problem.get("path")
    assert "Traceback" not in answer.text


def reports(node: Node) -> list[dict[str, Any]]:
    from baybridge.node.tables import import_report

    with node.storage.reading() as connection:
        return [json.loads(body) for body in connection.execute(select(import_report.c.body).order_by(import_report.c.at)).scalars()]


def test_import_on_the_command_line_tells_each_with_place(folder: Path, tmp_path: Path) -> None:
    files = []
    for number, kind in enumerate(KINDS):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(spoilt(kind)), encoding="utf-8")
        files.append(str(path))
    broken = tmp_path / "broken.json"
    broken.write_text('{"resourceType": "Bundle", "entry": [', encoding="utf-8")
    done = run("import", str(folder), *files, str(broken), "--json")
    assert done.returncode == 1, "one file could not be read at all"
    told = json.loads(done.stdout)
    assert [report["readable"] for report in told] == [True] * len(KINDS) + [False]
    for kind, report in zip(KINDS, told, strict=False):
        assert report["problems"], kind
        assert report["resources"] - report["rejected"] >= 14, kind
    assert "broken.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", [b"", b"no json", b'{"resourceType": "Bundle", "entry": [', b"\xff\xfe\x00", gzip.compress(b"no json", mtime=0), b"\x1f\x8b rubbish"])
def test_file_that_is_none_is_refused_with_a_sentence(node: Node, client: TestClient, content: bytes) -> None:
    answer = client.post("/import", files={"file": ("records.json", content, "application/json")})
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert held(node) == {}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"resourceType": "Obzervation"}, "resourceType"),
        ({"effectiveDateTime": "2026-02-30"}, "effectiveDateTime"),
        ({"status": 7}, "status"),
        ({"code": "text"}, "code"),
    ],
)
def test_resource_through_fhir_is_refused_with_its_path(node: Node, client: TestClient, change: dict[str, Any], where: str) -> None:
    client.post("/import", files={"file": ("records.json", json.dumps(bundle()).encode(), "application/json")})
    before = held(node)
    result = next(e["resource"] for e in bundle()["entry"] if e["resource"]["id"].endswith("a-hb"))
    answer = client.put(f"/fhir/Observation/{result['id']}", json={**result, **change})
    assert answer.status_code == 400
    issues = answer.json()["issue"]
    assert any(where in " ".join([*issue.get("expression", []), issue.get("diagnostics", "")]) for issue in issues), issues
    assert held(node) == before


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b"7", b'{"resourceType":', b"\xff", b'{"a": NaN}', b'{"crp": 1, "crp": 2}', b"[" * 100_000])
@pytest.mark.parametrize("path", ["/fhir/Observation", "/fhir", "/do/OpenCase", "/decide/crs-astct-2019", "/session", "/exchange/checkpoints"])
def test_body_that_is_none_is_an_error_of_the_caller(client: TestClient, path: str, content: bytes) -> None:
    if path.startswith("/decide") and content in (b"", b"[]"):
        pytest.skip("no facts and no subjects are answers, not errors")
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"].startswith(("application/json", "application/fhir+json"))


def test_facts_given_to_a_decision_are_told_in_words_each_with_its_place(client: TestClient) -> None:
    given = [{"crp": 1}, {"crp": -1, "ldh": "many"}, 7, {"crp": 10**30}]
    answer = client.post("/decide/easix", json=given)
    assert 400 <= answer.status_code < 500, answer.text
    told = [(reason["code"], reason["where"]) for reason in answer.json()["reasons"]]
    expected = [("facts.given.negative", "[1].crp"), ("facts.given.expected_number", "[1].ldh"), ("request.not_object", "[2]"), ("facts.given.too_large", "[3].crp")]
    assert told == expected
    assert "Reason(" not in answer.text


def test_transaction_with_one_bad_entry_files_nothing(node: Node, client: TestClient) -> None:
    good = {"request": {"method": "PUT", "url": "Patient/t-1"}, "resource": {"resourceType": "Patient", "id": "t-1"}}
    bad = {"request": {"method": "PUT", "url": "Patient/t-2"}, "resource": {"resourceType": "Patient", "id": "t-2", "birthDate": "1990-13-01"}}
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [good, bad]}
    assert client.post("/fhir", json=sent).status_code == 400
    assert held(node) == {}
    answer = client.post("/fhir", json={**sent, "type": "batch"})
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["201", "400"]


def test_body_over_the_limit_is_refused_with_and_without_length(node: Node, client: TestClient) -> None:
    node.config.settings["BAYBRIDGE_MAX_UPLOAD_MB"] = "1"
    large = b" " * (1024 * 1024 + 1)
    assert client.post("/fhir/Observation", content=large).status_code == 413

    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    assert client.post("/fhir/Observation", content=parts()).status_code == 413
    assert client.post("/import", files={"file": ("large.json", large, "application/json")}).status_code == 413
    packed = gzip.compress(b" " * 40 * 1024 * 1024)
    assert client.post("/import", files={"file": ("large.json.gz", packed, "application/gzip")}).status_code in (400, 413)
    assert held(node) == {}


#: Runs the command as the only child of a process of its own, and says on standard error how much memory it held, in KiB.
_MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "baybridge", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(done.returncode)
"""


def large_file(path: Path, megabytes: int) -> int:
    """An NDJSON file of results of one patient; how many lines."""
    result = next(e["resource"] for e in bundle()["entry"] if e["resource"]["id"].endswith("a-hb"))
    padding = "x" * 40_000
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"resourceType": "Patient", "id": "bad-1"}) + "\n")
        lines = 1
        while file.tell() < megabytes * 1024 * 1024:
            file.write(json.dumps({**result, "id": f"large-{lines}", "note": [{"text": padding}]}) + "\n")
            lines += 1
    return lines


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("megabytes", [20, pytest.param(200, marks=pytest.mark.skipif(not LARGE, reason="set BAYBRIDGE_TEST_LARGE=1"))])
def test_large_file_is_taken_in_with_bounded_memory(folder: Path, tmp_path: Path, megabytes: int) -> None:
    path = tmp_path / "large.ndjson"
    lines = large_file(path, megabytes)
    measured = [sys.executable, "-c", _MEASURED, "import", str(folder), str(path), "--json"]
    done = subprocess.run(measured, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["created"] == lines
    peak_mb = int(done.stderr.splitlines()[-1]) / 1024
    assert peak_mb < 600, f"{peak_mb:.0f} MB"


def test_command_line_names_what_is_wrong(folder: Path) -> None:
    for arguments, expected in (
        (["import", str(folder), "no-such-file.json"], "no-such-file.json"),
        (["do", "Fly", "--node", str(folder)], "Fly"),
        (["do", "OpenCase", "--node", str(folder.parent)], "node.yaml"),
    ):
        done = run(*arguments)
        assert done.returncode == 1, done.stdout
        assert expected in done.stderr
        assert "Traceback" not in done.stderr
