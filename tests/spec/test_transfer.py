"""Whether data may cross: the worked checks of the policy reference (B4) and each sentence of the exchange contract.

A row: what is changed in a complete transfer from Shenzhen to Hong Kong, then outcome, route and codes that must come out.
"""


from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from baybridge.exchange.transfer.check import check_transfer
from exchange_documents import TRANSFER, changed, transfer_rules

NATIONAL = {"kind": "national", "id": "n1", "effective_on": "2026-01-05", "filed_on": None, "purposes": []}
CLAUSES = {"kind": "pcpd_clauses", "id": "m1", "effective_on": "2026-01-05", "filed_on": None, "purposes": []}
BEIJING = {"exporter.gd9": False, "exporter.name": "Beijing hospital"}
TO_MACAO = {"importer": {"name": "MO hospital", "jurisdiction": "MO", "gd9": False}, "transfer.recipients": ["MO hospital"]}
TO_SHANGHAI = {"importer": {"name": "SH plant", "jurisdiction": "CN", "gd9": False}, "transfer.recipients": ["SH plant"]}
TO_GUANGZHOU = {"importer": {"name": "GZ centre", "jurisdiction": "CN", "gd9": True}, "transfer.recipients": ["GZ centre"]}
TO_HONG_KONG = {"importer": {"name": "HK centre", "jurisdiction": "HK", "gd9": False}}
FROM_HONG_KONG = {"exporter.jurisdiction": "HK", "exporter.gd9": False, "transfer.origin": "HK", "consents.sensitive": None, "pipia": None}
FROM_MACAO = {"exporter.jurisdiction": "MO", "exporter.gd9": False, "transfer.origin": "MO", "pipia": None, "consents.sensitive": None,
              "consents.cross_border": None, "consents.mo_ground": True, "consents.dspdp_notified": True}  # fmt: skip
FROM_SHANGHAI = {"exporter.gd9": False, "exporter.name": "SH plant"}
BACK = {"transfer.origin": "HK", "transfer.purpose": "COI_LOGISTICS", "transfer.data_categories": ["BiologicallyDerivedProduct"]}


def contract(effective_on: str | None, filed_on: str | None) -> dict[str, Any]:
    return {"contract.effective_on": effective_on, "contract.filed_on": filed_on}


WORKED = [
    ("1 Shenzhen to Hong Kong", {}, "allow", "R5", ["DT-001"]),
    ("2 on to Shanghai with what came under R5", TO_SHANGHAI | {"transfer.received_under": "R5", "transfer.origin": "HK"}, "deny", "R0", ["DT-031"]),
    ("3 Hong Kong to Shanghai under clauses", FROM_HONG_KONG | TO_SHANGHAI | {"contract": CLAUSES}, "allow", "R8", ["DT-001"]),
    ("4 batch data goes back to Hong Kong", FROM_SHANGHAI | BACK | {"contract": None, "pipia": None}, "allow", "R4", ["DT-001"]),
    ("5 Beijing without any basis", BEIJING | {"contract": None}, "deny", "R7", ["DT-010"]),
    ("6 twelve working days, not filed", contract("2026-03-09", None), "hold", "R5", ["DT-033"]),
    ("7 genome file to Macao for research", TO_MACAO | {"transfer.contains_genomic": True}, "deny", "R5", ["DT-050"]),
    ("8 unconscious in Zhuhai", {"transfer.emergency": True, "consents": {}, "contract": None, "pipia": None, "transfer.recipients": None},
     "allow-with-conditions", "R1", ["DT-060"]),
    ("9 consent withdrawn yesterday", {"consents.withdrawn_on": "2026-03-24"}, "deny", "R5", ["DT-013"]),
    ("10 at 9,500 sensitive persons", BEIJING | {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 9500}, "hold", "R7", ["DT-042"]),
    ("11 images in a claim", {"transfer.purpose": "CLAIM", "contract.purposes": ["CLAIM"], "transfer.data_categories": ["Claim", "ImagingStudy"]},
     "deny", "R5", ["DT-020"]),
]  # fmt: skip

