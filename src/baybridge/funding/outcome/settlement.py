"""A settlement as a document: computed from its evidence alone, computed again by anybody, told to each payer as a milestone.

Main job: `document_of(evidence)`; `replay(document)` computes it again; `milestone_of(document, payer)` is what one payer receives: that the outcome
was reached or not, by which criteria, on which day, by how many readers, and its own part. Never the record, nor another payer's part.

**Source**: policy reference D4; purpose profile OBA_OUTCOME (response category, date, adjudication, no images).
**Units**: amounts as text with two places in the quote's currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Literal, TypedDict, TypeGuard

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.money import format_minor, parse_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.quote import CitedAgreement, QuotedAgreement, RefundedTender, TenderResult
from baybridge.funding.outcome.agreement import Settled, settle
from baybridge.funding.outcome.clauses import REFUND, VOID, clause_of
from baybridge.funding.outcome.outcomes import Cause, Reading, Window, outcome_of, window_of
from baybridge.funding.plans.terms import Tender
from baybridge.funding.quote.case import read_agreement
from baybridge.funding.quote.tenders import Tendered, refund_by_tender

DOCUMENT = "outcome-settlement"
MILESTONE = "outcome-milestone"


class WrittenReading(TypedDict):
    """An assessment of response; readers are told apart, not named."""

    timepoint: str
    criteria: str
    category: str
    assessed_on: str
    readers: list[str]


class WrittenDeath(TypedDict):
    """When the patient died, and of what."""

    on: str
    cause: Cause


class Ruling(TypedDict):
    """What the programme answered in writing where the agreement does not say what follows."""

    follows: str
    source: str


class Evidence(TypedDict):
    """Everything that a settlement rests on: from it alone the same settlement follows."""

    agreement: CitedAgreement
    quote_sha256: str | None
    enrolment: str | None
    infused_on: str | None
    assessments: list[WrittenReading]
    died: WrittenDeath | None
    declared: str | None
    ruling: Ruling | None
    as_of: str
    outcome: str
    follows: str | None
    oba: QuotedAgreement
    currency: str
    drug_list_price: str
    paid_on_drug: dict[str, str]
    tenders: list[TenderResult] | None


class SettlementDocument(TypedDict):
    """A settlement with its evidence."""

    document: str
    version: str
    agreement: str
    agreement_sha256: str
    agreement_status: str
    evidence: Evidence
    outcome: str
    code: str
    currency: str
    refund_total: str
    refund_allocation: dict[str, str]
    net_by_payer_on_drug: dict[str, str]
    refund_by_tender: list[RefundedTender]


def is_settlement(document: object) -> TypeGuard[SettlementDocument]:
    """Whether a document says that it is a settlement, with its evidence."""
    return isinstance(document, Mapping) and document.get("document") == DOCUMENT and isinstance(document.get("evidence"), Mapping)


def amount(minor: int) -> str:
    """An amount as the document writes it."""
    return format_minor(minor)


def written_reading(reading: Reading) -> WrittenReading:
    """A reading as plain JSON; readers are told apart, not named."""
    return {
        "timepoint": reading.timepoint,
        "criteria": reading.criteria,
        "category": reading.category,
        "assessed_on": reading.assessed_on.isoformat(),
        "readers": list(reading.readers),
    }


def settled_of(evidence: Evidence) -> Settled:
    """What the evidence gives; ValueError where its terms cannot be read."""
    agreement = read_agreement(_terms_of_refund(evidence), tuple(evidence["paid_on_drug"]))
    paid = {payer: parse_minor(text) for payer, text in evidence["paid_on_drug"].items()}
    return settle(agreement, paid, parse_minor(evidence["drug_list_price"]), evidence["outcome"])


def _terms_of_refund(evidence: Evidence) -> QuotedAgreement:
    """The agreement as the quote wrote it, with the outcome in the list of what follows from it."""
    oba = evidence["oba"]
    return {
        **oba,
        "refund_outcomes": _listed(evidence, oba["refund_outcomes"], REFUND),
        "void_outcomes": _listed(evidence, oba["void_outcomes"], VOID),
    }


def _listed(evidence: Evidence, outcomes: list[str], follows: Literal["refund", "void"]) -> list[str]:
    others = [one for one in outcomes if one != evidence["outcome"]]
    return [*others, evidence["outcome"]] if evidence["follows"] == follows else others


def document_of(evidence: Evidence) -> SettlementDocument:
    """The settlement with its evidence; the same evidence gives the same bytes."""
    settled = settled_of(evidence)
    return {
        "document": DOCUMENT,
        "version": "2",
        "agreement": evidence["agreement"]["id"],
        "agreement_sha256": evidence["agreement"]["sha256"],
        "agreement_status": evidence["agreement"]["status"],
        "evidence": evidence,
        "outcome": settled.outcome,
        "code": settled.code,
        "currency": evidence["currency"],
        "refund_total": format_minor(settled.refund_minor),
        "refund_allocation": {payer: format_minor(minor) for payer, minor in settled.allocation.items()},
        "net_by_payer_on_drug": {payer: format_minor(minor) for payer, minor in settled.net_on_drug.items()},
        "refund_by_tender": _by_tender(evidence, settled.patient_refund_minor),
    }


def _by_tender(evidence: Evidence, refund_minor: int) -> list[RefundedTender]:
    """The patient's refund, back through the tenders of the quote at their original rates."""
    taken = [_taken(part) for part in evidence.get("tenders") or ()]
    back = refund_by_tender(taken, refund_minor) if taken and refund_minor else ()
    return [
        {"currency": part.tender.currency, "bill_ccy": format_minor(part.bill_minor), "tender_amount_at_original_rate": format_minor(part.tender_minor)}
        for part in back
    ]


