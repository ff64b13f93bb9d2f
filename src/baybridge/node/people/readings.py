"""One reading of a person's record: what is to be noted of it, and how the patient's list keeps it and its log entry binds it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter

from baybridge.base.canonical import canonical_bytes
from baybridge.consent.reading import Ground
from baybridge.journey.command import Actor


@dataclass(frozen=True, slots=True)
class Noted:
    """What is to be noted of a reading: who read whose record, what, why, on which ground, of which case; `at` is when it was made, if not when it is noted."""

    actor: Actor
    patient_id: str
    what: str
    purpose: str
    ground: Ground
    case_id: str = ""
    at: str = ""

    def as_read(self, read_id: str, at: str) -> Read:
        """It as the list keeps it."""
        actor, purpose = self.actor, self.purpose if self.ground is not Ground.EMERGENCY else "emergency"
        of = (actor.account, actor.organisation, actor.role.value, purpose)
        return Read(read_id, self.at or at, self.patient_id, self.case_id, *of, self.what, self.ground.value)


@dataclass(frozen=True, slots=True)
class Read:
    """Who read whose record, when, why, and on which ground."""

    read_id: str
    at: str
    patient_id: str
    case_id: str
    account: str
    organisation: str
    role: str
    purpose: str
    what: str
    ground: str

    @property
    def values(self) -> tuple[str, ...]:
        """Its row, in the order of `COLUMNS`."""
        return _VALUES(self)

    @property
    def content(self) -> bytes:
        """What its log entry hashes."""
        return canonical_bytes(dict(zip(COLUMNS, self.values, strict=True)))


COLUMNS = tuple(Read.__dataclass_fields__)
_VALUES = attrgetter(*COLUMNS)
