"""Lymphodepletion: not before the product is released and here.

Main job: the rule of `Lymphodeplete`.

**Source**: mission M8 (the safe order is after release and receipt); clinical reference 5.4 and 6.4 (product released and on site, EBMT:
exceptions allowed). An exception is signed by a physician with its reason and stands in the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.consent.grants import consents_for
from baybridge.journey.case import Case
from baybridge.journey.checks import alive, happened, local_day, said, treating_here
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import FitnessChecked, LymphodepletionStarted
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in

ORDER = "clinical reference 6.4"

#: What a fitness policy may answer that stands in the way.
UNFIT = frozenset({"unfit", "not-fit", "ineligible", "fails"})


class Lymphodeplete(Struct, frozen=True, kw_only=True):
    """Lymphodepletion begins."""

    regimen: str
    started_on: date
    exception_reason: Annotated[str | None, Meta(description="a physician's reason where release and receipt do not both stand")] = None


def lymphodeplete_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against beginning today, before any exception."""
    yield from _always(situation)
    yield from out_of_order(situation)


def _always(situation: Situation) -> Iterator[Reason]:
    yield from alive(situation)
    yield from treating_here(situation)
    if not consents_for(situation.case, None, None, situation.today).care:
        yield Reason("bedside.lymphodeplete.no_care_consent")


def out_of_order(situation: Situation) -> Iterator[Reason]:
    """Release, receipt, quarantine, expiry and fitness: all that a signed exception may stand in for."""
    case = situation.case
    bags = released_bags(case)
    usable = bags & case.bags_at_centre
    if not bags:
        yield Reason("bedside.lymphodeplete.not_released", source=ORDER)
    if not usable:
        yield Reason("bedside.lymphodeplete.not_received", source=ORDER)
    elif usable <= case.quarantined:
        yield Reason("bedside.lymphodeplete.quarantined", source="policy reference F4")
    elif all(_expired(situation, bag) for bag in usable - case.quarantined):
        yield Reason("bedside.lymphodeplete.expired", source=ORDER)
    checks = [e.event for e in case.of(FitnessChecked) if e.event.step == "lymphodepletion"]
    if checks and checks[-1].outcome in UNFIT:
        yield Reason("bedside.lymphodeplete.unfit", {"policy": checks[-1].policy}, source=ORDER)


def released_bags(case: Case) -> frozenset[str]:
    """Bags of the current therapy event that were released and not yet given."""
    given = {e.event.bag for e in case.infusions}
    batches = (b.released.event for b in case.batches if b.released and b.chain_of_identity == case.chain_of_identity)
    return frozenset(bag for event in batches for bag in event.bags if bag not in given)


def _expired(situation: Situation, bag: str) -> bool:
    batch = situation.case.batch_of_bag(bag)
    return batch is None or batch.released is None or batch.released.event.expires_at <= situation.now


def _too_early(situation: Situation, given: Lymphodeplete) -> Iterator[Reason]:
    """The day given lies before the product arrived, though it is here by now."""
    arrivals = [s.received.event for s in situation.case.shipments_on("to_centre", situation.case.chain_of_identity) if s.received]
    if arrivals and given.started_on < min(local_day(situation, event.received_at) for event in arrivals):
        yield Reason("bedside.lymphodeplete.before_receipt", source=ORDER, where="started_on")


def lymphodeplete(situation: Situation, given: Lymphodeplete) -> Verdict:
    """Lymphodepletion begins; out of order only with a physician's reason, which the event carries."""
    disorder = tuple(out_of_order(situation)) or tuple(_too_early(situation, given))
    against = [*_always(situation), *happened(situation, started_on=given.started_on)]
    if not said(given.regimen):
        against.append(Reason("bedside.lymphodeplete.no_regimen", where="regimen"))
    exceptional = said(given.exception_reason) and bool(disorder)
    if disorder and not exceptional:
        against.extend(disorder)
    if exceptional and situation.actor.role is not Role.PHYSICIAN:
        against.append(Reason("bedside.lymphodeplete.exception_not_physician", source=ORDER, where="exception_reason"))
    if against:
        return refuse(*against)
    return (
        LymphodepletionStarted(
            regimen=given.regimen.strip(),
            started_on=given.started_on,
            exception_reason=given.exception_reason.strip() if exceptional and given.exception_reason else None,
            exception_signed_by=situation.actor.account if exceptional else None,
        ),
    )


def regimen_of_label(context: FormContext) -> Mapping[str, object]:
    """The regimen that the label of the case's product names, in the reader's language."""
    label = context.product.lymphodepletion if context.product else None
    text = label.text if label else {}
    return {"regimen": text.get(context.language) or text.get("en")}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Lymphodeplete, lymphodeplete, roles(Role.PHYSICIAN, Role.NURSE),
        (EventRow(LymphodepletionStarted, rendering.lymphodepletion, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="bedside",
        correction=CLINICAL,
        step="lymphodepletion",
        blocked=lymphodeplete_blocked,
        place=20,
        prefill=regimen_of_label,
    ),
)
