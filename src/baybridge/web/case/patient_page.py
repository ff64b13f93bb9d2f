"""The patient's first page: where I am, what comes when, what I do, what it costs, what I allowed, who looked, whom to call; and the card to carry.

Main job: `first_page(view)`, `watch(view)`. Every sentence is one for patients (`patient.` in the translations), read by a house test for its length and reading
level. What is not known is said to be not known, and what another hospital did not tell is said not to be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from starlette.responses import Response

from baybridge.consent.requests import open_requests
from baybridge.documents.patients import Patients
from baybridge.followup.letters import unanswered
from baybridge.journey.attachments import attached
from baybridge.journey.case import Consent
from baybridge.journey.command import Role
from baybridge.journey.events import GlassBroken, StatusStep, StatusTold, TravelArranged
from baybridge.journey.held import Stage
from baybridge.journey.schedule import next_visit
from baybridge.journey.status import steps_of, sums_of
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import helping
from baybridge.web.case.helpers_shown import helpers_shown
from baybridge.web.case.looked_page import rows_of
from baybridge.web.case.readable import letters_shown
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page.qr import qr_svg
from baybridge.web.page.status_words import money

#: The road as a patient sees it: each part with the stage that ends it.
_ROAD: tuple[tuple[str, Stage], ...] = (
    ("accepted", Stage.ACCEPTED), ("collected", Stage.COLLECTED), ("made", Stage.RELEASED), ("prepared", Stage.LYMPHODEPLETED), ("given", Stage.INFUSED),
    ("home", Stage.DISCHARGED), ("follow_up", Stage.FOLLOW_UP),
)  # fmt: skip
_LOOKED_SHOWN = 3
_LETTERS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the road: done, planned or ahead without a day, its day where it is known, and at which place."""

    name: str
    state: Literal["done", "planned", "ahead"]
    day: date | None
    place: str


def first_page(view: CaseView) -> Response:
    """The page on which a patient begins."""
    case = view.case
    steps, today = _steps(view), _today(view)
    role, helped = view.asked.person.role, helpers_shown(view)
    discharge = case.discharge.event if case.discharge else None
    travel = case.last(TravelArranged)
    return view.render(
        "patient.html",
        parts=list(_road(view, steps)),
        travel=travel.event if travel else None,
        before=not any(step.stage == Stage.COLLECTED.value and not step.planned for step in steps),
        given=case.infused_at is not None or any(step.stage == Stage.INFUSED.value for step in steps),
        near_until=discharge.stay_near_until if discharge and discharge.stay_near_until >= today else None,
        no_driving_until=discharge.no_driving_until if discharge and discharge.no_driving_until and discharge.no_driving_until >= today else None,
        visit=_visit(view),
        sums=[money(view.reader, one) for one in sums_of(case, view.asked.node.site.zone)],
        consents=_standing(view),
        may_withdraw=view.until is None and allowed(view.asked, COMMANDS["WithdrawConsent"]),
        looked=[row for row in rows_of(view.asked, case.patient_id, case.case_id) if row["role"] != Role.PATIENT.value][:_LOOKED_SHOWN],
        documents=len(attached(case)),
        asked_open=len(open_requests(case)),
        letters=letters_shown(view)[:_LETTERS_SHOWN],
        felt=next((one.entry for one in unanswered(case) if one.entry.event.watched), None),
        may_write=view.until is None and case.alive and allowed(view.asked, COMMANDS["WriteToTeam"]),
        emergencies=case.of(GlassBroken)[::-1],
        patients=view.asked.node.documents.typed.the(Patients),
        shows=view.shows,
        helpers=helped,
        own=next((one for one in helped if one.person_id == view.asked.person.person), None) if role is Role.CAREGIVER else None,
        may_allow=role is Role.PATIENT and view.until is None and bool(helping.named_accounts(view.asked.node, case.patient_id or "")),
    )


def watch(view: CaseView) -> Response:
    """The card to carry: what to watch for, whom to call, what any doctor must know; to print and to show."""
    document = view.asked.node.documents.typed.the(Patients)
    codes = [qr_svg([f"tel:{''.join(sign for sign in one.number if sign in '+0123456789')}"]) for one in document.numbers]
    return view.render("watch.html", patients=document, numbers=list(zip(document.numbers, codes, strict=True)))


def _today(view: CaseView) -> date:
    return view.now.astimezone(view.asked.node.site.zone).date()


def _steps(view: CaseView) -> list[StatusStep]:
    """Every step that is known here, whoever said so, the last one of each day last."""
    here = view.asked.node.site.node
    told = [step for entry in view.case.of(StatusTold) if entry.origin.told and entry.event.to_node == here for step in entry.event.steps]
    return sorted(dict.fromkeys((*steps_of(view.case, view.asked.node.site.zone), *told)), key=lambda step: step.done_on)


def _road(view: CaseView, steps: list[StatusStep]) -> Iterator[Part]:
    """Each part with its day; a part before one that is done is done, on a day that was not told."""
    done = {step.stage: step for step in steps if not step.planned}
    planned = {step.stage: step for step in steps if step.planned}
    visit, here = _visit(view), view.asked.node.site.node
    if visit is not None:
        planned[Stage.FOLLOW_UP.value] = StatusStep(stage=Stage.FOLLOW_UP.value, done_on=visit, node=view.case.follow_up_node or here, planned=True)
    furthest = max((number for number, (_, stage) in enumerate(_ROAD) if stage.value in done), default=-1)
    for number, (name, stage) in enumerate(_ROAD):
        step = done.get(stage.value) or (planned.get(stage.value) if number > furthest else None)
        state: Literal["done", "planned", "ahead"] = "done" if number <= furthest else "planned" if step is not None else "ahead"
        yield Part(name, state, step.done_on if step else None, view.reader.node(step.node) if step else "")


def _visit(view: CaseView) -> date | None:
    case, zone = view.case, view.asked.node.site.zone
    if case.infused_at is None or not case.alive:
        return None
    found = next_visit(case, view.asked.node.documents.typed.pathway.follow_up, _today(view), zone)
    return found.due_on if found is not None else None


def _standing(view: CaseView) -> list[Consent]:
    today = _today(view)
    return [one for one in view.case.consents if one.holds_on(today)]
