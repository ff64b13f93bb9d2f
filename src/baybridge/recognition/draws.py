"""The smallest set of tests to repeat, and the fewest draws in which to take them.

Main job: `draws(lines, now, sampling)` answers when and where to take what, so that each purpose of the plan has a valid result.

Each analyte is taken as few times as its windows allow (intervals stabbed at their earliest end), then tests of one kind share draws in
the same way; each step is exact where one site receives. What a later event (a transfusion, a new drug) ends the worth of is planned
again when it happened.

**Units**: moments; a draw may be at any moment from `from_at` to `by_at`, both included. **Source**: windows from `plan.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from baybridge.documents.recognition import Sampling
from baybridge.recognition.plan import PlanLine


@dataclass(frozen=True, slots=True)
class Test:
    """One analyte to take once, for one or more purposes; `place` is a site that must do it itself, None any that it recognises."""

    __test__ = False  # no test of this project, in spite of its name

    analyte: str
    kind: str
    from_at: datetime
    by_at: datetime
    place: str | None
    purposes: tuple[str, ...]
    late: bool = False  # it was needed before now


@dataclass(frozen=True, slots=True)
class Draw:
    """Tests taken together, at any moment from one to the other, at a site or anywhere that the receiver recognises."""

    kind: str
    from_at: datetime
    by_at: datetime
    place: str | None
    tests: tuple[Test, ...]

    def as_json(self) -> dict[str, object]:
        """The draw as plain JSON."""
        tests = [{"analyte": test.analyte, "purposes": list(test.purposes), "late": test.late} for test in self.tests]
        times = {"from_at": self.from_at.isoformat(), "by_at": self.by_at.isoformat()}
        return {"kind": self.kind, **times, "place": self.place, "tests": tests}


def draws(lines: Sequence[PlanLine], now: datetime, sampling: Sampling) -> tuple[Draw, ...]:
    """The fewest draws that hold the fewest tests, the earliest first."""
    wanted = sorted(needed_tests(lines, now, sampling), key=lambda test: (test.kind, test.by_at))
    found: list[Draw] = []
    for kind, of_kind in groupby(wanted, key=lambda test: test.kind):
        group = list(of_kind)
        bundles = _bundles(group) if kind in sampling.bundled else [[test] for test in group]
        found += [_draw(kind, bundle) for bundle in bundles]
    return tuple(sorted(found, key=lambda draw: (draw.by_at, draw.kind, draw.tests[0].analyte)))


def needed_tests(lines: Sequence[PlanLine], now: datetime, sampling: Sampling) -> tuple[Test, ...]:
    """The fewest tests: each analyte taken once for as many purposes as one moment serves."""
    open_lines = sorted((line for line in lines if line.standing != "serves"), key=lambda line: (line.analyte, line.needed_at))
    found: list[Test] = []
    for _, group in groupby(open_lines, key=lambda line: line.analyte):
        wanted = (_wanted(line, now, sampling) for line in group)
        found += [_together(bundle) for bundle in _bundles(wanted)]
    return tuple(found)


def _wanted(line: PlanLine, now: datetime, sampling: Sampling) -> Test:
    late = line.needed_at < now
    start = max(now, line.repeat_from or now)
    place = line.receiver if line.at_receiver else None
    by_at = now if late else line.needed_at
    return Test(line.analyte, kind_of(line.loinc, sampling), min(start, by_at), by_at, place, (line.purpose,), late)


def kind_of(codes: Sequence[str], sampling: Sampling) -> str:
    """How a test of these codes is taken."""
    return next((kind for kind, listed in sampling.kinds.items() if set(codes) & set(listed)), sampling.default)


def _bundles(wanted: Iterable[Test]) -> list[list[Test]]:
    """The fewest groups with a common moment and no two places: each is opened by the earliest end that no group holds yet."""
    groups: list[tuple[datetime, list[Test]]] = []
    for test in sorted(wanted, key=lambda test: (test.by_at, test.place is None, test.from_at)):
        fitting = [group for moment, group in groups if test.from_at <= moment and _same_place(test, group)]
        if fitting:
            fitting[-1].append(test)
        else:
            groups.append((test.by_at, [test]))
    return [group for _, group in groups]


def _same_place(test: Test, group: Sequence[Test]) -> bool:
    return len({item.place for item in (test, *group) if item.place is not None}) <= 1


def _together(bundle: Sequence[Test]) -> Test:
    """One test of an analyte that serves every purpose of the bundle."""
    first = bundle[0]
    purposes = tuple(dict.fromkeys(purpose for test in bundle for purpose in test.purposes))
    return Test(first.analyte, first.kind, *_common(bundle), _place(bundle), purposes, any(test.late for test in bundle))


def _draw(kind: str, bundle: Sequence[Test]) -> Draw:
    ordered = tuple(sorted(bundle, key=lambda test: (test.analyte, test.from_at)))
    return Draw(kind, *_common(bundle), _place(bundle), ordered)


def _common(bundle: Sequence[Test]) -> tuple[datetime, datetime]:
    return max(test.from_at for test in bundle), min(test.by_at for test in bundle)


def _place(bundle: Sequence[Test]) -> str | None:
    return next((test.place for test in bundle if test.place is not None), None)
