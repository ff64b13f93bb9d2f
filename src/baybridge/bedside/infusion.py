"""From the freezer into the vein: check of patient, order and bag; thaw; infusion.

Main job: the rules of `CheckBedside`, `Thaw` and `Infuse`.

**Source**: chain of identity rules F2.3 (two people, two identifiers, wrist band, bag, order, expiry), quality reference F4 (one bag at a
time, label time, no refreeze), E4 (two doses of tocilizumab reserved before infusion), clinical reference 5.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.preparation import OF_MOMENT, at_infusion, doses_needed
from baybridge.bedside.product import IDENTITY, bag_reasons, bag_waits, released_with
from baybridge.consent.emergency import may_be_cared_for
from baybridge.journey.checks import (
    Moment,
    Unusual,
    alive,
    asked_once,
    before_infusion,
    happened,
    longer_than,
    ordered,
    said,
    treating_here,
)
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.custody import STORAGE
from baybridge.journey.events import BedsideChecked, Infused, ProductThawed
from baybridge.journey.gates import signed_codes, standing_at, unsigned
from baybridge.journey.row import CLINICAL, CommandRow, Correction, EventRow, Second, labels_of, reads, roles, told_in
from baybridge.journey.texts import Note


class CheckBedside(Struct, frozen=True, kw_only=True):
    """Patient, wrist band, order and bag are matched; a second person confirms."""

    wrist_band: Annotated[str, Meta(description="as scanned: the patient's identifier or the chain-of-identity id")]
    order: Annotated[str, Meta(description="chain-of-identity id, as scanned from the order")]
    chain_of_identity: Annotated[str, Meta(description="as scanned from the bag")]
    bag: Annotated[str, Meta(description="as scanned from the bag")]
    name_stated: Annotated[bool, Meta(description="the patient, or who speaks for the patient, stated the name and it matches")]
    birth_date_stated: Annotated[bool, Meta(description="the birth date was stated and matches")]
    tocilizumab_doses: Annotated[int, Meta(ge=0, description="doses reserved for this patient")]
    checked_at: Moment
    unusual: Unusual = False


class Thaw(Struct, frozen=True, kw_only=True):
    """One bag is thawed."""

    chain_of_identity: Annotated[str, Meta(description="as scanned from the bag")]
    bag: Annotated[str, Meta(description="as scanned from the bag")]
    thawed_at: Moment
    unusual: Unusual = False


class Infuse(Struct, frozen=True, kw_only=True):
    """The product is given."""

    chain_of_identity: Annotated[str, Meta(description="as scanned from the bag")]
    bag: Annotated[str, Meta(description="as scanned from the bag")]
    started_at: Moment
    ended_at: Moment
    entire_volume: bool
    late_reason: Annotated[
        Note | None, Meta(description="a physician's reason where no verified label time after thaw is known and it is over")
    ] = None


# --- check ----------------------------------------------------------------------------------------------------------


def bag_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against checking or thawing a bag, whichever it is."""
    yield from alive(situation)
    yield from treating_here(situation)
    yield from bag_waits(situation)


def check_bedside(situation: Situation, given: CheckBedside) -> Verdict:
    """The check stands, or every mismatch; a mismatch is a hard stop."""
    against = (
        *alive(situation),
        *treating_here(situation),
        *_patient(situation, given),
        *bag_reasons(situation, given.bag, given.chain_of_identity, given.checked_at),
        *_tocilizumab(situation, given),
        *happened(situation, checked_at=given.checked_at),
        *asked_once(_late(situation, "check", given.checked_at), unusual=given.unusual),
    )
    if against:
        return refuse(*against)
    return (
        BedsideChecked(
            chain_of_identity=given.chain_of_identity,
            bag=given.bag,
            checked_at=given.checked_at,
        ),
    )


def _patient(situation: Situation, given: CheckBedside) -> Iterator[Reason]:
    if given.wrist_band not in {situation.case.patient_id, *(situation.case.chains & {given.chain_of_identity})}:
        yield Reason("bedside.check.wrong_patient", source=IDENTITY, where="wrist_band")
    if given.order not in situation.case.chains or given.order != given.chain_of_identity:
        yield Reason("bedside.check.wrong_order", source=IDENTITY, where="order")
    if not given.name_stated:
        yield Reason("bedside.check.name_not_stated", source=IDENTITY, where="name_stated")
    if not given.birth_date_stated:
        yield Reason("bedside.check.birth_date_not_stated", source=IDENTITY, where="birth_date_stated")


