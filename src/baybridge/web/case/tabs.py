"""The tabs of a case: which there are, who sees which, and on which a command is found.

Main job: `TABS`, `shown(role)` and `tab_of(kind)`. What a role may do at all stands in `node/people/access.py`; here only what helps that role is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.journey.command import Role
from baybridge.node.commands.table import CommandKind
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
    "timeline": "case.timeline",
    "evidence": "case.evidence",
}

#: What the plant's people need of a case: its cells, not the patient.
_PLANT_TABS = ("overview", "cells", "timeline", "evidence")

_PARTS: Mapping[str, str] = {
    "consent": "sharing", "exchange": "sharing", "recognition": "tests", "funding": "funding", "supply": "cells", "bedside": "bedside", "followup": "followup",
}  # fmt: skip
_STEPS: Mapping[str, str] = {
    "identity": "identity", "card": "card", "records": "facts", "eligibility": "eligibility", "product": "eligibility", "response_d28": "followup",
}  # fmt: skip


def tab_of(kind: CommandKind) -> str:
    """The tab on which a command is found: by its step of the pathway, else by its part."""
    return _STEPS.get(kind.step or "") or _PARTS.get(kind.part, "overview")


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
