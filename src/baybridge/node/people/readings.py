"""One reading of a person's record, as the patient's list keeps it and as its log entry binds it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from baybridge.base.canonical import canonical_bytes


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
    def content(self) -> bytes:
        """What its log entry hashes."""
        return canonical_bytes(asdict(self))
