"""The demo as processes: made once, started on free ports, stopped by Ctrl-C, continued the next time.

Main job: `make(folder)` founds the network and walks the cohort (in a side folder that takes its place when all of it stands); `Running` starts one process a
node, waits until each answers, and stops them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import httpx

from baybridge.demo import network
from baybridge.demo.cohort import cohort, make_histories
from baybridge.demo.incoming import outside_results, sign_card
from baybridge.demo.inprocess import transport
from baybridge.demo.trials import bring_in
from baybridge.demo.walk import Ticking
from baybridge.journey.command import Role
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.schema.version import NEWEST
from baybridge.node.upkeep.served import is_served

_START_SECONDS = 60
_SCHEMA = "schema"
_LONGEST_ROAD = timedelta(days=400)


class NotStarted(Exception):
    """A node did not come up; the message names it and where its log is."""


def make(folder: Path, on_progress: Callable[[int, int], None]) -> None:
    """The demo network with its cohort, in `folder`; nothing half-made stays."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    network.found_network(part, network.PREFERRED_PORTS)
    present = clock.now()
    ticking = Ticking(present - _LONGEST_ROAD)
    nodes: dict[str, Node] = {}
    through = transport(nodes)
    nodes |= {name: Node(read_config(part / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    people = cohort()
    walks = make_histories(nodes, ticking, present, people, on_progress)
    followed = next(walk for walk in walks if walk.home == "mo")
    fresh = [walk for walk, placed in zip(walks, people, strict=True) if placed.until == "records" and placed.home in ("mo", "hk")]
    for walk in fresh[:2]:
        outside_results(walk)
    sign_card(followed)
    for name, node in nodes.items():
        if "centre" in node.site.kinds:
            bring_in(node)
        if name == "mo":
            network.add_patient(node, followed.patient.id)
            followed.do("mo", Role.COORDINATOR, "AllowCaregiver", person_id=network.add_caregiver(node, followed.patient.id), shows=("papers",))
        witnessing.sign_checkpoint(node)
        node.storage.close()
    (part / _SCHEMA).write_text(NEWEST, encoding="ascii")
    part.rename(folder)


def is_current(folder: Path) -> bool:
    """Whether a demo network was made by this version, so that it can be continued."""
    made_by = folder / _SCHEMA
    return made_by.is_file() and made_by.read_text(encoding="ascii") == NEWEST


class Running:
    """The four nodes as processes; a context manager that stops them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = network.choose_ports()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Running:
        if any(is_served(self.folder / name) for name in self.ports):
            raise NotStarted(f"the demo of {self.folder} runs already; open its address, or stop it there with Ctrl-C")
        network.meet(self.folder, self.ports)
        for name, port in self.ports.items():
            log = (self.folder / f"{name}.log").open("ab")
            command = [sys.executable, "-m", "baybridge", "serve", str(self.folder / name), "--port", str(port)]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)  # noqa: S603 - our own command
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def addresses(self) -> Mapping[str, str]:
        """Where each node answers."""
        return {name: network.address(port) for name, port in self.ports.items()}

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        waiting = dict(self.addresses())
        while waiting:
            for name, address in list(waiting.items()):
                if self.processes[name].poll() is not None or time.monotonic() > deadline:
                    log = self.folder / f"{name}.log"
                    raise NotStarted(f"node {name} did not start: {_last_line(log)}; its log is {log}")
                if answers(address):
                    del waiting[name]
            time.sleep(0.2)

    def wait(self) -> None:
        """Wait until a node ends by itself."""
        while all(process.poll() is None for process in self.processes.values()):
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop every node and wait for its end."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")


def answers(address: str) -> bool:
    """Whether a node answers at an address."""
    try:
        return httpx.get(f"{address}/.well-known/baybridge.json", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
