"""The chance of response as it was published, with its interval and the people in whom it was measured.

Main job: `chances_of(policy, document)`; `better(one, other)` says whether one may stand above the other, which it almost never may: only
for the same population, with intervals that do not overlap, and never on unverified figures.

**Source**: `data/trials/published-response.yaml`; Wilson EB. J Am Stat Assoc 1927;22:209 for an interval that was not published.
**Units**: per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from baybridge.documents.trials import PublishedResponse, PublishedResponses

Endpoint = Literal["response", "complete_response"]
#: 97.5 % point of the normal distribution, for a two-sided 95 % interval.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Chance:
    """One published figure; `computed` where its interval is ours and not the publication's."""

    endpoint: Endpoint
    percent: float
    low: float
    high: float
    n: int
    trial: str
    population: str
    source: str
    confidence: str
    computed: bool

    def as_json(self) -> dict[str, object]:
        """The figure as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def wilson(percent: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion, in per cent to one decimal."""
    share, square = percent / 100, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    return round(100 * max(0.0, middle - half), 1), round(100 * min(1.0, middle + half), 1)


def chances_of(policy: str | None, document: PublishedResponses, endpoint: Endpoint = "complete_response") -> tuple[Chance, ...]:
    """Every published figure for the patients of a label, in the document's order."""
    of_label = [row for row in document.rows if row.policy == policy]
    return tuple(_chance(row, endpoint, float(percent)) for row in of_label if (percent := _percent(row, endpoint)) is not None)


def _percent(row: PublishedResponse, endpoint: Endpoint) -> float | None:
    return row.response_percent if endpoint == "response" else row.complete_response_percent


def _chance(row: PublishedResponse, endpoint: Endpoint, percent: float) -> Chance:
    interval = row.interval
    published = None if interval is None else interval.response if endpoint == "response" else interval.complete_response
    low, high = published or wilson(percent, row.n)
    told = (row.n, row.trial, row.population, row.source, row.confidence or "low")
    return Chance(endpoint, percent, float(low), float(high), *told, computed=published is None)


def better(one: Sequence[Chance], other: Sequence[Chance]) -> bool:
    """Whether published figures put one option above another: same population and endpoint, apart, and neither unverified."""
    return any(_above(a, b) for a in one for b in other) and not any(_above(b, a) for a in one for b in other)


def _above(one: Chance, other: Chance) -> bool:
    comparable = (one.endpoint, one.population) == (other.endpoint, other.population)
    return comparable and "low" not in (one.confidence, other.confidence) and one.low > other.high
