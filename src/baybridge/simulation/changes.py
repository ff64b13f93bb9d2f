"""Changes to plans, as somebody writes them on the command line.

Main job: `read_change(text, load)` and `changed(plans, changes)`.

`PLAN.field=value` sets a term (`rate`, `deductible`, `cap_year`, `order`, `rates_by_risk_class.pre_existing`, any field of the document),
`+FILE` adds a plan, `-PLAN` takes one away. **Units**: amounts and rates as text, exactly as a plan document writes them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import PlanDocument, is_money

_NUMBERS = ("order", "waiting_days")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: what to do, to which plan, which field, and with what."""

    text: str
    kind: Literal["set", "add", "remove"]
    plan: str
    field: str = ""
    value: str | None = None
    document: PlanDocument | None = None


def read_change(text: str) -> Change | Refusal:
    """A change as written; a file to add is named in `plan` and read by the caller."""
    if text.startswith("+") and len(text) > 1:
        return Change(text, "add", text[1:])
    if text.startswith("-") and len(text) > 1:
        return Change(text, "remove", text[1:])
    target, equals, value = text.partition("=")
    plan, dot, field = target.partition(".")
    if not (plan and dot and field and equals):
        return refuse(Reason("simulation.change.form", {"found": text}), category=Category.INVALID)
    return Change(text, "set", plan, field, None if value in ("", "null") else value)


def changed(plans: Sequence[PlanDocument], changes: Sequence[Change]) -> tuple[PlanDocument, ...] | Refusal:
    """The plans after the changes, in the order in which they were given; every change that fits nothing is a reason."""
    found: dict[str, dict[str, object]] = {str(plan.get("id")): copy.deepcopy(dict(plan)) for plan in plans}
    reasons = []
    for change in changes:
        if change.kind == "add" and change.document is not None:
            found[str(change.document.get("id"))] = copy.deepcopy(dict(change.document))
        elif change.plan not in found:
            reasons.append(Reason("simulation.change.unknown_plan", {"plan": change.plan, "known": ", ".join(found)}, where=change.text))
        elif change.kind == "remove":
            found.pop(change.plan)
        elif not _set(found[change.plan], change):
            reasons.append(Reason("simulation.change.unknown_field", {"plan": change.plan, "field": change.field}, where=change.text))
    return refuse(*reasons, category=Category.INVALID) if reasons else tuple(plan for plan in found.values() if is_money(plan))


#: Terms of a benefit that a change may name although the document does not have them.
_TERMS = ("deductible", "rate", "cap_event", "cap_year", "cap_lifetime", "waiting_days", "basis", "amount", "deductible_group")


def _set(document: dict[str, object], change: Change) -> bool:
    """Write the value where the field stands; false where there is no such field."""
    head, _, rest = change.field.partition(".")
    benefit, part = document.get("benefit"), document.get(head)
    if isinstance(benefit, dict) and not rest and (head in benefit or head in _TERMS):
        place, name = benefit, head
        if head == "rate":
            benefit.pop("bands", None)
            document["rates_by_risk_class"] = None
    elif rest and isinstance(part, dict) and rest in part:
        place, name = part, rest
    elif not rest and head in document and head not in ("id", "shape", "benefit"):
        place, name = document, head
    else:
        return False
    value = change.value
    place[name] = int(value) if name in _NUMBERS and value is not None and value.isdecimal() else value
    document["status"] = "unverified"
    return True
