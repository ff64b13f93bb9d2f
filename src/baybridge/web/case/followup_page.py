"""After treatment: response, settlement, hand-over, the schedule for life, visits, second malignancy, death.

Main job: `followup(view)`.
"""

from __future__ import annotations

from itertools import islice

from starlette.responses import Response

from baybridge.journey.events import FollowUpAccepted, SecondMalignancyReported
from baybridge.journey.schedule import next_visit, visits
from baybridge.web.case.view import CaseView

#: How many visits are shown ahead; the schedule itself has no end.
_SHOWN = 14


def followup(view: CaseView) -> Response:
    """Responses, hand-over, and the visits that are due."""
    case = view.case
    return view.render(
        "followup.html",
        responses=sorted(case.responses.values(), key=lambda entry: entry.event.assessed_on),
        schedule=_schedule(view),
        accepted=case.last(FollowUpAccepted),
        malignancies=case.of(SecondMalignancyReported),
        today=view.now.astimezone(view.asked.node.site.zone).date(),
        actions=view.buttons(),
    )


def _schedule(view: CaseView) -> list[tuple[object, object, bool]]:
    """Visits with the contact that took place, and whether each is next."""
    case, zone = view.case, view.asked.node.site.zone
    if case.infused_at is None:
        return []
    document = view.asked.node.documents.typed.pathway.follow_up
    following = next_visit(case, document, view.now.astimezone(zone).date(), zone)
    done = {entry.event.visit: entry for entry in case.visits}
    planned = islice(visits(case.infused_at.astimezone(zone).date(), document), _SHOWN)
    return [(visit, done.get(visit.code), following is not None and visit.code == following.code) for visit in planned]
