"""Who has a task: a person who took it, or to whom it was given; else anybody of its role.

Main job: `holders(case, node)`, and the rules of `ClaimTask`, `GiveTask` and `GiveTaskBack`. A task ends as before, by what it asks for; who has it changes nothing
of who may do it. An account that signs in no more has no task: it is the role's again.

**Source**: convention of this project. Elsewhere: which tasks there are in `pathway.py` and `node/upkeep/attention.py`, what becomes of an account's tasks when it is
disabled in `node/upkeep/given_tasks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.journey.case import Case
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entry import tells
from baybridge.journey.events import TaskClaimed, TaskGiven, TaskGivenBack
from baybridge.journey.fhir.resources import task as as_task
from baybridge.journey.fhir.writer import Writer, account
from baybridge.journey.row import ANYWHERE, CommandRow, Correction, EventRow, Rule, never_blocked, reads, roles


class ClaimTask(Struct, frozen=True, kw_only=True):
    """Take a task of the own role."""

    task: Annotated[str, Meta(description="its key, as the list of tasks names it")]


class GiveTask(Struct, frozen=True, kw_only=True):
    """Give a task to a colleague of its role."""

    task: Annotated[str, Meta(description="its key, as the list of tasks names it")]
    account: Annotated[str, Meta(description="whose it is then")]


class GiveTaskBack(Struct, frozen=True, kw_only=True):
    """Give a task back to its role."""

    task: Annotated[str, Meta(description="its key, as the list of tasks names it")]


def holders(case: Case, node: str) -> dict[str, str]:
    """By task of this node, the account that has it, by what stands on the case."""
    found: dict[str, str] = {}
    for entry in case.entries:
        if entry.origin.node != node:
            continue
        if tells(entry, TaskClaimed):
            found[entry.event.task] = entry.origin.actor
        elif tells(entry, TaskGiven):
            found[entry.event.task] = entry.event.account
        elif tells(entry, TaskGivenBack):
            found.pop(entry.event.task, None)
    return found


def _holder(situation: Situation, task: str) -> str:
    """The account that has a task and still signs in; empty where it is the role's."""
    name = holders(situation.case, situation.site.node).get(task, "")
    return name if name in situation.record.staff else ""


def _not_there(situation: Situation, task: str) -> Iterator[Reason]:
    if task not in situation.record.tasks:
        yield Reason("journey.task.unknown", where="task")


def _may_hand_on(situation: Situation, task: str) -> bool:
    """Whoever has it, whoever is of its role while nobody has it, and the coordinator."""
    actor, holder = situation.actor, _holder(situation, task)
    return holder == actor.account or Role.COORDINATOR in actor.roles or (not holder and _is_of_role(actor.roles, situation.record.tasks.get(task, "")))


def _is_of_role(has: frozenset[Role] | frozenset[str], role: str) -> bool:
    return role in {str(one) for one in has}


def claim_task(situation: Situation, given: ClaimTask) -> Verdict:
    """The task is the person's who took it, unless somebody else has it."""
    role, holder, actor = situation.record.tasks.get(given.task, ""), _holder(situation, given.task), situation.actor
    against = [*_not_there(situation, given.task)]
    if role and not _is_of_role(actor.roles, role):
        against.append(Reason("journey.task.other_role", {"role": role}, where="task"))
    if holder == actor.account:
        against.append(Reason("journey.task.yours", where="task"))
    elif holder:
        against.append(Reason("journey.task.held", where="task"))
    if actor.account not in situation.record.staff:
        against.append(Reason("journey.task.no_account", where="task"))
    return refuse(*against) if against else (TaskClaimed(task=given.task),)


def give_task(situation: Situation, given: GiveTask) -> Verdict:
    """The task is a colleague's of its role, who is told."""
    role = situation.record.tasks.get(given.task, "")
    against = [*_not_there(situation, given.task)]
    if not against and not _may_hand_on(situation, given.task):
        against.append(Reason("journey.task.not_yours", {"role": role}, where="task"))
    if given.account not in situation.record.staff:
        against.append(Reason("journey.task.nobody", where="account"))
    elif role and not _is_of_role(situation.record.staff[given.account], role):
        against.append(Reason("journey.task.not_of_role", {"role": role}, where="account"))
    elif _holder(situation, given.task) == given.account:
        against.append(Reason("journey.task.has_it", where="account"))
    return refuse(*against) if against else (TaskGiven(task=given.task, account=given.account),)


def give_task_back(situation: Situation, given: GiveTaskBack) -> Verdict:
    """The task is the role's again."""
    against = [*_not_there(situation, given.task)]
    if not against and not _holder(situation, given.task):
        against.append(Reason("journey.task.nobodys", where="task"))
    elif not against and not _may_hand_on(situation, given.task):
        against.append(Reason("journey.task.not_yours", {"role": situation.record.tasks[given.task]}, where="task"))
    return refuse(*against) if against else (TaskGivenBack(task=given.task),)


# --- FHIR -----------------------------------------------------------------------------------------------------------


def _rendered(writer: Writer, status: str, task: str, owner: str) -> None:
    as_task(writer, status, "task of the case", writer.told.node)
    mine = {"identifier": [{"system": "urn:baybridge:task", "value": task}], **({"owner": account(owner)} if owner else {})}
    writer.resources[-1].update(mine)


def claimed(event: TaskClaimed, writer: Writer) -> None:
    """As Task with its owner."""
    _rendered(writer, "accepted", event.task, writer.told.actor)


def was_given(event: TaskGiven, writer: Writer) -> None:
    """As Task with its owner."""
    _rendered(writer, "requested", event.task, event.account)


def was_given_back(event: TaskGivenBack, writer: Writer) -> None:
    """As Task of nobody in particular."""
    _rendered(writer, "ready", event.task, "")


_STAFF = roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY, Role.MANUFACTURER, Role.QUALITY)
_BY_COORDINATOR = Correction(Role.COORDINATOR)
_CHOICES: Mapping[str, str] = {"task": "task", "account": "task_account"}


def _row(given: type[Struct], rule: Rule, event: EventRow) -> CommandRow:
    """The row of a command about a task: they differ in what they do alone, and their buttons stand beside the task."""
    return CommandRow(
        given, rule, _STAFF, (event,), page="overview", correction=_BY_COORDINATOR, kinds=ANYWHERE, needs=reads("tasks", "staff"), blocked=never_blocked,
        button=None, choices=_CHOICES,
    )  # fmt: skip


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    _row(ClaimTask, claim_task, EventRow(TaskClaimed, claimed)),
    _row(GiveTask, give_task, EventRow(TaskGiven, was_given)),
    _row(GiveTaskBack, give_task_back, EventRow(TaskGivenBack, was_given_back)),
)
