"""Messages about a case between organisations: asked, answered, read, made a task of."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from baybridge.journey.chapters.attachments import AttachmentKind, MediaType
from baybridge.journey.chapters.envelope import Event


class SentFile(Struct, frozen=True, kw_only=True):
    """A document that went with a message: its id at the sender, and what it is."""

    attachment: str
    kind: AttachmentKind
    sha256: str
    media_type: MediaType
    bytes: int


class CaseMessageSent(Event, frozen=True, kw_only=True, tag=True):
    """One organisation wrote to another about the case; `to_node` is the writer's own node where both work there, as a payer's people do.

    `asks`: an answer is wanted; `answers` is the message that it answers, `thread` the first message of its thread; `for_role` is whom it is meant for there.
    """

    message_id: str
    from_organisation: str
    to_node: str
    to_organisation: str
    for_role: str
    asks: bool
    answers: str
    thread: str
    text: str
    files: tuple[SentFile, ...]


class CaseMessageRead(Event, frozen=True, kw_only=True, tag=True):
    """Somebody of the receiver says that a message was read; `to_node` is where it was written."""

    message_id: str
    to_node: str


class CaseMessageTaskMade(Event, frozen=True, kw_only=True, tag=True):
    """A message became a task of a role at this node, until a day where one was named."""

    message_id: str
    for_role: str
    due_on: date | None


class CaseMessageTaskEnded(Event, frozen=True, kw_only=True, tag=True):
    """What a message asked for was done."""

    message_id: str
    note: str


class CaseMessageShown(Event, frozen=True, kw_only=True, tag=True):
    """A message was attached to the evidence of the case: packs made since show what it says."""

    message_id: str
