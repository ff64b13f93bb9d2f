"""Tasks that a person takes, gives to another, or gives back to the role; a task is named by its key within the case."""

from __future__ import annotations

from baybridge.journey.chapters.envelope import Event


class TaskClaimed(Event, frozen=True, kw_only=True, tag=True):
    """Who recorded it takes the task."""

    task: str


class TaskGiven(Event, frozen=True, kw_only=True, tag=True):
    """The task was given to an account of this site."""

    task: str
    account: str


class TaskGivenBack(Event, frozen=True, kw_only=True, tag=True):
    """The task is anybody's of its role again."""

    task: str
