"""Requests, laboratories and costs as they are written: JSON and YAML objects with the fields that recognition reads.

Main job: `WrittenRequest`, the three parts of a recognition request; `LaboratoryRow`, a row of the directory; `WrittenCosts`, what a repeated test costs.

A field that is absent or null is unknown. Whether what came has this shape is checked where it comes in: requests in `request.py`, documents by their
types (`documents/laboratories.py`, `documents/recognition.py`).
**Units**: as in those files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Literal, NotRequired, TypedDict

#: A day in a row of a document, as YAML or JSON has it.
WrittenDay = date | str | None


class WrittenScope(TypedDict, total=False):
    """What an accreditation covers; * is all."""

    loinc: str | None
    specimen: str | None
    method: str | None


# --- a request ------------------------------------------------------------------------------------------------------


class WrittenResult(TypedDict, total=False):
    """The result as its laboratory reported it."""

    id: str | None
    status: str | None
    patient_match: bool | None
    signature_verified: bool | None
    loinc: str | None
    specimen: str | None
    method: str | None
    value: bool | int | float | str | None
    unit: str | None
    reference_low: int | float | None
    reference_high: int | float | None
    collected_at: str | None
    reported_at: str | None
    interference: list[object] | None


class WrittenPeriod(TypedDict, total=False):
    """From a day to a day."""

    valid_from: str | None
    valid_to: str | None


class WrittenVerification(WrittenPeriod, total=False):
    """The alliance's own audit; a site's document may say more of it."""

    confidence: str | None


class WrittenAccreditation(WrittenPeriod, total=False):
    """One accreditation of the laboratory."""

    standard: str | None
    body: str | None
    mra_signatory: bool | None
    scope: Sequence[WrittenScope] | None


class WrittenAssessment(TypedDict, total=False):
    """One round of external quality assessment."""

    loinc: str | None
    date: str | None
    passed: bool | None


class WrittenLaboratory(TypedDict, total=False):
    """The laboratory that measured."""

    id: str | None
    jurisdiction: str | None
    hr_marks: Sequence[str] | None
    accreditations: Sequence[WrittenAccreditation] | None
    alliance_listed: bool | None
    alliance_verified: WrittenVerification | None
    eqa: Sequence[WrittenAssessment] | None
    eqa_suspended: bool | None


class WrittenResetEvent(TypedDict):
    """Something after which an older result says nothing."""

    type: str
    at: NotRequired[str | None]


class WrittenOverride(TypedDict, total=False):
    """A clinician's word against the outcome."""

    direction: Literal["accept", "repeat"] | None
    code: str | None
    role: str | None
    second_sign_off: object  # the role, or an object that holds it


class WrittenAsked(TypedDict, total=False):
    """What the result is to serve for, where and when."""

    receiver_site: str | None
    receiver_jurisdiction: str | None
    receiver_city: str | None
    purpose: str
    use_at: str | None
    unit: str | None
    receiver_method: str | None
    use: str | None
    reset_events: Sequence[WrittenResetEvent] | None
    emergency: bool | None
    statutory_case: int | None
    asserted_by: str | None
    infused_on: str | None
    override: WrittenOverride | None


class WrittenRequest(TypedDict):
    """A recognition request."""

    result: WrittenResult
    laboratory: WrittenLaboratory
    request: WrittenAsked


# --- the directory --------------------------------------------------------------------------------------------------


class DatedEntry(TypedDict, total=False):
    """An entry of a row with its days; without its own confidence it has that of its row."""

    valid_from: WrittenDay
    valid_to: WrittenDay
    confidence: str | None


class MarkEntry(DatedEntry, total=False):
    """A mark of mutual recognition."""

    mark: str


class AccreditationEntry(DatedEntry, total=False):
    """To which standard, by whom, for what."""

    standard: str
    body: str | None
    mra_signatory: bool | None
    scope: Sequence[WrittenScope] | None


class AssessmentEntry(TypedDict, total=False):
    """One round of external quality assessment."""

    loinc: str
    date: WrittenDay
    passed: bool | None
    confidence: str | None


class LaboratoryRow(TypedDict, total=False):
    """A laboratory of the directory, with what was changed of it; a receiver has `units` beside."""

    id: str
    names: Sequence[str]
    identifiers: Sequence[str]
    node: str | None
    jurisdiction: str | None
    city: str | None
    methods: Mapping[str, str] | None
    units: Mapping[str, str] | None
    hr_marks: Sequence[str | MarkEntry] | None
    accreditations: Sequence[AccreditationEntry] | None
    alliance_listed: bool | None
    alliance_verified: DatedEntry | Sequence[DatedEntry] | None
    eqa: Sequence[AssessmentEntry] | None
    eqa_suspended: bool | None
    confidence: str | None
    dated: Mapping[str, object]


# --- costs ----------------------------------------------------------------------------------------------------------


class CostRow(TypedDict, total=False):
    """A row of a table of costs: for which analytes, where and when."""

    loinc: Sequence[str]
    jurisdiction: str
    valid_from: WrittenDay
    valid_to: WrittenDay
    confidence: str
    source: str


class PriceRow(CostRow, total=False):
    """What a test costs."""

    amount_minor: int
    currency: str


class TurnaroundRow(CostRow, total=False):
    """How long a test takes."""

    days: int | float


class WrittenCosts(TypedDict):
    """The document `costs`, with what was changed of it."""

    prices: Sequence[PriceRow]
    turnaround: Sequence[TurnaroundRow]


class Price(TypedDict):
    """What one test would have cost, on whose word."""

    amount_minor: int
    currency: str
    confidence: str
    source: str


class Turnaround(TypedDict):
    """How long one test would have taken, on whose word."""

    days: int | float
    confidence: str
    source: str


class WrittenSpared(TypedDict):
    """What one decision spared."""

    measured_in: str
    used_in: str
    price: Price | None
    turnaround: Turnaround | None
