"""Doses that are held for a patient, and how many of them are left.

Main job: `reserved_doses(case)`: the last reservation, with the doses of its drug that were entered since. A dose that only another system filed is no entry of the case
and is not counted, so that what is said is "entered here since"; of more doses given than were held none is left.

**Units**: whole doses.
"""

from __future__ import annotations

from dataclasses import dataclass

from baybridge.journey.case import Case
from baybridge.journey.events import DrugsReserved


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation, and how many doses of its drug were entered since."""

    event: DrugsReserved
    given: int

    @property
    def left(self) -> int:
        """How many are left."""
        return max(0, self.event.doses - self.given)


def reserved_doses(case: Case) -> Reserved | None:
    """The last reservation for the patient; None where there was none."""
    entry = case.last(DrugsReserved)
    if entry is None:
        return None
    since = [one for one in case.drugs if one.event.atc == entry.event.atc and one.event.given_at >= entry.origin.at]
    return Reserved(entry.event, len(since))
