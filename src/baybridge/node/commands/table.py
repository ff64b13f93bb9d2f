"""Every command and every event, gathered from the rows that stand beside the rules in the parts.

Main job: the tables `COMMANDS` and `EVENTS`. Page, command line (`baybridge do`) and `POST /do/{Command}` are made from the first, FHIR and what other nodes
are told from the second; a command without a row does not exist.

A module of a part is read where it has `COMMAND_ROWS` or `EVENT_ROWS` (`journey/row.py`); nothing is registered when it is imported. Whether an actor may touch this
very case is decided in `people/access.py`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType

from baybridge import bedside, consent, exchange, followup, funding, journey, matching, recognition, signing, supply
from baybridge.journey.command import Gate
from baybridge.journey.events import Event
from baybridge.journey.row import CommandRow, EventRow, events_of

__all__ = ["COMMANDS", "EVENTS", "GATES", "PARTS", "CommandRow", "EventRow", "gather"]

#: The parts that have rules, in the order of the road, and what stands across all of them: corrections, exceptions, boards.
PARTS: tuple[ModuleType, ...] = (signing, matching, consent, recognition, exchange, funding, supply, bedside, followup, journey)


#: Rooms that hold no rule of a case: they compute over whole tables with NumPy, which a node need not load to start.
_WITHOUT_RULES = ("baybridge.funding.population.",)


def modules(parts: tuple[ModuleType, ...]) -> Iterator[ModuleType]:
    """Every module of these parts that may hold rules, by name."""
    for part in parts:
        for found in pkgutil.walk_packages(part.__path__, f"{part.__name__}."):
            if not found.name.startswith(_WITHOUT_RULES):
                yield importlib.import_module(found.name)


def gather(parts: tuple[ModuleType, ...] = PARTS) -> tuple[dict[str, CommandRow], dict[type[Event], EventRow]]:
    """The rows of these parts: commands by name, events by type. Raises ValueError where two rows speak of the same command or differ on an event."""
    commands: dict[str, CommandRow] = {}
    events: dict[type[Event], EventRow] = {}
    for module in modules(parts):
        rows: tuple[CommandRow, ...] = vars(module).get("COMMAND_ROWS", ())
        for row in rows:
            if row.given.__module__ != module.__name__ or row.name in commands:
                raise ValueError(f"{module.__name__}: the row of {row.name} stands in another place already, or not beside its input")
            commands[row.name] = row
        lone: tuple[EventRow, ...] = vars(module).get("EVENT_ROWS", ())
        for event in (*events_of(rows), *lone):
            if events.setdefault(event.event, event) != event:
                raise ValueError(f"{module.__name__}: two rows differ on {event.event.__name__}")
    return commands, events


_GATHERED = gather()
COMMANDS: Mapping[str, CommandRow] = MappingProxyType(_GATHERED[0])
EVENTS: Mapping[type[Event], EventRow] = MappingProxyType(_GATHERED[1])
#: The gates of the road, by name.
GATES: Mapping[str, Gate] = MappingProxyType({row.gate.name: row.gate for row in COMMANDS.values() if row.gate is not None})
