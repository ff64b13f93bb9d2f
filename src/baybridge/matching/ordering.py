"""In which order options stand, and which of them no order says anything about.

Main job: `ordered(rows, by, pays)` sorts the rows as a person asks; `rankable(row, by, pays)` says whether the place of a row means anything.

An option is never put above another on a chance unless `chances.better` allows it, and one of low confidence is never ranked at all: it
stands after the others, by name. A day that rests on the assumed time of manufacture is compared only with days that rest on the same.
**Units**: what the patient pays in minor units of one currency; None where it cannot be said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

from baybridge.matching.chances import better
from baybridge.matching.options import Option

By = Literal["status", "date", "pays", "near", "language", "chance"]
ORDERS: tuple[By, ...] = ("status", "date", "pays", "near", "language", "chance")
_STATUSES = ("eligible", "not-yet", "undetermined", "ineligible")
#: Further than any place on Earth.
_FAR_KM = 40_000

Pays = Mapping[str, int | None]  # by the row's key


def ordered(rows: Iterable[Option], by: By, pays: Pays | None = None, language: str = "") -> tuple[Option, ...]:
    """The rows in that order; equal ones stand by name, which says nothing about them."""
    named = sorted(rows, key=lambda row: (row.product, row.jurisdiction, row.centre or row.facility or "~", row.policy or ""))
    amounts = pays or {}
    ranked = [row for row in named if rankable(row, by, amounts)]
    rest = [row for row in named if not rankable(row, by, amounts)]
    if by == "status":
        return tuple(sorted(named, key=_by_status))
    if by == "chance":
        return (*_by_chance(ranked), *rest)
    keys: Mapping[str, Callable[[Option], tuple[object, ...]]] = {
        "date": _by_date,
        "near": _by_nearness,
        "pays": lambda row: (amounts[row.key],),
        "language": lambda row: (language not in (row.languages or ()),),
    }
    return (*sorted(ranked, key=keys[by]), *rest)


def rankable(row: Option, by: By, pays: Pays) -> bool:
    """Whether this order says something about this row."""
    if row.unverified:
        return False
    says: Mapping[str, bool] = {
        "status": True,
        "date": row.infusion is not None,
        "pays": pays.get(row.key) is not None,
        "near": row.city is not None,
        "language": row.languages is not None,
        "chance": any(chance.confidence != "low" for chance in row.chances),
    }
    return says[by]


def _by_status(row: Option) -> tuple[int, bool]:
    return _STATUSES.index(row.status), row.unverified


def _by_date(row: Option) -> tuple[bool, date]:
    """Days that rest on published times first, then those that rest on the one assumption."""
    return (row.infusion.confidence == "low", row.infusion.on) if row.infusion else (True, date.max)


def _by_nearness(row: Option) -> tuple[int, bool, int]:
    return row.borders, not row.same_city, row.distance_km if row.distance_km is not None else _FAR_KM


def _by_chance(rows: Sequence[Option]) -> Iterator[Option]:
    """A row stands after one that is better than it, and otherwise where it stood."""
    left = list(rows)
    while left:
        free = (row for row in left if not any(better(other.chances, row.chances) for other in left if other is not row))
        best = next(free, left[0])
        left.remove(best)
        yield best
