"""Opening a case, confirming what the record only suggests, and offering the case to a treating centre.

Main job: the rules of `OpenCase`, `ConfirmFinding`, `ReferCase`, `AcceptCase`, `DeclineCase`, `ArrangeTravel`.

**Source**: mission M14 (the international patient's journey), shared facts contract (what only text says is confirmed by a person).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, refuse
from baybridge.consent.emergency import may_be_cared_for
from baybridge.documents.fact_reading import RecentExtreme
from baybridge.documents.terms import Choices
from baybridge.journey.checks import Unusual, alive, asked_once, before_infusion, said, treating_here
from baybridge.journey.command import Gate, Role, Situation, Verdict
from baybridge.journey.entitlement import entitled
from baybridge.journey.events import (
    CaseAccepted,
    CaseDeclined,
    CaseOpened,
    CaseReferred,
    FindingConfirmed,
    TravelArranged,
)
from baybridge.journey.gates import unsigned
from baybridge.journey.held import Stage
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, never_blocked, reads, roles, told_in
from baybridge.journey.stages import stage_of
from baybridge.journey.texts import Note, OneOf
from baybridge.journey.values import FACT_UNKNOWN, IMPLAUSIBLE, fact_entry, read_typed, unfit
from baybridge.language.regions import regions_of
from baybridge.matching import rendering


def travel_papers(situation: Situation) -> Collection[str]:
    """Kinds of paper for a journey; numbers are never kept."""
    return situation.documents.the(Choices).travel_papers


class OpenCase(Struct, frozen=True, kw_only=True):
    """A case begins for a patient of this node's record."""

    patient_id: str
    residence: Annotated[str, Meta(description="code of the region where the patient lives, or other")]
    synthetic: Annotated[bool, Meta(description="the patient is invented")] = False
    line: Annotated[Annotated[int, Meta(ge=1, le=20)] | None, Meta(description="line of therapy, where the patient has an open case for another")] = None


class ConfirmFinding(Struct, frozen=True, kw_only=True):
    """A person confirms or codes a fact that text alone, or a proposal, said."""

    fact: str
    value: bool | int | float | str
    basis: Annotated[Note, Meta(description="the report or observation it rests on")]
    outside_range: Annotated[bool, Meta(description="value and unit were checked with the laboratory: it is right although outside the plausible range")] = False


class ReferCase(Struct, frozen=True, kw_only=True):
    """The case is offered to another node."""

    to_node: str
    product: Annotated[str, Meta(description="catalogue identifier; empty leaves the choice to the centre")] = ""


class AcceptCase(Struct, frozen=True, kw_only=True):
    """The centre takes the case."""

    product: str


class DeclineCase(Struct, frozen=True, kw_only=True):
    """The centre does not take the case."""

    reason: Note


class ArrangeTravel(Struct, frozen=True, kw_only=True):
    """Entry papers, invitation and lodging stand."""

    papers: Annotated[
        tuple[str, ...], OneOf(travel_papers), Meta(description="kinds only, no numbers: s2-visa, invitation, home-return-permit, hk-entry, mo-entry, lodging")
    ]
    arrives_on: date
    unusual: Unusual = False


def open_case(situation: Situation, given: OpenCase) -> Verdict:
    """The case is open, unless the patient has an open one for this line of therapy."""
    if situation.case.entries:
        return refuse(Reason("matching.open.already"), category=Category.CONFLICT)
    against = []
    if not said(given.patient_id):
        against.append(Reason("matching.open.no_patient", where="patient_id"))
    known = (*regions_of(situation.documents.folder), "other")
    if given.residence not in known:
        against.append(Reason("matching.open.residence_unknown", {"known": ", ".join(known)}, where="residence"))
    if against:
        return refuse(*against)
    patient = given.patient_id.strip()
    standing = tuple(_open_for_the_line(situation, patient, given.line))
    if standing:
        return refuse(*standing, category=Category.CONFLICT)
    return (CaseOpened(patient_id=patient, residence=given.residence, synthetic=given.synthetic, line=given.line),)


def _open_for_the_line(situation: Situation, patient: str, line: int | None) -> Iterator[Reason]:
    """Open cases of the patient that are, or may be, for this line: one that names no line may be for any."""
    cases_of = situation.record.cases_of
    for case in cases_of(patient) if cases_of is not None else ():
        theirs = case.opened.event.line if case.opened else None
        if case.case_id != situation.case.case_id and stage_of(case) not in _ENDED and (line is None or theirs is None or line == theirs):
            yield Reason("matching.open.another_open", {"case": case.case_id}, where="patient_id")