SAME_PLACE = [
    ("only care is asked", TO_SHANGHAI | {"contract": None, "pipia": None, "consents": {"care": True}, "transfer.recipients": None}, "allow", "R0", ["DT-001"]),
    ("care withdrawn", TO_SHANGHAI | {"consents.withdrawn_on": "2026-03-25"}, "deny", "R0", ["DT-011"]),
    ("withdrawn from tomorrow", TO_SHANGHAI | {"consents.withdrawn_on": "2026-03-26"}, "allow", "R0", ["DT-001"]),
    ("content is checked", TO_SHANGHAI | {"transfer.important_data": True, "transfer.encrypted": False, "transfer.retention_until": None,
     "transfer.data_categories": ["Claim"], "transfer.contains_genomic": True}, "deny", "R0", ["DT-020", "DT-041", "DT-050", "DT-070", "DT-080"]),
    ("emergency at one place is no crossing", TO_SHANGHAI | {"transfer.emergency": True}, "allow", "R0", ["DT-001"]),
    ("eHealth without sharing consent", FROM_HONG_KONG | TO_HONG_KONG | {"transfer.origin_system": "ehealth"}, "deny", "R0", ["DT-014"]),
]  # fmt: skip

CONSENTS = [
    ("none", {"consents": {}}, "deny", "R5", ["DT-011", "DT-012", "DT-013"]),
    ("consents null", {"consents": None}, "deny", "R5", ["DT-011", "DT-012", "DT-013"]),
    ("sensitive missing", {"consents.sensitive": False}, "deny", "R5", ["DT-012"]),
    ("R4 needs them too", FROM_SHANGHAI | BACK | {"consents.sensitive": None}, "deny", "R4", ["DT-012"]),
    ("Hong Kong needs care and cross-border", FROM_HONG_KONG | TO_SHANGHAI | {"contract": CLAUSES, "consents": {}}, "deny", "R8", ["DT-011", "DT-013"]),
    ("eHealth", FROM_HONG_KONG | TO_SHANGHAI | {"contract": CLAUSES, "transfer.origin_system": "ehealth"}, "deny", "R8", ["DT-014"]),
    ("eHealth, shared", FROM_HONG_KONG | TO_SHANGHAI | {"contract": CLAUSES, "transfer.origin_system": "ehealth", "consents.hk_sharing": True},
     "allow", "R8", ["DT-001"]),
    ("Macao, authority not told", FROM_MACAO | TO_HONG_KONG | {"consents.dspdp_notified": None}, "deny", "R9", ["DT-015"]),
    ("Macao, no ground", FROM_MACAO | TO_HONG_KONG | {"consents.mo_ground": False, "consents.care": False}, "deny", "R9", ["DT-011", "DT-015"]),
    ("Macao, withdrawn", FROM_MACAO | TO_HONG_KONG | {"consents.withdrawn_on": "2026-03-01"}, "deny", "R9", ["DT-013"]),
    ("withdrawn on the day", {"consents.withdrawn_on": "2026-03-25"}, "deny", "R5", ["DT-013"]),
    ("emergency needs none", {"transfer.emergency": True, "consents.withdrawn_on": "2026-03-01"}, "allow-with-conditions", "R1", ["DT-060"]),
    ("emergency without encryption", {"transfer.emergency": True, "transfer.encrypted": None}, "deny", "R1", ["DT-060", "DT-080"]),
]  # fmt: skip

