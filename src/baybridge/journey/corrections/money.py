"""Money that rests on an entry which was put right since: a quote, an enrolment, a claim, a settlement.

Main job: `changed_under(case)`. What was issued stays as it was issued, marked; whoever issued it makes it again. Where what stands instead says the same about what
money goes by, nothing is marked.

**Source**: contract K0 and K2. Elsewhere: entries that may not be struck through while a claim or settlement needs them, `resting.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.corrected import Struck
from baybridge.journey.entry import Entry
from baybridge.journey.events import Event

_PRODUCT = (ev.CaseOpened, ev.CaseAccepted, ev.ProductChosen)

#: What each entry of money was computed from.
_FROM: Mapping[type[Event], tuple[type[Event], ...]] = {
    ev.QuoteIssued: _PRODUCT,
    ev.AgreementEnrolled: (*_PRODUCT, ev.QuoteIssued),
    ev.ClaimSubmitted: (*_PRODUCT, ev.QuoteIssued, ev.PreauthorisationAnswered, ev.Infused),
    ev.OutcomeSettled: (ev.AgreementEnrolled, ev.Infused, ev.ResponseAssessed, ev.Died),
}

#: What of an entry money goes by.
_GOES_BY: Mapping[type[Event], Callable[[Any], object]] = {
    ev.CaseOpened: lambda e: (e.patient_id, e.residence),
    ev.CaseAccepted: lambda e: e.product,
    ev.ProductChosen: lambda e: e.product,
    ev.QuoteIssued: lambda e: e.quote_sha256,
    ev.AgreementEnrolled: lambda e: e.agreement,
    ev.PreauthorisationAnswered: lambda e: (e.payer, e.plan, e.answer, e.amount_minor),
    ev.Infused: lambda e: (e.product, e.started_at),
    ev.ResponseAssessed: lambda e: (e.timepoint, e.category, e.assessed_on),
    ev.Died: lambda e: (e.died_on, e.cause),
}


def changed_under(case: Case) -> dict[str, tuple[str, ...]]:
    """By the id of a standing entry of money: the entries that it was computed from and that were put right since, in order; others are left out."""
    if not case.struck:
        return {}
    place = {entry.origin.event_id: number for number, entry in enumerate(case.history)}
    found = {}
    for entry in case.entries:
        kinds, at = _FROM.get(type(entry.event), ()), place.get(entry.origin.event_id, -1)
        under = [one for one in case.struck if isinstance(one.entry.event, kinds) and _between(one, at, place) and _differs(case, one)]
        if under:
            found[entry.origin.event_id] = tuple(sorted(one.entry.origin.event_id for one in under))
    return found


def _between(struck: Struck, at: int, place: Mapping[str, int]) -> bool:
    """Whether something was learnt after an entry and before the entry was put right."""
    return place[struck.entry.origin.event_id] < at < place[struck.by.origin.event_id]


def _differs(case: Case, struck: Struck) -> bool:
    """Whether what stands instead, if anything, says something else about what money goes by."""
    old = struck.entry.event
    new = _last(case, struck.by.event.replaced_by)
    return new is None or type(new.event) is not type(old) or _GOES_BY[type(old)](new.event) != _GOES_BY[type(old)](old)


def _last(case: Case, event_id: str | None) -> Entry[Any] | None:
    """What stands under an id now: the entry, or what replaced it in turn."""
    following = {one.entry.origin.event_id: one.by.event.replaced_by for one in case.struck}
    while event_id in following:
        event_id = following[event_id]
    return next((entry for entry in case.entries if entry.origin.event_id == event_id), None)