#: Stages in which a case stands in the way of no further one: its therapy is over, or was not begun.
_ENDED = frozenset({Stage.DIED, Stage.DECLINED, Stage.DISCHARGED, Stage.FOLLOW_UP})


def confirm_finding(situation: Situation, given: ConfirmFinding) -> Verdict:
    """The fact stands as a person said it, with what it rests on."""
    against = [*alive(situation), *_unfit(situation, given), *_not_theirs(situation, given), *_contradicts(situation, given)]
    if not said(given.basis):
        against.append(Reason("matching.confirm.no_basis", where="basis"))
    if against:
        return refuse(*against)
    value = read_typed(fact_entry(situation, given.fact), given.value)
    return (FindingConfirmed(fact=given.fact, value=value, basis=given.basis.strip()),)


def _not_theirs(situation: Situation, given: ConfirmFinding) -> Iterator[Reason]:
    """Nobody's word stands for what is computed or has a command of its own, and a laboratory's not for what is seen at the bedside (`stated_by` in `data/facts`)."""
    entry = fact_entry(situation, given.fact)
    if entry is None or situation.actor.role in entry.stated_by:
        return
    if not entry.stated_by:
        yield Reason("matching.confirm.computed", {"fact": given.fact}, where="fact")
    else:
        yield Reason("matching.confirm.not_theirs", {"fact": given.fact, "roles": ", ".join(entry.stated_by)}, where="fact")


def _contradicts(situation: Situation, given: ConfirmFinding) -> Iterator[Reason]:
    """The record shows a worse extreme of the same hours than the one that is stated."""
    entry, found = fact_entry(situation, given.fact), situation.facts.get(given.fact)
    rule = entry.reading() if entry is not None else None
    value = read_typed(entry, given.value)
    if not isinstance(rule, RecentExtreme) or not isinstance(found, int | float) or not isinstance(value, int | float):
        return
    before = situation.case.confirmed.get(given.fact)
    of_the_record = before is None or before.event.value != found
    if of_the_record and (found > value if rule.extreme == "max" else found < value):
        yield Reason("matching.confirm.contradicts", {"fact": given.fact, "of": rule.of, "hours": str(rule.hours)}, where="value")


def _unfit(situation: Situation, given: ConfirmFinding) -> Iterator[Reason]:
    """Why the value cannot stand; a measurement outside its plausible range can, where a person checked it. A count or score cannot leave its scale."""
    for reason in unfit(situation, given.fact, given.value):
        measured = (entry := fact_entry(situation, given.fact)) is not None and bool(entry.unit)
        if reason.code == IMPLAUSIBLE and measured and given.outside_range:
            continue
        yield replace(reason, where="fact" if reason.code == FACT_UNKNOWN else "value")


def refer_case(situation: Situation, given: ReferCase) -> Verdict:
    """The case is offered; sending the records is a transfer of its own."""
    against = (*refer_case_blocked(situation), *_receiver(situation, given))
    if against:
        return refuse(*against)
    return (CaseReferred(to_node=given.to_node, product=given.product),)


def refer_case_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against referring, whatever centre."""
    yield from alive(situation)
    if not may_be_cared_for(situation):
        yield Reason("matching.refer.no_care_consent")
    if situation.case.treating_node is not None:
        yield Reason("matching.refer.already_accepted", {"node": situation.case.treating_node})


def _receiver(situation: Situation, given: ReferCase) -> Iterator[Reason]:
    there = situation.site if given.to_node == situation.site.node else situation.neighbours.get(given.to_node)
    if there is None or "centre" not in there.kinds:
        yield Reason("matching.refer.centre_unknown", {"node": given.to_node}, where="to_node")
    if given.product and given.product not in situation.products:
        yield Reason("matching.refer.product_unknown", {"product": given.product}, where="product")


def accept_case(situation: Situation, given: AcceptCase) -> Verdict:
    """This centre takes the case."""
    against = [*accept_case_blocked(situation), *_product(situation, given.product)]
    if given.product in situation.products:
        against.extend(unsigned(situation, "accept", entitled(situation, given.product, "accept"), given.product))
    return refuse(*against) if against else (CaseAccepted(product=given.product),)


def at_acceptance(situation: Situation) -> Iterator[Reason]:
    """What stands at the gate before accepting the case for the product that it is about."""
    product = situation.case.product
    if product is None:
        yield Reason("supply.slot.no_product")
    else:
        yield from entitled(situation, product, "accept")


def accept_case_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against accepting, whatever product."""
    yield from alive(situation)
    yield from _offer(situation)
    yield from _consent(situation)


