"""Whose word an event is: which node may tell which event of a case.

Main job: `against(known, items, rules, parties)` gives every reason why one of the events that a package tells is not its origin's to tell. What this node knows
already goes before what the package says.

**Source**: `data/telling/whose.yaml`. Elsewhere: what a purpose tells in `data/telling/told.yaml`, the form of a package in `node/neighbours/arrivals.py`.
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

#: Lists whose events count only from the node that recorded them, or with its signature.
SIGNED = ("owner", "taker")


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
    return ("note",) if event.get("type") == ev.EntryCorrected.__name__ else ("patient_id",) if "patient_id" in event else ()


def _same(one: Mapping[str, object] | None, other: Mapping[str, object]) -> bool:
    """Whether two tellings of an event say the same; the patient's identifier, or the note of a correction, may have been left out."""
    if one is None:
        return False
    left, right = (read_event({**event, **dict.fromkeys(_left_out(event), "")}) for event in (one, other))
    return left == right if left is not None else dict(one) == dict(other)


def _relations(rules: Whose) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a node can be to a case, with the events that such a node tells."""
    return (
        ("owner", rules.owner),
        ("taker", rules.taker),
        ("offered", rules.offered),
        ("treating", rules.treating),
        ("care", rules.care),
        ("plant", rules.plant),
    )


def _not_theirs(allowed: _Allowed, item: Told, rules: Whose, parties: Parties, said: Mapping[str, str]) -> Iterator[Reason]:
    kind = said["event"]
    relation = next((name for name, kinds in _relations(rules) if kind in kinds), None)
    if (relation in SIGNED or kind == ev.EntryCorrected.__name__) and item.node != parties.sender and not parties.vouched(item):
        yield Reason("federation.handed_on_unsigned", said)
    if relation is None:
        return
    if relation == "taker" and item.node in parties.sites and "centre" not in parties.sites[item.node].kinds:
        yield Reason("federation.told_by_wrong_kind", {**said, "kind": "centre"})
    may = _taker(item, parties) if relation == "taker" else allowed.by(relation, kind)
    if may is not None and item.node not in may:
        yield Reason("federation.not_theirs_to_tell", {**said, "relation": relation, "who": ", ".join(sorted(may)) or "-"})


def _owner(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    opened = known.opened or both.opened
    return frozenset({opened.origin.node}) if opened else None


def _taker(item: Told, parties: Parties) -> frozenset[str]:
    taker = parties.takers.get(item.event.get("consent_id"))
    return frozenset({taker}) if taker is not None else frozenset()


def _takers(case: Case) -> dict[object, str]:
    """By consent, the node that took it: the first that said so."""
    return {entry.event.consent_id: entry.origin.node for entry in reversed(case.of(ev.ConsentRecorded))}


def _offered(known: Case, both: Case, kind: str, here: str) -> frozenset[str] | None:
    """Once one centre accepted, no other does; who declined may be told still. A plant is not told of referrals: where none is known, nobody can say."""
    if known.treating_node is not None and kind == ev.CaseAccepted.__name__:
        return frozenset({known.treating_node})
    referred = frozenset(entry.event.to_node for entry in both.of(ev.CaseReferred))
    if not both.opened or (not referred and both.owner_node != here):
        return None
    return referred | {both.opened.origin.node}


def _treating(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    treating = known.treating_node or both.treating_node
    return frozenset({treating}) if treating else None


def _care(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    """Whoever opened, was asked, accepted or follows; None where nobody of them is known, as at a payer."""
    named = {case.owner_node for case in (known, both)} | {case.treating_node for case in (known, both)} | {known.follow_up_node}
    for case in (known, both):
        named |= {entry.event.to_node for entry in case.of(ev.CaseReferred)} | {entry.event.to_node for entry in case.of(ev.HandedOver)}
    found = frozenset(name for name in named if name)
    return found or None


def _plant(known: Case, both: Case, _kind: str, _here: str) -> frozenset[str] | None:
    slots = (*known.of(ev.SlotReserved), *both.of(ev.SlotReserved))
    return frozenset(entry.event.plant_node for entry in slots) if slots else None


#: By relation: the nodes that may tell it; None where nothing is known that could say.
_ALLOWED: Mapping[str, Callable[[Case, Case, str, str], frozenset[str] | None]] = {
    "owner": _owner,
    "offered": _offered,
    "treating": _treating,
    "care": _care,
    "plant": _plant,
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


def has_part(case: Case, node: str, sites: Mapping[str, Site]) -> bool:
    """Whether a node has a part in a case: it recorded something, was sent or sent something, or is named as receiver, plant, follower or payer."""
    named = {transfer.sent.event.to_node for transfer in case.transfers}
    named |= {entry.event.from_node for entry in case.packages}
    named |= {entry.event.to_node for kind in (ev.CaseReferred, ev.HandedOver) for entry in case.of(kind)}  # type: ignore[attr-defined]
    named |= {entry.event.plant_node for entry in case.of(ev.SlotReserved)}
    named |= {recipient for consent in case.consents if consent.withdrawn_on is None for recipient in consent.recipients}
    if node in case.nodes | named:
        return True
    organisation = sites[node].organisation if node in sites else ""
    return organisation in {entry.event.payer for kind in (ev.PreauthorisationRequested, ev.ClaimSubmitted) for entry in case.of(kind)}  # type: ignore[attr-defined]
