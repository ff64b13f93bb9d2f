"""How fast `ledger check` hashes a node's data again, beside hashing the same bytes alone in the same run.

Run: `python -m benchmarks ledger_check`. The node is made here, of invented patients. The baseline reads every stored version, event and entry and computes one salted
SHA-256 of each: what no check of any kind can go below. Printed are entries a second and the ratio.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from time import perf_counter

from sqlalchemy import select

from baybridge.journey.command import Actor, Role
from baybridge.ledger import log
from baybridge.ledger.tables import event, log_entry
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.integrity import check
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.upkeep.founding import found
from baybridge.record.store.tables import resource_version

PATIENTS, RESULTS = 200, 40


def bundle(number: int) -> bytes:
    """One invented patient with results."""
    patient = {"resourceType": "Patient", "id": f"p{number}", "name": [{"text": f"Synthetic {number}"}], "birthDate": f"19{number % 60 + 30}-01-01"}
    results = [
        {
            "resourceType": "Observation", "id": f"p{number}-{place}", "status": "final", "subject": {"reference": f"Patient/p{number}"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}, "effectiveDateTime": f"2026-01-{place % 28 + 1:02}",
            "valueQuantity": {"value": 90 + place, "system": "http://unitsofmeasure.org", "code": "g/L"},
        }
        for place in range(RESULTS)
    ]  # fmt: skip
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in (patient, *results)]}).encode()


def baseline(node: Node) -> float:
    """Seconds to read everything and hash it once."""
    salt, began = os.urandom(log.SALT_BYTES), perf_counter()
    with node.storage.reading() as connection:
        for column in (resource_version.c.body, event.c.body, log_entry.c.body):
            for body in connection.execute(select(column)).yield_per(1000).scalars():
                log.content_sha256(salt, bytes(body))
    return perf_counter() - began


def main() -> None:
    """Make a node, check it three times, say the best."""
    with tempfile.TemporaryDirectory() as folder:
        found(Path(folder) / "node", {"node": "bench", "organisation": "Bench", "jurisdiction": "MO", "kinds": ["centre"]})
        node = Node(read_config(Path(folder) / "node"))
        actor = Actor("bench", Role.COORDINATOR, node.site.organisation)
        for number in range(PATIENTS):
            import_upload(node, actor, "records.json", bundle(number))
            node.record_access(actor, f"p{number}", "overview", "care")
        witnessing.sign_checkpoint(node)
        times = []
        for _ in range(3):
            began = perf_counter()
            with node.storage.reading() as connection:
                checked = check.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now))
            times.append(perf_counter() - began)
        alone = min(baseline(node) for _ in range(3))
        node.storage.close()
    print(f"{checked.entries} entries, {sum(checked.checked.values())} things, {len(checked.findings)} findings")
    whole, only = checked.entries / min(times), checked.entries / alone
    print(f"ledger check: {whole:,.0f} entries/s; reading and hashing alone: {only:,.0f} entries/s; ratio {only / whole:.1f}")
    if checked.findings:
        raise SystemExit("a node that nobody touched was not found sound")


if __name__ == "__main__":
    main()