def decline_case_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against declining, whatever the reason given."""
    yield from alive(situation)
    yield from _offer(situation)


def _consent(situation: Situation) -> Iterator[Reason]:
    """No signature stands for the patient's consent to be cared for here."""
    if not may_be_cared_for(situation):
        yield Reason("matching.accept.no_care_consent")


def _offer(situation: Situation) -> Iterator[Reason]:
    case = situation.case
    if case.treating_node is not None:
        yield Reason("matching.accept.already", {"node": case.treating_node})
    offered = {e.event.to_node for e in case.of(CaseReferred)}
    if case.owner_node != situation.site.node and situation.site.node not in offered:
        yield Reason("matching.accept.not_offered")


def _product(situation: Situation, product: str) -> Iterator[Reason]:
    if product not in situation.products:
        yield Reason("matching.refer.product_unknown", {"product": product}, where="product")


def decline_case(situation: Situation, given: DeclineCase) -> Verdict:
    """This centre does not take the case, and says why."""
    against = [*decline_case_blocked(situation)]
    if not said(given.reason):
        against.append(Reason("matching.decline.no_reason", where="reason"))
    return refuse(*against) if against else (CaseDeclined(reason=given.reason.strip()),)


def arrange_travel_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against arranging the journey, whatever the papers."""
    yield from alive(situation)
    yield from treating_here(situation)
    yield from before_infusion(situation)


def arrange_travel(situation: Situation, given: ArrangeTravel) -> Verdict:
    """The journey is arranged."""
    against = [*arrange_travel_blocked(situation)]
    if not given.papers:
        against.append(Reason("matching.travel.no_papers", where="papers"))
    against.extend(asked_once(_another_day(situation, given.arrives_on), unusual=given.unusual))
    return refuse(*against) if against else (TravelArranged(papers=given.papers, arrives_on=given.arrives_on),)


def _another_day(situation: Situation, arrives_on: date) -> Iterator[Reason]:
    """A day that is over, or further ahead than anything is planned."""
    usual = situation.limits.plausible
    if not situation.today <= arrives_on <= situation.today + timedelta(days=usual.slot_ahead_d):
        yield Reason("matching.travel.another_day", {"day": arrives_on.isoformat(), "days": usual.slot_ahead_d}, source=usual.source, where="unusual")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        OpenCase, open_case, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(CaseOpened, rendering.opened, told_in("CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS")),),
        page="overview",
        correction=CLINICAL,
        step="referral",
        needs=reads("cases_of"),
        opens=True,
        blocked=never_blocked,
        button=None,
    ),
    CommandRow(
        ConfirmFinding, confirm_finding, roles(Role.PHYSICIAN, Role.LABORATORY),
        (EventRow(FindingConfirmed, rendering.finding, told_in("CARE_REFERRAL")),),
        page="facts",
        correction=CLINICAL,
        step="records",
        button=None,
    ),
    CommandRow(
        ReferCase, refer_case, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(CaseReferred, rendering.referred, told_in("CARE_REFERRAL")),),
        page="overview",
        correction=CLINICAL,
        step="refer",
        blocked=refer_case_blocked,
        place=10,
        choices={"to_node": "centre"},
    ),
    CommandRow(
        AcceptCase, accept_case, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(CaseAccepted, rendering.accepted, told_in("CARE_REFERRAL", "COI_LOGISTICS", "CASE_STATUS")),),
        page="overview",
        correction=CLINICAL,
        step="accept",
        blocked=accept_case_blocked,
        place=20,
        gate=Gate("accept", at_acceptance),
    ),
    CommandRow(
        DeclineCase, decline_case, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(CaseDeclined, rendering.declined, told_in("CARE_REFERRAL", "CASE_STATUS")),),
        page="overview",
        correction=CLINICAL,
        step="accept",
        blocked=decline_case_blocked,
        place=30,
    ),
    CommandRow(
        ArrangeTravel, arrange_travel, roles(Role.COORDINATOR),
        (EventRow(TravelArranged, rendering.travel),),
        page="overview",
        correction=CLINICAL,
        step="travel",
        purpose="travel",
        blocked=arrange_travel_blocked,
        place=40,
    ),
)
