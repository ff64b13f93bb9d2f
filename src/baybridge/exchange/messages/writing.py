"""What organisations write to each other about a case: a question and its answer.

Main job: the rules of `SendMessage` and `AnswerMessage`, and `receivers(situation)`. A message to another node is checked as
every transfer, with the purpose CASE_MESSAGE, and goes with its files or is refused with every reason; one between two organisations at one node leaves nothing.

What came here under the contract of the Bay Area goes on to nobody outside it (DT-031): a document that came so, and the words of a message that came so where they
are repeated whole. Words that somebody says anew in a text of their own cannot be known.
**Source**: contract K10. Elsewhere: reading, tasks and evidence in `handling.py`, threads in `journey/case_messages.py`,
how they cross in `node/neighbours/case_messages.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from baybridge.base.outcome import Reason, refuse
from baybridge.exchange.messages import rendering
from baybridge.exchange.transfer import sending, whose
from baybridge.exchange.transfer.content import GBA_ROUTE
from baybridge.journey.attachments import Attached, attached
from baybridge.journey.case_messages import PURPOSE, Message, message_of, messages_of, questions_to, route_of
from baybridge.journey.checks import said
from baybridge.journey.command import Role, Site, Situation, Verdict
from baybridge.journey.events import CaseMessageSent, ClaimSubmitted, DocumentReceived, PreauthorisationRequested, SentFile
from baybridge.journey.judged import Judged
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, reads, roles, told_in
from baybridge.journey.texts import Note, OneOf

MEGABYTE = 1024 * 1024
#: Most of all files of a message, so that a package holds them twice encoded. Convention of this project.
LARGEST_MB = 20
#: A text of which so many characters or more stand in another one was repeated; a shorter one is anybody's. Convention of this project.
_REPEATED = 20
#: Who writes, reads and answers at a site. A plant's people get cells and orders alone.
WRITERS = (Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.QUALITY)


def addressed_roles(_: Situation) -> Collection[str]:
    """The roles that a message can be meant for."""
    return [role.value for role in (*WRITERS, Role.PAYER)]


class SendMessage(Struct, frozen=True, kw_only=True):
    """Write to another organisation about this case."""

    to: Annotated[str, Meta(description="the node of the organisation, or a payer whose people work at this node")]
    text: Note = ""
    asks: Annotated[bool, Meta(description="whether an answer is wanted")] = True
    for_role: Annotated[str, OneOf(addressed_roles), Meta(description="whom it is meant for there; anybody where left out")] = ""
    attachments: Annotated[tuple[str, ...], Meta(description="documents of this case that go along")] = ()
    thread: Annotated[str, Meta(description="the first message of what this one goes on about")] = ""


class AnswerMessage(Struct, frozen=True, kw_only=True):
    """Answer a question of another organisation."""

    message_id: str
    text: Note = ""
    attachments: Annotated[tuple[str, ...], Meta(description="documents of this case that go along")] = ()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom a message goes to: an organisation at a node, with the node where it is another one."""

    node: str
    organisation: str
    other: Site | None


# --- to whom --------------------------------------------------------------------------------------------------------


def receivers(situation: Situation) -> dict[str, Receiver]:
    """Whom this person may write to about this case, by what the input names."""
    site, here = situation.site, situation.actor.organisation
    if here != site.organisation:  # a payer's people at this node write to the site
        return {site.node: Receiver(site.node, site.organisation, None)}
    nodes = {name: Receiver(name, other.organisation, other) for name, other in situation.neighbours.items() if _takes(situation, other)}
    served = {other.organisation for other in situation.neighbours.values()}
    return {**{payer: Receiver(site.node, payer, None) for payer in sorted(_payers(situation) - served)}, **nodes}


def _takes(situation: Situation, other: Site) -> bool:
    return other.kinds != {"plant"} and whose.has_part(situation.case, other.node, situation.site.node, situation.neighbours)


def _payers(situation: Situation) -> set[str]:
    asked, claimed = situation.case.of(PreauthorisationRequested), situation.case.of(ClaimSubmitted)
    return {*(entry.event.payer for entry in asked), *(entry.event.payer for entry in claimed)}


