"""Means test: what a household can contribute before a fund pays the rest.

Main job: `contribution_of(test)` answers resources, contribution and the row of the scale that applied.

**Source**: shared funding contract, "Means test used in the examples"; policy reference D5. The scale itself is a dated document.
**Units**: minor units of the layer's currency.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from baybridge.base.money import format_minor, round_half_up
from baybridge.funding.plans.terms import MeansTest, Scale, Tier


@dataclass(frozen=True, slots=True)
class Contribution:
    """Annual disposable financial resources, the household's contribution, and the row of the scale, e.g. `PCT:0.20`."""

    resources_minor: int
    contribution_minor: int
    tier: str


def contribution_of(test: MeansTest) -> Contribution:
    """The household's contribution: its row of the scale, never above the ceiling nor the absolute cap, never below zero."""
    resources = _resources(test)
    tier = _tier(test.scale, resources)
    limits = [_by_tier(tier, resources), resources * test.scale.ceiling_rate]
    if test.absolute_cap_minor is not None:
        limits.append(Fraction(test.absolute_cap_minor))
    contribution = max(round_half_up(min(limits)), 0)
    return Contribution(round_half_up(resources), contribution, _name(tier))


def _resources(test: MeansTest) -> Fraction:
    counted_assets = max(test.assets_minor - test.asset_allowance_minor, 0)
    return test.income_minor * test.income_factor - test.deductions_minor + test.asset_factor * counted_assets


def _tier(scale: Scale, resources: Fraction) -> Tier:
    return next(tier for tier in scale.tiers if tier.up_to_minor is None or resources <= tier.up_to_minor)


def _by_tier(tier: Tier, resources: Fraction) -> Fraction:
    if tier.rate is not None:
        return resources * tier.rate
    return Fraction(tier.flat_minor or 0)


def _name(tier: Tier) -> str:
    if tier.rate is not None:
        return f"PCT:{_two_places(tier.rate)}"
    return f"FLAT:{format_minor(tier.flat_minor or 0)}"


def _two_places(rate: Fraction) -> str:
    """A rate as text with at least two places, exactly where its decimal expansion ends within six."""
    text = f"{round_half_up(rate * 1_000_000):07d}"
    whole, places = text[:-6], text[-6:].rstrip("0")
    return f"{whole}.{places:0<2}"
