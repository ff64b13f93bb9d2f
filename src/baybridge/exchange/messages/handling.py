"""What becomes of a message: it was read, it is a task and done, it is attached to the evidence.

Main job: the rules of `ReadMessage`, `MakeMessageTask`, `EndMessageTask` and `ShowMessage`.

**Source**: contract K10. Elsewhere: writing in `writing.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import Annotated

from msgspec import Struct

from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.exchange.messages import rendering, writing
from baybridge.exchange.transfer import sending
from baybridge.journey.case_messages import PURPOSE, Message, message_of, unread_by
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import CaseMessageRead, CaseMessageShown, CaseMessageTaskEnded, CaseMessageTaskMade
from baybridge.journey.judged import Judged
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, never_blocked, roles, told_in
from baybridge.journey.texts import Note, OneOf


def task_roles(_: Situation) -> Collection[str]:
    """The roles that a message can become a task of."""
    return [role.value for role in writing.WRITERS]


class ReadMessage(Struct, frozen=True, kw_only=True):
    """Say that a message was read; its writer is told."""

    message_id: str


class MakeMessageTask(Struct, frozen=True, kw_only=True):
    """Make a message a task at this site."""

    message_id: str
    for_role: Annotated[str, OneOf(task_roles)]
    due_on: date | None = None


class EndMessageTask(Struct, frozen=True, kw_only=True):
    """What a message asked for was done."""

    message_id: str
    note: Note


class ShowMessage(Struct, frozen=True, kw_only=True):
    """Attach a message to the evidence of the case: packs made from now on show what it says."""

    message_id: str


def read_message(situation: Situation, given: ReadMessage) -> Verdict:
    """It was read; the writer's node is told where a message may go there now, and nothing is said against it where not."""
    message = message_of(situation.case, given.message_id)
    against = [*writing.not_to_us(situation, message)]
    if message is None or against:
        return refuse(*against)
    if message.read is not None:
        return refuse(Reason("exchange.message.already_read", where="message_id"))
    writer = message.entry.origin.node
    event, other = CaseMessageRead(message_id=message.id, to_node=writer), situation.neighbours.get(writer)
    if other is None:
        return (event,)
    judgement = writing.judge(situation, other, None)
    if not judgement.allowed:
        return (event,)
    return Judged((event,), (judgement.decision,), (sending.parcel_of(sending.Transfer(to_node=writer, purpose=PURPOSE), judgement),))


def make_message_task(situation: Situation, given: MakeMessageTask) -> Verdict:
    """The message is a task until somebody says that it was done."""
    message = _known(situation, given.message_id)
    if isinstance(message, Refusal):
        return message
    against = []
    if message.task is not None:
        against.append(Reason("exchange.message.is_task", where="message_id"))
    if not given.for_role:
        against.append(Reason("exchange.message.whose_task", where="for_role"))
    if given.due_on is not None and given.due_on < situation.today:
        against.append(Reason("exchange.message.due_before", {"day": given.due_on.isoformat()}, where="due_on"))
    return refuse(*against) if against else (CaseMessageTaskMade(message_id=message.id, for_role=given.for_role, due_on=given.due_on),)


def end_message_task(situation: Situation, given: EndMessageTask) -> Verdict:
    """The task is done, with what was done."""
    message = _known(situation, given.message_id)
    if isinstance(message, Refusal):
        return message
    against = [] if message.task is not None else [Reason("exchange.message.no_task", where="message_id")]
    if not said(given.note):
        against.append(Reason("exchange.message.no_note", where="note"))
    return refuse(*against) if against else (CaseMessageTaskEnded(message_id=message.id, note=given.note.strip()),)


def show_message(situation: Situation, given: ShowMessage) -> Verdict:
    """The message is part of the evidence from now on."""
    message = _known(situation, given.message_id)
    if isinstance(message, Refusal):
        return message
    return refuse(Reason("exchange.message.shown", where="message_id")) if message.shown else (CaseMessageShown(message_id=message.id),)


def _known(situation: Situation, message_id: str) -> Message | Refusal:
    """A message of this organisation on this case."""
    message = message_of(situation.case, message_id)
    found = message is not None and writing.is_ours(situation, message)
    return message if found and message is not None else refuse(Reason("exchange.message.unknown", where="message_id"))


def none_unread(situation: Situation) -> Iterator[Reason]:
    """Every message to this organisation was read."""
    if not any(True for _ in unread_by(situation.case, situation.site.node, situation.actor.organisation)):
        yield Reason("exchange.message.none_unread")


_HERE = roles(*writing.WRITERS)
_BY_COORDINATOR = Correction(Role.COORDINATOR)

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        ReadMessage, read_message, writing.TALKS,
        (EventRow(CaseMessageRead, rendering.read, told_in(PURPOSE)),),
        page="messages",
        correction=writing.FINAL,
        kinds=ANYWHERE,
        blocked=none_unread,
        button=None,
        choices={"message_id": "message"},
    ),
    CommandRow(
        MakeMessageTask, make_message_task, _HERE,
        (EventRow(CaseMessageTaskMade, rendering.task_made),),
        page="messages",
        correction=_BY_COORDINATOR,
        kinds=ANYWHERE,
        blocked=never_blocked,
        button=None,
        choices={"message_id": "message", "for_role": "message_task_role"},
    ),
    CommandRow(
        EndMessageTask, end_message_task, _HERE,
        (EventRow(CaseMessageTaskEnded, rendering.task_ended),),
        page="messages",
        correction=_BY_COORDINATOR,
        kinds=ANYWHERE,
        blocked=never_blocked,
        button=None,
        choices={"message_id": "message"},
    ),
    CommandRow(
        ShowMessage, show_message, _HERE,
        (EventRow(CaseMessageShown, rendering.shown),),
        page="messages",
        correction=_BY_COORDINATOR,
        kinds=ANYWHERE,
        blocked=never_blocked,
        button=None,
        choices={"message_id": "message"},
    ),
)
