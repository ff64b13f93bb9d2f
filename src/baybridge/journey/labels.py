"""Labels of cells: a bag, a batch and a chain of identity belong to one case of a node and to no other.

Main job: `labels_in(case)`, what stands on the cells of a case, and `of_another_case(situation, …)`, the refusal of a label that another case of this node has, or
that is the chain of identity itself.
A label whose entry was voided is free again. Elsewhere: the cases of a node are read in `node/upkeep/labels.py`, within the transaction of the entry; what a
neighbour tells is held against them in `node/neighbours/arrivals.py`. Nothing of the other case is named.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Literal, NamedTuple

from baybridge.base.outcome import Reason
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.command import Situation
from baybridge.journey.custody import ONE_CHAIN

Kind = Literal["bag", "batch", "chain"]


class Label(NamedTuple):
    """What stands on a label, as it is compared: without spaces around it, whatever the case of its letters."""

    kind: Kind
    text: str


def labels(kind: Kind, texts: Iterable[str]) -> frozenset[Label]:
    """Labels of one kind; what is blank is none."""
    return frozenset(Label(kind, text.strip().casefold()) for text in texts if text.strip())


def labels_in(case: Case) -> frozenset[Label]:
    """The labels that stand in a case: collected bags and bags of the product, batches, chains of identity."""
    batches = [batch for batch in case.batches if batch.started is not None or batch.released is not None]
    collected = (bag for collection in case.collections for bag in collection.bags)
    released = (bag for batch in batches if batch.released is not None for bag in batch.released.event.bags)
    return labels("bag", (*collected, *released)) | labels("batch", (batch.batch for batch in batches)) | labels("chain", case.chains)


def of_another_case(situation: Situation, kind: Kind, texts: Collection[str], where: str) -> Iterator[Reason]:
    """The labels that another case of this node has, and a bag or batch that bears the chain of identity itself; no exception passes them."""
    elsewhere = situation.record.labels_elsewhere
    if elsewhere is None:
        raise LookupError("the row of this command reads no labels_elsewhere")
    found = elsewhere(labels(kind, texts))
    taken = sorted({text.strip() for text in texts if labels(kind, (text,)) & found})
    if taken:
        yield Reason(f"journey.label.{kind}_of_another_case", {"labels": ", ".join(taken)}, source=ONE_CHAIN, where=where)
    if kind != "chain":
        yield from chain_for_label(situation.case, kind, texts, where)


def chain_for_label(case: Case, kind: Literal["bag", "batch"], texts: Iterable[str], where: str) -> Iterator[Reason]:
    """A bag or batch that bears the chain of identity itself: the label was not read."""
    if {label.text for label in labels("chain", case.chains)} & {label.text for label in labels(kind, texts)}:
        yield Reason(f"journey.label.{kind}_is_chain", source=ONE_CHAIN, where=where)


#: The events that put a label on cells, and the envelope in which a neighbour tells them.
LABELLING = (ev.SlotReserved, ev.CellsCollected, ev.ManufactureStarted, ev.ProductReleased)
