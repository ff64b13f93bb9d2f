"""When each purpose of a case needs its results: what is fixed by the case, and what is only assumed until a day is known.

Main job: `needs(case, now, zone, timing, visits)`, one row a purpose that is still ahead, the earliest first.

A day is fixed by a slot, by lymphodepletion that began, or by an infusion; the others are assumed from the time from collection to infusion
(`data/timing/vein-to-vein.yaml`, with its own source and confidence) and say so.

**Units**: moments, aware; collection and infusion are assumed at nine in the morning of the site's zone, so that daylight changes move nothing by an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from baybridge.documents.pathway import FollowUp
from baybridge.documents.timing import Interval, VeinToVein
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.conditions import discharged
from baybridge.journey.schedule import next_visit

#: Days from the start of lymphodepletion to infusion. Source: design of the pathway, day -5 to -3 before infusion.
_LD_DAYS = 5
#: Where no slot is reserved: a week to arrange one. Convention of this project, shown as an assumption.
_SLOT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Need:
    """One purpose and the moment at which its results are needed; `fixed` where the case says the day, `source` where it is assumed."""

    purpose: str
    at: datetime
    fixed: bool
    source: str = ""


def needs(case: Case, now: datetime, zone: ZoneInfo, timing: VeinToVein, visits: FollowUp) -> tuple[Need, ...]:
    """Every purpose that is still ahead; none after death."""
    if not case.alive:
        return ()
    found = _after_infusion(case, now, zone, visits) if case.infusions else _before_infusion(case, now, zone, timing)
    return tuple(sorted(found, key=lambda need: (need.at, need.purpose)))


def _morning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(9), tzinfo=zone)


def _before_infusion(case: Case, now: datetime, zone: ZoneInfo, timing: VeinToVein) -> Iterator[Need]:
    slot, product = case.slot, case.product
    if not case.did(ev.ProductChosen) and not case.collections:
        yield Need("ELIGIBILITY", now, fixed=True)
    day = slot.event.collection_on if slot else (now + timedelta(days=_SLOT_DAYS)).astimezone(zone).date()
    collection = max(now, _morning(day, zone))
    if not case.collections:
        for purpose in ("APH_IDM", "APH_FITNESS"):
            yield Need(purpose, collection, fixed=slot is not None)
    infusion_on = _infusion_on(case, day, timing)
    source = "" if case.lymphodepletion else _row(timing, product).source
    if case.lymphodepletion is None:
        yield Need("LD_FITNESS", max(now, _morning(infusion_on - timedelta(days=_LD_DAYS), zone)), fixed=False, source=source)
    yield Need("INFUSION_DAY", max(now, _morning(infusion_on, zone)), fixed=case.lymphodepletion is not None, source=source)


def _infusion_on(case: Case, collection_on: date, timing: VeinToVein) -> date:
    """The day of infusion: five days after lymphodepletion began, else the usual time after collection."""
    if case.lymphodepletion is not None:
        return case.lymphodepletion.event.started_on + timedelta(days=_LD_DAYS)
    return collection_on + timedelta(days=int(_row(timing, case.product).median_days))


def _row(timing: VeinToVein, product: str | None) -> Interval:
    return timing.products.get(product or "", timing.default)


def _after_infusion(case: Case, now: datetime, zone: ZoneInfo, visits: FollowUp) -> Iterator[Need]:
    if not discharged(case):
        yield Need("TOX_MONITOR", now, fixed=True)
    yield Need("RESPONSE", now, fixed=True)
    if case.quote is not None and case.quote.event.agreement and case.settlement is None:
        yield Need("OBA_OUTCOME", now, fixed=True)
    visit = next_visit(case, visits, now.astimezone(zone).date(), zone)
    if visit is not None:
        yield Need("LTFU", max(now, _morning(visit.due_on, zone)), fixed=True)
