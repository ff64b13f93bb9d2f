"""Who may do what is told from the accounts and the commands themselves, and nothing is told of who may not read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from baybridge.cli.main import main
from baybridge.journey.command import Actor, Role
from baybridge.node.commands.table import COMMANDS
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import administration, rights
from baybridge.node.people.account_changes import ASSIGNABLE, Add, Changed, Disable
from baybridge.node.upkeep.founding import found

NOW = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    people = [{"name": name, "role": role, "password": "three plain words"} for name, role in (("boss", "administrator"), ("doctor", "physician"))]
    found(tmp_path / "node", {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre"], "accounts": people})
    made = Node(read_config(tmp_path / "node"), now=lambda: NOW)
    yield made
    made.storage.close()


def test_every_command_stands_under_each_of_its_roles_and_no_other() -> None:
    told = {(right.command, role) for role, rows in rights.of_roles().items() for right in rows}
    assert told == {(name, role) for name, row in COMMANDS.items() for role in row.roles if role in ASSIGNABLE}
    confirmed = {right.command for rows in rights.of_roles().values() for right in rows if right.confirmed_by}
    assert confirmed == {name for name, row in COMMANDS.items() if row.second is not None}


def test_a_person_is_told_once_with_the_roles_of_accounts_that_sign_in(node: Node) -> None:
    operator = Actor("operator", Role.ADMINISTRATOR, "Hospital")
    first = administration.change(node, operator, Add(account="w1", person="Wong", roles=("nurse",), profession="RN", registration="N1", leaves_on=date(2026, 3, 20)))
    assert isinstance(first, Changed)
    administration.change(node, operator, Add(account="w2", person="Wong", roles=("coordinator",), person_id=first.person_id))
    administration.change(node, operator, Disable("doctor", "left"))
    with node.storage.reading() as connection:
        people = {one.name: one for one in rights.of_people(connection, NOW)}
    assert (people["Wong"].roles, len(people["Wong"].accounts), people["Wong"].registration) == ((), 2, "N1"), "invited, so in no role yet"
    assert people["Wong"].leaves_at == "2026-03-21T00:00:00+08:00", "told beforehand"
    assert (people["doctor"].roles, people["boss"].roles) == ((), ("administrator",))


def test_the_command_prints_both_lists(node: Node, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["user", "rights", "--node", str(tmp_path / "node"), "--json"])
    said = json.loads(done.stdout)
    assert [one["name"] for one in said["people"]] == ["boss", "doctor"]
    assert {one["role"] for one in said["roles"]} == {role.value for role in ASSIGNABLE}
    plain = CliRunner().invoke(main, ["user", "rights", "--node", str(tmp_path / "node")])
    assert "physician: " in plain.stdout
