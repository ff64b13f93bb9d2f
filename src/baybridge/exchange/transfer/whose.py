"""Whose word an event is: which node may tell which event of a case.

Main job: `against(known, items, rules, parties)` gives every reason why one of the events that a package tells is not its origin's to tell. What this node knows
already goes before what the package says. Who cares for the patient follows from the opening and from the referrals and hand-overs of those who care already; nobody
refers a case to itself.

**Source**: `data/telling/whose.yaml`. Elsewhere: what a purpose tells in `data/telling/told.yaml`, the form of a package in `node/neighbours/arrivals.py`, whether
what is told of cells fits the case in `cells_told.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from baybridge.base.outcome import Reason
from baybridge.documents.telling import Whose
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.command import Site
from baybridge.journey.entry import read_event
from baybridge.journey.events import Recorded, Told
from baybridge.journey.stored import event_as_json

#: What a node says of an entry that stands: told with the entry, without its note.
CORRECTED = frozenset({ev.EntryCorrected.__name__, ev.EntryReinstated.__name__})
#: What a node can be to a case; each is a list of `whose.yaml`.
RELATIONS = ("owner", "taker", "offered", "treating", "care", "following", "handed", "plant", "dispatching", "receiving", "cells", "payer", "part")

#: What could say whose case it is, the identifier and free words of physicians: left out where a purpose names nobody.
WORDS: Mapping[str, tuple[str, ...]] = {
    ev.CaseOpened.__name__: ("patient_id",),
    ev.GateExceptionSigned.__name__: ("note",),
    ev.BoardDecided.__name__: ("note",),
    ev.DrugGiven.__name__: ("note",),
    ev.DoseReviewed.__name__: ("follows",),
    ev.EmergencyRecorded.__name__: ("reason", "presumed_will", "note"),
    ev.Infused.__name__: ("late_reason",),
}


@dataclass(frozen=True, slots=True)
class Parties:
    """Who speaks to whom: this node, the sender, every node that is known with what it is, and whose signature holds over an event."""

    here: str
    sender: str
    sites: Mapping[str, Site]
    vouched: Callable[[Told], bool]
    takers: Mapping[object, str] = field(default_factory=dict)  # by consent, the node that took it


def against(known: Case, both: Case, own: Sequence[Recorded], items: Sequence[Told], rules: Whose, parties: Parties) -> Iterator[Reason]:
    """Every reason against one of these told events; `known` is the case as it stands here, `both` with what the package tells, `own` this node's events."""
    mine = {item.event_id: event_as_json(item.event) for item in own}
    takers = _takers(both) | _takers(known)
    allowed = _Allowed(known, both, parties.here)
    heard = {item.event_id: item for recorded in own if isinstance(recorded.event, ev.PackageReceived) for item in recorded.event.told}
    for item in items:
        said = {"event": str(item.event.get("type", ""))[:40], "node": item.node}
        if item.node == parties.here or item.event_id in mine:
            if not _same(mine.get(item.event_id), item.event) or item.node != parties.here:
                yield Reason("federation.not_our_word", said)
            continue
        before = heard.get(item.event_id)
        if before is not None and (before.node != item.node or not _same(before.event, item.event)):
            yield Reason("federation.told_differs", said)
        elif before is None:
            yield from _not_theirs(allowed, item, rules, replace(parties, takers=takers), said)


def _left_out(event: Mapping[str, object]) -> tuple[str, ...]:
    """The fields that a telling may leave empty."""
    kind = str(event.get("type"))
    return ("note",) if kind in CORRECTED else WORDS.get(kind, ("patient_id",) if "patient_id" in event else ())


def _same(one: Mapping[str, object] | None, other: Mapping[str, object]) -> bool:
    """Whether two tellings of an event say the same; the patient's identifier, words of physicians, or the note of a correction, may have been left out."""
    if one is None:
        return False
    left, right = (read_event({**event, **dict.fromkeys(_left_out(event), "")}) for event in (one, other))
    return left == right if left is not None else dict(one) == dict(other)


