"""Drugs against toxicity, with the limits of tocilizumab.

Main job: the rule of `GiveDrug`. A limit that is passed is refused with its source; a physician's reason lets it through and
stands in the event.

**Source**: clinical reference 2.1 (Kymriah label, ASCO 2021): 8 h apart, three doses in 24 h, four an episode, 800 mg a dose; not for ICANS
without CRS. The episode begins with the infusion.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.documents.limits import Tocilizumab
from baybridge.journey.checks import Moment, alive, happened, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import DrugGiven
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in

#: Within this two entries of the same are asked about: is it another one? Source: convention of this project.
AGAIN_MIN = 30

Milligrams = Annotated[float, Meta(gt=0)]


class GiveDrug(Struct, frozen=True, kw_only=True):
    """A drug was given."""

    atc: Annotated[str, Meta(description="ATC code")]
    name: str
    dose: Annotated[str, Meta(description="as written")]
    dose_mg: Annotated[Milligrams | None, Meta(description="the dose in milligrams, where it is one")] = None
    given_at: Moment
    override_reason: Annotated[str | None, Meta(description="a physician's reason where a limit is passed")] = None
    another: Annotated[bool, Meta(description="true where the same drug was given within half an hour and this is another dose")] = False


def give_drug(situation: Situation, given: GiveDrug) -> Verdict:
    """The drug is recorded; past a limit only with a physician's reason."""
    past = tuple(_tocilizumab(situation, given))
    excused = bool(past) and said(given.override_reason)
    against = [*alive(situation), *happened(situation, given_at=given.given_at), *_named(given)]
    if not given.another and not excused and any(_same(situation, given)):
        against.append(Reason("bedside.drug.again", {"minutes": AGAIN_MIN}, where="another"))
    if past and not excused:
        against.extend(past)
    if excused and situation.actor.role is not Role.PHYSICIAN:
        against.append(Reason("bedside.drug.override_not_physician", where="override_reason"))
    if against:
        return refuse(*against)
    reason = given.override_reason.strip() if excused and given.override_reason else None
    return (
        DrugGiven(
            atc=given.atc.strip().upper(), name=given.name.strip(), dose=given.dose.strip(), given_at=given.given_at, override_reason=reason
        ),
    )


def _same(situation: Situation, given: GiveDrug) -> Iterator[datetime]:
    """When the same drug was given close to this time: one dose may have been entered twice."""
    apart, atc = timedelta(minutes=AGAIN_MIN), given.atc.strip().upper()
    return (e.event.given_at for e in situation.case.drugs if e.event.atc == atc and abs(e.event.given_at - given.given_at) <= apart)


def _named(given: GiveDrug) -> Iterator[Reason]:
    if not said(given.atc) or not said(given.name):
        yield Reason("bedside.drug.unnamed", where="atc")
    if not said(given.dose):
        yield Reason("bedside.drug.no_dose", where="dose")


def _tocilizumab(situation: Situation, given: GiveDrug) -> Iterator[Reason]:
    rules = situation.limits.tocilizumab
    if given.atc.strip().upper() != rules.atc:
        return
    start = situation.case.infused_at
    doses = [e.event.given_at for e in situation.case.drugs if e.event.atc == rules.atc and (start is None or e.event.given_at >= start)]
    yield from _intervals(doses, given, rules)
    if len(doses) >= rules.per_episode:
        yield Reason("bedside.drug.tocilizumab_episode", {"limit": rules.per_episode}, source=rules.source)
    if given.dose_mg is not None and given.dose_mg > rules.max_dose_mg:
        yield Reason("bedside.drug.tocilizumab_dose", {"limit_mg": rules.max_dose_mg}, source=rules.source, where="dose_mg")
    if _icans_alone(situation):
        yield Reason("bedside.drug.tocilizumab_icans_alone", source=rules.source)


def _intervals(doses: list[datetime], given: GiveDrug, rules: Tocilizumab) -> Iterator[Reason]:
    apart = timedelta(hours=rules.interval_h)
    if any(abs(given.given_at - dose) < apart for dose in doses):
        yield Reason("bedside.drug.tocilizumab_interval", {"hours": rules.interval_h}, source=rules.source, where="given_at")
    day = timedelta(hours=24)
    if sum(timedelta(0) <= given.given_at - dose < day for dose in doses) >= rules.per_24_h:
        yield Reason("bedside.drug.tocilizumab_24_h", {"limit": rules.per_24_h}, source=rules.source, where="given_at")


def _icans_alone(situation: Situation) -> bool:
    crs, icans = (situation.case.grades.get(scale) for scale in ("crs-astct-2019", "icans-astct-2019"))
    return icans is not None and (icans.grade or 0) >= 1 and crs is not None and crs.highest == 0 and crs.grade == 0


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        GiveDrug, give_drug, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST),
        (EventRow(DrugGiven, rendering.drug, told_in("CARE_REFERRAL", "PHARMACOVIGILANCE")),),
        page="bedside",
        correction=CLINICAL,
        place=20,
        button="after",
    ),
)
