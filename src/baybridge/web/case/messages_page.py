"""Messages with other organisations about a case: threads by question, who wrote, what arrived, what was read; files that come and go with them.

Main job: `messages(view)`, `MESSAGE_DOORS`, and `crossing(view, kind, fields)`, what the sender is told before anything leaves the region. A payer's people see what
they wrote or were written, and no other message and no other document.

**Source**: contract K10. Elsewhere: threads in `journey/case_messages.py`, commands in `exchange/messages/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.exchange.messages import writing
from baybridge.http.doors import Asked, Door
from baybridge.journey.attachments import Attached, attached
from baybridge.journey.case import Case
from baybridge.journey.case_messages import Message, file_here, message_of, messages_of, threads_of
from baybridge.journey.command import Role
from baybridge.journey.events import SentFile
from baybridge.node.attachments import receiving
from baybridge.node.attachments.media import ENDINGS
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.neighbours.transfers import problems_of
from baybridge.web.case import attachments_page
from baybridge.web.case.view import Action, CaseView, allowed
from baybridge.web.forms.field import Field
from baybridge.web.page import signers

State = Literal["stays", "sent", "arrived", "here"]


@dataclass(frozen=True, slots=True)
class File:
    """A document of a message: what it is, and where it can be opened; None where it is not here any more or nobody looked at it yet."""

    sent: SentFile
    here: Attached | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as a reader sees it: who wrote it to whom, how far it came, and what can be done about it."""

    message: Message
    mine: bool
    writer: str
    name: str
    state: State
    at: datetime  # when it was written, or came here
    files: tuple[File, ...]
    problem: str
    answer: Action | None
    may_read: bool
    others: tuple[Action, ...]
    command_id: str


@dataclass(frozen=True, slots=True)
class To:
    """Somebody to write to, and the region to which that leaves; empty where it stays in this one."""

    organisation: str
    leaves_to: str
    write: Action


def messages(view: CaseView) -> Response:
    """The threads of this reader's organisation, the newest first, and whom it can write to."""
    asked, organisation = view.asked, view.asked.person.organisation
    node = asked.node.site.node
    threads = [[one for one in thread.messages if one.concerns(node, organisation)] for thread in threads_of(view.case)]
    problems = problems_of(view.look.unit.connection, view.case.case_id)
    names = signers.names(asked.node) if asked.node.people.messages.staff_names else {}
    return view.render(
        "messages.html",
        threads=[[_shown(view, one, problems, names) for one in thread] for thread in threads if thread],
        receivers=list(_receivers(view)),
        more=_more(view),
        may_add=view.until is None and allowed(asked, COMMANDS["AttachDocument"]),
        kinds=receiving.KINDS,
        accepted=",".join(ENDINGS),
        added=asked.query.get("new", "") in {one.id for one in attached(view.case)},
        path=f"/cases/{view.case.case_id}/messages/files",
        here=node,
        organisation=organisation,
    )


def _more(view: CaseView) -> dict[str, Action]:
    """By the first message of a thread, the button that goes on about it."""
    kind, found = COMMANDS["SendMessage"], dict[str, Action]()
    if view.read_only or not allowed(view.asked, kind):
        return found
    node, organisation = view.asked.node.site.node, view.asked.person.organisation
    known = writing.receivers(view.look.situation())
    for one in messages_of(view.case).values():
        event = one.entry.event
        other = (one.entry.origin.node, event.from_organisation) if one.is_to(node, organisation) else (event.to_node, event.to_organisation)
        to = next((name for name, receiver in known.items() if (receiver.node, receiver.organisation) == other), "")
        if to and not event.thread and one.concerns(node, organisation):
            found[one.id] = view.action(kind, {"to": to, "thread": one.id}, view.reader.t("message.more"), preview=False)
    return found


def _receivers(view: CaseView) -> Iterator[To]:
    kind = COMMANDS["SendMessage"]
    if view.read_only or not allowed(view.asked, kind):
        return
    for name, receiver in writing.receivers(view.look.situation()).items():
        who = view.reader.payer(receiver.organisation) if receiver.other is None else receiver.organisation
        yield To(who, leaves_to(view, receiver), view.action(kind, {"to": name}, view.reader.t("message.write_to", who=who), preview=False))


def leaves_to(view: CaseView, receiver: writing.Receiver) -> str:
    """The name of the region to which a message leaves this one; empty where it stays."""
    other = receiver.other
    return view.reader.code("code", other.jurisdiction) if other is not None and other.jurisdiction != view.asked.node.site.jurisdiction else ""