def _no_receiver(situation: Situation, to: str) -> Iterator[Reason]:
    """Why nobody is written to under this name."""
    other, known = situation.neighbours.get(to), ", ".join(sorted(receivers(situation)))
    if to in (situation.site.node, situation.actor.organisation):
        yield Reason("exchange.message.to_self", where="to")
    elif other is None:
        yield Reason("exchange.message.unknown_receiver", {"known": known or "–"}, where="to")
    elif other.kinds == {"plant"}:
        yield Reason("exchange.message.to_plant", {"node": to}, source="contract K10", where="to")
    else:
        yield Reason("exchange.message.no_part", {"node": to}, where="to")


# --- writing --------------------------------------------------------------------------------------------------------


def send_message(situation: Situation, given: SendMessage) -> Verdict:
    """The message stands and leaves, or every reason why not."""
    receiver = receivers(situation).get(given.to)
    against = [] if receiver is not None else [*_no_receiver(situation, given.to)]
    thread = message_of(situation.case, given.thread) if given.thread else None
    if given.thread and (thread is None or not is_ours(situation, thread)):
        against.append(Reason("exchange.message.unknown", where="thread"))
    against += _content(situation, given.text, given.attachments)
    if against or receiver is None:
        return refuse(*against)
    event = _event(situation, receiver, given.text, given.attachments, thread)
    return _sent(situation, receiver, replace(event, asks=given.asks, for_role=given.for_role))


def answer_message(situation: Situation, given: AnswerMessage) -> Verdict:
    """The answer stands and goes back to who asked; a question may be answered again, to add to the answer."""
    asked = message_of(situation.case, given.message_id)
    against = [*not_to_us(situation, asked), *_content(situation, given.text, given.attachments)]
    if asked is not None and not asked.entry.event.asks:
        against.append(Reason("exchange.message.no_question", where="message_id"))
    if against or asked is None:
        return refuse(*against)
    origin, event = asked.entry.origin, asked.entry.event
    receiver = Receiver(origin.node, event.from_organisation, situation.neighbours.get(origin.node))
    if receiver.other is None and receiver.node != situation.site.node:
        return refuse(*_no_receiver(situation, receiver.node))
    made = _event(situation, receiver, given.text, given.attachments, asked)
    return _sent(situation, receiver, replace(made, answers=asked.id))


def _event(situation: Situation, to: Receiver, text: str, attachments: Collection[str], before: Message | None) -> CaseMessageSent:
    """A message that asks and answers nothing yet, in the thread of the one before."""
    documents = {one.id: one for one in _documents(situation)}
    return CaseMessageSent(
        message_id=situation.new_id(),
        from_organisation=situation.actor.organisation,
        to_node=to.node,
        to_organisation=to.organisation,
        for_role="",
        asks=False,
        answers="",
        thread=(before.entry.event.thread or before.id) if before is not None else "",
        text=text.strip(),
        files=tuple(_file(documents[name]) for name in dict.fromkeys(attachments)),
    )


def _file(one: Attached) -> SentFile:
    event = one.entry.event
    return SentFile(attachment=one.id, kind=event.kind, sha256=event.sha256, media_type=event.media_type, bytes=event.bytes)


def _documents(situation: Situation) -> list[Attached]:
    """The documents that this person may send along: a payer's people those that they brought themselves."""
    own = situation.actor.organisation == situation.site.organisation
    return [one for one in attached(situation.case) if own or one.entry.origin.organisation == situation.actor.organisation]


