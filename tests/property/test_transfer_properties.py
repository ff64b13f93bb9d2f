"""What must hold of the transfer check for every request."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.exchange.transfer.check import check_transfer
from exchange_documents import TRANSFER, changed, transfer_rules

maybe = st.sampled_from([True, False, None])
RANK = {"allow": 0, "allow-with-conditions": 1, "hold": 2, "deny": 3}
places = st.sampled_from(["CN", "HK", "MO"])
changes = st.fixed_dictionaries(
    {},
    optional={
        "exporter.jurisdiction": places,
        "importer.jurisdiction": st.sampled_from(["CN", "HK", "MO", "SG"]),
        "exporter.gd9": maybe,
        "importer.gd9": maybe,
        "exporter.ciio": maybe,
        "exporter.ytd_sensitive_persons": st.sampled_from([0, 8999, 9000, 9999, 10000, None]),
        "transfer.emergency": maybe,
        "transfer.important_data": maybe,
        "transfer.contains_genomic": maybe,
        "transfer.genomic_for_care": maybe,
        "transfer.origin": st.sampled_from(["CN", "HK", "MO", None]),
        "transfer.mixed_with_cn_data": maybe,
        "transfer.received_under": st.sampled_from(["R5", None]),
        "transfer.encrypted": maybe,
        "transfer.recipients": st.sampled_from([None, [], ["HK centre"]]),
        "transfer.retention_until": st.sampled_from([None, "2026-01-01", "2036-01-01"]),
        "transfer.data_categories": st.sampled_from([None, [], ["Patient"], ["Claim"]]),
        "contract": st.sampled_from([None, TRANSFER["contract"], {"kind": "pcpd_clauses", "effective_on": "2026-01-01"}]),
        "pipia": st.sampled_from([None, TRANSFER["pipia"]]),
        "consents.care": maybe,
        "consents.sensitive": maybe,
        "consents.cross_border": maybe,
        "consents.mo_ground": maybe,
        "consents.dspdp_notified": maybe,
        "consents.withdrawn_on": st.sampled_from([None, "2026-03-01", "2026-04-01"]),
    },
)


@given(changes)
@settings(max_examples=200, deadline=None)
def test_every_request_gets_a_route_an_outcome_and_a_code(changes: dict[str, Any]) -> None:
    found = check_transfer(changed(TRANSFER, changes), transfer_rules())
    assert found.outcome in RANK
    assert found.route in {f"R{number}" for number in range(10)}
    assert found.codes == ("DT-001",) if found.outcome == "allow" else "DT-001" not in found.codes


@given(changes)
@settings(max_examples=200, deadline=None)
def test_what_came_under_the_contract_never_leaves_the_area(changes: dict[str, Any]) -> None:
    request = changed(TRANSFER, changes | {"transfer.received_under": "R5"})
    importer = request["importer"]
    outside = importer["jurisdiction"] not in ("HK", "MO") and not (importer["jurisdiction"] == "CN" and importer["gd9"])
    found = check_transfer(request, transfer_rules())
    assert ("DT-031" in found.codes) == outside
    assert not (outside and found.allowed)


@given(
    changes,
    st.sampled_from(
        [
            "consents.care",
            "consents.sensitive",
            "consents.cross_border",
            "contract",
            "pipia",
            "transfer.recipients",
            "transfer.retention_until",
            "transfer.encrypted",
            "transfer.data_categories",
            "transfer.important_data",
        ]
    ),
)
@settings(max_examples=200, deadline=None)
def test_what_is_unknown_never_helps(changes: dict[str, Any], path: str) -> None:
    """On the same route; without its contract a transfer may fall to a route that needs none."""
    known = check_transfer(changed(TRANSFER, changes), transfer_rules())
    unknown = check_transfer(changed(TRANSFER, changes | {path: None}), transfer_rules())
    if known.route == unknown.route:
        assert RANK[unknown.outcome] >= RANK[known.outcome]
