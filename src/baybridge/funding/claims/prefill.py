"""What a case already says about the input of a claim or a pre-authorisation: the request that waits, the claim that waits, the next claim.

Main job: the prefills that the rows of `claiming.py` and `preauthorisation.py` name. Somebody of a payer is offered that payer's own requests and claims
only.

**Units**: amounts as text with two places.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.base.ids import mark_of
from baybridge.base.money import format_minor
from baybridge.funding.claims.reconciliation import open_claims, reconciliation_of
from baybridge.journey.case import Case
from baybridge.journey.claims import paid_in_advance
from baybridge.journey.held import Preauthorisation
from baybridge.journey.prefill import FormContext


def own_requests(case: Case, payer: str | None) -> list[Preauthorisation]:
    """Requests to payers; to one payer, or to all where `payer` is None."""
    return [one for one in case.preauthorisations if payer in (None, one.requested.event.payer)]


# --- pre-authorisation ----------------------------------------------------------------------------------------------


def waiting_request(context: FormContext) -> Mapping[str, object]:
    """The request that waits, the one that the address names first."""
    one = _request(context)
    return {} if one is None else _named(context, one)


def waiting_advance(context: FormContext) -> Mapping[str, object]:
    """The request of which something is to be paid in advance, with what is left of the amount that was granted."""
    one = _request(context)
    if one is None:
        return {}
    event, answer = one.requested.event, one.standing
    left = event.amount_minor if answer is None else max(answer.event.amount_minor - paid_in_advance(context.case, event.payer), 0)
    return {**_named(context, one), "amount": format_minor(left)}


def answered_plan(context: FormContext) -> Mapping[str, object]:
    """The plan of the first request that was answered."""
    return {"plan": next((one.requested.event.plan for one in context.case.preauthorisations if not one.waiting), None)}


def _request(context: FormContext) -> Preauthorisation | None:
    requests = own_requests(context.case, context.payer)
    named = [one for one in requests if one.requested.event.plan == context.address.get("plan")]
    waiting = [one for one in (named or requests) if one.waiting] or named or requests
    return waiting[0] if waiting else None


def _named(context: FormContext, one: Preauthorisation) -> dict[str, object]:
    event, case = one.requested.event, context.case
    return {"payer": event.payer, "plan": event.plan, "claim_id": f"{mark_of(case.case_id)}-P{len(case.payments) + 1}"}


# --- claims ---------------------------------------------------------------------------------------------------------


def next_claim(context: FormContext) -> Mapping[str, object]:
    """The next claim: of the first approved plan without one, for the charges that the quote names, on the day of the infusion."""
    case = context.case
    sent = {one.claim.plan for one in reconciliation_of(case)}
    approved = [one.requested.event.plan for one in case.preauthorisations if one.standing and one.standing.event.answer != "refused"]
    plan = next((name for name in approved if name not in sent), None)
    quote = context.quote()
    layer = next((one for one in quote["inputs"]["layers"] if one["id"] == plan), None) if quote else None
    lines = [line for line in quote["inputs"]["bill_lines"] if layer and line["category"] in layer["covers"]] if quote else []
    infused = case.infused_at
    mark = mark_of(case.case_id)
    return {
        "claim_id": f"{mark}-C{len(reconciliation_of(case)) + 1}",
        "plan": plan,
        "bill": f"{mark}-B1",
        "service_on": infused.astimezone(context.site.zone).date() if infused else None,
        "lines": [{"id": line["id"], "category": line["category"], "gross": line["gross"]} for line in lines],
    }


def claim_to_decide(context: FormContext) -> Mapping[str, object]:
    """The first claim that waits for a decision."""
    return _claim(context, "decide")


def claim_to_appeal(context: FormContext) -> Mapping[str, object]:
    """The first claim that can be appealed."""
    return _claim(context, "appeal")


def claim_to_pay(context: FormContext) -> Mapping[str, object]:
    """The first claim that waits for payment, with the number of the payment."""
    found = _claim(context, "pay")
    return {**found, "payment_id": f"{found['claim_id']}-P{len(context.case.payments) + 1}"} if found else {}


def _claim(context: FormContext, wanted: str) -> dict[str, object]:
    claims = open_claims(context.case, context.payer, wanted)
    return {"claim_id": claims[0].claim.claim_id} if claims else {}