CONTRACTS = [
    ("none", {"contract": None}, "deny", "R5", ["DT-010"]),
    ("clauses are none towards Hong Kong", {"contract": CLAUSES}, "deny", "R5", ["DT-010"]),
    ("not yet in effect", contract("2026-03-26", None), "hold", "R5", ["DT-032"]),
    ("day of effect unknown", contract(None, None), "hold", "R5", ["DT-032"]),
    ("ten working days, not filed", contract("2026-03-11", None), "allow", "R5", ["DT-001"]),
    ("eleven working days, not filed", contract("2026-03-10", None), "hold", "R5", ["DT-033"]),
    ("filed on the tenth day", contract("2026-03-02", "2026-03-16"), "allow", "R5", ["DT-001"]),
    ("filed on the eleventh day", contract("2026-03-02", "2026-03-17"), "hold", "R5", ["DT-033"]),
    ("filing announced for tomorrow", contract("2026-03-02", "2026-03-26"), "hold", "R5", ["DT-033"]),
    ("purpose not listed", {"contract.purposes": ["CLAIM"]}, "hold", "R5", ["DT-021"]),
    ("purposes unknown", {"contract.purposes": None}, "hold", "R5", ["DT-021"]),
    ("nine cities with a national contract", {"contract": NATIONAL}, "allow", "R7", ["DT-001"]),
    ("nine cities with a certificate", {"contract": NATIONAL | {"kind": "certificate"}}, "allow", "R7", ["DT-001"]),
    ("national contract not in force", {"contract": NATIONAL | {"effective_on": "2026-04-01"}}, "deny", "R7", ["DT-010"]),
    ("Beijing under the bay area contract", BEIJING, "deny", "R7", ["DT-010", "DT-030"]),
    ("Hong Kong to Guangzhou", FROM_HONG_KONG | TO_GUANGZHOU, "allow", "R5", ["DT-001"]),
    ("Hong Kong to Guangzhou under clauses", FROM_HONG_KONG | TO_GUANGZHOU | {"contract": CLAUSES}, "allow", "R8", ["DT-001"]),
    ("Hong Kong to Guangzhou without any", FROM_HONG_KONG | TO_GUANGZHOU | {"contract": None}, "deny", "R8", ["DT-010"]),
    ("Hong Kong to Shanghai under the bay area contract", FROM_HONG_KONG | TO_SHANGHAI, "deny", "R8", ["DT-010", "DT-030"]),
    ("Hong Kong to Macao under clauses", FROM_HONG_KONG | TO_MACAO | {"contract": CLAUSES}, "allow", "R8", ["DT-001"]),
    ("Hong Kong to Guangzhou, overdue", FROM_HONG_KONG | TO_GUANGZHOU | contract("2026-03-02", None), "hold", "R5", ["DT-033"]),
    ("Macao to Hong Kong", FROM_MACAO | TO_HONG_KONG | {"contract": None}, "allow", "R9", ["DT-001"]),
    ("Macao to Guangzhou under the contract", FROM_MACAO | TO_GUANGZHOU, "allow", "R5", ["DT-001"]),
    ("Macao to Guangzhou without", FROM_MACAO | TO_GUANGZHOU | {"contract": None}, "allow", "R9", ["DT-001"]),
    ("Macao to Shanghai", FROM_MACAO | TO_SHANGHAI | {"contract": None}, "allow", "R9", ["DT-001"]),
]  # fmt: skip

SAFEGUARDS = [
    ("no impact assessment", {"pipia": None}, "hold", "R5", ["DT-040"]),
    ("impact assessment over", {"pipia.valid_until": "2026-03-24"}, "hold", "R5", ["DT-040"]),
    ("its last day", {"pipia.valid_until": "2026-03-25"}, "allow", "R5", ["DT-001"]),
    ("not among the recipients", {"transfer.recipients": ["another"]}, "hold", "R5", ["DT-034"]),
    ("recipients unknown", {"transfer.recipients": None}, "hold", "R5", ["DT-034"]),
    ("retention passed", {"transfer.retention_until": "2026-03-24"}, "deny", "R5", ["DT-070"]),
    ("retention ends today", {"transfer.retention_until": "2026-03-25"}, "allow", "R5", ["DT-001"]),
    ("not encrypted", {"transfer.encrypted": False}, "deny", "R5", ["DT-080"]),
    ("types unknown", {"transfer.data_categories": None}, "deny", "R5", ["DT-020"]),
    ("retention on R4", FROM_SHANGHAI | BACK | {"transfer.retention_until": None}, "deny", "R4", ["DT-070"]),
]  # fmt: skip

CONTENT = [
    ("important data", {"transfer.important_data": True}, "deny", "R2", ["DT-041"]),  # DT-043 is for CIIO and volume alone
    ("genome data for care", {"transfer.contains_genomic": True, "transfer.genomic_for_care": True}, "hold", "R5", ["DT-051"]),
    ("received under R5, on to Hong Kong", {"transfer.received_under": "R5"}, "allow", "R5", ["DT-001"]),
    ("received under R5, Hong Kong on to Shanghai", FROM_HONG_KONG | TO_SHANGHAI | {"contract": CLAUSES, "transfer.received_under": "R5", "transfer.origin": "CN"},
     "deny", "R8", ["DT-031"]),
    ("received under R5, on to Guangzhou", TO_GUANGZHOU | {"transfer.received_under": "R5"}, "allow", "R0", ["DT-001"]),
    ("received under R5, on to a third country", {"importer.jurisdiction": "SG", "contract": NATIONAL, "transfer.received_under": "R5"}, "deny", "R7", ["DT-031"]),
    ("collected abroad, but mixed", FROM_SHANGHAI | BACK | {"transfer.mixed_with_cn_data": True, "contract": NATIONAL}, "allow", "R7", ["DT-001"]),
    ("collected abroad, mixing unknown", FROM_SHANGHAI | BACK | {"transfer.mixed_with_cn_data": None, "contract": NATIONAL}, "allow", "R7", ["DT-001"]),
    ("collected abroad, not for the receiver", FROM_SHANGHAI | BACK | {"importer.name": "another"}, "hold", "R4", ["DT-034"]),
]  # fmt: skip

