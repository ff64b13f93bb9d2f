"""One kind of consequence: what it follows from, in which lane it is done, and the work itself.

Main job: `ConsequenceRow`, which a part of the node puts into `table.py`; `Consequence`, one queued piece of work; `Lane`, so that a slow kind delays none before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from baybridge.journey.events import Event

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit


class Lane(StrEnum):
    """Who waits for whom: nobody for a lane below; each lane has a thread of its own in the worker."""

    ALARM = "alarm"  # signs and calls: done first at the end of a command, before any other writer
    CASE = "case"  # what a user expects to see after a command: decisions made again, others told, the case's place in the lists
    MESSAGE = "message"  # what leaves the building: waits for servers of others, so that nothing else does
    LATER = "later"  # the worker's alone: what nobody waits for
    SLOW = "slow"  # the worker's alone: programs of the site that take as long as they take
    READER = "reader"  # the worker's alone: documents that are read, which holds up no scanner


#: The order in which lanes are done.
ORDER = tuple(Lane)

#: Resources that a kind follows: none, those that replaced or deleted a version, or every one that was filed.
OfRecords = Literal["none", "corrected", "any"]


@dataclass(frozen=True, slots=True)
class Consequence:
    """One piece of work that waits: its kind, its case ('' where it is nobody's), what it is about, and the moment before which it is not done.

    `body` is JSON. What is queued by itself has `events` (ids, own and told), `resources` (Type/id), `because`, and `by`, the node whose package brought it.
    """

    kind: str
    case_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None
    consequence_id: str = ""
    attempts: int = 0

    @property
    def events(self) -> tuple[str, ...]:
        """Ids of the events that it follows."""
        return tuple(self.body.get("events", ()))

    @property
    def resources(self) -> tuple[str, ...]:
        """Type/id of the resources that it follows."""
        return tuple(self.body.get("resources", ()))


@dataclass(frozen=True, slots=True)
class ConsequenceRow:
    """A kind of consequence.

    `do(node, unit, consequence)` works in a unit of its own, in which the row is taken away: what it writes stands once, whatever is killed when. It reads the case as it
    stands then, and must be right when it is done twice. What takes long goes into `prepare(node, consequence)`, which runs before, without the writer; its answer is
    the fourth argument of `do`.
    """

    name: str
    lane: Lane
    do: Callable[..., object]
    after: frozenset[type[Event]] = frozenset()  # queued with each of these events, own or told by another node
    of_records: OfRecords = "none"  # queued for every case that a filed resource ever touched
    prepare: Callable[[Node, Consequence], object] | None = None

    def carry_out(self, node: Node, unit: Unit, consequence: Consequence, prepared: object) -> None:
        """Do it."""
        if self.prepare is None:
            self.do(node, unit, consequence)
        else:
            self.do(node, unit, consequence, prepared)
