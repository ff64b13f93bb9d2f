"""Generated bills, stacks of payers and agreements, for the properties of funding."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from baybridge.base.money import CURRENCIES, format_minor
from baybridge.funding.outcome.agreement import drug_contributions

CATEGORIES = ("CAR_T_DRUG", "INPATIENT", "COLLECTION", "TRAVEL")
DAYS = ("2025-12-01", "2026-01-09", "2026-01-10", "2026-03-09", "2026-03-10", "2026-03-11")
CAPS = ("cap_event", "cap_year", "cap_lifetime")

amounts = st.one_of(st.integers(0, 200), st.integers(0, 300_000_000)).map(format_minor)
rates = st.one_of(st.sampled_from(["0", "0.5", "0.80", "1.00"]), st.integers(0, 10_000).map(lambda n: f"{n // 10_000}.{n % 10_000:04d}"))
exchange_rates = st.integers(1, 30_000_000).map(lambda n: f"{n // 1_000_000}.{n % 1_000_000:06d}")


@st.composite
def bands(draw: st.DrawFn) -> list[dict[str, str]]:
    ends = sorted(draw(st.sets(st.integers(1, 200_000_000), min_size=1, max_size=4)))
    return [{"up_to": format_minor(end), "rate": draw(rates)} for end in ends] + [{"rate": draw(rates)}]


@st.composite
def means_tests(draw: st.DrawFn) -> dict[str, str]:
    names = ("annual_gross_income", "allowable_deductions", "net_assets", "asset_allowance")
    test = {name: draw(amounts) for name in names} | {"income_factor": draw(rates), "asset_factor": draw(rates)}
    return test | ({"absolute_cap": draw(amounts)} if draw(st.booleans()) else {})


@st.composite
def layers(draw: st.DrawFn, name: str, order: int, currency: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["COINSURANCE", "COINSURANCE", "COINSURANCE", "FIXED_GRANT", "MEANS_TESTED"]))
    layer: dict[str, Any] = {"id": name, "order": order, "kind": kind}
    layer["covers"] = draw(st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=4, unique=True))
    if kind == "COINSURANCE":
        layer |= draw(st.one_of(rates.map(lambda rate: {"rate": rate}), bands().map(lambda rows: {"bands": rows})))
        layer["basis"] = draw(st.sampled_from(["GROSS", "RESIDUAL"]))
        shared = {"deductible": amounts, "deductible_used": amounts, "deductible_group": st.just("shared")}
        layer |= draw(st.fixed_dictionaries({}, optional=shared))
    layer |= {"amount": draw(amounts)} if kind == "FIXED_GRANT" else {}
    layer |= {"means_test": draw(means_tests())} if kind == "MEANS_TESTED" else {}
    for cap in CAPS:
        layer |= draw(st.fixed_dictionaries({}, optional={cap: amounts, f"{cap}_used": amounts}))
    layer |= draw(st.fixed_dictionaries({}, optional={"effective_to": st.sampled_from(DAYS[2:])}))
    if draw(st.booleans()):
        layer |= {"effective_from": draw(st.sampled_from((*DAYS[:3], DAYS[5]))), "waiting_days": draw(st.sampled_from([0, 30, 59, 60, 61]))}
        if layer["effective_from"] == DAYS[5]:
            layer.pop("effective_to", None)
    own = draw(st.sampled_from([currency, *CURRENCIES]))
    layer |= {"layer_ccy": own, "fx_to_layer_ccy": draw(exchange_rates)} if own != currency else {}
    return layer | draw(st.fixed_dictionaries({}, optional={"status": st.sampled_from(["verified", "unverified", "expired"])}))


@st.composite
def cases(draw: st.DrawFn, max_layers: int = 12) -> dict[str, Any]:
    currency = draw(st.sampled_from(CURRENCIES))
    names = draw(st.lists(st.text("abcxyz019", min_size=1, max_size=3), min_size=1, max_size=5, unique=True))
    lines = [{"id": name, "category": draw(st.sampled_from(CATEGORIES)), "gross": draw(amounts)} for name in names]
    stack = [draw(layers(f"L{n}", n, currency)) for n in range(draw(st.integers(0, max_layers)))]
    if len({item.get("layer_ccy") for item in stack if "deductible_group" in item}) > 1:
        stack = [{key: value for key, value in item.items() if key != "deductible_group"} for item in stack]
    return {"currency": currency, "event_date": "2026-03-10", "bill_lines": lines, "layers": stack}


@st.composite
def agreements(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "basis": draw(st.sampled_from(["LIST_PRICE", "PATIENT_OOP_DRUG", "NET_PAID"])),
        "rate": draw(rates),
        "cap": draw(st.one_of(st.none(), amounts)),
        "allocation": draw(st.sampled_from(["PATIENT_ONLY", "PRO_RATA_BY_CONTRIBUTION", "INSURER_FIRST"])),
        "refund_outcomes": ["NO_CR_AT_M3"],
        "void_outcomes": ["NOT_INFUSED_OOS"],
        "cases": [{"outcome": name} for name in ("CR_AT_M3", "NO_CR_AT_M3", "NOT_INFUSED_OOS", "PENDING", "DEATH_NRM")],
    }


@st.composite
def partial_payments(draw: st.DrawFn, funded: Any) -> dict[str, tuple[int, int]]:
    """What each payer, and the patient, has paid so far of its part on drug lines: (paid, whole)."""
    whole = drug_contributions(funded.stack)
    return {payer: (draw(st.integers(0, minor)), minor) for payer, minor in whole.items()}