def relation_of(kind: str, rules: Whose) -> str | None:
    """What a node has to be to a case to tell an event of this kind; None where the kind stands in no list."""
    return next((name for name in RELATIONS if kind in getattr(rules, name)), None)


def _not_theirs(allowed: _Allowed, item: Told, rules: Whose, parties: Parties, said: Mapping[str, str]) -> Iterator[Reason]:
    kind = said["event"]
    relation = relation_of(kind, rules)
    if (relation is not None or kind in CORRECTED) and item.node != parties.sender and not parties.vouched(item):
        yield Reason("federation.handed_on_unsigned", said)
    if relation is None:
        return
    if relation == "taker" and item.node in parties.sites and "centre" not in parties.sites[item.node].kinds:
        yield Reason("federation.told_by_wrong_kind", {**said, "kind": "centre"})
    may = _may(allowed, relation, item, parties)
    if may is not None and item.node not in may:
        yield Reason("federation.not_theirs_to_tell", {**said, "relation": relation, "who": ", ".join(sorted(may)) or "-"})


def _may(allowed: _Allowed, relation: str, item: Told, parties: Parties) -> frozenset[str] | None:
    """Who may tell this event; None where nothing is known that could say."""
    if relation == "taker":
        return _taker(allowed, item, parties)
    if relation in ("dispatching", "receiving"):
        return _at_the_end(allowed, relation, item)
    may = allowed.by(relation, str(item.event.get("type", "")))
    if relation == "payer" and may is not None:
        return may | {name for name, site in parties.sites.items() if site.organisation == item.event.get("payer")}
    return may


def _at_the_end(allowed: _Allowed, relation: str, item: Told) -> frozenset[str] | None:
    """The node at the end of the leg at which bags leave or arrive; of a shipment that is known, its own leg counts too."""
    shipment = next((one for one in allowed.both.shipments if one.shipment_id == item.event.get("shipment_id") and one.dispatched is not None), None)
    legs = {leg for leg in (item.event.get("leg"), shipment.leg if shipment else None) if leg}
    from_centre = relation == "dispatching"
    ends = [allowed.by("treating" if (leg == "to_plant") is from_centre else "plant", "") for leg in legs]
    known = [one for one in ends if one is not None]
    return frozenset.intersection(*known) if known else None


