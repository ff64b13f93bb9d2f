"""Leukapheresis: nothing is taken from the patient before everything that the cells need is there.

Main job: the rule of `Collect`.

**Source**: logistics reference C3 (guards of COLLECTED), chain of identity rules F2.1 and F2.3, clinical reference 6.2
(infectious markers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent.deciding import elective
from baybridge.consent.emergency import may_be_cared_for
from baybridge.documents.timing import Washouts
from baybridge.facts.washouts import running
from baybridge.journey.checks import Moment, Unusual, alive, asked_once, happened, local_day, longer_than, ordered, treating_here
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.conditions import therapy_event_open
from baybridge.journey.custody import ONE_CHAIN, SCANNED, TWO_PERSONS
from baybridge.journey.events import CellsCollected
from baybridge.journey.gates import standing_at, unsigned
from baybridge.journey.labels import labels, labels_in, of_another_case
from baybridge.journey.prefill import FormContext
from baybridge.journey.readiness import unfit
from baybridge.journey.row import CommandRow, Correction, EventRow, Second, labels_of, reads, roles, told_in
from baybridge.supply import rendering
from baybridge.supply.permits import missing_papers
from baybridge.supply.slots import site_of


class Collect(Struct, frozen=True, kw_only=True):
    """A leukapheresis that ended; a second person confirms identity and labels."""

    chain_of_identity: Annotated[str, Meta(description="as scanned from the label")]
    bags: Annotated[tuple[str, ...], Meta(description="as scanned from each bag")]
    started_at: Moment
    ended_at: Moment
    volume_ml: Annotated[int, Meta(gt=0, le=5000)]  # of the collected cells in their plasma, not of the blood that passed
    identity_checked: Annotated[bool, Meta(description="patient stated name and birth date, wrist band read")]
    planned_entry_on: Annotated[date | None, Meta(description="day on which the cells cross the border")] = None
    unusual: Unusual = False


def collect_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against collecting at all today."""
    yield from _always(situation)
    yield from standing_at(situation, _GATE)


def _always(situation: Situation) -> Iterator[Reason]:
    """What no signature passes, today."""
    yield from alive(situation)
    yield from treating_here(situation)
    yield from _slot(situation)
    if not may_be_cared_for(situation):
        yield Reason("supply.collect.no_care_consent")
    yield from elective(situation)


def collect(situation: Situation, given: Collect) -> Verdict:
    """The cells are collected, or every reason against."""
    against = (
        *_always(situation),
        *_identity(situation, given),
        *_times(situation, given),
        *unsigned(situation, "collection", at_collection(situation, given.started_at)),
        *_entry(situation, given),
        *asked_once(_unusual(situation, given), unusual=given.unusual),
    )
    if against:
        return refuse(*against)
    return (
        CellsCollected(
            chain_of_identity=given.chain_of_identity,
            bags=given.bags,
            started_at=given.started_at,
            ended_at=given.ended_at,
            volume_ml=given.volume_ml,
        ),
    )


def _slot(situation: Situation) -> Iterator[Reason]:
    slot = situation.case.slot
    if slot is None:
        yield Reason("supply.collect.no_slot", source="logistics reference C3")
        return
    if not therapy_event_open(situation.case):
        yield Reason("supply.collect.over", source=ONE_CHAIN)
    elif any(batch.released and batch.chain_of_identity == situation.case.chain_of_identity for batch in situation.case.batches):
        yield Reason("supply.collect.made", source=ONE_CHAIN)
    plant = site_of(situation, slot.event.plant_node)
    if plant is None:
        yield Reason("supply.slot.plant_unknown", {"node": slot.event.plant_node})
    elif plant.jurisdiction != situation.site.jurisdiction and slot.event.supply_basis is None:
        yield Reason("supply.collect.supply_basis_missing", source="logistics reference C3")


def _identity(situation: Situation, given: Collect) -> Iterator[Reason]:
    if not given.identity_checked:
        yield Reason("supply.collect.identity_unchecked", source=TWO_PERSONS, where="identity_checked")
    if situation.case.slot and given.chain_of_identity != situation.case.chain_of_identity:
        yield Reason("supply.collect.wrong_chain", source=SCANNED, where="chain_of_identity")
    yield from _labels(situation, given.bags)


def _labels(situation: Situation, bags: tuple[str, ...]) -> Iterator[Reason]:
    wanted = labels("bag", bags)
    if not bags or not all(bag.strip() for bag in bags):
        yield Reason("supply.collect.no_bags", where="bags")
    if len(wanted) != len(bags) or wanted & labels_in(situation.case):
        yield Reason("supply.collect.bag_reused", source=ONE_CHAIN, where="bags")
    yield from of_another_case(situation, "bag", bags, "bags")


def _times(situation: Situation, given: Collect) -> Iterator[Reason]:
    yield from happened(situation, started_at=given.started_at, ended_at=given.ended_at)
    yield from ordered(given.started_at, given.ended_at, "started_at", "ended_at")
    usual = situation.limits.plausible
    if longer_than(given.started_at, given.ended_at, usual.collection_most_h):
        yield Reason("supply.collect.too_long", {"hours": usual.collection_most_h}, source=usual.source, where="ended_at")


