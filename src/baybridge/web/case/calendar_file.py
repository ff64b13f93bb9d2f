"""The visits and tasks of a case as a calendar file, for whoever may read them: with the case's mark and no name.

Main job: `calendar(asked)`. Elsewhere: the calendar of an account by a link, `calendar_link.py`.

**Source**: RFC 5545: lines end with CRLF, are folded after 75 octets, and texts escape backslash, comma, semicolon and line ends, and hold no other control sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import islice

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.facts.fhir import mapping
from baybridge.http.doors import Asked
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.journey.schedule import visits
from baybridge.node.upkeep.projections import task_rows
from baybridge.web.page.page import Reader

#: How many visits ahead stand in the file; the schedule itself has no end.
_AHEAD = 14
_OCTETS = 75
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what tells it from others for ever, its day or moment, and what it is."""

    key: str
    when: date | datetime
    says: str


def calendar(asked: Asked) -> Response:
    """The file of a case, as a download."""
    case_id = asked.parameters["case_id"]
    case = asked.node.case(case_id) or Case(case_id)
    tasks = tasks_of(asked, task_rows(asked.node, case_id), frozenset({asked.person.role}))
    return download(asked, [*visits_of(asked, case), *tasks], f"baybridge-{mark_of(case_id)}.ics")


def download(asked: Asked, entries: list[Entry], name: str) -> Response:
    """Entries as a calendar file of this name."""
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(as_file(entries, asked.node.site.node, asked.node.now()), media_type="text/calendar; charset=utf-8", headers=headers)


def visits_of(asked: Asked, case: Case) -> Iterator[Entry]:
    """The visits that are still to be made."""
    if case.infused_at is None or not case.alive:
        return
    done = {entry.event.visit for entry in case.visits}
    zone, document = asked.node.site.zone, asked.node.documents.typed.pathway.follow_up
    reader = Reader(asked)
    for visit in islice(visits(case.infused_at.astimezone(zone).date(), document), _AHEAD):
        if visit.code not in done:
            yield Entry(f"visit/{case.case_id}/{visit.code}", visit.due_on, reader.t("calendar.visit", visit=visit.code, mark=mark_of(case.case_id)))


def tasks_of(asked: Asked, tasks: Sequence[Mapping[str, object]], roles: frozenset[Role]) -> Iterator[Entry]:
    """The open tasks of some roles that have a day."""
    reader = Reader(asked)
    for task in tasks:
        if task["due_at"] and task["role"] in roles:
            case_id = str(task["case_id"])
            when = datetime.fromisoformat(str(task["due_at"]))
            what = reader.t(str(task["title"]), **reader.words(mapping(task["values"])))
            yield Entry(f"task/{case_id}/{task['key']}", when, reader.t("calendar.task", what=what, mark=mark_of(case_id)))


def as_file(entries: list[Entry], node: str, now: datetime) -> str:
    """The entries as one calendar."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Baybridge//EN"]
    for one in entries:
        lines += ["BEGIN:VEVENT", f"UID:{sha256(one.key.encode()).hexdigest()[:32]}@{node}", f"DTSTAMP:{_moment(now)}", *_when(one.when)]
        lines += [f"SUMMARY:{_escaped(one.says)}", "END:VEVENT"]
    return "".join(f"{_folded(line)}\r\n" for line in (*lines, "END:VCALENDAR"))


def _when(when: date | datetime) -> tuple[str, ...]:
    if isinstance(when, datetime):
        return (f"DTSTART:{_moment(when)}", "DURATION:PT0S")
    return (f"DTSTART;VALUE=DATE:{when:%Y%m%d}", f"DTEND;VALUE=DATE:{when + timedelta(days=1):%Y%m%d}")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return _CONTROL.sub("\ufffd", "\\n".join(plain.splitlines()))


def _folded(line: str) -> str:
    """A line of at most 75 octets, longer ones going on behind a blank; no letter is cut in two."""
    parts, size = [""], 0
    for char in line:
        octets = len(char.encode())
        if size + octets > _OCTETS:
            parts.append(" ")
            size = 1
        parts[-1] += char
        size += octets
    return "\r\n".join(parts)
