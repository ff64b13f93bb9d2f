"""One bag at the bedside: this patient's, released, here, cold enough, in date, or not to be used.

Main job: `bag_reasons`, shared by the check, the thaw and the infusion, so that none of them is softer than the others.

**Source**: chain of identity rules F2.2 and F2.3; quality reference F1, F4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from baybridge.base.outcome import Reason
from baybridge.journey.command import Situation
from baybridge.journey.custody import RELEASE, STORAGE, TWO_PERSONS
from baybridge.journey.events import ProductReleased

IDENTITY = TWO_PERSONS


def released_with(situation: Situation, bag: str) -> ProductReleased | None:
    """The release that names this bag."""
    batch = situation.case.batch_of_bag(bag)
    return batch.released.event if batch is not None and batch.released is not None else None


def bag_reasons(situation: Situation, bag: str, chain: str, at: datetime, until: datetime | None = None) -> Iterator[Reason]:
    """Everything that stands against using this bag from `at` (to `until`); `chain` is the id scanned from its label."""
    case = situation.case
    release = released_with(situation, bag)
    if chain not in case.chains or (release is not None and release.chain_of_identity != chain):
        yield Reason("bedside.bag.wrong_chain", source=IDENTITY, where="chain_of_identity")
    if release is None:
        yield Reason("bedside.bag.not_released", source=RELEASE, where="bag")
    elif release.expires_at <= (until or at):
        yield Reason("bedside.bag.expired", {"moment": release.expires_at.isoformat()}, source=IDENTITY, where="bag")
    if bag not in case.bags_at_centre:
        yield Reason("bedside.bag.not_received", source=IDENTITY, where="bag")
    if bag in case.quarantined:
        yield Reason("bedside.bag.quarantined", source=STORAGE, where="bag")
    if any(entry.event.bag == bag for entry in case.infusions):
        yield Reason("bedside.bag.already_given", source=IDENTITY, where="bag")
