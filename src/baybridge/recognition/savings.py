"""What recognition spared: tests not repeated, days not waited, money not spent, for each pair of regions.

Main job: `savings(spared, prices, turnaround_days)` answers one row a pair of regions (where it was measured, where it serves).

Nothing is assumed: a test without a configured price or turnaround is counted and stays unpriced; currencies are never added to one
another. Decisions that were superseded are left out by the caller. **Units**: whole minor units of a currency; days as configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spared:
    """One result that served instead of a repeated test."""

    result_id: str
    loinc: str
    purpose: str
    measured_in: str  # CN, HK, MO; empty where the laboratory is not known
    used_in: str


@dataclass(frozen=True, slots=True)
class Saving:
    """What one pair of regions spared."""

    measured_in: str
    used_in: str
    tests: int
    days: float | None  # None where no turnaround is configured for any of them
    money_minor: Mapping[str, int]  # by currency
    unpriced: int
    untimed: int

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        names = ("measured_in", "used_in", "tests", "days", "unpriced", "untimed")
        return {**{name: getattr(self, name) for name in names}, "money_minor": dict(self.money_minor)}


def spared(documents: Iterable[Mapping[str, Any]]) -> tuple[Spared, ...]:
    """Of recognition documents, the outside results that served; one result for one purpose counts once."""
    found: dict[tuple[str, str], Spared] = {}
    for document in documents:
        request = document["request"]
        laboratory, asked, result = request["laboratory"], request["request"], request["result"]
        own = laboratory.get("id") is not None and laboratory.get("id") == asked.get("receiver_site")
        if own or not _serves(document):
            continue
        regions = (_region(laboratory.get("jurisdiction")), _region(asked.get("receiver_jurisdiction")))
        row = Spared(str(result.get("id")), str(result.get("loinc") or ""), asked["purpose"], *regions)
        found[(row.result_id, row.purpose)] = row
    return tuple(found.values())


def _serves(document: Mapping[str, Any]) -> bool:
    """Recognised or converted; a clinician's acceptance too, but not in an emergency, which repeats in parallel."""
    if document["outcome"] == "clinician-override":
        return document.get("direction") == "accept" and "MR-080" not in document["codes"]
    return document["outcome"] in ("recognised", "recognised-with-conversion")


def _region(jurisdiction: str | None) -> str:
    return (jurisdiction or "").split("-")[0]


def savings(rows: Iterable[Spared], costs: Mapping[str, Any]) -> tuple[Saving, ...]:
    """One row a pair of regions, from what was spared and the document `costs`."""
    pairs: dict[tuple[str, str], list[Spared]] = {}
    for row in rows:
        pairs.setdefault((row.measured_in, row.used_in), []).append(row)
    return tuple(_saving(pair, found, costs) for pair, found in sorted(pairs.items()))


def _saving(pair: tuple[str, str], rows: list[Spared], costs: Mapping[str, Any]) -> Saving:
    priced = [price for row in rows if (price := _row(costs["prices"], row)) is not None]
    timed = [entry["days"] for row in rows if (entry := _row(costs["turnaround"], row)) is not None]
    money: dict[str, int] = {}
    for price in priced:
        money[price["currency"]] = money.get(price["currency"], 0) + price["amount_minor"]
    days = float(sum(timed)) if timed else None
    return Saving(*pair, len(rows), days, money, len(rows) - len(priced), len(rows) - len(timed))


def _row(table: Iterable[Mapping[str, Any]], row: Spared) -> Mapping[str, Any] | None:
    """The configured row for an analyte where the repeat would have been done."""
    return next((entry for entry in table if row.loinc in entry["loinc"] and row.used_in == entry["jurisdiction"]), None)
