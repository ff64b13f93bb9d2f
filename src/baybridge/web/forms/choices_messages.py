"""What forms of messages and of tasks can be about: whom to write to, which message, which documents go along; which task, which colleague.

Main job: `BY_NAME`, for each choice that a row names what answers it as (value, words).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from baybridge.exchange.messages import writing
from baybridge.journey.attachments import attached
from baybridge.journey.case import Case
from baybridge.journey.case_messages import Message, messages_of, questions_to, threads_of
from baybridge.node.commands.preview import looking
from baybridge.node.upkeep import given_tasks
from baybridge.node.upkeep.projections import open_tasks
from baybridge.web.page import told
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

Choices = tuple[tuple[str, str], ...]
Choose = Callable[[Any, Case | None], Choices]
_WORDS = 60  # of a message, by which somebody knows it again


def _receivers(asked: Asked, case: Case | None) -> Choices:
    """Whom this reader may write to, each with the region to which that leaves."""
    if case is None or asked.actor is None:
        return ()
    reader, here = Reader(asked), asked.node.site.jurisdiction
    with looking(asked.node, case, asked.actor) as look:
        found = writing.receivers(look.situation())
    return tuple((name, _called(reader, receiver, here)) for name, receiver in found.items())


def _called(reader: Reader, to: writing.Receiver, here: str) -> str:
    if to.other is None:
        return reader.payer(to.organisation)
    region = reader.code("code", to.other.jurisdiction)
    return reader.t("message.to_leaving", who=to.organisation, region=region) if to.other.jurisdiction != here else to.organisation


def _labelled(asked: Asked, messages: Iterable[Message]) -> Choices:
    """Messages by when they were written, by whom and how they begin."""
    reader = Reader(asked)
    return tuple((one.id, " · ".join(filter(None, _known_by(reader, one)))) for one in messages)


def _known_by(reader: Reader, one: Message) -> tuple[str, ...]:
    return reader.moment(one.entry.origin.at), reader.payer(one.entry.event.from_organisation), _begins(one)


def _begins(one: Message) -> str:
    text = " ".join(one.entry.event.text.split())
    return text if len(text) <= _WORDS else f"{text[:_WORDS]}…"


def _ours(asked: Asked, case: Case | None) -> list[Message]:
    node, organisation = asked.node.site.node, asked.person.organisation
    return [one for one in messages_of(case).values() if one.concerns(node, organisation)][::-1] if case is not None else []


def _asked(asked: Asked, case: Case | None) -> Choices:
    """Questions to this reader's organisation, those without an answer first."""
    node, organisation = asked.node.site.node, asked.person.organisation
    waiting = list(questions_to(case, node, organisation)) if case is not None else []
    answered = [one for one in _ours(asked, case) if one.entry.event.asks and one.answers and one.is_to(node, organisation)]
    return _labelled(asked, (*waiting, *answered))


def _threads(asked: Asked, case: Case | None) -> Choices:
    ours = {one.id for one in _ours(asked, case)}
    first = (thread.messages[0] for thread in threads_of(case)) if case is not None else ()
    return _labelled(asked, (one for one in first if one.id in ours))


def _documents(asked: Asked, case: Case | None) -> Choices:
    """The documents that may go along, the newest first: of a payer's people those that they brought."""
    reader, organisation = Reader(asked), asked.person.organisation
    own = organisation == asked.node.site.organisation
    found = [one for one in attached(case)[::-1] if one.state == "clean" and (own or one.entry.origin.organisation == organisation)] if case is not None else []
    return tuple((one.id, f"{reader.code('code', one.entry.event.kind)}, {reader.moment(one.entry.origin.at)}") for one in found)


def _roles(names: Iterable[str]) -> Choose:
    return lambda asked, _case: tuple((name, Reader(asked).code("role", name)) for name in names)


def _tasks(asked: Asked, case: Case | None) -> Choices:
    """The open tasks of the case, in words; those that tell of calls, for whom the page of the case tells of them alone."""
    if case is None or asked.actor is None:
        return ()
    reader = Reader(asked)
    with looking(asked.node, case, asked.actor) as look:
        found = open_tasks(asked.node, look.unit.connection, case, look.unit.at, look.lazy_facts)
    told_of_calls = told.may_see(asked, case.case_id, case)
    found = tuple(task for task in found if told_of_calls or not told.step_of_calls(task.step))
    return tuple((task.key, f"{reader.t(task.title, **reader.words(task.values))} · {reader.code('role', task.role)}") for task in found)


def _colleagues(asked: Asked, case: Case | None) -> Choices:
    """The accounts of this site that can have a task, by the names of their persons."""
    del case
    reader = Reader(asked)
    with asked.node.storage.reading() as connection:
        staff = given_tasks.staff(connection, asked.node.site, asked.node.now())
        called = given_tasks.called(connection, staff.keys())
    named = ((name, f"{called.get(name, name)} · {', '.join(reader.code('role', role) for role in sorted(roles))}") for name, roles in staff.items())
    return tuple(sorted(named, key=lambda one: one[1].casefold()))


_WRITERS = tuple(role.value for role in writing.WRITERS)
BY_NAME: Mapping[str, Choose] = MappingProxyType({
    "message_to": _receivers,
    "message": lambda asked, case: _labelled(asked, _ours(asked, case)),
    "message_asked": _asked,
    "message_thread": _threads,
    "message_files": _documents,
    "message_role": _roles((*_WRITERS, "payer")),
    "message_task_role": _roles(_WRITERS),
    "task": _tasks,
    "task_account": _colleagues,
})  # fmt: skip
