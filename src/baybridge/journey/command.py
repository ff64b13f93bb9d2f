"""Commands, and the situation in which one is judged.

Main job: the values that every rule of every part receives. A part's rule is a pure function

    def collect(situation: Situation, given: Collect) -> Verdict

that answers the events that follow, or a refusal with every reason. `node/commands/table.py` is the table that names each command
with its roles and its rule; `node/handle.py` is the only caller.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo

from baybridge.base.outcome import Refusal
from baybridge.base.time import CHINA
from baybridge.journey.case import Case
from baybridge.journey.events import Event
from baybridge.journey.judged import Judged

#: How a person proved who it is: by the session in which something was done, or once more for this.
Method = Literal["session", "password", "code", "passkey"]

Verdict = tuple[Event, ...] | Judged | Refusal


class Role(StrEnum):
    """What a person is to a case; access and tasks name these."""

    COORDINATOR = "coordinator"
    PHYSICIAN = "physician"
    NURSE = "nurse"
    PHARMACIST = "pharmacist"
    LABORATORY = "laboratory"
    MANUFACTURER = "manufacturer"
    QUALITY = "quality"
    PAYER = "payer"
    ALLIANCE = "alliance"
    PATIENT = "patient"
    ADMINISTRATOR = "administrator"
    NODE = "node"  # another node, by its signature
    SYSTEM = "system"  # this node's own worker


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an opaque account, the role in which, and the organisation.

    `person` is whose account it is, empty where nobody signed in; `also` are further roles of the account; `method` is how the person last proved who it is,
    `via` where the command was given if not on a page or service.
    """

    account: str
    role: Role
    organisation: str
    patient_id: str | None = None  # set for role patient: whose record this account may read
    person: str = ""
    also: frozenset[Role] = frozenset()
    method: Method = "session"
    via: Literal["", "shell"] = ""

    @property
    def roles(self) -> frozenset[Role]:
        """Every role of the account."""
        return self.also | {self.role}

    def acting(self, allowed: Collection[Role]) -> Actor:
        """The same person in a role that is allowed, where the account has one; else unchanged."""
        if self.role in allowed:
            return self
        other = next((role for role in Role if role in self.also and role in allowed), None)
        return self if other is None else replace(self, role=other, also=self.roles - {other})


@dataclass(frozen=True, slots=True)
class Site:
    """The node where a command is judged, or a neighbour."""

    node: str
    organisation: str
    jurisdiction: str  # the code of a region
    city: str | None
    kinds: frozenset[str]  # centre, laboratory, plant, payer
    gd9: bool = False
    ciio: bool = False
    zone: ZoneInfo = CHINA
    notify_before_transfer: str | None = None  # authority that is told before personal data leave this region


@dataclass(frozen=True, slots=True)
class Command:
    """One request to do something; `command_id` makes a repeat harmless."""

    name: str
    case_id: str
    given: Mapping[str, Any]
    actor: Actor
    command_id: str


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a rule may look at; nothing in it changes while the rule thinks.

    `facts` maps fact names to values as of `now` (None and absent are unknown). `decide(policy_id, facts)` answers a
    decision document (see `policy/one_case/decide.py`) over these facts with the given ones laid over. `documents(folder)` answers
    the parsed YAML documents of a data folder by id, with the site's own folder laid over. `new_id` answers fresh
    identifiers.
    """

    case: Case
    facts: Mapping[str, Any]
    now: datetime
    actor: Actor
    site: Site
    neighbours: Mapping[str, Site]
    decide: Callable[..., Any]
    documents: Callable[[str], Mapping[str, Mapping[str, Any]]]
    new_id: Callable[[], str]
    record: Mapping[str, Any] = field(default_factory=dict)  # what a rule asked the record for, by name

    @property
    def today(self) -> date:
        """The date at this node."""
        return self.now.astimezone(self.site.zone).date()
