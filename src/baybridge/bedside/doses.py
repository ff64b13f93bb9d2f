"""How much of a drug was given: an amount in a unit, or one for each kilogram with its arithmetic.

Main job: `dose_of(situation, given)`, the dose as it is recorded, and `against_dose(…)`, what is wrong with what was entered. Amounts come as milligrams, as milligrams
for each kilogram, as an amount in another unit, or as one text of number and unit (`8 mg/kg`), which is read as such or refused: words are no dose.

**Units**: those of `data/terms/drugs.yaml` (UCUM); masses are compared in milligrams.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from baybridge.base.outcome import Reason
from baybridge.documents.terms import DoseUnit, Drug, Drugs
from baybridge.journey.command import Situation

#: How far two statements of one dose may lie apart: vials and rounding. Source: convention of this project.
ROUNDED = 0.1


@dataclass(frozen=True, slots=True)
class Entered:
    """What somebody entered of a dose: milligrams, milligrams for each kilogram, an amount in a unit, or one text of both."""

    dose_mg: float | None = None
    mg_per_kg: float | None = None
    amount: float | None = None
    unit: str | None = None
    dose: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a dose: an amount in a base unit (mg, IU, mL …), or one for each kilogram of it."""

    amount: float
    base: str
    per_kg: bool
    code: str  # of the unit as it was entered
    where: str

    @property
    def text(self) -> str:
        """The amount with its unit."""
        return f"{figure(self.amount)} {self.base}{'/kg' if self.per_kg else ''}"


@dataclass(frozen=True, slots=True)
class Dose:
    """A dose as it is recorded, with its arithmetic where it goes by weight; `mg` where it is a mass, else `amount` in `unit`."""

    text: str = ""
    mg: float | None = None
    mg_per_kg: float | None = None
    weight_kg: float | None = None
    amount: float | None = None
    unit: str | None = None


def figure(number: float) -> str:
    """A number with at most two places, none from a hundred thousand on; one below a hundredth with its first two digits."""
    if 0 < abs(number) < 0.01:
        return f"{number:.6f}".rstrip("0")
    return f"{number:.2f}".rstrip("0").rstrip(".") if abs(number) < 100_000 else f"{number:.0f}"


def dose_of(situation: Situation, given: Entered, most_mg: float | None) -> Dose:
    """The dose; by weight with its arithmetic, and never above the most of one dose. Empty where nothing can be read."""
    parts = tuple(_parts(situation, given))
    whole, by_weight = next((one for one in parts if not one.per_kg), None), next((one for one in parts if one.per_kg), None)
    weight = weight_now(situation)
    if by_weight is None:
        return _recorded(whole.text, whole.amount, whole) if whole else Dose()
    mg_per_kg = by_weight.amount if by_weight.base == "mg" else None
    if weight is None:
        return Dose(mg_per_kg=mg_per_kg)
    product, text = _sum(by_weight, weight, most_mg)
    stands = whole.amount if whole is not None else product
    recorded = _recorded(text if stands == product else f"{text}; {figure(stands)} {by_weight.base}", stands, by_weight)
    return Dose(recorded.text, recorded.mg, mg_per_kg, weight, recorded.amount, recorded.unit)


def _recorded(text: str, amount: float, part: Part) -> Dose:
    return Dose(text, amount) if part.base == "mg" else Dose(text, amount=amount, unit=part.code.removesuffix("/kg"))


def _sum(by_weight: Part, weight: float, most_mg: float | None) -> tuple[float, str]:
    """The whole of a dose by weight, with its arithmetic."""
    whole = by_weight.amount * weight
    text = f"{by_weight.text} × {figure(weight)} kg = {figure(whole)} {by_weight.base}"
    if by_weight.base == "mg" and most_mg is not None and whole > most_mg:
        return most_mg, f"{text} → {figure(most_mg)} mg"
    return whole, text


