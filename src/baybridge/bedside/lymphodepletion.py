"""Lymphodepletion: not before the product is released and here, and complete before the infusion.

Main job: the rules of `Lymphodeplete`, `CompleteLymphodepletion` and `OmitLymphodepletion`.

**Source**: mission M8 (the safe order is after release and receipt); clinical reference 5.4 and 6.4 (product released and on site, EBMT: exceptions allowed).
A physician passes the gate by a signed exception; a product in quarantine or out of date is never passed. Elsewhere: what stands now, and the interval to the
infusion, in `preparation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.base.time import start_of_day
from baybridge.bedside import rendering
from baybridge.bedside.preparation import ORDER, omission, planned_days, preparation
from baybridge.bedside.product import expired, failed_late, released_bags, usable_bags
from baybridge.consent.deciding import elective
from baybridge.consent.emergency import may_be_cared_for
from baybridge.documents.terms import Regimens
from baybridge.journey.case import Case
from baybridge.journey.checks import Unusual, alive, asked_once, happened, local_day, ordered, treating_here
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.custody import FAILED, STORAGE
from baybridge.journey.events import LymphodepletionCompleted, LymphodepletionOmitted, LymphodepletionStarted
from baybridge.journey.gates import standing_at, unsigned
from baybridge.journey.prefill import FormContext
from baybridge.journey.readiness import unfit
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in


class Lymphodeplete(Struct, frozen=True, kw_only=True):
    """Lymphodepletion begins."""

    regimen: Annotated[str, Meta(description="code of the regimen, or its name")]
    started_on: date


class CompleteLymphodepletion(Struct, frozen=True, kw_only=True):
    """The last dose of lymphodepletion was given."""

    completed_on: date
    unusual: Unusual = False


class OmitLymphodepletion(Struct, frozen=True, kw_only=True):
    """Lymphodepletion is left out, by the rule of the product's label."""

    white_cells: Annotated[float, Meta(ge=0, le=1000, description="white cells in 10*9/L that the rule rests on")]
    counted_on: date


# --- before it begins -----------------------------------------------------------------------------------------------


