"""That the generators of the funding laws reach what the laws speak of; a law over cases that never arise proves nothing.

Each ingredient must appear, and must decide something, in a run of generated cases; so must each refund allocation and basis with money in it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from baybridge.base.money import CURRENCIES, format_minor
from baybridge.base.outcome import Refusal
from baybridge.funding.plans.terms import Kind, LayerBasis
from baybridge.funding.quote.report import Funded, fund
from funding_cases import agreements, cases, partial_payments
from funding_material import case_of

SEEN: Counter[str] = Counter()

#: What the laws speak of. Source: policy reference D6; bands, caps, shared deductibles, waiting periods, mid-year changes, refunds, partial payments.
NEEDED = {
    *(f"currency {currency}" for currency in CURRENCIES), "twelve layers", "layer in another currency", "bands", "gross basis decides", "fixed grant pays",
    "means test pays", "shared deductible used up by another layer", "deductible used before", "cap used before", "PAY-RATE", "PAY-FIXED", "PAY-MEANS-TEST",
    "PAY-CAP:cap_event", "PAY-CAP:cap_year", "PAY-CAP:cap_lifetime", "PAY-RESIDUAL-LIMIT", "PAY-NOT-COVERED", "PAY-NOT-IN-FORCE", "PAY-LAPSED",
    "PAY-WAITING-PERIOD", "PAY-UNVERIFIED-PLAN", "changed in mid-year", "zero charge", "nothing left for a layer",
    *(f"refund {basis} {allocation}" for basis in ("LIST_PRICE", "PATIENT_OOP_DRUG", "NET_PAID")
      for allocation in ("PATIENT_ONLY", "PRO_RATA_BY_CONTRIBUTION", "INSURER_FIRST")),
    "refund to several", "refund capped", "void", "earlier refund", "partial payment",
}  # fmt: skip


def answered(data: dict[str, Any]) -> Funded | None:
    answer = fund(case_of(data))
    return None if isinstance(answer, Refusal) else answer


@settings(max_examples=600, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck), deadline=None)
@given(cases(), agreements(), st.data())
def reach(data: dict[str, Any], oba: dict[str, Any], draw: st.DataObject) -> None:
    answer = answered({**data, "oba": oba})
    assert answer is not None
    note_stack(data, answer)
    for settled in answer.outcomes or ():
        if settled.outcome == "NO_CR_AT_M3" and settled.refund_minor:
            SEEN[f"refund {oba['basis']} {oba['allocation']}"] += 1
            SEEN["refund to several"] += len(settled.allocation) > 1
            SEEN["refund capped"] += oba["cap"] is not None and answer.case.agreement is not None and settled.refund_minor == answer.case.agreement.cap_minor
        SEEN["void"] += settled.outcome == "NOT_INFUSED_OOS" and settled.refund_minor > 0
    paid = draw.draw(partial_payments(answer))
    SEEN["partial payment"] += any(0 < part < whole for part, whole in paid.values())
    earlier = {payer: format_minor(part) for payer, (part, _) in paid.items()}
    again = answered({**data, "oba": {**oba, "earlier_refunds": earlier}})
    assert again is not None
    SEEN["earlier refund"] += any(part for part, _ in paid.values()) and any(one.refund_minor for one in again.outcomes or ())


def note_stack(data: dict[str, Any], answer: Funded) -> None:
    SEEN[f"currency {data['currency']}"] += 1
    SEEN["twelve layers"] += len(data["layers"]) == 12
    SEEN["zero charge"] += any(line.gross_minor == 0 for line in answer.case.lines)
    groups: Counter[str] = Counter()
    for paid in answer.stack.layers:
        layer = paid.layer
        SEEN[paid.binding] += 1
        SEEN.update(paid.notes)
        SEEN["layer in another currency"] += layer.fx is not None and paid.amounts.benefit > 0
        SEEN["bands"] += len(layer.bands) > 1 and paid.amounts.benefit > 0
        SEEN["gross basis decides"] += layer.basis is LayerBasis.GROSS and paid.amounts.benefit > 0
        SEEN["fixed grant pays"] += layer.kind is Kind.FIXED_GRANT and paid.amounts.benefit > 0
        SEEN["means test pays"] += paid.contribution is not None and paid.amounts.benefit > 0
        SEEN["deductible used before"] += bool(layer.deductible_minor and layer.deductible_used_minor)
        SEEN["cap used before"] += any(cap.used_minor for cap in layer.caps)
        SEEN["changed in mid-year"] += layer.effective_from is not None and layer.effective_to is not None and paid.amounts.benefit > 0
        SEEN["nothing left for a layer"] += paid.amounts.base == 0 and not paid.binding.startswith("PAY-NOT")
        if layer.deductible_group:
            before = groups[layer.deductible_group]
            SEEN["shared deductible used up by another layer"] += before > 0 and layer.deductible_minor > 0
            groups[layer.deductible_group] += (paid.own or paid.amounts).deductible


def test_the_generators_reach_everything_that_the_laws_speak_of() -> None:
    """What the first seed reaches depends on the constants of whatever else this process has loaded, so that a rare thing may need another."""
    SEEN.clear()
    for number in range(8):
        seed(number)(reach)()
        if all(SEEN[name] for name in NEEDED):
            break
    assert {name for name in NEEDED if not SEEN[name]} == set()


def test_the_count_would_notice_what_is_never_reached() -> None:
    SEEN.clear()
    assert {name for name in NEEDED if not SEEN[name]} == NEEDED
