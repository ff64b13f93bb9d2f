"""Which events other nodes are told, and whose word an event is: `data/telling/told.yaml`, `whose.yaml`.

Main job: `Told`, by purpose of a package; `Whose`, by what a node is to the case.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.heading import EMPTY, Heading


class Told(Heading, frozen=True, kw_only=True):
    """A site's own lists over those of the rows of the events: events by purpose, events that only one kind of site tells; purposes without the patient."""

    purposes: Mapping[str, tuple[str, ...]] = EMPTY
    without_patient: tuple[str, ...] = ()
    only_from: Mapping[str, tuple[str, ...]] = EMPTY


class Whose(Heading, frozen=True, kw_only=True):
    """Events by what the node that tells them is to the case.

    How far its clock may run ahead; how many of its cases may wait for a person; nodes whose cases are taken in without asking.
    """

    owner: tuple[str, ...]
    taker: tuple[str, ...]
    offered: tuple[str, ...]
    treating: tuple[str, ...]
    care: tuple[str, ...]
    following: tuple[str, ...]
    handed: tuple[str, ...]
    plant: tuple[str, ...]
    dispatching: tuple[str, ...]
    receiving: tuple[str, ...]
    cells: tuple[str, ...]
    payer: tuple[str, ...]
    part: tuple[str, ...]
    clock_ahead_min: float
    most_proposed: int
    taken_in_from: tuple[str, ...] = ()