def lymphodeplete_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against beginning today, whatever the regimen."""
    yield from _always(situation)
    yield from standing_at(situation, _GATE)


def _always(situation: Situation) -> Iterator[Reason]:
    """What no signature passes."""
    yield from alive(situation)
    yield from treating_here(situation)
    if not may_be_cared_for(situation):
        yield Reason("bedside.lymphodeplete.no_care_consent")
    yield from elective(situation)
    case = situation.case
    released = released_bags(case)
    usable = released & case.bags_at_centre
    if released and all(failed_late(case, bag) for bag in released):
        yield Reason("bedside.lymphodeplete.failed_late", source=FAILED)
    if usable and usable <= case.quarantined:
        yield Reason("bedside.lymphodeplete.quarantined", source=STORAGE)
    elif usable and all(expired(situation, bag) for bag in usable - case.quarantined):
        yield Reason("bedside.lymphodeplete.expired", source=ORDER)


def at_lymphodepletion(situation: Situation, on: date | None = None) -> Iterator[Reason]:
    """What stands at the gate before lymphodepletion: the product released and here, the patient fit on a day (now)."""
    bags = released_bags(situation.case)
    if not bags and _all_given(situation.case):
        yield Reason("gate.lymphodepletion.all_given")
    elif not bags:
        yield Reason("gate.lymphodepletion.not_released", source=ORDER)
    if not bags & situation.case.bags_at_centre and not _all_given(situation.case):
        yield Reason("gate.lymphodepletion.not_received", source=ORDER)
    elif (usable := usable_bags(situation, bags)) and usable < bags:  # where none can be given, that is said above
        yield Reason("gate.lymphodepletion.bags_missing", {"bags": ", ".join(sorted(bags - usable))}, source=ORDER)
    if _named(situation) is None:
        yield Reason("gate.lymphodepletion.regimen_open", {"product": situation.case.product or "–"})
    until = start_of_day(on + timedelta(days=1), situation.site.zone) - timedelta(seconds=1) if on is not None else None  # of a day its end counts
    yield from unfit(situation, "lymphodepletion", until)


#: What depends on the day on which it begins.
_OF_DAY = frozenset({"gate.lymphodepletion.unfit", "gate.lymphodepletion.fitness_open"})
_GATE = Gate("lymphodepletion", at_lymphodepletion, frozenset({"gate.lymphodepletion.other_regimen", "gate.lymphodepletion.before_receipt"}), _OF_DAY)


def _all_given(case: Case) -> bool:
    """Whether bags of the current therapy event were released, and every one of them was given."""
    released = any(b.released for b in case.batches if b.chain_of_identity == case.chain_of_identity)
    return released and not released_bags(case)


def _before_collection(situation: Situation, given: Lymphodeplete) -> Iterator[Reason]:
    """Cells of the current therapy event were collected after the day: nobody is lymphodepleted before."""
    collected = [local_day(situation, one.ended_at) for one in situation.case.collections if one.chain_of_identity == situation.case.chain_of_identity]
    if collected and given.started_on < min(collected):
        yield Reason("bedside.lymphodeplete.before_collection", {"day": min(collected).isoformat()}, where="started_on")


def _too_early(situation: Situation, given: Lymphodeplete) -> Iterator[Reason]:
    """The day given lies before the product arrived, though it is here by now."""
    arrivals = [s.received.event for s in situation.case.shipments_on("to_centre", situation.case.chain_of_identity) if s.received]
    if arrivals and given.started_on < min(local_day(situation, event.received_at) for event in arrivals):
        yield Reason("gate.lymphodepletion.before_receipt", source=ORDER, where="started_on")


# --- begin, complete, leave out -------------------------------------------------------------------------------------


def lymphodeplete(situation: Situation, given: Lymphodeplete) -> Verdict:
    """Lymphodepletion begins, or every reason against."""
    code = regimen_code(situation, given.regimen)
    against = [*_always(situation), *happened(situation, started_on=given.started_on), *_before_collection(situation, given)]
    against.extend(unsigned(situation, "lymphodepletion", (*at_lymphodepletion(situation, given.started_on), *_too_early(situation, given))))
    if code is None:
        known = ", ".join(sorted(situation.documents.the(Regimens).regimens))
        against.append(Reason("bedside.lymphodeplete.no_regimen", {"known": known}, where="regimen"))
    else:
        against.extend(unsigned(situation, "lymphodepletion", _regimen(situation, code)))
    if against or code is None:
        return refuse(*against)
    return (LymphodepletionStarted(regimen=code, started_on=given.started_on),)


def regimen_code(situation: Situation, written: str) -> str | None:
    """The code of a regimen by its code, one of its names or its spellings; None where it is none that is known."""
    wanted = " ".join(written.casefold().split())
    for code, row in situation.documents.the(Regimens).regimens.items():
        if wanted in {name.casefold() for name in (code, *row.names.values(), *row.spellings)}:
            return code
    return None


def _named(situation: Situation) -> str | None:
    """The regimen that the product's document names; None where none is established."""
    product = situation.product
    return product.lymphodepletion.regimen if product and product.lymphodepletion else None


def _regimen(situation: Situation, code: str) -> Iterator[Reason]:
    """The regimen is the one that the product's document names."""
    if _named(situation) not in (None, code):
        yield Reason("gate.lymphodepletion.other_regimen", where="regimen")


