"""Haematotoxicity and tumour lysis over time, read from a record, against a second, plain rendering of the published contract.

Each example is a course of counts; the rendering below walks day by day. `make soak` runs ten thousand of each.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.reading import read
from policy_documents import apply
from soak_counts import examples

DAY_ZERO = datetime(2026, 3, 2, 2, tzinfo=UTC)  # ten in the morning in Hong Kong
DICTIONARY = Dictionary.from_documents(Documents().folder("facts"), Documents().folder("terms"))
CODES = {"neutrophils": ("26499-4", "10*9/L"), "platelets": ("777-3", "10*9/L"), "potassium": ("2823-3", "mmol/L"), "urate": ("14933-6", "umol/L")}


def infusion() -> dict:
    coding = {"coding": [{"system": "http://www.whocc.no/atc", "code": "L01XL03"}]}
    when = {"status": "completed", "effectiveDateTime": DAY_ZERO.isoformat()}
    return {"resourceType": "MedicationAdministration", "id": "infusion", "medicationCodeableConcept": coding, **when}


def count(name: str, day: float, value: str, number: int) -> dict:
    code, unit = CODES[name]
    at = (DAY_ZERO + timedelta(days=day)).isoformat()
    quantity = {"value": float(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    coding = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return {"resourceType": "Observation", "id": f"{name}{number}", "status": "final", "code": coding, "effectiveDateTime": at, "valueQuantity": quantity}


def death(day: int) -> dict:
    return {"resourceType": "Patient", "id": "p", "deceasedDateTime": (DAY_ZERO + timedelta(days=day)).isoformat()}


def decided(policy: str, asked_on: int, resources: list[dict]):
    values = read(resources, DAY_ZERO + timedelta(days=asked_on, hours=1), DICTIONARY).values
    return apply(policy, values)


# --- the plain rendering --------------------------------------------------------------------------------------------


def walk(counts: list[tuple[int, str]], first: int, end: int) -> list[Fraction | None]:
    """Each day of a window: measured (the lowest of the day), between two counts, kept for three days, or None."""
    lowest: dict[int, Fraction] = {}
    for day, value in counts:
        if first <= day <= end:
            lowest[day] = min(lowest.get(day, Fraction(value)), Fraction(value))
    days: list[Fraction | None] = []
    for day in range(first, end + 1):
        before = [one for one in lowest if one <= day]
        after = [one for one in lowest if one >= day]
        if before and after:
            left, right = max(before), min(after)
            share = Fraction(day - left, right - left) if right > left else Fraction(0)
            days.append(lowest[left] + (lowest[right] - lowest[left]) * share)
        elif before and day - max(before) <= 3:
            days.append(lowest[max(before)])
        else:
            days.append(None)
    return days


def run(low: list[bool]) -> tuple[int, int, int]:
    """Length, first and last day of the longest run, where gaps of one or two days are joined."""
    joined = list(low)
    for day, is_low in enumerate(low):
        if not is_low and any(low[max(0, day - gap) : day] and low[day - gap] and any(low[day + 1 : day - gap + 4]) for gap in (1, 2) if day >= gap):
            joined[day] = True
    best, start = (0, -1, -1), 0
    for day in range(len(joined) + 1):
        if day == len(joined) or not joined[day]:
            if day - start > best[0]:
                best = (day - start, start, day - 1)
            start = day + 1
    return best


def icaht(counts: list[tuple[int, str]], asked_on: int, died: int | None) -> tuple[int, int, int, int]:
    """The least and the greatest grade, days measured, days in the window."""
    last = 30 if died is None else min(30, died)
    end = min(asked_on, last)
    days = walk(counts, 0, end)
    grades = []
    for unmeasured_is_low in (False, True):
        low = {limit: run([value <= limit if value is not None else unmeasured_is_low for value in days]) for limit in (Fraction("0.5"), Fraction("0.1"))}
        length, first, final = low[Fraction("0.5")]
        grade = 0 if not length else 1 if length < 7 else 2 if length < 14 else 3
        grade = max(grade, 4 if low[Fraction("0.1")][0] >= 14 else 3 if low[Fraction("0.1")][0] >= 7 else 0)
        grades.append(4 if length and first <= 3 and final >= last else grade)
    return grades[0], grades[1], sum(value is not None for value in days), len(days)


def t_icaht(counts: list[tuple[int, str]], asked_on: int, died: int | None) -> tuple[int, int, int, int]:
    """The same for platelets, early."""
    days = walk(counts, 0, min(asked_on, 30 if died is None else min(30, died)))
    grades = []
    for unmeasured_is_low in (False, True):
        below = {limit: sum(value < limit if value is not None else unmeasured_is_low for value in days) for limit in (50, 20)}
        grades.append(max(2 if below[50] >= 7 else int(below[50] >= 1), 4 if below[20] >= 14 else 3 if below[20] >= 1 else 0))
    return grades[0], grades[1], sum(value is not None for value in days), len(days)


def course(random: Random, values: tuple[str, ...]) -> tuple[list[tuple[int, str]], int, int | None]:
    days = random.choice((range(-1, 33), range(12), range(0, 31, 3)))
    counts = [(day, random.choice(values)) for day in days for _one in range(random.choice((1, 1, 2))) if random.random() < random.choice((0.2, 0.6, 0.95))]
    return counts, random.randint(0, 30), random.choice((None, None, random.randint(1, 35)))


@pytest.mark.parametrize(
    ("policy", "analyte", "values", "plain"),
    [
        ("icaht-2023", "neutrophils", ("0.05", "0.1", "0.11", "0.3", "0.5", "0.51", "0.9", "2.5"), icaht),
        ("t-icaht-2025", "platelets", ("5", "19.9", "20", "35", "49", "50", "80", "150"), t_icaht),
    ],
)
def test_days_of_low_counts(policy, analyte, values, plain):
    for number in examples(150, policy):
        counts, asked_on, died = course(Random(number), values)
        died = died if died is None or died <= asked_on else None  # nobody knows it yet
        here = [one for one in counts if one[0] <= asked_on]
        resources = [infusion(), *(count(analyte, day, value, place) for place, (day, value) in enumerate(counts)), *([death(died)] if died is not None else [])]
        decision = decided(policy, asked_on, resources)
        if not [day for day, _value in here if 0 <= day <= min(30, 30 if died is None else died)]:
            assert decision.outcome == "undetermined", number
            continue
        least, most, measured, in_window = plain(here, asked_on, died)
        said = tuple(decision.values[name] for name in ("grade_min", "grade_max", "days_measured", "days_in_window"))
        assert said == (least, most, measured, in_window), (number, here, asked_on, died)
        assert decision.outcome == (f"grade-{least}" if least == most else "undetermined"), number


def baseline(counts: list[tuple[float, str]], asked_on: int) -> float | None:
    """The last value before the infusion, at most fourteen days old."""
    earlier = [(day, value) for day, value in counts if -14 <= day < 0 and day <= asked_on]
    return float(max(earlier)[1]) if earlier else None


def test_the_baseline_of_tumour_lysis():
    for number in examples(150, "baseline of TLS"):
        random = Random(number)
        days = sorted(random.sample([d / 2 for d in range(-40, 16)], random.randint(0, 6)))
        counts = [(day, random.choice(("3.5", "4.0", "5.0", "6.1"))) for day in days]
        asked_on = random.randint(0, 8)
        resources = [infusion(), *(count("potassium", day, value, place) for place, (day, value) in enumerate(counts))]
        values = read(resources, DAY_ZERO + timedelta(days=asked_on, hours=1), DICTIONARY).values
        assert values.get("baseline_potassium_tls_infusion") == baseline(counts, asked_on), (number, counts)
