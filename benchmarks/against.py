"""Whether this tree is slower than another commit: the same benchmarks in both, one after the other, in processes of their own.

Run: `python -m benchmarks.against [COMMIT] [NAMES…] [--rounds N]`, on a machine that does nothing else. Without a commit it compares with `BEFORE_ROOMS`.

The commit is laid out in a temporary folder (`git archive`), and each named benchmark runs alternately there and here, old first in even rounds and new first
in odd ones. Printed are the medians of the rounds, their ratio new/old, and the ratio of the least favourable to the most favourable pair of rounds. Times are
processor time, so that a neighbour on the machine is not measured: of the process that runs the benchmark, for `pages` of the node that answers, for
`import` and `start` of the whole command. Both run with the packages installed here; a benchmark that the old tree does not have, or that fails there with
these packages, is said and left out.

Where a benchmark measures something by hand beside its own (`zen-engine`, a hand-written loop, the YAML alone), `beside` is the ratio of ratios: what became slower
than its baseline in the same tree. Documents grow too: what reads all that are shipped is judged by `beside`. **Units**: as each benchmark prints them.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import re
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: The parent of the commit that moved the parts into rooms (`acf9467`): what came before is what nothing may be slower than.
BEFORE_ROOMS = "d46e72f"
#: A ratio above this is slower. Source: the aim of the rooms, at most 5 in 100.
AIM = 1.05
NAMES = ("policy_one_case", "policy_many", "policy_loading", "funding", "recognition", "start", "import", "pages")
#: What a benchmark measures beside its own.
_BASELINES = ("zen", "hand-written", "parse the YAML")
_LINE = re.compile(r"^(?P<label>.+?)\s+(?P<value>\d[\d.,]*) ?(?P<unit>us|ms|s)\b")
_PEOPLE, _RESULTS = 100, 20

Times = dict[str, float]


def main() -> None:
    """Compare, print, and stop with 1 where something is slower than the aim."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", nargs="*", help=f"a commit ({BEFORE_ROOMS} without one), then names of {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    named = [one for one in given.what if one in NAMES]
    commits = [one for one in given.what if one not in NAMES] or [BEFORE_ROOMS]
    if len(commits) > 1:
        parser.error(f"one commit, and names of {', '.join(NAMES)}; found {', '.join(commits)}")
    with tempfile.TemporaryDirectory() as folder:
        old = _laid_out(commits[0], Path(folder) / "old")
        slower = [label for name in named or NAMES for label in _compare(name, old, given.rounds)]
    if slower:
        raise SystemExit(f"slower than {AIM:.2f} times: {'; '.join(slower)}")


