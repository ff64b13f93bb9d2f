"""Messages about a case that left the building, or did not."""

from __future__ import annotations

from typing import Literal

from baybridge.journey.chapters.envelope import Event

#: Why a message did not arrive, as far as the node knows; never what a server said, which may quote it.
Problem = Literal["no_contact", "no_secret", "unreachable", "not_trusted", "refused", "address_forbidden"]


class MessageDelivered(Event, frozen=True, kw_only=True, tag=True):
    """The next machine took the message for this account; `account` is empty for a group."""

    message: str
    way: str
    account: str
    attempt: int


class MessageFailed(Event, frozen=True, kw_only=True, tag=True):
    """A try failed: the first one of a series, or the last, after which nobody tries again."""

    message: str
    way: str
    account: str
    attempt: int
    problem: Problem
    final: bool
