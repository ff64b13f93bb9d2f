"""What an outcome agreement will cost and return: commitments, expected refunds, reserves, over thousands of draws.

Main job: `outlook(groups, draws, seed)` draws for each group of exchangeable patients a rate of each outcome from what was published
and its uncertainty, then how many patients reach it, and adds the refunds that the agreement gives.

Refunds and payments are whole minor units from the agreement itself; only rates and counts are drawn. The rate is drawn from a Dirichlet
distribution of the published counts with half a patient added to each outcome (Jeffreys prior, assumption), counts are multinomial. Groups that
rest on one publication share its drawn rate: what is uncertain about it is uncertain for all of them at once.
**Source**: clinical reference 8 (published counts), in `data/plans/rates`. **Units**: minor units of the case's currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from baybridge.base.money import format_minor, round_half_up
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import OUTCOME_RATES, OutcomeRates
from baybridge.funding.outcome.agreement import drug_contributions, drug_list_price, settle
from baybridge.funding.plans.terms import FundingCase
from baybridge.funding.quote.stack import pay_stack

#: Parts of the draws below which a sum lies, in percent; the reserve is the one that 95 of 100 draws stay within.
QUANTILES = (5, 50, 95)
RESERVE = 95
PROGRAMME = "PROGRAMME"

Counts = npt.NDArray[np.int64] | npt.NDArray[np.object_]  # object where a sum could leave 63 bits


@dataclass(frozen=True, slots=True)
class Rates:
    """How many patients reached which outcome in a publication."""

    rates_id: str
    counts: Mapping[str, int]
    assumption: str
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class Group:
    """Patients alike in bill, payers and agreement, so that only their number matters."""

    case: FundingCase
    patients: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Position:
    """One payer, the patients, or the programme that refunds: paid for the drug, and what returns (for the programme, what it owes)."""

    who: str
    committed_minor: int
    expected_minor: int
    quantiles: Mapping[int, int]

    @property
    def reserve_minor(self) -> int:
        """What 95 of 100 draws stay within."""
        return self.quantiles[RESERVE]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Positions of the programme, each payer and the patients, with the number of draws."""

    currency: str
    patients: int
    draws: int
    seed: int
    positions: tuple[Position, ...]
    rates: tuple[Rates, ...]


def rates_of(document: OutcomeRates | None, rates_id: str) -> Rates | Refusal:
    """The published counts of a document of shape `outcome_rates`."""
    counts = document.get("counts") if document is not None else None
    if document is None or document.get("shape") != OUTCOME_RATES or not isinstance(counts, Mapping):
        return refuse(Reason("simulation.outlook.no_rates", {"rates": rates_id}), category=Category.NOT_FOUND)
    if any(type(count) is not int or count < 0 for count in counts.values()) or sum(counts.values()) != document.get("n"):
        return refuse(Reason("simulation.outlook.counts", {"rates": rates_id}), category=Category.INVALID)
    return Rates(rates_id, dict(counts), document.get("assumption") or "", document.get("source") or "", document.get("status") or "")


def outlook(groups: Sequence[Group], *, draws: int = 10_000, seed: int = 1) -> Outlook | Refusal:
    """Positions over all groups; every group needs an agreement, and all are in one currency."""
    against = tuple(_against(groups))
    if against:
        return refuse(*against, category=Category.INVALID)
    random = np.random.default_rng(seed)
    settled = [(group, *_settled(group)) for group in groups]
    kind: Any = np.int64 if _fits(settled) else object
    returned: dict[str, Counts] = {PROGRAMME: np.zeros(draws, kind)}
    committed: dict[str, int] = {PROGRAMME: 0}
    rates = {group.rates.rates_id: _rates(group.rates, draws, random) for group in reversed(groups)}
    for group, paid, refunds in settled:
        counts = random.multinomial(group.patients, rates[group.rates.rates_id]).astype(kind)
        for who, minor in paid.items():
            committed[who] = committed.get(who, 0) + minor * group.patients
            returned.setdefault(who, np.zeros(draws, kind))
        for column, allocation in enumerate(refunds):
            for who, minor in allocation.items():
                returned[who] += counts[:, column] * minor
                returned[PROGRAMME] += counts[:, column] * minor
    positions = tuple(_position(who, committed[who], returned[who]) for who in committed)
    patients = sum(group.patients for group in groups)
    return Outlook(groups[0].case.currency, patients, draws, seed, positions, tuple({g.rates.rates_id: g.rates for g in groups}.values()))


