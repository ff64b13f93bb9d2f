"""A payer's money over its cases: every amount stands in one state, and states sum to what was asked, decided and paid."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.funding.claims.claiming import AppealClaim, PayClaim, appeal_claim, pay_claim
from baybridge.funding.claims.preauthorisation import PayBenefit, pay_benefit
from baybridge.funding.payer.portfolio import BOUND, STATES, Refunds, bound_minor, open_agreements, settled_refunds, standing
from baybridge.journey.events import OutcomeSettled
from unit.funding.test_payer_work import a_road, answered


def row(road: Any) -> dict[str, tuple[int, int]]:
    return dict(standing([road.situation().case], "payer-plan").get("CNY", {}))


def filled(road: Any) -> dict[str, int]:
    return {state: minor for state, (count, minor) in row(road).items() if count}


def test_an_amount_moves_from_state_to_state_and_stands_in_one() -> None:
    road = a_road()
    assert filled(road) == {"asked": 10_000}
    answered(road, "partially_approved", "90.00")
    assert filled(road) == {"approved": 9_000}
    road.claim("c", "plan", "bill", "95.00")
    assert filled(road) == {"claimed": 9_000}, "claimed above what was promised counts as far as it was promised"
    road.decided("c", amount="80.00", reason="less")
    assert filled(road) == {"decided": 8_000}
    road.do(pay_claim, PayClaim(claim_id="c", payment_id="p1", amount="30.00"))
    assert filled(road) == {"decided": 5_000, "paid": 3_000}
    assert bound_minor(row(road)) == 5_000
    road.do(appeal_claim, AppealClaim(claim_id="c", grounds="more"))
    assert filled(road) == {"claimed": 6_000, "paid": 3_000}
    road.decided("c", amount="30.00", reason="still less")
    assert filled(road) == {"paid": 3_000}
    assert set(BOUND) < set(STATES)


def test_a_refusal_binds_nobody_and_an_advance_is_paid() -> None:
    road = a_road()
    answered(road, "refused", "0.00")
    assert (filled(road), bound_minor(row(road))) == ({"refused": 10_000}, 0)
    road = a_road()
    answered(road, "approved", "100.00")
    road.do(pay_benefit, PayBenefit(claim_id="early", payer="payer-plan", amount="25.00", currency="CNY"))
    assert filled(road) == {"approved": 7_500, "paid": 2_500}


@pytest.mark.parametrize(
    ("plans", "programme", "expected"), [({"plan"}, set(), (1, 300, 0, 0, 0)), (set(), {"oba"}, (1, 0, 0, 1_000, 0)), ({"x"}, {"y"}, (1, 0, 0, 0, 0))]
)
def test_what_a_settlement_returns_or_costs(plans: set[str], programme: set[str], expected: tuple[int, ...]) -> None:
    road = a_road()
    allocation = (("plan", 300), ("PATIENT", 700))
    road.events.append(
        OutcomeSettled(agreement="oba", outcome="NO_CR_AT_M3", code="OBA-REFUND-DUE", refund_minor=1_000, currency="CNY", allocation=allocation, decision_sha256="0")
    )
    case = road.situation().case
    assert settled_refunds([case], frozenset(plans), programme=frozenset(programme)) == {"CNY": Refunds(*expected)}
    assert open_agreements([case]) == []
