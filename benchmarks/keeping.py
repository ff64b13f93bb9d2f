"""What keeping a node costs: writers while a backup is made, reading a backup with the check of its ledger, an upgrade.

Run: `python -m benchmarks keeping`. Baselines in the same run: the same writer without a backup, and copying
the database's file; an upgrade is measured by the events that it checks. All data is invented.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter

from baybridge.journey.command import Actor, Command, Role
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.keeping import image, packing, restoring
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node, open_node
from baybridge.node.schema import upgrading, version
from baybridge.node.schema.migrating import make_at
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage
from baybridge.node.upkeep.founding import found
from benchmarks.ledger_check import bundle

PATIENTS = 300
_ALONE_S = 5.0


def write(node: Node, stop: threading.Event, started: int) -> tuple[int, float]:
    """Open cases until told to stop; how many, in how many seconds."""
    actor, count, began = Actor("bench", Role.COORDINATOR, node.site.organisation), 0, perf_counter()
    while not stop.is_set():
        given = {"patient_id": f"w{started}-{count}", "residence": "MO", "synthetic": True}
        handle(node, Command("OpenCase", f"case-{started}-{count}", given, actor, f"open-{started}-{count}"))
        count += 1
    return count, perf_counter() - began


def writing(node: Node, started: int, seconds: float | None, command: list[str] | None = None) -> tuple[float, float]:
    """Writes a second for so long, or while a command runs; and how long that was."""
    stop, came = threading.Event(), list[tuple[int, float]]()
    thread = threading.Thread(target=lambda: came.append(write(node, stop, started)))
    thread.start()
    began = perf_counter()
    if command is not None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        stop.wait(seconds)
    took = perf_counter() - began
    stop.set()
    thread.join()
    return came[0][0] / came[0][1], took


def as_first_written(folder: Path) -> None:
    """Have the node's database as the first counted version would have written it."""
    older = folder / "older.sqlite"
    source, target = Storage(read_config(folder).database), Storage(f"sqlite:///{older}")
    with source.reading() as read, target.writing() as written:
        make_at(written, version.FIRST)
        image.copy_rows(read, written)
    source.close()
    target.close()
    for path in folder.glob("node.sqlite*"):
        path.unlink()
    older.rename(folder / "node.sqlite")


def main() -> None:
    """Make a node, back it up while somebody writes, read the backup, upgrade a copy of the node."""
    private, public = packing.new_key()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "node"
        found(folder, {"node": "bench", "organisation": "Bench", "jurisdiction": "MO", "kinds": ["centre"]})
        node = open_node(folder)
        actor = Actor("bench", Role.COORDINATOR, node.site.organisation)
        for number in range(PATIENTS):
            import_upload(node, actor, "records.json", bundle(number))
        witnessing.sign_checkpoint(node)
        mib = (folder / "node.sqlite").stat().st_size / 2**20
        file = Path(place) / "backup.age"
        command = ["nice", "-n", "15", sys.executable, "-m", "baybridge", "backup", str(folder), "--to", str(file), "--key", public]
        alone, _ = writing(node, 0, _ALONE_S)
        during, took = writing(node, 1, None, command)
        witnessing.sign_checkpoint(node)
        node.storage.close()
        print(f"database {mib:.0f} MiB, backup {file.stat().st_size / 2**20:.0f} MiB, made in {took:.1f} s with the start of its process")
        print(f"writes a second alone {alone:.0f}, during the backup {during:.0f}: cost {max(0.0, 1 - during / alone):.0%}")

        began = perf_counter()
        verified = restoring.verify(file, packing.identity(private))
        took = perf_counter() - began
        if not verified.sound:
            raise SystemExit("a backup of a node that nobody touched was not found sound")
        began = perf_counter()
        (Path(place) / "unpacked").mkdir()
        packing.read(file, packing.identity(private), Path(place) / "unpacked")
        reading = perf_counter() - began
        began = perf_counter()
        shutil.copyfile(Path(place) / "unpacked" / packing.DATABASE, Path(place) / "copied")
        copying = perf_counter() - began
        print(f"backup verified: {mib / took:.1f} MiB/s with the check of its ledger, {mib / reading:.0f} MiB/s to read and compare it")
        print(f"copying the file alone: {mib / copying:.0f} MiB/s")

        as_first_written(folder)
        began = perf_counter()
        done = upgrading.upgrade(read_config(folder), Walk())
        took = perf_counter() - began
        print(f"upgrade with copy and check: {took:.1f} s for {done.log_size} log entries, {took / done.log_size * 1e6 / 60:.1f} minutes a million")


if __name__ == "__main__":
    main()
