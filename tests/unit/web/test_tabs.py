"""Each role sees the parts of a case that are its own; each command has a tab."""

from __future__ import annotations

import pytest

from baybridge.journey.command import Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people.access import ACTIONS
from baybridge.web.case import tabs


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_tab(name: str) -> None:
    assert COMMANDS[name].page in tabs.TABS


@pytest.mark.parametrize("role", Role)
def test_nobody_sees_a_tab_that_access_does_not_allow(role: Role) -> None:
    assert all(role in ACTIONS[tabs.TABS[name]] for name in tabs.shown(role))


def test_a_payer_begins_at_funding_and_sees_its_messages_and_nothing_else() -> None:
    assert tabs.shown(Role.PAYER) == ("funding", "messages")
    assert tabs.home_tab(Role.PAYER) == "funding"


def test_the_manufacturer_sees_cells_not_the_patient() -> None:
    assert tabs.shown(Role.MANUFACTURER) == ("overview", "cells", "timeline")


def test_every_tab_stands_in_one_of_eight_groups() -> None:
    assert sorted(name for inside in tabs.GROUPS.values() for name in inside) == sorted(tabs.TABS)
    assert len(tabs.GROUPS) == 8


@pytest.mark.parametrize("role", Role)
def test_groups_hold_what_a_role_sees_and_no_empty_group(role: Role) -> None:
    grouped = tabs.grouped(role)
    assert sorted(name for _, inside in grouped for name in inside) == sorted(tabs.shown(role))
    assert all(inside for _, inside in grouped)
