"""One bag at the bedside: this patient's, released, here, cold enough, in date, or not to be used.

Main job: `bag_reasons`, shared by the check, the thaw and the infusion, so that none of them is softer than the others.

**Source**: chain of identity rules F2.2 and F2.3; quality reference F1, F4.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from baybridge.base.outcome import Reason
from baybridge.journey.case import Case
from baybridge.journey.cells import quarantined_of
from baybridge.journey.command import Situation
from baybridge.journey.custody import FAILED, RELEASE, STORAGE, TWO_PERSONS
from baybridge.journey.entry import Entry
from baybridge.journey.events import LateResultRecorded, ProductReleased, ProductThawed

IDENTITY = TWO_PERSONS


def released_with(situation: Situation, bag: str) -> ProductReleased | None:
    """The release that names this bag."""
    batch = situation.case.batch_of_bag(bag)
    return batch.released.event if batch is not None and batch.released is not None else None


def failed_late(case: Case, bag: str) -> tuple[Entry[LateResultRecorded], ...]:
    """The results by which the batch of a bag failed critically after its release: no decision of quality lets it be used."""
    batch = case.batch_of_bag(bag)
    return tuple(entry for entry in batch.failed_late if entry.event.critical) if batch is not None else ()


def released_bags(case: Case) -> frozenset[str]:
    """Bags of the current therapy event that were released and not yet given."""
    given = {e.event.bag for e in case.infusions}
    batches = (b.released.event for b in case.batches if b.released and b.chain_of_identity == case.chain_of_identity)
    return frozenset(bag for event in batches for bag in event.bags if bag not in given)


def usable_bags(situation: Situation, bags: frozenset[str]) -> frozenset[str]:
    """Of the bags of a product, those that are here and can be given; without one that was discarded the dose is not whole either."""
    case = situation.case
    return frozenset(bag for bag in bags & case.bags_at_centre - case.quarantined if not expired(situation, bag) and not failed_late(case, bag))


def expired(situation: Situation, bag: str) -> bool:
    """Whether a bag is past its expiry, or was never released."""
    batch = situation.case.batch_of_bag(bag)
    return batch is None or batch.released is None or batch.released.event.expires_at <= situation.now


def unknown_then(case: Case, bag: str, at: datetime) -> list[Entry[LateResultRecorded]]:
    """The late failures that nobody here knew at a moment, of a bag whose thaw was entered before: what was given then is recorded as it was.

    A time that is merely typed proves nothing, so without that entry every failure stands.
    """
    batch = case.batch_of_bag(bag)
    thaws = [entry.origin.recorded_at for entry in case.of(ProductThawed) if entry.event.bag == bag]
    found = batch.failed_late if batch is not None else ()
    return [entry for entry in found if case.learnt_at(entry) > at and any(thawed < case.learnt_at(entry) for thawed in thaws)]


def bag_waits(situation: Situation) -> Iterator[Reason]:
    """A product bag is at the centre and was not given yet."""
    if not situation.case.bags_waiting:
        yield Reason("bedside.bag.none_waits")


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
    unknown = unknown_then(case, bag, at)
    if bag in (quarantined_of(entry for entry in case.entries if entry not in unknown) if unknown else case.quarantined):
        yield Reason("bedside.bag.quarantined", source=STORAGE, where="bag")
    for failed in failed_late(case, bag):
        if failed not in unknown:
            yield Reason("bedside.bag.failed_late", {"attributes": ", ".join(failed.event.failed)}, source=FAILED, where="bag")
    if any(entry.event.bag == bag for entry in case.infusions):
        yield Reason("bedside.bag.already_given", source=IDENTITY, where="bag")
