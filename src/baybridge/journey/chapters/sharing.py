"""Consent, and what crossed to other nodes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from baybridge.journey.chapters.envelope import Event, Told

ConsentKind = Literal["care", "sensitive", "cross_border", "finance", "hk_sharing", "mo_ground", "sharing_status"]
#: In which capacity somebody consents: for themselves, for a child, for an adult who cannot decide.
Giver = Literal["patient", "guardian", "representative"]

#: In which capacity somebody helps a patient.
Helping = Literal["caregiver", "guardian", "representative"]
#: What a caregiver sees beside the road, the dates and the signs to watch for.
Shown = Literal["results", "money", "papers"]


class ConsentRecorded(Event, frozen=True, kw_only=True, tag=True):
    """The patient allowed something: what, to whom (nodes), for which purposes, until when."""

    consent_id: str
    kind: ConsentKind
    recipients: tuple[str, ...]
    purposes: tuple[str, ...]
    valid_until: date | None
    notice_version: str
    notice_language: str
    given_by: Giver = "patient"
    by_document: str = ""  # of somebody else than the patient: the paper that says so, and where it is filed
    attachment: str = ""  # the signed form among the documents of the case


class ConsentWithdrawn(Event, frozen=True, kw_only=True, tag=True):
    """A consent was taken back, from a day on."""

    consent_id: str
    withdrawn_on: date
    withdrawn_by: Giver = "patient"
    by_document: str = ""


class CaregiverAllowed(Event, frozen=True, kw_only=True, tag=True):
    """Somebody (a person of this node with an account for it) may see of this case what is named here, until a day; the last word about a person counts."""

    person_id: str
    capacity: Helping
    shows: tuple[Shown, ...]  # of a caregiver; guardian and representative see what the patient sees
    valid_until: date | None
    given_by: Giver = "patient"
    by_document: str = ""
    attachment: str = ""


class CaregiverEnded(Event, frozen=True, kw_only=True, tag=True):
    """Somebody who helped sees nothing of this case any more."""

    person_id: str
    note: str = ""


class CapacityStated(Event, frozen=True, kw_only=True, tag=True):
    """A physician saw the patient and says whether the patient can decide."""

    can_decide: bool
    seen_at: datetime
    note: str


class EmergencyRecorded(Event, frozen=True, kw_only=True, tag=True):
    """Two physicians recorded that care cannot wait for the patient's consent; it stands for the consent to care until a moment."""

    reason: str
    presumed_will: str
    note: str
    until: datetime


class GlassBroken(Event, frozen=True, kw_only=True, tag=True):
    """Somebody who had no right to read this case took it in an emergency, for a few hours; patient, team and privacy role are told."""

    reason: str
    until: datetime


class GlassReviewed(Event, frozen=True, kw_only=True, tag=True):
    """The privacy role looked at an emergency access and said whether it was justified."""

    event_id: str
    justified: bool
    note: str


class AuthorityNotified(Event, frozen=True, kw_only=True, tag=True):
    """An authority was told of the processing or export (Macao: DSPDP)."""

    authority: str
    reference: str
    notified_on: date


class TransferAllowed(Event, frozen=True, kw_only=True, tag=True):
    """A transfer was checked, minimised, signed, sealed to its receiver and handed to delivery."""

    package_id: str
    to_node: str
    purpose: str
    route: str
    codes: tuple[str, ...]
    decision_sha256: str
    content_sha256: str
    resources: int
    corrects: bool = False  # it tells corrected entries and nothing else


class TransferRefused(Event, frozen=True, kw_only=True, tag=True):
    """A transfer was checked and not made."""

    to_node: str
    purpose: str
    route: str
    codes: tuple[str, ...]
    decision_sha256: str


class StatusStep(Struct, frozen=True, kw_only=True):
    """One step of the road: the stage that it reached, or will where it is `planned`, on which day, at which node."""

    stage: str
    done_on: date
    node: str
    planned: bool = False


class StatusSum(Struct, frozen=True, kw_only=True):
    """One sum: what became of it, of whom, how much, on which day, as which node recorded it."""

    what: Literal["quoted", "asked", "approved", "partially_approved", "refused", "claimed", "decided", "paid", "refunded"]
    payer: str
    amount_minor: int
    currency: str
    known_on: date
    node: str


class StatusTold(Event, frozen=True, kw_only=True, tag=True):
    """Where the case stands here, as another node that cares for the patient is told: steps with their days, who pays how much; no result, no label of cells."""

    to_node: str
    steps: tuple[StatusStep, ...]
    sums: tuple[StatusSum, ...]


class TransferReceived(Event, frozen=True, kw_only=True, tag=True):
    """The receiver's signed receipt for a package arrived."""

    package_id: str
    receipt_sha256: str


class PackageReceived(Event, frozen=True, kw_only=True, tag=True):
    """A package of another node was verified and filed; the events it told stand in `told`."""

    package_id: str
    from_node: str
    purpose: str
    route: str
    content_sha256: str
    resources: int
    told: tuple[Told, ...]
    nowhere: tuple[str, ...] = ()  # places of references that lead to nothing that came, such as Observation.specimen
    doubtful_times: tuple[str, ...] = ()  # places of times that cannot be, such as Observation.effectiveDateTime
    sent_at: datetime | None = None  # as the sender says; None where a version before this one filed it
    older: tuple[str, ...] = ()  # Type/id of what stayed as it was, because a package that was sent later had come before


class CaseProposed(Event, frozen=True, kw_only=True, tag=True):
    """Another node sent a package of a case that is not known here; it is held, and nothing of it filed, until a person takes the case in."""

    package_id: str
    from_node: str
    purpose: str
    content_sha256: str
    resources: int
    product: str = ""  # that the case was referred for, where the package tells it


class ProposedCaseAccepted(Event, frozen=True, kw_only=True, tag=True):
    """A person took a proposed case in; what was held is filed."""

    from_node: str
    packages: tuple[str, ...]


class ProposedCaseRefused(Event, frozen=True, kw_only=True, tag=True):
    """A person did not take a proposed case in; what was held is erased."""

    from_node: str
    reason: str


class CorrectionReceived(Event, frozen=True, kw_only=True, tag=True):
    """Another node told that a result it had sent was corrected or entered in error."""

    from_node: str
    resource: str
    package_id: str