def _content(situation: Situation, text: str, attachments: Collection[str]) -> list[Reason]:
    """What is wrong with text and files, whoever they go to."""
    known = {one.id: one for one in _documents(situation)}
    against = [] if said(text) or attachments else [Reason("exchange.message.empty", where="text")]
    found = [known[name] for name in dict.fromkeys(attachments) if name in known]
    if len(found) < len(set(attachments)):
        against.append(Reason("attachment.unknown", where="attachments"))
    against += [Reason(f"attachment.{state}", where="attachments") for state in sorted({one.state for one in found} - {"clean"})]
    if situation.record.received and any(situation.record.received(one.entry.event.sha256) is None for one in found):
        against.append(Reason("attachment.damaged", where="attachments"))
    if sum(one.entry.event.bytes for one in found) > LARGEST_MB * MEGABYTE:
        against.append(Reason("exchange.message.too_large", {"limit_mb": LARGEST_MB}, where="attachments"))
    return against


def _sent(situation: Situation, to: Receiver, event: CaseMessageSent) -> Verdict:
    if to.other is None:
        return (event,)
    judgement = judge(situation, to.other, event)
    given = sending.Transfer(to_node=to.node, purpose=PURPOSE)
    if not judgement.allowed:
        return Judged((sending.refused_by(given, judgement),), (judgement.decision,), refusal=refuse(*judgement.reasons))
    return Judged((event,), (judgement.decision,), (sending.parcel_of(given, judgement),))


def judge(situation: Situation, other: Site, event: CaseMessageSent | None) -> sending.Judgement:
    """The check of a transfer over a message, or over a word about one that holds nothing else."""
    given, rules = sending.Transfer(to_node=other.node, purpose=PURPOSE), sending.rules_for(situation)
    letters = [rendering.communication(event, situation.site.node, situation.now, _routes(situation, event))] if event is not None else []
    return sending.judge_of(situation, given, other, letters, (), rules)


def _routes(situation: Situation, event: CaseMessageSent) -> list[str]:
    """The routes under which what a message holds came here: its documents, and the words of messages that it repeats."""
    case, named = situation.case, {one.sha256 for one in event.files}
    came = (one.entry.event for one in attached(case))
    found = {event.received_under for event in came if isinstance(event, DocumentReceived) and event.sha256 in named}
    text = _plain(event.text)
    heard = ((one, _plain(one.entry.event.text)) for one in messages_of(case).values())
    found |= {route_of(case, one) for one, words in heard if len(words) >= _REPEATED and words in text}
    return [GBA_ROUTE] if GBA_ROUTE in found else []


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


# --- whose a message is, and what stands whatever the input --------------------------------------------------------------


def is_ours(situation: Situation, message: Message) -> bool:
    """Whether this person's organisation wrote a message or is written to."""
    return message.concerns(situation.site.node, situation.actor.organisation)


def not_to_us(situation: Situation, message: Message | None) -> Iterator[Reason]:
    """Why nobody of this organisation reads or answers it: it is none of its messages."""
    if message is None or not message.is_to(situation.site.node, situation.actor.organisation):
        yield Reason("exchange.message.unknown", where="message_id")


def none_to_write(situation: Situation) -> Iterator[Reason]:
    """Nobody else has a part in this case."""
    if not receivers(situation):
        yield Reason("exchange.message.nobody")


def none_asked(situation: Situation) -> Iterator[Reason]:
    """No question waits for this organisation."""
    if not any(True for _ in questions_to(situation.case, situation.site.node, situation.actor.organisation)):
        yield Reason("exchange.message.none_asked")


#: A message that was sent is said: it is not taken back, but another one can be written.
FINAL = Correction(None)
TALKS = roles(*WRITERS, Role.PAYER)
_SENT = EventRow(CaseMessageSent, rendering.sent, told_in(PURPOSE))

#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        SendMessage, send_message, TALKS,
        (_SENT,),
        page="messages",
        correction=FINAL,
        kinds=ANYWHERE,
        needs=reads("received"),
        blocked=none_to_write,
        button=None,
        choices={"to": "message_to", "for_role": "message_role", "attachments": "message_files", "thread": "message_thread"},
    ),
    CommandRow(
        AnswerMessage, answer_message, TALKS,
        (_SENT,),
        page="messages",
        correction=FINAL,
        kinds=ANYWHERE,
        needs=reads("received"),
        blocked=none_asked,
        button=None,
        choices={"message_id": "message_asked", "attachments": "message_files"},
    ),
)
