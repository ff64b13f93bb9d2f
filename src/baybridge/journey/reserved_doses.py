"""Doses that are held for a patient, and how many of them are left.

Main job: `reserved_doses(case, filed)`: the last reservation, with the doses of its drug that were entered since, and those that another system alone filed. One dose
that comes twice is asked about where it is filed (`node/fhir/posted_doses.py`); what stands twice all the same counts twice, so that nobody reads of more doses than
there are. Of more doses given than were held none is left.

**Units**: whole doses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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


def reserved_doses(case: Case, filed: Sequence[FiledDose] = (), at: datetime | None = None) -> Reserved | None:
    """The last reservation for the patient; None where there was none. `filed` are the doses that the record holds and the case does not.

    At a moment: the last one that was entered by then, or the last where all came later, without the doses that were given after it.
    """
    entries = case.of(DrugsReserved)
    known = [entry for entry in entries if at is None or entry.origin.at <= at] or entries
    if not known:
        return None
    event, since = known[-1].event, known[-1].origin.at
    entered = [one.event.given_at for one in case.drugs if one.event.atc == event.atc]
    return Reserved(
        event,
        sum(since <= given and (at is None or given <= at) for given in entered),
        tuple(one for one in filed if one.atc == event.atc and since <= one.at and (at is None or one.at <= at)),
    )
