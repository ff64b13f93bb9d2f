"""The CRS episode: whether CRS was diagnosed since the last infusion, and whether fever has been suppressed since.

Main job: `read_episode(measured, course, at, treatments) -> dict of facts`.

CRS begins with a fever that is not explained otherwise, or with a recorded grade of at least 1. It then stands until every assessment over
`clear_h` hours showed no sign of it; a new infusion begins a new episode. Where a fever's cause was not recorded, the diagnosis is unknown.

**Source**: Lee DW et al. BBMT 2019;25:625-638; clinical reference 1.1 C2, C5, C13 and 14. **Units**: temperatures in Cel.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from baybridge.facts.course import Course
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.factset import ReadFact, Status
from baybridge.facts.looks import outdated
from baybridge.facts.measurement import Measured, Measurement
from baybridge.facts.terms import Treatments
from baybridge.policy.language.types import Value

_AT = attrgetter("at")
#: Answers the bounds of the CRS grade for bedside values; None leaves the diagnosis to the rule for fever.
GradeAt = Callable[[Mapping[str, Value]], tuple[int, int]]

_INPUTS = (
    "temperature",
    "fever_attributable",
    "hypotension",
    "vasopressors",
    "vasopressin",
    "hypotension_attributable",
    "oxygen_device",
    "oxygen_flow",
    "oxygen_reason",
    "hypoxia_attributable",
)


@dataclass(slots=True)
class _Episode:
    diagnosed: Measurement | None = None
    recorded: tuple[datetime, str] | None = None
    perhaps: datetime | None = None
    clear_since: datetime | None = None

    @property
    def began(self) -> tuple[datetime, str] | None:
        if self.diagnosed is not None:
            return self.diagnosed.at, self.diagnosed.source
        return self.recorded

    def end(self) -> None:
        self.diagnosed = self.recorded = self.perhaps = self.clear_since = None


def read_episode(
    measured: Measured, course: Course, at: datetime, dictionary: Dictionary, grade_at: GradeAt | None = None
) -> dict[str, ReadFact]:
    """`crs_diagnosed` and `fever_suppressed`, each left out where unknown; both unknown without infusion or temperature since."""
    infusion = course.infusion
    if infusion is None:
        return {}
    history = {name: [m for m in measured.of(name) if infusion.at <= m.at <= at] for name in _INPUTS}
    grades = _grades(measured, course, infusion.at)
    if not history["temperature"] and not grades:
        return {}
    episode = _follow(history, grades, dictionary, grade_at)
    return _facts(episode, course, infusion.at)


def _grades(measured: Measured, course: Course, since: datetime) -> dict[datetime, tuple[int, str]]:
    found = {m.at: (int(m.value), m.source) for m in measured.of("crs_grade_recorded") if isinstance(m.value, int)}
    found |= {happened.at: (grade, happened.source) for happened, grade in course.grades}
    return {at: item for at, item in found.items() if at >= since}


def _follow(
    history: Mapping[str, list[Measurement]],
    grades: Mapping[datetime, tuple[int, str]],
    dictionary: Dictionary,
    grade_at: GradeAt | None,
) -> _Episode:
    episode = _Episode()
    treatments = dictionary.terms.treatments
    for moment in sorted({m.at for found in history.values() for m in found} | set(grades)):
        known = {name: m for name, found in history.items() for m in [_latest(found, moment, dictionary)] if m}
        old = outdated(known, dictionary.explaining)
        known = {name: m for name, m in known.items() if name not in old}
        values = {name: m.value for name, m in known.items()}
        grade = grades.get(moment)
        fever = _fever(values, treatments) if grade_at is None else _graded(grade_at(values))
        if grade and grade[0] >= 1 and episode.began is None:
            episode.recorded = (moment, grade[1])
        if episode.began is None:
            _begin(episode, moment, known.get("temperature"), fever=fever)
        else:
            _perhaps_end(episode, moment, grade, treatments.clear_h, signs=_signs(values, treatments))
    return episode


def _begin(episode: _Episode, moment: datetime, temperature: Measurement | None, *, fever: bool | None) -> None:
    if fever and temperature is not None:
        episode.diagnosed, episode.clear_since = temperature, None
    elif fever is None and episode.perhaps is None:
        episode.perhaps = moment


def _perhaps_end(episode: _Episode, moment: datetime, grade: tuple[int, str] | None, clear_h: int, *, signs: bool | None) -> None:
    if signs is not False or (grade is not None and grade[0] >= 1):
        episode.clear_since = None
    elif episode.clear_since is None:
        episode.clear_since = moment
    elif moment - episode.clear_since >= timedelta(hours=clear_h):
        episode.end()


def _latest(found: list[Measurement], moment: datetime, dictionary: Dictionary) -> Measurement | None:
    earlier = bisect_right(found, moment, key=_AT)
    last = found[earlier - 1] if earlier else None
    limit = dictionary[last.fact.name].max_age_h if last else None
    if last is None or (limit is not None and moment - last.at > timedelta(hours=limit)):
        return None
    return last


def _fever(values: Mapping[str, Value], treatments: Treatments) -> bool | None:
    """Whether there is a fever that counts; False where no temperature was taken: that is no evidence of one."""
    temperature = values.get("temperature")
    if not isinstance(temperature, int | float) or temperature < treatments.fever_at_least_cel:
        return False
    attributable = values.get("fever_attributable")
    return attributable if isinstance(attributable, bool) else None


def _graded(bounds: tuple[int, int]) -> bool | None:
    low, high = bounds
    return True if low >= 1 else False if high < 1 else None


def _signs(values: Mapping[str, Value], treatments: Treatments) -> bool | None:
    """Whether any sign of CRS is there; None where one of them was not assessed."""
    temperature = values.get("temperature")
    fever = None if temperature is None else _fever(values, treatments)
    pressure = _present(values.get("hypotension"), values.get("hypotension_attributable"))
    oxygen = _present(values.get("oxygen_device"), values.get("hypoxia_attributable"))
    signs = (fever, pressure, oxygen)
    return True if any(signs) else None if None in signs else False


def _present(finding: Value, attributable: Value) -> bool | None:
    if finding is None:
        return None
    if finding == "none" or attributable is False:
        return False
    return True if attributable else None


def _facts(episode: _Episode, course: Course, since: datetime) -> dict[str, ReadFact]:
    began = episode.began
    if began is None and episode.perhaps is not None:
        later = [s for s in course.suppressions if s.at >= episode.perhaps]
        return {} if later else {"fever_suppressed": _fact("fever_suppressed", since, "", "facts.note.no_suppression", value=False)}
    if began is None:
        return {
            "crs_diagnosed": _fact("crs_diagnosed", since, "", "facts.note.no_crs_recorded", value=False),
            "fever_suppressed": _fact("fever_suppressed", since, "", "facts.note.no_suppression", value=False),
        }
    given = [s for s in course.suppressions if s.at >= began[0]]
    note = "" if given else "facts.note.no_suppression"
    at, source = (given[-1].at, given[-1].source) if given else (began[0], "")
    return {
        "crs_diagnosed": _fact("crs_diagnosed", began[0], began[1], "facts.note.crs_since", value=True),
        "fever_suppressed": _fact("fever_suppressed", at, source, note, value=bool(given)),
    }


def _fact(name: str, at: datetime, source: str, note: str, *, value: bool) -> ReadFact:
    return ReadFact(name, value, None, str(value).lower(), at, source, Status.USED, note)
