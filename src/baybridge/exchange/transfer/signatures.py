"""Acts that people sign, as another node tells of them: whether the signatures are there.

Main job: `against(known, items, needed)` gives every reason why a told event lacks the signatures without which its own node makes none; `needed` is read from the rows
of the commands. Two names that were typed count for an event of a version before this one, which had nothing else.

**Source**: contract K3; 21 CFR 11.50 and 11.70. Elsewhere: whose word it is in `whose.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from baybridge.base.outcome import Reason
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import read_event
from baybridge.journey.events import Told
from baybridge.journey.exceptions import two_sign


def against(known: Case, both: Case, items: Sequence[Told], needed: Mapping[str, int]) -> Iterator[Reason]:
    """Every told event that is new here and lacks signatures of as many persons as its act takes; by type of event in `needed`, `both` with what is told."""
    heard = {entry.origin.event_id for entry in known.history}
    for item in items:
        event = read_event(item.event)
        if event is None or item.event_id in heard:
            continue
        kind = type(event).__name__
        persons = 2 if _takes_two(event, item, both) else needed.get(kind, 0)
        found = len(_signers(event))
        if found < persons:
            yield Reason("federation.unsigned_act", {"event": kind, "node": item.node, "needed": persons, "found": found})


def _takes_two(event: ev.Event, item: Told, both: Case) -> bool:
    """Whether this act takes two persons because of what it says: an exception of the gravest, a grade below the least that was seen before it."""
    if isinstance(event, ev.GateExceptionSigned):
        return two_sign(event.gate, event.codes)
    if not isinstance(event, ev.GradeConfirmed):
        return False
    graded = [entry for entry in both.history if isinstance(entry.event, ev.GradeAssessed) and entry.event.scale == event.scale]
    before = [entry.event.grade_min for entry in graded if entry.origin.node == item.node and entry.origin.recorded_at <= item.recorded_at]
    return event.grade < max(before[-1] if before else 0, event.computed or 0)


def _signers(event: ev.Event) -> frozenset[str]:
    """The persons who signed, or whose names were typed as those of both checkers."""
    typed = (getattr(event, "first_checker", ""), getattr(event, "second_checker", ""))
    return frozenset(one.person for one in event.signed_by if one.person) or frozenset(name.strip() for name in typed if name.strip())
