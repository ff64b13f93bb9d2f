"""Documents that people bring to a case: attached, and looked at by the site's scanner."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from baybridge.journey.chapters.envelope import Event

#: What a document is. Source: contract K12.
AttachmentKind = Literal["consent", "permit", "report", "image", "certificate", "letter", "other"]
#: What a file is by its content. Source: contract K12.
MediaType = Literal["application/pdf", "image/png", "image/jpeg", "image/tiff", "application/dicom", "text/plain"]


class DocumentAttached(Event, frozen=True, kw_only=True, tag=True):
    """A file was attached to the case; its content stands outside the database under its SHA-256.

    `scan`: whether the site's scanner still has to look at it, or there was none when it came.
    """

    attachment: str
    kind: AttachmentKind
    sha256: str
    media_type: MediaType
    bytes: int
    scan: Literal["waiting", "none"]


class DocumentReceived(DocumentAttached, frozen=True, kw_only=True, tag=True):
    """A file came with a message of another node, under a route; it stands on the case as one that was attached here."""

    from_node: str
    received_under: str


class AttachmentScanned(Event, frozen=True, kw_only=True, tag=True):
    """The site's scanner answered."""

    attachment: str
    outcome: Literal["clean", "refused"]


class ProposalConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """A person read a value in a document that a machine had proposed; `value` and `unit` as they are printed."""

    attachment: str
    proposal: str
    fact: str
    value: str
    unit: str
    collected_at: datetime