def crossing(view: CaseView, kind: CommandRow, fields: Sequence[Field]) -> list[str]:
    """What is said before a message of this form is sent: to which region it leaves; by what the form says, else for everybody to whom it could go."""
    values = {one.name: one.value for one in fields}
    if kind.page != "messages" or "text" not in kind.form:
        return []
    if "to" in kind.form:
        found = writing.receivers(view.look.situation())
        wanted = [found[values["to"]]] if values.get("to") in found else list(found.values())
    else:
        asked = message_of(view.case, values.get("message_id", ""))
        nodes = [asked.entry.origin.node] if asked is not None else [one.entry.origin.node for one in messages_of(view.case).values() if one.open]
        wanted = [writing.Receiver(name, site.organisation, site) for name, site in view.look.situation().neighbours.items() if name in nodes]
    leaving = ((one, leaves_to(view, one)) for one in wanted)
    return [view.reader.t("message.leaves", who=one.organisation, region=region) for one, region in leaving if region]


# --- one message ----------------------------------------------------------------------------------------------------


def _shown(view: CaseView, one: Message, problems: dict[str, str], names: dict[str, str]) -> Shown:
    reader, site, origin = view.reader, view.asked.node.site, one.entry.origin
    ours = (site.node, view.asked.person.organisation)
    left = one.left.sent.event.package_id if one.left is not None else ""
    about = {"message_id": one.id}
    can_answer = one.is_to(*ours) and one.entry.event.asks and allowed(view.asked, COMMANDS["AnswerMessage"]) and not view.read_only
    may_read = one.is_to(*ours) and one.read is None and not one.answers and not view.read_only
    return Shown(
        message=one,
        mine=one.is_from(*ours),
        writer=_called(view, origin.node, one.entry.event.from_organisation),
        name=names.get(origin.person, "") if not origin.told and view.asked.person.role is not Role.PAYER else "",
        state=_state(one, site.node),
        at=_came(view.case, one),
        files=tuple(File(file, file_here(view.case, file)) for file in one.entry.event.files),
        problem=problems.get(left, ""),
        answer=view.action(COMMANDS["AnswerMessage"], about, reader.t("message.answer_more" if one.answers else "message.answer"), preview=False) if can_answer else None,
        may_read=may_read and allowed(view.asked, COMMANDS["ReadMessage"]),
        others=tuple(view.action(kind, about, preview=False) for kind in _others(view, one)),
        command_id=new_id(view.asked.node.now),
    )


def _others(view: CaseView, one: Message) -> Iterator[CommandRow]:
    """What else can be done about a message now."""
    wanted = ("EndMessageTask" if one.task is not None else "MakeMessageTask", *(() if one.shown else ("ShowMessage",)))
    return (COMMANDS[name] for name in wanted if allowed(view.asked, COMMANDS[name]) and not view.read_only)


def _called(view: CaseView, node: str, organisation: str) -> str:
    """What an organisation is called: by its node, or as a payer."""
    sites = {view.asked.node.site.node: view.asked.node.site, **{name: neighbour.site for name, neighbour in view.asked.node.neighbours.items()}}
    site = sites.get(node)
    return organisation if site is not None and site.organisation == organisation else view.reader.payer(organisation)


def _state(one: Message, here: str) -> State:
    if one.local:
        return "stays"
    if one.entry.origin.node != here:
        return "here"
    return "arrived" if one.read or one.answers or (one.left is not None and one.left.receipt is not None) else "sent"


def _came(case: Case, one: Message) -> datetime:
    package = one.entry.origin.package_id
    return next((entry.origin.at for entry in case.packages if package and entry.event.package_id == package), one.entry.origin.at)


# --- files ----------------------------------------------------------------------------------------------------------


def attach(asked: Asked) -> Response:
    """Take a file in that is to go with a message, and lead back to the messages."""
    return attachments_page.attach(asked, "messages")


def file(asked: Asked) -> Response:
    """One file of a message of this reader's organisation, or one that it brought itself; nothing else of the case, whoever asks."""
    case = asked.node.case(asked.parameters["case_id"]) or Case(asked.parameters["case_id"])
    node, organisation = asked.node.site.node, asked.person.organisation
    of_ours = (file_here(case, one) for message in messages_of(case).values() if message.concerns(node, organisation) for one in message.entry.event.files)
    own = (one for one in attached(case) if one.entry.origin.organisation == organisation and one.entry.origin.role != Role.NODE.value)
    if asked.parameters["attachment"] not in {one.id for one in (*of_ours, *own) if one is not None}:
        return attachments_page.refused_here(asked, refuse(Reason("attachment.unknown"), category=Category.NOT_FOUND), "messages")
    return attachments_page.attachment(asked, "messages")


def _refused(asked: Asked, refusal: Refusal) -> Response:
    return attachments_page.refused_here(asked, refusal, "messages")


MESSAGE_DOORS = (
    Door("/cases/{case_id}/messages/files", ("POST",), "case.message.attach", "case.messages", attach, largest=attachments_page.LARGEST, refused=_refused),
    Door("/cases/{case_id}/messages/files/{attachment}", ("GET",), "case.message.file", "case.messages", file, refused=_refused),
)
