"""A removed neighbour loses access at once, over a connection that it kept open and with a package that is half sent: a served process, asked over its socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from acceptance.support import World
from acceptance.support_processes import Server, free_ports
from baybridge.cli.main import main
from baybridge.journey.command import Role
from baybridge.journey.events import PackageReceived
from baybridge.node import tables
from baybridge.node.neighbours import witnessing

PATH = "/exchange/packages"


@dataclass
class Two:
    """Hong Kong as a served process, and packages that Macao sealed for it and has not delivered."""

    world: World
    server: Server
    sealed: list[bytes]

    def remove(self) -> None:
        done = CliRunner().invoke(main, ["neighbour", "remove", "mo", "--node", str(self.world.folder / "hk"), "--reason", "its keys were stolen"])
        assert done.exit_code == 0, done.output

    def filed(self) -> int:
        return len(self.world.events("hk", PackageReceived))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    world = World.new(tmp_path)
    world.refer()
    for _ in range(3):
        world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    with world.nodes["mo"].storage.reading() as connection:
        waiting = connection.execute(tables.outgoing.select().where(tables.outgoing.c.receipt.is_(None)).order_by(tables.outgoing.c.created_at)).mappings().all()
    server = Server(tmp_path / "hk", free_ports(1)[0]).start(BAYBRIDGE_BODY_SILENCE_SECONDS="60", BAYBRIDGE_BODY_BYTES_A_SECOND="1")
    yield Two(world, server, [bytes(row["sealed"]) for row in waiting])
    server.kill()


def test_over_a_connection_that_was_kept_open(two: Two) -> None:
    before = two.filed()
    with httpx.Client(base_url=two.server.url, trust_env=False, timeout=60) as kept:
        assert kept.post(PATH, content=two.sealed[0]).status_code == 200
        assert two.filed() == before + 1
        two.remove()
        refused = kept.post(PATH, content=two.sealed[1])
        assert refused.status_code == 403
        assert [reason["code"] for reason in refused.json()["reasons"]] == ["federation.unknown_signer"]
        assert kept.post(PATH, content=two.sealed[0]).status_code == 403, "its receipt is not given out again either"
        shown = {"note": witnessing.sign_checkpoint(two.world.nodes["mo"]), "proof": []}
        assert kept.post("/exchange/checkpoints", json=shown).status_code == 400, "its log is watched no more"
    assert two.filed() == before + 1


def test_with_a_package_that_was_half_sent(two: Two) -> None:
    before, body = two.filed(), two.sealed[0]
    with socket.create_connection(("127.0.0.1", two.server.port)) as one:
        one.settimeout(60)
        one.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[: len(body) // 2])
        two.remove()
        one.sendall(body[len(body) // 2 :])
        assert one.recv(12) == b"HTTP/1.1 403"
    assert two.filed() == before