VOLUME = [
    ("8,999", BEIJING | {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 8999}, "allow", "R7", ["DT-001"]),
    ("9,000", BEIJING | {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 9000}, "hold", "R7", ["DT-042"]),
    ("9,999", BEIJING | {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 9999}, "hold", "R7", ["DT-042"]),
    ("10,000", BEIJING | {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 10000}, "hold", "R2", ["DT-043"]),
    ("1,000,000 others", BEIJING | {"contract": NATIONAL, "exporter.ytd_other_persons": 1000000}, "hold", "R2", ["DT-043"]),
    ("no volume limit on R5", {"exporter.ytd_sensitive_persons": 20000}, "allow", "R5", ["DT-001"]),
    ("nine cities on R7, 10,000", {"contract": NATIONAL, "exporter.ytd_sensitive_persons": 10000}, "hold", "R2", ["DT-043"]),
    ("critical infrastructure", BEIJING | {"contract": NATIONAL, "exporter.ciio": True}, "hold", "R2", ["DT-043"]),
    ("critical infrastructure on R5", {"exporter.ciio": True}, "hold", "R5", ["DT-043"]),
]  # fmt: skip

EVERY_ROW = WORKED + SAME_PLACE + CONSENTS + CONTRACTS + SAFEGUARDS + CONTENT + VOLUME


@pytest.mark.parametrize(("name", "changes", "outcome", "route", "codes"), EVERY_ROW, ids=[row[0] for row in EVERY_ROW])
def test_transfer(name: str, changes: dict[str, Any], outcome: str, route: str, codes: list[str]) -> None:
    order = sorted(changes.items(), key=lambda item: item[0].count("."))
    found = check_transfer(changed(TRANSFER, dict(order)), transfer_rules())
    assert (found.outcome, found.route, list(found.codes)) == (outcome, route, codes), name


def test_holidays_are_no_working_days_of_the_exporter() -> None:
    """From 11 to 27 February 2026 lie the Spring Festival and two make-up Saturdays: seven working days in the mainland."""
    new_year = contract("2026-02-11", None) | {"transfer.at": "2026-02-27T10:00:00+08:00", "transfer.retention_until": "2030-01-01"}
    mainland = check_transfer(changed(TRANSFER, new_year), transfer_rules())
    later = check_transfer(changed(TRANSFER, new_year | {"transfer.at": "2026-03-05T10:00:00+08:00"}), transfer_rules())
    assert mainland.codes == ("DT-001",)
    assert later.codes == ("DT-033",)


def test_genome_data_take_r3_beside_the_route() -> None:
    answer = check_transfer(changed(TRANSFER, {"transfer.contains_genomic": True}), transfer_rules()).as_json()
    assert (answer["route"], answer["beside"]) == ("R5", ["R3"])


@pytest.mark.parametrize("field", ["transfer.retention_until", "pipia.valid_until", "consents.withdrawn_on"])
@pytest.mark.parametrize("minutes", [0, 1, 7 * 60 + 59, 8 * 60, 15 * 60 + 59, 16 * 60, 23 * 60 + 59])
def test_every_day_is_the_exporters_however_the_instant_is_written(field: str, minutes: int) -> None:
    """A plain rendering: the instant at eight hours east, its date; written at several offsets the answer stays the same."""
    at = datetime(2026, 3, 25, tzinfo=UTC) + timedelta(minutes=minutes)
    here = at.astimezone(timezone(timedelta(hours=8)))
    plain = check_transfer(changed(TRANSFER, {"transfer.at": here.isoformat(), field: here.date().isoformat()}), transfer_rules())
    for offset in (-11, 0, 8, 14):
        written = at.astimezone(timezone(timedelta(hours=offset))).isoformat()
        found = check_transfer(changed(TRANSFER, {"transfer.at": written, field: written}), transfer_rules())
        assert (found.outcome, found.route, found.codes) == (plain.outcome, plain.route, plain.codes)
