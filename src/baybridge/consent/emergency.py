"""Emergency treatment: two physicians record that care cannot wait for the patient's consent.

Main job: the rule of `RecordEmergency`, and `may_be_cared_for(situation)`, what every step of care that asks for a consent goes by.

It stands for the consent to care for a day, at the node where it was signed, and for nothing else: no transfer, no other consent. Afterwards the patient's own
consent is asked for (task `consent_after_emergency`), and care stops at its gates until it is there. **Source**: contract K16; two persons, K3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent import rendering
from baybridge.consent.grants import consents_for
from baybridge.journey.case import Case
from baybridge.journey.checks import alive, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import EmergencyRecorded
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, Second, roles, told_in
from baybridge.journey.texts import Note

#: How long it stands for the consent to care. Source: contract K16.
VALID = timedelta(hours=24)


class RecordEmergency(Struct, frozen=True, kw_only=True):
    """Care cannot wait for the patient's consent; a second physician confirms."""

    reason: Annotated[Note, Meta(description="why care cannot wait, and why nobody can be asked")]
    presumed_will: Annotated[Note, Meta(description="what the patient would want, and how that is known")]
    note: Annotated[Note, Meta(description="asked for where the patient withdrew the consent to care: why that does not speak against this")] = ""


def record_emergency(situation: Situation, given: RecordEmergency) -> Verdict:
    """The emergency stands for the consent to care for a day, or every reason against it."""
    against = (*emergency_blocked(situation), *_said(situation, given))
    if against:
        return refuse(*against)
    words = {name: getattr(given, name).strip() for name in ("reason", "presumed_will", "note")}
    return (EmergencyRecorded(until=situation.now + VALID, **words),)


def emergency_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against it whatever is said: nobody to treat, a consent that holds, an emergency that still stands."""
    yield from alive(situation)
    if _consented(situation):
        yield Reason("consent.emergency.consented")
    running = in_force(situation.case, situation.now)
    if running is not None:
        yield Reason("consent.emergency.already", {"until": running.event.until.isoformat()})


def _said(situation: Situation, given: RecordEmergency) -> Iterator[Reason]:
    if not said(given.reason):
        yield Reason("consent.emergency.no_reason", where="reason")
    if not said(given.presumed_will):
        yield Reason("consent.emergency.no_will", where="presumed_will")
    day = _withdrawn_on(situation.case)
    if day is not None and not said(given.note):
        yield Reason("consent.emergency.withdrawn", {"day": day.isoformat()}, where="note")


def _withdrawn_on(case: Case) -> date | None:
    """The day on which the patient last took the consent to care back."""
    return max((c.withdrawn_on for c in case.consents if c.kind == "care" and c.withdrawn_on is not None), default=None)


def in_force(case: Case, now: datetime) -> Entry[EmergencyRecorded] | None:
    """The emergency of this node that stands for the consent to care at a moment."""
    entry = case.emergency
    return entry if entry is not None and entry.origin.at <= now < entry.event.until else None


def may_be_cared_for(situation: Situation) -> bool:
    """Whether the patient's consent to care holds today, or an emergency stands for it now."""
    return _consented(situation) or in_force(situation.case, situation.now) is not None


def _consented(situation: Situation) -> bool:
    return bool(consents_for(situation.case, None, None, situation.today).care)


#: What page, command line, FHIR and other nodes know about this command.
COMMAND_ROWS = (
    CommandRow(
        RecordEmergency, record_emergency, roles(Role.PHYSICIAN),
        (EventRow(EmergencyRecorded, rendering.emergency, told_in("CARE_REFERRAL", "QUALITY_REGISTRY"), only_from="centre"),),
        page="overview",
        correction=CLINICAL,
        purpose="consent",
        blocked=emergency_blocked,
        second=Second("decided", entered="decided"),
        place=70,
    ),
)
