"""Trials of a public registry: what is published, what a person has reviewed, and what is only text.

Main job: `standing(trial, review)` says whether a trial's structured criteria count; `screened(…)` answers how a patient stands to it. Criteria count
only where a person reviewed them against the very text that is published now; lines that nobody made into a rule are left for a person to read.

Elsewhere: reading the registry's files in `registry.py`; writing criteria in `reviewing.py`; the fast outcome of many trials in `screening.py`.
**Units**: ages in years.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from baybridge.matching.distance import Point
from baybridge.policy.one_case.decide import DecisionDocument

Outcome = Literal["eligible", "ineligible", "undetermined", "not-reviewed", "closed"]
Standing = Literal["reviewed", "changed", "unreviewed"]
#: Years in one unit of a registry age. Source: ClinicalTrials.gov data element definitions (age units).
_YEARS = {"year": 1.0, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25, "hour": 1 / 8766, "minute": 1 / 525960}
_AGE = re.compile(r"^\s*(\d+)\s+(Year|Month|Week|Day|Hour|Minute)s?\s*$", re.IGNORECASE)
_OPEN = ("RECRUITING", "NOT_YET_RECRUITING", "ENROLLING_BY_INVITATION")


class StudyProblem(ValueError):
    """A study cannot be read; says where, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Location:
    """One place of a trial."""

    facility: str
    city: str
    country: str
    recruiting: bool
    point: Point | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What the registry says; the criteria are text, not machine-checked."""

    trial_id: str
    title: str
    status: str
    phases: tuple[str, ...]
    conditions: tuple[str, ...]
    interventions: tuple[str, ...]
    sponsor: str
    minimum_age: float | None
    maximum_age: float | None
    sex: str
    inclusion: tuple[str, ...]
    exclusion: tuple[str, ...]
    locations: tuple[Location, ...]
    updated_on: date | None
    criteria_sha256: str
    synthetic: bool = False
    is_split: bool = True  # whether the published text says which lines include and which exclude

    @property
    def recruits(self) -> bool:
        """Whether the registry calls it open, now or soon."""
        return self.status in _OPEN

    @property
    def published(self) -> tuple[str, ...]:
        """Every published line, inclusion first; a review names a line by its place here."""
        return (*self.inclusion, *self.exclusion)

    def places(self, countries: Collection[str]) -> tuple[Location, ...]:
        """Its recruiting places where the patient could go."""
        return tuple(place for place in self.locations if place.recruiting and place.country in countries)


@dataclass(frozen=True, slots=True)
class Review:
    """A person's structured form of a trial's criteria: the policy that holds them, the text on which it rests, and how many lines it leaves to a reader."""

    trial_id: str
    version: int
    policy: str
    criteria_sha256: str
    unread: int
    reviewed_by: str
    role: str
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class Screened:
    """How a patient stands to a trial; without a valid review a person must read the text."""

    trial_id: str
    status: Outcome
    standing: Standing
    missing: tuple[str, ...]
    places: tuple[Location, ...]
    policy: str | None = None
    unread: int = 0


def years(text: object) -> float | None:
    """A registry age such as "18 Years" or "6 Months" in years; None where there is no limit."""
    found = _AGE.match(str(text or ""))
    return float(found[1]) * _YEARS[found[2].lower()] if found else None


def standing(trial: Trial, review: Review | None) -> Standing:
    """Whether the structured criteria count: reviewed against the text that is published now."""
    if review is None or review.trial_id != trial.trial_id:
        return "unreviewed"
    return "reviewed" if review.criteria_sha256 == trial.criteria_sha256 else "changed"


def screened(trial: Trial, review: Review | None, decision: DecisionDocument | None, countries: Collection[str]) -> Screened:
    """How a patient stands, from the decision of the reviewed policy; `countries` as the registry writes them."""
    found, places = standing(trial, review), trial.places(countries)
    if not trial.recruits:
        return Screened(trial.trial_id, "closed", found, (), places)
    if found != "reviewed" or review is None or decision is None:
        return Screened(trial.trial_id, "not-reviewed", found, (), places, unread=len(trial.published))
    outcome = decision["outcome"]
    status: Outcome = "eligible" if outcome == "eligible" else "undetermined" if outcome == "undetermined" else "ineligible"
    return Screened(trial.trial_id, status, found, tuple(decision["missing"]), places, review.policy, review.unread)


def touched(changed: Collection[str], reads: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Trials (or patients) to screen again: those whose policy reads one of the changed facts."""
    return tuple(sorted(name for name, facts in reads.items() if set(changed) & set(facts)))
