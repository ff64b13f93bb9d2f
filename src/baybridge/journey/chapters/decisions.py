"""What was decided about products and results, and decided again."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from baybridge.journey.chapters.envelope import Event


class EligibilityDecided(Event, frozen=True, kw_only=True, tag=True):
    """An eligibility policy was applied; the decision document is kept under its SHA-256."""

    policy: str
    outcome: str
    decision_sha256: str


class ProductChosen(Event, frozen=True, kw_only=True, tag=True):
    """A physician chose the product; `exception_reason` where the label was not certainly met."""

    product: str
    policy: str
    decision_sha256: str
    exception_reason: str | None = None


class BoardDecided(Event, frozen=True, kw_only=True, tag=True):
    """A board of a centre decided whether the patient is treated with a product."""

    product: str
    decision: Literal["treat", "do_not_treat"]
    decided_on: date
    note: str


class GateExceptionSigned(Event, frozen=True, kw_only=True, tag=True):
    """A physician passed a gate of the road, naming every code that stood there, for a product or therapy event, until a moment."""

    gate: Literal["accept", "slot", "collection", "lymphodepletion", "infusion", "discharge"]
    codes: tuple[str, ...]
    regarding: str
    note: str
    valid_until: datetime
    stood: tuple[str, ...] = ()  # what stood under the codes: which drugs, markers, scales and grades (`gates.marks`); empty in events of older versions


class ResultRecognised(Event, frozen=True, kw_only=True, tag=True):
    """An outside result serves here for a purpose, until `valid_until`."""

    result_id: str
    loinc: str
    purpose: str
    outcome: str
    codes: tuple[str, ...]
    decision_sha256: str
    valid_until: datetime | None


class RepeatRequested(Event, frozen=True, kw_only=True, tag=True):
    """An outside result does not serve here for a purpose and is to be repeated."""

    result_id: str
    loinc: str
    purpose: str
    codes: tuple[str, ...]
    decision_sha256: str


class OverrideProposed(Event, frozen=True, kw_only=True, tag=True):
    """A physician decided otherwise about an outside result where a second person must sign; nothing holds until then."""

    result_id: str
    loinc: str
    purpose: str
    direction: Literal["accept", "repeat"]
    code: str
    note: str
    use_at: datetime
    receiver: str
    codes: tuple[str, ...]


class OverrideDeclined(Event, frozen=True, kw_only=True, tag=True):
    """The second person did not sign; the result is repeated."""

    result_id: str
    purpose: str
    note: str


class ParallelTestCompared(Event, frozen=True, kw_only=True, tag=True):
    """The test that an emergency asked for beside the treatment is in and was compared with the result that was acted on."""

    result_id: str
    loinc: str
    purpose: str
    repeat_id: str
    agrees: bool
    note: str
    decision_sha256: str


class DecisionReopened(Event, frozen=True, kw_only=True, tag=True):
    """A corrected result changed what an earlier decision rested on; the decision was made again. `entry`: it was an entry of the case that was put right."""

    decision_sha256: str
    new_decision_sha256: str
    outcome_changed: bool
    because: str
    entry: str = ""


class HealthCardIssued(Event, frozen=True, kw_only=True, tag=True):
    """This node signed results as a card that the patient carries; the card itself stands in the record."""

    card: str
    issuer: str
    kid: str
    results: tuple[str, ...]


class ResultsReread(Event, frozen=True, kw_only=True, tag=True):
    """A person said what a laboratory's code means, or took it back; results of this case are read anew."""

    mapping: str
    loinc: str
    results: int
    undone: bool
