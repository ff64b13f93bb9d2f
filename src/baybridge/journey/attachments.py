"""Documents that people bring: a signed form, a report from elsewhere, a photograph.

Main job: the rule of `AttachDocument`, and `attached(case)`: what stands on a case, with what the site's scanner said.

A file is no fact: nothing here reads what is in it. **Source**: contract K12. Elsewhere: where files are kept and how they come in, `node/attachments/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.journey.case import Case
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import Entry
from baybridge.journey.events import AttachmentKind, AttachmentScanned, DocumentAttached, DocumentReceived
from baybridge.journey.fhir.writer import Writer, identifier
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, never_blocked, reads, roles

_ATTACHMENT = "urn:baybridge:attachment"
State = Literal["held", "clean", "refused"]


class AttachDocument(Struct, frozen=True, kw_only=True):
    """A file that was received for this case belongs to it."""

    sha256: Annotated[str, Meta(description="of the file, which was sent to this case's attachments")]
    kind: AttachmentKind


@dataclass(frozen=True, slots=True)
class Attached:
    """An attachment that stands: its entry, whether it may be opened, and whether a scanner looked at it."""

    entry: Entry[DocumentAttached]
    state: State
    scanned: bool

    @property
    def id(self) -> str:
        """Its id, which names nobody."""
        return self.entry.event.attachment


def attach_document(situation: Situation, given: AttachDocument) -> Verdict:
    """The file stands on the case."""
    received = situation.record.received(given.sha256) if situation.record.received else None
    if received is None:
        return refuse(Reason("attachment.not_received", where="sha256"), category=Category.NOT_FOUND)
    if same(situation.case, given.sha256, given.kind) is not None:
        return refuse(Reason("attachment.already", where="sha256"), category=Category.CONFLICT)
    return (
        DocumentAttached(
            attachment=situation.new_id(), kind=given.kind, sha256=given.sha256, media_type=received.media_type, bytes=received.bytes, scan=received.scan
        ),
    )


def attached(case: Case) -> tuple[Attached, ...]:
    """The attachments that stand on a case, oldest first, those that came with messages too; what another node tells of otherwise is a file that is not here."""
    answers = {entry.event.attachment: entry.event.outcome for entry in case.of(AttachmentScanned) if not entry.origin.told}
    standing = (Entry(entry.event, entry.origin) for entry in case.entries if isinstance(entry.event, DocumentAttached) and not entry.origin.told)
    return tuple(_with_state(entry, answers.get(entry.event.attachment)) for entry in standing)


def _with_state(entry: Entry[DocumentAttached], answer: Literal["clean", "refused"] | None) -> Attached:
    unasked: State = "clean" if entry.event.scan == "none" else "held"
    return Attached(entry, answer or unasked, scanned=answer is not None)


def same(case: Case, sha256: str, kind: str) -> Attached | None:
    """The attachment that stands on the case with this content and kind."""
    return next((one for one in attached(case) if (one.entry.event.sha256, one.entry.event.kind) == (sha256, kind)), None)


def not_attached(case: Case, attachment: str) -> Iterator[Reason]:
    """Why an id names no paper of this case; nothing where none is named."""
    if attachment and all(one.id != attachment or one.state == "refused" for one in attached(case)):
        yield Reason("attachment.unknown", where="attachment")


def waiting(case: Case) -> Iterator[DocumentAttached]:
    """What stands and waits for the scanner."""
    return (one.entry.event for one in attached(case) if one.state == "held")


# --- FHIR -----------------------------------------------------------------------------------------------------------


def rendered(event: DocumentAttached, writer: Writer) -> None:
    """As DocumentReference, without the content."""
    writer.document(event.kind, identifier(_ATTACHMENT, event.attachment), kind=event.kind, content_type=event.media_type)


def scanned(event: AttachmentScanned, writer: Writer) -> None:
    """As Provenance: what the scanner said of which attachment."""
    writer.provenance([{"type": "DocumentReference", "identifier": identifier(_ATTACHMENT, event.attachment)}], f"scanned: {event.outcome}")


#: What page, command line, FHIR and other nodes know about these commands. Other nodes are told of no attachment.
COMMAND_ROWS = (
    CommandRow(
        AttachDocument, attach_document,
        roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.QUALITY, Role.LABORATORY, Role.PATIENT, Role.PAYER),
        (EventRow(DocumentAttached, rendered),),
        page="attachments",
        button=None,
        correction=Correction(Role.COORDINATOR),
        kinds=ANYWHERE,
        needs=reads("received"),
        blocked=never_blocked,
    ),
)
EVENT_ROWS = (EventRow(AttachmentScanned, scanned, computed=True), EventRow(DocumentReceived, rendered, computed=True))
