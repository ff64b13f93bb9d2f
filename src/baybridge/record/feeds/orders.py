"""Which number an order has here, wherever its numbers were said: in another message, another file of the command, or before.

Main job: `Orders.number(order, filler)`. A laboratory corrects a result under the placer's number alone; where that number had one order of the filler's
for that patient and what was asked for, it is that order; where it had none or several, nobody guesses. An order that was filed under the placer's number
before the filler had one keeps that number, and the filler's is known as its other.

**Source**: HL7 v2.5.1, 4.5.3.2 and 4.5.3.3 (OBR-2 placer, OBR-3 filler). Elsewhere: what was filed before is looked up in `intake/earlier_orders.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: The mark of a result that a later message may have changed, or taken back, without saying which it meant.
DOUBTED = "urn:baybridge:doubted"


class Order(NamedTuple):
    """An order under one of its numbers: who sent it, about whom, under which number, and what was asked for."""

    sender: str
    patient: str
    number: str
    asked_for: str


class ResultOf(NamedTuple):
    """What a result or report is known by beside its code: who sent it, about whom, the number of its order ('' where it has none), and its sub-id (OBX-4)."""

    sender: str
    patient: str | None
    number: str
    sub_id: str


@dataclass(slots=True)
class Orders:
    """What is known of orders.

    `fillers` are the filler's numbers by the placer's order, `asked` orders that came by the placer's number alone, `named` orders by the filler's number. `begun` are
    orders of a placer that were filed under that number, with the filler's number where it came since; `under` is the number here of an order by the filler's.
    """

    fillers: dict[Order, set[str]] = field(default_factory=dict)
    asked: set[Order] = field(default_factory=set)
    named: set[Order] = field(default_factory=set)
    begun: dict[Order, str] = field(default_factory=dict)
    under: dict[Order, str] = field(default_factory=dict)

    def number(self, order: Order, filler: str) -> str:
        """The number here of an order by its placer's number, which may be '', and its filler's; '' where there is none, or several."""
        if filler:
            self.named.add(order._replace(number=filler))
        if filler and order.number:
            self.fillers.setdefault(order, set()).add(filler)
        if filler:
            known = self.under.get(order._replace(number=filler))
            return known or (order.number if self.begun.get(order) == filler else filler)
        if not order.number:
            return ""
        self.asked.add(order)
        if order in self.begun:
            return order.number
        fillers = self.fillers.get(order, set())
        return next(iter(fillers)) if len(fillers) == 1 else ""

    def copy(self) -> Orders:
        """The same to begin with: each reading of a file notes what it meets for itself."""
        return Orders({order: set(fillers) for order, fillers in self.fillers.items()}, set(self.asked), set(self.named), dict(self.begun), dict(self.under))

    def add(self, other: Orders) -> None:
        """What another file says."""
        self.asked |= other.asked
        self.named |= other.named
        self.begun |= other.begun
        self.under |= other.under
        for order, fillers in other.fillers.items():
            self.fillers.setdefault(order, set()).update(fillers)
