"""What other nodes told of a case, in the words of a reader.

Main job: `elsewhere(asked, reader, case)`, for the pages of a case; `said(reader, item)`, one step or sum. Elsewhere: what is known at all, `journey/status.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from baybridge.http.doors import Asked
from baybridge.journey.case import Case
from baybridge.journey.events import StatusStep, StatusSum
from baybridge.journey.status import carers_of, elsewhere_of
from baybridge.node.people import access
from baybridge.node.people.access import NAMELESS
from baybridge.web.page.page import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """Another hospital or plant: what it is called, what is known here of it, when it last told where the case stands."""

    name: str
    steps: tuple[str, ...]
    sums: tuple[str, ...]
    told_at: datetime | None
    stopped: bool  # what was told last may not be what holds now
    carer: bool  # it cares for the patient, and is no plant


def elsewhere(asked: Asked, reader: Reader, case: Case) -> tuple[Place, ...]:
    """Every other place that has a part in a case; none for readers who do not know whose case it is."""
    if asked.person.role in NAMELESS:
        return ()
    site = asked.node.site
    may_read_sums = access.may("case.funding", asked.person, site) is None
    today = asked.node.now().astimezone(site.zone).date()
    return tuple(
        Place(
            reader.node(one.node),
            tuple(step(reader, item) for item in one.steps),
            tuple(money(reader, item) for item in one.sums) if may_read_sums else (),
            one.told_at,
            one.stopped,
            one.node != case.plant_node or one.node in carers_of(case),
        )
        for one in elsewhere_of(case, site.node, site.zone, today)
    )


def step(reader: Reader, item: StatusStep) -> str:
    """A step of the road with its day."""
    return reader.t("elsewhere.planned" if item.planned else "elsewhere.step", step=reader.code("stage", item.stage), day=reader.day(item.done_on))


def money(reader: Reader, item: StatusSum) -> str:
    """A sum with who pays it."""
    said = {"payer": reader.payer(item.payer), "amount": reader.money(item.amount_minor, item.currency), "day": reader.day(item.known_on)}
    return reader.t(f"elsewhere.sum.{item.what}", **said)
