"""Signing: a command that needs a second person waits for one, and is then given as it was, with both signatures.

Main job: `ask` writes down what waits, `confirm` carries it out when another person agrees, `signed` puts signatures on events. What was typed is kept in the
table `confirmation` under its hash; another input is another confirmation.

At the confirmation everything is judged again as of then, so that a bag that ran out meanwhile is refused. Elsewhere: who may confirm, `signing/confirming.py`; which
commands ask, `second` of their rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec
import orjson
from sqlalchemy import Connection, delete, insert, select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.json_value import JsonObject
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Method, Role, Situation
from baybridge.journey.entry import Entry
from baybridge.journey.events import ConfirmationAsked, Event, Recorded, Signature
from baybridge.journey.judged import Judged
from baybridge.journey.texts import judge
from baybridge.node import tables
from baybridge.node.commands.done import Done
from baybridge.node.commands.given import read_given
from baybridge.node.commands.judging import may, situate
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.people import accounts
from baybridge.node.work import Work, carry_out
from baybridge.signing.confirming import ConfirmEntry, asked, open_ones

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

CONFIRM = ConfirmEntry.__name__
_KEPT_FOR = timedelta(days=1)  # what was typed, after nobody can confirm it any more


def shown_sha256(command: Command, meaning: str) -> str:
    """The hash of what somebody signs: which case, which command, its input, and what it means."""
    return sha256_hex(canonical_bytes({"case": command.case_id, "command": command.name, "given": dict(command.given), "meaning": meaning}))


def signature(command: Command, actor: Actor, meaning: str, unit: Unit, confirmation_id: str = "") -> Signature:
    """The signature of an actor under a command, now."""
    return Signature(
        person=actor.person,
        account=actor.account,
        role=actor.role.value,
        meaning=meaning,
        method=actor.method,
        at=unit.at,
        shown_sha256=shown_sha256(command, meaning),
        confirmation_id=confirmation_id,
        via=actor.via,
    )


def unsigned(kind: CommandRow, situation: Situation, given: object) -> Refusal | None:
    """The refusal of a command that is signed, where nobody signed in; None where it may go on."""
    needed = kind.signed or (kind.second is not None and kind.second.when(situation, given))
    return refuse(Reason("signing.no_person", {"command": kind.name}), category=Category.FORBIDDEN) if needed and not situation.actor.person else None


def first_signature(kind: CommandRow, command: Command, situation: Situation, given: object, unit: Unit) -> tuple[Signature, ...]:
    """The signature of whoever gives a command; none where its row asks for none."""
    if kind.second is not None and kind.second.when(situation, given):
        return (signature(command, command.actor, kind.second.entered, unit),)
    return (signature(command, command.actor, kind.signed, unit),) if kind.signed else ()


def _meant(kind: CommandRow, command: Command, events: Sequence[Event], signatures: tuple[Signature, ...]) -> tuple[Signature, ...]:
    """The signature of the first person with what it means where these events follow."""
    if kind.second is None or not signatures:
        return signatures
    entered, _ = kind.second.means(events)
    return tuple(msgspec.structs.replace(one, meaning=entered, shown_sha256=shown_sha256(command, entered)) for one in signatures)


def signed(verdict: Judged, signatures: tuple[Signature, ...]) -> Judged:
    """A verdict whose events carry these signatures."""
    return replace(verdict, events=_with(verdict.events, signatures)) if signatures else verdict


def _with(events: Sequence[Event], signatures: tuple[Signature, ...]) -> tuple[Event, ...]:
    return tuple(msgspec.structs.replace(event, signed_by=signatures) for event in events)


# --- asking ---------------------------------------------------------------------------------------------------------


def ask(
    node: Node, unit: Unit, kind: CommandRow, command: Command, situation: Situation, given: object, known: int, events: Sequence[Event]
) -> Done | Refusal:
    """Write down that a command waits for another person; the same person asking the same again while it waits is answered the same."""
    second = kind.second
    if second is None:
        raise ValueError(f"{kind.name} needs no second person")
    digest = sha256_hex(canonical_bytes(dict(command.given)))
    waiting = _same(unit, command, situation.case, digest, second.means(events)[1])
    if waiting is not None:
        return Done(command.case_id, (waiting,))
    event = ConfirmationAsked(
        confirmation_id=unit.new_id(),
        command=kind.name,
        given_sha256=digest,
        expires_at=unit.at + node.people.confirmed_within(kind.name),
        meaning=second.means(events)[1],
        roles=tuple(sorted(role.value for role in second.who(kind, situation, given))),
        organisations=tuple(dict.fromkeys((command.actor.organisation, node.site.organisation))),
        signed_by=_meant(kind, command, events, situation.signed_by),
    )
    table = tables.confirmation
    unit.connection.execute(delete(table).where(table.c.expires_at < (unit.at - _KEPT_FOR).isoformat()))
    row = {"confirmation_id": event.confirmation_id, "case_id": command.case_id, "given": orjson.dumps(dict(command.given)), "asked_at": unit.at.isoformat()}
    unit.connection.execute(insert(table).values(**row, expires_at=event.expires_at.isoformat()))
    return carry_out(node, unit, Work(command.case_id, command.actor, Judged((event,)), known, command.command_id))


def _same(unit: Unit, command: Command, case: Case, digest: str, meaning: str) -> Recorded | None:
    alike = (command.name, digest, meaning)
    mine = (entry for entry in open_ones(case, unit.at) if (entry.event.command, entry.event.given_sha256, entry.event.meaning) == alike)
    found = next((entry for entry in mine if entry.event.signed_by[0].account == command.actor.account), None)
    return next((item for item in unit.events(command.case_id) if found is not None and item.event_id == found.origin.event_id), None)


def case_of(connection: Connection, confirmation_id: str) -> str | None:
    """The case in which a confirmation was asked, as long as what was typed is kept."""
    table = tables.confirmation
    return connection.execute(select(table.c.case_id).where(table.c.confirmation_id == confirmation_id)).scalar()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command that waits for a second person: where, what was asked, and the input as it was typed."""

    case_id: str
    entry: Entry[ConfirmationAsked]
    given: Mapping[str, Any]

    def may_answer(self, actor: Actor) -> bool:
        """Whether this person is another one, in a role that confirms it."""
        mine = actor.person in {one.person for one in self.entry.event.signed_by}
        among = self.entry.event.organisations
        return bool(actor.person) and not mine and (not among or actor.organisation in among) and bool(actor.roles & {*self.entry.event.roles})


