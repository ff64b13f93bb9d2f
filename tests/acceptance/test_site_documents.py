"""A window that a site changes in its own folder changes command, page, plan and HTTP alike."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.documents.loader import packaged_data
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.people import accounts

HBSAG = "5196-1"


def own_window(folder: Path, hours: int) -> None:
    """Lay a `windows` document over ours in which results of HBsAg are worth that many hours."""
    document = yaml.safe_load((packaged_data() / "recognition" / "windows.yaml").read_text(encoding="utf-8"))
    for row in document["rows"]:
        if HBSAG in row["loinc"] and row["purpose"] == "APH_IDM":
            row["hours"] = hours
    path = folder / "data" / "recognition" / "windows.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


@pytest.fixture(params=[None, 1], ids=["ours", "own"])
def said(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What each way in says of one result."""
    world = World.new(tmp_path)
    if request.param is not None:
        own_window(tmp_path / "hk", request.param)
        world.open()
    world.refer()
    world.accept()
    node = world.nodes["hk"]
    judged = next(e for e in world.events("hk", ev.ResultRecognised, ev.RepeatRequested) if e.loinc == HBSAG)
    with node.storage.reading() as connection:
        body = connection.execute(select(tables.decision.c.document).where(tables.decision.c.sha256 == judged.decision_sha256)).scalar_one()
    document = orjson.loads(body)
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="p", name="p", role=Role.PHYSICIAN, organisation=node.site.organisation, password="-"
        )
        token = accounts.open_session(connection, "p", node.now()).token
    client = TestClient(application(node, workers=False), base_url="http://127.0.0.1", headers={"authorization": f"Bearer {token}"})
    use_at = (world.clock() + timedelta(days=1, minutes=1)).isoformat()
    over_http = client.post(
        "/do/RecogniseResults", json={"case": world.case_id, "given": {"purpose": "APH_IDM", "use_at": use_at, "results": [judged.result_id]}}
    ).json()
    page = client.get(f"/cases/{world.case_id}/tests?language=en").text
    rows = [html.unescape(re.sub(r"<[^>]+>", " ", row)) for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if "HBsAg" in row]
    request_file = tmp_path / "request.json"
    request_file.write_text(json.dumps(document["request"]), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "baybridge"), "recognise", str(request_file), "--node", str(tmp_path / "hk"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {
        "own": request.param is not None,
        "node": document["codes"],
        "command": json.loads(done.stdout)["codes"],
        "http": [event["event"]["codes"] for event in over_http["events"]],
        "page": [" ".join(row.split()) for row in rows],
    }


def test_window_reaches_every_way_in(said: dict[str, Any]) -> None:
    expired = "MR-051"
    for way in ("node", "command"):
        assert (expired in said[way]) == said["own"], way
    assert all((expired in codes) == said["own"] for codes in said["http"])
    assert said["http"], "HTTP judged the result too"
    assert said["page"], "the page's plan names HBsAg"
    assert any(expired in row for row in said["page"]) == said["own"], said["page"]