def _laid_out(commit: str, folder: Path) -> Path:
    """The tree of a commit in a folder; the end where there is no such commit, or another tree would be imported from there."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False)
    if archive.returncode:
        raise SystemExit(archive.stderr.decode().strip())
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    asking = [sys.executable, "-c", "import baybridge; print(baybridge.__file__)"]
    for tree in (folder, ROOT):
        where = subprocess.run(asking, env=_environment(tree), cwd=tree, capture_output=True, text=True, check=True)
        if not Path(where.stdout.strip()).is_relative_to(tree):
            raise SystemExit(f"expected the package of {tree}, found {where.stdout.strip()}")
    return folder


def _environment(tree: Path) -> dict[str, str]:
    environment = os.environ  # noqa: TID251 - no node runs here: what the trees are run with is ours
    return {**environment, "PYTHONPATH": os.pathsep.join(map(str, (tree / "src", tree))), "PYTHONHASHSEED": "0"}


def _compare(name: str, old: Path, rounds: int) -> list[str]:
    """Run one benchmark in both trees and print it; what is slower."""
    print(f"== {name}", flush=True)
    olds, news = list[Times](), list[Times]()
    for number in range(rounds):
        for tree, kept in ((old, olds), (ROOT, news)) if number % 2 == 0 else ((ROOT, news), (old, olds)):
            found = _run(name, tree)
            if isinstance(found, str):
                print(f"   not compared: {'the old tree' if tree is old else 'this tree'} says: {found}")
                return []
            kept.append(found)
    shared = [label for label in news[0] if all(label in one for one in (*olds, *news))]
    for label in sorted({*olds[0], *news[0]} - set(shared)):
        print(f"   not in both: {label}")
    return [f"{name}: {label}" for label, ratio in _rows(shared, olds, news) if ratio > AIM]


def _rows(labels: list[str], olds: list[Times], news: list[Times]) -> Iterator[tuple[str, float]]:
    """Each label with the ratio by which it is judged, printed; baselines are printed and judge nothing."""
    before, after = ({label: median(one[label] for one in runs) for label in labels} for runs in (olds, news))
    baseline = next((label for label in labels if any(word in label for word in _BASELINES)), None)
    print(f"   {'':52} {'old':>10} {'new':>10} {'ratio':>7} {'spread':>13} {'beside':>7}")
    for label in labels:
        ratio = after[label] / before[label]
        pairs = [new[label] / old[label] for old, new in zip(olds, news, strict=True)]
        beside = ratio / (after[baseline] / before[baseline]) if baseline else None
        said = f"{beside:7.3f}" if beside is not None else "      –"
        print(f"   {label[:52]:52} {before[label]:10.4g} {after[label]:10.4g} {ratio:7.3f} {min(pairs):6.3f}–{max(pairs):.3f} {said}", flush=True)
        if label != baseline:
            yield label, min(ratio, beside) if beside is not None else ratio


def _run(name: str, tree: Path) -> Times | str:
    """What a benchmark measures in a tree, or the last line of what went wrong."""
    command = [sys.executable, str(Path(__file__).resolve()), "--in-this-tree", name]
    done = subprocess.run(command, env=_environment(tree), cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["nothing"])[-1]
    found: Times = json.loads(done.stdout.splitlines()[-1])
    return found


# --- in the process of one tree -------------------------------------------------------------------------------------


def _measured(name: str) -> Times:
    """One benchmark in the tree whose package this process imports."""
    own: Mapping[str, Callable[[], Times]] = {"start": _start, "import": _import, "pages": _pages}
    if name in own:
        return own[name]()
    time.perf_counter = time.process_time  # benchmarks read it when they are imported
    printed = io.StringIO()
    with redirect_stdout(printed):
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    return _read(printed.getvalue())


def _read(text: str) -> Times:
    """The times that a benchmark printed: an object with their units in its names, or a time a line behind its label."""
    if text.lstrip().startswith("{"):
        return {name: float(value) for name, value in json.loads(text).items() if re.search(r"_(us|ms|s)$", name) and "aim" not in name}
    found: Times = {}
    for line in text.splitlines():
        match = _LINE.match(re.sub(r"\([^)]*\d[^)]*\)", "", line))
        if match:
            found[f"{match['label'].strip()}, {match['unit']}"] = float(match["value"].replace(",", ""))
    return found


def _seconds(*arguments: str) -> float:
    """Processor seconds of a command of this tree, with everything that it starts."""
    return _processor("-m", "baybridge", *arguments)


def _processor(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _start() -> Times:
    """How long the command line takes to say what it can, and to list the policies, beside a process that only parses their YAML."""
    return {
        "parse the YAML, s": median(_parsing() for _ in range(5)),
        "baybridge --help, s": median(_seconds("--help") for _ in range(5)),
        "baybridge policy list, s": median(_seconds("policy", "list") for _ in range(5)),
    }


def _parsing() -> float:
    """Processor seconds of reading every policy of this tree as YAML and of nothing else: the trees hold other and longer ones."""
    package = importlib.import_module("baybridge").__file__ or ""
    code = "import pathlib, sys, yaml\nfor file in pathlib.Path(sys.argv[1]).rglob('*.yaml'): yaml.load(file.read_text('utf-8'), Loader=yaml.CSafeLoader)"
    return _processor("-c", code, str(Path(package).parent / "data" / "policies"))


def _import() -> Times:
    """A file of invented people, taken in at a new node by the command."""
    with tempfile.TemporaryDirectory() as folder:
        file, node = Path(folder) / "bulk.ndjson", str(Path(folder) / "node")
        file.write_text("\n".join(map(json.dumps, _records())), "utf-8")
        _seconds("init", node, "--organisation", "Bench", "--jurisdiction", "HK")
        return {f"baybridge import, {_PEOPLE * _RESULTS} results, s": _seconds("import", node, str(file))}


def _records() -> Iterator[dict[str, object]]:
    for number in range(_PEOPLE):
        yield {"resourceType": "Patient", "id": f"p{number}", "name": [{"text": f"Synthetic {number}"}], "birthDate": f"19{number % 60 + 30}-01-01"}
        for place in range(_RESULTS):
            yield {
                "resourceType": "Observation", "id": f"r{number}-{place}", "status": "final", "subject": {"reference": f"Patient/p{number}"},
                "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}, "effectiveDateTime": f"2026-01-{place + 1:02}T09:00:00+08:00",
                "valueQuantity": {"value": 90 + place, "system": "http://unitsofmeasure.org", "code": "g/L"},
            }  # fmt: skip


def _pages() -> Times:
    """Processor milliseconds of the node for each page of `benchmarks.pages`, the first request of each left out."""
    module: Any = importlib.import_module("benchmarks.pages")
    network = module.network
    network.choose_ports = lambda: {name: network.free_port(0) for name in network.PROFILES}  # an old tree takes the usual ones, where another may answer
    found: Times = {}

    def measure(client: Any, address: str, case: str) -> None:
        if not found:
            _wait_for_rest()
        client.get(address).raise_for_status()
        before = _of_children()
        for _ in range(module.REQUESTS):
            client.get(address).raise_for_status()
        found[f"{address.replace(case, '{case}') if case else address}, ms"] = (_of_children() - before) / module.REQUESTS / 1e6

    module._measure = measure  # noqa: SLF001 - its own counts the time at the client
    with redirect_stdout(io.StringIO()):
        module.main()
    return found


def _wait_for_rest() -> None:
    """Wait until the node does nothing for five seconds: what it checks and sends after its start is no part of a page."""
    quiet, ends = 0, time.monotonic() + 120
    while quiet < 10 and time.monotonic() < ends:
        before = _of_children()
        time.sleep(0.5)
        quiet = quiet + 1 if _of_children() - before < 10_000_000 else 0


def _of_children() -> int:
    """Nanoseconds that this process's children have been on a processor, with those of their threads that have ended since."""
    children = (int(one) for task in Path("/proc/self/task").iterdir() for one in (task / "children").read_text().split())
    return sum(time.clock_gettime_ns((~child << 3) | 2) for child in children)  # Linux: the clock of a process's processor time, clock_getcpuclockid(3)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--in-this-tree"]:
        sys.path.remove(str(Path(__file__).resolve().parent))  # the benchmarks of the tree, not those beside this file
        measured = _measured(sys.argv[2])
        print(json.dumps(measured))
    else:
        main()
