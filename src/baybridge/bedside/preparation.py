"""Lymphodepletion as it stands in the current therapy event, and the days that the label asks for between it and the infusion.

Main job: `preparation(case)`, begun, complete or left out; `at_infusion(situation)`, what stands at the gate before the infusion.

The interval is that of the label which speaks here: this region, this product, the indication of the policy that the choice of the product rests on, counted
from that label's own anchor. Labels of other countries are named beside as comparators and never speak.

**Source**: `data/timing/label-times.yaml`, each row with its own; `cold-chain.yaml` (tocilizumab). **Units**: calendar days of the centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from baybridge.base.outcome import Reason
from baybridge.bedside.product import released_bags, usable_bags
from baybridge.documents.product import Omission
from baybridge.documents.timing import InfusionInterval, LabelTimes
from baybridge.journey.case import Case
from baybridge.journey.checks import local_day
from baybridge.journey.command import Situation
from baybridge.journey.conditions import index_of
from baybridge.journey.events import (
    LymphodepletionCompleted,
    LymphodepletionOmitted,
    LymphodepletionStarted,
    ProductChosen,
)
from baybridge.journey.readiness import unfit
from baybridge.journey.reserved_doses import Reserved, reserved_doses

_DOSES = "Two doses for each patient on site: US programme of the class before June 2025; EU labels: one, and access to a further one within 8 h"
ORDER = "US labels of axi-cel, cilta-cel and liso-cel: confirm that the product is available before lymphodepletion"


#: What depends on the moment of the infusion.
OF_MOMENT = frozenset(
    f"gate.infusion.{what}"
    for what in ("lymphodepletion_incomplete", "too_early", "too_late", "no_interval", "omission_count_old", "drugs_not_reserved", "unfit", "fitness_open")
)


@dataclass(frozen=True, slots=True)
class Preparation:
    """Lymphodepletion of the current therapy event: its first and last day, or that it was left out by the label's rule."""

    started_on: date | None
    completed_on: date | None
    omitted: LymphodepletionOmitted | None


def preparation(case: Case) -> Preparation:
    """What was recorded since the current slot was reserved; a new course takes the place of what came before it."""
    since = index_of(case, case.slot) if case.slot else 0
    began: date | None = None
    ended: date | None = None
    omitted: LymphodepletionOmitted | None = None
    for entry in case.entries[since:]:
        event = entry.event
        if isinstance(event, LymphodepletionStarted):
            began, ended, omitted = event.started_on, None, None
        elif isinstance(event, LymphodepletionCompleted):
            ended = event.completed_on
        elif isinstance(event, LymphodepletionOmitted):
            began, ended, omitted = None, None, event
    return Preparation(began, ended, omitted)


def at_infusion(situation: Situation, at: datetime | None = None) -> Iterator[Reason]:
    """What stands at the gate before the infusion at a moment (now): lymphodepletion and its interval, fitness, drugs against CRS."""
    yield from interval(situation, local_day(situation, at or situation.now))
    yield from _whole(situation)
    yield from unfit(situation, "infusion", at)
    yield from _drugs(situation, at)


def interval(situation: Situation, on: date) -> Iterator[Reason]:
    """What stands against infusing on a day: lymphodepletion missing, not complete, or outside the label's days."""
    found = preparation(situation.case)
    if found.omitted is not None:
        yield from _count(situation, found.omitted, on)
    elif found.started_on is None:
        yield Reason("gate.infusion.lymphodepletion_missing", source=ORDER)
    elif found.completed_on is None or found.completed_on > on:
        yield Reason("gate.infusion.lymphodepletion_incomplete", source=ORDER)
    else:
        yield from _too_few(situation, found.started_on, found.completed_on)
        yield from _days(situation, {"lymphodepletion_start": found.started_on, "lymphodepletion_end": found.completed_on}, on)


def planned_days(situation: Situation) -> int | None:
    """How many days the regimen that was begun takes by the product's document: the most doses of one drug; None where nobody established it."""
    label = situation.product.lymphodepletion if situation.product else None
    given = situation.case.lymphodepletion
    regimen = given.event.regimen if given is not None else None
    doses = [drug.doses for drug in label.drugs if drug.doses] if label is not None and label.regimen == regimen else []
    return max(doses, default=None)


def _too_few(situation: Situation, began: date, ended: date) -> Iterator[Reason]:
    """Lymphodepletion is recorded with fewer days than its regimen takes; with one alone where nobody established how many."""
    planned, recorded = planned_days(situation), (ended - began).days + 1
    if planned is not None and recorded < planned:
        yield Reason("gate.infusion.lymphodepletion_short", {"planned": planned, "recorded": recorded}, source=ORDER)
    elif planned is None and recorded == 1:
        yield Reason("gate.infusion.lymphodepletion_one_day", source=ORDER)