def _against(groups: Sequence[Group]) -> Iterator[Reason]:
    if not groups or any(group.patients < 1 for group in groups):
        yield Reason("simulation.outlook.no_patients")
    if any(group.case.agreement is None for group in groups):
        yield Reason("simulation.outlook.no_agreement")
    if len({group.case.currency for group in groups}) > 1:
        yield Reason("simulation.outlook.currencies", {"found": ", ".join(sorted({group.case.currency for group in groups}))})


_Settled = tuple[Group, dict[str, int], list[Mapping[str, int]]]


def _fits(settled: Sequence[_Settled]) -> bool:
    """Whether no sum of refunds can leave 63 bits; else the same is added on numbers without a limit."""
    return sum(group.patients * max((sum(one.values()) for one in refunds), default=0) for group, _, refunds in settled) < 2**62


def _settled(group: Group) -> tuple[dict[str, int], list[Mapping[str, int]]]:
    """What one patient's payers pay for the drug, and what each outcome returns to whom."""
    stack = pay_stack(group.case)
    paid, price = drug_contributions(stack), drug_list_price(group.case)
    agreement = group.case.agreement
    if agreement is None:
        raise TypeError("a group without an agreement")
    return paid, [settle(agreement, paid, price, outcome).allocation for outcome in group.rates.counts]


def _rates(rates: Rates, draws: int, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The rate of each outcome, one row a draw, as uncertain as the number of patients in the publication leaves it."""
    return random.dirichlet(np.array(list(rates.counts.values())) + 0.5, size=draws)


def _position(who: str, committed: int, returned: Counts) -> Position:
    ordered = np.sort(returned)
    expected = round_half_up(Fraction(int(returned.sum(dtype=object)), len(ordered)))
    return Position(who, committed, expected, {percent: int(ordered[(len(ordered) - 1) * percent // 100]) for percent in QUANTILES})


def outlook_json(found: Outlook) -> dict[str, object]:
    """The outlook as plain JSON, with what it rests on."""
    return {
        "currency": found.currency,
        "patients": found.patients,
        "draws": found.draws,
        "seed": found.seed,
        "positions": [
            {
                "who": position.who,
                "committed": format_minor(position.committed_minor),
                "expected_refund": format_minor(position.expected_minor),
                "expected_net": format_minor(position.committed_minor - position.expected_minor),
                "refund_quantiles": {str(percent): format_minor(minor) for percent, minor in position.quantiles.items()},
                "reserve": format_minor(position.reserve_minor),
            }
            for position in found.positions
        ],
        "rates": [
            {"id": r.rates_id, "counts": dict(r.counts), "assumption": r.assumption, "source": r.source, "status": r.status}
            for r in found.rates
        ],
        "assumptions": ["simulation.outlook.prior", "simulation.outlook.exchangeable"],
    }


def outlook_sentences(found: Outlook) -> Iterator[tuple[str, Mapping[str, str | int]]]:
    """The outlook in words."""
    money: dict[str, str | int] = {"currency": found.currency}
    yield "simulation.outlook.told", {"patients": found.patients, "draws": found.draws, "seed": found.seed}
    for position in found.positions:
        values = {"who": position.who, "committed": format_minor(position.committed_minor), "expected": format_minor(position.expected_minor)}
        name = "programme" if position.who == PROGRAMME else "payer"
        yield f"simulation.outlook.{name}", {**values, "reserve": format_minor(position.reserve_minor), **money}
    for rates in found.rates:
        yield "simulation.outlook.rates", {"rates": rates.rates_id, "status": rates.status, "source": rates.source, "text": rates.assumption}
    yield "simulation.outlook.prior", {}
    yield "simulation.outlook.exchangeable", {}
