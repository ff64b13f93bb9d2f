"""The laws of funding over generated bills, stacks of up to 12 layers in four currencies, agreements and tenders.

Letters as in policy reference D6: (a) and (b) conservation and limits, (c) accumulators, (d) refunds, (e) instalments, (f) tenders,
(g) a layer added last, (h) the order of charges.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.base.money import CURRENCIES, format_minor, parse_minor
from baybridge.base.outcome import Refusal
from baybridge.funding.outcome.agreement import settle
from baybridge.funding.quote.report import Funded, as_json, fund
from baybridge.funding.quote.stack import pay_stack
from funding_cases import agreements, amounts, cases, exchange_rates, layers, partial_payments, rates
from funding_material import case_of, problems


def answered(data: dict[str, Any]) -> Funded:
    answer = fund(case_of(data))
    assert not isinstance(answer, Refusal), answer
    return answer


@given(cases())
def test_a_b_shares_and_the_patient_sum_to_the_charge_and_nothing_exceeds_its_limit(data: dict[str, Any]) -> None:
    stack = answered(data).stack
    left = {line.line_id: line.gross_minor for line in stack.case.lines}
    for paid in stack.layers:
        assert sum(paid.allocation.values()) == paid.amounts.benefit
        for line_id, share in paid.allocation.items():
            assert 0 <= share <= left[line_id]
            left[line_id] -= share
        own = (paid.own or paid.amounts).benefit
        assert all(own <= cap.left_minor for cap in paid.layer.caps)
        assert all(minor >= 0 for minor in (paid.amounts.base, paid.amounts.deductible, paid.amounts.after_deductible, paid.amounts.raw))
    assert left == dict(stack.patient_by_line)
    assert stack.computed_minor + stack.patient_minor == stack.case.gross_minor
    assert 0 <= stack.entitled_minor <= stack.computed_minor


@given(cases())
def test_c_accumulators_never_fall(data: dict[str, Any]) -> None:
    for paid in answered(data).stack.layers:
        for cap in paid.layer.caps:
            assert paid.used[f"{cap.name}_used"] >= cap.used_minor
        if paid.layer.deductible_minor:
            assert paid.used["deductible_used"] >= paid.layer.deductible_used_minor


@given(cases(max_layers=6), agreements())
def test_d_refunds_never_exceed_what_was_paid_and_leave_the_rest(data: dict[str, Any], oba: dict[str, Any]) -> None:
    answer = answered({**data, "oba": oba})
    drug = sum(line.gross_minor for line in answer.case.lines if line.category == "CAR_T_DRUG")
    for settled in answer.outcomes or ():
        assert sum(settled.allocation.values()) == settled.refund_minor
        assert sum(settled.net_on_drug.values()) == drug - settled.refund_minor
        assert min(settled.net_on_drug.values()) >= 0
        assert all(settled.allocation.values())
        if settled.outcome == "NO_CR_AT_M3" and oba["cap"] is not None:
            assert settled.refund_minor <= parse_minor(oba["cap"])
        if settled.outcome == "NOT_INFUSED_OOS":
            assert settled.refund_minor == drug


@given(cases(max_layers=6), agreements(), st.data())
def test_d_after_partial_payments_and_earlier_refunds_nobody_gets_back_more_than_they_paid(
    data: dict[str, Any], oba: dict[str, Any], draw: st.DataObject
) -> None:
    """Law (d) on what was really paid: each payer a part of its share, some of it returned before."""
    answer = answered({**data, "oba": oba})
    agreement = answer.case.agreement
    assert agreement is not None
    paid = {payer: part for payer, (part, _) in draw.draw(partial_payments(answer)).items()}
    earlier = {payer: draw.draw(st.integers(0, part)) for payer, part in paid.items()}
    returned = replace(agreement, earlier_refunds=earlier)
    price = sum(line.gross_minor for line in answer.case.lines if line.category == "CAR_T_DRUG")
    for outcome in agreement.outcomes:
        settled = settle(returned, paid, price, outcome)
        assert all(0 <= share <= paid[payer] - earlier[payer] for payer, share in settled.allocation.items())
        assert sum(settled.net_on_drug.values()) == sum(paid.values()) - sum(earlier.values()) - settled.refund_minor
        assert min(settled.net_on_drug.values()) >= 0


@given(cases(max_layers=4), cases(max_layers=4), st.integers(0, 3))
def test_c_a_plan_that_changes_in_mid_year_keeps_what_was_used(first: dict[str, Any], second: dict[str, Any], at: int) -> None:
    """Law (c) over two bills: what a layer used of deductible and caps in the first is what the second begins with; together no cap is exceeded."""
    if not first["layers"]:
        return
    layer = first["layers"][at % len(first["layers"])]
    before = next(paid for paid in answered(first).stack.layers if paid.layer.layer_id == layer["id"])
    used = {name: format_minor(minor) for name, minor in before.used.items()}
    lines = [{**line, "category": layer["covers"][0]} for line in second["bill_lines"]]
    changed = {name: value for name, value in {**layer, **used}.items() if name not in ("effective_to", "deductible_group")}
    after = answered({**first, "bill_lines": lines, "layers": [changed]}).stack.layers[0]
    for name, minor in before.used.items():
        assert after.used[name] >= minor
    for cap in before.layer.caps:
        together = (before.own or before.amounts).benefit + (after.own or after.amounts).benefit
        assert cap.used_minor + together <= max(cap.limit_minor, cap.used_minor)


@given(cases(max_layers=3), st.integers(1, 60))
def test_e_instalments_sum_to_the_patients_share(data: dict[str, Any], count: int) -> None:
    answer = answered({**data, "instalments": {"count": count}})
    assert answer.instalments is not None
    assert answer.instalments.sum_minor == answer.stack.patient_minor
    assert 0 <= answer.instalments.each_minor <= answer.instalments.last_minor


@given(cases(max_layers=3), agreements(), st.lists(st.tuples(st.sampled_from(CURRENCIES), st.integers(0, 100), exchange_rates), max_size=4))
def test_f_tenders_sum_to_the_share_and_refunds_go_back_through_them(data: dict[str, Any], oba: dict[str, Any], parts: list[Any]) -> None:
    share = answered(data).stack.patient_minor
    per_part = share // (len(parts) + 1)
    tenders = [
        {
            "currency": currency,
            "bill_ccy_amount": format_minor(per_part * weight // 100),
            "rate_bill_to_tender": "1" if currency == data["currency"] else rate,
        }
        for currency, weight, rate in parts
    ]
    settlement = {"tenders": [*tenders, {"currency": data["currency"], "remainder": True}]}
    printed = as_json(answered({**data, "oba": oba, "settlement": settlement}))
    assert printed["settlement"]["bill_ccy_sum"] == printed["patient_share"] == format_minor(share)
    taken = printed["settlement"]["tenders"]
    for outcome in printed["oba"]:
        back = outcome["refund_by_tender"]
        assert sum(parse_minor(part["bill_ccy"]) for part in back) == parse_minor(outcome["refund_allocation"].get("PATIENT", "0.00"))
        for before, after in zip(taken, back, strict=True):
            assert parse_minor(after["bill_ccy"]) <= parse_minor(before["bill_ccy_amount"])
            assert parse_minor(after["tender_amount_at_original_rate"]) <= parse_minor(before["tender_amount"])


@given(cases(max_layers=6), st.data())
def test_g_a_layer_added_last_never_raises_the_patients_share(data: dict[str, Any], more: st.DataObject) -> None:
    before = answered(data).stack
    last = more.draw(layers("LAST", 99, data["currency"]))
    last.pop("deductible_group", None)
    after = answered({**data, "layers": [*data["layers"], last]}).stack
    assert after.patient_minor <= before.patient_minor
    assert all(after.patient_by_line[line] <= minor for line, minor in before.patient_by_line.items())


@given(cases(), agreements(), st.randoms(use_true_random=False))
def test_h_the_order_of_charges_and_of_layers_in_the_file_changes_nothing(data: dict[str, Any], oba: dict[str, Any], random: Any) -> None:
    shuffled = {**data, "oba": oba, "bill_lines": list(data["bill_lines"]), "layers": list(data["layers"])}
    random.shuffle(shuffled["bill_lines"])
    random.shuffle(shuffled["layers"])
    assert as_json(answered(shuffled)) == as_json(answered({**data, "oba": oba}))


@given(cases(max_layers=4))
def test_a_benefit_is_what_an_exact_second_reckoning_gives(data: dict[str, Any]) -> None:
    """A second, naive evaluator of one layer at a time, on exact fractions, for layers in the bill's own currency."""
    stack = answered(data).stack
    left = {line.line_id: line.gross_minor for line in stack.case.lines}
    for written, paid in zip(data["layers"], stack.layers, strict=True):
        plain = paid.layer.fx is None and written["kind"] == "COINSURANCE" and "rate" in written and "deductible_group" not in written
        if plain and paid.binding == "PAY-RATE":
            covered = [line for line in stack.case.lines if line.category in written["covers"]]
            base = sum(line.gross_minor if written["basis"] == "GROSS" else left[line.line_id] for line in covered)
            open_deductible = max(parse_minor(written.get("deductible", "0.00")) - parse_minor(written.get("deductible_used", "0.00")), 0)
            exact = Fraction(written["rate"]) * (base - min(open_deductible, base))
            assert paid.amounts.base == base
            assert abs(paid.amounts.benefit - exact) * 2 <= 1
        for line_id, share in paid.allocation.items():
            left[line_id] -= share


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), amounts, st.text(max_size=5), rates),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300)
@given(cases(max_layers=3), agreements(), JSON, st.data())
def test_anything_anywhere_is_answered_or_refused_never_a_crash(data: dict[str, Any], oba: Any, junk: Any, draw: st.DataObject) -> None:
    tenders = [{"currency": data["currency"], "remainder": True, "rate_bill_to_tender": "1"}]
    whole: Any = {**data, "oba": oba, "instalments": {"count": 3}, "settlement": {"tenders": tenders}}
    holder, key = draw.draw(st.sampled_from(list(_places(whole))))
    holder[key] = junk
    for where, code in problems(whole):
        assert code
        assert where or not isinstance(whole, dict)


def _places(value: Any) -> Any:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def test_an_earlier_layer_may_cost_the_patient() -> None:
    """Why (g) speaks of the last layer only: an earlier one moves what is left between lines, out of a later payer's reach."""
    lines = [{"id": "a", "category": "DRUG", "gross": "200.00"}, {"id": "b", "category": "STAY", "gross": "200.00"}]
    both = {"id": "both", "order": 1, "covers": ["DRUG", "STAY"], "rate": "1.00", "deductible": "50.00"}
    drug = {"id": "drug", "order": 2, "covers": ["DRUG"], "rate": "1.00", "cap_event": "50.00"}
    early = {"id": "early", "order": 0, "covers": ["DRUG"], "rate": "0.50"}
    data = {"currency": "CNY", "event_date": "2026-03-10", "bill_lines": lines, "layers": [both, drug]}
    assert pay_stack(case_of(data)).patient_minor == 2500
    assert pay_stack(case_of({**data, "layers": [early, both, drug]})).patient_minor == 3333
