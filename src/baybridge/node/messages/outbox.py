"""What leaves the building: planned with the entry that it follows, sent in a lane of its own, tried again, and its end written on the case.

Main job: `PLAN`, a consequence of the entries that a rule can name, which writes who is told by which way; `SEND`, one message to everybody who still has to get it.
All of its ways are tried at once, each with a time limit, in a thread of the messages alone: no way that fails or is slow holds up an alarm, an escalation or another
way.

A message is known by its id, which is that of the entry: killed in the middle it is sent again, and whoever gets it twice can tell. Its text names nobody: what
it is about, an id, and a link that asks for sign-in. **Source**: contract K13; document `messages/outbox.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, RowMapping

from baybridge.documents.escalation import span
from baybridge.documents.messages import Outbox, Rule
from baybridge.journey import events as ev
from baybridge.journey.chapters.messages import Problem
from baybridge.journey.stored import decode_stored
from baybridge.language.languages import FALLBACK
from baybridge.language.texts import Texts
from baybridge.ledger import streams
from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane
from baybridge.node.messages import contacts, ways
from baybridge.node.people import accounts
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_SEND_KIND = "message"
_AT_ONCE = 8  # ways that are tried at the same time
#: What a message can follow; the document of messages names them.
FOLLOWED: frozenset[type[ev.Event]] = frozenset({ev.CallNotified, ev.GlassBroken, ev.ConfirmationAsked, ev.CaseReferred, ev.CaseProposed})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One way to one account, or to a group, in a language."""

    way: str
    account: str
    language: str

    def as_json(self) -> dict[str, str]:
        """As it waits in the queue."""
        return {"way": self.way, "account": self.account, "language": self.language}


# --- who is told ----------------------------------------------------------------------------------------------------


def _plan(node: Node, unit: Unit, consequence: Consequence) -> None:
    """Queue a message for each entry of this node that a rule names."""
    if consequence.body.get("by"):
        return  # another node told it, and tells its own people
    mine = set(consequence.events)
    for recorded in unit.events(consequence.case_id):
        told = deliveries(node, unit.connection, recorded, unit.at) if recorded.event_id in mine else ()
        if told:
            body = {"about": type(recorded.event).__name__, "to": [one.as_json() for one in told], "attempt": 0, "since": unit.at.isoformat()}
            unit.follow(_SEND_KIND, consequence.case_id, body, consequence_id=f"{_SEND_KIND}/{recorded.event_id}")


def deliveries(node: Node, connection: Connection, recorded: ev.Recorded, at: datetime) -> tuple[Delivery, ...]:
    """Who is told of an entry by which way, each once."""
    document, hour = node.documents.typed.the(Outbox), at.astimezone(node.site.zone).hour
    rules = [rule for rule in document.rules if rule.event == type(recorded.event).__name__ and rule.holds_at(hour)]
    if not rules:
        return ()
    people = [row for row in accounts.of_organisation(connection, node.site.organisation) if not accounts.is_closed(row, at)]
    return tuple(dict.fromkeys(one for rule in rules for one in _of_rule(rule, document, recorded.event, people)))


def _of_rule(rule: Rule, document: Outbox, event: ev.Event, people: Sequence[RowMapping]) -> Iterator[Delivery]:
    wanted = [row for row in people if _is_told(rule, event, row)]
    for name in rule.ways:
        if document.ways[name].kind == "webhook":
            yield Delivery(name, "", rule.language or FALLBACK)
        else:
            yield from (Delivery(name, row["account"], rule.language or row["language"]) for row in wanted)


def _is_told(rule: Rule, event: ev.Event, row: RowMapping) -> bool:
    """Of a call, whom its step reaches; of a confirmation, whose role confirms; of everything else, whose role the rule names."""
    roles = {role.value for role in accounts.roles_of(row)}
    if isinstance(event, ev.CallNotified) and row["account"] not in event.accounts:
        return False
    if isinstance(event, ev.ConfirmationAsked) and event.roles and not roles & set(event.roles):
        return False
    return not rule.roles or bool(roles & set(rule.roles))


PLAN = ConsequenceRow("message-plan", Lane.MESSAGE, _plan, after=FOLLOWED)


# --- sending --------------------------------------------------------------------------------------------------------


