"""A walk of the demo that strikes through what it has just entered, compares the state with the one before, and enters it again.

Main job: `CorrectingWalk`: every command of the road that makes entries which people put right is tried once; `tried` says what came of it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from baybridge.base.outcome import Refusal
from baybridge.demo.walk import Refused, Walk
from baybridge.journey.command import Command, Role
from baybridge.journey.events import Recorded
from baybridge.node.case_state import case_state
from baybridge.node.clock import new_id
from baybridge.node.commands.given import read_given
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.corrections.making import commands_making
from baybridge.node.handle import handle
from baybridge.web.case.as_given import as_given
from baybridge.web.forms.choices import CHOICES
from house.test_plain_text import has_set, texts_of

_FIELD = re.compile(r"[.\[]")
#: What differs from history to history, or is read from the clock.
_IDS = frozenset({"event_id", "call_id", "late", "steps"})


@dataclass
class CorrectingWalk(Walk):
    """Tries each command once: by name, the differences to the state before ('' where there are none), or why it could not be struck through.

    `lost` are the fields of an input, as Command.field, that the form on which its entry is put right would not be filled in with as they were given.
    """

    tried: dict[str, str] = field(default_factory=dict)
    made_up: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)

    def do_for(self, node: str, role: Role, organisation: str, name: str, /, **given: Any) -> None:
        """The command; where it is new here, also its correction, and the command again."""
        self._make_up(node, role, organisation, name, given)
        wanted = name not in self.tried and COMMANDS[name].correction.role is not None
        before, known = (self.state(node), len(self.nodes[node].events(self.case_id))) if wanted and self.case_id else (None, 0)
        super().do_for(node, role, organisation, name, **given)
        if not wanted or before is None:
            return
        entered = [item for item in self.nodes[node].events(self.case_id)[known:] if self._by_hand(item, name)]
        self.lost |= {f"{name}.{given_field}" for item in entered for given_field in not_filled_in(COMMANDS[name], item, given)}
        refused = [answer for item in reversed(entered) if (answer := self.void(node, item, {role}, organisation))]
        self.tried[name] = ", ".join(refused) or difference(before, self.state(node))
        if not refused:
            super().do_for(node, role, organisation, name, **self._again(node, role, name, given))

    def _again(self, node: str, role: Role, name: str, given: dict[str, Any]) -> dict[str, Any]:
        """What is given once more; a one-time code is a fresh one."""
        return {**given, "code": self.courier_code(node, role, given["shipment_id"])} if name == "ConfirmCourier" else given

    def _make_up(self, node: str, role: Role, organisation: str, name: str, given: Mapping[str, Any]) -> None:
        """Each choice of the command with a code that nothing has; kept is '' where the answer names the field, or else the answer."""
        for path, changed in with_made_up(COMMANDS[name], given):
            if f"{name}.{path}" not in self.made_up:
                answer = handle(self.nodes[node], Command(name, self.case_id, changed, self.people(node).one(role, organisation), new_id(self.clock)))
                named = {_FIELD.split(reason.where)[0] for reason in answer.reasons} if isinstance(answer, Refusal) else set[str]()
                self.made_up[f"{name}.{path}"] = "" if path.split(".")[0] in named else str(answer)

    def _by_hand(self, item: Recorded, name: str) -> bool:
        making = {row.name for row in commands_making(type(item.event))}
        computed = {row.event for row in COMMANDS[name].events if row.computed}
        return name in making and type(item.event) not in computed and item.role != Role.SYSTEM.value

    def void(self, node: str, item: Recorded, among: Collection[Role], organisation: str) -> str:
        """Strike an entry through, as whoever answers for it or entered it, with a second person where one is asked; the codes of a refusal."""
        wanted = commands_making(type(item.event))[0].correction.role
        role = Role(item.role) if Role(item.role) in among else wanted or Role(item.role)
        if role is Role.PAYER and wanted is not None:  # the payer's second person has no account in the demo
            role, organisation = wanted, item.organisation
        given = {"event_id": item.event_id, "action": "void", "reason": "entered-twice"}
        try:
            super().do_for(node, role, organisation, "CorrectEntry", **given)
        except Refused as refused:
            return str(refused)
        return ""

    def state(self, node: str) -> dict[str, Any]:
        """The state at a node without entries and ids, and without checks of transfers: what was told stays told."""
        found = case_state(self.nodes[node], self.case_id, at=None)
        if isinstance(found, Refusal):
            return {}
        kept = [decision for decision in found["decisions"] if decision["policy"] != "transfer-check"]
        return {name: plain(value) for name, value in {**found, "decisions": kept}.items() if name != "entries"}


def not_filled_in(row: CommandRow, item: Recorded, given: Mapping[str, Any]) -> Iterator[str]:
    """The fields of an input that the form on which its entry is put right does not repeat, or with another value."""
    said = msgspec.to_builtins(as_given(row, item.event))
    before, after = read_given(row, given), read_given(row, {**given, **said})
    for name, value in given.items():
        repeated = not isinstance(before, Refusal) and not isinstance(after, Refusal) and getattr(before, name) == getattr(after, name)
        if value not in (None, "", False) and (name not in said or not repeated):
            yield name


def with_made_up(row: CommandRow, given: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The input with each of its choices in turn made up, by the path of the field."""
    closed = {path for _, path, meta in texts_of(row) if row.choices.get(last := path.rsplit(".", 1)[-1], last) in CHOICES or has_set(meta)}
    for path in sorted(closed):
        changed = copy.deepcopy(dict(given))
        if _make(changed, path.split(".")):
            yield path, changed


def _make(given: Any, path: Sequence[str]) -> bool:
    """Put a made-up code where the path leads, in the first row of a table; whether there was something."""
    if isinstance(given, list | tuple):
        return bool(given) and _make(given[0], path)
    there = given.get(path[0]) if isinstance(given, dict) else None
    if not there:
        return False
    if len(path) > 1:
        return _make(there, path[1:])
    given[path[0]] = ["made-up"] if isinstance(there, list | tuple) else "made-up"
    return True


def plain(value: Any) -> Any:
    """Without ids, lists in an order of their own."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if name not in _IDS}
    return sorted((plain(item) for item in value), key=repr) if isinstance(value, list) else value


def difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The parts of the state that differ."""
    return ", ".join(f"{name}: {before.get(name)} became {after.get(name)}" for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name))
