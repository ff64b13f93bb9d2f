"""Messages about a case between organisations: threads, what was answered, what arrived and what was read.

Main job: `threads_of(case, here)`, the newest first; `questions_to(case, node, organisation)` that wait for an answer; `message_of(case, message_id)`.

A message is the word of the organisation that wrote it. Two organisations may work at one node (a hospital and a payer's people); then nothing leaves it.
**Source**: contract K10. Elsewhere: the commands in `exchange/messages/`, how they cross in `node/neighbours/case_messages.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from baybridge.journey import events as ev
from baybridge.journey.attachments import Attached, same
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import CaseMessageRead, CaseMessageSent, CaseMessageTaskMade, SentFile
from baybridge.journey.held import Transfer

#: The purpose with which messages cross. Source: contract K10.
PURPOSE = "CASE_MESSAGE"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who wrote it, the package with which it left, when it was read, what answers it, and the task that was made of it and stands."""

    entry: Entry[CaseMessageSent]
    left: Transfer | None = None
    read: Entry[CaseMessageRead] | None = None
    answers: tuple[Entry[CaseMessageSent], ...] = ()
    task: Entry[CaseMessageTaskMade] | None = None
    shown: bool = False  # whether it was attached to the evidence

    @property
    def id(self) -> str:
        """Its id, which names nobody."""
        return self.entry.event.message_id

    @property
    def local(self) -> bool:
        """Whether it stayed at the node where it was written."""
        return self.entry.event.to_node == self.entry.origin.node

    @property
    def open(self) -> bool:
        """Whether an answer is wanted and none came."""
        return self.entry.event.asks and not self.answers

    def is_from(self, node: str, organisation: str) -> bool:
        """Whether this organisation at this node wrote it."""
        return (self.entry.origin.node, self.entry.event.from_organisation) == (node, organisation)

    def is_to(self, node: str, organisation: str) -> bool:
        """Whether it was written to this organisation at this node."""
        return (self.entry.event.to_node, self.entry.event.to_organisation) == (node, organisation)

    def concerns(self, node: str, organisation: str) -> bool:
        """Whether this organisation wrote it or is written to."""
        return self.is_from(node, organisation) or self.is_to(node, organisation)


@dataclass(frozen=True, slots=True)
class Thread:
    """A first message and everything that was written about it, in order."""

    messages: tuple[Message, ...]

    @property
    def open(self) -> bool:
        """Whether one of its questions waits for an answer."""
        return any(one.open for one in self.messages)


@dataclass(slots=True)
class _Found:
    """Messages by their id as the entries are gone through; what is about one that is not known is left out."""

    messages: dict[str, Message] = field(default_factory=dict)
    leaving: dict[str, str] = field(default_factory=dict)  # by receiver, the message whose package comes next


def messages_of(case: Case) -> dict[str, Message]:
    """Every message that stands on a case, by its id, in the order in which they were learnt; of two with one id the first."""
    found, transfers = _Found(), {one.sent.origin.event_id: one for one in case.transfers}
    for entry in case.entries:
        if tells(entry, CaseMessageSent):
            _written(found, entry)
        elif tells(entry, ev.TransferAllowed):
            _left(found, entry, transfers)
        else:
            _about(found, entry)
    return found.messages


def _written(found: _Found, entry: Entry[CaseMessageSent]) -> None:
    event = entry.event
    if event.message_id in found.messages:
        return
    found.messages[event.message_id] = Message(entry)
    if not entry.origin.told:
        found.leaving[event.to_node] = event.message_id
    asked = found.messages.get(event.answers)
    if asked is not None and asked.is_to(entry.origin.node, event.from_organisation):
        found.messages[asked.id] = replace(asked, answers=(*asked.answers, entry))


def _left(found: _Found, entry: Entry[ev.TransferAllowed], transfers: dict[str, Transfer]) -> None:
    if entry.event.purpose != PURPOSE or entry.origin.told:
        return
    message = found.messages.get(found.leaving.pop(entry.event.to_node, ""))
    if message is not None and message.left is None:
        found.messages[message.id] = replace(message, left=transfers[entry.origin.event_id])


def _about(found: _Found, entry: Entry[ev.Event]) -> None:
    message = found.messages.get(getattr(entry.event, "message_id", ""))
    if message is None:
        return
    if tells(entry, CaseMessageRead) and entry.origin.node == message.entry.event.to_node and message.read is None:
        found.messages[message.id] = replace(message, read=entry)
    elif tells(entry, CaseMessageTaskMade):
        found.messages[message.id] = replace(message, task=entry)
    elif tells(entry, ev.CaseMessageTaskEnded):
        found.messages[message.id] = replace(message, task=None)
    elif tells(entry, ev.CaseMessageShown):
        found.messages[message.id] = replace(message, shown=True)


def message_of(case: Case, message_id: str) -> Message | None:
    """The message of this id."""
    return messages_of(case).get(message_id)


def threads_of(case: Case) -> tuple[Thread, ...]:
    """The messages of a case by threads, those with the newest message first."""
    threads: dict[str, list[Message]] = {}
    for message in messages_of(case).values():
        threads.setdefault(message.entry.event.thread or message.id, []).append(message)
    newest = sorted(threads.values(), key=lambda one: one[-1].entry.origin.recorded_at, reverse=True)
    return tuple(Thread(tuple(one)) for one in newest)


def questions_to(case: Case, node: str, organisation: str) -> Iterator[Message]:
    """The questions that wait for an answer of this organisation at this node."""
    return (one for one in messages_of(case).values() if one.open and one.is_to(node, organisation))


def unread_by(case: Case, node: str, organisation: str) -> Iterator[Message]:
    """The messages to this organisation that nobody of it read or answered."""
    return (one for one in messages_of(case).values() if one.is_to(node, organisation) and one.read is None and not one.answers)


def file_here(case: Case, file: SentFile) -> Attached | None:
    """The document of this node that went with a message or came with it."""
    return same(case, file.sha256, file.kind)


def route_of(case: Case, message: Message) -> str:
    """The route under which a message of another node came; empty for one that was written here."""
    package = message.entry.origin.package_id
    return next((entry.event.route for entry in case.packages if entry.event.package_id == package), "") if package else ""
