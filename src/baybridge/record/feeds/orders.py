"""Which filler's number an order of a placer's number has, wherever it was said: in another message, another file of the command, or before.

Main job: `Orders.number(order)`. A laboratory corrects a result under the placer's number alone; where that number had one order of the filler's
for that patient and what was asked for, it is that order; where it had none or several, nobody guesses.

**Source**: HL7 v2.5.1, 4.5.3.2 and 4.5.3.3 (OBR-2 placer, OBR-3 filler). Elsewhere: what was filed before is looked up in `intake/earlier_orders.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class PlacerOrder(NamedTuple):
    """An order as a placer names it: who sent it, about whom, under which number, and what was asked for."""

    sender: str
    patient: str
    number: str
    asked_for: str


@dataclass(slots=True)
class Orders:
    """The filler's numbers by the placer's order; `asked` are orders that came by the placer's number alone."""

    fillers: dict[PlacerOrder, set[str]] = field(default_factory=dict)
    asked: set[PlacerOrder] = field(default_factory=set)

    def note(self, order: PlacerOrder, filler: str) -> None:
        """An order that came with both numbers."""
        self.fillers.setdefault(order, set()).add(filler)

    def number(self, order: PlacerOrder) -> str:
        """The filler's number of an order that came by the placer's alone; '' where there is none, or several."""
        self.asked.add(order)
        known = self.fillers.get(order, set())
        return next(iter(known)) if len(known) == 1 else ""

    def copy(self) -> Orders:
        """The same to begin with: each reading of a file notes what it meets for itself."""
        return Orders({order: set(fillers) for order, fillers in self.fillers.items()}, set(self.asked))

    def add(self, other: Orders) -> None:
        """What another file says."""
        self.asked |= other.asked
        for order, fillers in other.fillers.items():
            self.fillers.setdefault(order, set()).update(fillers)
