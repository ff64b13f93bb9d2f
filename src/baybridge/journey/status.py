"""Where a case stands, in what a patient and a hospital elsewhere need: steps with their days, and who pays how much.

Main job: `status_of(case, zone, nodes)` is what a node tells of a case; `elsewhere_of(case, here, zone, on)` what is known here of other nodes, and which of them have
told nothing. A node is never said to have done nothing because nothing of it is known here.

**Units**: money in minor units; days of the site that reads. Elsewhere: what crosses with which consent in `exchange/transfer`, when it is told in
`node/neighbours/status.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry
from baybridge.journey.events import StatusStep, StatusSum, StatusTold
from baybridge.journey.held import Stage
from baybridge.journey.stages import stage_of


def _leg(stage: Mapping[ev.Leg, Stage]) -> Callable[[Case, ev.Event], Stage | None]:
    def found(case: Case, event: ev.Event) -> Stage | None:
        return next((stage[one.leg] for one in case.shipments if one.shipment_id == getattr(event, "shipment_id", "")), None)

    return found


def _stage(stage: Stage) -> Callable[[Case, ev.Event], Stage | None]:
    return lambda _case, _event: stage


#: By event: the stage of the road that it reaches, and the field that says when, where that is not the moment of the entry.
_STEPS: Mapping[type[ev.Event], tuple[Callable[[Case, ev.Event], Stage | None], str]] = {
    ev.CaseReferred: (_stage(Stage.REFERRED), ""),
    ev.CaseAccepted: (_stage(Stage.ACCEPTED), ""),
    ev.CaseDeclined: (_stage(Stage.DECLINED), ""),
    ev.SlotReserved: (_stage(Stage.SLOT_RESERVED), ""),
    ev.CellsCollected: (_stage(Stage.COLLECTED), "ended_at"),
    ev.ShipmentDispatched: (_leg({"to_plant": Stage.TO_PLANT, "to_centre": Stage.TO_CENTRE}), "dispatched_at"),
    ev.ShipmentReceived: (_leg({"to_plant": Stage.AT_PLANT, "to_centre": Stage.AT_CENTRE}), "received_at"),
    ev.ManufactureStarted: (_stage(Stage.IN_PROCESS), ""),
    ev.ProductReleased: (_stage(Stage.RELEASED), ""),
    ev.ProductRejected: (_stage(Stage.OUT_OF_SPECIFICATION), ""),
    ev.LymphodepletionStarted: (_stage(Stage.LYMPHODEPLETED), "started_on"),
    ev.Infused: (_stage(Stage.INFUSED), "ended_at"),
    ev.Discharged: (_stage(Stage.DISCHARGED), "discharged_on"),
    ev.FollowUpVisited: (_stage(Stage.FOLLOW_UP), "visited_on"),
    ev.Died: (_stage(Stage.DIED), "died_on"),
}
_SUMS: tuple[type[ev.Event], ...] = (
    ev.QuoteIssued, ev.PreauthorisationRequested, ev.PreauthorisationAnswered, ev.ClaimSubmitted, ev.ClaimAdjudicated, ev.BenefitPaid, ev.RefundReceived,
)  # fmt: skip
#: The stages in their order; a newer node may know others.
_ROAD: tuple[str, ...] = tuple(stage.value for stage in Stage)
#: Events after which a status may be another one.
CHANGING: frozenset[type[ev.Event]] = frozenset({*_STEPS, *_SUMS, ev.EntryCorrected, ev.EntryReinstated})


def steps_of(case: Case, zone: tzinfo) -> Iterator[StatusStep]:
    """The steps that stand in a case, this node's and those that others told as events, as they were learnt; the day of a collection that is still to come last."""
    for entry in case.entries:
        row = _STEPS.get(type(entry.event))
        stage = row[0](case, entry.event) if row is not None else None
        if row is not None and stage is not None:
            yield StatusStep(stage=stage.value, done_on=_day(getattr(entry.event, row[1]) if row[1] else entry.origin.at, zone), node=entry.origin.node)
    if case.slot is not None and not any(one.chain_of_identity == case.chain_of_identity for one in case.collections):
        yield StatusStep(stage=Stage.COLLECTED.value, done_on=case.slot.event.collection_on, node=case.slot.origin.node, planned=True)


def _day(when: date | datetime, zone: tzinfo) -> date:
    return when.astimezone(zone).date() if isinstance(when, datetime) else when


def sums_of(case: Case, zone: tzinfo) -> Iterator[StatusSum]:
    """Who pays how much as far as this case knows: the last quote's share of the patient, what payers were asked and answered, claims, payments, refunds."""
    if case.quote is not None:
        quote = case.quote.event
        yield _sum("quoted", "patient", quote.patient_minor, quote.currency, case.quote, zone)
    for one in case.preauthorisations:
        asked = one.requested.event
        if one.standing is None:
            yield _sum("asked", asked.payer, asked.amount_minor, asked.currency, one.requested, zone)
        else:
            answer = one.standing.event
            yield _sum(answer.answer, answer.payer, answer.amount_minor, answer.currency, one.standing, zone)
    decided = {entry.event.claim_id: entry for entry in case.of(ev.ClaimAdjudicated)}
    for claimed in case.of(ev.ClaimSubmitted):
        claim, answered = claimed.event, decided.get(claimed.event.claim_id)
        if answered is None:
            yield _sum("claimed", claim.payer, sum(line[2] for line in claim.lines), claim.currency, claimed, zone)
        else:
            yield _sum("decided", claim.payer, answered.event.benefit_minor, answered.event.currency, answered, zone)
    for paid in case.payments:
        yield _sum("paid", paid.event.payer, paid.event.amount_minor, paid.event.currency, paid, zone)
    for back in case.of(ev.RefundReceived):
        yield _sum("refunded", back.event.recipient, back.event.amount_minor, back.event.currency, back, zone)


