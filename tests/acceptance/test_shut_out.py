"""Nobody is shut out by connections that say nothing, and nobody fills the memory from outside: a served process, asked over its socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from acceptance.support_processes import Server, free_ports
from baybridge.node.upkeep.founding import found

IDLE = 400
LARGE = 200 * 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found(tmp_path / "node", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]})
    made = Server(tmp_path / "node", free_ports(1)[0])
    made.start(BAYBRIDGE_BODY_SILENCE_SECONDS="0.2", BAYBRIDGE_HEADER_SECONDS="60")
    yield made
    made.kill()


def resident(server: Server) -> int:
    """Megabytes that the process holds, or has held."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def test_idle_connections_do_not_stop_the_node(server: Server) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(IDLE)]
    try:
        for number, one in enumerate(idle):
            one.sendall(b"" if number % 2 else b"GET / HTTP/1.1\r\nHost: x")
        assert httpx.get(f"{server.url}/.well-known/jwks.json", trust_env=False, timeout=60).status_code == 200
    finally:
        for one in idle:
            one.close()


def test_body_that_stops_is_answered_and_its_connection_closed(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.settimeout(60)
        one.sendall(b"POST /session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        answer = b""
        while part := one.recv(65_536):  # ends when the server closes
            answer += part
    assert answer.startswith(b"HTTP/1.1 408")


def test_large_bodies_of_strangers_are_not_held(server: Server) -> None:
    before = resident(server)
    for path in ("/session", "/exchange/packages", "/fhir/Observation", "/import", "/sign-in"):
        with socket.create_connection(("127.0.0.1", server.port)) as one:
            one.settimeout(60)
            one.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n".encode())
            assert one.recv(12) in (b"HTTP/1.1 413", b"HTTP/1.1 401", b"HTTP/1.1 303"), path
    for path in ("/session", "/fhir/Observation", "/sign-in"):
        with socket.create_connection(("127.0.0.1", server.port)) as one:
            one.settimeout(60)
            one.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            try:
                for _ in range(LARGE // len(chunk)):
                    one.sendall(chunk)
            except OSError:
                continue  # closed on the way, as it should be
            raise AssertionError(f"{path}: two hundred megabytes were taken in")
    assert resident(server) - before < 100
