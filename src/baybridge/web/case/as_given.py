"""What was entered, as the input of the command that made it, so that a form on which somebody puts one value right keeps all the others.

Main job: `made_by(event)` and `as_given(row, event)`. Most inputs have the names and shapes of their event; where an event says the same in another shape, it is
read back here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from baybridge.base.money import format_minor
from baybridge.journey import events as ev
from baybridge.journey.events import Event
from baybridge.journey.row import CommandRow
from baybridge.node.corrections.making import commands_making
from baybridge.web.forms.findings import ICE_ITEMS


def made_by(event: Event) -> CommandRow | None:
    """The command that made an entry: of several that make such entries, the one whose input the entry says; None where none does."""
    other = _OTHERWISE.get(type(event), _the_same)(event).keys()

    def fit(row: CommandRow) -> tuple[bool, int]:
        needed = {item.name for item in msgspec.structs.fields(row.given) if item.required}
        return other <= set(row.form), -len(needed - as_given(row, event).keys())

    return max(commands_making(type(event)), key=fit, default=None)


def as_given(row: CommandRow, event: Event) -> dict[str, object]:
    """The input of a command that made an entry, as far as the entry says it."""
    said: dict[str, object] = {name: getattr(event, name, None) for name in row.form}
    said.update(_OTHERWISE.get(type(event), _the_same)(event))
    return {name: value for name, value in said.items() if name in row.form and value is not None}


def _the_same(_event: object) -> Mapping[str, object]:
    return {}


def _findings(event: ev.AssessmentRecorded) -> Mapping[str, object]:
    """What was found; a score beside all of its items was their sum, and is again that of the items as they are put right."""
    found = {name: value for name, value in event.findings if name not in event.as_before}
    if found.keys() >= set(ICE_ITEMS):
        found.pop("ice_score", None)
    return {"findings": found, "as_before": event.as_before}


def _charges(event: ev.ClaimSubmitted) -> Mapping[str, object]:
    return {"lines": [{"id": name, "category": category, "gross": format_minor(minor)} for name, category, minor in event.lines]}


def _decided(event: ev.ClaimAdjudicated) -> Mapping[str, object]:
    return {"amount": format_minor(event.benefit_minor)}


def _amount(event: ev.PreauthorisationAnswered | ev.RefundReceived) -> Mapping[str, object]:
    return {"amount": format_minor(event.amount_minor)}


def _paid(event: ev.BenefitPaid) -> Mapping[str, object]:
    """A payment that names its claim was made by `PayClaim`, which calls itself `payment_id`."""
    amount = {"amount": format_minor(event.amount_minor)}
    return amount if event.for_claim is None else {**amount, "claim_id": event.for_claim, "payment_id": event.claim_id}


def _dose(_event: ev.DrugGiven) -> Mapping[str, object]:
    """The reason for passing a limit was given for what was entered: what is put right is asked anew."""
    return {"override_reason": None}


#: How the entries that have another shape than their input are read back.
_OTHERWISE: Mapping[type[Event], Callable[[Any], Mapping[str, object]]] = {
    ev.AssessmentRecorded: _findings,
    ev.DrugGiven: _dose,
    ev.ClaimSubmitted: _charges,
    ev.ClaimAdjudicated: _decided,
    ev.PreauthorisationAnswered: _amount,
    ev.RefundReceived: _amount,
    ev.BenefitPaid: _paid,
}
