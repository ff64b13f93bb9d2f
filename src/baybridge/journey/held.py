"""What a case holds besides plain entries: its stage, consents, transfers, pre-authorisations, conflicts.

Main job: small values that put two or more events together. Elsewhere: cells in `cells.py`, the course in `course.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from baybridge.journey import events as ev
from baybridge.journey.entry import Entry, Origin


class Stage(StrEnum):
    """Where the case stands on the road, in order."""

    NEW = "new"
    PROPOSED = "proposed"
    OPENED = "opened"
    REFERRED = "referred"
    DECLINED = "declined"
    ACCEPTED = "accepted"
    SLOT_RESERVED = "slot_reserved"
    COLLECTED = "collected"
    TO_PLANT = "to_plant"
    AT_PLANT = "at_plant"
    IN_PROCESS = "in_process"
    OUT_OF_SPECIFICATION = "out_of_specification"
    RELEASED = "released"
    TO_CENTRE = "to_centre"
    AT_CENTRE = "at_centre"
    LYMPHODEPLETED = "lymphodepleted"
    INFUSED = "infused"
    DISCHARGED = "discharged"
    FOLLOW_UP = "follow_up"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Consent:
    """What the patient allowed: to whom, for what, until when; `withdrawn_on` where it was taken back."""

    consent_id: str
    kind: ev.ConsentKind
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    valid_until: date | None
    withdrawn_on: date | None
    origin: Origin
    given_by: ev.Giver = "patient"
    by_document: str = ""

    def holds_on(self, day: date) -> bool:
        """Whether it was neither withdrawn nor expired on a day; its last day counts, the day of withdrawal does not."""
        expired = self.valid_until is not None and day > self.valid_until
        return not expired and not (self.withdrawn_on is not None and self.withdrawn_on <= day)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A package that was sent, and its receipt once that arrived."""

    sent: Entry[ev.TransferAllowed]
    receipt: Entry[ev.TransferReceived] | None


@dataclass(frozen=True, slots=True)
class Preauthorisation:
    """A request to a payer, the payer's last answer, and an appeal against it.

    An answer that was recorded before the request answered an earlier one; `standing` leaves it out.
    """

    requested: Entry[ev.PreauthorisationRequested]
    answered: Entry[ev.PreauthorisationAnswered] | None
    appealed: Entry[ev.PreauthorisationAppealed] | None = None

    @property
    def standing(self) -> Entry[ev.PreauthorisationAnswered] | None:
        """The answer to this request, as far as there is one."""
        answer = self.answered
        return answer if answer is not None and answer.origin.recorded_at >= self.requested.origin.recorded_at else None

    @property
    def under_appeal(self) -> bool:
        """Whether the answer that stands was appealed against since."""
        answer, appeal = self.standing, self.appealed
        return answer is not None and appeal is not None and appeal.origin.recorded_at > answer.origin.recorded_at

    @property
    def waiting(self) -> bool:
        """Whether the payer has to answer, for the first time or again."""
        return self.standing is None or self.under_appeal


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another node told a value that differs from the one that holds here."""

    field: str
    kept: Origin
    told: Origin