def _taken(part: TenderResult) -> Tendered:
    minor = parse_minor(part["bill_ccy_amount"])
    tender = Tender(part["currency"], minor, Fraction(part["rate"]), part["rate"])
    return Tendered(tender, minor, parse_minor(part["tender_amount"]))


# --- again ----------------------------------------------------------------------------------------------------------


def replay(document: Mapping[str, object]) -> SettlementDocument | Refusal:
    """The settlement computed again from its evidence, the outcome too; a refusal where the document is none or cannot be read."""
    if not is_settlement(document):
        return refuse(Reason("funding.settle.no_settlement"), category=Category.INVALID)
    evidence = document["evidence"]
    try:
        outcome = _outcome_again(evidence)
        ruled = evidence["ruling"]["follows"] if evidence["ruling"] else None
        again: Evidence = {**evidence, "outcome": outcome, "follows": clause_of(evidence["agreement"]["terms"], outcome) or ruled}
        return document_of(again)
    except (AttributeError, KeyError, TypeError, ValueError):  # evidence that is not of its shape
        return refuse(Reason("funding.settle.no_settlement"), category=Category.INVALID)


def _outcome_again(evidence: Evidence) -> str:
    if evidence["declared"] is not None:
        return str(evidence["declared"])
    died = evidence["died"]
    dead = (date.fromisoformat(died["on"]), died["cause"]) if died else None
    return outcome_of(_window(evidence), map(_read, evidence["assessments"]), dead, date.fromisoformat(evidence["as_of"]))


def _window(evidence: Evidence) -> Window:
    return window_of(evidence["agreement"]["terms"], date.fromisoformat(str(evidence["infused_on"])))


def _read(written: WrittenReading) -> Reading:
    day = date.fromisoformat(written["assessed_on"])
    return Reading(written["timepoint"], written["criteria"], written["category"], day, tuple(written["readers"]))


# --- what one payer receives ----------------------------------------------------------------------------------------


def milestone_of(document: SettlementDocument, payer: str, plans: Mapping[str, str]) -> dict[str, object]:
    """What one payer is told; `plans` names the payer of each layer. Nothing in it says who the patient is or what others paid."""
    evidence = document["evidence"]
    read = _deciding(evidence)
    own = [parse_minor(text) for name, text in document["refund_allocation"].items() if plans.get(name, name) == payer]
    return {
        "document": MILESTONE,
        "version": "1",
        "agreement": document["agreement"],
        "agreement_sha256": document["agreement_sha256"],
        "enrolment": evidence["enrolment"],
        "outcome": document["outcome"],
        "code": document["code"],
        "criteria": read["criteria"] if read else None,
        "timepoint": read["timepoint"] if read else None,
        "assessed_on": read["assessed_on"] if read else None,
        "readers": len(read["readers"]) if read else 0,
        "refund_to_this_payer": format_minor(sum(own)),
        "refund_owed_by_this_payer": document["refund_total"] if payer == evidence["agreement"]["terms"].get("payer") else "0.00",
        "currency": document["currency"],
        "settlement_sha256": sha256_hex(canonical_bytes(document)),
        "payer": payer,
    }


def _deciding(evidence: Evidence) -> WrittenReading | None:
    """The reading that decided, where one did."""
    if evidence["declared"] is not None or evidence["infused_on"] is None:
        return None
    window = _window(evidence)
    counted = [one for one in evidence["assessments"] if window.counts(_read(one))]
    signed = [one for one in counted if len(one["readers"]) >= window.readers] or counted
    return signed[-1] if signed else None

