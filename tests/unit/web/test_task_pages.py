"""The pages of the list of tasks: one's own stand on each of them, and a page that is not there says so."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node import tables
from watch_world import CASE, Ward


def page(ward: Ward, query: str) -> str:
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        client.post("/sign-in", data={"name": "coordinator", "password": "a long enough password"})
        client.cookies.set("language", "en")
        return client.get(f"/{query}").text


def ward_with(tmp_path: Path, *, own: int, others: int) -> Ward:
    """A node whose tasks are worked out, with so many more of a coordinator and of nurses."""
    ward = Ward(tmp_path / "node")
    ward.account("coordinator", Role.COORDINATOR)
    page(ward, "")
    with ward.node.storage.writing() as connection:
        for role, count in (("coordinator", own), ("nurse", others)):
            for number in range(count):
                task = {"task": f"{role}-{number}", "key": f"{role}-{number}", "step": "letter", "title": "node.task.letter", "role": role, "due_at": None}
                task |= {"values": {}, "commands": [], "level": "red"}
                connection.execute(insert(tables.task).values(case_id=CASE, task=task["task"], role=role, due_at=None, body=orjson.dumps(task), urgent=True))
    return ward


@pytest.mark.parametrize(("number", "beyond"), [(1, False), (2, False), (3, True), (99, True), (10**9, True)])
def test_ones_own_tasks_stand_on_every_page_and_a_page_behind_the_last_says_so(tmp_path: Path, number: int, beyond: bool) -> None:
    ward = ward_with(tmp_path, own=3, others=60)
    text = page(ward, f"?page={number}")
    own = text.split("<details>")[0]
    assert own.count("The patient wrote and waits for an answer") == 3
    assert "Nothing is open." not in text
    assert ("There is no such page: this is the last, page 2." in text) is beyond
    ward.node.storage.close()


def test_a_list_of_ones_own_that_is_too_long_says_how_long_it_is_and_leads_to_all_of_it(tmp_path: Path) -> None:
    ward = ward_with(tmp_path, own=60, others=0)
    assert '<a href="/?role=coordinator">These are the first of your 6' in page(ward, "")
    second = page(ward, "?role=coordinator&page=2")
    assert "The patient wrote and waits for an answer" in second and "There is no such page" not in second
    ward.node.storage.close()
