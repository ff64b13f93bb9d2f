"""Exceptions at the gates of the road as the alliance sees them: where, at which gate, when, for which reasons, and what came of it; never whose.

Main job: `exceptions_of(case, now)`. No note is read here: a physician may have written a name into it.

**Source**: design of the gates (a signed exception is visible to the alliance). **Units**: days in the zone that is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells

#: What came of an exception: its step followed while it was valid, it still waits, it ran out unused, it was put right as an entry.
Outcome = Literal["used", "waiting", "unused", "struck"]
#: What is known of the patient afterwards; `none` where nothing of the kind is known here.
Afterwards = Literal["died", "severe", "none"]

#: The step behind each gate.
_STEPS: Mapping[str, tuple[type[ev.Event], ...]] = {
    "accept": (ev.CaseAccepted,),
    "slot": (ev.SlotReserved,),
    "collection": (ev.CellsCollected,),
    "lymphodepletion": (ev.LymphodepletionStarted, ev.LymphodepletionOmitted),
    "infusion": (ev.Infused,),
    "discharge": (ev.Discharged,),
}
#: From this grade on a toxicity is severe. Source: contract K1.
_SEVERE = 3


@dataclass(frozen=True, slots=True)
class SignedAtGate:
    """One exception, without whose it is."""

    node: str
    gate: str
    signed_on: date
    codes: tuple[str, ...]
    signers: int
    outcome: Outcome
    afterwards: Afterwards


def exceptions_of(case: Case, now: datetime, zone: ZoneInfo) -> Iterator[SignedAtGate]:
    """Every exception of a case, own or told, those that were struck through too."""
    for entry in case.of(ev.GateExceptionSigned):
        yield _signed(entry, _outcome(case, entry, now), _afterwards(case, entry), zone)
    for struck in case.struck:
        if tells(struck.entry, ev.GateExceptionSigned):
            yield _signed(struck.entry, "struck", "none", zone)


def _signed(entry: Entry[ev.GateExceptionSigned], outcome: Outcome, afterwards: Afterwards, zone: ZoneInfo) -> SignedAtGate:
    event, origin = entry.event, entry.origin
    day = origin.at.astimezone(zone).date()
    return SignedAtGate(origin.node, event.gate, day, event.codes, len(event.signed_by), outcome, afterwards)


def _outcome(case: Case, entry: Entry[ev.GateExceptionSigned], now: datetime) -> Outcome:
    if _used(case, entry):
        return "used"
    return "waiting" if now < entry.event.valid_until else "unused"


def _used(case: Case, entry: Entry[ev.GateExceptionSigned]) -> bool:
    """Whether the step behind the gate followed at the same node while the exception was valid."""
    kinds, signed = _STEPS[entry.event.gate], entry.origin
    steps = (e.origin for e in case.entries if isinstance(e.event, kinds) and e.origin.node == signed.node)
    return any(signed.at <= step.at < entry.event.valid_until for step in steps)


def _afterwards(case: Case, entry: Entry[ev.GateExceptionSigned]) -> Afterwards:
    """Whether the patient died, or a toxicity of grade 3 or more was seen, after the exception."""
    since = entry.origin.at
    died = case.last(ev.Died)
    if died is not None and died.origin.at >= since:
        return "died"
    severe = any(e.event.grade_min >= _SEVERE and e.event.assessed_at >= since for e in case.of(ev.GradeAssessed))
    return "severe" if severe else "none"
