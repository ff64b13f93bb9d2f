"""What drugs a patient was given, as far as a rule asks: which, from when to when, and whether some cannot be told.

Main job: `DrugHistory`, read from the record by `facts` and handed to rules that asked for `drugs`.

**Units**: days at the centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class DrugCourse:
    """One drug by ATC code over one period; `last` is the last day known, date.max while it is still given."""

    atc: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class FiledDose:
    """One dose that the record holds and the case does not: the drug by ATC code, the moment, the resource, and whose it is as far as the resource says."""

    atc: str
    at: datetime
    source: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class DrugHistory:
    """Every dated course, the days of transplants, whether each drug of the record could be read and dated, and the doses that were filed with their moment."""

    courses: tuple[DrugCourse, ...] = ()
    transplants: tuple[date, ...] = ()
    complete: bool = True
    filed: tuple[FiledDose, ...] = ()
