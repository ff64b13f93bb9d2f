"""A funding case with its answer: computed once, printed as the contract's JSON or told in sentences.

Main job: `fund(case)` answers a `Funded`; `as_json(funded)` the contract's object; `sentences(funded)` what a person reads, as
translation keys with values.

**Source**: shared funding contract ("`--json` prints").
**Units**: amounts as text with two places in the bill's currency; `in_layer_ccy` in the layer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import (
    FundedResult,
    InLayerCurrency,
    InstalmentsResult,
    LayerResult,
    LayerSteps,
    OutcomeResult,
    RefundedTender,
    SettlementResult,
    TenderResult,
)
from baybridge.funding.outcome.agreement import Settled, drug_contributions, drug_list_price, settle
from baybridge.funding.plans.terms import PATIENT, FundingCase
from baybridge.funding.quote.stack import Amounts, Paid, Stack, pay_stack
from baybridge.funding.quote.tenders import Instalments, Tendered, instalments_of, refund_by_tender, tendered

Sentence = tuple[str, Mapping[str, str | int]]


@dataclass(frozen=True, slots=True)
class Funded:
    """The stack, the instalments and tenders of the patient's share, and what each asked outcome gives."""

    stack: Stack
    instalments: Instalments | None
    tenders: tuple[Tendered, ...] | None
    outcomes: tuple[Settled, ...] | None

    @property
    def case(self) -> FundingCase:
        """The case that was funded."""
        return self.stack.case


def fund(case: FundingCase) -> Funded | Refusal:
    """The whole answer to a case, or why tenders or earlier refunds do not fit what was paid."""
    stack = pay_stack(case)
    tenders = None if case.tenders is None else tendered(case.tenders, stack.patient_minor)
    refunded = _above_what_was_paid(stack)
    reasons = (*(tenders.reasons if isinstance(tenders, Refusal) else ()), *refunded)
    if reasons or isinstance(tenders, Refusal):
        return refuse(*reasons, category=Category.INVALID)
    instalments = None if case.instalments is None else instalments_of(stack.patient_minor, case.instalments)
    return Funded(stack, instalments, tenders, _outcomes(stack))


def _outcomes(stack: Stack) -> tuple[Settled, ...] | None:
    agreement = stack.case.agreement
    if agreement is None:
        return None
    paid, list_price = drug_contributions(stack), drug_list_price(stack.case)
    return tuple(settle(agreement, paid, list_price, outcome) for outcome in agreement.outcomes)


def _above_what_was_paid(stack: Stack) -> Iterator[Reason]:
    earlier = stack.case.agreement.earlier_refunds if stack.case.agreement else {}
    paid = drug_contributions(stack)
    for payer, refund in earlier.items():
        if refund > paid[payer]:
            values = {"expected": format_minor(paid[payer]), "found": format_minor(refund)}
            yield Reason("funding.case.refund_above_paid", values, where=f"oba.earlier_refunds.{payer}")


# --- JSON -----------------------------------------------------------------------------------------------------------


def as_json(funded: Funded) -> FundedResult:
    """The contract's object; `instalments`, `oba` and `settlement` where the case asked for them."""
    stack = funded.stack
    named: FundedResult = {} if funded.case.case_id is None else {"id": funded.case.case_id}
    printed: FundedResult = {
        **named,
        "currency": funded.case.currency,
        "layers": [_layer(paid) for paid in stack.layers],
        "patient_share": format_minor(stack.patient_minor),
        "patient_share_by_line": _amounts(stack.patient_by_line),
        "gross": format_minor(funded.case.gross_minor),
        "conservation": _conservation(stack),
        "computed_total": format_minor(stack.computed_minor),
        "entitled_total": format_minor(stack.entitled_minor),
    }
    if funded.instalments is not None:
        printed["instalments"] = _instalments(funded.instalments)
    if funded.outcomes is not None:
        printed["oba"] = [_outcome(funded, settled) for settled in funded.outcomes]
    if funded.tenders is not None:
        printed["settlement"] = _settlement(funded.tenders)
    return printed


def _amounts(minors: Mapping[str, int]) -> dict[str, str]:
    return {name: format_minor(minor) for name, minor in minors.items()}


def _layer(paid: Paid) -> LayerResult:
    printed: LayerResult = {"layer": paid.layer.layer_id, "base": format_minor(paid.amounts.base)}
    if paid.contribution is not None:
        printed["adfr"] = format_minor(paid.contribution.resources_minor)
        printed["contribution"] = format_minor(paid.contribution.contribution_minor)
        printed["tier"] = paid.contribution.tier
        _name_scale(paid, printed)
    printed = {**printed, **_steps(paid.amounts), "binding": paid.binding}
    if paid.allocation:
        printed["allocation"] = _amounts(paid.allocation)
    if paid.own is not None:
        own: InLayerCurrency = {"currency": paid.layer.currency, "base": format_minor(paid.own.base), **_steps(paid.own)}
        printed["in_layer_ccy"] = own
    if paid.used:
        printed["used_after"] = _amounts(paid.used)
    printed["notes"] = list(paid.notes)
    return printed


def _name_scale(paid: Paid, printed: LayerResult) -> None:
    scale = paid.layer.means_test.scale if paid.layer.means_test else None
    if scale is not None and scale.scale_id is not None:
        printed["scale"] = {"id": scale.scale_id, "in_force_to": scale.in_force_to.isoformat() if scale.in_force_to else None}


def _steps(amounts: Amounts) -> LayerSteps:
    return {
        "deductible_applied": format_minor(amounts.deductible),
        "after_deductible": format_minor(amounts.after_deductible),
        "raw_benefit": format_minor(amounts.raw),
        "benefit": format_minor(amounts.benefit),
    }


