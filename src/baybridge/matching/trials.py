"""Trials from a public registry: what it says, what a person has reviewed, and what is only text.

Main job: `read_study(study)` reads one ClinicalTrials.gov v2 study; `standing(trial, review)` says whether its criteria count; `screened(…)` answers
the status of a patient. Criteria count only where a person reviewed them against the very text that is published now.

**Source**: ClinicalTrials.gov API v2 data structure (protocolSection, its modules and field names). **Units**: ages in years.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Literal

Json = Mapping[str, Any]
Outcome = Literal["eligible", "ineligible", "undetermined", "not-reviewed", "closed"]
Standing = Literal["reviewed", "changed", "unreviewed"]
#: Years in one unit of a registry age. Source: ClinicalTrials.gov data element definitions (age units).
_YEARS = {"year": 1.0, "month": 1 / 12, "week": 7 / 365.25, "day": 1 / 365.25, "hour": 1 / 8766, "minute": 1 / 525960}
_AGE = re.compile(r"^\s*(\d+)\s+(Year|Month|Week|Day|Hour|Minute)s?\s*$", re.IGNORECASE)
_EXCLUSION = re.compile(r"^\W*(key\s+)?exclusion\b", re.IGNORECASE)
_INCLUSION = re.compile(r"^\W*(key\s+)?inclusion\b", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[*•-]|\d{1,2}[.)])\s+")
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

    @property
    def recruits(self) -> bool:
        """Whether the registry calls it open, now or soon."""
        return self.status in _OPEN

    def places(self, countries: Collection[str]) -> tuple[Location, ...]:
        """Its recruiting places where the patient could go."""
        return tuple(place for place in self.locations if place.recruiting and place.country in countries)


@dataclass(frozen=True, slots=True)
class Review:
    """A person's structured form of a trial's criteria: the policy that holds them, and the text on which it rests."""

    trial_id: str
    policy: str
    criteria_sha256: str
    reviewed_by: str
    reviewed_on: date


@dataclass(frozen=True, slots=True)
class Screened:
    """How a patient stands to a trial; without a valid review a person must read the text."""

    trial_id: str
    status: Outcome
    standing: Standing
    missing: tuple[str, ...]
    places: tuple[Location, ...]


def read_study(study: Json) -> Trial:
    """One study of the registry; StudyProblem where it is not one."""
    section = study.get("protocolSection")
    if not isinstance(section, Mapping):
        raise StudyProblem("protocolSection: expected an object, found none")
    trial_id = str(_module(section, "identification").get("nctId") or "")
    if not re.fullmatch(r"NCT\d{8}", trial_id):
        raise StudyProblem("identificationModule.nctId: expected NCT and eight digits, found another text")
    eligibility, status = _module(section, "eligibility"), _module(section, "status")
    text = str(eligibility.get("eligibilityCriteria") or "")
    inclusion, exclusion = criteria(text)
    return Trial(
        trial_id=trial_id,
        title=str(_module(section, "identification").get("briefTitle") or ""),
        status=str(status.get("overallStatus") or "UNKNOWN"),
        phases=_texts(_module(section, "design").get("phases")),
        conditions=_texts(_module(section, "conditions").get("conditions")),
        interventions=tuple(str(item.get("name")) for item in _module(section, "armsInterventions").get("interventions") or ()),
        sponsor=str((_module(section, "sponsorCollaborators").get("leadSponsor") or {}).get("name") or ""),
        minimum_age=years(eligibility.get("minimumAge")),
        maximum_age=years(eligibility.get("maximumAge")),
        sex=str(eligibility.get("sex") or "ALL"),
        inclusion=inclusion,
        exclusion=exclusion,
        locations=tuple(_locations(section)),
        updated_on=_day((status.get("lastUpdatePostDateStruct") or {}).get("date")),
        criteria_sha256=criteria_sha256(eligibility),
    )


def criteria_sha256(eligibility: Json) -> str:
    """What a review rests on: the text and the structured limits, blanks aside."""
    limits = (eligibility.get(name) for name in ("eligibilityCriteria", "minimumAge", "maximumAge", "sex"))
    return sha256("\n".join(" ".join(str(part or "").split()) for part in limits).encode()).hexdigest()


def _module(section: Json, name: str) -> Json:
    found = section.get("contactsLocationsModule" if name == "locations" else f"{name}Module")
    return found if isinstance(found, Mapping) else {}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())


def _locations(section: Json) -> Iterator[Location]:
    overall = str(_module(section, "status").get("overallStatus") or "")
    for item in _module(section, "locations").get("locations") or ():
        status = str(item.get("status") or overall)
        yield Location(str(item.get("facility") or ""), str(item.get("city") or ""), str(item.get("country") or ""), status in _OPEN)


def _day(text: Any) -> date | None:
    """A day of the registry; one that gives only year and month has no day."""
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None


def years(text: Any) -> float | None:
    """A registry age such as "18 Years" or "6 Months" in years; None where there is no limit."""
    found = _AGE.match(str(text or ""))
    return float(found[1]) * _YEARS[found[2].lower()] if found else None


def criteria(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The published text as two lists, inclusion and exclusion, a line each; what stands before any heading counts as inclusion."""
    parts: tuple[list[str], list[str]] = ([], [])
    into = parts[0]
    for line in text.splitlines():
        plain = _BULLET.sub("", line).strip()
        if _EXCLUSION.match(plain) and not _BULLET.match(line):
            into = parts[1]
        elif _INCLUSION.match(plain) and not _BULLET.match(line):
            into = parts[0]
        elif plain:
            into.append(plain)
    return tuple(parts[0]), tuple(parts[1])


def standing(trial: Trial, review: Review | None) -> Standing:
    """Whether the structured criteria count: reviewed against the text that is published now."""
    if review is None or review.trial_id != trial.trial_id:
        return "unreviewed"
    return "reviewed" if review.criteria_sha256 == trial.criteria_sha256 else "changed"


def screened(trial: Trial, review: Review | None, decision: Json | None, countries: Collection[str]) -> Screened:
    """How a patient stands, from the decision of the reviewed policy; `countries` as the registry writes them."""
    found, places = standing(trial, review), trial.places(countries)
    if not trial.recruits:
        return Screened(trial.trial_id, "closed", found, (), places)
    if found != "reviewed" or decision is None:
        return Screened(trial.trial_id, "not-reviewed", found, (), places)
    outcome = decision["outcome"]
    status: Outcome = "eligible" if outcome == "eligible" else "undetermined" if outcome == "undetermined" else "ineligible"
    return Screened(trial.trial_id, status, found, tuple(decision.get("missing") or ()), places)


def touched(changed: Collection[str], reads: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Trials (or patients) to screen again: those whose policy reads one of the changed facts."""
    return tuple(sorted(name for name, facts in reads.items() if set(changed) & set(facts)))


def changed_studies(before: Sequence[Trial], after: Sequence[Trial]) -> tuple[str, ...]:
    """Trials whose criteria, status or places are new or other than before: all patients are screened for these alone."""
    known = {trial.trial_id: (trial.criteria_sha256, trial.status, trial.locations) for trial in before}
    return tuple(sorted(t.trial_id for t in after if known.get(t.trial_id) != (t.criteria_sha256, t.status, t.locations)))
