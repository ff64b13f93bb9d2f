"""The demo's cohort: about thirty invented patients, each left at another step of the road.

Main job: `COHORT` says who stands where; `make_histories(nodes, clock, …)` walks them there, the longest roads first, so that the demo's clock ends now.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from baybridge.demo.history import ROAD, WORSE, Stop
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.node.node import Node


@dataclass(frozen=True, slots=True)
class Placed:
    """An invented patient, where treated, and the last step done."""

    patient: Invented
    home: str
    centre: str
    until: str
    worsens: bool = False
    money: str = ""


#: Whose money takes another way than a claim not sent yet, by (home, disease, last step); what each word does stands in `money.py`.
_MONEY = {
    ("hk", "mm", "quote"): "waiting",
    ("mo", "dlbcl", "day_28"): "refused",
    ("mo", "dlbcl", "hand_over"): "unpaid",
    ("gd", "dlbcl-early", "refund"): "paid",
    ("mo", "dlbcl", "slot"): "cut",
}


def _placed(number: int, home: str, disease: str, centre: str, until: str, *, worsens: bool = False) -> Placed:
    region = {"mo": "MO", "hk": "HK", "gd": "CN"}[home]
    return Placed(Invented(number, region, disease), home, centre, until, worsens, _MONEY.get((home, disease, until), ""))


#: (home, disease, centre, last steps): one patient for each last step.
_GROUPS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "mo",
        "dlbcl",
        "hk",
        (
            *("hand_over", "day_28", "infuse", "release"),
            *("collect", "slot", "repeat", "accept", "refer", "records"),
        ),
    ),
    ("hk", "mm", "hk", ("discharge", "treat", "lymphodeplete", "ship_product", "quote", "consent", "records")),
    ("gd", "dlbcl-early", "gd", ("refund", "monitor", "manufacture", "recognise", "eligibility", "records")),
    ("mo", "mm", "hk", ("ship_cells", "eligibility", "records")),
    ("gd", "dlbcl", "gd", ("eligibility", "records", "consent")),
    ("hk", "mm", "hk", ("test_product",)),
)

def cohort() -> tuple[Placed, ...]:
    """Everybody, numbered."""
    placed: list[Placed] = []
    for home, disease, centre, steps in _GROUPS:
        for until in steps:
            placed.append(_placed(len(placed) + 1, home, disease, centre, until, worsens=until == "treat"))
    return tuple(placed)


def make_histories(
    nodes: Mapping[str, Node], clock: Ticking, present: datetime, people: Sequence[Placed], on_progress: Callable[[int, int], None]
) -> list[Walk]:
    """Walk everybody to their step, whatever is due first, so that the clock only goes forward and ends near the present."""
    walks = [Walk(nodes, clock, placed.patient, placed.home, placed.centre, money=placed.money) for placed in people]
    roads = [stops_of(placed) for placed in people]
    due = [(present - _length(road) - timedelta(hours=3 + number), number, 0) for number, road in enumerate(roads)]
    heapq.heapify(due)
    done, total = 0, sum(len(road) for road in roads)
    while due:
        at, number, place = heapq.heappop(due)
        clock.moment = max(clock.moment, at)
        roads[number][place].step(walks[number])
        done += 1
        on_progress(done, total)
        if place + 1 < len(roads[number]):
            heapq.heappush(due, (clock.moment + roads[number][place + 1].after, number, place + 1))
    return walks


def _length(road: Sequence[Stop]) -> timedelta:
    return sum((stop.after for stop in road), timedelta(minutes=len(road)))


def stops_of(placed: Placed) -> tuple[Stop, ...]:
    """The stops of one patient."""
    names = [stop.name for stop in ROAD]
    stops = ROAD[: names.index(placed.until) + 1]
    return (*stops, WORSE) if placed.worsens else stops
