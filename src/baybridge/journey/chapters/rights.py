"""What a person asked for of the own data, and what was answered."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from baybridge.documents.person_requests import Right
from baybridge.journey.chapters.envelope import Event
from baybridge.journey.chapters.sharing import Giver

#: The way on which a request came.
Channel = Literal["page", "letter", "email", "phone", "in_person"]
RequestOutcome = Literal["granted", "partly", "refused"]


class RequestMade(Event, frozen=True, kw_only=True, tag=True):
    """A person, or who decides for the person, asked for a right over the own data."""

    right: Right
    words: str
    received_at: datetime
    channel: Channel
    made_by: Giver = "patient"
    by_document: str = ""


class EntriesNamed(Event, frozen=True, kw_only=True, tag=True):
    """Which entries of the case (ids) and resources of the record (Type/id) a request is about."""

    request_id: str
    what: tuple[str, ...]


class RequestAnswered(Event, frozen=True, kw_only=True, tag=True):
    """A request was answered; the last answer counts. `what` was erased with it; `remedy` says to whom the person can turn."""

    request_id: str
    right: Right
    outcome: RequestOutcome
    because: str
    basis: str = ""
    remedy: str = ""
    what: tuple[str, ...] = ()
