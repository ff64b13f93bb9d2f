"""Signing: a second person asked for, and the answer no. A confirmation that was given stands as a signature of the event itself."""

from __future__ import annotations

from datetime import datetime

from baybridge.journey.chapters.envelope import Event


class ConfirmationAsked(Event, frozen=True, kw_only=True, tag=True):
    """Somebody gave a command that another person confirms before anything happens; the first signature stands in `signed_by`."""

    confirmation_id: str
    command: str
    given_sha256: str
    expires_at: datetime
    meaning: str
    roles: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()  # of one of which the other person is; empty in entries of before


class ConfirmationDeclined(Event, frozen=True, kw_only=True, tag=True):
    """The other person did not agree; nothing of the command happened."""

    confirmation_id: str
    command: str
    note: str
