"""What a case already says about the input of a command of money: the request that waits, the claim that waits, the bill that was quoted.

Main job: `known_money(asked, kind, case)` answers values by field. Somebody of a payer is offered that payer's own requests and claims only.

**Units**: amounts as text with two places.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from baybridge.base.money import format_minor
from baybridge.funding.claims.claiming import Reconciled, reconciliation_of
from baybridge.journey.case import Case
from baybridge.journey.claims import paid_in_advance
from baybridge.journey.command import Role
from baybridge.journey.held import Preauthorisation
from baybridge.journey.refunds import Refund, refunds_of
from baybridge.node.commands.table import CommandKind
from baybridge.node.node import decision_document

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

_BILL_CATEGORIES = ("COLLECTION", "CAR_T_DRUG", "INPATIENT")

#: What is done to a claim -> the states in which it can be.
_STATES: Mapping[str, tuple[str, ...]] = {
    "decide": ("submitted", "appealed"), "pay": ("decided", "partly_paid"), "appeal": ("decided", "partly_paid", "refused", "paid", "overpaid"),
}  # fmt: skip


def known_money(asked: Asked, kind: CommandKind, case: Case) -> dict[str, Any]:
    """Values by field for a command of money."""
    currency = {"currency": case.quote.event.currency if case.quote else None}
    found: dict[str, Any] = {}
    if kind.name == "IssueQuote":
        return _quote(asked, case)
    if kind.name in ("AnswerPreauthorisation", "PayBenefit"):
        found = _request(asked, kind, case)
    elif kind.name == "AppealPreauthorisation":
        found = {"plan": next((one.requested.event.plan for one in case.preauthorisations if not one.waiting), None)}
    elif kind.name == "SubmitClaim":
        found = _claim(asked, case)
    elif kind.name == "RecordRefund":
        return _refund(asked, case)
    elif kind.name in ("AdjudicateClaim", "PayClaim", "AppealClaim"):
        wanted = {"AdjudicateClaim": "decide", "PayClaim": "pay", "AppealClaim": "appeal"}[kind.name]
        claims = open_claims(asked, case, wanted)
        found = {"claim_id": claims[0].claim.claim_id} if claims else {}
        if kind.name == "PayClaim" and claims:
            found["payment_id"] = f"{claims[0].claim.claim_id}-P{len(case.payments) + 1}"
    return {**currency, **found}


def own_requests(asked: Asked, case: Case) -> list[Preauthorisation]:
    """Requests to payers; to the reader's own where the reader is of a payer."""
    own = asked.person.organisation if asked.person.role is Role.PAYER else None
    return [one for one in case.preauthorisations if own in (None, one.requested.event.payer)]


def open_claims(asked: Asked, case: Case, wanted: str) -> list[Reconciled]:
    """Claims to which something can be done: decide, pay or appeal."""
    own = asked.person.organisation if asked.person.role is Role.PAYER else None
    return [one for one in reconciliation_of(case) if one.state in _STATES[wanted] and own in (None, one.claim.payer)]


def open_refunds(asked: Asked, case: Case) -> list[Refund]:
    """Parts of a settled refund that have not wholly arrived; those of the reader's own plans where the reader is of a payer."""
    plans = asked.node.documents.folder("plans")
    own = asked.person.organisation if asked.person.role is Role.PAYER else None
    return [one for one in refunds_of(case) if one.open_minor > 0 and own in (None, plans.get(one.recipient, {}).get("payer"))]


def _refund(asked: Asked, case: Case) -> dict[str, Any]:
    """The part that has not arrived, the one that the address names first; day and reference stand in the bank's advice."""
    parts = open_refunds(asked, case)
    part = next((one for one in parts if one.recipient == asked.query.get("recipient")), parts[0] if parts else None)
    if part is None or case.settlement is None:
        return {}
    return {"recipient": part.recipient, "amount": format_minor(part.open_minor), "currency": case.settlement.event.currency}


def quoted_plans(asked: Asked, case: Case) -> tuple[str, ...]:
    """The plans of the quote that stands."""
    quote = _document(asked, case)
    return tuple(str(plan["id"]) for plan in quote["plans"]) if quote else ()


def _request(asked: Asked, kind: CommandKind, case: Case) -> dict[str, Any]:
    """The request that waits, the one that the address names first."""
    requests = own_requests(asked, case)
    named = [one for one in requests if one.requested.event.plan == asked.query.get("plan")]
    waiting = [one for one in (named or requests) if one.waiting] or named or requests
    if not waiting:
        return {}
    event, answer = waiting[0].requested.event, waiting[0].standing
    amount = event.amount_minor
    if kind.name == "PayBenefit" and answer is not None:
        amount = max(answer.event.amount_minor - paid_in_advance(case, event.payer), 0)
    number = f"{case.case_id[-6:].upper()}-P{len(case.payments) + 1}"
    asked_for = {"amount": format_minor(amount)} if kind.name == "PayBenefit" else {}
    return {"payer": event.payer, "plan": event.plan, "claim_id": number, **asked_for}


def _claim(asked: Asked, case: Case) -> dict[str, Any]:
    """The next claim: of the first approved plan without one, for the charges that the quote names, on the day of the infusion."""
    sent = {one.claim.plan for one in reconciliation_of(case)}
    approved = [one.requested.event.plan for one in case.preauthorisations if one.standing and one.standing.event.answer != "refused"]
    plan = next((name for name in approved if name not in sent), None)
    quote = _document(asked, case)
    layer = next((one for one in quote["inputs"]["layers"] if one["id"] == plan), None) if quote else None
    lines = [line for line in quote["inputs"]["bill_lines"] if layer and line["category"] in layer["covers"]] if quote else []
    infused = case.infused_at
    mark = case.case_id[-6:].upper()
    return {
        "claim_id": f"{mark}-C{len(reconciliation_of(case)) + 1}",
        "plan": plan,
        "bill": f"{mark}-B1",
        "service_on": infused.astimezone(asked.node.site.zone).date() if infused else None,
        "lines": [{"id": line["id"], "category": line["category"], "gross": line["gross"]} for line in lines],
    }


def _document(asked: Asked, case: Case) -> dict[str, Any] | None:
    if case.quote is None:
        return None
    with asked.node.storage.reading() as connection:
        return decision_document(connection, case.quote.event.quote_sha256)


def _quote(asked: Asked, case: Case) -> dict[str, Any]:
    """The bill as its three usual lines, with the drug's list price where one is published."""
    product: Mapping[str, Any] = asked.node.documents.folder("products").get(case.product or "", {})
    price = next(iter(product.get("list_price") or ()), None)
    gross = {"CAR_T_DRUG": format_minor(price["amount_minor"])} if price else {}
    lines = [{"id": category.lower(), "category": category, "gross": gross.get(category)} for category in _BILL_CATEGORIES]
    return {"bill_lines": lines, "currency": price["currency"] if price else "HKD"}
