"""How long a case of 2,000 events takes to fold, with and without corrections, beside reading the same events as plain JSON.

Run: `python -m benchmarks.case_folding`. The case is a long stay: assessments with grades, drugs and visits; in the second case one entry in ten
was put right. Prints milliseconds of this process (median of 30) and the ratio to the baseline of the same run: the same bytes through the JSON parser alone.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.events import Event, Recorded
from baybridge.journey.stages import stage_of
from baybridge.journey.stored import decode, encode

EVENTS, ROUNDS = 2000, 30
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {EVENTS} events, median of {ROUNDS}")
    plain, corrected = history(correct_every=0), history(correct_every=10)
    bodies = [encode(item) for item in plain]
    baseline = _median(lambda: [msgspec.json.decode(body) for body in bodies])
    print(f"{'what':44} {'median ms':>10} {'ratio':>8}")
    print(f"{'baseline: the JSON parser alone':44} {baseline:10.2f} {1:8.2f}")
    _show("fold", lambda: fold(plain), baseline)
    _show("fold, one entry in ten put right", lambda: fold(corrected), baseline)
    _show("fold with stage, grades and calls", lambda: _read(fold(corrected)), baseline)
    _show("read from the ledger's bytes and fold", lambda: fold([decode(body) for body in bodies]), baseline)


def _show(what: str, work: Callable[[], object], baseline: float) -> None:
    took = _median(work)
    print(f"{what:44} {took:10.2f} {took / baseline:8.2f}")


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        times.append(1000 * (time.process_time() - begun))
    return statistics.median(times)


def _read(case: Case) -> Any:
    return stage_of(case), case.grades, case.rapid_responses


def history(correct_every: int) -> list[Recorded]:
    """A long case; every so many entries one is corrected, half of them replaced."""
    made: list[Recorded] = []
    _add(made, ev.CaseOpened(patient_id="p", residence="HK", synthetic=True))
    infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=START, ended_at=START, entire_volume=True)
    _add(made, infused)
    number = 0
    while len(made) < EVENTS:
        number += 1
        at = START + timedelta(hours=4 * number)
        _add(made, ev.AssessmentRecorded(assessed_at=at, findings=(("oxygen_device", "none"), ("temperature", 37.5 + number % 20 / 10))))
        for scale in ("crs-astct-2019", "icans-astct-2019"):
            _add(made, _grade(scale, number % 3, at))  # type: ignore[arg-type]
        if number % 5 == 0:
            _add(made, ev.DrugGiven(atc="L04AC07", name="tocilizumab", dose="8 mg/kg", given_at=at))
        if number % 7 == 0:
            _add(made, ev.FollowUpVisited(visit=f"M{number}", visited_on=date(2026, 3, 2) + timedelta(days=number), alive=True, new_malignancy=None))
        if correct_every and number % correct_every == 0:
            _correct(made, at, replaced=number % 2 == 0)
    return made[:EVENTS]


def _grade(scale: ev.Scale, grade: int, at: datetime) -> ev.GradeAssessed:
    return ev.GradeAssessed(
        scale=scale, outcome=f"grade-{grade}", grade=grade, grade_min=grade, grade_max=grade, driver=None, missing=(), assessed_at=at, decision_sha256="0" * 64
    )


def _correct(made: list[Recorded], at: datetime, *, replaced: bool) -> None:
    old = made[-3]
    instead = f"e-{len(made) + 2:05d}" if replaced else None
    _add(made, ev.EntryCorrected(event_id=old.event_id, action="replace" if replaced else "void", reason="wrong-value", replaced_by=instead))
    if replaced:
        _add(made, msgspec.structs.replace(old.event, **({"assessed_at": at} if hasattr(old.event, "assessed_at") else {})))


def _add(made: list[Recorded], event: Event) -> None:
    number = len(made) + 1
    at = START + timedelta(minutes=number)
    made.append(
        Recorded(
            event_id=f"e-{number:05d}", case_id="case", sequence=number, at=at, recorded_at=at, node="hk", organisation="Hospital", actor="a", role="nurse", event=event
        )
    )


if __name__ == "__main__":
    main()
