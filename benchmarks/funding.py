"""How long one case with 6 layers and 4 lines takes, explained, beside the least that a hand-written loop does in the same run.

Run: `python benchmarks/funding.py`. The aim is at most 1 ms a case.
"""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter
from typing import Any

from baybridge.base.outcome import Refusal
from baybridge.documents.loader import Documents
from baybridge.funding.plans.layers import scale_of
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.report import as_json, fund, sentences

CATEGORIES = ("CAR_T_DRUG", "COLLECTION", "INPATIENT", "TRAVEL")
GROSS = ("1200000.00", "35000.00", "180000.00", "9000.00")
LAYERS: list[dict[str, Any]] = [
    {"id": "basic", "order": 10, "covers": ["INPATIENT", "COLLECTION"], "deductible": "1600.00", "rate": "0.80", "cap_year": "300000.00"},
    {
        "id": "critical", "order": 20, "covers": ["INPATIENT"], "deductible": "10000.00",
        "bands": [{"up_to": "50000.00", "rate": "0.60"}, {"rate": "0.70"}],
    },
    {"id": "city", "order": 40, "covers": ["CAR_T_DRUG"], "deductible": "20000.00", "rate": "0.80", "cap_year": "500000.00"},
    {"id": "group", "order": 50, "covers": ["CAR_T_DRUG"], "rate": "0.50", "layer_ccy": "HKD", "fx_to_layer_ccy": "1.0873"},
    {"id": "charity", "order": 60, "kind": "FIXED_GRANT", "amount": "50000.00", "covers": ["CAR_T_DRUG"]},
    {"id": "travel", "order": 65, "covers": ["TRAVEL"], "rate": "1.00", "cap_event": "5000.00"},
]  # fmt: skip
CASE: dict[str, Any] = {
    "currency": "CNY",
    "event_date": "2026-03-10",
    "bill_lines": [{"id": c.lower(), "category": c, "gross": g} for c, g in zip(CATEGORIES, GROSS, strict=True)],
    "layers": LAYERS,
}


def by_hand(gross: dict[str, int]) -> tuple[list[int], dict[str, int]]:
    """The same six layers in integers, without reasons, dates or explanations: basis points and parts per million."""
    left = dict(gross)
    paid = []

    def take(benefit: int, covers: tuple[str, ...]) -> None:
        base = sum(left[c] for c in covers)
        benefit = min(benefit, base)
        shares = {c: benefit * left[c] // base for c in covers} if base else dict.fromkeys(covers, 0)
        rest = benefit - sum(shares.values())
        for c in sorted(covers, key=lambda c: (-(benefit * left[c] % base if base else 0), c))[:rest]:
            shares[c] += 1
        for c in covers:
            left[c] -= shares[c]
        paid.append(benefit)

    hospital = ("COLLECTION", "INPATIENT")
    take(min((max(sum(left[c] for c in hospital) - 160_000, 0) * 8 + 5) // 10, 30_000_000), hospital)
    above = max(left["INPATIENT"] - 1_000_000, 0)
    take((min(above, 5_000_000) * 6 + max(above - 5_000_000, 0) * 7 + 5) // 10, ("INPATIENT",))
    take(min((max(left["CAR_T_DRUG"] - 2_000_000, 0) * 8 + 5) // 10, 50_000_000), ("CAR_T_DRUG",))
    foreign = ((left["CAR_T_DRUG"] * 10_873 + 5_000) // 10_000 + 1) // 2
    take((foreign * 20_000 + 10_873) // 21_746, ("CAR_T_DRUG",))
    take(5_000_000, ("CAR_T_DRUG",))
    take(min(left["TRAVEL"], 500_000), ("TRAVEL",))
    return paid, left


def milliseconds(work: Any, repeats: int = 2_000) -> float:
    """Median time of one call in milliseconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times) * 1_000


def main() -> None:
    """Print the times and their ratios; stop where both ways do not agree to the cent."""
    scale = scale_of(Documents().folder("plans/scales")["hk-ccf-scale-2012"])
    if isinstance(scale, Refusal):
        raise SystemExit("the scale cannot be read")
    read = read_cases(CASE, scale)
    if isinstance(read, Refusal):
        raise SystemExit("the case cannot be read")
    case = read[0]
    gross = {line.category: line.gross_minor for line in case.lines}
    answer = fund(case)
    if isinstance(answer, Refusal):
        raise SystemExit("the case cannot be funded")
    paid, left = by_hand(gross)
    if [p.amounts.benefit for p in answer.stack.layers] != paid or answer.stack.patient_minor != sum(left.values()):
        raise SystemExit("the hand-written loop gives other amounts")
    times = {
        "hand-written loop, amounts only": milliseconds(lambda: by_hand(gross)),
        "stack of a case that was read": milliseconds(lambda: fund(case)),
        "read, stack, explain in words": milliseconds(lambda: list(sentences(fund(read_cases(CASE, scale)[0])))),  # type: ignore[index,arg-type]
        "read, stack, print as JSON": milliseconds(lambda: json.dumps(as_json(fund(read_cases(CASE, scale)[0])))),  # type: ignore[index,arg-type]
    }
    baseline = next(iter(times.values()))
    for name, time in times.items():
        print(f"{name:34} {time:8.4f} ms   x {time / baseline:6.1f}")


if __name__ == "__main__":
    main()