def _owner(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    opened = known.opened or both.opened
    return frozenset({opened.origin.node}) if opened else None


def _taker(allowed: _Allowed, item: Told, parties: Parties) -> frozenset[str]:
    """Who took the consent; taken by a node that cares for the patient, while anybody who took one before may withdraw it."""
    taker = parties.takers.get(item.event.get("consent_id"))
    care = allowed.by("care", "") if item.event.get("type") == ev.ConsentRecorded.__name__ else None
    return frozenset({taker} if taker is not None and (care is None or taker in care) else ())


def _takers(case: Case) -> dict[object, str]:
    """By consent, the node that took it: the first that said so."""
    return {entry.event.consent_id: entry.origin.node for entry in reversed(case.of(ev.ConsentRecorded))}


def _offered(known: Case, both: Case, kind: str, here: str) -> frozenset[str] | None:
    """Once one centre accepted, no other does; who declined may be told still. A plant is not told of referrals: where none is known, nobody can say."""
    if known.treating_node is not None and kind == ev.CaseAccepted.__name__:
        return frozenset({known.treating_node})
    if not both.opened or (not both.did(ev.CaseReferred) and both.owner_node != here):
        return None
    return _circle(known, both, here, (ev.CaseReferred,)) | _owners(known, both)


def _treating(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    treating = known.treating_node or both.treating_node
    return frozenset({treating}) if treating else None


def _care(known: Case, both: Case, _kind: str, here: str) -> frozenset[str] | None:
    """Whoever opened, was asked, accepted or follows; None where nobody of them is known, as at a payer."""
    return _circle(known, both, here, (ev.CaseReferred, ev.HandedOver)) or None


def _owners(known: Case, both: Case) -> frozenset[str]:
    opened = known.opened or both.opened
    return frozenset({opened.origin.node}) if opened else frozenset()


def _circle(known: Case, both: Case, here: str, kinds: Sequence[type[ev.CaseReferred] | type[ev.HandedOver]]) -> frozenset[str]:
    """The nodes that care: who opened the case, who accepted it before, and whoever one of them names; a naming by anybody else brings nobody in."""
    circle = {*_owners(known, both), known.treating_node, known.follow_up_node}
    if not both.did(ev.CaseReferred) and both.owner_node != here:
        circle.add(both.treating_node)  # a plant is told of no referral
    named = [(entry.origin.node, entry.event.to_node) for kind in kinds for entry in both.of(kind)]
    for _ in named:
        circle |= {to for by, to in named if by in circle or by == here}
    return frozenset(name for name in circle if name)


def _following(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str]:
    """The node that treats, and whoever it handed the patient over to, one after the other."""
    following = {known.treating_node or both.treating_node, known.follow_up_node}
    handed = [(entry.origin.node, entry.event.to_node) for entry in both.of(ev.HandedOver)]
    for _ in handed:
        following |= {to for by, to in handed if by in following}
    return frozenset(name for name in following if name)


def _handed(known: Case, both: Case, kind: str, here: str) -> frozenset[str]:
    """The nodes to which a node that follows handed the patient over."""
    following = _following(known, both, kind, here)
    return frozenset(entry.event.to_node for entry in both.of(ev.HandedOver) if entry.origin.node in following)


def _plant(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    slots = (*known.of(ev.SlotReserved), *both.of(ev.SlotReserved))
    return frozenset(entry.event.plant_node for entry in slots) if slots else None


def _cells(known: Case, both: Case, kind: str, here: str) -> frozenset[str] | None:
    """Where the cells are, or go: a node that cares for the patient, or the plant."""
    care, plant = _care(known, both, kind, here), _plant(known, both, kind, here)
    return None if care is None or plant is None else care | plant


def _part(_known: Case, _both: Case, _kind: str, _here: str) -> None:
    """Every node that has a part in the case, which is asked of the sender."""


#: By relation: the nodes that may tell it; None where nothing is known that could say.
_ALLOWED: Mapping[str, Callable[[Case, Case, str, str], frozenset[str] | None]] = {
    "owner": _owner,
    "offered": _offered,
    "treating": _treating,
    "care": _care,
    "following": _following,
    "handed": _handed,
    "plant": _plant,
    "cells": _cells,
    "payer": _care,
    "part": _part,
}


@dataclass(slots=True)
class _Allowed:
    """The nodes that may tell an event of a kind, by what a node is to the case; each asked of the case once, however many events a package tells."""

    known: Case
    both: Case
    here: str
    found: dict[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)

    def by(self, relation: str, kind: str) -> frozenset[str] | None:
        """Who may tell it; None where nothing is known that could say."""
        if (relation, kind) not in self.found:
            self.found[relation, kind] = _ALLOWED[relation](self.known, self.both, kind, self.here)
        return self.found[relation, kind]


def has_part(case: Case, node: str, here: str, sites: Mapping[str, Site]) -> bool:
    """Whether a node has a part in a case: it recorded something, was sent or sent something, or is named as receiver, plant, follower or payer.

    A consent names a receiver where the node that took it cares for the patient, or is this one.
    """
    named = {transfer.sent.event.to_node for transfer in case.transfers}
    named |= {entry.event.from_node for entry in case.packages}
    named |= {entry.event.to_node for kind in (ev.CaseReferred, ev.HandedOver) for entry in case.of(kind)}  # type: ignore[attr-defined]
    named |= {entry.event.plant_node for entry in case.of(ev.SlotReserved)}
    care = _circle(case, case, here, (ev.CaseReferred, ev.HandedOver)) | {here}
    named |= {recipient for consent in case.consents if consent.withdrawn_on is None and consent.origin.node in care for recipient in consent.recipients}
    if node in case.nodes | named:
        return True
    organisation = sites[node].organisation if node in sites else ""
    return organisation in {entry.event.payer for kind in (ev.PreauthorisationRequested, ev.ClaimSubmitted) for entry in case.of(kind)}  # type: ignore[attr-defined]
