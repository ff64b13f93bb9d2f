"""A node that shows its neighbours different histories, rewrites its own or cuts it back: found, said on the page and by the command."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.support import PORTS, Clock
from baybridge.app import application
from baybridge.demo import network
from baybridge.journey.command import Role
from baybridge.language.texts import Texts
from baybridge.ledger import keeping
from baybridge.node.clock import new_id
from baybridge.node.config import Neighbour, read_config
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.people import accounts


@dataclass
class Three:
    """Macao and Hong Kong look at Shanghai, each possibly at another copy of it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    nodes: dict[str, Node] = field(default_factory=dict)
    clients: dict[str, TestClient] = field(default_factory=dict)
    shown: dict[tuple[str, str], str] = field(default_factory=dict)  # (who looks, at whom) -> which copy answers

    def open(self, name: str, folder: str) -> None:
        node = Node(read_config(self.folder / folder), now=self.clock, transport=self.transport(name))
        self.nodes[name] = node
        self.clients[name] = TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False)

    def transport(self, who: str) -> Callable[[Neighbour, str, bytes | None], tuple[int, bytes]]:
        def call(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
            name = self.shown.get((who, neighbour.site.node), neighbour.site.node)
            if name not in self.clients:
                raise ConnectionError(name)
            answer = self.clients[name].get(path) if body is None else self.clients[name].post(path, content=body)
            return answer.status_code, answer.content

        return call

    def write(self, name: str, times: int = 1) -> None:
        node = self.nodes[name]
        for _ in range(times):
            node.record_access(node.system(), new_id(), "read", "care")
        witnessing.sign_checkpoint(node)

    def watch(self, *names: str) -> None:
        for name in names:
            witnessing.watch(self.nodes[name])

    def says(self, name: str, of: str = "sh") -> str:
        with self.nodes[name].storage.reading() as connection:
            seen = keeping.seen(connection, of)
        return "nothing" if seen is None else seen.problem or "consistent"

    def check(self, name: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).parent / "baybridge"), "ledger", "check", str(self.folder / name)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def page(self, name: str) -> str:
        node = self.nodes[name]
        with node.storage.writing() as connection:
            accounts.add_account(connection, account="q", name="q", role=Role.QUALITY, organisation=node.site.organisation, password="-")
            token = accounts.open_session(connection, "q", node.now()).token
        return self.clients[name].get("/log", headers={"authorization": f"Bearer {token}"}).text


@pytest.fixture
def three(tmp_path: Path) -> Three:
    network.found_network(tmp_path, PORTS)
    made = Three(tmp_path)
    for name in ("mo", "hk", "sh"):
        made.open(name, name)
    made.write("sh", 2)
    return made


def fork(three: Three, *, longer: int = 1) -> None:
    """Shanghai shows Macao a copy of itself that went another way; `longer` entries more than the other."""
    shutil.copytree(three.folder / "sh", three.folder / "sh2")
    three.open("sh2", "sh2")
    three.write("sh", 2)
    three.write("sh2", 2 + longer)
    three.shown = {("mo", "sh"): "sh2"}


def test_an_honest_log_is_consistent_and_co_signed(three: Three) -> None:
    for _ in range(3):
        three.watch("mo", "hk")
        three.write("sh")
    three.watch("mo", "hk")
    assert {three.says(name) for name in ("mo", "hk")} == {"consistent"}
    note = witnessing.latest_note(three.nodes["sh"])
    assert all(f"— baybridge/{name} " in note for name in ("mo", "hk"))
    assert three.check("hk").returncode == 0


@pytest.mark.parametrize("longer", [0, 1, 5])
def test_two_histories_are_found_by_comparing(three: Three, longer: int) -> None:
    fork(three, longer=longer)
    three.watch("mo", "hk", "mo", "hk")
    assert (three.says("mo"), three.says("hk")) == ("forked", "forked")


def test_page_and_command_say_so(three: Three) -> None:
    fork(three, longer=0)
    three.watch("mo", "hk", "mo", "hk")
    for name in ("mo", "hk"):
        done = three.check(name)
        assert done.returncode == 1
        assert "sh" in done.stderr
        sentence = Texts(three.nodes[name].documents).say("en", f"log.verdict.{three.says(name)}")
        assert sentence in html.unescape(three.page(name))


def test_a_fork_is_not_forgotten_by_one_honest_answer(three: Three) -> None:
    fork(three, longer=0)
    three.watch("mo", "hk", "mo", "hk")
    three.shown = {}
    three.watch("hk")
    assert three.says("hk") == "forked"


def test_rewritten_history_is_found_by_watching(three: Three) -> None:
    """The same neighbour is shown one history first and another later."""
    fork(three, longer=2)
    three.shown = {}
    three.watch("hk")
    assert three.says("hk") == "consistent"
    three.shown = {("hk", "sh"): "sh2"}
    three.watch("hk")
    assert three.says("hk") in ("forked", "unproven")
    assert three.check("hk").returncode == 1


def test_log_that_was_cut_back_is_found(three: Three) -> None:
    shutil.copytree(three.folder / "sh", three.folder / "before")
    three.write("sh", 4)
    three.watch("hk")
    three.open("before", "before")
    three.shown = {("hk", "sh"): "before"}
    three.watch("hk")
    assert three.says("hk") == "shrunk"


def test_checkpoint_of_a_stranger_accuses_nobody_and_is_not_believed(three: Three) -> None:
    three.watch("hk")
    (three.folder / "stranger").mkdir()
    from baybridge.node.upkeep.founding import found

    found(three.folder / "stranger" / "sh", dict(network.PROFILES["sh"]))
    three.open("stranger", "stranger/sh")
    three.write("stranger", 5)
    three.shown = {("hk", "sh"): "stranger"}
    three.watch("hk")
    assert three.says("hk") == "bad_signature"
    three.shown = {}
    three.watch("hk")
    assert three.says("hk") == "consistent"


def test_neighbour_that_answers_rubbish_does_not_hide_the_others(three: Three) -> None:
    honest = three.nodes["hk"].transport
    assert honest is not None

    def call(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
        return (200, b"\xff\x00 rubbish") if neighbour.site.node in ("gd", "mo") else honest(neighbour, path, body)

    three.nodes["hk"].transport = call
    three.watch("hk")
    assert three.says("hk") == "consistent"
