"""Nodes as processes that can be killed, and a client that keeps its own journal of what was acknowledged.

A server is a process of its own that runs what `baybridge serve` runs; it is forked from a process that has imported everything, so that hundreds of
restarts take minutes. It dies by SIGKILL, by us or by itself at a named step.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from baybridge.node.config import read_config
from baybridge.node.consequences import queue
from baybridge.node.integrity import daily
from baybridge.node.node import Node

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["baybridge.serving", "baybridge.web.page.pages", "acceptance.support_processes"])
_PATIENCE = 300.0  # a test fails where nothing comes, never because it comes slowly


def free_ports(count: int) -> list[int]:
    """Ports on loopback that are free now."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _serve(folder: str, port: int, output: str, settings: dict[str, str]) -> None:
    os.environ.update(settings)
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    import logging
    import sys

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr, force=True)
    from baybridge.serving import serve

    serve(Path(folder), None, "127.0.0.1", port)


@dataclass
class Server:
    """One node's process."""

    folder: Path
    port: int
    process: Any = None
    settings: dict[str, str] = field(default_factory=lambda: {"BAYBRIDGE_DELIVERY_SECONDS": "0.1", "BAYBRIDGE_WITNESS_SECONDS": "0.5"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.folder / "output.txt"

    def start(self, halt_at: str = "", **settings: str) -> Server:
        given = {**self.settings, **settings, "BAYBRIDGE_HALT_AT": halt_at}
        self.process = _FORKS.Process(target=_serve, args=(str(self.folder), self.port, str(self.output), given), daemon=True)
        self.process.start()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                httpx.get(f"{self.url}/.well-known/jwks.json", timeout=2, trust_env=False)
            except httpx.HTTPError:
                if not self.process.is_alive():
                    return self  # it met its named step while it started
                time.sleep(0.02)
            else:
                return self
        raise AssertionError(f"no answer at {self.url}: {self.output.read_text()[-2000:]}")

    def kill(self) -> None:
        if self.process is not None and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.join()

    def wait_until_dead(self) -> None:
        self.process.join(_PATIENCE)
        assert self.process.exitcode == -signal.SIGKILL, f"expected death by SIGKILL, found {self.process.exitcode}"


@dataclass
class Journal:
    """What a client was told: command id -> ids of the events that the node said it recorded."""

    token: str
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)

    def post(self, server: Server, command: str, case_id: str, command_id: str, **given: Any) -> bool:
        """Send a command; False where no answer came and nobody knows whether it was done."""
        body = {"case": case_id, "given": given, "command_id": command_id}
        try:
            answer = httpx.post(f"{server.url}/do/{command}", json=body, headers=self.headers, timeout=20, trust_env=False)
        except httpx.HTTPError:
            return False
        assert answer.status_code == 200, answer.text
        events = answer.json()["events"]
        told = [event["event_id"] for event in events]
        assert self.acknowledged.get(command_id, told) == told, "a repeat answers what was answered before"
        self.acknowledged[command_id] = told
        self.packages += [e["event"]["package_id"] for e in events if e["event"]["type"] == "TransferAllowed" and e["event"]["package_id"] not in self.packages]
        return True

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


def eventually(holds: Any, what: str, patience: float = _PATIENCE) -> None:
    """Wait until something holds."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError(f"did not come about: {what}")


def checked_today(folder: Path) -> None:
    """The ledger was checked today, so that the worker's first commit is none of a check."""
    node = Node(read_config(folder))
    daily.begin(node)
    queue.drain(node)
    node.storage.close()
