"""What a case would say without some entries that are to be erased: what was taken back would count again, and later entries would rest on nothing.

Main job: `against(case, event_ids, zone)`, every reason why these entries stay. A correction strikes an entry through and says so; an erased entry is as if it had never
been, so that whatever closed something must go with what it closed or not at all.

Elsewhere: what rests on an entry in `resting.py`; what law, hold and decisions keep, `node/people/erasure.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.base.outcome import Reason
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.corrections.resting import rests_on
from baybridge.journey.entry import Entry

#: Whether an entry is what an event takes back, by the event's type.
_TAKES_BACK: Mapping[type[ev.Event], Callable[[Any, Entry[Any]], bool]] = {
    ev.ConsentWithdrawn: lambda event, one: isinstance(one.event, ev.ConsentRecorded) and one.event.consent_id == event.consent_id,
    ev.CaregiverEnded: lambda event, one: isinstance(one.event, ev.CaregiverAllowed) and one.event.person_id == event.person_id,
    ev.IdentityUndone: lambda event, one: isinstance(one.event, ev.IdentityLinked) and one.event.question == event.question,
    ev.EntryCorrected: lambda event, one: one.origin.event_id == event.event_id,
    ev.EntryReinstated: lambda event, one: one.origin.event_id == event.event_id,
}
#: What keeps closed, or says of others that they do not hold, by itself.
_KEEPS_CLOSED = (ev.CapacityStated, ev.CaseDeclined, ev.ProposedCaseRefused, ev.CorrectionReceived, ev.DecisionReopened)


def against(case: Case, event_ids: Collection[str], zone: ZoneInfo) -> Iterator[Reason]:
    """Why these entries of a case are not erased."""
    gone = frozenset(event_ids)
    for entry in case.history:
        if entry.origin.event_id in gone and _counts_again(case, entry, gone):
            yield Reason("person.erase.counts_again", {"event": entry.origin.event_id})
    resting = [entry for entry in rests_on(case, gone, zone) if entry.origin.event_id not in gone] if gone else []
    if resting:
        yield Reason("person.erase.others_rest", {"count": len(resting)})


def _counts_again(case: Case, entry: Entry[Any], gone: Collection[str]) -> bool:
    takes_back = _TAKES_BACK.get(type(entry.event))
    if takes_back is None:
        return isinstance(entry.event, _KEEPS_CLOSED)
    return any(takes_back(entry.event, one) and one.origin.event_id not in gone for one in case.history)
