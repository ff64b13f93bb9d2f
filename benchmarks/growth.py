"""Whether one case's work costs more when a node holds many others: the same requests at 25, 250 and 1,000 cases.

Run: `python -m benchmarks growth`, or `python -m benchmarks.growth 25 100` for other numbers of cases. The node is one of the demonstration with copies of walked
cases (`filled.py`). Printed are processor milliseconds of this process, median of some requests that go through the whole application, and the ratio of the last
number of cases to the first; the size of lists in kB (1,000 bytes). It stops with 1 where the work of one case grows by more than 1.5 times, or a list takes more
than it may. A machine that is shared makes processor time longer too: the ratio is of times beside a fixed piece of work (a JSON text read again and again) that is
measured before each request.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.demo import network
from baybridge.ledger import log
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.node import Node
from baybridge.node.options import screening
from baybridge.node.upkeep import projections
from benchmarks.filled import NODE, Pattern, fill, walked

COUNTS = (25, 250, 1000)
#: How much more one case's work may cost at the last count than at the first.
MOST = 1.5
#: What a list may take at any of these counts: processor milliseconds and kB.
LIST_MS, LIST_KB = 300.0, 150.0
#: What a count over all cases may take.
WHOLE_MS = 1000.0
ROUNDS = 15
_FIXED, _FIXED_TIMES = json.dumps([{"name": str(number), "values": list(range(20))} for number in range(50)]), 40
_TABS = ("", "/facts", "/tests", "/bedside", "/timeline")
_LISTS = {"coordinator": ("/", "/cases", "/log"), "quality": ("/indicators",), "payer": ("/payer",)}


@dataclass(slots=True)
class Row:
    """One line: what, of which kind (case, list, whole), and milliseconds and kB by count."""

    what: str
    kind: str
    ms: list[float]
    beside: list[float]  # the same in times of the fixed piece of work
    kb: list[float]

    @property
    def ratio(self) -> float:
        """The last count beside the first."""
        return self.beside[-1] / self.beside[0]

    @property
    def problem(self) -> str | None:
        """Why this line fails the run."""
        if self.kind == "case":
            return f"{self.what} grew {self.ratio:.2f} times" if self.ratio > MOST else None
        most = LIST_MS if self.kind == "list" else WHOLE_MS
        if max(self.ms) > most:
            return f"{self.what} took {max(self.ms):.0f} ms"
        return f"{self.what} had {max(self.kb):.0f} kB" if max(self.kb) > LIST_KB else None


def main() -> None:
    """Fill, measure at each count, print; stop with 1 where something grew."""
    counts = [int(one) for one in sys.argv[1:]] or list(COUNTS)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder, walked(Path(folder)) as (node, patterns):
        for count in counts:
            fill(node, patterns, count)
            _measure(node, patterns[0], rows)
            with node.storage.reading() as connection:
                print(f"{count} cases, {log.size(connection)} entries of the log", flush=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
    print(f"{'what':44} {' '.join(f'{count:>7} cases' for count in counts)} {'ratio':>7} {'kB':>6}")
    for row in rows.values():
        print(f"{row.what:44} {' '.join(f'{one:10.1f} ms' for one in row.ms)} {row.ratio:7.2f} {row.kb[-1]:6.0f}")
    problems = [problem for row in rows.values() if (problem := row.problem) is not None]
    if problems:
        raise SystemExit("; ".join(problems))


def _measure(node: Node, pattern: Pattern, rows: dict[str, Row]) -> None:
    """Everything once more, on a node that nobody asked before."""

    def note(what: str, kind: str, work: Callable[[], Any]) -> None:
        took, beside, size = _timed(work)
        row = rows.setdefault(what, Row(what, kind, [], [], []))
        row.ms.append(took)
        row.beside.append(beside)
        row.kb.append(size)

    witnessing.sign_checkpoint(node)
    with TestClient(application(node, workers=False)) as client:
        for name, addresses in _LISTS.items():
            _sign_in(client, name)
            for address in addresses:
                note(f"{name} {address}", "whole" if address in ("/indicators", "/payer") else "list", lambda address=address: _get(client, address))
        _sign_in(client, "physician")
        for tab in _TABS:
            note(f"/cases/{{case}}{tab}", "case", lambda tab=tab: _get(client, f"/cases/{pattern.case_id}{tab}"))
        observation = next(one for one in pattern.versions if one.type == "Observation")
        code = observation.resource["code"]["coding"][0]["code"]
        note("FHIR read", "case", lambda: _get(client, f"/fhir/Observation/{observation.id}"))
        note("FHIR search, patient and code", "case", lambda: _get(client, f"/fhir/Observation?patient={pattern.patient_id}&code={code}"))
        note("FHIR create", "case", lambda: _create(client, pattern.patient_id))
    note("round of the worker, nothing changed", "case", lambda: _round(node))


def _timed(work: Callable[[], Any]) -> tuple[float, float, float]:
    """Median processor milliseconds, the same beside the fixed piece of work, and kB of the answer; the first is not counted."""
    times, beside, answer = [], [], None
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        for _again in range(_FIXED_TIMES):
            json.loads(_FIXED)
        between = time.process_time()
        answer = work()
        ended = time.process_time()
        times.append(1000 * (ended - between))
        beside.append((ended - between) / (between - begun))
    return median(times[1:]), median(beside[1:]), len(getattr(answer, "content", b"")) / 1000


def _sign_in(client: TestClient, name: str) -> None:
    token = client.post("/session", json={"name": f"{name}.{NODE}", "password": network.PASSWORD}).json()["token"]
    client.headers["authorization"] = f"Bearer {token}"


def _get(client: TestClient, address: str) -> Any:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address.split('?')[0]} answered {answer.status_code}")
    return answer


def _create(client: TestClient, patient_id: str) -> Any:
    resource = {
        "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{patient_id}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2857-1", "display": "PSA"}]}, "effectiveDateTime": "2026-01-05T09:00:00+08:00",
        "valueQuantity": {"value": 1.5, "unit": "ng/mL", "system": "http://unitsofmeasure.org", "code": "ng/mL"},
    }  # fmt: skip
    answer = client.post("/fhir/Observation", json=resource)
    if answer.status_code != 201:
        raise SystemExit(f"creating answered {answer.status_code}")
    return answer


def _round(node: Node) -> None:
    """What a round of the worker looks for."""
    transfers.deliver(node)
    witnessing.sign_checkpoint(node)
    projections.work_out_tasks(node)
    screening.catch_up(node)


if __name__ == "__main__":
    main()
