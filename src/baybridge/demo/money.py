"""Money on the road of an invented patient: the quote, what payers answer, and for some patients a claim and what became of it.

Main job: the stops `quote`, `claim`, `claim_decided`, `claim_followed`, `refund` of the road. `Walk.money` says which way it takes: waiting (nobody has answered),
cut (the charity refused and the hospital appealed), paid, unpaid (decided, payment open), refused (refused and appealed), or none (nothing claimed yet).

The bill is invented but for the drug's list price; so are all reasons and grounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from baybridge.base.money import format_minor
from baybridge.demo.network import CHARITY, PAYER
from baybridge.journey.claims import PATIENT
from baybridge.journey.command import Role
from baybridge.journey.refunds import refunds_of

if TYPE_CHECKING:
    from baybridge.demo.walk import Walk

PLAN = "shanghai-huhuibao-2022-2024"
_CLAIMED = ("paid", "unpaid", "refused")


def quote(walk: Walk) -> None:
    """What it costs, who pays, what comes back; the payer is asked and answers."""
    walk.do(walk.centre, Role.COORDINATOR, "IssueQuote", **quote_input(walk))
    if walk.patient.disease != "mm":
        walk.do(walk.centre, Role.COORDINATOR, "EnrolInAgreement", enrolled_on=walk.today(walk.centre).isoformat(), conditions_met=True)
    walk.do(walk.centre, Role.COORDINATOR, "RequestPreauthorisation", plan=PLAN)
    if walk.money in ("waiting", "cut"):
        walk.do(walk.centre, Role.COORDINATOR, "RequestPreauthorisation", plan=CHARITY)
    if walk.money == "cut":
        refused = {"payer": CHARITY, "plan": CHARITY, "answer": "refused", "amount": "0.00", "reason": "invented: the household's declaration is missing"}
        walk.do_for(walk.centre, Role.PAYER, CHARITY, "AnswerPreauthorisation", **refused)
        walk.do(walk.centre, Role.COORDINATOR, "AppealPreauthorisation", plan=CHARITY, grounds="invented: the declaration is attached now")
    if walk.money != "waiting":
        asked = walk.case(walk.centre).preauthorisations[0].requested.event
        walk.do(walk.centre, Role.PAYER, "AnswerPreauthorisation", payer=PAYER, plan=PLAN, answer="approved", amount=format_minor(asked.amount_minor))


def quote_input(walk: Walk) -> dict[str, object]:
    """The bill of the demo: list price where one is published, the rest invented and said to be."""
    return {
        "event_date": walk.today(walk.centre).isoformat(),
        "currency": "CNY",
        "bill_lines": [
            {"id": "collection", "category": "COLLECTION", "gross": "18000.00", "desc": "invented"},
            {"id": "drug", "category": "CAR_T_DRUG", "gross": drug_price(walk), "desc": "mainland list price"},
            {"id": "inpatient", "category": "INPATIENT", "gross": "145000.00", "desc": "invented"},
        ],
        "plans": [{"plan": PLAN}, {"plan": "beijing-puhui-2023", "risk_class": "standard"}, *([{"plan": CHARITY}] if walk.money in ("waiting", "cut") else [])],
        "agreement": None if walk.patient.disease == "mm" else "axi-cel-value-based-2024-out-of-pocket",
    }


def drug_price(walk: Walk) -> str:
    """The mainland list price of the product. Source: policy reference D1."""
    return "1166000.00" if walk.patient.disease == "mm" else "1200000.00"


def claim(walk: Walk) -> None:
    """The hospital claims the drug from the city plan."""
    if walk.money not in _CLAIMED:
        return
    infused_at = walk.case(walk.centre).infused_at
    walk.do(
        walk.centre,
        Role.COORDINATOR,
        "SubmitClaim",
        claim_id=_claim_id(walk),
        plan=PLAN,
        bill=f"SYNTH-BILL-{walk.patient.number:03d}",
        service_on=infused_at.astimezone(walk.nodes[walk.centre].site.zone).date().isoformat() if infused_at else None,
        lines=[{"id": "drug", "category": "CAR_T_DRUG", "gross": drug_price(walk)}],
    )


def _claim_id(walk: Walk) -> str:
    return f"SYNTH-{walk.patient.number:03d}-C1"


def claim_decided(walk: Walk) -> None:
    """The payer decides by its terms, or refuses with a reason."""
    if walk.money in ("paid", "unpaid"):
        walk.do(walk.centre, Role.PAYER, "AdjudicateClaim", claim_id=_claim_id(walk))
    elif walk.money == "refused":
        reason = "invented: the hospital's invoice names another batch"
        walk.do(walk.centre, Role.PAYER, "AdjudicateClaim", claim_id=_claim_id(walk), amount="0.00", reason=reason)


def claim_followed(walk: Walk) -> None:
    """The payer pays, or the hospital appeals."""
    if walk.money == "paid":
        walk.do(walk.centre, Role.PAYER, "PayClaim", claim_id=_claim_id(walk), payment_id=f"{_claim_id(walk)}-P1")
    elif walk.money == "refused":
        walk.do(walk.centre, Role.COORDINATOR, "AppealClaim", claim_id=_claim_id(walk), grounds="invented: the invoice was corrected")


def refund(walk: Walk) -> None:
    """Where the settled agreement gives a refund, a first part of it reaches the patient; the rest is open."""
    for due in refunds_of(walk.case(walk.centre)):
        if due.recipient == PATIENT:
            arrived = {"amount": format_minor(due.open_minor // 2), "currency": "CNY", "received_on": walk.today(walk.centre).isoformat()}
            walk.do(walk.centre, Role.COORDINATOR, "RecordRefund", recipient=PATIENT, reference=f"SYNTH-REFUND-{walk.patient.number:03d}-1", **arrived)