def message_for(node: Node, message_id: str, about: str, language: str) -> ways.Message:
    """The words of a message: what it is about, its id, and where to sign in."""
    said = {"organisation": node.site.organisation, "link": f"{node.address}/", "id": message_id[-12:]}
    texts = Texts(node.documents)
    return ways.Message(message_id, texts.say(language, f"message.subject.{about}", said), texts.say(language, f"message.text.{about}", said))


def _send(node: Node, consequence: Consequence) -> Mapping[Delivery, Problem | None]:
    """Try every delivery that is left at the same time; what came of each."""
    message_id, body = consequence.consequence_id.partition("/")[2], consequence.body
    told = [Delivery(**one) for one in body["to"]]
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="message") as pool:
        done = pool.map(lambda one: try_one(node, one, message_for(node, message_id, body["about"], one.language)), told)
        return dict(zip(told, done, strict=True))


def try_one(node: Node, delivery: Delivery, message: ways.Message) -> Problem | None:
    """Send one; what failed, None where it left."""
    document = node.documents.typed.the(Outbox)
    way = document.ways.get(delivery.way)
    if way is None:
        return "no_contact"
    try:
        to = _address(node, delivery) if delivery.account else ""
        if to is None:
            return "no_contact"
        own = ways.Message(f"{message.id}.{delivery.way}.{delivery.account}".rstrip("."), message.subject, message.text)
        ways.send(way, own, to, node.config.folder, document.time_out_s)
    except ways.SendingProblem as problem:
        return problem.problem
    except contacts.ContactsProblem:
        return "no_contact"
    return None


def _address(node: Node, delivery: Delivery) -> str | None:
    with node.storage.reading() as connection:
        name = accounts.names(connection).get(delivery.account, "")
    return contacts.contacts(node.config.folder).get(name, {}).get(delivery.way)


def _sent(node: Node, unit: Unit, consequence: Consequence, came: Mapping[Delivery, Problem | None]) -> None:
    """Write what came of it, and queue what is left for its next time."""
    document, body = node.documents.typed.the(Outbox), consequence.body
    message_id, attempt = consequence.consequence_id.partition("/")[2], int(body["attempt"]) + 1
    over = unit.at - datetime.fromisoformat(body["since"]) >= span(document.give_up_after)
    said: list[ev.Event] = []
    left = []
    for one, problem in came.items():
        if problem is None:
            said.append(ev.MessageDelivered(message=message_id, way=one.way, account=one.account, attempt=attempt))
            continue
        if attempt == 1 or over:
            said.append(ev.MessageFailed(message=message_id, way=one.way, account=one.account, attempt=attempt, problem=problem, final=over))
        left += [] if over else [one.as_json()]
    if said:
        unit.append(consequence.case_id, said, node.system(), known=len(unit.events(consequence.case_id)))
        projections.project(unit, consequence.case_id)
    if left:
        wait = min(span(document.first_wait) * 2 ** min(attempt - 1, 16), span(document.longest_wait))
        again = {**body, "to": left, "attempt": attempt}
        unit.follow(_SEND_KIND, consequence.case_id, again, not_before=unit.at + max(wait, timedelta(seconds=1)), consequence_id=consequence.consequence_id)


SEND = ConsequenceRow(_SEND_KIND, Lane.MESSAGE, _sent, prepare=_send)


# --- looking --------------------------------------------------------------------------------------------------------

_SHOWN, _SHOWN_FOR = 200, timedelta(days=7)
_SAID = (ev.MessageDelivered.__name__, ev.MessageFailed.__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a message, as the administrator sees it."""

    at: datetime
    event: ev.MessageDelivered | ev.MessageFailed


def latest(connection: Connection, now: datetime) -> list[Shown]:
    """What left or failed in the last week, the newest first."""
    stored = streams.of_types(connection, _SAID, having=_SAID, since=(now - _SHOWN_FOR).isoformat())
    read = (decode_stored(one) for one in stored)
    found = [Shown(one.recorded_at, one.event) for one in read if isinstance(one.event, ev.MessageDelivered | ev.MessageFailed)]
    return sorted((one for one in found if one.at >= now - _SHOWN_FOR), key=lambda one: one.at, reverse=True)[:_SHOWN]
