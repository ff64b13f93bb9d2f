"""The stack of payers and conversions of units against a second, plain rendering of the published contracts; `make soak` compares ten thousand of each."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from baybridge.facts import ucum
from funding_material import funded
from soak_counts import examples

# --- the stack of payers --------------------------------------------------------------------------------------------

CATEGORIES = ("CAR_T_DRUG", "HOSPITAL", "TRAVEL")
EVENT = date(2026, 3, 10)


def amount(random: Random) -> str:
    return f"{random.choice((0, 1, 333, 20_000, 100_000, 1_200_000)) + random.choice((0, 0, random.randint(0, 9999)))}.{random.randint(0, 99):02}"


def layer(random: Random, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"L{number}", "order": number * 10, "covers": random.sample(CATEGORIES, random.randint(1, 3))}
    if random.random() < 0.2:
        made |= {"kind": "FIXED_GRANT", "amount": amount(random)}
    else:
        made |= {"basis": random.choice(("GROSS", "RESIDUAL"))}
        if random.random() < 0.3:
            made["bands"] = [{"up_to": "50000.00", "rate": "0.5"}, {"up_to": "200000.00", "rate": "0.655"}, {"rate": "0.8"}]
        else:
            made["rate"] = random.choice(("0", "0.33", "0.5", "0.655", "0.8", "1"))
        made |= {name: amount(random) for name in ("deductible", "deductible_used") if random.random() < 0.4}
    for cap in ("cap_event", "cap_year", "cap_lifetime"):
        if random.random() < 0.3:
            made[cap] = amount(random)
            made |= {f"{cap}_used": amount(random)} if random.random() < 0.5 else {}
    if random.random() < 0.3:
        made |= {"effective_from": (EVENT - timedelta(days=random.choice((-1, 0, 29, 30, 31)))).isoformat(), "waiting_days": random.choice((0, 30))}
    elif random.random() < 0.2:
        made["effective_to"] = (EVENT + timedelta(days=random.choice((-1, 0)))).isoformat()
    return made


def cents(text: str | None) -> int:
    return 0 if text is None else int(Decimal(text) * 100)


def rounded(value: Fraction) -> int:
    return int((Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal(1), ROUND_HALF_UP))


def in_force(terms: dict[str, Any]) -> bool:
    start = date.fromisoformat(terms["effective_from"]) + timedelta(days=terms["waiting_days"]) if "effective_from" in terms else EVENT
    return start <= EVENT <= date.fromisoformat(terms.get("effective_to", "9999-12-31"))


def by_bands(terms: dict[str, Any], after: int) -> Fraction:
    if "rate" in terms:
        return after * Fraction(terms["rate"])
    total, before = Fraction(0), 0
    for band in terms["bands"]:
        end = cents(band["up_to"]) if "up_to" in band else after
        total += max(0, min(after, end) - before) * Fraction(band["rate"])
        before = max(before, end)
    return total


def split(whole: int, weights: dict[str, int]) -> dict[str, int]:
    """By largest remainder, ties to the lowest line id."""
    total = sum(weights.values())
    exact = {name: Fraction(whole * weight, total) for name, weight in weights.items()}
    shares = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda one: (shares[one] - exact[one], one))[: whole - sum(shares.values())]:
        shares[name] += 1
    return shares


def pays(terms: dict[str, Any], gross: dict[str, int], left: dict[str, int]) -> tuple[int, int]:
    """What a layer counts from, and what it pays, in cents."""
    if not gross or not in_force(terms):
        return sum(gross.values()), 0
    if terms.get("kind") == "FIXED_GRANT":
        base, raw = sum(left.values()), cents(terms["amount"])
    else:
        base = sum((gross if terms["basis"] == "GROSS" else left).values())
        after = max(0, base - max(0, cents(terms.get("deductible")) - cents(terms.get("deductible_used"))))
        raw = rounded(by_bands(terms, after))
    caps = [max(0, cents(terms[cap]) - (cents(terms.get(f"{cap}_used")))) for cap in ("cap_event", "cap_year", "cap_lifetime") if cap in terms]
    return base, min([raw, sum(left.values()), *caps])


def test_the_stack_of_payers():
    for number in examples(300, "waterfall"):
        random = Random(number)
        lines = [{"id": name, "category": random.choice(CATEGORIES), "gross": amount(random)} for name in random.sample("abcde", random.randint(1, 4))]
        layers = [layer(random, place) for place in range(random.randint(0, 5))]
        answer = funded({"currency": "CNY", "event_date": EVENT.isoformat(), "bill_lines": lines, "layers": layers})
        left = {line["id"]: cents(line["gross"]) for line in lines}
        for terms, printed in zip(layers, answer["layers"], strict=True):
            covered = [line["id"] for line in lines if line["category"] in terms["covers"]]
            gross = {line["id"]: cents(line["gross"]) for line in lines if line["id"] in covered}
            _base, benefit = pays(terms, gross, {name: left[name] for name in covered})
            assert cents(printed["benefit"]) == benefit, (number, terms, printed)
            shares = split(benefit, {name: left[name] for name in covered}) if benefit else {}
            said = {name: cents(share) for name, share in printed.get("allocation", {}).items()}
            assert {**dict.fromkeys(shares, 0), **said} == shares, (number, terms)
            left = {name: rest - shares.get(name, 0) for name, rest in left.items()}
        assert {name: cents(share) for name, share in answer["patient_share_by_line"].items()} == left, number
        assert cents(answer["patient_share"]) == sum(left.values()), number


# --- units ----------------------------------------------------------------------------------------------------------

PREFIXES = {"": 0, "k": 3, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
#: What is measured -> units of it: UCUM's case-sensitive code, size beside the first, and whether it takes a prefix. Source: UCUM 2.1, tables 1 to 9.
UNITS: dict[str, dict[str, tuple[Fraction, bool]]] = {
    "mass": {"g": (Fraction(1), True), "t": (Fraction(10**6), True), "[lb_av]": (Fraction("453.59237"), False)},
    "volume": {"L": (Fraction(1), True), "l": (Fraction(1), True), "m3": (Fraction(1000), False), "dm3": (Fraction(1), False), "cm3": (Fraction(1, 1000), False)},
    "time": {"s": (Fraction(1), True), "min": (Fraction(60), False), "h": (Fraction(3600), False), "d": (Fraction(86400), False), "wk": (Fraction(604800), False)},
    "length": {"m": (Fraction(1), True), "[in_i]": (Fraction("0.0254"), False)},
    "amount": {"mol": (Fraction(1), True)},
}  # fmt: skip
MULTIPLIERS = (1, 10, 24, 100, 1000, 12)


def part(random: Random, kind: str) -> tuple[str, Fraction]:
    """A unit of a kind as text and its size."""
    code, (size, metric) = random.choice(sorted(UNITS[kind].items()))
    prefix = random.choice(sorted(PREFIXES)) if metric else ""
    factor = random.choice(MULTIPLIERS) if random.random() < 0.3 else 1
    power = random.choice((3, 6, 9)) if random.random() < 0.2 else 0
    text = "".join((f"10*{power}." if power else "", f"{factor}." if factor > 1 else "", prefix, code))
    return text, size * Fraction(10) ** (PREFIXES[prefix] + power) * factor


def unit(random: Random, above: str, below: str | None) -> tuple[str, Fraction]:
    top, size = part(random, above)
    if below is None:
        return top, size
    bottom, other = part(random, below)
    return f"{top}/({bottom})" if "." in bottom else f"{top}/{bottom}", size / other


def test_units_by_their_parts():
    kinds = sorted(UNITS)
    for number in examples(600, "units"):
        random = Random(number)
        above, below = random.choice(kinds), random.choice((None, *kinds))
        (found, size), (wanted, other) = unit(random, above, below), unit(random, above, below)
        value = Fraction(random.choice((1, 5, 250, 4500)), random.choice((1, 10, 8)))
        assert ucum.convert(value, found, wanted) == value * size / other, (number, found, wanted)


@pytest.mark.parametrize("kinds", [("mass", "volume"), ("amount", "mass"), ("time", "length")])
def test_units_of_another_kind_never_convert(kinds):
    for number in examples(100, f"units of {' and '.join(kinds)}"):
        random = Random(number)
        with pytest.raises(ucum.UnitError):
            ucum.convert(Fraction(1), part(random, kinds[0])[0], part(random, kinds[1])[0])
