"""The rules of a site about its people: `data/access/people.yaml`.

Main job: `People`: sessions, second factor, emergency access, what a patient is told of who looked.

**Units**: hours, days of a calendar link; passwords in characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from baybridge.base.time import parse_duration
from baybridge.documents.heading import Confidence, Heading, Part


class SecondFactor(Part, frozen=True, kw_only=True):
    """Which roles must have a second factor, whether accounts of a node's founding are among them, and whether a passkey signs in without a password."""

    required_for: tuple[str, ...]
    also_of_founding_accounts: bool
    passkey_alone: bool = False


class BreakGlass(Part, frozen=True, kw_only=True):
    """How long an emergency access lasts, and who may take one."""

    hours: int | float
    roles: tuple[str, ...]


class Deciding(Part, frozen=True, kw_only=True):
    """From which grade of ICANS on a patient is taken to be unable to decide, until a physician says otherwise; a statement older than some hours is asked about."""

    unable_from_icans: Annotated[int, Meta(ge=1, le=4)]
    statement_max_age_h: Annotated[int, Meta(ge=1)] = 24
    source: str
    confidence: Confidence


class WhoLooked(Part, frozen=True, kw_only=True):
    """Whether a patient reads the names of staff who looked."""

    staff_names: bool


class Messages(Part, frozen=True, kw_only=True):
    """Messages between organisations: whether those of this site are shown with the writer's name, here alone, and how long a question to this site may wait."""

    staff_names: bool = False
    answer_within: str = "P1D"


class People(Heading, frozen=True, kw_only=True):
    """The whole document."""

    session_hours: int | float
    invitation_hours: int | float
    calendar_link_days: Annotated[int, Meta(ge=1, le=3660)] = 365
    password_at_least: int
    second_factor: SecondFactor
    confirm_within: Mapping[str, str]
    break_glass: BreakGlass
    deciding: Deciding
    who_looked: WhoLooked
    messages: Messages = Messages()
    purposes: Mapping[str, str]
    restricted: tuple[str, ...]

    def contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Every time that somebody may take is a duration, and of a second person's one holds for all other commands."""
        times: list[tuple[tuple[str | int, ...], str]] = [(("confirm_within", command), text) for command, text in self.confirm_within.items()]
        for path, text in (*times, (("messages", "answer_within"), self.messages.answer_within)):
            try:
                parse_duration(text)
            except ValueError:
                yield path, "a duration such as PT15M", text
        if "default" not in self.confirm_within:
            yield ("confirm_within",), "default beside the commands", ", ".join(self.confirm_within)

    def confirmed_within(self, command: str) -> timedelta:
        """How long a second person may take to confirm a command."""
        return parse_duration(self.confirm_within.get(command) or self.confirm_within["default"])

    @property
    def answered_within(self) -> timedelta:
        """How long a question of another organisation may wait for an answer."""
        return parse_duration(self.messages.answer_within)

    def purpose_of(self, role: str) -> str:
        """Why a role reads, where nothing else says it."""
        return self.purposes.get(role, "care")
