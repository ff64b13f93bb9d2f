"""A public registry's file: its studies as trials, or every reason why one cannot be read.

Main job: `read_file(content)` reads a ClinicalTrials.gov v2 JSON (one study, a list of them, or a search result with `studies` and `nextPageToken`)
into a `Read` with trials and problems. What we use of a study is checked strictly; modules and fields that we do not use may be anything.

**Source**: ClinicalTrials.gov API v2 data structure (protocolSection, its modules, field names and code sets). **Units**: ages in years.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from math import isfinite
from typing import TypeVar, cast

from msgspec import Struct, field

from baybridge.base.json_value import JsonDict, KeyTwiceError, each_key_once
from baybridge.base.text import not_text_inside
from baybridge.documents.problems import WRONG_VALUE, Problem, field_name
from baybridge.documents.reading import Wording, converted, fits
from baybridge.documents.source import Path
from baybridge.matching.criteria_text import criteria, is_split
from baybridge.matching.trials import Location, StudyProblem, Trial, years

#: A study as the registry writes it, once `_problems` found none.
Study = Mapping[str, Mapping[str, object]]
#: Source: API v2 enumeration Status and RecruitmentStatus.
STATUSES = frozenset(
    {
        "ACTIVE_NOT_RECRUITING", "APPROVED_FOR_MARKETING", "AVAILABLE", "COMPLETED", "ENROLLING_BY_INVITATION", "NOT_YET_RECRUITING",
        "NO_LONGER_AVAILABLE", "RECRUITING", "SUSPENDED", "TEMPORARILY_NOT_AVAILABLE", "TERMINATED", "UNKNOWN", "WITHDRAWN", "WITHHELD",
    }
)  # fmt: skip
_OPEN = ("RECRUITING", "NOT_YET_RECRUITING", "ENROLLING_BY_INVITATION")
#: Source: API v2 enumeration Sex.
_SEXES = ("ALL", "FEMALE", "MALE")
_NUMBER = re.compile(r"NCT\d{8}")
#: Numbers that the registry has not reached by far: invented studies of demonstrations carry them.
_INVENTED = "NCT999999"
#: How a registry writes that an age has no limit, beside leaving it out.
_NO_LIMIT = frozenset({"", "n/a", "na", "none", "no limit", "n/a (no limit)", "not applicable", "any", "不限", "无限制", "無限制", "sem limite"})


class _Identification(Struct, rename="camel"):
    nct_id: str
    brief_title: str = ""
    official_title: str = ""


class _Day(Struct, rename="camel"):
    date: str = ""


class _Status(Struct, rename="camel"):
    overall_status: str
    last_update_post_date_struct: _Day = field(default_factory=_Day)


class _Sponsor(Struct, rename="camel"):
    name: str = ""


class _Sponsors(Struct, rename="camel"):
    lead_sponsor: _Sponsor = field(default_factory=_Sponsor)


class _Conditions(Struct, rename="camel"):
    conditions: list[str] = []


class _Design(Struct, rename="camel"):
    phases: list[str] = []


class _Intervention(Struct, rename="camel"):
    name: str


class _Arms(Struct, rename="camel"):
    interventions: list[_Intervention] = []


class _Eligibility(Struct, rename="camel"):
    eligibility_criteria: str = ""
    sex: str = "ALL"
    minimum_age: str = ""
    maximum_age: str = ""


class _Geo(Struct, rename="camel"):
    lat: float
    lon: float


class _Place(Struct, rename="camel"):
    facility: str = ""
    city: str = ""
    country: str = ""
    status: str = ""
    geo_point: _Geo | None = None


class _Places(Struct, rename="camel"):
    locations: list[_Place] = []


@dataclass(frozen=True, slots=True)
class Unread:
    """One thing that cannot be read, and in which study of the file."""

    study: int | None  # counted from 1; None for the file itself
    problem: Problem

    def as_json(self) -> JsonDict:
        """The problem as plain JSON."""
        return {"study": self.study, "path": self.problem.field, "expected": self.problem.expected, "found": self.problem.found}

    def __str__(self) -> str:
        return f"study {self.study}: {self.problem}" if self.study else str(self.problem)


@dataclass(frozen=True, slots=True)
class Read:
    """The trials of a file with the study that each was read from, what could not be read, and whether the registry holds more pages."""

    trials: tuple[tuple[Trial, Study], ...]
    problems: tuple[Unread, ...]
    more: bool


def read_file(content: bytes) -> Read:
    """Every study of a file; one that cannot be read is told with all its problems, and the others are read."""
    try:
        whole = json.loads(content, parse_constant=_no_number, object_pairs_hook=each_key_once)
    except UnicodeDecodeError:
        return _unreadable("JSON in UTF-8", "other bytes")
    except json.JSONDecodeError as problem:
        return _unreadable("JSON", f"an error at line {problem.lineno}, column {problem.colno}")
    except RecursionError:
        return _unreadable("JSON", "nesting without end")
    except KeyTwiceError as twice:
        return _unreadable("each key of an object once", f"{twice} twice")
    except ValueError:
        return _unreadable("JSON", "a number with thousands of digits, or none (NaN, Infinity)")
    studies = _studies(whole)
    if studies is None:
        return _unreadable("one study with protocolSection, a list of studies, or a search result with studies", _kind(whole))
    trials: dict[str, tuple[Trial, Study]] = {}
    problems: list[Unread] = []
    for number, study in enumerate(studies, 1):
        found = [Unread(number, problem) for problem in _problems(study)]
        if found:
            problems += found
            continue
        checked = cast("Study", study)
        trial = _trial(checked)
        if trial.trial_id in trials:
            problems.append(Unread(number, _at("identificationModule.nctId", "each study once", f"{trial.trial_id} again")))
        trials[trial.trial_id] = (trial, checked)
    more = isinstance(whole, Mapping) and bool(whole.get("nextPageToken"))
    return Read(tuple(trials.values()), tuple(problems), more)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _unreadable(expected: str, found: str) -> Read:
    return Read((), (Unread(None, _at("file", expected, found)),), more=False)


def _studies(whole: object) -> list[object] | None:
    if isinstance(whole, Mapping) and "protocolSection" in whole:
        return [whole]
    found = whole.get("studies") if isinstance(whole, Mapping) else whole
    return found if isinstance(found, list) and found else None


def read_study(study: object) -> Trial:
    """One study of the registry; StudyProblem with everything that is wrong where it is not one."""
    problems = list(_problems(study))
    if problems:
        raise StudyProblem("; ".join(map(str, problems)))
    return _trial(cast("Study", study))


# --- what is wrong --------------------------------------------------------------------------------------------------

_MODULES: Mapping[str, type[Struct]] = {
    "identificationModule": _Identification, "statusModule": _Status, "sponsorCollaboratorsModule": _Sponsors, "conditionsModule": _Conditions,
    "designModule": _Design, "armsInterventionsModule": _Arms, "eligibilityModule": _Eligibility, "contactsLocationsModule": _Places,
}  # fmt: skip
_REQUIRED = ("identificationModule", "statusModule")


def _problems(study: object) -> Iterator[Problem]:
    section = _without_nulls(study.get("protocolSection")) if isinstance(study, Mapping) and not not_text_inside(study) else None
    if not_text_inside(study):
        yield _at("protocolSection", "text", "a NUL, half of a surrogate pair, or nesting without end")
        return
    if _is_beyond(study):
        yield _at("protocolSection", "whole numbers of at most 64 bits, and none without end", "a larger one")
        return
    if not isinstance(section, Mapping):
        yield _at("protocolSection", "an object", _kind(section))
        return
    for name, shape in _MODULES.items():
        if name not in section and name not in _REQUIRED:
            continue
        found: list[Problem] = []
        fits(shape, section.get(name), partial(_note, found), _REGISTRY, (name,))
        yield from found
    yield from _values(section)


def _is_beyond(value: object) -> bool:
    """Whether a number is larger than what is kept as it was written."""
    if isinstance(value, Mapping):
        return any(_is_beyond(one) for one in value.values())
    if isinstance(value, list):
        return any(_is_beyond(one) for one in value)
    return (isinstance(value, int) and not -(1 << 63) <= value < 1 << 64) or (isinstance(value, float) and not isfinite(value))


def _at(field: str, expected: str, found: str) -> Problem:
    return Problem("", 0, 0, WRONG_VALUE, expected, found, field=field)


def _without_nulls(value: object) -> object:
    """What a file says without the fields that it leaves open."""
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value if item is not None] if isinstance(value, list) else value


def _note(problems: list[Problem], _code: str, path: Path, expected: str, found: str, _hint: str) -> None:
    problems.append(_at(field_name(path), expected, found))


def _values(section: Mapping[str, object]) -> Iterator[Problem]:
    """Values that have the right shape and cannot be right."""
    identified = _text(section, "identificationModule", "nctId")
    if identified is not None and not _NUMBER.fullmatch(identified):
        yield _at("identificationModule.nctId", "NCT and eight digits", "another text")
    status = _text(section, "statusModule", "overallStatus")
    if status is not None and status not in STATUSES:
        yield _at("statusModule.overallStatus", f"one of {', '.join(sorted(STATUSES))}", "another text")
    sex = _text(section, "eligibilityModule", "sex")
    if sex is not None and sex not in _SEXES:
        yield _at("eligibilityModule.sex", f"one of {', '.join(_SEXES)}", "another text")
    for name in ("minimumAge", "maximumAge"):
        age = _text(section, "eligibilityModule", name)
        if age is not None and age.strip().casefold() not in _NO_LIMIT and years(age) is None:
            yield _at(f"eligibilityModule.{name}", "a number and a unit such as 18 Years", "another text")


def _text(section: Mapping[str, object], module: str, name: str) -> str | None:
    found = section.get(module)
    value = found.get(name) if isinstance(found, Mapping) else None
    return value if isinstance(value, str) else None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "something else")


_REGISTRY = Wording(names_field=False, found=_kind, mapping="an object")


# --- a trial --------------------------------------------------------------------------------------------------------

Shape = TypeVar("Shape", bound=Struct)


def _trial(study: Study) -> Trial:
    section = cast("Mapping[str, object]", _without_nulls(study["protocolSection"]))
    named, status = _module(section, "identificationModule", _Identification), _module(section, "statusModule", _Status)
    eligibility = _module(section, "eligibilityModule", _Eligibility)
    inclusion, exclusion = criteria(eligibility.eligibility_criteria)
    return Trial(
        trial_id=named.nct_id,
        title=named.brief_title or named.official_title or named.nct_id,
        status=status.overall_status,
        phases=tuple(_module(section, "designModule", _Design).phases),
        conditions=tuple(_module(section, "conditionsModule", _Conditions).conditions),
        interventions=tuple(item.name for item in _module(section, "armsInterventionsModule", _Arms).interventions),
        sponsor=_module(section, "sponsorCollaboratorsModule", _Sponsors).lead_sponsor.name,
        minimum_age=years(eligibility.minimum_age),
        maximum_age=years(eligibility.maximum_age),
        sex=eligibility.sex,
        inclusion=inclusion,
        exclusion=exclusion,
        is_split=is_split(eligibility.eligibility_criteria),
        locations=tuple(_locations(_module(section, "contactsLocationsModule", _Places), status.overall_status)),
        updated_on=_day(status.last_update_post_date_struct.date),
        criteria_sha256=criteria_sha256(eligibility),
        synthetic=named.nct_id.startswith(_INVENTED),
    )


def _module(section: Mapping[str, object], name: str, shape: type[Shape]) -> Shape:
    return converted(section.get(name) or {}, shape)


def _locations(places: _Places, overall: str) -> Iterator[Location]:
    for place in places.locations:
        point = (place.geo_point.lat, place.geo_point.lon) if place.geo_point else None
        yield Location(place.facility, place.city, place.country, (place.status or overall) in _OPEN, point)


def criteria_sha256(eligibility: _Eligibility) -> str:
    """What a review rests on: the text and the structured limits, blanks aside."""
    limits = (eligibility.eligibility_criteria, eligibility.minimum_age, eligibility.maximum_age, eligibility.sex)
    return sha256("\n".join(" ".join(part.split()) for part in limits).encode()).hexdigest()


def _day(text: str) -> date | None:
    """A day of the registry; one that gives only year and month has no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
