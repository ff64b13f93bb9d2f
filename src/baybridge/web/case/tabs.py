"""The tabs of a case: which there are, in which groups they stand, who sees which, and which buttons stand on each.

Main job: `TABS`, `shown(role)`, `grouped(role)` and `buttons_of(tab)`; the tab of a command stands in its row. What a role may do at all stands in
`node/people/access.py`; here only what helps that role is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people.access import ACTIONS, shows

#: Tabs in order, with the action that each needs.
TABS: Mapping[str, str] = {
    "overview": "case.first",
    "facts": "case.facts",
    "options": "case.facts",
    "eligibility": "case.facts",
    "tests": "case.tests",
    "identity": "case.identity",
    "card": "case.card",
    "funding": "case.funding",
    "sharing": "case.sharing",
    "cells": "case.cells",
    "bedside": "case.bedside",
    "followup": "case.bedside",
    "attachments": "case.attachments",
    "messages": "case.messages",
    "timeline": "case.timeline",
    "looked": "case.who_looked",
    "requests": "case.requests",
    "evidence": "case.evidence",
}

#: Tabs by what they are about, as the head of a case shows them; a tab's address does not name its group.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "overview": ("overview", "timeline"),
    "record": ("facts", "tests", "attachments"),
    "choice": ("eligibility", "options"),
    "cells": ("cells",),
    "care": ("bedside", "followup"),
    "money": ("funding",),
    "messages": ("messages",),
    "person": ("identity", "card", "sharing", "looked", "requests", "evidence"),
}

#: What the plant's people need of a case: its cells, not the patient.
_PLANT_TABS = ("overview", "cells", "timeline")


def buttons_of(tab: str, *groups: str) -> tuple[str, ...]:
    """The commands that have a button on a tab, in order; of some groups alone where they are named."""
    found = [row for row in COMMANDS.values() if row.page == tab and row.button is not None and (not groups or row.button in groups)]
    return tuple(row.name for row in sorted(found, key=lambda row: (row.place, row.name)))


def shown(role: Role, opened: Collection[str] = frozenset()) -> tuple[str, ...]:
    """The tabs that a role sees, in order; of somebody who helps, those of what is opened."""
    allowed = tuple(name for name, action in TABS.items() if role in ACTIONS[action] and (role is not Role.CAREGIVER or shows(action, opened)))
    return tuple(name for name in allowed if name in _PLANT_TABS) if role is Role.MANUFACTURER else allowed


def grouped(role: Role, opened: Collection[str] = frozenset()) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The tabs that a role sees, by their groups, in order; no group without a tab."""
    seen = shown(role, opened)
    groups = ((name, tuple(one for one in inside if one in seen)) for name, inside in GROUPS.items())
    return tuple((name, inside) for name, inside in groups if inside)


def address(case_id: str, tab: str) -> str:
    """The address of a tab of a case."""
    return f"/cases/{case_id}" if tab == "overview" else f"/cases/{case_id}/{tab}"


#: Commands whose form is a page of its own, by its address below the case.
_OWN_FORMS: Mapping[str, str] = {"IssueQuote": "funding/ask"}


def form_of(case_id: str, command: str) -> str:
    """The address of the form of a command."""
    return f"/cases/{case_id}/{_OWN_FORMS.get(command, f'do/{command}')}"


def home_tab(role: Role) -> str:
    """The tab where a role begins."""
    return next(iter(shown(role)), "overview")
