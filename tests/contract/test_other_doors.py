"""What came to a node beside cases and records behaves alike on both databases: staff lists, sign-ins that go on elsewhere, documents, calendar links, lists as files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import databases
from baybridge.base.outcome import Refusal
from baybridge.journey.attachments import attached
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log
from baybridge.node.attachments import proposals, receiving
from baybridge.node.config import read_config
from baybridge.node.consequences import queue
from baybridge.node.handle import handle
from baybridge.node.lists.lists import Wanted
from baybridge.node.lists.taking import take
from baybridge.node.node import Node
from baybridge.node.people import accounts, calendar_links, reads, staff_list
from baybridge.node.people.outside.begun import Begun, begin
from baybridge.node.people.outside.begun import take as go_on
from baybridge.node.upkeep.founding import found

HERE = "Hospital"
OPERATOR, COORDINATOR = Actor("operator", Role.ADMINISTRATOR, HERE), Actor("c", Role.COORDINATOR, HERE)


@pytest.fixture(params=databases.KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    profile = {"node": "mo", "organisation": HERE, "jurisdiction": "MO", "kinds": ["centre"]}
    found(tmp_path / "mo", profile, databases.url_of(request.param, tmp_path))
    made = Node(read_config(tmp_path / "mo"))
    handle(made, Command("OpenCase", "case-1", {"patient_id": "p", "residence": "MO", "synthetic": True}, COORDINATOR, "open"))
    yield made
    made.storage.close()



def test_a_staff_list_is_brought_whole_or_not_at_all(node: Node) -> None:
    rows = "account,name,roles\nwong,Wong,nurse\n"
    assert staff_list.bring(node, OPERATOR, f"{rows}ng,Ng,king\n".encode(), check=False).problems
    with node.storage.reading() as connection:
        assert set(accounts.names(connection).values()) == set()
    assert not staff_list.bring(node, OPERATOR, rows.encode(), check=False).problems
    with node.storage.reading() as connection:
        assert set(accounts.names(connection).values()) == {"wong"}


def test_a_sign_in_that_goes_on_elsewhere_is_taken_once_by_its_browser(node: Node) -> None:
    with node.storage.writing() as connection:
        key = begin(connection, Begun(what="sign-in", to="/"), "browser", node.now())
        assert go_on(connection, key, "another", node.now()) is None
    with node.storage.writing() as connection:
        key = begin(connection, Begun(what="sign-in", to="/"), "browser", node.now())
        assert go_on(connection, key, "browser", node.now()) is not None
        assert go_on(connection, key, "browser", node.now()) is None


def test_a_document_is_kept_looked_at_and_read(node: Node) -> None:
    done = receiving.receive(node, COORDINATOR, "case-1", "report", b"Ferritin 901.5 H ng/mL\n")
    assert isinstance(done, receiving.Answered)
    queue.drain(node)
    case = node.case("case-1")
    assert case is not None
    (one,) = attached(case)
    assert [proposal.kept.fact for proposal in proposals.found(node, case, one)[1]] == ["ferritin"]
    assert proposals.catch_up(node) == 0


def test_a_calendar_link_counts_until_it_is_replaced(node: Node) -> None:
    with node.unit() as unit:
        accounts.add_account(unit.connection, account="n", name="n", role=Role.NURSE, organisation=HERE, password="-")
        first = calendar_links.make(node, unit, Actor("n", Role.NURSE, HERE))
    with node.unit() as unit:
        second = calendar_links.make(node, unit, Actor("n", Role.NURSE, HERE))
    who = calendar_links.entered(node, second)
    assert isinstance(who, Actor) and isinstance(calendar_links.entered(node, first), Refusal)
    calendar_links.note(node, who, ["case-1"])
    calendar_links.note(node, who, ["case-1"])
    with node.storage.reading() as connection:
        assert len(reads.noted_since(connection, "n", calendar_links.WHAT, ["case-1"], node.now() - timedelta(hours=1))) == 1
        assert sum(one.entry.what == calendar_links.WHAT for one in log.entries(connection, 0, log.size(connection))) == 1


@pytest.mark.parametrize("name", ["cases", "accounts", "log", "indicators"])
def test_a_list_is_written_and_its_readings_are_noted(node: Node, name: str) -> None:
    out = io.BytesIO()
    assert take(node, COORDINATOR if name == "cases" else Actor("operator", Role.SYSTEM, HERE), Wanted(name), "csv", "en", out) is None
    assert out.getvalue().startswith(b"\xef\xbb\xbf")
    with node.storage.reading() as connection:
        whats = [one.what for one in reads.looked(connection, "p", "case-1")]
    assert whats.count("list.cases") == (1 if name == "cases" else 0)
