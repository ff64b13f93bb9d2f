"""Who helps a patient, as the pages of a case show it: by name, in which capacity, what each sees, until when.

Main job: `helpers_shown(view)`. Elsewhere: what is opened, `consent/helping.py` and `node/people/helping.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from baybridge.consent.helping import helpers
from baybridge.node.people import helping
from baybridge.web.case.view import CaseView


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody who was let in; `sees` is False where what the access hangs on does not hold now."""

    person_id: str
    name: str
    capacity: str
    shows: tuple[str, ...]
    until: date | None
    sees: bool


def helpers_shown(view: CaseView) -> list[Helper]:
    """Everybody who was let in and not ended, in the order of the last word."""
    found = helpers(view.case, view.now.astimezone(view.asked.node.site.zone).date())
    names = helping.names(view.asked.node, [one.event.person_id for one in found])
    return [
        Helper(
            one.event.person_id,
            names.get(one.event.person_id, "–"),
            one.event.capacity,
            one.event.shows,
            one.event.valid_until,
            bool(helping.opened_to_person(view.asked.node, one.event.person_id, view.case)),
        )
        for one in found
    ]
