"""A payer's part of a quote: what a request to it may carry, and nothing of anybody else's.

Main job: `parts_of(quote, payer)` answers one `Part` for each plan of the payer in a kept quote; `agreement_part` what a programme that refunds may see.

A part names the charges that its plan covers, what earlier payers took off them together, and the plan's own computation. It names no other payer,
no other plan, no charge that the plan does not cover, nothing of the household unless the plan's own means test asks for it.
**Source**: least necessary for the purpose (PIPL article 6; purpose profile CLAIM). **Units**: amounts as text in the quote's currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from baybridge.base.money import format_minor, parse_minor
from baybridge.documents.quote import CitedAgreement, CitedDocument, LayerResult, QuotedBand, QuotedLayer, QuotedMeans, QuoteDocument

_Term = Literal[
    "rate", "bands", "deductible", "deductible_used", "cap_event", "cap_year", "cap_lifetime", "cap_event_used", "cap_year_used", "cap_lifetime_used"
]
_Declared = Literal["annual_gross_income", "allowable_deductions", "net_assets", "asset_allowance"]
#: Terms of a layer that the payer wrote itself and reads back.
_TERMS: tuple[_Term, ...] = get_args(_Term)
_DECLARED: tuple[_Declared, ...] = get_args(_Declared)

#: An amount, a rate, or bands of rates.
Term = str | list[QuotedBand]


@dataclass(frozen=True, slots=True)
class Part:
    """One plan's part: its charges as (id, category, gross, this plan's share), what was left for it, and how it comes to its benefit."""

    plan: str
    status: str
    version: str
    source: str
    currency: str
    event_on: str
    product: str | None
    charges: tuple[tuple[str, str, str, str], ...]
    gross: str
    earlier: str
    base: str
    deductible: str | None
    before_limits: str | None
    benefit: str
    binding: str
    notes: tuple[str, ...]
    terms: tuple[tuple[str, Term], ...]
    declared: tuple[tuple[str, str], ...]


def parts_of(quote: QuoteDocument, payer: str) -> tuple[Part, ...]:
    """The payer's parts of a quote, in the quote's order."""
    return tuple(_parts(quote, payer))


def _parts(quote: QuoteDocument, payer: str) -> Iterator[Part]:
    layers = {str(layer["id"]): layer for layer in quote["inputs"]["layers"]}
    results = {str(result["layer"]): result for result in quote["result"]["layers"]}
    for plan in quote["plans"]:
        name = str(plan["id"])
        if plan.get("payer") == payer and name in layers and name in results:
            yield _part(quote, plan, layers[name], results[name])


def _part(quote: QuoteDocument, plan: CitedDocument, layer: QuotedLayer, result: LayerResult) -> Part:
    allocation = result.get("allocation") or {}
    covered = [line for line in quote["inputs"]["bill_lines"] if line["category"] in layer["covers"]]
    gross, base = sum(parse_minor(line["gross"]) for line in covered), str(result["base"])
    no_household: QuotedMeans = {}
    household = layer.get("means_test") or no_household
    return Part(
        plan=str(plan["id"]),
        status=str(plan.get("status")),
        version=str(plan.get("version")),
        source=str(plan.get("source") or ""),
        currency=str(quote["result"]["currency"]),
        event_on=str(quote["inputs"]["event_date"]),
        product=quote.get("product"),
        charges=tuple((str(line["id"]), str(line["category"]), str(line["gross"]), str(allocation.get(line["id"], "0.00"))) for line in covered),
        gross=format_minor(gross),
        earlier=format_minor(max(gross - parse_minor(base), 0)),
        base=base,
        deductible=result.get("deductible_applied"),
        before_limits=result.get("raw_benefit"),
        benefit=str(result["benefit"]),
        binding=str(result.get("binding") or ""),
        notes=tuple(result.get("notes") or ()),
        terms=tuple((name, term) for name in _TERMS if (term := layer.get(name)) is not None),
        declared=tuple((name, said) for name in _DECLARED if (said := household.get(name)) is not None),
    )


def agreement_part(quote: QuoteDocument, payer: str) -> CitedAgreement | None:
    """The outcome agreement of a quote, for its programme or a payer whose plan stands in the quote: terms, never the patient's bill."""
    agreement = quote.get("agreement")
    if agreement is None:
        return None
    if agreement.get("payer") == payer or any(plan.get("payer") == payer for plan in quote["plans"]):
        return agreement
    return None
