"""Doses against CRS that are held for one patient.

Main job: the rule of `ReserveDrugs`. The last reservation of a drug stands; one of no doses releases what was held.

**Source**: US programme of the class before June 2025 (two doses on site); labels for shortages (`cold-chain.yaml`, `tocilizumab`). **Units**: whole doses; hours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.preparation import until_default
from baybridge.journey.checks import Unusual, alive, asked_once, ordered, said, treating_here
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.conditions import discharged
from baybridge.journey.events import DrugsReserved
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note


class ReserveDrugs(Struct, frozen=True, kw_only=True):
    """Doses are held for this patient by name."""

    atc: Annotated[str, Meta(description="ATC code of the drug")]
    doses: Annotated[int, Meta(ge=0, le=20, description="doses held; 0 releases them")]
    from_on: date
    until_on: date
    shortage_next_within_h: Annotated[
        Annotated[int, Meta(ge=1, le=72)] | None, Meta(description="in a declared shortage: within how many hours the next dose can be here")
    ] = None
    shortage_reason: Annotated[Note, Meta(description="the declared shortage")] = ""
    unusual: Unusual = False


def reserve_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any reservation: another centre treats, or the patient has left and nothing is held that could be released."""
    yield from alive(situation)
    yield from treating_here(situation)
    last = situation.case.last(DrugsReserved)
    if discharged(situation.case) and (last is None or not last.event.doses):
        yield Reason("bedside.reserve.left")


def reserve_drugs(situation: Situation, given: ReserveDrugs) -> Verdict:
    """The doses are held, or every reason against."""
    against = [*reserve_blocked(situation), *ordered(given.from_on, given.until_on, "from_on", "until_on")]
    held = situation.limits.tocilizumab.atc
    if given.atc.strip().upper() != held:
        against.append(Reason("bedside.reserve.other_drug", {"known": held}, where="atc"))
    if given.until_on < situation.today:
        against.append(Reason("bedside.reserve.over", {"day": given.until_on.isoformat()}, where="until_on"))
    if given.shortage_next_within_h is not None and not said(given.shortage_reason):
        against.append(Reason("bedside.reserve.no_reason", where="shortage_reason"))
    against.extend(asked_once(_long(situation, given), unusual=given.unusual))
    if against:
        return refuse(*against)
    event = DrugsReserved(
        atc=held,
        doses=given.doses,
        from_on=given.from_on,
        until_on=given.until_on,
        shortage_next_within_h=given.shortage_next_within_h,
        shortage_reason=given.shortage_reason.strip(),
    )
    return (event,)


def _long(situation: Situation, given: ReserveDrugs) -> Iterator[Reason]:
    usual = situation.limits.plausible
    if given.from_on < situation.today - timedelta(days=usual.drugs_since_d):
        yield Reason("bedside.reserve.since_long", {"day": given.from_on.isoformat(), "days": usual.drugs_since_d}, source=usual.source, where="unusual")
    if given.until_on > situation.today + timedelta(days=usual.drugs_held_d):
        yield Reason("bedside.reserve.long", {"day": given.until_on.isoformat(), "days": usual.drugs_held_d}, source=usual.source, where="unusual")


def usual_doses(context: FormContext) -> Mapping[str, object]:
    """Two doses, or what the site's document asks for, from today to two weeks after the infusion."""
    rule = context.documents.limits.tocilizumab
    today = context.now.date()
    return {"atc": rule.atc, "doses": rule.reserved_doses, "from_on": today, "until_on": until_default(today)}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ReserveDrugs, reserve_drugs, roles(Role.PHARMACIST, Role.PHYSICIAN),
        (EventRow(DrugsReserved, rendering.reserved, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="bedside",
        correction=CLINICAL,
        step="reserve_drugs",
        blocked=reserve_blocked,
        place=26,
        prefill=usual_doses,
        choices={"atc": "held_drug"},
    ),
)
