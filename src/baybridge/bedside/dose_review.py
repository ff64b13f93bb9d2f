"""A dose and the weight that proved to be another one: whether it is another dose, and what a physician says of it.

Main job: `in_doubt(event, weight, rules)`, whether a dose that was given goes by a weight that is not so; the rule of `ReviewDose`. A dose by weight is in doubt where
the sum by the weight that is known now is another one, or no weight stands any more; tocilizumab also where it is more for each kilogram than its label names.

**Units**: kilograms, milligrams. **Source**: for tocilizumab those that `drugs.py` names (Kymriah label, ASCO 2021); how far two sums may lie apart: `doses.ROUNDED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.bedside import rendering
from baybridge.bedside.doses import ROUNDED
from baybridge.bedside.drugs import per_kg_of_label
from baybridge.documents.limits import Tocilizumab
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.doubted_doses import DoubtedDose, doubted_doses
from baybridge.journey.events import DoseDoubted, DoseDoubtEnded, DoseReviewed, DrugGiven
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles
from baybridge.journey.texts import Note


class ReviewDose(Struct, frozen=True, kw_only=True):
    """A physician looked at a dose whose weight proved to be another one."""

    follows: Annotated[Note, Meta(description="what follows for the patient: what was looked at, what is done or why nothing is")]
    dose_entry: Annotated[str, Meta(description="the entry of the dose; without it the only one that waits")] = ""


# --- whether it is another dose -----------------------------------------------------------------------------------------


def goes_by_weight(event: DrugGiven, rules: Tocilizumab) -> bool:
    """Whether a weight says anything of a dose: it was computed by one, or the label names a limit for each kilogram."""
    return event.weight_kg is not None or (event.atc == rules.atc and event.dose_mg is not None)


def in_doubt(event: DrugGiven, weight: float | None, rules: Tocilizumab) -> bool:
    """Whether a dose goes by another weight than the one that is known now (kg; None: none stands)."""
    if event.weight_kg is None:
        return weight is not None and event.override_reason is None and _above_label(event, weight, rules)
    if weight is None:
        return True
    of_label = event.override_reason is None and _above_label(event, weight, rules) and not _above_label(event, event.weight_kg, rules)
    return of_label or _another_sum(event, event.weight_kg, weight, rules)


def _another_sum(event: DrugGiven, was: float, weight: float, rules: Tocilizumab) -> bool:
    """Whether what was given is not the dose by the weight of now; vials and rounding aside."""
    if event.mg_per_kg is None or event.dose_mg is None:
        return abs(was - weight) > ROUNDED * weight
    most = float(rules.max_dose_mg) if event.atc == rules.atc else float("inf")
    meant = min(event.mg_per_kg * weight, most)
    return abs(event.dose_mg - meant) > ROUNDED * meant and abs(was - weight) > _SAME * weight


#: Two weights that are one: what somebody gave on purpose beside the sum is no other dose by them.
_SAME = 0.02


def _above_label(event: DrugGiven, weight: float, rules: Tocilizumab) -> bool:
    if event.atc != rules.atc or event.dose_mg is None:
        return False
    label = per_kg_of_label(rules, weight)
    return event.mg_per_kg > label if event.mg_per_kg is not None else event.dose_mg > label * weight * (1 + ROUNDED)


# --- what a physician says ----------------------------------------------------------------------------------------------


def none_in_doubt(situation: Situation) -> Iterator[Reason]:
    """No dose waits for a physician's word."""
    if not doubted_doses(situation.case, situation.site.node):
        yield Reason("bedside.dose_review.none")


def review_dose(situation: Situation, given: ReviewDose) -> Verdict:
    """The dose stays as it was given; the physician's word on it stands beside it."""
    waiting = doubted_doses(situation.case, situation.site.node)
    against = [*_which(waiting, given)]
    if not said(given.follows):
        against.append(Reason("bedside.dose_review.no_note", where="follows"))
    if against:
        return refuse(*against)
    one = next(dose for dose in waiting if given.dose_entry in ("", dose.entry))
    return (DoseReviewed(dose_entry=one.entry, weight_kg=one.asked.event.weight_kg, follows=given.follows.strip()),)


def _which(waiting: tuple[DoubtedDose, ...], given: ReviewDose) -> Iterator[Reason]:
    if given.dose_entry and given.dose_entry not in {one.entry for one in waiting}:
        yield Reason("bedside.dose_review.another", where="dose_entry")
    elif not waiting:
        yield Reason("bedside.dose_review.none", where="dose_entry")
    elif not given.dose_entry and len(waiting) > 1:
        yield Reason("bedside.dose_review.several", {"count": len(waiting)}, where="dose_entry")


def dose_that_waits(context: FormContext) -> Mapping[str, object]:
    """The dose, where one alone waits."""
    waiting = doubted_doses(context.case, context.site.node)
    return {"dose_entry": waiting[0].entry} if len(waiting) == 1 else {}


#: What page, command line, FHIR and other nodes know about it.
COMMAND_ROWS = (
    CommandRow(
        ReviewDose, review_dose, roles(Role.PHYSICIAN),
        (EventRow(DoseReviewed, rendering.dose_reviewed),),
        page="bedside",
        correction=CLINICAL,
        step="dose_doubted",
        blocked=none_in_doubt,
        button="after",
        prefill=dose_that_waits,
        choices={"dose_entry": "doubted_dose"},
    ),
)  # fmt: skip

#: What follows from a weight that is another one; no person enters it.
EVENT_ROWS = (
    EventRow(DoseDoubted, rendering.dose_doubted, computed=True),
    EventRow(DoseDoubtEnded, rendering.dose_doubt_ended, computed=True),
)
