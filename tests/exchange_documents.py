"""Our own documents as rules, for tests of recognition and transfer."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from baybridge.documents.document_set import DocumentSet
from baybridge.documents.loader import Documents
from baybridge.exchange.transfer import check
from baybridge.policy.one_case.decide import decide
from baybridge.recognition import rules as recognition
from baybridge.rulebook.library import fact_types, policies_of


@cache
def documents() -> Documents:
    return Documents()


@cache
def policies() -> Any:
    return policies_of(documents(), fact_types(documents()))


def recognition_rules(**changed: Any) -> recognition.RecognitionRules:
    """The rules; `changed` replaces whole documents of the folder by id (dashes as underscores)."""
    own = {**documents().folder("recognition"), **{name.replace("_", "-"): document for name, document in changed.items()}}
    given = DocumentSet(lambda name: own if name == "recognition" else documents().folder(name))
    return recognition.rules_of(policies().get(recognition.POLICY_ID), given)


@cache
def transfer_rules() -> check.TransferRules:
    return check.rules_of(lambda name, facts: decide(policies().get(name), facts), documents().typed)


def changed(request: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with dotted paths set; a value `...` takes the field away."""
    copy = deepcopy(request)
    for path, value in changes.items():
        *parents, last = path.split(".")
        inner: Any = copy
        for name in parents:
            inner = inner[int(name)] if isinstance(inner, list) else inner[name]
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    return copy


#: The published example of the contract: creatinine from a Macao laboratory for lymphodepletion in Guangzhou.
RECOGNITION: dict[str, Any] = {
    "result": {
        "id": "r3", "status": "final", "patient_match": True, "signature_verified": True, "loinc": "2160-0", "specimen": "serum",
        "method": "enzymatic", "value": 1.10, "unit": "mg/dL", "reference_low": 0.6, "reference_high": 1.2,
        "collected_at": "2026-03-08T09:00:00+08:00", "reported_at": "2026-03-08T12:00:00+08:00", "interference": [],
    },
    "laboratory": {
        "id": "mo-lab", "jurisdiction": "MO", "hr_marks": [],
        "accreditations": [
            {
                "standard": "ISO15189:2022", "body": "NATA", "mra_signatory": True, "valid_from": "2024-01-01", "valid_to": "2027-12-31",
                "scope": [{"loinc": "*", "specimen": "*", "method": "*"}],
            }
        ],
        "alliance_listed": True, "alliance_verified": None, "eqa": [{"loinc": "*", "date": "2026-01-15", "passed": True}],
        "eqa_suspended": False,
    },
    "request": {
        "receiver_site": "gd-centre", "receiver_jurisdiction": "CN-GD", "receiver_city": "Guangzhou", "purpose": "LD_FITNESS",
        "use_at": "2026-03-10T08:00:00+08:00", "unit": "umol/L", "use": "cutoff", "reset_events": [], "emergency": False,
        "statutory_case": None, "override": None,
    },
}  # fmt: skip

#: Shenzhen to Hong Kong with everything that R5 asks for.
TRANSFER: dict[str, Any] = {
    "transfer": {
        "at": "2026-03-25T10:00:00+08:00", "purpose": "CARE_REFERRAL", "data_categories": ["Patient", "Observation"],
        "contains_genomic": False, "genomic_for_care": False, "important_data": False, "emergency": False,
        "origin": "CN", "mixed_with_cn_data": False,
        "received_under": None, "retention_until": "2036-03-25", "encrypted": True, "recipients": ["HK centre"], "origin_system": None,
    },
    "exporter": {
        "name": "SZ hospital", "jurisdiction": "CN", "gd9": True, "ciio": False, "ytd_sensitive_persons": 100, "ytd_other_persons": 0,
    },
    "importer": {"name": "HK centre", "jurisdiction": "HK", "gd9": False},
    "contract": {"kind": "gba", "id": "c1", "effective_on": "2026-03-02", "filed_on": "2026-03-06", "purposes": ["CARE_REFERRAL"]},
    "pipia": {"id": "p1", "valid_until": "2028-01-01"},
    "consents": {
        "care": True, "sensitive": True, "cross_border": True, "hk_sharing": None, "mo_ground": None, "dspdp_notified": None,
        "withdrawn_on": None,
    },
}  # fmt: skip