def _conservation(stack: Stack) -> str:
    shares = [paid.amounts.benefit for paid in stack.layers] + [stack.patient_minor]
    return f"{' + '.join(map(format_minor, shares))} = {format_minor(stack.case.gross_minor)}"


def _instalments(instalments: Instalments) -> InstalmentsResult:
    return {
        "count": instalments.count,
        "first_n_minus_1": format_minor(instalments.each_minor),
        "last": format_minor(instalments.last_minor),
        "sum": format_minor(instalments.sum_minor),
    }


def _outcome(funded: Funded, settled: Settled) -> OutcomeResult:
    earlier = funded.case.agreement.earlier_refunds.get(PATIENT, 0) if funded.case.agreement else 0
    printed: OutcomeResult = {
        "outcome": settled.outcome,
        "code": settled.code,
        "refund_total": format_minor(settled.refund_minor),
        "refund_allocation": _amounts(settled.allocation),
        "net_by_payer_on_drug": _amounts(settled.net_on_drug),
        "patient_net_all_lines": format_minor(funded.stack.patient_minor - earlier - settled.patient_refund_minor),
    }
    if funded.tenders is not None:
        parts = refund_by_tender(funded.tenders, settled.patient_refund_minor)
        printed["refund_by_tender"] = [_refunded(part) for part in parts]
    return printed


def _refunded(part: Tendered) -> RefundedTender:
    return {
        "currency": part.tender.currency,
        "bill_ccy": format_minor(part.bill_minor),
        "tender_amount_at_original_rate": format_minor(part.tender_minor),
    }


def _settlement(tenders: tuple[Tendered, ...]) -> SettlementResult:
    printed: list[TenderResult] = [
        {
            "currency": part.tender.currency,
            "bill_ccy_amount": format_minor(part.bill_minor),
            "rate": part.tender.rate_text,
            "tender_amount": format_minor(part.tender_minor),
        }
        for part in tenders
    ]
    return {"tenders": printed, "bill_ccy_sum": format_minor(sum(part.bill_minor for part in tenders))}


# --- sentences ------------------------------------------------------------------------------------------------------


def key_of(code: str) -> str:
    """The translation key of a reason code: `PAY-CAP:cap_year` is `funding.code.pay_cap_year`."""
    return f"funding.code.{code.replace(':cap', '').replace('-', '_').lower()}"


def sentences(funded: Funded) -> Iterator[Sentence]:
    """The waterfall in order: the bill, each layer with what bound it, the patient's share, outcomes, instalments, tenders."""
    currency = funded.case.currency
    yield "funding.told.bill", {"amount": format_minor(funded.case.gross_minor), "currency": currency}
    for paid in funded.stack.layers:
        yield from _told_layer(paid, currency)
        yield from _told_scale(paid, funded.case)
    yield "funding.told.patient", {"amount": format_minor(funded.stack.patient_minor), "currency": currency}
    for line_id, minor in funded.stack.patient_by_line.items():
        yield "funding.told.patient_line", {"line": line_id, "amount": format_minor(minor), "currency": currency}
    if not all(paid.layer.entitled for paid in funded.stack.layers):
        values = {"entitled": format_minor(funded.stack.entitled_minor), "computed": format_minor(funded.stack.computed_minor)}
        yield "funding.told.entitled", {**values, "currency": currency}
    yield from _told_settlement(funded)


def _told_layer(paid: Paid, currency: str) -> Iterator[Sentence]:
    steps = _steps(paid.amounts)
    values: dict[str, str | int] = {"layer": paid.layer.layer_id, "currency": currency, "base": format_minor(paid.amounts.base)}
    values |= {name: str(step) for name, step in steps.items()}
    if not paid.amounts.benefit:
        yield "funding.told.layer_nothing", values
    else:
        yield "funding.told.layer", values
    if paid.contribution is not None:
        means = {"adfr": format_minor(paid.contribution.resources_minor), "tier": paid.contribution.tier}
        own = paid.layer.currency
        yield "funding.told.means_test", {**means, "contribution": format_minor(paid.contribution.contribution_minor), "currency": own}
    for code in (paid.binding, *paid.notes):
        yield key_of(code), values


def _told_scale(paid: Paid, case: FundingCase) -> Iterator[Sentence]:
    """A scale that had ended by the day of the event is said to have ended."""
    scale = paid.layer.means_test.scale if paid.contribution is not None and paid.layer.means_test else None
    if scale is not None and scale.in_force_to is not None and case.event_on > scale.in_force_to:
        yield "funding.told.scale_ended", {"scale": scale.scale_id or "-", "day": scale.in_force_to.isoformat()}


def _told_settlement(funded: Funded) -> Iterator[Sentence]:
    currency = funded.case.currency
    if funded.instalments is not None:
        parts = _instalments(funded.instalments)
        each: dict[str, str | int] = {"count": parts["count"], "first_n_minus_1": parts["first_n_minus_1"], "last": parts["last"], "sum": parts["sum"]}
        yield "funding.told.instalments", {**each, "currency": currency}
    for part in funded.tenders or ():
        values = {"bill": format_minor(part.bill_minor), "currency": currency, "rate": part.tender.rate_text}
        yield "funding.told.tender", {**values, "tender": format_minor(part.tender_minor), "tender_currency": part.tender.currency}
    for settled in funded.outcomes or ():
        yield "funding.told.outcome", {"outcome": settled.outcome, "refund": format_minor(settled.refund_minor), "currency": currency}
        yield key_of(settled.code), {"outcome": settled.outcome}
        for payer, share in settled.allocation.items():
            yield "funding.told.refund_to", {"payer": payer, "amount": format_minor(share), "currency": currency}