def _days(situation: Situation, anchors: Mapping[str, date], on: date) -> Iterator[Reason]:
    rows = [row for row in _rows(situation) if row.label == situation.site.jurisdiction and _speaks(situation, row)]
    if not rows:
        since = {"from_first": (on - anchors["lymphodepletion_start"]).days, "from_last": (on - anchors["lymphodepletion_end"]).days}
        values: dict[str, str | int] = {"jurisdiction": situation.site.jurisdiction, "comparators": comparators(situation) or "none", **since}
        yield Reason("gate.infusion.no_interval", values)
        return
    row = rows[0]
    day = (on - anchors[row.anchor]).days
    if not row.from_day <= day <= row.to_day:
        values = {"found": day, "from": row.from_day, "to": row.to_day, "label": row.label}
        yield Reason("gate.infusion.too_early" if day < row.from_day else "gate.infusion.too_late", values, source=row.source, where="started_at")


def _rows(situation: Situation) -> list[InfusionInterval]:
    rows = situation.documents.the(LabelTimes).infusion
    return [row for row in rows if row.product == situation.case.product and row.confidence != "low"]


def _speaks(situation: Situation, row: InfusionInterval) -> bool:
    """Whether a row is about the indication that the choice of the product rests on."""
    chosen = situation.case.last(ProductChosen)
    return not row.policies or (chosen is not None and chosen.event.policy in row.policies)


def comparators(situation: Situation) -> str:
    """The days of other labels, for whoever signs: `US +2–4, EU D1+5–7`, from the end (+) or the first day (D1+); empty where none is known."""
    marks = {"lymphodepletion_start": "D1+", "lymphodepletion_end": "+"}
    rows = [row for row in _rows(situation) if row.label != situation.site.jurisdiction]
    return ", ".join(f"{row.label}{' ' + row.indication if row.indication else ''} {marks[row.anchor]}{row.from_day}–{row.to_day}" for row in rows)


def _count(situation: Situation, omitted: LymphodepletionOmitted, on: date) -> Iterator[Reason]:
    """The count by which lymphodepletion was left out is still recent on the day of the infusion."""
    rule = omission(situation)
    if rule is None or (on - omitted.counted_on).days > rule.within_days:
        yield Reason("gate.infusion.omission_count_old", {"day": omitted.counted_on.isoformat()}, where="started_at")


def omission(situation: Situation) -> Omission | None:
    """The rule by which the product's label lets lymphodepletion be left out; None where it has none."""
    product = situation.product
    return product.lymphodepletion.omit if product and product.lymphodepletion else None


def _whole(situation: Situation) -> Iterator[Reason]:
    """Some bags of the dose can be given and others not: what is begun now cannot be completed."""
    bags = released_bags(situation.case)
    usable = usable_bags(situation, bags)
    if usable and usable < bags:  # of a bag that cannot be given itself, that is said elsewhere
        yield Reason("gate.infusion.bags_missing", {"bags": ", ".join(sorted(bags - usable))}, source=ORDER)


def _drugs(situation: Situation, at: datetime | None) -> Iterator[Reason]:
    """Doses against CRS are reserved for this patient at that moment: all of them, or what a declared shortage allows."""
    held = _held(situation, at)
    doses, enough = held.left if held is not None else 0, _enough(situation, held)
    if doses < enough:
        yield Reason("gate.infusion.drugs_not_reserved", {"needed": enough, "reserved": doses, "lacking": enough - doses}, source=_DOSES)


def doses_needed(situation: Situation, at: datetime) -> int:
    """How many doses against CRS are to be reserved for this patient at a moment."""
    return _enough(situation, _held(situation, at))


def _held(situation: Situation, at: datetime | None) -> Reserved | None:
    """The reservation of the drug for this patient that holds on the day of a moment (now)."""
    found = reserved_doses(situation.case, situation.record.drugs.filed if situation.record.drugs else (), at)
    day = local_day(situation, at or situation.now)
    holds = found is not None and found.event.atc == situation.limits.tocilizumab.atc and found.event.from_on <= day <= found.event.until_on
    return found if holds else None


def _enough(situation: Situation, held: Reserved | None) -> int:
    rule = situation.limits.tocilizumab
    within = held.event.shortage_next_within_h if held is not None else None
    short = rule.shortage is not None and within is not None and within <= rule.shortage.next_within_h
    return rule.shortage.doses if rule.shortage is not None and short else rule.reserved_doses


def until_default(today: date) -> date:
    """To which day doses are usually held: day 14 after an infusion within a week. Source: proposal of the facts reference, 1.5."""
    return today + timedelta(days=21)
