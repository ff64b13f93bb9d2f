"""How long a plan takes with its proof, check and reasons, and made anew after a lost week, beside the greedy list of the same run.

Run: `python -m benchmarks planning`. Aims: 60 patients at most 1 s, 300 at most 3 s, made anew in the same time. All data is invented.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from baybridge.planning.first_come import first_come
from baybridge.planning.plans import plans_of
from baybridge.planning.schedule import plan
from baybridge.planning.written import Schedule, read

MONDAY = date(2026, 3, 2)
SIZES = ((60, 16, 1.0), (300, 40, 3.0))  # patients, weeks, the aim in seconds
SEEDS = 3


def case(seed: int, patients: int, weeks: int) -> dict[str, Any]:
    """Three hospitals, two plants, and more who wait than a quiet year brings."""
    random = Random(seed)

    def each_week(low: int, high: int) -> list[int]:
        return [random.randint(low, high) for _ in range(weeks)]

    centres = [{"id": f"centre{n}", "region": "HK", "chairs": each_week(2, 4), "beds": each_week(5, 8), "icu": each_week(0, 2)} for n in range(3)]
    plants = [{"id": f"plant{n}", "product": f"product{n}", "starts": each_week(3, 5), "turnaround_days": 14 + 4 * n} for n in range(2)]
    ways = [(centre["id"], made_at["id"]) for centre in centres for made_at in plants]
    return {
        "horizon_start": MONDAY.isoformat(), "weeks": weeks, "centres": centres, "plants": plants,
        "transit_days": {f"{a}>{b}": random.randint(1, 3) for way in ways for a, b in (way, way[::-1])},
        "cases": [_patient(random, number, weeks) for number in range(patients)],
        "lymphodepletion_days": 5, "max_hold_weeks": 4, "unserved_penalty": 52,
    }  # fmt: skip


def _patient(random: Random, number: int, weeks: int) -> dict[str, Any]:
    ready = MONDAY + timedelta(days=random.randint(-7, 7 * weeks - 40))
    return {
        "id": f"case{number}", "product": f"product{random.randint(0, 1)}", "centres": random.sample(["centre0", "centre1", "centre2"], random.randint(1, 3)),
        "urgency": random.randint(1, 5), "ready_on": ready.isoformat(), "latest_collection_on": (ready + timedelta(days=random.randint(0, 42))).isoformat(),
        "bed_weeks": random.randint(1, 3), "predicted_severe": random.random() < 0.2,
    }  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    """Of the clock."""
    began = perf_counter()
    work()
    return perf_counter() - began


def measured(patients: int, weeks: int, aim: float) -> None:
    """Print the medians over cases of one size."""
    planned, anew, greedy = list[float](), list[float](), list[float]()
    for seed in range(SEEDS):
        written = case(seed, patients, weeks)
        schedule = read(written)
        first = plan(schedule)
        planned.append(first.seconds)
        greedy.append(seconds(lambda schedule=schedule: first_come(schedule, plans_of(schedule), {})))  # type: ignore[misc]
        changed = plan(_without_a_week(written), first.assignments)
        anew.append(changed.seconds)
        if not all(check.holds for check in (*first.checks, *changed.checks)):
            raise SystemExit("a plan does not pass its check")
    for name, found in (("greedy list", greedy), ("plan with proof, check and reasons", planned), ("made anew", anew)):
        print(f"{patients} patients, {weeks} weeks: {name:36} {median(found):7.3f} s   x {median(found) / median(greedy):6.1f}   aim {aim:.0f} s")


def _without_a_week(written: dict[str, Any]) -> Schedule:
    """The case after a plant lost all starts of week 3."""
    changed = deepcopy(written)
    changed["plants"][0]["starts"][3] = 0
    return read(changed)


def main() -> None:
    """Both sizes."""
    for size in SIZES:
        measured(*size)


if __name__ == "__main__":
    main()