def _sum(what: str, payer: str, amount_minor: int, currency: str, entry: Entry[ev.Event], zone: tzinfo) -> StatusSum:
    day = entry.origin.at.astimezone(zone).date()
    return StatusSum(what=what, payer=payer, amount_minor=amount_minor, currency=currency, known_on=day, node=entry.origin.node)  # type: ignore[arg-type]


def status_of(case: Case, to_node: str, zone: tzinfo, sources: Collection[str]) -> StatusTold:
    """What another node is told of a case: what the nodes of `sources` recorded, and nothing that it recorded itself."""
    steps = tuple(one for one in steps_of(case, zone) if one.node in sources and one.node != to_node)
    sums = tuple(one for one in sums_of(case, zone) if one.node in sources and one.node != to_node)
    return StatusTold(to_node=to_node, steps=steps, sums=sums)


# --- what is known here of others -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another node that has a part in a case: what is known here of what happened there, and when it last told where the case stands; None where it never did."""

    node: str
    steps: tuple[StatusStep, ...]
    sums: tuple[StatusSum, ...]
    told_at: datetime | None
    stopped: bool = False  # whether what was told last is not what should be known now: the consent to tell ended, or something happened there since


def elsewhere_of(case: Case, here: str, zone: tzinfo, on: date) -> tuple[Elsewhere, ...]:
    """Every other node that has a part in a case, with what it told, as it stands on a day; none where nobody else has."""
    told = _told_here(case, here)
    steps = still_ahead(dict.fromkeys((*steps_of(case, zone), *(step for entry in told.values() for step in entry.event.steps))))
    sums = list(dict.fromkeys((*sums_of(case, zone), *(one for entry in told.values() for one in entry.event.sums))))
    names = dict.fromkeys((*parts_of(case), *(step.node for step in steps), *(one.node for one in sums)))
    return tuple(
        Elsewhere(
            name,
            tuple(sorted((step for step in steps if step.node == name), key=lambda step: (step.planned, step.done_on))),
            tuple(sorted((one for one in sums if one.node == name), key=lambda one: one.known_on)),
            _told_at(name, told),
            _told_at(name, told) is not None and (_ended(case, here, on) or _behind(case, name, told, zone)),
        )
        for name in names
        if name != here
    )


def still_ahead(steps: Iterable[StatusStep]) -> list[StatusStep]:
    """Steps without what was planned and is done since: the plan may be known from one telling, that it was done from another."""
    found = list(steps)
    done = [(step.stage, step.done_on) for step in found if not step.planned]
    return [step for step in found if not step.planned or not any(stage == step.stage and day >= step.done_on for stage, day in done)]


def _ended(case: Case, here: str, on: date) -> bool:
    """Whether consents to tell where the case stands are known here, and none of them covers this node and holds."""
    known = [one for one in case.consents if one.kind == "sharing_status"]
    return bool(known) and not any(one.holds_on(on) and (not one.recipients or here in one.recipients) for one in known)


def _behind(case: Case, node: str, told: Mapping[str, Entry[StatusTold]], zone: tzinfo) -> bool:
    """Whether this node learnt otherwise of a step that the status of the other one does not hold."""
    own = told.get(node)
    return own is not None and any(step not in own.event.steps for step in steps_of(case, zone) if step.node == node and not step.planned)


def _told_at(node: str, told: Mapping[str, Entry[StatusTold]]) -> datetime | None:
    """When somebody last told what happens at a node: the node itself, or who speaks of it."""
    own = told.get(node)
    if own is not None:
        return own.origin.at
    speaking = (entry.origin.at for entry in told.values() if any(step.node == node for step in entry.event.steps))
    return max(speaking, default=None)


def stage_shown(case: Case, here: str, zone: tzinfo) -> Stage:
    """Where the case stands as far as is known here: by what was recorded or told as it happened, or by what another node told since of where it stands."""
    own = stage_of(case)
    known = [step for step in steps_of(case, zone) if not step.planned]
    told = [step for one in _told_here(case, here).values() for step in one.event.steps if not step.planned and step.stage in _ROAD]
    last, last_told = max(map(_order, known), default=None), max(map(_order, told), default=None)
    if own is Stage.DIED or last_told is None or (last is not None and last_told <= last):
        return own
    return Stage(_ROAD[last_told[1]])


def _order(step: StatusStep) -> tuple[date, int]:
    """By day, and within a day by the order of the road."""
    return step.done_on, _ROAD.index(step.stage)


def _told_here(case: Case, here: str) -> dict[str, Entry[StatusTold]]:
    """The last status that each other node told this one."""
    return {entry.origin.node: entry for entry in case.of(StatusTold) if entry.origin.told and entry.event.to_node == here}


def parts_of(case: Case) -> tuple[str, ...]:
    """The nodes that have a part in a case as far as this node knows: who opened it, whom it was offered to and who did not decline, who treats, makes and follows."""
    declined = {entry.origin.node for entry in case.of(ev.CaseDeclined)}
    offered = (entry.event.to_node for entry in case.of(ev.CaseReferred) if entry.event.to_node not in declined)
    found = (case.owner_node, *offered, case.treating_node, case.plant_node, case.follow_up_node)
    return tuple(dict.fromkeys(name for name in found if name))


def carers_of(case: Case) -> frozenset[str]:
    """The nodes that care for the patient: who opened the case, who treats, who follows."""
    return frozenset(name for name in (case.owner_node, case.treating_node, case.follow_up_node) if name)
