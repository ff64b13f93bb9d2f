"""The calendar of an account by a link: visits and tasks of every case that the account may read, as the files of the cases have them, for a calendar program.

Main job: `CALENDAR_DOORS`. Elsewhere: links themselves in `node/people/calendar_links.py`, entries in `calendar_file.py`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.consent.reading import Ground
from baybridge.http.doors import Asked, Door
from baybridge.journey.case import Case
from baybridge.node import cases
from baybridge.node.lists.lists import visible
from baybridge.node.people import access, accounts, calendar_links, reads
from baybridge.node.upkeep.projections import task_rows
from baybridge.web.case.calendar_file import Entry, download, tasks_of, visits_of
from baybridge.web.page.page import refused


def make(asked: Asked) -> Response:
    """A new link, shown on the account page this once; the one before it is over."""
    from baybridge.web.site.account_page import own

    with asked.node.unit() as unit:
        token = calendar_links.make(asked.node, unit, asked.person)
    return own(asked, f"{asked.node.address}/calendar/{token}")


def end(asked: Asked) -> Response:
    """End the own link."""
    from baybridge.web.site.account_page import own

    with asked.node.unit() as unit:
        calendar_links.end(unit, asked.person.account, asked.person)
    return own(asked)


def fetched(asked: Asked) -> Response:
    """The calendar of whose link this is; nobody is signed in by it."""
    actor = calendar_links.entered(asked.node, asked.parameters["link"])
    if isinstance(actor, Refusal):
        return refused(asked, actor)
    role = next((one for one in actor.roles if access.may(calendar_links.ACTION, replace(actor, role=one), asked.node.site) is None), None)
    if role is None:
        return refused(asked, calendar_links.over(asked.node, actor.account))
    with asked.node.storage.reading() as connection:
        language = accounts.language_of(connection, actor.account)
    return _calendar(replace(asked, actor=actor.acting({role}), language=language))


def _calendar(asked: Asked) -> Response:
    tasks, entries, seen = defaultdict[object, list[dict[str, object]]](list), list[Entry](), list[str]()
    for task in task_rows(asked.node):
        tasks[task["case_id"]].append(task)
    for case in _readable(asked):
        found = [*visits_of(asked, case), *tasks_of(asked, tasks[case.case_id], asked.person.roles)]
        if found:
            entries += found
            seen.append(case.case_id)
    calendar_links.note(asked.node, asked.person, seen)
    return download(asked, entries, "baybridge.ics")


def _readable(asked: Asked) -> list[Case]:
    """The cases whose calendar this person may read, each decided as its own file is."""
    node, actor = asked.node, asked.person
    with node.storage.reading() as connection:
        mine = visible(node, actor, connection)
        names = [row.case_id for row in cases.rows(connection) if mine(row)]
    found = (case for case in map(node.case, names) if case is not None)
    return [case for case in found if isinstance(reads.for_case(node, calendar_links.ACTION, actor, case, frozenset()), Ground)]


CALENDAR_DOORS = (
    Door("/account/calendar", ("POST",), "account.calendar", "calendar.link", make),
    Door("/account/calendar/end", ("POST",), "account.calendar.end", "own-account", end),
    Door("/calendar/{link}", ("GET",), "calendar.fetched", "public", fetched),
)
