"""The pages and their doors: tasks, cases, import, policies, the log.

Main job: `DOORS`, the list of pages with the action that each needs. The tabs of a case stand in `case/case_pages.py`,
signing in in `sign_in_page.py`, forms in `forms/forms.py`, the log in `site/log_pages.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import start_of_day
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Role
from baybridge.journey.held import Stage
from baybridge.node import cases as case_list
from baybridge.node.commands import signing
from baybridge.node.commands.table import COMMANDS
from baybridge.node.intake.importing import Imported, feeds, import_upload
from baybridge.node.lists.lists import tied
from baybridge.node.outage import StorageProblem
from baybridge.node.people.access import PERSONAL
from baybridge.node.upkeep import given_tasks
from baybridge.node.upkeep import projections as task_lists
from baybridge.node.upkeep.projections import TaskCount
from baybridge.web.case import tabs
from baybridge.web.case.calendar_link import CALENDAR_DOORS
from baybridge.web.case.card_page import CARD_DOORS
from baybridge.web.case.case_pages import CASE_DOORS
from baybridge.web.case.looked_page import EMERGENCY_DOORS
from baybridge.web.case.paper_page import PAPER_DOORS
from baybridge.web.case.view import allowed, labels, product_name
from baybridge.web.money.counting_doors import COUNTING_DOORS
from baybridge.web.money.payer_page import PAYER_DOORS
from baybridge.web.page.elsewhere_page import ELSEWHERE_DOORS
from baybridge.web.page.page import go, refused, render
from baybridge.web.page.paging import Part, part_of
from baybridge.web.page.passkey_page import PASSKEY_DOORS
from baybridge.web.page.search_page import SEARCH_DOORS
from baybridge.web.page.sign_in_page import SIGN_IN_DOORS
from baybridge.web.rules.policy_compare_page import COMPARE_DOORS
from baybridge.web.rules.policy_pages import POLICY_DOORS
from baybridge.web.rules.what_if_page import WHAT_IF_DOORS
from baybridge.web.site.account_page import ACCOUNT_DOORS
from baybridge.web.site.bell_page import BELL_DOORS
from baybridge.web.site.centres_page import CENTRE_DOORS
from baybridge.web.site.codes_page import CODE_DOORS
from baybridge.web.site.directory_page import DIRECTORY_DOORS
from baybridge.web.site.documents_page import DOCUMENT_DOORS
from baybridge.web.site.exceptions_page import EXCEPTION_DOORS
from baybridge.web.site.lists_page import LIST_DOORS
from baybridge.web.site.live import LIVE_DOORS
from baybridge.web.site.log_pages import LOG_DOORS
from baybridge.web.site.neighbours_page import NEIGHBOUR_DOORS
from baybridge.web.site.operation_page import OPERATION_DOORS
from baybridge.web.site.person_page import PERSON_DOORS
from baybridge.web.site.privacy_pages import PRIVACY_DOORS
from baybridge.web.site.queue_page import QUEUE_DOORS
from baybridge.web.site.safety_page import SAFETY_DOORS
from baybridge.web.site.spared_page import SPARED_DOORS
from baybridge.web.site.trials_page import TRIAL_DOORS
from baybridge.web.ward.board_page import BOARD_DOORS
from baybridge.web.ward.flowsheet_page import FLOWSHEET_DOORS

#: Tasks that stand open on the page; those due later are folded away behind their number.
_AT_FIRST = 12
#: Rows of a page of tasks, mine and those of others, and of cases.
_TASKS, _CASES = 50, 100

TaskRow = TypeVar("TaskRow", bound=Mapping[str, object])

# --- tasks and cases ------------------------------------------------------------------------------------------------


def home(asked: Asked) -> Response:
    """What this person must do next; those without tasks go where their work is."""
    actor = asked.person
    if actor.role in PERSONAL:
        return go(f"/cases/{own_case(asked)}") if own_case(asked) else go("/cases")
    if actor.role is Role.ALLIANCE:
        return go("/indicators")
    if actor.role is Role.ADMINISTRATOR:
        return go("/log")
    if actor.role is Role.PAYER:
        return go("/payer")
    now, own = asked.node.now(), actor.role.value
    with suppress(StorageProblem):  # what was known of the tasks is better than nothing while the database takes nothing
        task_lists.work_out_tasks(asked.node)
    with asked.node.storage.reading() as connection:
        counts = task_lists.task_counts(connection, now)
        wanted = _filters(asked, counts)
        role, late = wanted.role or own, now if wanted.late else None
        others = TaskCount() if wanted.role else sum((one for name, one in counts.items() if name != own), TaskCount())
        of_role = counts.get(role, TaskCount())
        paged, held = (of_role if wanted.role else others), of_role.late if wanted.late else of_role.count
        part = part_of(asked, paged.late if wanted.late else paged.count, _TASKS)
        held_here = () if wanted.role else task_lists.tasks_of(connection, actor.account)
        mine = task_lists.task_list(connection, role, late_at=late, start=part.start if wanted.role else 0, most=part.size)
        rest = () if wanted.role else task_lists.task_list(connection, own, others=True, late_at=late, start=part.start, most=part.size)
        called = given_tasks.called(connection, {str(task["holder"]) for task in (*held_here, *mine, *rest) if task.get("holder")})
    shown_above = {(task["case_id"], task["key"]) for task in held_here}
    of_the_role = [task for task in mine if (task["case_id"], task.get("key")) not in shown_above]
    groups = {
        "held_here": by_case(held_here),
        "day": by_case(task for task in of_the_role if _is_of_today(asked, task)),
        "later": by_case(task for task in of_the_role if not _is_of_today(asked, task)),
        "others": by_case(rest),
    }
    names = labels(asked, [str(task["case_id"]) for task in (*held_here, *mine, *rest)])
    known = {"labels": names, "commands": mine_to_give(asked), "form_of": tabs.form_of, "waiting": len(signing.waiting(asked.node, actor)), "called": called}
    cut = {"held": held if not wanted.role and held > len(mine) else 0, "all_address": _tasks_address(own, late=wanted.late)}
    hidden = {"rest": others.late if wanted.late else others.count, "rest_late": others.late, "part": part, **cut}
    at_first = _TASKS if wanted.role and part.number > 1 else _AT_FIRST
    return render(asked, "tasks.html", at_first=at_first, now=now.isoformat(), wanted=wanted, role=role, **groups, **known, **hidden)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tasks the address asks for, and the addresses of other choices: whose (role, count, address) and whether only late ones."""

    role: str
    late: bool
    roles: tuple[tuple[str, int, str], ...]
    everything: str
    late_count: int
    late_address: str


