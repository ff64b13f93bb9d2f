"""What rests on an entry: the later ones that would not stand without it, and therefore are put right first.

Main job: `rests_on(case, event_ids, instead)`. Each kind of entry gives something (a chain of identity, a bag that arrived, a claim) and some need what an earlier one
gave. An entry rests on another where what it needs is given by nothing any more; a second collection of the same chain, for one, still gives it.

What was worked out (grades, decisions, tasks) rests on nothing here: it is made again. What simply happened (a team that came, a package that left) rests on
nothing either.
**Source**: contract K2; the gates of the commands in the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.base.time import start_of_day
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import Event
from baybridge.journey.moments import moment_of
from baybridge.journey.readiness import FIT

#: Something that an entry gives or needs: its kind and what it is about; a need is met by every thing that begins alike.
Thing = tuple[str, ...]
Things = Callable[[Any, str], tuple[Thing, ...]]


def _bags(kind: str, bags: Sequence[str]) -> tuple[Thing, ...]:
    return tuple((kind, bag) for bag in bags)


#: What an entry gives, from its event and the node that recorded it.
_GIVES: Mapping[type[ev.Event], Things] = {
    ev.EligibilityDecided: lambda e, _: (("decision", e.decision_sha256),),
    ev.ProductChosen: lambda e, _: (("product", e.product),),
    ev.CaseReferred: lambda e, _: (("referred", e.to_node),),
    ev.CaseAccepted: lambda _e, _: (("accepted",),),
    ev.OverrideProposed: lambda e, _: (("override", e.result_id, e.purpose),),
    ev.ResultRecognised: lambda e, _: (("recognised", e.purpose, e.loinc),),
    ev.FitnessChecked: lambda e, _: (("judged", e.step), ("fit", e.step)) if e.outcome == FIT else (("judged", e.step),),
    ev.SlotReserved: lambda e, _: (("chain", e.chain_of_identity),),
    ev.PermitRecorded: lambda e, _: (("permit", e.leg, e.kind),),
    ev.CellsCollected: lambda e, _: (("collected", e.chain_of_identity), *_bags("bag", e.bags)),
    ev.ShipmentDispatched: lambda e, _: (("shipment", e.shipment_id),),
    ev.CourierNamed: lambda e, _: (("courier", e.shipment_id),),
    ev.ShipmentReceived: lambda e, _: _bags("arrived", e.bags),
    ev.QuarantineResolved: lambda e, _: _bags("cleared", e.bags) if e.decision == "use" else (),
    ev.ManufactureStarted: lambda e, _: (("batch", e.batch),),
    ev.ProductTested: lambda e, _: (
        *(("tested", e.batch, attribute) for attribute, _value, _unit in e.results), *(("result", e.batch, *result) for result in e.results),
    ),
    ev.ProductReleased: lambda e, _: (("released", e.batch), *_bags("product-bag", e.bags)),
    ev.BoardDecided: lambda e, _: (("board", e.product),) if e.decision == "treat" else (),
    ev.GateExceptionSigned: lambda e, _: (("signed", e.gate, e.regarding),),
    ev.LymphodepletionStarted: lambda _e, _: (("lymphodepleted",),),
    ev.LymphodepletionCompleted: lambda _e, _: (("lymphodepletion over",),),
    ev.LymphodepletionOmitted: lambda _e, _: (("lymphodepleted",), ("lymphodepletion over",)),
    ev.DrugsReserved: lambda e, _: (("drugs", e.atc),) if e.doses else (),
    ev.BedsideChecked: lambda e, _: (("checked", e.bag),),
    ev.ProductThawed: lambda e, _: (("thawed", e.bag),),
    ev.Infused: lambda _e, _: (("infused",),),
    ev.ResponseAssessed: lambda e, _: (("response", e.timepoint, e.category),),
    ev.HandedOver: lambda e, _: (("handed", e.to_node),),
    ev.Died: lambda _e, _: (("died",),),
    ev.DocumentAttached: lambda e, _: (("document", e.attachment),),
    ev.DocumentReceived: lambda e, _: (("document", e.attachment),),
    ev.GlassBroken: lambda _e, _: (("glass",),),
    ev.QuoteIssued: lambda e, _: (("quote", e.quote_sha256),),
    ev.PreauthorisationRequested: lambda e, _: (("asked", e.payer, e.plan),),
    ev.PreauthorisationAnswered: lambda e, _: (("answered", e.payer, e.plan),),
    ev.PreauthorisationAppealed: lambda e, _: (("appealed", e.payer, e.plan),),
    ev.ClaimSubmitted: lambda e, _: (("claim", e.claim_id),),
    ev.ClaimAdjudicated: lambda e, _: (("decided", e.claim_id),),
    ev.AgreementEnrolled: lambda e, _: (("enrolled", e.agreement),),
    ev.OutcomeSettled: lambda e, _: (("settled", e.agreement),),
}

#: What stands at a gate of the road: whoever signs an exception there has read that nothing else does.
_AT_GATE: Mapping[str, tuple[Thing, ...]] = {
    "accept": (("board",),),
    "slot": (("board",), ("accepted",)),
    "collection": (("accepted",), ("fit", "collection"), ("judged", "collection"), ("recognised", "APH_IDM")),
    "lymphodepletion": (("accepted",), ("fit", "lymphodepletion"), ("judged", "lymphodepletion"), ("released",), ("arrived",)),
    "infusion": (("accepted",), ("fit", "infusion"), ("judged", "infusion"), ("lymphodepleted",), ("lymphodepletion over",), ("drugs",)),
    "discharge": (("accepted",), ("infused",),),
}


def _passed(gate: str, about: str = "") -> tuple[Thing, ...]:
    """What passing a gate rests on: what stands there, and an exception that was signed at it."""
    return (*_AT_GATE[gate], ("signed", gate, about) if about else ("signed", gate))


#: What an entry needs of earlier ones.
_NEEDS: Mapping[type[ev.Event], Things] = {
    ev.ProductChosen: lambda e, _: (("decision", e.decision_sha256),),
    ev.CaseAccepted: lambda e, node: (("referred", node), ("board", e.product), ("signed", "accept", e.product)),
    ev.GateExceptionSigned: lambda e, _: _AT_GATE[e.gate],
    ev.CaseDeclined: lambda _e, node: (("referred", node),),
    ev.OverrideDeclined: lambda e, _: (("override", e.result_id, e.purpose),),
    ev.ResultRecognised: lambda e, _: (("override", e.result_id, e.purpose),),
    ev.RepeatRequested: lambda e, _: (("override", e.result_id, e.purpose),),
    ev.ParallelTestCompared: lambda e, _: (("recognised", e.purpose, e.loinc),),
    ev.TravelArranged: lambda _e, _: (("accepted",),),
    ev.SlotReserved: lambda e, _: (("accepted",), ("board", e.product), ("signed", "slot", e.product)),
    ev.CellsCollected: lambda e, _: (("chain", e.chain_of_identity), *_passed("collection"), ("permit", "to_plant")),
    ev.ShipmentDispatched: lambda e, _: (("chain", e.chain_of_identity), ("permit", e.leg), *_bags("bag", e.bags), *_bags("product-bag", e.bags)),
    ev.CourierNamed: lambda e, _: (("shipment", e.shipment_id),),
    ev.CourierConfirmed: lambda e, _: (("courier", e.shipment_id),),
    ev.ShipmentReceived: lambda e, _: (("shipment", e.shipment_id),),
    ev.QuarantineResolved: lambda e, _: _bags("arrived", e.bags),
    ev.ManufactureStarted: lambda e, _: (("chain", e.chain_of_identity), *_bags("arrived", e.from_bags), *_bags("cleared", e.from_bags)),
    ev.ProductTested: lambda e, _: (("batch", e.batch),),
    ev.LateResultRecorded: lambda e, _: (("released", e.batch),),
    ev.ProductReleased: lambda e, _: (("batch", e.batch), ("tested", e.batch)),
    ev.ProductRejected: lambda e, _: (("batch", e.batch), *(("result", e.batch, attribute) for attribute in e.failed)),
    ev.LymphodepletionStarted: lambda e, _: () if e.exception_reason else (("accepted",), *_passed("lymphodepletion")),
    ev.LymphodepletionCompleted: lambda _e, _: (("lymphodepleted",),),
    ev.LymphodepletionOmitted: lambda _e, _: (("accepted",),),
    ev.FitnessChecked: lambda _e, _: (("accepted",),),
    ev.DrugsReserved: lambda _e, _: (("accepted",),),
    ev.BedsideChecked: lambda e, _: (*_bags("arrived", (e.bag,)), *_bags("product-bag", (e.bag,)), ("lymphodepleted",)),
    ev.ProductThawed: lambda e, _: (("checked", e.bag), *_passed("infusion")),
    ev.Infused: lambda e, _: (
        ("checked", e.bag), ("thawed", e.bag), ("arrived", e.bag), ("cleared", e.bag), ("product-bag", e.bag), *_passed("infusion"),
    ),
    ev.AssessmentRecorded: lambda _e, _: (("infused",),),
    ev.Discharged: lambda _e, _: _passed("discharge"),
    ev.ResponseAssessed: lambda _e, _: (("infused",),),
    ev.HandedOver: lambda _e, _: (("infused",),),
    ev.FollowUpAccepted: lambda _e, node: (("handed", node),),
    ev.FollowUpScheduled: lambda _e, _: (("infused",),),
    ev.FollowUpVisited: lambda _e, _: (("infused",),),
    ev.SecondMalignancyReported: lambda _e, _: (("infused",),),
    ev.PreauthorisationRequested: lambda e, _: (("quote", e.quote_sha256),),
    ev.PreauthorisationAnswered: lambda e, _: (("asked", e.payer, e.plan),),
    ev.PreauthorisationAppealed: lambda e, _: (("answered", e.payer, e.plan),),
    ev.AssistanceApplied: lambda e, _: (("quote", e.quote_sha256),),
    ev.AgreementEnrolled: lambda e, _: (("quote", e.quote_sha256), ("board",), ("signed", "accept")),
    ev.ClaimSubmitted: lambda e, _: (("answered", e.payer, e.plan), ("infused",)),
    ev.ClaimAdjudicated: lambda e, _: (("claim", e.claim_id),),
    ev.AppealFiled: lambda e, _: (("decided", e.claim_id),),
    ev.BenefitPaid: lambda e, _: (("claim", e.for_claim), ("decided", e.for_claim)) if e.for_claim else (("answered", e.payer),),
    ev.OutcomeSettled: lambda e, _: (("enrolled", e.agreement), ("response",), ("died",), ("infused",)),
    ev.RefundReceived: lambda e, _: (("settled", e.agreement),),
    ev.ProposalConfirmed: lambda e, _: (("document", e.attachment),),
}  # fmt: skip

#: What a case holds without anybody having entered it after the opening.
_BY_THEMSELVES = (ev.CaseOpened, ev.CaseProposed, ev.RecordsImported, ev.PackageReceived, ev.CorrectionReceived, ev.IdentityQuestioned, ev.DecisionReopened)


def rests_on(case: Case, event_ids: Collection[str], zone: ZoneInfo, instead: Sequence[Entry[Event]] = ()) -> tuple[Entry[Event], ...]:
    """The entries that would not stand without these, with what rests on them in turn, the newest first; `instead` stands in their place."""
    gone = set(event_ids)
    found = [*_before_its_infusion(case, gone, zone, instead)]
    gone |= {entry.origin.event_id for entry in found}
    while True:
        fresh = list(_unmet(case, gone, zone, instead))
        if not fresh:
            return tuple(sorted(found, key=lambda entry: (entry.origin.recorded_at, entry.origin.event_id), reverse=True))
        found += fresh
        gone |= {entry.origin.event_id for entry in fresh}


def _unmet(case: Case, gone: Collection[str], zone: ZoneInfo, instead: Sequence[Entry[Event]]) -> Iterator[Entry[Event]]:
    """What still stands and needs what was given by what is gone, and by nothing else before it."""
    at_place: dict[str, list[Entry[Any]]] = {}
    for entry in instead:
        at_place.setdefault(entry.origin.event_id, []).append(entry)
    lost: set[Thing] = set()
    kept: set[Thing] = set()
    grades = _confirmed_grades(case)
    watched = _watched_before(case)
    urgent = _cared_for_in_emergency(case, zone)
    for entry in case.entries:
        event_id = entry.origin.event_id
        if event_id in gone:
            lost |= _given(entry)
            kept |= {thing for one in at_place.get(event_id, ()) for thing in _given(one)}
            continue
        confirms = grades.get(event_id, "")
        looked_at = watched.get(event_id, frozenset()) | urgent.get(event_id, frozenset())
        lost, kept = lost - _undone(entry), kept - _undone(entry)
        if _needs(entry, lost - kept) or (confirms in gone and not _same_grade(case, confirms, instead)) or looked_at & set(gone):
            yield entry
        kept |= _given(entry)


def _needs(entry: Entry[Event], lost: Collection[Thing]) -> bool:
    needed = _NEEDS.get(type(entry.event), _nothing)(entry.event, entry.origin.node)
    if _OPENED in lost and not isinstance(entry.event, _BY_THEMSELVES):
        return True
    return any(thing[: len(need)] == need for need in needed for thing in lost)


def _undone(entry: Entry[Event]) -> set[Thing]:
    """What an entry makes of no account in those before it: of several checks of fitness for a step the last one counts."""
    return {("fit", entry.event.step), ("judged", entry.event.step)} if isinstance(entry.event, ev.FitnessChecked) else set()


def _nothing(_event: object, _node: str) -> tuple[Thing, ...]:
    return ()


def _given(entry: Entry[Event]) -> set[Thing]:
    opened = {_OPENED} if isinstance(entry.event, ev.CaseOpened) else set()
    return opened | set(_GIVES.get(type(entry.event), _nothing)(entry.event, entry.origin.node))


_OPENED: Thing = ("opened",)


def _before_its_infusion(case: Case, gone: Collection[str], zone: ZoneInfo, instead: Sequence[Entry[Event]]) -> Iterator[Entry[Event]]:
    """What would have happened after an infusion and before it, where the infusion is moved to later."""
    moved = min((entry.event.started_at for entry in instead if isinstance(entry.event, ev.Infused)), default=None)
    before = [entry.event.started_at for entry in case.infusions if entry.origin.event_id in gone]
    if moved is None or not before or moved <= min(before):
        return
    for entry in case.entries:
        asked = ("infused",) in _NEEDS.get(type(entry.event), _nothing)(entry.event, entry.origin.node)
        at = moment_of(entry, zone)
        if asked and min(before) <= at and _says_when(entry, at, moved, zone):
            yield entry


def _says_when(entry: Entry[Event], at: datetime, moved: datetime, zone: ZoneInfo) -> bool:
    """Whether an entry lies before the moved infusion: by its time, or by its day where it says a day alone."""
    by_day = at == start_of_day(at.astimezone(zone).date(), zone) and not hasattr(entry.event, "assessed_at")
    return at.astimezone(zone).date() < moved.astimezone(zone).date() if by_day else at < moved


def _confirmed_grades(case: Case) -> dict[str, str]:
    """By the id of a confirmation: the id of the computed grade that the physician saw."""
    last: dict[str, str] = {}
    seen: dict[str, str] = {}
    for entry in case.entries:
        if isinstance(entry.event, ev.GradeAssessed):
            last[entry.event.scale] = entry.origin.event_id
        elif isinstance(entry.event, ev.GradeConfirmed) and entry.event.scale in last:
            seen[entry.origin.event_id] = last[entry.event.scale]
    return seen


def _watched_before(case: Case) -> dict[str, frozenset[str]]:
    """By the id of a discharge, or of an exception to its gate: the last assessment before it, and the last confirmed grade of each scale.

    It was judged by these. Where one of them says something else, the discharge is looked at again by a person, whatever the other says.
    """
    found: dict[str, frozenset[str]] = {}
    assessed = ""
    confirmed: dict[str, str] = {}
    for entry in case.entries:
        event = entry.event
        if isinstance(event, ev.AssessmentRecorded):
            assessed = entry.origin.event_id
        elif isinstance(event, ev.GradeConfirmed):
            confirmed[event.scale] = entry.origin.event_id
        elif isinstance(event, ev.Discharged) or (isinstance(event, ev.GateExceptionSigned) and event.gate == "discharge"):
            found[entry.origin.event_id] = frozenset({assessed, *confirmed.values()} - {""})
    return found


#: Steps of care that ask for the patient's consent.
_ASK_CONSENT = (
    ev.CaseReferred, ev.CaseAccepted, ev.AgreementEnrolled, ev.SlotReserved, ev.CellsCollected, ev.LymphodepletionStarted, ev.LymphodepletionOmitted,
    ev.Infused, ev.HandedOver,
)  # fmt: skip


def _cared_for_in_emergency(case: Case, zone: ZoneInfo) -> dict[str, frozenset[str]]:
    """By the id of a step of care without the patient's consent: the emergencies of its node that stood for it."""
    found: dict[str, frozenset[str]] = {}
    emergencies = case.of(ev.EmergencyRecorded)
    for entry in case.entries if emergencies else ():
        at = entry.origin.at
        if not isinstance(entry.event, _ASK_CONSENT) or _consented(case, at, zone):
            continue
        stood = (one.origin for one in emergencies if one.origin.node == entry.origin.node and one.origin.at <= at < one.event.until)
        found[entry.origin.event_id] = frozenset(origin.event_id for origin in stood)
    return found


def _consented(case: Case, at: datetime, zone: ZoneInfo) -> bool:
    """Whether a consent to care that was known at a moment held then."""
    return any(c.kind == "care" and c.origin.recorded_at <= at and c.holds_on(at.astimezone(zone).date()) for c in case.consents)


def _same_grade(case: Case, event_id: str, instead: Sequence[Entry[Event]]) -> bool:
    """Whether the grade that stands instead is the one that was confirmed."""
    before = next(entry.event for entry in case.entries if entry.origin.event_id == event_id and tells(entry, ev.GradeAssessed))
    graded = [entry.event for entry in instead if isinstance(entry.event, ev.GradeAssessed)]
    return any(event.scale == before.scale and event.grade == before.grade for event in graded)