def waiting(node: Node, actor: Actor) -> list[Waiting]:
    """What waits at this node and this person may confirm, or asked for, by when it is over."""
    now, table = node.now(), tables.confirmation
    with node.storage.reading() as connection:
        query = select(table.c.case_id, table.c.confirmation_id).where(table.c.expires_at > now.isoformat()).order_by(table.c.expires_at)
        rows = connection.execute(query).all()
    found = (one_of(node, row.case_id, row.confirmation_id) for row in rows)
    mine = (one for one in found if one is not None and not one[1])
    return [one for one, _ in mine if one.may_answer(actor) or one.entry.event.signed_by[0].account == actor.account]


def one_of(node: Node, case_id: str, confirmation_id: str) -> tuple[Waiting, bool] | None:
    """A confirmation of a case, and whether it is over: answered, or too late; None where there is none."""
    case = node.case(case_id)
    entry = asked(case, confirmation_id) if case is not None else None
    if case is None or entry is None:
        return None
    over = entry not in open_ones(case, node.now())
    with node.storage.reading() as connection:
        body = connection.execute(select(tables.confirmation.c.given).where(tables.confirmation.c.confirmation_id == confirmation_id)).scalar()
    return Waiting(case_id, entry, orjson.loads(body) if body else {}), over


# --- confirming -----------------------------------------------------------------------------------------------------


def confirm(node: Node, unit: Unit, command: Command, case: Case, given: ConfirmEntry, known: int) -> Done | Refusal:
    """Carry out what was asked about, now that another person agreed; every reason that stands against it by now otherwise."""
    entry = asked(case, given.confirmation_id)
    if entry is None:
        raise ValueError("a confirmation that its rule did not check")
    kind = COMMANDS.get(entry.event.command)
    first = _first(unit, entry)
    if kind is None or first is None:
        return refuse(Reason("signing.confirm.asker_gone", where="confirmation_id"), category=Category.CONFLICT)
    original = Command(kind.name, command.case_id, _kept(unit, entry), first, command.command_id)
    refusal = may(node, kind, original, case)
    read = read_given(kind, original.given)
    if refusal is not None:
        return refusal
    if isinstance(read, Refusal):
        return read
    second = command.actor.acting([Role(name) for name in entry.event.roles])
    both = (*entry.event.signed_by, signature(original, second, entry.event.meaning, unit, given.confirmation_id))
    unit.log("confirmation", command.case_id, given.confirmation_id, canonical_bytes(msgspec.to_builtins(both)), second)
    return decided(node, unit, kind, original, case, read, known, both)


def decided(
    node: Node, unit: Unit, kind: CommandRow, command: Command, case: Case, given: object, known: int, signatures: tuple[Signature, ...] | None = None
) -> Done | Refusal:
    """Judge a command and write what follows; with the signatures of both where a second person confirmed it, and then only what they signed."""
    deciding, situation = situate(node, unit, kind, case, command)
    refusal = unsigned(kind, situation, given)
    if refusal is not None:
        return refusal
    own = first_signature(kind, command, situation, given, unit) if signatures is None else signatures
    situation = replace(situation, signed_by=own)
    verdict = judge(kind, situation, given)
    unit.step("write.decided")
    if isinstance(verdict, Refusal):
        return verdict
    judged = verdict if isinstance(verdict, Judged) else Judged(verdict)
    if signatures is None and judged.refusal is None and kind.second is not None and kind.second.when(situation, given):
        return ask(node, unit, kind, command, situation, given, known, judged.events)
    if signatures is not None and kind.second is not None and kind.second.means(judged.events)[1] != signatures[-1].meaning:
        return refuse(Reason("signing.confirm.changed", where="confirmation_id"), category=Category.CONFLICT)
    for document in judged.decisions:
        deciding.keep(document)
    done = carry_out(node, unit, Work(command.case_id, command.actor, signed(judged, own), known, command.command_id, deciding.made))
    unit.step("write.before_commit")
    return judged.refusal or done


def _first(unit: Unit, entry: Entry[ConfirmationAsked]) -> Actor | None:
    """Who asked, in the role and by the proof of then; None where the account is closed by now."""
    said = entry.event.signed_by[0]
    actor = accounts.open_actor(unit.connection, said.account, unit.at)
    if actor is None or actor.person != said.person or said.role not in actor.roles:
        return None
    return replace(actor.acting([Role(said.role)]), method=cast("Method", said.method), via="shell" if said.via == "shell" else "")


def _kept(unit: Unit, entry: Entry[ConfirmationAsked]) -> JsonObject:
    """The input as it was typed; ValueError where the kept one is not what was signed."""
    table = tables.confirmation
    body = unit.connection.execute(select(table.c.given).where(table.c.confirmation_id == entry.event.confirmation_id)).scalar()
    given: JsonObject = orjson.loads(body or b"null") or {}
    if sha256_hex(canonical_bytes(given)) != entry.event.given_sha256:
        raise ValueError("the input of a confirmation is not the one that was signed")
    return given
