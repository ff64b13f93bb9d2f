"""The values that funding reasons over: lines, layers, agreements, tenders.

Main job: frozen terms that hold money as whole minor units and rates as exact fractions; `quote/case.py` reads them from a file,
`quote/stack.py`, `outcome/agreement.py` and `quote/tenders.py` compute with them.

**Source**: shared funding contract; policy reference D6 (formal model of stacking).
**Units**: `_minor` is minor units of the bill's currency, or of the layer's currency inside a `Layer`. No float anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

#: The category whose lines an outcome agreement is about. Source: shared funding contract, "drug lines" of its examples.
DRUG = "CAR_T_DRUG"

#: The name under which the patient stands among payers.
PATIENT = "PATIENT"


class Kind(StrEnum):
    """How a layer arrives at its benefit."""

    COINSURANCE = "COINSURANCE"
    FIXED_GRANT = "FIXED_GRANT"
    MEANS_TESTED = "MEANS_TESTED"


class LayerBasis(StrEnum):
    """What a layer's rate is applied to: the charge, or what earlier layers left of it."""

    GROSS = "GROSS"
    RESIDUAL = "RESIDUAL"


class RefundBasis(StrEnum):
    """What an agreement's refund rate is applied to."""

    LIST_PRICE = "LIST_PRICE"
    PATIENT_OOP_DRUG = "PATIENT_OOP_DRUG"
    NET_PAID = "NET_PAID"


class Allocation(StrEnum):
    """Who gets a refund."""

    PATIENT_ONLY = "PATIENT_ONLY"
    PRO_RATA_BY_CONTRIBUTION = "PRO_RATA_BY_CONTRIBUTION"
    INSURER_FIRST = "INSURER_FIRST"


@dataclass(frozen=True, slots=True)
class Line:
    """One charge of the bill."""

    line_id: str
    category: str
    gross_minor: int


@dataclass(frozen=True, slots=True)
class Band:
    """A rate up to an amount after the deductible; the last band has no end."""

    up_to_minor: int | None
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a layer pays in an event, a year or a lifetime, and what was used of it."""

    name: str
    limit_minor: int
    used_minor: int

    @property
    def left_minor(self) -> int:
        """What the cap still allows."""
        return max(self.limit_minor - self.used_minor, 0)


@dataclass(frozen=True, slots=True)
class Tier:
    """A row of a means-test scale: a flat contribution or a part of the resources, up to an amount of resources."""

    up_to_minor: int | None
    flat_minor: int | None
    rate: Fraction | None


@dataclass(frozen=True, slots=True)
class Scale:
    """A dated means-test scale; `ceiling_rate` of the resources is never exceeded. `in_force_to` is its last day, where known."""

    tiers: tuple[Tier, ...]
    ceiling_rate: Fraction
    scale_id: str | None = None
    in_force_to: date | None = None


@dataclass(frozen=True, slots=True)
class MeansTest:
    """What a household declares, with the factors and the scale that apply to it."""

    income_minor: int
    income_factor: Fraction
    deductions_minor: int
    assets_minor: int
    asset_allowance_minor: int
    asset_factor: Fraction
    absolute_cap_minor: int | None
    scale: Scale


@dataclass(frozen=True, slots=True)
class Layer:
    """One payer's terms for this patient; amounts are in the layer's own currency.

    `fx` is layer units for one bill unit, None where the layer pays in the bill's currency. `deductible_group` names layers
    that share one deductible. `excluded` holds reason codes for which nothing is paid. `entitled` is false where the plan's
    status is stated and is not `verified`.
    """

    layer_id: str
    order: int
    covers: frozenset[str]
    kind: Kind
    basis: LayerBasis
    deductible_minor: int
    deductible_used_minor: int
    deductible_group: str | None
    bands: tuple[Band, ...]
    caps: tuple[Cap, ...]
    grant_minor: int
    means_test: MeansTest | None
    effective_from: date | None
    effective_to: date | None
    waiting_days: int
    currency: str
    fx: Fraction | None
    excluded: tuple[str, ...]
    entitled: bool


@dataclass(frozen=True, slots=True)
class Agreement:
    """An outcome agreement; `outcomes` are the ones to compute, `earlier_refunds` what payers already got back."""

    basis: RefundBasis
    rate: Fraction
    cap_minor: int | None
    allocation: Allocation
    refund_outcomes: frozenset[str]
    void_outcomes: frozenset[str]
    outcomes: tuple[str, ...]
    earlier_refunds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tender:
    """Money that the patient hands over: an amount in the bill's currency (None is the remainder), paid at a rate."""

    currency: str
    bill_minor: int | None
    rate: Fraction
    rate_text: str


@dataclass(frozen=True, slots=True)
class FundingCase:
    """One bill with the layers that may pay it, in the order in which they pay."""

    case_id: str | None
    currency: str
    event_on: date
    lines: tuple[Line, ...]
    layers: tuple[Layer, ...]
    instalments: int | None
    agreement: Agreement | None
    tenders: tuple[Tender, ...] | None

    @property
    def gross_minor(self) -> int:
        """The whole bill."""
        return sum(line.gross_minor for line in self.lines)