def _unusual(situation: Situation, given: Collect) -> Iterator[Reason]:
    """Before the day of the slot or before it was reserved, after manufacture began, longer or more than cells are collected."""
    usual, slot = situation.limits.plausible, situation.case.slot
    if slot is not None and (local_day(situation, given.started_at) < slot.event.collection_on or given.started_at < slot.origin.at):
        values = {"started": given.started_at.isoformat(), "day": slot.event.collection_on.isoformat()}
        yield Reason("supply.collect.before_slot", values, where="unusual")
    if any(batch.chain_of_identity == situation.case.chain_of_identity for batch in situation.case.batches):
        yield Reason("supply.collect.begun", source=ONE_CHAIN, where="unusual")
    if longer_than(given.started_at, given.ended_at, usual.collection_h):
        hours = round((given.ended_at - given.started_at).total_seconds() / 3600)
        yield Reason("supply.collect.long", {"found": hours, "hours": usual.collection_h}, source=usual.source, where="unusual")
    if given.volume_ml > usual.collection_ml:
        yield Reason("supply.collect.volume", {"found": given.volume_ml, "most": usual.collection_ml}, source=usual.source, where="unusual")


def at_collection(situation: Situation, at: datetime | None = None) -> Iterator[Reason]:
    """What stands at the gate before collection at a moment (now): fitness, infectious markers in their window, washouts."""
    yield from unfit(situation, "collection", at)
    yield from _markers(situation, at or situation.now)
    yield from _washouts(situation, at or situation.now)


def _markers(situation: Situation, at: datetime) -> Iterator[Reason]:
    """Each infectious marker has a result, own or outside, that is recognised for collection until then.

    Where the region's law asks for the markers no signature passes them.
    """
    wanted = situation.limits.infectious_markers
    asked = "supply.collect" if situation.site.jurisdiction in wanted.statutory_in else "gate.collection"
    serving = [
        e.event
        for e in situation.case.recognised
        if e.event.purpose == wanted.purpose and e.origin.node == situation.site.node and not e.origin.told
    ]
    for marker, loincs in wanted.markers.items():
        results = [r for r in serving if r.loinc in loincs]
        if not results:
            yield Reason(f"{asked}.marker_missing", {"marker": marker}, source=wanted.source)
        elif not any(r.valid_until is not None and at <= r.valid_until for r in results):
            yield Reason(f"{asked}.marker_expired", {"marker": marker}, source=wanted.source)


def _washouts(situation: Situation, at: datetime) -> Iterator[Reason]:
    """Drugs whose effect on the cells is not over, drugs that nobody has a rule for, and drugs that cannot be dated."""
    drugs = situation.record.drugs
    if drugs is None:
        yield Reason("gate.collection.washout_undated")
        return
    document = situation.documents.the(Washouts)
    found = running(drugs, document, local_day(situation, at))
    for wait in found.waits:
        yield Reason("gate.collection.washout", {"drug": wait.of, "until": wait.until.isoformat()}, source=wait.source)
    for atc in found.unruled:
        yield Reason("gate.collection.washout_no_rule", {"atc": atc}, source=document.source)
    if found.undated:
        yield Reason("gate.collection.washout_undated")


#: What depends on the day of the collection.
_OF_DAY = frozenset(f"gate.collection.{what}" for what in ("marker_expired", "washout", "washout_no_rule", "unfit", "fitness_open"))
_GATE = Gate("collection", at_collection, of_moment=_OF_DAY)


def _entry(situation: Situation, given: Collect) -> Iterator[Reason]:
    plant = site_of(situation, situation.case.plant_node)
    if plant is None or plant.jurisdiction == situation.site.jurisdiction:
        return
    if given.planned_entry_on is None:
        yield Reason("supply.collect.entry_day_missing", source="logistics reference C3", where="planned_entry_on")
        return
    yield from ordered(local_day(situation, given.started_at), given.planned_entry_on, "started_at", "planned_entry_on")
    ends = (situation.site.jurisdiction, plant.jurisdiction)
    yield from missing_papers(situation, "to_plant", ends, given.planned_entry_on, before="collection")


def fresh_labels(_: FormContext) -> Mapping[str, object]:
    """Bags that are labelled now are not those that the case knows."""
    return {"bags": None}


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        Collect, collect, roles(Role.PHYSICIAN, Role.NURSE),
        (EventRow(CellsCollected, rendering.collected, told_in("CARE_REFERRAL", "COI_LOGISTICS"), only_from="centre"),),
        page="cells",
        correction=Correction(Role.QUALITY, second="always"),
        step="collect",
        needs=reads("drugs", "labels_elsewhere"),
        gate=_GATE,
        blocked=collect_blocked,
        place=30,
        prefill=fresh_labels,
        scanned=labels_of(Collect),
        second=Second("checked", roles(Role.PHYSICIAN, Role.NURSE, Role.PHARMACIST, Role.LABORATORY)),
    ),
)
