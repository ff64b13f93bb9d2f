"""Whose records: what was asked, answered and undone."""

from __future__ import annotations

from typing import Literal

from baybridge.journey.chapters.envelope import Event


class IdentityQuestioned(Event, frozen=True, kw_only=True, tag=True):
    """Another person's record at this node may be this patient's; `reasons` are codes for and against, without any value."""

    question: str
    other: str  # logical id of the other Patient
    verdict: Literal["documented", "unsure"]
    score: int
    reasons: tuple[str, ...]


class IdentityLinked(Event, frozen=True, kw_only=True, tag=True):
    """The other record is this patient's: by documented identity, or by the word of a person who saw `seen`."""

    question: str
    basis: Literal["documented", "confirmed"]
    seen: str
    note: str


class IdentityRefused(Event, frozen=True, kw_only=True, tag=True):
    """A person says that the other record is somebody else's."""

    question: str
    because: str


class IdentityUndone(Event, frozen=True, kw_only=True, tag=True):
    """A link was wrong and is taken back; what rested on it is made again."""

    question: str
    because: str
