"""Clocks that run out and things that wait for somebody: tasks that no plan foresees.

Main job: `alarms(case, now, site, rules)`, the unplanned tasks of a living patient's case, and `alarms_after_death`.

**Source**: logistics reference C3 (48 h amber, 66 h red, 72 h stop; dry shipper 48 h amber, 24 h red; permit 14 days amber),
quality reference E4 (team within 10 minutes), shared facts contract (a high upper bound asks for the missing fact).
**Units**: hours, days, minutes by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from msgspec import structs

from baybridge.base.time import start_of_day
from baybridge.documents.escalation import Escalation, UnusualSigns, span
from baybridge.documents.pathway import FinalResult, FollowUp, FreshCellsClock, Pathway, PermitClock, ShipperClock
from baybridge.journey import asked_findings, look_now, odd_findings
from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.cells import Shipment, discarded_of
from baybridge.journey.command import Role, Site
from baybridge.journey.conditions import discharged
from baybridge.journey.conflicts import conflicts_of
from baybridge.journey.corrected import set_aside_elsewhere
from baybridge.journey.custody import FAILED
from baybridge.journey.doubted_doses import doubted_doses
from baybridge.journey.schedule import next_visit
from baybridge.journey.task import Level, Task

CLOCKS = "logistics reference C3"


def alarms(case: Case, now: datetime, site: Site, pathway: Pathway, escalation: Escalation | None = None) -> Iterator[Task]:
    """Every unplanned task at this node."""
    rules = pathway.alarms
    yield from _fresh_cells(case, now, site, rules.fresh_cells)
    yield from _dry_shippers(case, now, site, rules.dry_shipper)
    yield from _permits(case, now, site, rules.permit)
    yield from _quarantine(case, site)
    yield from _late_failures(case, site)
    yield from _final_results(case, now, site, rules.final_results)
    yield from _repeats(case, site)
    if escalation is not None:
        yield from _rapid_response(case, site, span(escalation.team_within))
        yield from _look_now(case, now, site, span(escalation.look_now_within))
        yield from _review_grade(case, now, site, span(escalation.look_now_within))
        yield from _asked_findings(case, now, site, span(escalation.look_now_within))
        yield from _odd_findings(case, site, escalation.unusual)
    yield from _doubted_doses(case, site)
    yield from _conflicts(case, site)
    yield from _set_aside_elsewhere(case, site)
    yield from _malignancy(case, site)
    yield from _visit(case, now, site, pathway.follow_up)


def alarms_after_death(case: Case, now: datetime, site: Site, pathway: Pathway, escalation: Escalation | None = None) -> Iterator[Task]:
    """What still waits after death: bags in quarantine, final results, entries set aside elsewhere, a second malignancy, an open call, whether the death is true."""
    yield from _quarantine(case, site)
    yield from _final_results(case, now, site, pathway.alarms.final_results)
    yield from _set_aside_elsewhere(case, site)
    yield from _malignancy(case, site)
    if escalation is not None:
        yield from _rapid_response(case, site, span(escalation.team_within))
        yield from _doubted_death(case, site, span(escalation.look_now_within))


def _doubted_death(case: Case, site: Site, within: timedelta) -> Iterator[Task]:
    """A finding that is newer than the death: a physician looks whether the death was recorded for the right patient."""
    for entry in asked_findings.after_death(case, site.node):
        values: dict[str, str | int] = {"fact": entry.event.fact}
        due_at = entry.origin.recorded_at + within
        yield _task(site, "finding_after_death", Role.PHYSICIAN, entry.event.fact, values=values, commands=("RecordDeath",), due_at=due_at, level="red")


class _More(TypedDict, total=False):
    """What a task says beside its step, role and key."""

    values: dict[str, str | int]
    commands: tuple[str, ...]
    due_at: datetime | None
    level: Level
    source: str
    late: str | None


def _task(site: Site, step: str, role: Role, key: str = "", **more: Unpack[_More]) -> Task:
    due_at = more.pop("due_at", None)
    fields: _More = {"values": {}, "commands": (), "due_at": due_at.astimezone(UTC) if due_at else None, **more}
    return Task(key=f"{step}:{key}" if key else step, step=step, role=role.value, site=site.node, title=f"journey.task.{step}", **fields)


def _level(amber: bool, red: bool, stop: bool = False) -> Level:  # noqa: FBT001, FBT002 - three lamps of one light
    return "stop" if stop else "red" if red else "amber" if amber else "plan"


def _fresh_cells(case: Case, now: datetime, site: Site, rules: FreshCellsClock) -> Iterator[Task]:
    """Collected cells that have not reached the plant, at both ends of the road."""
    for collection in case.collections:
        hours = (now - collection.ended_at).total_seconds() / 3600
        level = _level(hours >= rules.amber_h, hours >= rules.red_h, hours >= rules.stop_h)
        gone = set(collection.bags) <= case.bags_at_plant | discarded_of(case.entries)
        if gone or level == "plan" or site.node not in (case.treating_node, case.plant_node):
            continue
        yield _task(
            site,
            "fresh_cells_clock",
            Role.COORDINATOR if site.node == case.treating_node else Role.MANUFACTURER,
            collection.entry.origin.event_id,
            values={"hours": int(hours), "stop_h": rules.stop_h},
            due_at=collection.ended_at + timedelta(hours=rules.stop_h),
            level=level,
            source=CLOCKS,
            late="journey.late.transport" if level == "stop" else None,
        )


def _dry_shippers(case: Case, now: datetime, site: Site, rules: ShipperClock) -> Iterator[Task]:
    for shipment in case.shipments:
        ends_at = shipment.hold_ends_at()
        if not shipment.under_way or ends_at is None or not _concerns(shipment, case, site):
            continue
        hours = (ends_at - now).total_seconds() / 3600
        level = _level(hours < rules.amber_h, hours < rules.red_h, hours <= 0)
        if level != "plan":
            yield _task(
                site,
                "dry_shipper_clock",
                Role.MANUFACTURER if site.node == case.plant_node else Role.COORDINATOR,
                shipment.shipment_id,
                values={"hours": max(0, int(hours))},
                due_at=ends_at,
                level=level,
                source=CLOCKS,
            )


def _concerns(shipment: Shipment, case: Case, site: Site) -> bool:
    ends = {case.treating_node, case.plant_node}
    return site.node in ends if shipment.dispatched else False


def _permits(case: Case, now: datetime, site: Site, rules: PermitClock) -> Iterator[Task]:
    """Papers of a leg that is still to be travelled and that end soon."""
    today = now.astimezone(site.zone).date()
    for entry in case.permits:
        paper = entry.event
        travelled = bool(case.shipments_on(paper.leg, case.chain_of_identity))
        replaced = any(p.event.kind == paper.kind and p.event.leg == paper.leg and p.event.valid_to > paper.valid_to for p in case.permits)
        left = (paper.valid_to - today).days
        if travelled or replaced or case.chain_of_identity is None or left > rules.amber_d or entry.origin.node != site.node:
            continue
        yield _task(
            site,
            "permit_expiry",
            Role.MANUFACTURER if site.node == case.plant_node else Role.COORDINATOR,
            entry.origin.event_id,
            values={"kind": paper.kind, "day": paper.valid_to.isoformat()},
            commands=("RecordPermit",),
            due_at=start_of_day(paper.valid_to, site.zone),
            level=_level(amber=True, red=left < 0),
            source=CLOCKS,
        )


def _quarantine(case: Case, site: Site) -> Iterator[Task]:
    waiting = case.quarantined - discarded_of(case.entries)
    received = [s.received for s in case.shipments if s.received and set(s.received.event.bags) & waiting]
    failed = [b for b in case.batches if b.failed_late and b.released and b.released.origin.node == site.node and set(b.released.event.bags) & waiting]
    if failed or any(entry.origin.node == site.node for entry in received):
        yield _task(site, "quarantine", Role.QUALITY, values={"count": len(waiting)}, commands=("ResolveQuarantine",), level="red")


def _late_failures(case: Case, site: Site) -> Iterator[Task]:
    """A product that failed after its release and was not given: the physician plans without it. Once it is given, the team is called (`node/watch/signs.py`)."""
    gone = {entry.event.bag for entry in case.infusions} | discarded_of(case.entries)
    for batch in case.batches if site.node == case.treating_node else ():
        if batch.failed_late and batch.released and set(batch.released.event.bags) - gone:
            failed = sorted({attribute for entry in batch.failed_late for attribute in entry.event.failed})
            values: dict[str, str | int] = {"batch": batch.batch, "failed": ", ".join(failed)}
            yield _task(site, "late_failure", Role.PHYSICIAN, batch.batch, values=values, level="red", source=FAILED)


def _final_results(case: Case, now: datetime, site: Site, awaited: Sequence[FinalResult]) -> Iterator[Task]:
    """Tests of batches released here on an interim result whose final result nobody recorded yet: quality of the plant does, whatever became of the product."""
    for batch in case.batches:
        released = batch.released
        if released is None or released.origin.node != site.node:
            continue
        recorded = {attribute for entry in batch.late for attribute, _, _ in entry.event.results}
        for test in (one for one in awaited if one.attribute not in recorded):
            due_at = released.origin.at + timedelta(days=test.within_d)
            late = due_at < now
            yield _task(
                site,
                "final_result",
                Role.QUALITY,
                f"{batch.batch}:{test.attribute}",
                values={"batch": batch.batch, "attribute": test.attribute, "day": due_at.astimezone(site.zone).date().isoformat()},
                commands=("RecordLateResult",),
                due_at=due_at,
                level=_level(amber=late, red=False),
                source=test.source,
                late="journey.late.plan" if late else None,
            )


def _repeats(case: Case, site: Site) -> Iterator[Task]:
    """Tests to be repeated here, unless a result of the same analyte serves for the purpose by now."""
    over = _purposes_over(case)
    served = {(e.event.loinc, e.event.purpose) for e in case.recognised}
    asked = {(e.event.loinc, e.event.purpose): e for e in case.repeats if e.origin.node == site.node}
    for (loinc, purpose), entry in asked.items():
        if (loinc, purpose) not in served and purpose not in over:
            values: dict[str, str | int] = {"loinc": loinc, "purpose": purpose}
            yield _task(
                site, "repeat_test", Role.LABORATORY, f"{loinc}:{purpose}", values=values, due_at=entry.origin.at + timedelta(days=3)
            )


def _purposes_over(case: Case) -> frozenset[str]:
    """Purposes of testing that the case has passed by."""
    passed: dict[str, bool] = {
        "ELIGIBILITY": case.slot is not None,
        "APH_IDM": any(c.chain_of_identity == case.chain_of_identity for c in case.collections),
        "APH_FITNESS": any(c.chain_of_identity == case.chain_of_identity for c in case.collections),
        "MFR_ACCEPT": bool(case.bags_at_plant),
        "LD_FITNESS": case.lymphodepletion is not None,
        "INFUSION_DAY": bool(case.infusions),
        "TOX_MONITOR": discharged(case),
    }
    return frozenset(purpose for purpose, is_over in passed.items() if is_over)


def _rapid_response(case: Case, site: Site, within: timedelta) -> Iterator[Task]:
    call = case.open_rapid_response
    if call is not None and call.called.origin.node == site.node:
        event = call.called.event
        yield _task(
            site,
            "rapid_response",
            Role.PHYSICIAN,
            call.called.origin.event_id,
            values={"codes": ", ".join(call.codes)},
            commands=("AcknowledgeCall", "ArriveRapidResponse", "CloseCall"),
            due_at=event.called_at + within,
            level="red",
            source="quality reference E4",
        )


def _look_now(case: Case, now: datetime, site: Site, within: timedelta) -> Iterator[Task]:
    """Grades that may be 3 or more and are not certain: somebody looks once, and enters what is missing of all of them."""
    asking = look_now.pending(case, site.node)
    if not asking:
        return
    due_at = min(look_now.asked_at(case, entry) for entry in asking) + within
    scales = [entry.event.scale for entry in asking]
    yield _task(
        site,
        "look_now",
        Role.NURSE,
        values={
            "scale": ", ".join(scales),
            "facts": ", ".join(dict.fromkeys(name for entry in asking for name in entry.event.missing)),
            "grade": max(entry.event.grade_max for entry in asking),
        },
        commands=("Assess",),
        due_at=due_at,
        level="red",
        late="journey.late.clinical" if due_at < now else None,
        source="convention of this project: a grade that may be 3 or more is looked at at once",
    )


def _review_grade(case: Case, now: datetime, site: Site, within: timedelta) -> Iterator[Task]:
    """A grade that counts no fever though treatment may mask it, or signs stand: a physician says which grade it is."""
    for entry in look_now.to_review(case, site.node):
        due_at = look_now.asked_at(case, entry, look_now.reviews) + within
        yield _task(
            site,
            "review_grade",
            Role.PHYSICIAN,
            entry.event.scale,
            values={"scale": entry.event.scale, "grade": entry.event.grade_min},
            commands=("ConfirmGrade",),
            due_at=due_at,
            level="red",
            late="journey.late.clinical" if due_at < now else None,
            source="Lee 2019, Table 2; facts contract, crs-astct-2019",
        )


def _odd_findings(case: Case, site: Site, limits: UnusualSigns) -> Iterator[Task]:
    """Findings that do not fit each other or are unusual, until somebody answers: which of them holds is asked."""
    for pair in odd_findings.to_ask(case, site.node, limits):
        yield _task(site, "odd_findings", Role.NURSE, pair, values={"pair": pair}, commands=("Assess",), level="red")


def _doubted_doses(case: Case, site: Site) -> Iterator[Task]:
    """A dose whose weight proved to be another one: a physician looks at the patient and says what follows."""
    for one in doubted_doses(case, site.node):
        dose, weight = one.dose.event, one.asked.event.weight_kg
        values: dict[str, str | int] = {"drug": dose.name, "dose": dose.dose, "at": dose.given_at.isoformat(), "weight": "" if weight is None else f"{weight:g}"}
        title = "dose_doubted" if weight is not None else "dose_without_weight"
        task = _task(site, "dose_doubted", Role.PHYSICIAN, one.entry, values=values, commands=("ReviewDose",), level="red", source="contract K2")
        yield structs.replace(task, title=f"journey.task.{title}")


def _asked_findings(case: Case, now: datetime, site: Site, within: timedelta) -> Iterator[Task]:
    """A finding that came in and may hide a sign: somebody looks at the patient and enters it."""
    for entry in asked_findings.to_look(case, site.node):
        if entry.event.why == "tied":
            yield _which_is_right(entry, site)
            continue
        due_at = entry.origin.recorded_at + within
        yield _task(
            site,
            f"finding_{entry.event.why}",
            Role.NURSE,
            entry.event.fact or entry.event.resource[:12],
            values={"fact": entry.event.fact},
            commands=("Assess",),
            due_at=due_at,
            level="red",
            late="journey.late.clinical" if due_at < now else None,
            source="contract K1",
        )


def _which_is_right(entry: asked_findings.Asked, site: Site) -> Task:
    """Two values of one moment that differ: the worse one counts until a physician says which is right, or whoever entered one puts it right."""
    at = entry.event.seen_at or entry.origin.at
    return _task(
        site,
        "finding_tied",
        Role.PHYSICIAN,
        entry.event.fact,
        values={"fact": entry.event.fact, "at": at.isoformat()},
        commands=("ConfirmFinding",),
        level="amber",
        source="convention of this project: of two values of one moment the worse counts, and which is right is asked",
    )


def _conflicts(case: Case, site: Site) -> Iterator[Task]:
    for conflict in conflicts_of(case):
        values: dict[str, str | int] = {"field": conflict.field, "node": conflict.told.node}
        yield _task(site, "conflict", Role.COORDINATOR, f"{conflict.field}:{conflict.told.event_id}", values=values, level="amber")


def _set_aside_elsewhere(case: Case, site: Site) -> Iterator[Task]:
    """Entries recorded here that another node does not count: they are put right here, or the other node reinstates them."""
    gone = {one.entry.origin.event_id for one in case.struck}
    own = {entry.origin.event_id: entry for entry in case.history if not entry.origin.told}
    asked = set()
    for event_id, said in set_aside_elsewhere(case.history).items():
        by = said[-1].origin.node, said[-1].origin.actor, said[-1].origin.recorded_at
        if event_id in gone or by in asked:  # what was worked out with an entry goes with it
            continue
        asked.add(by)
        values: dict[str, str | int] = {"event": type(own[event_id].event).__name__, "node": said[-1].origin.node}
        yield _task(site, "set_aside_elsewhere", Role.QUALITY, event_id, values=values, level="amber")


def _malignancy(case: Case, site: Site) -> Iterator[Task]:
    """Maker and authority are told of a second malignancy, and the tumour is tested for the transgene."""
    reports = [e for e in case.of(ev.SecondMalignancyReported) if e.origin.node == site.node]
    if not reports:
        return
    last = reports[-1]
    told = any(e.event.purpose == "PHARMACOVIGILANCE" and e.origin.at >= last.origin.at for e in case.of(ev.TransferAllowed))
    if not told:
        due_at = last.origin.at + timedelta(days=1)
        yield _task(
            site, "malignancy_tell", Role.PHYSICIAN, commands=("Transfer",), due_at=due_at, level="red", source="clinical reference 7.3"
        )
    if last.event.transgene_tested is None:
        yield _task(site, "malignancy_test", Role.LABORATORY, commands=("ReportSecondMalignancy",), source="clinical reference 7.3")


def _visit(case: Case, now: datetime, site: Site, schedule: FollowUp) -> Iterator[Task]:
    """The next visit: there always is one while the patient lives."""
    visit = next_visit(case, schedule, now.astimezone(site.zone).date(), site.zone)
    if visit is None or case.follow_up_node != site.node:
        return
    late = now.astimezone(site.zone).date() > visit.late_after
    yield _task(
        site,
        "visit",
        Role.COORDINATOR if visit.contact_only else Role.PHYSICIAN,
        visit.code,
        values={"visit": visit.code, "day": visit.due_on.isoformat()},
        commands=("RecordVisit",),
        due_at=start_of_day(visit.due_on, site.zone),
        level=_level(amber=late, red=False),
        late="journey.late.plan" if late else None,
        source="clinical reference 7.4",
    )
