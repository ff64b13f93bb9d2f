"""Treatment: fitness, lymphodepletion, infusion, grades, calls, drugs, discharge, response."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from baybridge.journey.chapters.envelope import Event

Scale = Literal["crs-astct-2019", "icans-astct-2019"]
ResponseCategory = Literal["CR", "PR", "SD", "PD", "sCR", "VGPR", "MR"]


class FitnessChecked(Event, frozen=True, kw_only=True, tag=True):
    """Fitness for a step was judged on recent results."""

    step: Literal["collection", "lymphodepletion", "infusion"]
    policy: str
    outcome: str
    decision_sha256: str


class LymphodepletionStarted(Event, frozen=True, kw_only=True, tag=True):
    """Lymphodepletion began; `exception_reason` is signed where release and receipt did not both stand."""

    regimen: str
    started_on: date
    exception_reason: str | None = None
    exception_signed_by: str | None = None


class LymphodepletionCompleted(Event, frozen=True, kw_only=True, tag=True):
    """The last dose of lymphodepletion was given."""

    completed_on: date


class LymphodepletionOmitted(Event, frozen=True, kw_only=True, tag=True):
    """Lymphodepletion was left out by the label's rule, on a count of white cells in 10*9/L."""

    white_cells: float
    counted_on: date


class DrugsReserved(Event, frozen=True, kw_only=True, tag=True):
    """Doses of a drug against toxicity are held for this patient between two days; in a declared shortage, the next can be here within hours."""

    atc: str
    doses: int
    from_on: date
    until_on: date
    shortage_next_within_h: int | None = None
    shortage_reason: str = ""


class BedsideChecked(Event, frozen=True, kw_only=True, tag=True):
    """Two people matched patient, wrist band, order and bag at the bedside."""

    chain_of_identity: str
    bag: str
    first_checker: str = ""  # typed names of before two persons signed
    second_checker: str = ""
    checked_at: datetime


class ProductThawed(Event, frozen=True, kw_only=True, tag=True):
    """A bag was thawed; its clock runs."""

    bag: str
    thawed_at: datetime


class Infused(Event, frozen=True, kw_only=True, tag=True):
    """The product was given; this day is day 0."""

    product: str
    batch: str
    bag: str
    chain_of_identity: str
    started_at: datetime
    ended_at: datetime
    entire_volume: bool
    late_reason: str | None = None


class AssessmentRecorded(Event, frozen=True, kw_only=True, tag=True):
    """A bedside assessment: findings as (fact, value), measured at one moment."""

    assessed_at: datetime
    findings: tuple[tuple[str, bool | int | float | str], ...]
    meant: tuple[str, ...] = ()  # what was asked about (findings that do not fit each other, unusual ones) and is meant as it stands, as codes
    asked: tuple[str, ...] = ()  # what is asked about and nobody said is meant, because a sign was taken at once, as codes
    as_before: tuple[str, ...] = ()  # which of the findings were not looked at anew: somebody affirmed that they are as they were found before


class GradeAssessed(Event, frozen=True, kw_only=True, tag=True):
    """A toxicity scale was applied; bounds stand where facts are missing."""

    scale: Scale
    outcome: str
    grade: int | None
    grade_min: int
    grade_max: int
    driver: str | None
    missing: tuple[str, ...]
    assessed_at: datetime
    decision_sha256: str
    flags: tuple[str, ...] = ()  # of the scale: what a person has to judge beside the grade
    #: Findings that the assessment did not state and that the grade rests on: fact, value, when it was found. None in events of older versions, which did not keep it.
    from_before: tuple[tuple[str, bool | int | float | str, datetime], ...] | None = None


class GradeConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """A physician confirmed or overrode a computed grade, with a reason where they differ."""

    scale: Scale
    grade: int
    computed: int | None
    reason: str


class RapidResponseCalled(Event, frozen=True, kw_only=True, tag=True):
    """The rapid response team was called because of what was seen: `codes` of the policy `rapid-response`, with how high each stood.

    `scale` and `grade_min` name the highest certain grade where one is at least 3; `late` says that the sign was older than an hour when it came.
    `fresh` are the signs for which it was made; others of `codes` stood already and had been answered. Empty in events of older versions: all of them.
    """

    scale: Scale | None = None
    grade_min: int = 0
    called_at: datetime
    call_id: str = ""
    codes: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    late: bool = False
    levels: tuple[tuple[str, int], ...] = ()
    seen_at: datetime | None = None
    decision_sha256: str = ""


class RapidResponseArrived(Event, frozen=True, kw_only=True, tag=True):
    """The team is at the bedside; without `call_id` it came to every call that was open."""

    arrived_at: datetime
    call_id: str = ""


class DrugGiven(Event, frozen=True, kw_only=True, tag=True):
    """A drug against toxicity was given."""

    atc: str
    name: str
    dose: str  # the amount in words, with its arithmetic; in entries of older versions as somebody wrote it
    given_at: datetime
    override_reason: str | None = None
    dose_mg: float | None = None
    mg_per_kg: float | None = None  # with the weight that the dose was computed from
    weight_kg: float | None = None
    route: str | None = None  # code of HL7 table 0162
    amount: float | None = None  # the whole dose where it is no mass, in `unit` (UCUM)
    unit: str | None = None
    note: str = ""


class DoseDoubted(Event, frozen=True, kw_only=True, tag=True):
    """The weight that a dose goes by is another one by what is known now, so that more or less was given than was meant; a physician looks at it."""

    dose_entry: str  # the event of the dose
    weight_kg: float | None = None  # by what is known now, of when the dose was entered; None where none stands any more


class DoseDoubtEnded(Event, frozen=True, kw_only=True, tag=True):
    """The dose fits the weight again by what is known now."""

    dose_entry: str


class DoseReviewed(Event, frozen=True, kw_only=True, tag=True):
    """A physician looked at a dose whose weight proved to be another one, and says what follows."""

    dose_entry: str
    weight_kg: float | None = None
    follows: str = ""


class Discharged(Event, frozen=True, kw_only=True, tag=True):
    """The patient left hospital and stays near until a day."""

    discharged_on: date
    stay_near_until: date
    no_driving_until: date | None = None
    caregiver: bool | None = None
    emergency_card: bool | None = None


class ResponseAssessed(Event, frozen=True, kw_only=True, tag=True):
    """Response at a time point by named criteria, read by two."""

    timepoint: Literal["D28", "M3", "M6", "M12", "other"]
    criteria: str
    category: ResponseCategory
    assessed_on: date
    first_reader: str = ""  # typed names: of before two persons signed, or of somebody outside without an account
    second_reader: str | None = None
    window_reason: str | None = None
