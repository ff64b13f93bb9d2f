"""Which entries of a case a reader may see one by one: those of the pages that the reader may open.

Main job: `against(view, entry)`. The timeline and the page of an entry gather what stands on many pages, some of which are not open to every role.
`letters_shown(view)`, the letters to the team that a reader may see: somebody who helps sees those that this person wrote, and all only with everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.followup.letters import Letter, letters_of
from baybridge.journey.command import Role
from baybridge.journey.corrections.correcting import find
from baybridge.journey.entry import Entry
from baybridge.journey.events import (
    ConfirmationAsked,
    ConfirmationDeclined,
    EntryCorrected,
    EntryReinstated,
    Event,
    PatientAnswered,
    PatientWrote,
)
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import access
from baybridge.web.case.tabs import TABS
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page import told

#: What somebody who helps has to be shown for an entry, by its chapter or its own name: signed exceptions say results and costs alike, a card is a paper.
_HELPER: Mapping[str, str] = {
    **dict.fromkeys(("referral", "decisions", "cells", "treatment", "calls", "follow_up"), "case.timeline"),
    "money": "case.funding",
    "attachments": "case.attachments",
    "HealthCardIssued": "case.card",
    "GateExceptionSigned": "case.sharing",
}
#: A page that is open only to who sees everything that the patient sees.
_EVERYTHING = "case.sharing"


def against(view: CaseView, entry: Entry[Any]) -> Refusal | None:
    """Why the reader may not see an entry; None where nothing stands against it."""
    person, event = view.asked.person, entry.event
    if told.of_calls(event) and not view.told_of_calls:
        return _closed(person.role, "case.bedside")
    if person.role is Role.PATIENT:
        return None  # whose own entries they are
    if isinstance(event, EntryCorrected | EntryReinstated):
        meant = find(view.case, event.event_id)
        if meant is not None and not isinstance(meant.event, EntryCorrected | EntryReinstated):
            return against(view, meant)
    if person.role is Role.CAREGIVER:
        return _against_helper(view, event)
    if isinstance(event, PatientWrote | PatientAnswered):
        return None if allowed(view.asked, COMMANDS["AnswerPatient"]) else _closed(person.role, "case.bedside")
    if person.role is Role.MANUFACTURER and entry.origin.told:
        return None  # a plant is told what it needs
    if isinstance(event, EntryCorrected | EntryReinstated):  # of an entry that is not here, or that is one of these itself
        return None if access.opens_every_entry(person.role) else _closed(person.role, "case.timeline")
    if isinstance(event, ConfirmationAsked | ConfirmationDeclined):
        return _against_asked(person.role, event.command)
    action = access.action_of_event(type(event))
    return access.may(action, person, view.asked.node.site) if action else None


def _against_asked(role: Role, command: str) -> Refusal | None:
    """The same for a command that waits for a second person: the page on which it is given, and those on which what comes of it stands."""
    row = COMMANDS.get(command)
    if row is None:
        return None if access.opens_every_entry(role) else _closed(role, "case.timeline")
    needed = (TABS[row.page], *(access.action_of_event(one.event) for one in row.events))
    return next((_closed(role, action) for action in needed if action and role not in access.roles(action)), None)


def _closed(role: Role, action: str) -> Refusal:
    return refuse(Reason("access.role", {"role": role.value, "action": action}), category=Category.FORBIDDEN)


def _against_helper(view: CaseView, event: Event) -> Refusal | None:
    """The same for somebody who helps: letters by who wrote them, everything else by what was named; what has no row only with everything."""
    if isinstance(event, PatientWrote | PatientAnswered) and event.letter_id in {one.entry.event.letter_id for one in letters_shown(view)}:
        return None
    needed = _HELPER.get(type(event).__name__) or _HELPER.get(_chapter(event)) or _EVERYTHING
    return None if view.shows(needed) else _closed(Role.CAREGIVER, needed)


def letters_shown(view: CaseView) -> tuple[Letter, ...]:
    """The letters to the team that this reader may see, the newest first."""
    person, every = view.asked.person, letters_of(view.case)
    if person.role is not Role.CAREGIVER or view.shows(_EVERYTHING):
        return every
    return tuple(one for one in every if one.entry.origin.is_of(person.account, person.person))


def _chapter(event: Event) -> str:
    return type(event).__module__.rpartition(".")[2]
