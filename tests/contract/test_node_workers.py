"""One node served by several workers over one database: nothing acknowledged is lost or doubled, and the log keeps one order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import databases
from baybridge.base.keys import KeyRing
from baybridge.base.outcome import Refusal
from baybridge.cli import main
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import checking
from baybridge.ledger.checkpoint import origin_of
from baybridge.ledger.tables import event
from baybridge.node.commands.done import Done
from baybridge.node.config import ConfigProblem, read_config
from baybridge.node.handle import handle
from baybridge.node.neighbours.witnessing import sign_checkpoint, signing_key
from baybridge.node.node import Node, open_node
from baybridge.node.storage import Storage
from baybridge.node.upkeep.founding import found

PROFILE = {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]}
WORKERS = 2
CASES = 6


@pytest.fixture(params=databases.KINDS)
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Node]]:
    found(tmp_path / "mo", PROFILE, databases.url_of(request.param, tmp_path))
    nodes = [open_node(tmp_path / "mo") for _ in range(WORKERS)]
    yield nodes
    for node in nodes:
        node.storage.close()


def give(node: Node, name: str, case_id: str, command_id: str, **given: object) -> Done | Refusal:
    return handle(node, Command(name, case_id, given, Actor("a", Role.COORDINATOR, node.site.organisation), command_id))


def test_commands_given_to_two_workers_at_once_all_stand_once(workers: list[Node]) -> None:
    """Each case is opened at one worker, and each consent sent to both at the same time with the same id."""
    for number in range(CASES):
        assert isinstance(give(workers[number % WORKERS], "OpenCase", f"case-{number}", f"open-{number}", patient_id=f"p{number}", residence="MO", synthetic=True), Done)

    def consent(job: tuple[int, int]) -> Done | Refusal:
        worker, number = job
        return give(workers[worker], "RecordConsent", f"case-{number}", f"consent-{number}", kind="care", notice_version="1", notice_language="en")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(consent, [(worker, number) for number in range(CASES) for worker in range(WORKERS)]))

    assert [answer for answer in answers if isinstance(answer, Refusal)] == []
    acknowledged = {item.event_id for answer in answers if isinstance(answer, Done) for item in answer.events}
    sign_checkpoint(workers[1])
    with workers[0].storage.reading() as connection:
        rows = connection.execute(select(event.c.event_id, event.c.type)).all()
        keys = KeyRing.of(signing_key(workers[0]).public)
        problems = checking.check(connection, keys, {}, origin=origin_of("mo"))
    assert [row.type for row in rows].count("ConsentRecorded") == CASES
    assert acknowledged <= {row.event_id for row in rows}
    assert problems == []


def test_a_node_remembers_the_database_of_its_founding(tmp_path: Path) -> None:
    url = databases.url_of("postgresql", tmp_path)
    made = CliRunner().invoke(main, ["init", str(tmp_path / "mo"), "--organisation", "Hospital", "--jurisdiction", "MO", "--database", url])
    assert made.exit_code == 0, made.output
    assert read_config(tmp_path / "mo").database == url
    assert url not in (tmp_path / "mo" / "node.yaml").read_text()
    checked = CliRunner().invoke(main, ["ledger", "check", str(tmp_path / "mo"), "--json"])
    assert json.loads(checked.stdout)["problems"] == [], checked.output


@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("postgresql://tests@/none?host=/nowhere", 1, "expected a database that answers at postgresql://tests@"),
        ("postgresql://tests:hidden@/none?host=/nowhere", 2, "password"),
        ("no url at all", 1, "expected a database URL such as postgresql://name@host/database"),
        ("fantasy://somewhere", 1, "expected a database URL such as postgresql://name@host/database"),
    ],
)
def test_a_database_that_cannot_be_had_is_said_plainly_and_leaves_no_node(tmp_path: Path, url: str, code: int, says: str) -> None:
    made = CliRunner().invoke(main, ["init", str(tmp_path / "mo"), "--organisation", "Hospital", "--jurisdiction", "MO", "--database", url])
    assert made.exit_code == code
    assert says in made.output
    assert "hidden" not in made.output
    assert not (tmp_path / "mo" / "node.yaml").exists()
    with pytest.raises(ConfigProblem):
        Storage(url).create()
