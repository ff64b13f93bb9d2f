"""Which entries of a case a reader may see one by one: those of the pages that the reader may open.

Main job: `against(view, entry)`. The timeline and the page of an entry gather what stands on many pages, some of which are not open to every role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Role
from baybridge.journey.corrections.correcting import find
from baybridge.journey.entry import Entry
from baybridge.journey.events import EntryCorrected, EntryReinstated, Event, PatientAnswered, PatientWrote
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import access
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page import told

#: What a page on which the entries of a chapter stand needs; a chapter that is not here is open to whoever reads the case.
_ACTIONS: Mapping[str, str] = {
    "treatment": "case.bedside",
    "calls": "case.bedside",
    "follow_up": "case.bedside",
    "money": "case.funding",
    "sharing": "case.sharing",
    "attachments": "case.attachments",
    "messages": "case.bedside",
    "case_messages": "case.messages",
}


def against(view: CaseView, entry: Entry[Any]) -> Refusal | None:
    """Why the reader may not see an entry; None where nothing stands against it."""
    person, event = view.asked.person, entry.event
    if told.of_calls(event) and not view.told_of_calls:
        return refuse(Reason("access.role", {"role": person.role.value, "action": "case.bedside"}), category=Category.FORBIDDEN)
    if person.role is Role.PATIENT:
        return None  # whose own entries they are
    if person.role is Role.CAREGIVER:
        needed = "case.first" if isinstance(event, PatientWrote | PatientAnswered) else _ACTIONS.get(_chapter(event), "case.timeline")
        return None if view.shows(needed) else refuse(Reason("access.role", {"role": person.role.value, "action": needed}), category=Category.FORBIDDEN)
    if isinstance(event, PatientWrote | PatientAnswered):
        open_to_reader = allowed(view.asked, COMMANDS["AnswerPatient"])
        return None if open_to_reader else refuse(Reason("access.role", {"role": person.role.value, "action": "case.bedside"}), category=Category.FORBIDDEN)
    if isinstance(event, EntryCorrected | EntryReinstated):
        meant = find(view.case, event.event_id)
        return against(view, meant) if meant is not None and not isinstance(meant.event, EntryCorrected | EntryReinstated) else None
    if person.role is Role.MANUFACTURER and entry.origin.told:
        return None  # a plant is told what it needs
    action = _ACTIONS.get(_chapter(event))
    return access.may(action, person, view.asked.node.site) if action else None


def _chapter(event: Event) -> str:
    return type(event).__module__.rpartition(".")[2]
