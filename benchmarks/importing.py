"""How fast files of outside come in, FHIR, HL7 v2 and CSV, beside a plain parse of the same bytes in the same run.

Run: `python -m benchmarks importing`. The files are made here, of invented people. Printed are results a second that are read (checked, with people and codes) and
that are filed whole (planned, stored, logged, as `baybridge import` does), and how many times as long each takes as the plain parse: JSON by line, fields or cells split.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import orjson

from baybridge.journey.command import Actor, Role
from baybridge.node.config import read_config
from baybridge.node.intake.records import import_together, source_of
from baybridge.node.node import Node
from baybridge.node.upkeep.founding import found
from baybridge.record.feeds.csv_feed import read_csv
from baybridge.record.feeds.hl7v2_fhir import read_hl7
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import taken_in

PEOPLE, RESULTS = 200, 40
RUNS = 3
ZONE = ZoneInfo("Asia/Hong_Kong")
FEED = {
    "id": "bench", "zone": "Asia/Hong_Kong", "identifier_system": "urn:bench:mrn",
    "columns": {"patient": "mrn", "name": "name", "birth_date": "born", "code": "code", "value": "value", "unit": "unit", "collected_at": "at", "result_id": "id"},
    "codes": {"HGB": {"loinc": "718-7", "unit": "g/L", "name": "haemoglobin"}},
}  # fmt: skip


def people() -> Iterator[tuple[str, str, list[tuple[str, str, int]]]]:
    """Each person's number, birth date and results: name, day, value."""
    for number in range(PEOPLE):
        results = [(f"r{number}-{place}", f"2026-01-{place % 28 + 1:02}", 90 + place) for place in range(RESULTS)]
        yield f"p{number}", f"19{number % 60 + 30}-01-01", results


def ndjson() -> bytes:
    """Patients and observations, one a line."""
    lines: list[object] = []
    for number, born, results in people():
        lines.append({"resourceType": "Patient", "id": number, "name": [{"text": f"Synthetic {number}"}], "birthDate": born})
        lines += [
            {
                "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": f"Patient/{number}"},
                "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}, "effectiveDateTime": f"{day}T09:00:00+08:00",
                "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "g/L"},
            }
            for name, day, value in results
        ]  # fmt: skip
    return "\n".join(map(json.dumps, lines)).encode()


def hl7() -> bytes:
    """One message a person."""
    messages = []
    for number, born, results in people():
        segments = [
            f"MSH|^~\\&|LIS|BENCH|||20260201090000+0800||ORU^R01|{number}|P|2.5.1",
            f"PID|1||{number}^^^BENCH^MR||SYNTHETIC^{number}||{born.replace('-', '')}|F",
            f"OBR|1||{number}|CBC^CBC^L|||20260101090000+0800",
        ]
        segments += [
            f"OBX|{place}|NM|718-7^Hb^LN|{place}|{value}|g/L^^UCUM|||||F|||{day.replace('-', '')}090000+0800"
            for place, (_name, day, value) in enumerate(results, 1)
        ]
        messages.append("\r".join(segments))
    return "\r".join(messages).encode()


def table() -> bytes:
    """One line a result."""
    lines = ["mrn,name,born,code,value,unit,at,id"]
    lines += [f"{number},Synthetic {number},{born},HGB,{value},g/L,{day} 09:00,{name}" for number, born, results in people() for name, day, value in results]
    return "\n".join(lines).encode()


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs."""
    times = []
    for _run in range(RUNS):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return min(times)


def filed(name: str, data: bytes) -> float:
    """Seconds to take a file in at a new node."""
    with tempfile.TemporaryDirectory() as folder:
        found(Path(folder) / "node", {"node": "bench", "organisation": "Bench", "jurisdiction": "HK", "kinds": ["centre"]})
        node = Node(read_config(Path(folder) / "node"))
        feed = None if name.endswith("ndjson") else FEED if name.endswith("csv") else {}
        began = perf_counter()
        (report,) = import_together(node, Actor("bench", Role.COORDINATOR, "Bench"), [source_of(data, name, feed=feed)], source="bench")
        took = perf_counter() - began
        if report.created < PEOPLE * RESULTS:
            raise SystemExit(f"{name}: expected {PEOPLE * RESULTS} results filed, found {report.created}; {report.problems[:2]}")
        node.storage.close()
        return took


def main() -> None:
    """Each format: plain parse, reading, filing."""
    count = PEOPLE * RESULTS
    formats: list[tuple[str, bytes, Callable[[bytes], object], Callable[[bytes], object]]] = [
        ("bench.ndjson", ndjson(), lambda d: [orjson.loads(line) for line in d.splitlines()], lambda d: [validate(taken_in(line)) for line in d.splitlines()]),
        ("bench.hl7", hl7(), lambda d: [line.split("|") for line in d.decode().split("\r")], lambda d: list(read_hl7(d, ZONE))),
        ("bench.csv", table(), lambda d: list(csv.reader(io.StringIO(d.decode()))), lambda d: list(read_csv(d, FEED, ZONE))),
    ]
    for name, data, plain, read in formats:
        baseline, reading, filing = best(lambda d=data, p=plain: p(d)), best(lambda d=data, r=read: r(d)), filed(name, data)  # type: ignore[misc]
        said = f"read {count / reading:,.0f} results/s ({reading / baseline:.1f} x plain), filed {count / filing:,.0f} results/s ({filing / baseline:.0f} x plain)"
        print(f"{name}: {count} results; plain parse {count / baseline:,.0f} results/s; {said}")


if __name__ == "__main__":
    main()
