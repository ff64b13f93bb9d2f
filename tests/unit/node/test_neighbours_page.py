"""The page of neighbours and keys: its acts follow the rules of the commands, ask who one is once more, and stand in the log under the person's name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.ledger import log
from baybridge.ledger.tables import log_entry
from baybridge.node.neighbours import alliance_directory, key_changes, register
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import card, found

PASSWORD, PAGE = "correct horse battery", "/operation/neighbours"


@dataclass
class Hall:
    """Hong Kong, with an administrator and a person of quality signed in."""

    world: World
    clients: dict[str, TestClient]
    tokens: dict[str, str]

    @property
    def node(self) -> Node:
        return self.world.nodes["hk"]

    def page(self, who: str = "boss") -> str:
        return re.sub(r"\s+", " ", self.clients[who].get(PAGE).text)

    def post(self, act: str, who: str = "boss", file: tuple[str, bytes] | None = None, **given: str) -> tuple[int, str]:
        data = {"csrf": self.tokens[who], "password": PASSWORD, **given}
        answer = self.clients[who].post(f"{PAGE}/{act}", data=data, files={file[0]: ("f", file[1])} if file else None)
        return answer.status_code, re.sub(r"\s+", " ", answer.text)

    def logged(self, kind: str) -> list[tuple[str, str]]:
        with self.node.storage.reading() as connection:
            rows = connection.execute(select(log_entry.c.body).where(log_entry.c.kind == kind).order_by(log_entry.c.position)).scalars()
            return [(entry.actor, entry.what.split(" ")[0]) for entry in map(log.read_entry, rows)]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    world = World.new(tmp_path)
    node, clients, tokens = world.nodes["hk"], {}, {}
    app = application(node, workers=False)
    for name, role in (("boss", Role.ADMINISTRATOR), ("quality", Role.QUALITY)):
        with node.storage.writing() as connection:
            accounts.add_account(connection, account=name, name=name, role=role, organisation=node.site.organisation, password=PASSWORD)
            opened = accounts.open_session(connection, name, node.now())
        clients[name] = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, cookies={"baybridge": opened.token})
        tokens[name] = opened.csrf
    yield Hall(world, clients, tokens)


def stranger(hall: Hall) -> tuple[bytes, str]:
    """The card of a node that nobody knows, and its fingerprint."""
    found(hall.world.folder / "nw", {"node": "nw", "organisation": "New Hospital", "jurisdiction": "CN", "kinds": ["centre"], "city": "Zhuhai"})
    fresh = card(hall.world.folder / "nw", "https://nw.example")
    return json.dumps(fresh).encode(), register.fingerprint(fresh)


def test_it_shows_own_and_known_prints_in_groups_and_changes_nothing(hall: Hall) -> None:
    page, own = hall.page(), register.fingerprint(card(hall.world.folder / "hk", ""))
    assert " ".join(own[start : start + 4] for start in range(0, 64, 4)) in page
    assert "in use" in page and "None was taken yet" in page
    assert hall.logged("neighbour") == []


def test_a_neighbour_is_added_by_the_print_that_was_read_out_alone(hall: Hall) -> None:
    text, fingerprint = stranger(hall)
    status, page = hall.post("add", file=("card", text), fingerprint="0" * 64)
    assert (status, "Nothing was done" in page, "nw" in hall.node.neighbours) == (409, True, False)
    status, page = hall.post("add", file=("card", text), fingerprint=fingerprint, password="wrong")
    assert (status, "nw" in hall.node.neighbours) == (400, False)
    assert hall.post("add", file=("card", b"\xff"), fingerprint=fingerprint)[0] == 400
    assert hall.post("add", fingerprint=fingerprint)[0] == 400
    spaced = " ".join(fingerprint[start : start + 4] for start in range(0, 64, 4)).upper()
    status, page = hall.post("add", file=("card", text), fingerprint=spaced)
    assert (status, "nw is a neighbour from now on" in page) == (200, True)
    assert hall.node.neighbours["nw"].site.organisation == "New Hospital"
    assert hall.logged("neighbour") == [("boss", "added")]


def test_a_card_that_says_more_than_a_machine_holds_or_is_a_picture_is_refused_at_once(hall: Hall) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20))
    for card_file in (bomb.encode(), b"\x89PNG\r\n\x1a\n" + bytes(200), b"[]", b"node: <script>alert(1)</script>"):
        status, page = hall.post("add", file=("card", card_file), fingerprint="0" * 64)
        assert (status, "<script>alert" in page) == (400, False)
    assert hall.logged("neighbour") == []


def test_a_neighbour_is_parted_with_for_a_reason_and_once(hall: Hall) -> None:
    assert hall.post("remove", node="mo", reason=" ")[0] == 400
    assert hall.post("remove", node="mo", reason="their key was stolen", password="")[0] == 400
    assert "mo" in hall.node.neighbours
    assert hall.post("remove", node="mo", reason="their key was stolen")[0] == 200
    assert "mo" not in hall.node.neighbours
    assert hall.post("remove", node="mo", reason="their key was stolen")[0] == 404
    assert hall.logged("neighbour") == [("boss", "removed")]


@pytest.mark.parametrize("what", ["signing", "sealing", "card"])
def test_a_key_is_replaced_and_the_new_print_is_read_out(hall: Hall, what: str) -> None:
    before = hall.node.keys.number
    assert hall.post("rotate", key=what, reason="yearly", password="wrong")[0] == 400
    assert hall.post("rotate", key=what, reason="")[0] == 400
    assert hall.post("rotate", key="", reason="yearly")[0] == 400
    assert hall.node.keys.number == before
    status, page = hall.post("rotate", key=what, reason="yearly", lost="yes")
    own = register.fingerprint(card(hall.world.folder / "hk", ""))
    assert (status, " ".join(own[start : start + 4] for start in range(0, 64, 4)) in page) == (200, True)
    assert hall.node.keys.number == before + 1
    assert hall.logged("key-change") == [("boss", str(before + 1))]


def test_a_new_key_that_is_not_believed_is_said_beside_its_neighbour(hall: Hall) -> None:
    assert "does not follow" not in hall.page()
    hall.node.keys_not_believed["mo"] = "it is not signed by the key that is known"
    assert "does not follow" in hall.page()
    assert key_changes.PATH not in hall.page()


def test_a_directory_is_taken_compared_and_joins_nobody(hall: Hall) -> None:
    mo = hall.world.nodes["mo"]
    mo.config = replace(mo.config, url=hall.node.neighbours["mo"].url)
    text, fingerprint = stranger(hall)
    assert isinstance(register.add(mo, json.loads(text), fingerprint), register.Listed)
    signed = alliance_directory.make(mo, 30)
    assert isinstance(signed, bytes)
    assert hall.post("directory", file=("directory", signed), by="gd")[0] == 403
    assert hall.post("directory", file=("directory", signed[:-3]), by="mo")[0] == 403
    assert hall.post("directory", by="mo")[0] == 403
    status, page = hall.post("directory", file=("directory", signed), by="mo")
    assert (status, "Taken: number 1" in page, "no neighbour of this node" in page) == (200, True, True)
    assert "nw" not in hall.node.neighbours
    assert "signed by a key that counts" in hall.page()
    assert isinstance(register.remove(hall.node, "mo", "parted"), register.Listed)
    assert "signed by no key that counts now" in hall.page()
    assert hall.logged("directory") == [("boss", "taken")]


def test_a_directory_is_signed_where_the_own_address_is_known(hall: Hall) -> None:
    hall.node.config = replace(hall.node.config, url="")
    assert hall.post("directory/made", days="30")[0] == 409
    hall.node.config = replace(hall.node.config, url="https://hk.example")
    for days in ("0", "367", "-1", "", "1.5", "9" * 5000):
        assert hall.post("directory/made", days=days)[0] == 400, days
    assert hall.post("directory/made", days="30", password="wrong")[0] == 400
    status, signed = hall.post("directory/made", days="30")
    assert status == 200
    assert signed.count(".") == 2
    assert hall.logged("directory") == [("boss", "made")]


def test_quality_reads_and_lifts_a_brand_and_does_nothing_else(hall: Hall) -> None:
    page = hall.page("quality")
    assert "Add a neighbour" not in page and "New key" not in page
    for act in ("add", "remove", "rotate", "directory", "directory/made"):
        assert hall.post(act, "quality")[0] == 403, act
    assert hall.post("clear", "quality", node="mo", reason="looked at it")[0] == 409, "no brand"
    assert hall.post("clear", "quality", node="mo", reason="looked at it", password="wrong")[0] == 400


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "pt"])
def test_it_is_read_in_each_language(hall: Hall, language: str) -> None:
    page = hall.clients["boss"].get(PAGE, params={"language": language}).text
    assert f'<html lang="{language}"' in page
    assert "neighbours." not in page