def _filters(asked: Asked, counts: Mapping[str, TaskCount]) -> Filters:
    """The tasks of one role and those that are late, as they stand in the address."""
    role = asked.query.get("role", "")
    role, late = role if role in counts else "", asked.query.get("late") == "yes"
    others = tuple((name, one.count, _tasks_address(name, late=late)) for name, one in sorted(counts.items()) if name != asked.person.role.value)
    late_count = sum(one.late for name, one in counts.items() if role in ("", name))
    return Filters(role, late, others, _tasks_address("", late=late), late_count, _tasks_address(role, late=not late))


def _tasks_address(role: str, *, late: bool) -> str:
    query = {name: text for name, text in (("role", role), ("late", "yes" if late else "")) if text}
    return f"/?{urlencode(query)}" if query else "/"


def _is_of_today(asked: Asked, task: Mapping[str, object]) -> bool:
    """Whether a task is late, urgent, or due before this day of the node ends."""
    zone = asked.node.site.zone
    tomorrow = start_of_day(asked.node.now().astimezone(zone).date() + timedelta(days=1), zone)
    due = task["due_at"]
    return task.get("level") in {"red", "stop"} or (due is not None and datetime.fromisoformat(str(due)) < tomorrow)


def by_case(tasks: Iterable[TaskRow]) -> list[tuple[str, list[TaskRow]]]:
    """Tasks by their case, the case with the most urgent task first."""
    found: dict[str, list[TaskRow]] = {}
    for task in tasks:
        found.setdefault(str(task["case_id"]), []).append(task)
    return list(found.items())


def mine_to_give(asked: Asked) -> frozenset[str]:
    """The commands that this person may give at this node."""
    return frozenset(name for name, kind in COMMANDS.items() if allowed(asked, kind))


def own_case(asked: Asked) -> str | None:
    """The case of a signed-in patient, or of the patient whom this person helps; the one that changed last."""
    with asked.node.storage.reading() as connection:
        rows = tied(asked.node, asked.person, connection) or ()
    return next((row.case_id for row in rows), None)


