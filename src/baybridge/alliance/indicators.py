"""Indicators of quality over many cases, with counts, and a value only where there are enough of them.

Main job: `indicators(figures)` of what `figures_of(case)` says of each: which share of outside results served (Q05), days from collection to infusion (Q07), cells
that were collected and not given (Q10). Below 20 a value would say more about a patient than about care: counts only.

**Source**: quality reference E2 (numerators, denominators, minimum for display 20). **Units**: days; shares from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from msgspec import Struct

from baybridge.journey.case import Case

#: Smallest number for which a value is shown. Source: quality reference E2.
SMALLEST = 20
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many; the share only where there are enough."""

    code: str
    count: int
    of: int

    @property
    def value(self) -> Fraction | None:
        """The share, or None where there are too few."""
        return Fraction(self.count, self.of) if self.of >= SMALLEST else None


@dataclass(frozen=True, slots=True)
class Days:
    """Waiting times; the middle one and the quartiles only where there are enough."""

    code: str
    days: tuple[float, ...]

    @property
    def of(self) -> int:
        """How many there are."""
        return len(self.days)

    @property
    def median(self) -> float | None:
        """The middle of the times, or None where there are too few."""
        return self._at(Fraction(1, 2))

    @property
    def quartiles(self) -> tuple[float, float] | None:
        """The first and the third quarter, or None where there are too few."""
        first, third = self._at(Fraction(1, 4)), self._at(Fraction(3, 4))
        return None if first is None or third is None else (first, third)

    def _at(self, share: Fraction) -> float | None:
        """The time at a share of the ordered times, between two neighbours in proportion."""
        if self.of < SMALLEST:
            return None
        ordered = sorted(self.days)
        place = share * (self.of - 1)
        low = int(place)
        high = min(low + 1, self.of - 1)
        return ordered[low] + float(place - low) * (ordered[high] - ordered[low])


class Figures(Struct, frozen=True, kw_only=True):
    """What one case adds: outside results that served and that were repeated, days of each wait, whether cells were collected and a product given."""

    served: int
    repeated: int
    waits: tuple[float, ...]
    collected: bool
    infused: bool


def figures_of(case: Case) -> Figures:
    """What a case adds to the indicators."""
    return Figures(
        served=len(case.recognised), repeated=len(case.repeats), waits=tuple(_waits(case)), collected=bool(case.collections), infused=bool(case.infusions)
    )


def _waits(case: Case) -> Iterator[float]:
    infused = {entry.event.chain_of_identity: entry.event.started_at for entry in reversed(case.infusions)}
    for collection in case.collections:
        if collection.chain_of_identity in infused:
            yield (infused[collection.chain_of_identity] - collection.ended_at) / _DAY


def indicators(cases: Iterable[Figures]) -> tuple[Share, Days, Share]:
    """Q05, Q07 and Q10 over these cases."""
    every = tuple(cases)
    return recognised_use(every), vein_to_vein(every), collected_not_infused(every)


def recognised_use(cases: Sequence[Figures]) -> Share:
    """Q05: of the outside results that were offered for a purpose, as last judged, those that served."""
    served = sum(one.served for one in cases)
    return Share("Q05", served, served + sum(one.repeated for one in cases))


def vein_to_vein(cases: Sequence[Figures]) -> Days:
    """Q07: days from the end of a collection to the infusion of what was made from it; a collection without infusion does not count."""
    return Days("Q07", tuple(days for one in cases for days in one.waits))


def collected_not_infused(cases: Sequence[Figures]) -> Share:
    """Q10: of the patients from whom cells were collected, those who did not receive a product, by now or ever.

    A case that is still on its way counts as not infused: what is read here is the state, not the end.
    """
    collected = [one for one in cases if one.collected]
    return Share("Q10", sum(not one.infused for one in collected), len(collected))