def _tocilizumab(situation: Situation, given: CheckBedside) -> Iterator[Reason]:
    """Fewer doses are seen than the gate before the infusion asks for, and nobody signed that; a declared shortage asks for fewer."""
    needed = doses_needed(situation, given.checked_at)
    if given.tocilizumab_doses < needed and "gate.infusion.drugs_not_reserved" not in signed_codes(situation, "infusion"):
        yield Reason("bedside.check.tocilizumab_missing", {"needed": needed}, source="policy reference E4", where="tocilizumab_doses")


def _late(situation: Situation, what: str, at: datetime) -> Iterator[Reason]:
    """It was done long before it is entered."""
    usual = situation.limits.plausible
    if longer_than(at, situation.now, usual.told_within_h):
        yield Reason(f"bedside.{what}.long_ago", {"at": at.isoformat(), "hours": usual.told_within_h}, source=usual.source, where="unusual")


# --- thaw -----------------------------------------------------------------------------------------------------------


def thaw(situation: Situation, given: Thaw) -> Verdict:
    """The bag is thawed and its clock runs, or every reason against."""
    against = (
        *alive(situation),
        *treating_here(situation),
        *bag_reasons(situation, given.bag, given.chain_of_identity, given.thawed_at),
        *_one_at_a_time(situation, given),
        *_gate_on(situation, given.thawed_at),
        *happened(situation, thawed_at=given.thawed_at),
        *asked_once((*_late(situation, "thaw", given.thawed_at), *_unchecked(situation, given)), unusual=given.unusual),
    )
    return refuse(*against) if against else (ProductThawed(bag=given.bag, thawed_at=given.thawed_at),)


def _one_at_a_time(situation: Situation, given: Thaw) -> Iterator[Reason]:
    given_bags = {entry.event.bag for entry in situation.case.infusions}
    thawed = {entry.event.bag: entry.event.thawed_at for entry in situation.case.of(ProductThawed)}
    if given.bag in thawed:
        yield Reason("bedside.thaw.already", source=STORAGE, where="bag")
    if any(bag not in given_bags and bag != given.bag and _in_time(situation, bag, at, given.thawed_at) for bag, at in thawed.items()):
        yield Reason("bedside.thaw.another_open", source=STORAGE, where="bag")


def _unchecked(situation: Situation, given: Thaw) -> Iterator[Reason]:
    """Nobody had checked patient and bag when it was thawed."""
    checks = [e.event for e in situation.case.bedside_checks if (e.event.bag, e.event.chain_of_identity) == (given.bag, given.chain_of_identity)]
    if not any(check.checked_at <= given.thawed_at for check in checks):
        yield Reason("bedside.thaw.before_check", source=IDENTITY, where="unusual")


def _in_time(situation: Situation, bag: str, thawed_at: datetime, now: datetime) -> bool:
    return now <= thawed_at + timedelta(minutes=thaw_limit(situation, bag)[0])


def thaw_limit(situation: Situation, bag: str) -> tuple[int, bool]:
    """Minutes from thaw to the end of the infusion by the product's label, and whether that time is verified."""
    release = released_with(situation, bag)
    product = situation.products.get(ProductId(release.product)) if release else None
    label = product.thaw if product else None
    minutes = (label.stable_min or label.infuse_within_min) if label else None
    if label is None or minutes is None:
        return situation.limits.thaw.unverified_min, False
    return minutes, label.confidence == "high"


def _gate_on(situation: Situation, at: datetime) -> Iterator[Reason]:
    """What stands at the gate before the infusion at a moment, and was not signed: a bag is not thawed for a patient who cannot have it."""
    yield from unsigned(situation, "infusion", at_infusion(situation, at))


# --- infusion -------------------------------------------------------------------------------------------------------


_GATE = Gate("infusion", at_infusion, of_moment=OF_MOMENT)


