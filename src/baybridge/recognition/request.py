"""The recognition request as outsiders write it.

Main job: `read(value)` answers the request's three parts, or raises every problem with path, expected and found.

**Source**: exchange contract, "recognise". Absent or null is unknown, `[]` is asked and none; what is unknown counts against, which
the facts in `derive.py` see to. Required are only the three parts and the purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baybridge.recognition.form import (
    Field,
    anything,
    boolean,
    day,
    instant,
    list_of,
    number,
    object_of,
    one_of,
    plain,
    require,
    text,
    whole_between,
)

PURPOSES = (
    "ELIGIBILITY", "APH_IDM", "APH_FITNESS", "MFR_ACCEPT", "LD_FITNESS", "INFUSION_DAY", "TOX_MONITOR", "RESPONSE", "OBA_OUTCOME", "LTFU",
)  # fmt: skip
USES = ("presence", "cutoff", "trend", "uln_multiple")
RESET_TYPES = (
    "transfusion", "ivig", "chemotherapy", "anthracycline", "radiotherapy", "steroid", "g_csf", "antiviral", "antibiotic", "anticoagulant",
    "contrast", "nephrotoxin", "qt_drug", "tocilizumab", "anti_target_drug", "bridging", "transplant", "infection", "fever", "new_symptoms",
)  # fmt: skip

_RESULT = {
    "id": Field(text),
    "status": Field(text),
    "patient_match": Field(boolean),
    "signature_verified": Field(boolean),
    "loinc": Field(text),
    "specimen": Field(text),
    "method": Field(text),
    "value": Field(plain),
    "unit": Field(text),
    "reference_low": Field(number),
    "reference_high": Field(number),
    "collected_at": Field(instant),
    "reported_at": Field(instant),
    "interference": Field(list_of(anything)),
}
_SCOPE = {"loinc": Field(text), "specimen": Field(text), "method": Field(text)}
_ACCREDITATION = {
    "standard": Field(text),
    "body": Field(text),
    "mra_signatory": Field(boolean),
    "valid_from": Field(day),
    "valid_to": Field(day),
    "scope": Field(list_of(object_of(_SCOPE))),
}
_LABORATORY = {
    "id": Field(text),
    "jurisdiction": Field(text),
    "hr_marks": Field(list_of(text)),
    "accreditations": Field(list_of(object_of(_ACCREDITATION))),
    "alliance_listed": Field(boolean),
    "alliance_verified": Field(object_of({"valid_from": Field(day), "valid_to": Field(day)})),
    "eqa": Field(list_of(object_of({"loinc": Field(text), "date": Field(day), "passed": Field(boolean)}))),
    "eqa_suspended": Field(boolean),
}
_OVERRIDE = {"direction": Field(one_of("accept", "repeat")), "code": Field(text), "role": Field(text), "second_sign_off": Field(anything)}
_REQUEST = {
    "receiver_site": Field(text),
    "receiver_jurisdiction": Field(text),
    "receiver_city": Field(text),
    "purpose": Field(one_of(*PURPOSES), required=True),
    "use_at": Field(instant),
    "unit": Field(text),
    "receiver_method": Field(text),
    "use": Field(one_of(*USES)),
    "reset_events": Field(list_of(object_of({"type": Field(one_of(*RESET_TYPES), required=True), "at": Field(instant)}))),
    "emergency": Field(boolean),
    "statutory_case": Field(whole_between(1, 6)),
    "asserted_by": Field(text),
    "infused_on": Field(day),
    "override": Field(object_of(_OVERRIDE)),
}
FORM = {
    "result": Field(object_of(_RESULT), required=True),
    "laboratory": Field(object_of(_LABORATORY), required=True),
    "request": Field(object_of(_REQUEST), required=True),
}


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """The three parts of a request, checked."""

    result: Mapping[str, Any]
    laboratory: Mapping[str, Any]
    request: Mapping[str, Any]

    @property
    def local(self) -> bool:
        """Whether the result is of the receiver's own laboratory."""
        site = self.request.get("receiver_site")
        return site is not None and self.laboratory.get("id") == site


def read(value: Any) -> RecognitionRequest:
    """The checked request; raises `FormError` with every problem."""
    parts = require(value, FORM)
    return RecognitionRequest(parts["result"], parts["laboratory"], parts["request"])