def complete_lymphodepletion_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against completing it now."""
    yield from alive(situation)
    yield from treating_here(situation)
    found = preparation(situation.case)
    if found.started_on is None:
        yield Reason("bedside.lymphodeplete.not_begun")
    elif found.completed_on is not None:
        yield Reason("bedside.lymphodeplete.completed_before", {"day": found.completed_on.isoformat()})


def complete_lymphodepletion(situation: Situation, given: CompleteLymphodepletion) -> Verdict:
    """The last day stands; the interval to the infusion counts from it where the label does so."""
    against = [*complete_lymphodepletion_blocked(situation), *happened(situation, completed_on=given.completed_on)]
    began = preparation(situation.case).started_on
    if began is not None:
        wrong_way = tuple(ordered(began, given.completed_on, "started_on", "completed_on"))
        odd = () if wrong_way else (*_too_short(situation, began, given.completed_on), *_too_long(situation, began, given.completed_on))
        against.extend((*wrong_way, *asked_once(odd, unusual=given.unusual)))
    return refuse(*against) if against else (LymphodepletionCompleted(completed_on=given.completed_on),)


def _too_short(situation: Situation, began: date, ended: date) -> Iterator[Reason]:
    """Fewer days than the regimen of the product has doses of a drug; one day where nobody established how many it has."""
    planned, found = planned_days(situation), (ended - began).days + 1
    if planned is not None and found < planned:
        yield Reason("bedside.lymphodeplete.too_short", {"found": found, "days": planned, "product": situation.case.product or ""}, where="unusual")
    elif planned is None and found == 1:
        yield Reason("bedside.lymphodeplete.one_day", where="unusual")


def _too_long(situation: Situation, began: date, ended: date) -> Iterator[Reason]:
    """More days than any regimen takes: one of the two days may be a slip of the pen, and the interval to the infusion counts from them."""
    usual, found = situation.limits.plausible, (ended - began).days + 1
    if found > usual.lymphodepletion_d:
        yield Reason("bedside.lymphodeplete.too_long", {"found": found, "days": usual.lymphodepletion_d}, source=usual.source, where="unusual")


def omit_lymphodepletion_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against leaving it out now, whatever the count."""
    yield from _always(situation)
    if omission(situation) is None:
        yield Reason("bedside.lymphodeplete.no_omission_rule", {"product": situation.case.product or ""})


def omit_lymphodepletion(situation: Situation, given: OmitLymphodepletion) -> Verdict:
    """Lymphodepletion is left out on a count that the label's rule allows, or every reason against."""
    rule = omission(situation)
    against = [*omit_lymphodepletion_blocked(situation), *happened(situation, counted_on=given.counted_on)]
    if rule is not None:
        if given.white_cells > rule.white_cells_at_most:
            against.append(Reason("bedside.lymphodeplete.omission_count", {"most": str(rule.white_cells_at_most)}, source=rule.source, where="white_cells"))
        if given.counted_on < situation.today - timedelta(days=rule.within_days):
            against.append(Reason("bedside.lymphodeplete.omission_day", {"days": rule.within_days}, source=rule.source, where="counted_on"))
    return refuse(*against) if against else (LymphodepletionOmitted(white_cells=given.white_cells, counted_on=given.counted_on),)


def regimen_of_label(context: FormContext) -> Mapping[str, object]:
    """The regimen that the label of the case's product names."""
    label = context.product.lymphodepletion if context.product else None
    return {"regimen": label.regimen if label else None}


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
        choices={"regimen": "regimen"},
        gate=_GATE,
    ),
    CommandRow(
        CompleteLymphodepletion, complete_lymphodepletion, roles(Role.PHYSICIAN, Role.NURSE),
        (EventRow(LymphodepletionCompleted, rendering.lymphodepletion_completed, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="bedside",
        correction=CLINICAL,
        step="lymphodepletion_complete",
        blocked=complete_lymphodepletion_blocked,
        place=22,
    ),
    CommandRow(
        OmitLymphodepletion, omit_lymphodepletion, roles(Role.PHYSICIAN),
        (EventRow(LymphodepletionOmitted, rendering.lymphodepletion_omitted, told_in("CARE_REFERRAL"), only_from="centre"),),
        page="bedside",
        correction=CLINICAL,
        step="lymphodepletion",
        blocked=omit_lymphodepletion_blocked,
        place=24,
    ),
)
