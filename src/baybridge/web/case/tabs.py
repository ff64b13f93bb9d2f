"""The tabs of a case: which there are, who sees which, and which buttons stand on each.

Main job: `TABS`, `shown(role)` and `buttons_of(tab)`; the tab of a command stands in its row. What a role may do at all stands in
`node/people/access.py`; here only what helps that role is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people.access import ACTIONS

#: Tabs in order, with the action that each needs.
TABS: Mapping[str, str] = {
    "overview": "case.read",
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
    "timeline": "case.timeline",
    "looked": "case.who_looked",
    "evidence": "case.evidence",
}

#: What the plant's people need of a case: its cells, not the patient.
_PLANT_TABS = ("overview", "cells", "timeline", "evidence")

def buttons_of(tab: str, *groups: str) -> tuple[str, ...]:
    """The commands that have a button on a tab, in order; of some groups alone where they are named."""
    found = [row for row in COMMANDS.values() if row.page == tab and row.button is not None and (not groups or row.button in groups)]
    return tuple(row.name for row in sorted(found, key=lambda row: (row.place, row.name)))


def shown(role: Role) -> tuple[str, ...]:
    """The tabs that a role sees, in order."""
    allowed = tuple(name for name, action in TABS.items() if role in ACTIONS[action])
    return tuple(name for name in allowed if name in _PLANT_TABS) if role is Role.MANUFACTURER else allowed


def address(case_id: str, tab: str) -> str:
    """The address of a tab of a case."""
    return f"/cases/{case_id}" if tab == "overview" else f"/cases/{case_id}/{tab}"


def home_tab(role: Role) -> str:
    """The tab where a role begins."""
    return (shown(role) or ("overview",))[0]
