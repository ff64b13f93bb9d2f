"""Doses that are held for a patient, and how many of them are left.

Main job: `reserved_doses(case, filed)`: the last reservation, with the doses of its drug that were entered since, and those that another system alone filed. One dose
that comes twice is asked about where it is filed (`node/fhir/posted_doses.py`); what stands twice all the same counts twice, so that nobody reads of more doses than
there are. Of more doses given than were held none is left.

**Units**: whole doses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baybridge.journey.case import Case
from baybridge.journey.drug_history import FiledDose
from baybridge.journey.events import DrugsReserved


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, how many doses of its drug were entered since, and those that only another system filed."""

    event: DrugsReserved
    given: int
    filed: tuple[FiledDose, ...] = ()

    @property
    def left(self) -> int:
        """How many are left."""
        return max(0, self.event.doses - self.given - len(self.filed))


def reserved_doses(case: Case, filed: Sequence[FiledDose] = ()) -> Reserved | None:
    """The last reservation for the patient; None where there was none. `filed` are the doses that the record holds and the case does not."""
    entry = case.last(DrugsReserved)
    if entry is None:
        return None
    atc, since = entry.event.atc, entry.origin.at
    entered = [one for one in case.drugs if one.event.atc == atc and one.event.given_at >= since]
    return Reserved(entry.event, len(entered), tuple(one for one in filed if one.atc == atc and one.at >= since))