def cases(asked: Asked) -> Response:
    """The cases that this person may see."""
    stage = asked.query.get("stage", "")
    part, rows, counted = visible_cases(asked, stage)
    begin = tabs.home_tab(asked.person.role)
    shown = [{**asdict(row), "address": tabs.address(row.case_id, begin), "product_name": product_name(asked, row.product)} for row in rows]
    query = f"?{urlencode({'stage': stage})}" if stage else ""
    filters = [(one.value, counted[one.value]) for one in Stage if counted.get(one.value)]
    names = labels(asked, [row.case_id for row in rows])
    role = asked.person.role
    known = {"labels": names, "query": query, "stages": role is not Role.PAYER, "helps": role is Role.CAREGIVER, "stage": stage, "stage_filters": filters}
    return render(asked, "cases.html", rows=shown, part=part, **known)


def visible_cases(asked: Asked, stage: str) -> tuple[Part, Sequence[case_list.CaseRow], Mapping[str, int]]:
    """A page of the list of cases that the actor is tied to, of one stage or, for '', of all, the case that changed last first; and how many there are of each stage."""
    with asked.node.storage.reading() as connection:
        own = tied(asked.node, asked.person, connection)
        if own is None:
            counted = case_list.stage_counts(connection)
            part = part_of(asked, counted.get(stage, 0) if stage else sum(counted.values()), _CASES)
            return part, case_list.page(connection, stage, part.start, part.size), counted
    some = [row for row in own if stage in ("", row.stage)]
    part = part_of(asked, len(some), _CASES)
    return part, some[part.start : part.end], Counter(row.stage for row in own)


# --- import ---------------------------------------------------------------------------------------------------------


def import_page(asked: Asked) -> Response:
    """The form to upload a file of records."""
    return render(asked, "import.html", report=None, sources=sorted(feeds(asked.node)), sentences=[])


def import_file(asked: Asked) -> Response:
    """Read an uploaded file; say what was understood, what was odd, and which cases it opened."""
    upload = asked.uploads.get("file")
    if upload is None or not upload.content:
        return refused(asked, refuse(Reason("import.no_file"), category=Category.INVALID))
    source, everyone = asked.form.get("source", "").strip(), asked.form.get("open_cases") == "yes"
    report = import_upload(asked.node, asked.person, upload.name, upload.content, source=source, open_cases=everyone)
    if isinstance(report, Refusal):
        return refused(asked, report)
    case_id = _only_opened(report)
    if case_id:
        return go(f"{tabs.address(case_id, tabs.home_tab(asked.person.role))}?opened=yes")
    return render(asked, "import.html", report=report, sources=sorted(feeds(asked.node)), sentences=[])


def _only_opened(report: Imported) -> str:
    """The case that a file opened, where that is all there is to say about it: one person, nothing odd, nobody to look at first."""
    said = report.report.problems or report.waiting or report.without_case
    return report.opened[0] if not said and len(report.opened) == len(report.cases) == 1 else ""


DOORS = (
    *SIGN_IN_DOORS,
    *ELSEWHERE_DOORS,
    *PASSKEY_DOORS,
    Door("/", ("GET",), "home", "own-account", home),
    Door("/cases", ("GET",), "cases", "case.list", cases),
    *SEARCH_DOORS,
    Door("/import", ("GET",), "import.page", "records.import", import_page),
    Door("/import", ("POST",), "import.file", "records.import", import_file),
    *PAYER_DOORS,
    *COUNTING_DOORS,
    *ACCOUNT_DOORS,
    *BELL_DOORS,
    *CALENDAR_DOORS,
    *CARD_DOORS,
    *CODE_DOORS,
    *LIVE_DOORS,
    *LIST_DOORS,
    *LOG_DOORS,
    *SAFETY_DOORS,
    *PRIVACY_DOORS,
    *PERSON_DOORS,
    *QUEUE_DOORS,
    *PAPER_DOORS,
    *OPERATION_DOORS,
    *NEIGHBOUR_DOORS,
    *SPARED_DOORS,
    *EXCEPTION_DOORS,
    *DIRECTORY_DOORS,
    *DOCUMENT_DOORS,
    *TRIAL_DOORS,
    *CENTRE_DOORS,
    *POLICY_DOORS,
    *COMPARE_DOORS,
    *WHAT_IF_DOORS,
    *BOARD_DOORS,
    *CASE_DOORS,
    *FLOWSHEET_DOORS,
    *EMERGENCY_DOORS,
)