def against_dose(situation: Situation, given: Entered, drug: Drug | None, most_mg: float | None) -> Iterator[Reason]:
    """What cannot be read as a dose, does not fit the drug, contradicts itself, or goes by a weight that nobody knows."""
    parts, units = tuple(_parts(situation, given)), situation.documents.the(Drugs).dose_units
    yield from _unread(situation, given)
    if not parts and not given.dose.strip() and given.amount is None:
        yield Reason("bedside.drug.no_dose", where="dose_mg")
    if (given.amount is None) is not (given.unit is None or not given.unit.strip()):
        yield Reason("bedside.drug.amount_and_unit", {"known": _shown(units)}, where="unit" if given.amount is not None else "amount")
    if drug is not None and drug.units:
        for part in (part for part in parts if part.code not in drug.units):
            yield Reason("bedside.drug.unit", {"name": drug.names["en"], "known": ", ".join(drug.units)}, where=part.where)
    yield from _contradicting(situation, parts, most_mg)


def _contradicting(situation: Situation, parts: tuple[Part, ...], most_mg: float | None) -> Iterator[Reason]:
    """Two statements of one dose that differ, or a dose by weight without a weight."""
    for first, other in _pairs(parts):
        if first.base != other.base or (first.per_kg is other.per_kg and _apart(first.amount, other.amount)):
            yield Reason("bedside.drug.two_doses", {"dose": first.text, "other": other.text}, where=other.where)
    by_weight, whole = next((one for one in parts if one.per_kg), None), next((one for one in parts if not one.per_kg), None)
    weight = weight_now(situation)
    if by_weight is not None and weight is None:
        yield Reason("bedside.drug.no_weight", where=by_weight.where)
    elif by_weight is not None and weight is not None and whole is not None and whole.base == by_weight.base:
        product, text = _sum(by_weight, weight, most_mg)
        if _apart(product, whole.amount):
            yield Reason("bedside.drug.not_the_sum", {"sum": text, "dose": whole.text}, where=whole.where)


def _pairs(parts: tuple[Part, ...]) -> Iterator[tuple[Part, Part]]:
    return ((parts[0], other) for other in parts[1:])


def _apart(one: float, other: float) -> bool:
    return abs(one - other) > ROUNDED * one + 1e-9


def _parts(situation: Situation, given: Entered) -> Iterator[Part]:
    """Every statement of the dose that can be read, milligrams first."""
    units = situation.documents.the(Drugs).dose_units
    entered = (("dose_mg", given.dose_mg, "mg"), ("mg_per_kg", given.mg_per_kg, "mg/kg"), ("amount", given.amount, given.unit), ("dose", *read_dose(given.dose, units)))
    for where, amount, code in entered:
        unit = units.get(code) if code else None
        if amount is not None and code and unit is not None:
            base = "mg" if unit.mg is not None else (unit.shown or code).removesuffix("/kg")
            yield Part(amount * (unit.mg or 1), base, unit.per_kg, code, where)


#: A number and what stands behind it. A comma or a point before exactly three digits can be either sign, so that the number is not read.
_WRITTEN = re.compile(r"(?P<whole>[0-9]{1,7})(?:[.,](?P<part>[0-9]{1,6}))?\s*(?P<unit>[^\s0-9].*)")


def read_dose(text: str, units: Mapping[str, DoseUnit]) -> tuple[float | None, str | None]:
    """Amount and code of the unit of a dose that is written as both; None where it says anything else, nothing, or no more than zero."""
    found = _WRITTEN.fullmatch(" ".join(text.split()))
    if found is None or (len(found["part"] or "") == 3 and found["whole"].strip("0")):
        return None, None
    wanted = found["unit"].replace(" ", "").casefold()
    code = next((code for code, unit in units.items() if wanted in {one.casefold() for one in (code, unit.shown or code, *unit.spellings)}), None)
    amount = float(f"{found['whole']}.{found['part'] or 0}")
    return (amount, code) if code is not None and amount > 0 else (None, None)


def _unread(situation: Situation, given: Entered) -> Iterator[Reason]:
    units = situation.documents.the(Drugs).dose_units
    if given.dose.strip() and read_dose(given.dose, units) == (None, None):
        yield Reason("bedside.drug.dose_unread", {"known": _shown(units)}, where="dose")


def _shown(units: Mapping[str, DoseUnit]) -> str:
    return ", ".join(unit.shown or code for code, unit in units.items())


def weight_now(situation: Situation) -> float | None:
    """The weight that is still valid, in kilograms."""
    weight = situation.facts.get("weight")
    return float(weight) if isinstance(weight, int | float) and not isinstance(weight, bool) else None
