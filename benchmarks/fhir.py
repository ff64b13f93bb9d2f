"""How many logged reads, searches, creates and transactions of FHIR a node answers a second, beside plain servers of the same run.

Run: `python -m benchmarks fhir`, or `python -m benchmarks.fhir 3` for three rounds instead of five. The node is one of the demonstration with a few copied cases, served
as a process of its own on SQLite; 16 connections ask it and, alternately, a server of the same kind that knows nothing of Baybridge and of storage (*bare*), and one
that stores: before each answer it appends one plain row for a read, and for a write parses the body and appends each resource as a row, in one transaction that
is synced (*storing*). Printed are requests a second (median of the rounds) and the ratios to both; the aim is one of the ratio to the storing server, since the bare one
keeps nothing. Client and servers share the cores of the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from baybridge.demo import network
from benchmarks.filled import NODE, Pattern, fill, walked

CONNECTIONS, ROUNDS, SECONDS, CASES = 16, 5, 3.0, 12
_PLAIN = """
import asyncio, json, sqlite3, sys
from granian.server.embed import Server
from granian.constants import Interfaces
file = sys.argv[2] if len(sys.argv) > 2 else ""
database = sqlite3.connect(file, isolation_level=None) if file else None
if database:
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE row (at TEXT, who TEXT, what TEXT)")
def store(body):
    found = json.loads(body) if body else {}
    resources = [entry["resource"] for entry in found["entry"]] if "entry" in found else [found]
    whats = [json.dumps(one) for one in resources] if body else ["read Observation"]
    database.execute("BEGIN IMMEDIATE")
    database.executemany("INSERT INTO row VALUES ('2026-01-01T00:00:00Z', 'somebody', ?)", [(what,) for what in whats])
    database.execute("COMMIT")
async def app(scope, receive, send):
    if scope["type"] == "http":
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if database:
            store(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
asyncio.run(Server(app, address="127.0.0.1", port=int(sys.argv[1]), interface=Interfaces.ASGI, log_access=False).serve())
"""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request: its name, the bytes of it, the status that it is answered with, and the ratio that is aimed at."""

    name: str
    request: bytes
    status: bytes
    aim: float


def main() -> None:
    """Serve, ask in turn, print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as place:
        with walked(Path(place)) as (node, patterns):
            fill(node, patterns, CASES)
        with _served(Path(place)) as ports:
            works = _works(ports["node"], patterns[0])
            found = asyncio.run(_asked(ports, works, rounds))
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, {CONNECTIONS} connections")
    print(f"{'work':28} {'a second':>10} {'bare':>10} {'storing':>10} {'to bare':>8} {'to storing':>10} {'aim':>6}")
    for work in works:
        own, bare, storing = (median(found[work.name, server]) for server in ("node", "bare", "storing"))
        print(f"{work.name:28} {own:10.0f} {bare:10.0f} {storing:10.0f} {own / bare:8.3f} {own / storing:10.3f} {work.aim:6.2f}")


@contextmanager
def _served(folder: Path) -> Iterator[dict[str, int]]:
    ports = {name: network.free_port(0) for name in ("node", "bare", "storing")}
    commands = {
        "node": [sys.executable, "-m", "baybridge", "serve", str(folder / NODE), "--port", str(ports["node"])],
        "bare": [sys.executable, "-c", _PLAIN, str(ports["bare"])],
        "storing": [sys.executable, "-c", _PLAIN, str(ports["storing"]), str(folder / "plain.sqlite")],
    }
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands.values()]
    try:
        for port in ports.values():
            _wait_for(port)
        yield ports
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit("a server did not answer")


def _works(port: int, pattern: Pattern) -> list[Work]:
    said = {"name": f"physician.{NODE}", "password": network.PASSWORD}
    token = httpx.post(f"http://127.0.0.1:{port}/session", json=said, trust_env=False, timeout=60).json()["token"]
    observation = next(one for one in pattern.versions if one.type == "Observation")
    code = observation.resource["code"]["coding"][0]["code"]
    resource = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{pattern.patient_id}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2857-1", "display": "PSA"}]}, "effectiveDateTime": "2026-01-05T09:00:00+08:00",
        "valueQuantity": {"value": 1.5, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"},
    }  # fmt: skip
    entry = {"resource": resource, "request": {"method": "POST", "url": "Observation"}}

    def request(method: str, path: str, body: object = None) -> bytes:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} /fhir{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/fhir+json\r\n"
        return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content

    search = f"/Observation?patient={pattern.patient_id}&code={code}"
    return [
        Work("read by id", request("GET", f"/Observation/{observation.id}"), b"200", 0.4),
        Work("search, patient and code", request("GET", search), b"200", 0.3),
        Work("create one Observation", request("POST", "/Observation", resource), b"201", 0.15),
        Work("transaction of 20", request("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 20}), b"200", 0.15),
    ]


async def _asked(ports: dict[str, int], works: list[Work], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Requests a second of each round, by work and server; the servers take turns."""
    found: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for work in works:
            for server, port in ports.items():
                begun = time.perf_counter()
                counts = await asyncio.gather(*(_connection(port, work, begun + SECONDS, own=server == "node") for _ in range(CONNECTIONS)))
                found.setdefault((work.name, server), []).append(sum(counts) / (time.perf_counter() - begun))
    return found


async def _connection(port: int, work: Work, until: float, *, own: bool) -> int:
    """How many requests one connection had answered by then, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        writer.write(work.request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
        if own and head.split(b" ", 2)[1] != work.status:
            raise SystemExit(f"{work.name}: expected {work.status.decode()}, found {head.split(b' ', 2)[1].decode()}")
        count += 1
    writer.close()
    return count


if __name__ == "__main__":
    main()
