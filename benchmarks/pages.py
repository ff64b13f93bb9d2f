"""How long pages take: one node over HTTP with a session, the median of 20 requests for each page.

Run: `python -m benchmarks.pages`. It founds a network in a temporary folder, walks a dozen invented patients in this process, serves the Hong Kong node as a process of
its own and asks it one request after the other. Prints milliseconds, the 95th in a hundred beside the median.
"""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from baybridge.demo import network
from baybridge.demo.cohort import Placed, stops_of
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.running import answers
from baybridge.demo.walk import Ticking, Walk
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node

REQUESTS = 20
NODE = "hk"
_UNTIL = ("treat", "discharge", "infuse", "release", "manufacture", "collect", "slot", "accept", "eligibility", "consent", "records", "records")
_TABS = (
    "", "/facts", "/eligibility", "/tests", "/options", "/funding", "/sharing", "/cells",
    "/bedside", "/followup", "/timeline", "/evidence", "/do/Assess", "/do/RecordConsent",
)  # fmt: skip
_READERS = {"coordinator": ("/", "/cases", "/policies", "/policies/axi-cel-lbcl-2l-cn", "/log"), "quality": ("/indicators",), "physician": ()}


def main() -> None:
    """Found, walk, serve, measure, print."""
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as base:
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {len(_UNTIL)} cases, {REQUESTS} requests a page")
        print(f"{'page':42} {'median ms':>10} {'95th ms':>10}")
        for role, addresses in _READERS.items():
            with _signed_in(base, f"{role}.{NODE}") as client:
                case = _first_case(client) if role == "physician" else ""
                for address in (*addresses, *(f"/cases/{case}{tab}" for tab in _TABS if case)):
                    _measure(client, address, case)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A walked network in a folder; the address at which its node answers."""
    ports = {name: network.free_port(0) for name in network.PROFILES}  # not the usual ones, where another network may begin to answer meanwhile
    network.found_network(folder, ports)
    ticking, nodes = Ticking(clock.now() - timedelta(days=300)), dict[str, Node]()
    through = transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    for number, until in enumerate(_UNTIL):
        _walk(Placed(Invented(700 + number, "HK", "mm"), NODE, NODE, until), nodes, ticking)
    for node in nodes.values():
        node.storage.close()
    process = subprocess.Popen([sys.executable, "-m", "baybridge", "serve", str(folder / NODE), "--port", str(ports[NODE])], stderr=subprocess.DEVNULL)
    try:
        while not answers(network.address(ports[NODE])):
            if process.poll() is not None:
                raise SystemExit("the node did not start")
            time.sleep(0.2)
        yield network.address(ports[NODE])
    finally:
        process.terminate()
        process.wait()


def _walk(placed: Placed, nodes: dict[str, Node], ticking: Ticking) -> None:
    walk = Walk(nodes, ticking, placed.patient, placed.home, placed.centre)
    for stop in stops_of(placed):
        ticking.moment += stop.after
        stop.step(walk)


@contextmanager
def _signed_in(base: str, name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        client.post("/sign-in", data={"name": name, "password": network.PASSWORD}).headers["location"]
        yield client


def _first_case(client: httpx.Client) -> str:
    """The id of the case that came furthest: a patient who was treated against toxicity."""
    return re.findall(r'href="/cases/([\w-]+)', client.get("/cases?stage=infused").text)[0]


def _measure(client: httpx.Client, address: str, case: str) -> None:
    times = []
    for _ in range(REQUESTS + 1):
        begun = time.perf_counter()
        answer = client.get(address)
        times.append(1000 * (time.perf_counter() - begun))
        assert answer.status_code == 200, (address, answer.status_code)
    kept = sorted(times[1:])  # the first request reads templates and documents
    name = address.replace(case, "{case}") if case else address
    print(f"{name:42} {statistics.median(kept):10.0f} {kept[int(0.95 * (REQUESTS - 1))]:10.0f}", flush=True)


if __name__ == "__main__":
    main()
