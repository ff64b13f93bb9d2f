"""What recognition spared: tests not repeated, days not waited, money not spent, for each pair of regions.

Main job: `spared_of(request, answer, costs)` is what one decision spared, written into its document when it is made; `savings(rows)` adds such rows up,
one a pair of regions (where it was measured, where it serves).

Nothing is assumed and nothing is worked out again later: price and turnaround are those that were configured on the day of the decision. A test
without them is counted and stays unpriced; unverified prices stand apart; currencies are never added to one another. A result that serves
several purposes of a receiver spared one test. Tests of one case that were spared on one day would have been waited for side by side, so the
longest turnaround counts. **Units**: whole minor units of a currency; days as configured. **Source**: `data/recognition/costs.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from baybridge.base.dated import in_force
from baybridge.recognition.outcome import EMERGENCY
from baybridge.recognition.written import CostRow, Price, Turnaround, WrittenCosts, WrittenRequest, WrittenSpared

Row = TypeVar("Row", bound=CostRow)
UNVERIFIED = "low"


@dataclass(frozen=True, slots=True)
class Spared:
    """One result that served instead of a repeated test."""

    case_id: str
    result_id: str
    loinc: str
    purposes: tuple[str, ...]
    measured_in: str  # CN, HK, MO; empty where the laboratory is not known
    used_in: str
    decided_on: str
    price: Price | None = None
    turnaround: Turnaround | None = None


@dataclass(frozen=True, slots=True)
class Saving:
    """What one pair of regions spared; money by currency, unverified prices apart."""

    measured_in: str
    used_in: str
    tests: int
    days: float | None  # None where no turnaround was configured for any of them
    days_unverified: bool
    money_minor: Mapping[str, int]
    unverified_minor: Mapping[str, int]
    unpriced: int
    untimed: int

    def as_json(self) -> dict[str, object]:
        """The row as plain JSON."""
        names = ("measured_in", "used_in", "tests", "days", "days_unverified", "unpriced", "untimed")
        money = {"money_minor": dict(self.money_minor), "unverified_minor": dict(self.unverified_minor)}
        return {**{name: getattr(self, name) for name in names}, **money}


def spared_of(
    request: WrittenRequest, outcome: str, direction: str | None, codes: Iterable[str], costs: WrittenCosts, on: date
) -> WrittenSpared | None:
    """What a decision spared, with the price and turnaround of its day; None where the result is the receiver's own or does not spare a test.

    A clinician's acceptance spares one too, but not an emergency, which repeats in parallel.
    """
    laboratory, asked = request["laboratory"], request["request"]
    own = laboratory.get("id") is not None and laboratory.get("id") == asked.get("receiver_site")
    accepted = outcome == "clinician-override" and direction == "accept" and EMERGENCY not in codes
    if own or not (accepted or outcome in ("recognised", "recognised-with-conversion")):
        return None
    used_in = region(asked.get("receiver_jurisdiction"))
    loinc = str(request["result"].get("loinc") or "")
    return {
        "measured_in": region(laboratory.get("jurisdiction")),
        "used_in": used_in,
        "price": price_of(costs, loinc, used_in, on),
        "turnaround": turnaround_of(costs, loinc, used_in, on),
    }


def region(jurisdiction: str | None) -> str:
    """CN, HK, MO or another country of a jurisdiction."""
    return (jurisdiction or "").split("-")[0]


def price_of(costs: WrittenCosts, loinc: str, used_in: str, on: date) -> Price | None:
    """What the repeat would have cost where and when it would have been done; a row without confidence is unverified."""
    row = _row(costs["prices"], loinc, used_in, on)
    if row is None:
        return None
    return {
        "amount_minor": row["amount_minor"],
        "currency": row["currency"],
        "confidence": row.get("confidence", UNVERIFIED),
        "source": row.get("source", ""),
    }


def turnaround_of(costs: WrittenCosts, loinc: str, used_in: str, on: date) -> Turnaround | None:
    """How long the repeat would have taken; as `price_of`."""
    row = _row(costs["turnaround"], loinc, used_in, on)
    return None if row is None else {"days": row["days"], "confidence": row.get("confidence", UNVERIFIED), "source": row.get("source", "")}


def _row(rows: Sequence[Row], loinc: str, used_in: str, on: date) -> Row | None:
    """The row for an analyte that holds on a day in a region; the latest goes before earlier ones."""
    holding = (row for row in reversed(rows) if loinc in row["loinc"] and row["jurisdiction"] == used_in and in_force(row, on))
    return next(holding, None)


def savings(rows: Iterable[Spared]) -> tuple[Saving, ...]:
    """One row a pair of regions."""
    pairs: dict[tuple[str, str], list[Spared]] = {}
    for row in rows:
        pairs.setdefault((row.measured_in, row.used_in), []).append(row)
    return tuple(_saving(pair, found) for pair, found in sorted(pairs.items()))


def _saving(pair: tuple[str, str], rows: list[Spared]) -> Saving:
    priced = [row.price for row in rows if row.price is not None]
    timed = [(row, row.turnaround) for row in rows if row.turnaround is not None]
    longest: dict[tuple[str, str], float] = {}
    for row, turnaround in timed:
        key = (row.case_id, row.decided_on)
        longest[key] = max(longest.get(key, 0.0), float(turnaround["days"]))
    return Saving(
        *pair,
        tests=len(rows),
        days=sum(longest.values()) if timed else None,
        days_unverified=any(turnaround["confidence"] == UNVERIFIED for _, turnaround in timed),
        money_minor=added(price for price in priced if price["confidence"] != UNVERIFIED),
        unverified_minor=added(price for price in priced if price["confidence"] == UNVERIFIED),
        unpriced=len(rows) - len(priced),
        untimed=len(rows) - len(timed),
    )


def added(prices: Iterable[Price]) -> dict[str, int]:
    """Prices by currency."""
    money: dict[str, int] = {}
    for price in prices:
        money[price["currency"]] = money.get(price["currency"], 0) + int(price["amount_minor"])
    return money
