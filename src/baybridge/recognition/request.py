"""The recognition request as outsiders write it.

Main job: `read(value)` answers the request's three parts, or raises every problem with path, expected and found.

**Source**: exchange contract, "recognise". Absent or null is unknown, `[]` is asked and none; what is unknown counts against, which
the facts in `derive.py` see to. Required are only the three parts and the purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from baybridge.documents.requests import Day, Instant, Number, Request, Text, Value, require
from baybridge.documents.types import one_of
from baybridge.recognition.written import WrittenAsked, WrittenLaboratory, WrittenResult

PURPOSES = (
    "ELIGIBILITY", "APH_IDM", "APH_FITNESS", "MFR_ACCEPT", "LD_FITNESS", "INFUSION_DAY", "TOX_MONITOR", "RESPONSE", "OBA_OUTCOME", "LTFU",
)  # fmt: skip
USES = ("presence", "cutoff", "trend", "uln_multiple")
RESET_TYPES = (
    "transfusion", "ivig", "chemotherapy", "anthracycline", "radiotherapy", "steroid", "g_csf", "antiviral", "antibiotic", "anticoagulant",
    "contrast", "nephrotoxin", "qt_drug", "tocilizumab", "anti_target_drug", "bridging", "transplant", "infection", "fever", "new_symptoms",
)  # fmt: skip


class Result(Request, frozen=True, kw_only=True):
    """The result as its laboratory reported it."""

    id: Text | None = None
    status: Text | None = None
    patient_match: bool | None = None
    signature_verified: bool | None = None
    loinc: Text | None = None
    specimen: Text | None = None
    method: Text | None = None
    value: Value | None = None
    unit: Text | None = None
    reference_low: Number | None = None
    reference_high: Number | None = None
    collected_at: Instant | None = None
    reported_at: Instant | None = None
    interference: list[Any] | None = None


class Scope(Request, frozen=True, kw_only=True):
    """What an accreditation covers."""

    loinc: Text | None = None
    specimen: Text | None = None
    method: Text | None = None


class Accreditation(Request, frozen=True, kw_only=True):
    """One accreditation of the laboratory."""

    standard: Text | None = None
    body: Text | None = None
    mra_signatory: bool | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    scope: list[Scope] | None = None


class Period(Request, frozen=True, kw_only=True):
    """From a day to a day."""

    valid_from: Day | None = None
    valid_to: Day | None = None


class Assessment(Request, frozen=True, kw_only=True):
    """One round of external quality assessment."""

    loinc: Text | None = None
    date: Day | None = None
    passed: bool | None = None


class Laboratory(Request, frozen=True, kw_only=True):
    """The laboratory that measured."""

    id: Text | None = None
    jurisdiction: Text | None = None
    hr_marks: list[Text] | None = None
    accreditations: list[Accreditation] | None = None
    alliance_listed: bool | None = None
    alliance_verified: Period | None = None
    eqa: list[Assessment] | None = None
    eqa_suspended: bool | None = None


class ResetEvent(Request, frozen=True, kw_only=True):
    """Something after which an older result says nothing."""

    type: one_of(*RESET_TYPES)  # type: ignore[valid-type]
    at: Instant | None = None


class Override(Request, frozen=True, kw_only=True):
    """A clinician's word against the outcome."""

    direction: Literal["accept", "repeat"] | None = None
    code: Text | None = None
    role: Text | None = None
    second_sign_off: Any = None


class Asked(Request, frozen=True, kw_only=True):
    """What the result is to serve for, where and when."""

    receiver_site: Text | None = None
    receiver_jurisdiction: Text | None = None
    receiver_city: Text | None = None
    purpose: one_of(*PURPOSES)  # type: ignore[valid-type]
    use_at: Instant | None = None
    unit: Text | None = None
    receiver_method: Text | None = None
    use: one_of(*USES) | None = None  # type: ignore[valid-type]
    reset_events: list[ResetEvent] | None = None
    emergency: bool | None = None
    statutory_case: Annotated[int, Meta(ge=1, le=6)] | None = None
    asserted_by: Text | None = None
    infused_on: Day | None = None
    override: Override | None = None


class Form(Request, frozen=True, kw_only=True):
    """The three parts of a request."""

    result: Result
    laboratory: Laboratory
    request: Asked


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """The three parts of a request, checked."""

    result: WrittenResult
    laboratory: WrittenLaboratory
    request: WrittenAsked

    @property
    def local(self) -> bool:
        """Whether the result is of the receiver's own laboratory."""
        site = self.request.get("receiver_site")
        return site is not None and self.laboratory.get("id") == site


def read(value: object) -> RecognitionRequest:
    """The checked request; raises `FormError` with every problem."""
    parts = require(value, Form)
    return RecognitionRequest(parts["result"], parts["laboratory"], parts["request"])
