"""The row of a command: everything that page, command line, HTTP, FHIR and other nodes need to know about it, in one value.

Main job: `CommandRow` and `EventRow`. A part writes its rows beside its rules, as `COMMAND_ROWS` and `EVENT_ROWS` (events that follow no command) of the
module; `node/commands/table.py` gathers them. A command without a row does not exist, an event without one cannot be rendered.

Elsewhere: what a rule sees in `command.py`, what a form is filled in from in `prefill.py`. **Source** of `second`: contract K3; of `correction`: K2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import fields

from baybridge.base.outcome import Reason, Refusal
from baybridge.journey.checks import alive
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.events import Event
from baybridge.journey.fhir.writer import Writer
from baybridge.journey.prefill import FormContext

Rule = Callable[[Situation, Any], Verdict]
Blocked = Callable[[Situation], Iterator[Reason]]
#: Of an input and of the event that it is to replace.
Beside = Callable[[Situation, Any, Any], Iterator[Reason]]
Renderer = Callable[[Any, Writer], None]
Prefill = Callable[[FormContext], Mapping[str, object]]

CENTRE = frozenset({"centre"})
PLANT = frozenset({"plant"})
CELLS = CENTRE | PLANT
ANYWHERE: frozenset[str] = frozenset()

#: What is read from a label, never from the screen. Source: conventions of this project, `custody.py`.
LABELS = frozenset({"chain_of_identity", "bag", "bags", "from_bags", "wrist_band", "order"})


@dataclass(frozen=True, slots=True)
class EventRow:
    """One kind of event: how it reads in FHIR and who else hears of it.

    `told` are the purposes of transfer whose packages tell it to another node; `only_from` is the kind of node that alone can tell it (none: any).
    `computed` says that no person entered it: it follows from what a person entered, and is put right with that. `refuses` answers the refusal
    that such an event is the record of, for a command that comes again.
    """

    event: type[Event]
    fhir: Renderer
    told: frozenset[str] = frozenset()
    only_from: str | None = None
    computed: bool = False
    refuses: Callable[[Any], Refusal] | None = None


def always(_: Situation, __: object) -> bool:
    """Whatever the input."""
    return True


@dataclass(frozen=True, slots=True)
class Second:
    """A second person confirms before the event is made: another person in one of `roles` (none: those of the command).

    `meaning` is what the second person says by it, `entered` what the first one does (codes, `meaning.CODE` in the translations). `when(situation, given)`
    answers whether this input asks for a second person at all; `among(situation, given)` names the roles where they depend on the input; `otherwise` holds
    `entered` and `meaning` for events by which something else is signed. How long the other person may take stands in the document `access/people.yaml`.
    """

    meaning: str
    roles: frozenset[Role] = frozenset()
    entered: str = "entered"
    when: Callable[[Situation, Any], bool] = always
    among: Callable[[Situation, Any], frozenset[Role]] | None = None
    otherwise: Mapping[type[Event], tuple[str, str]] = field(default_factory=dict)

    def means(self, events: Sequence[Event]) -> tuple[str, str]:
        """What the first person does and the second one says, where these events follow."""
        return next((self.otherwise[type(event)] for event in events if type(event) in self.otherwise), (self.entered, self.meaning))

    def who(self, row: CommandRow, situation: Situation, given: object) -> frozenset[Role]:
        """The roles of which one confirms this input."""
        return (self.among(situation, given) if self.among else self.roles) or row.roles


def with_quality(situation: Situation, _: object) -> frozenset[Role]:
    """One of two is of quality: whoever is not is joined by quality; quality by whoever works on the cells or treats the patient."""
    others = {Role.MANUFACTURER, Role.PHARMACIST, Role.PHYSICIAN, Role.QUALITY}
    return frozenset(others if situation.actor.role is Role.QUALITY else {Role.QUALITY})


@dataclass(frozen=True, slots=True)
class Correction:
    """How an entry is put right: by the person who made it or by `role` of the same site; `second`: whether another person confirms it.

    `undo` names the command that takes such an entry back in its own way; it is not corrected otherwise.
    """

    role: Role | None
    second: Literal["never", "always", "lowered"] = "never"
    undo: str | None = None


CLINICAL = Correction(Role.PHYSICIAN)
OF_CELLS = Correction(Role.QUALITY)
OF_MONEY = Correction(Role.COORDINATOR)


def nothing_known(_: FormContext) -> Mapping[str, object]:
    """Prefill of a command whose case says no more than every form shows."""
    return {}


def nothing_beside(_: Situation, __: object, ___: object) -> Iterator[Reason]:
    """No other entry stands against an input."""
    yield from ()


def never_blocked(_: Situation) -> Iterator[Reason]:
    """Nothing stands against a command whatever its input."""
    yield from ()


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command: its input and rule, who gives it where, the events that follow, and how people meet it.

    - `kinds`: the kinds of node where it is given (none: any); `step` of the pathway; `purpose` of access; `opens`: it begins a case;
      `unrelated`: it asks for no relation to the case; `names_case`: it acts on the case of its input;
    - `needs` names what the rule reads from `situation.record`; `blocked` gives the reasons that stand whatever the input, for the button;
    - `page` is the tab on which it is found; `button` the group in which its button stands there, None where it stands beside what it is about;
      `place` its place among the others;
    - `beside` gives the reasons that stand against an input because of other entries, whenever these were recorded: a correction asks it of everything that stands
      without the entry that it replaces, because the rule alone sees what was known when that entry was made;
    - `prefill` is what a case says about its input beyond what every form shows; `choices` names, by field, what is chosen from where it is not the
      choice of that field's own name; `scanned` are the fields that are read from labels and therefore never filled in;
    - `gate` names what must hold before it, which a physician may pass by an exception;
    - `second`: whether a second person confirms; `signed`: the meaning with which whoever gives the command signs its events, where one person is enough;
      `correction`: how an entry is put right.
    """

    given: type[Struct]
    rule: Rule
    roles: frozenset[Role]
    events: tuple[EventRow, ...]
    page: str
    correction: Correction
    kinds: frozenset[str] = CENTRE
    unrelated: bool = False
    names_case: bool = False
    step: str | None = None
    purpose: str = "care"
    needs: frozenset[str] = frozenset()
    opens: bool = False
    blocked: Blocked = alive
    beside: Beside = nothing_beside
    button: str | None = "here"
    place: int = 100
    prefill: Prefill = nothing_known
    choices: Mapping[str, str] = field(default_factory=dict)
    scanned: frozenset[str] = frozenset()
    gate: Gate | None = None
    second: Second | None = None
    signed: str = ""

    @property
    def name(self) -> str:
        """The command's name: that of its input."""
        return self.given.__name__

    @property
    def part(self) -> str:
        """The part of the product whose rule it is."""
        return self.given.__module__.split(".")[1]

    @property
    def form(self) -> tuple[str, ...]:
        """The fields in the order in which a person fills them in."""
        return self.given.__struct_fields__


def told_in(*purposes: str) -> frozenset[str]:
    """The purposes of transfer with which an event is told."""
    return frozenset(purposes)


def roles(*names: Role) -> frozenset[Role]:
    """The roles that give a command."""
    return frozenset(names)


def reads(*names: str) -> frozenset[str]:
    """What a rule reads from the record."""
    return frozenset(names)


def labels_of(given: type[Struct], *others: str) -> frozenset[str]:
    """The fields of an input that stand on labels, and others that are scanned as well."""
    return LABELS & {item.name for item in fields(given)} | frozenset(others)


def events_of(rows: Iterable[CommandRow]) -> Iterator[EventRow]:
    """The events that follow these commands."""
    return (event for row in rows for event in row.events)
