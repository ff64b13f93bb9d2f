"""A test plan as a person acts on it: which draws, where, by when, and what it spares against repeating every test.

Main job: `arrange(lines, settings, rules, now, material)`: the fewest draws of the fewest tests, each with the laboratories whose results would serve for all that
the draw holds, and the same counted for a case where nothing were recognised.

A place serves only where it would on the first and on the last moment of the draw, so that an accreditation that ends meanwhile is not offered.
Pure. **Units**: money in minor units by currency, unverified prices apart; days as configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from baybridge.base.time import CHINA, day_of
from baybridge.documents.recognition import Sampling
from baybridge.recognition.draws import Draw, Test, draws, needed_tests
from baybridge.recognition.places import Place, places
from baybridge.recognition.plan import PlanLine
from baybridge.recognition.results import Setting
from baybridge.recognition.rules import RecognitionRules
from baybridge.recognition.savings import UNVERIFIED, added, price_of, region, turnaround_of
from baybridge.recognition.written import WrittenCosts

Cost = TypeVar("Cost")


@dataclass(frozen=True, slots=True)
class Material:
    """How tests are taken, and what they cost."""

    sampling: Sampling
    costs: WrittenCosts


@dataclass(frozen=True, slots=True)
class Where:
    """A laboratory for a draw: the analytes that it may do, and what stands against the others."""

    laboratory: str
    jurisdiction: str | None
    serves: tuple[str, ...]
    against: tuple[tuple[str, tuple[str, ...]], ...]  # (analyte, codes)

    @property
    def serves_all(self) -> bool:
        """Whether the whole draw may be taken there."""
        return not self.against


@dataclass(frozen=True, slots=True)
class Arranged:
    """One draw with its places, those that serve for most first."""

    draw: Draw
    places: tuple[Where, ...]


@dataclass(frozen=True, slots=True)
class Against:
    """Tests and draws with recognition and without, and what the difference is worth at the configured prices."""

    tests: int
    tests_without: int
    draws: int
    draws_without: int
    money_minor: Mapping[str, int]
    unverified_minor: Mapping[str, int]
    unpriced: int
    days: float | None  # the longest turnaround among the tests that are spared; None where none is configured
    days_unverified: bool


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What to do, and what it spares."""

    draws: tuple[Arranged, ...]
    against: Against


def arrange(lines: Sequence[PlanLine], settings: Sequence[Setting], rules: RecognitionRules, now: datetime, material: Material) -> Arrangement:
    """Draws with places, and the comparison."""
    by_purpose = {setting.purpose: setting for setting in settings}
    found = draws(lines, now, material.sampling)
    tried: Tried = {}
    arranged = tuple(Arranged(draw, _places(draw, lines, by_purpose, rules, tried)) for draw in found)
    return Arrangement(arranged, _against(lines, settings, now, material))


#: Places that were tried already: two draws of a day ask the same.
Tried = dict[tuple[tuple[str, ...], str, datetime, datetime], tuple[Place, ...]]


def _places(draw: Draw, lines: Sequence[PlanLine], settings: Mapping[str, Setting], rules: RecognitionRules, tried: Tried) -> tuple[Where, ...]:
    if draw.place is not None:  # one site does it, whoever else could
        here = next((line for line in lines if line.receiver == draw.place), None)
        jurisdiction = settings[here.purpose].receiver.get("jurisdiction") if here else None
        return (Where(draw.place, jurisdiction, tuple(test.analyte for test in draw.tests), ()),)
    standing: dict[str, tuple[str | None, list[str], list[tuple[str, tuple[str, ...]]]]] = {}
    for test in draw.tests:
        for laboratory, jurisdiction, codes in _for_test(test, draw, lines, settings, rules, tried):
            row = standing.setdefault(laboratory, (jurisdiction, [], []))
            if codes:
                row[2].append((test.analyte, codes))
            else:
                row[1].append(test.analyte)
    rows = [Where(name, place, tuple(serves), tuple(against)) for name, (place, serves, against) in standing.items()]
    return tuple(sorted(rows, key=lambda row: (len(row.against), row.laboratory)))


def _for_test(
    test: Test, draw: Draw, lines: Sequence[PlanLine], settings: Mapping[str, Setting], rules: RecognitionRules, tried: Tried
) -> list[tuple[str, str | None, tuple[str, ...]]]:
    """Each laboratory with every code against it for any purpose of the test, at the first or the last moment of the draw."""
    against: dict[str, tuple[str | None, set[str]]] = {}
    for line in lines:
        if line.analyte != test.analyte or line.purpose not in test.purposes or line.standing == "serves":
            continue
        everywhere = replace(line, at_receiver=False)
        for moment in {day_of(at): at for at in (draw.from_at, draw.by_at)}.values():  # the directory counts in days
            setting = replace(settings[line.purpose], use_at=max(moment, line.needed_at))
            asked = (tuple(line.loinc), line.purpose, setting.use_at, moment)
            if asked not in tried:
                tried[asked] = places(everywhere, setting, rules, moment)
            for place in tried[asked]:
                codes = against.setdefault(place.laboratory, (place.jurisdiction, set()))[1]
                codes |= set() if place.serves else set(place.codes)
    return [(name, jurisdiction, tuple(sorted(codes))) for name, (jurisdiction, codes) in against.items()]


def _against(lines: Sequence[PlanLine], settings: Sequence[Setting], now: datetime, material: Material) -> Against:
    """The plan beside one in which every result were repeated."""
    nothing = [replace(line, standing="missing") for line in lines]
    wanted, without = needed_tests(lines, now, material.sampling), needed_tests(nothing, now, material.sampling)
    spared = _difference(without, wanted)
    used_in = region(str(settings[0].receiver.get("jurisdiction") or "")) if settings else ""
    codes = {line.analyte: line.loinc for line in lines}
    on = now.astimezone(CHINA).date()
    prices = [_first(price_of(material.costs, code, used_in, on) for code in codes[name]) for name in spared]
    found = [_first(turnaround_of(material.costs, code, used_in, on) for code in codes[name]) for name in spared]
    times = [row for row in found if row is not None]
    priced = [price for price in prices if price is not None]
    return Against(
        tests=len(wanted),
        tests_without=len(without),
        draws=len(draws(lines, now, material.sampling)),
        draws_without=len(draws(nothing, now, material.sampling)),
        money_minor=added(price for price in priced if price["confidence"] != UNVERIFIED),
        unverified_minor=added(price for price in priced if price["confidence"] == UNVERIFIED),
        unpriced=len(prices) - len(priced),
        days=max((float(row["days"]) for row in times), default=None),
        days_unverified=any(row["confidence"] == UNVERIFIED for row in times),
    )


def _difference(without: Sequence[Test], wanted: Sequence[Test]) -> list[str]:
    """The analytes of the tests that need not be taken, one for each time."""
    left = [test.analyte for test in wanted]
    spared = []
    for test in without:
        if test.analyte in left:
            left.remove(test.analyte)
        else:
            spared.append(test.analyte)
    return spared


def _first(costs: Iterable[Cost | None]) -> Cost | None:
    """The cost of the first code that has one."""
    return next((cost for cost in costs if cost is not None), None)
