"""Who helps a patient, and what each sees: a caregiver, the guardian of a child, who represents an adult who cannot decide.

Main job: `helpers(case, day)`, who was let in and may still see something; `opened(case, person, day, ages)`, what a person sees of a case.

A caregiver sees the road, the dates and the signs to watch for, and more only where that is named. A guardian sees what the patient sees until the first day on which
the patient may be of age, a representative while the patient is not able to decide. Nobody sees anything in this way after the patient's death.

**Source**: PIPL articles 29 and 31; what ends when, and what is shown, is a convention of this project.
Elsewhere: letting in and ending, `caregivers.py`; who decides for a patient, `deciding.py`; which pages lie behind what is shown, `node/people/access.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.consent.deciding import is_unable
from baybridge.journey.case import Case
from baybridge.journey.command import Situation
from baybridge.journey.entry import Entry
from baybridge.journey.events import CaregiverAllowed, CaregiverEnded

#: What everybody sees who helps, and what guardian and representative see: all that the patient sees.
ROAD, EVERYTHING = "road", "everything"


def helpers(case: Case, day: date) -> tuple[Entry[CaregiverAllowed], ...]:
    """Who was let in and neither ended nor past the last day: the last word about each person."""
    standing: dict[str, Entry[CaregiverAllowed]] = {}
    ended = {entry.origin.event_id: entry.event.person_id for entry in case.of(CaregiverEnded)}
    allowed = {entry.origin.event_id: entry for entry in case.of(CaregiverAllowed)}
    for entry in case.entries:
        if entry.origin.event_id in ended:
            standing.pop(ended[entry.origin.event_id], None)
        elif entry.origin.event_id in allowed:
            standing.pop(allowed[entry.origin.event_id].event.person_id, None)
            standing[allowed[entry.origin.event_id].event.person_id] = allowed[entry.origin.event_id]
    return tuple(entry for entry in standing.values() if _lasts(entry.event, day))


def _lasts(event: CaregiverAllowed, day: date) -> bool:
    return event.valid_until is None or day <= event.valid_until


@dataclass(frozen=True, slots=True)
class Ages:
    """What the access of a guardian hangs on, and of a representative.

    `of_age_on`: the first day on which the patient may be of age, None where nobody knows; `unable_from`: the grade of ICANS of the threshold.
    """

    of_age_on: date | None
    unable_from: int


def opened(case: Case, person_id: str, day: date, ages: Ages) -> frozenset[str]:
    """What a person who helps sees of a case on a day; nothing where nobody lets in, where it is over, or where what it hangs on is not known."""
    if not case.alive or not person_id:
        return frozenset()
    found = next((one.event for one in helpers(case, day) if one.event.person_id == person_id), None)
    if found is None:
        return frozenset()
    if found.capacity == "caregiver":
        return frozenset({ROAD, *found.shows})
    holds = ages.of_age_on is not None and day < ages.of_age_on if found.capacity == "guardian" else is_unable(case, ages.unable_from)
    return frozenset({ROAD, EVERYTHING}) if holds else frozenset()


def acting_as(situation: Situation) -> Entry[CaregiverAllowed] | None:
    """In which capacity the account that gives a command helps; None where it is nobody's who helps."""
    who = situation.actor
    return next((one for one in helpers(situation.case, situation.today) if who.person and one.event.person_id == who.person), None)