def infuse_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any infusion now, whatever bag."""
    yield from _ready(situation)
    over = tuple(before_infusion(situation))
    yield from over
    if not over:
        yield from standing_at(situation, _GATE)
    if not situation.case.bedside_checks:
        yield Reason("bedside.infuse.no_check", source=IDENTITY)


def _ready(situation: Situation) -> Iterator[Reason]:
    yield from alive(situation)
    yield from treating_here(situation)
    if not may_be_cared_for(situation):
        yield Reason("bedside.infuse.no_care_consent")


def infuse(situation: Situation, given: Infuse) -> Verdict:
    """The product was given; this is day 0. Every reason against otherwise."""
    release = released_with(situation, given.bag)
    batch = situation.case.batch_of_bag(given.bag)
    against = (
        *_ready(situation),
        *_gate_on(situation, given.started_at),
        *bag_reasons(situation, given.bag, given.chain_of_identity, given.started_at, given.ended_at),
        *_checked(situation, given),
        *_thawed(situation, given),
        *happened(situation, started_at=given.started_at, ended_at=given.ended_at),
        *ordered(given.started_at, given.ended_at, "started_at", "ended_at"),
    )
    if against or release is None or batch is None:
        return refuse(*against)
    return (
        Infused(
            product=release.product,
            batch=batch.batch,
            bag=given.bag,
            chain_of_identity=given.chain_of_identity,
            started_at=given.started_at,
            ended_at=given.ended_at,
            entire_volume=given.entire_volume,
            late_reason=given.late_reason,
        ),
    )


def _checked(situation: Situation, given: Infuse) -> Iterator[Reason]:
    """A check of this very bag, under this id, before the start and not long before."""
    checks = [e.event for e in situation.case.bedside_checks if e.event.bag == given.bag]
    valid = timedelta(minutes=situation.limits.bedside.check_valid_min)
    before = [c.checked_at for c in checks if c.chain_of_identity == given.chain_of_identity and c.checked_at <= given.started_at]
    if not before:
        yield Reason("bedside.infuse.no_check", source=IDENTITY, where="bag")
    elif given.started_at > max(before) + valid:
        values = {"minutes": int(valid.total_seconds() // 60)}
        yield Reason("bedside.infuse.check_too_old", values, source=IDENTITY, where="bag")


def beside_other_infusions(situation: Situation, given: Infuse, old: Infused) -> Iterator[Reason]:
    """The bag was given by another entry that was recorded since."""
    if old.bag != given.bag and any(entry.event.bag == given.bag for entry in situation.case.infusions):
        yield Reason("bedside.bag.already_given", source=IDENTITY, where="bag")


def _thawed(situation: Situation, given: Infuse) -> Iterator[Reason]:
    thaws = [e.event.thawed_at for e in situation.case.of(ProductThawed) if e.event.bag == given.bag]
    if not thaws:
        yield Reason("bedside.infuse.not_thawed", source=STORAGE, where="bag")
        return
    yield from ordered(max(thaws), given.started_at, "thawed_at", "started_at")
    minutes, verified = thaw_limit(situation, given.bag)
    if given.ended_at <= max(thaws) + timedelta(minutes=minutes):
        return
    excused = not verified and said(given.late_reason) and situation.actor.role is Role.PHYSICIAN
    if not excused:
        code = "bedside.infuse.thaw_time_over" if verified else "bedside.infuse.thaw_time_unverified"
        yield Reason(code, {"minutes": minutes}, source=STORAGE, where="ended_at")


#: Who is told that the product was given: who treats on, the plant at the end of its chain of custody, who pays for it or by its outcome, registry and safety.
#: Source: `data/exchange/profiles.yaml` (CLAIM and OBA_OUTCOME carry dates, COI_LOGISTICS the chain of identity).
_TOLD = ("CARE_REFERRAL", "COI_LOGISTICS", "CLAIM", "OBA_OUTCOME", "QUALITY_REGISTRY", "PHARMACOVIGILANCE")

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        CheckBedside, check_bedside, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST),
        (EventRow(BedsideChecked, rendering.bedside, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="bedside",
        correction=CLINICAL,
        step="bedside_check",
        blocked=bag_blocked,
        place=30,
        scanned=labels_of(CheckBedside),
        second=Second("checked"),
    ),
    CommandRow(
        Thaw, thaw, roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY),
        (EventRow(ProductThawed, rendering.thawed),),
        page="bedside",
        correction=CLINICAL,
        step="thaw",
        blocked=bag_blocked,
        place=40,
        needs=reads("drugs"),
        scanned=labels_of(Thaw),
        second=Second("checked"),
    ),
    CommandRow(
        Infuse, infuse, roles(Role.PHYSICIAN, Role.NURSE),
        (
            EventRow(Infused, rendering.infused, told_in(*_TOLD), only_from="centre"),
        ),
        page="bedside",
        correction=Correction(Role.PHYSICIAN, second="always"),
        step="infuse",
        blocked=infuse_blocked,
        beside=beside_other_infusions,
        place=50,
        gate=_GATE,
        needs=reads("drugs"),
        scanned=labels_of(Infuse),
    ),
)
