"""Afterwards: hand-over, visits for life, second malignancies, death."""

from __future__ import annotations

from datetime import date
from typing import Literal

from baybridge.journey.chapters.envelope import Event


class HandedOver(Event, frozen=True, kw_only=True, tag=True):
    """Care went to another node for follow-up."""

    to_node: str


class FollowUpAccepted(Event, frozen=True, kw_only=True, tag=True):
    """This node follows the patient from now on, for life."""

    from_node: str


class FollowUpScheduled(Event, frozen=True, kw_only=True, tag=True):
    """Visits planned; the schedule has no end."""

    schedule: str
    first_due_on: date


class FollowUpVisited(Event, frozen=True, kw_only=True, tag=True):
    """A follow-up contact took place."""

    visit: str
    visited_on: date
    alive: bool
    new_malignancy: bool | None


class SecondMalignancyReported(Event, frozen=True, kw_only=True, tag=True):
    """A second primary malignancy was reported."""

    kind: str
    found_on: date
    transgene_tested: bool | None


class Died(Event, frozen=True, kw_only=True, tag=True):
    """The patient died; open tasks end."""

    died_on: date
    cause: Literal["disease", "non_relapse", "unknown"]
