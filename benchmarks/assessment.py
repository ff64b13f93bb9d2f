"""How long one bedside assessment takes: the command with its grades, calls, tasks and what neighbours are told, on a node of the demonstration.

Run: `python -m benchmarks.assessment`. It founds a network in a temporary folder, walks one invented patient until toxicity was treated, and lets a nurse assess every
hour: well, with fever, with oxygen, in turn. Prints processor milliseconds of this process (median of 30; all of it is done before the nurse has an answer)
and the ratio to the baseline of the same run: the patient's record through the JSON parser alone.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import msgspec

from baybridge.demo import history, network
from baybridge.demo.cohort import Placed, stops_of
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.record.store import store

ROUNDS = 30
NODE = "hk"
_FINDINGS: tuple[dict[str, object], ...] = (
    {},
    {"temperature": 38.6},
    {"temperature": 38.9, "oxygen_device": "nasal_cannula", "oxygen_flow": 3, "oxygen_reason": "hypoxia", "ice_score": 9},
)


def main() -> None:
    """Found, walk, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        walk = _walked(Path(folder))
        node = walk.nodes[NODE]
        case = node.case(walk.case_id)
        assert case is not None
        with node.storage.reading() as connection:
            bodies = [version.body for version in store.patient_versions(connection, case.patient_id or "")]
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {len(case.entries)} events, {len(bodies)} resources")
        baseline = _median(lambda _round: [msgspec.json.decode(body) for body in bodies], range(ROUNDS))
        took = _median(lambda number: _assess(walk, number), range(ROUNDS))
        print(f"{'what':44} {'median ms':>10} {'ratio':>8}")
        print(f"{'baseline: the JSON parser alone':44} {baseline:10.2f} ms {1:8.2f}")
        print(f"{'an assessment with all that follows':44} {took:10.2f} ms {took / baseline:8.2f}")
        for one in walk.nodes.values():
            one.storage.close()


def _walked(folder: Path) -> Walk:
    """A patient at the Hong Kong node who was treated against toxicity, and everybody who had a part in it."""
    network.found_network(folder, network.choose_ports())
    ticking, nodes = Ticking(clock.now() - timedelta(days=300)), dict[str, Node]()
    through = transport(nodes)
    nodes |= {name: Node(read_config(folder / name), now=ticking, transport=through) for name in network.PROFILES}
    for node in nodes.values():
        network.add_staff(node)
    placed = Placed(Invented(700, "HK", "mm"), NODE, NODE, "treat")
    walk = Walk(nodes, ticking, placed.patient, placed.home, placed.centre)
    for stop in stops_of(placed):
        ticking.moment += stop.after
        stop.step(walk)
    return walk


def _assess(walk: Walk, number: int) -> None:
    walk.clock.moment += timedelta(hours=1)
    history.assess(walk, **_FINDINGS[number % len(_FINDINGS)])


def _median(work: Callable[[int], object], rounds: Iterable[int]) -> float:
    times = []
    for number in rounds:
        begun = time.process_time()
        work(number)
        times.append(1000 * (time.process_time() - begun))
    return statistics.median(times)


if __name__ == "__main__":
    main()
