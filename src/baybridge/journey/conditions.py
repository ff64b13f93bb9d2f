"""Conditions by name: what a pathway document may ask of a case.

Main job: `CONDITIONS`, the closed list. A document names them in `only_if`; a name that is not here is a mistake in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from types import MappingProxyType

from baybridge.journey import claims, refunds
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.cells import discarded_of
from baybridge.journey.command import Site
from baybridge.journey.entry import Entry
from baybridge.journey.events import GradeAssessed

Condition = Callable[[Case, Site], bool]


def therapy_event_open(case: Case) -> bool:
    """Whether the current therapy event still leads to an infusion: neither infused, nor rejected, nor all its bags discarded."""
    chain = case.chain_of_identity
    if chain is None or any(e.event.chain_of_identity == chain for e in case.infusions):
        return False
    batches = [batch for batch in case.batches if batch.chain_of_identity == chain]
    if batches and batches[-1].rejected:
        return False
    bags = {bag for c in case.collections if c.chain_of_identity == chain for bag in c.bags}
    bags |= {bag for batch in batches if batch.released for bag in batch.released.event.bags}
    return not (bags and bags <= discarded_of(case.entries))


def index_of(case: Case, entry: object) -> int:
    """The place of an entry in the case; the end where it is not in it."""
    return next((place for place, found in enumerate(case.entries) if found is entry), len(case.entries))


def _referred_elsewhere(case: Case, site: Site) -> bool:
    return any(e.event.to_node != site.node for e in case.of(ev.CaseReferred))


def _therapy_event_needed(case: Case, _: Site) -> bool:
    return not case.infusions and not therapy_event_open(case)


def _dispatch_untold(case: Case, site: Site) -> bool:
    """The last dispatch from here is not in any package that was sent since."""
    sent = [e for e in case.of(ev.ShipmentDispatched) if e.origin.node == site.node]
    return bool(sent) and not _told_since(case, sent[-1])


def _receipt_untold(case: Case, site: Site) -> bool:
    """The last receipt here is not in any package that was sent since."""
    arrived = [e for e in case.of(ev.ShipmentReceived) if e.origin.node == site.node]
    return bool(arrived) and not _told_since(case, arrived[-1])


def _acceptance_untold(case: Case, site: Site) -> bool:
    accepted = [e for e in case.of(ev.FollowUpAccepted) if e.origin.node == site.node]
    return bool(accepted) and not _told_since(case, accepted[-1], accepted[-1].event.from_node)


def _handover_untold(case: Case, site: Site) -> bool:
    handed = case.handover
    return handed is not None and handed.origin.node == site.node and not _told_since(case, handed, handed.event.to_node)


def _told_since(case: Case, entry: object, to_node: str | None = None) -> bool:
    after = index_of(case, entry)
    later = [e.event for e in case.entries[after + 1 :] if isinstance(e.event, ev.TransferAllowed) and not e.event.corrects]
    return any(to_node in (None, transfer.to_node) for transfer in later)


def _grade_unconfirmed(case: Case, _: Site) -> bool:
    return any(grade.latest.event.grade_max >= 1 and grade.asks for grade in case.grades.values())


def discharged(case: Case) -> bool:
    """Whether the patient left hospital after the last infusion; of a discharge on its day the one that was entered after it."""
    left, infused_on = case.discharge, case.infused_on
    if left is None or infused_on is None:
        return False
    same_day = left.event.discharged_on == infused_on
    return left.event.discharged_on > infused_on or (same_day and index_of(case, left) > index_of(case, case.infusions[-1]))


def _under_watch(case: Case, _: Site) -> bool:
    """Whether the patient is looked at in turn: in hospital after the infusion, or gone home and a call is open or a grade of 1 or more was seen since."""
    return watched_again_at(case) is not None if discharged(case) else bool(case.infusions)


def watched_again_at(case: Case) -> datetime | None:
    """Since when a patient who went home is looked at in turn again: an open call, or the first of the grades of 1 or more that stand since; None without either."""
    left = case.discharge
    if left is None or not discharged(case):
        return None
    since = [entry for entry in case.of(GradeAssessed) if entry.event.assessed_at > left.origin.at]
    found = [at for scale in case.grades for at in _raised_since(sorted((e for e in since if e.event.scale == scale), key=lambda e: e.event.assessed_at))]
    called = [case.open_rapid_response.called.event.called_at] if case.open_rapid_response else []
    return min([*found, *called], default=None)


def _raised_since(grades: Sequence[Entry[GradeAssessed]]) -> Iterator[datetime]:
    """When the first of the latest grades of 1 or more of a scale was recorded; nothing where the last is none."""
    run = list(takewhile(lambda entry: entry.event.grade_min >= 1, reversed(grades)))
    yield from (entry.origin.recorded_at for entry in run[-1:])


def _offered_follow_up(case: Case, site: Site) -> bool:
    return any(e.event.to_node == site.node for e in case.of(ev.HandedOver))


def _death_recorded_here(case: Case, site: Site) -> bool:
    died = case.last(ev.Died)
    return died is not None and died.origin.node == site.node and len(case.nodes) > 1


def _death_untold(case: Case, _: Site) -> bool:
    died = case.last(ev.Died)
    return died is not None and not _told_since(case, died)


def _shipment_to_here(case: Case, site: Site) -> bool:
    return any(s.under_way and s.dispatched is not None and s.dispatched.event.to_node == site.node for s in case.shipments)


def _plant_elsewhere(case: Case, site: Site) -> bool:
    return case.plant_node not in (None, site.node)


def _released(case: Case, _: Site) -> bool:
    return any(b.released and b.chain_of_identity == case.chain_of_identity for b in case.batches)


CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        "not_accepted": lambda case, _: case.treating_node is None,
        "referred_elsewhere": _referred_elsewhere,
        "authority_to_notify": lambda _, site: site.notify_before_transfer is not None,
        "site_in_macao": lambda _, site: site.notify_before_transfer is not None,  # the word of documents before regions were documents
        "preauthorisation_open": lambda case, _: any(asked.waiting for asked in case.preauthorisations),
        "claim_unsent": lambda case, _: claims.unsent(case),
        "nothing_claimed": lambda case, _: not claims.submitted(case),
        "claim_undecided": lambda case, _: any(True for _at in claims.undecided(case)),
        "claim_unpaid": lambda case, _: any(True for _at in claims.unpaid(case)),
        "cut_unanswered": lambda case, _: any(True for _at in claims.cut(case)),
        "patient_travels": lambda case, site: case.residence != site.jurisdiction,
        "product_known": lambda case, _: case.product is not None,
        "therapy_event_needed": _therapy_event_needed,
        "plant_elsewhere": _plant_elsewhere,
        "crosses_border": lambda case, _: case.slot is not None and case.slot.event.supply_basis is not None,
        "dispatch_untold": _dispatch_untold,
        "receipt_untold": _receipt_untold,
        "acceptance_untold": _acceptance_untold,
        "therapy_event_open": lambda case, _: therapy_event_open(case),
        "released": _released,
        "inpatient": lambda case, _: bool(case.infusions) and not discharged(case),
        "grade_unconfirmed": _grade_unconfirmed,
        "discharged": lambda case, _: discharged(case),
        "under_watch": _under_watch,
        "agreement_offered": lambda case, _: case.agreement is not None and case.enrolled_in(case.agreement) is None,
        "agreement_open": lambda case, _: case.agreement is not None and case.enrolled_in(case.agreement) is not None and case.settlement is None,
        "refund_open": lambda case, _: refunds.refund_open(case),
        "owner_elsewhere": lambda case, site: case.owner_node not in (None, site.node),
        "handover_untold": _handover_untold,
        "offered_follow_up": _offered_follow_up,
        "death_recorded_here": _death_recorded_here,
        "death_untold": _death_untold,
        "shipment_to_here": _shipment_to_here,
        "consent_overdue": lambda case, _: case.consent_overdue,
    }
)
