"""A case's pages: the overview, its commands, its timeline and evidence; the other tabs stand in their own modules.

Main job: `CASE_DOORS`, the addresses of a case. What every tab shares stands in `view.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.emergency_access import unreviewed
from baybridge.documents.terms import DoseUnit, Drugs
from baybridge.followup.letters import unanswered
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Command, Role
from baybridge.journey.events import ConfirmationAsked
from baybridge.journey.held import Stage
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.handle import handle
from baybridge.node.intake.reports import reports
from baybridge.node.neighbours.evidence import evidence_pack
from baybridge.node.people import kept_forms
from baybridge.node.people.access import PERSONAL
from baybridge.node.upkeep import given_tasks
from baybridge.node.upkeep.projections import open_tasks
from baybridge.supply.manufacture import Release
from baybridge.web.case import confirm_page, tabs
from baybridge.web.case.attachments_page import ATTACHMENT_DOORS, attachments
from baybridge.web.case.batch_tests import before_release
from baybridge.web.case.bedside_page import bedside
from baybridge.web.case.calendar_file import calendar
from baybridge.web.case.card_page import CARD_CASE_DOORS, card
from baybridge.web.case.cells_page import cells
from baybridge.web.case.courier_page import COURIER_DOORS
from baybridge.web.case.eligibility_page import eligibility
from baybridge.web.case.facts_page import facts
from baybridge.web.case.followup_page import followup
from baybridge.web.case.identity_page import identity
from baybridge.web.case.looked_page import looked, looked_file
from baybridge.web.case.messages_page import MESSAGE_DOORS, crossing, messages
from baybridge.web.case.options_page import options
from baybridge.web.case.patient_page import first_page, watch
from baybridge.web.case.proposals_page import PROPOSAL_DOORS
from baybridge.web.case.requests_page import REQUEST_DOORS, requests
from baybridge.web.case.sharing_page import sharing
from baybridge.web.case.tests_page import tests
from baybridge.web.case.timeline_page import CORRECTION_DOORS, timeline
from baybridge.web.case.view import CaseView, allowed, most_urgent_first, tab, with_view
from baybridge.web.forms import findings, forms
from baybridge.web.forms.choices import names_of
from baybridge.web.money.ask_page import ASK_DOORS
from baybridge.web.money.compare_page import compare_page
from baybridge.web.money.funding_page import funding, milestone_file, quote_file, quote_page
from baybridge.web.page import told
from baybridge.web.page.page import go, refused

#: The road as the overview draws it; other stages are said in words.
_ROAD = tuple(stage for stage in Stage if stage not in (Stage.NEW, Stage.PROPOSED, Stage.DECLINED, Stage.OUT_OF_SPECIFICATION, Stage.DIED))


def overview(view: CaseView) -> Response:
    """Where the case stands, what is next and who does it; for the patient in plain words."""
    if view.asked.person.role in PERSONAL:
        return first_page(view)
    look = view.look
    open_now: list[dict[str, Any]] = [
        msgspec.to_builtins(task) for task in open_tasks(view.asked.node, look.unit.connection, view.case, view.now, look.lazy_facts)
    ]
    tasks = most_urgent_first(task for task in open_now if view.told_of_calls or not told.step_of_calls(task["step"]))
    names = list(dict.fromkeys(name for task in tasks for name in task["commands"] if name in COMMANDS))
    other = [name for name in tabs.buttons_of("overview") if name not in names]
    return view.render(
        "overview.html",
        tasks=tasks,
        now=view.now.isoformat(),
        called=given_tasks.called(look.unit.connection, {task["holder"] for task in open_now if task["holder"]}),
        hold_commands=frozenset(name for name in ("ClaimTask",) if view.until is None and allowed(view.asked, COMMANDS[name])),
        actions=view.actions(names),
        others=view.actions(other),
        reports=reports(view.look.unit.connection, view.case.case_id) if view.shows("case.facts") else None,  # a file's name may be a person's
        road=_ROAD,
        emergencies=unreviewed(view.case)[::-1],
        letters=unanswered(view.case) if allowed(view.asked, COMMANDS["AnswerPatient"]) else (),
    )


# --- commands -------------------------------------------------------------------------------------------------------


def command_page(asked: Asked) -> Response:
    """The form of a command, with what the reader typed before a session was over."""
    kind = COMMANDS.get(asked.parameters["command"])
    account, path = asked.person.account, asked.path
    with asked.node.storage.reading() as connection:
        kept = kept_forms.found(connection, account, path)
    if kept is not None and asked.query.get("fresh") == "yes":
        with asked.node.storage.writing() as connection:
            kept_forms.drop(connection, account, path)
        kept = None
    given = forms.from_texts(asked, kind, kept.fields) if kept is not None and kind is not None else {}
    return _form(asked, given, None, kept)


def command_do(asked: Asked) -> Response:
    """Carry out a command from its form; a refusal shows the form again with every reason."""
    kind = COMMANDS.get(asked.parameters["command"])
    if kind is None:
        return _unknown(asked)
    given = forms.read(asked, kind)
    command_id = asked.form.get("command_id") or new_id(asked.node.now)
    done = handle(asked.node, Command(kind.name, asked.parameters["case_id"], given, asked.person, command_id))
    if isinstance(done, Refusal):
        return _form(asked, given, done)
    with asked.node.storage.writing() as connection:
        kept_forms.drop(connection, asked.person.account, asked.path)
    if asked.form.get("back") == "tasks":
        return go("/")
    waits = next((item.event.confirmation_id for item in done.events if isinstance(item.event, ConfirmationAsked)), None)
    if waits is not None:
        return go(confirm_page.address(done.case_id, waits))
    return go(f"{tabs.address(done.case_id, _tab_for(asked, kind))}?done={kind.name}")


def _tab_for(asked: Asked, kind: CommandRow) -> str:
    """The tab of a command, or where this role begins if it does not see that tab."""
    wanted = kind.page
    return wanted if wanted in tabs.shown(asked.person.role) else tabs.home_tab(asked.person.role)


def _unknown(asked: Asked) -> Response:
    reason = Reason("command.unknown", {"command": asked.parameters["command"][:60], "known": ", ".join(sorted(COMMANDS))})
    return refused(asked, refuse(reason, category=Category.NOT_FOUND))


def _form(asked: Asked, given: Mapping[str, object], refusal: Refusal | None, kept: kept_forms.Kept | None = None) -> Response:
    kind = COMMANDS.get(asked.parameters["command"])
    if kind is None or not allowed(asked, kind):
        return _unknown(asked) if kind is None else refused(asked, refusal or _not_yours(asked, kind))
    return with_view(asked, lambda view: _show_form(view, kind, given, refusal, kept), _tab_for(asked, kind))


def _not_yours(asked: Asked, kind: CommandRow) -> Refusal:
    roles = ", ".join(sorted(role.value for role in kind.roles))
    return refuse(Reason("access.command", {"command": kind.name, "roles": roles, "role": asked.person.role.value}), category=Category.FORBIDDEN)


def _show_form(view: CaseView, kind: CommandRow, given: Mapping[str, object], refusal: Refusal | None, kept: kept_forms.Kept | None) -> Response:
    asked = view.asked
    standing = refusal or view.look.would(kind.name, {}) or view.look.at_gate(kind.name)
    sentences = [(view.reader.reason(reason), reason) for reason in standing.reasons] if standing else []
    problems: dict[str, tuple[str, ...]] = {}
    for sentence, reason in sentences if refusal else []:
        problems[reason.where] = (*problems.get(reason.where, ()), sentence)
    fields = forms.fields(asked, kind, view.case, given, problems, _round(view, kind))
    return view.render(
        "command.html",
        refusal.surface.http_status if refusal else 200,
        kind=kind,
        fields=fields,
        crossing=crossing(view, kind, fields),
        tried=refusal is not None,
        sentences=sentences,
        signable=_signable(asked, kind, standing),
        labels=_labels(view, kind),
        paper=forms.from_paper(asked),
        timed=bool(forms.moments(kind)),
        dose_boxes=_dose_boxes(asked) if {*_ALL_BOXES} <= {*kind.form} else None,
        back=tabs.address(view.case.case_id, view.tab),
        command_id=new_id(asked.node.now),
        kept=kept,
        second=confirm_page.who_confirms(view, kind),
        judged=before_release(view) if kind.given is Release else [],
        **_closed(view, kind),
    )


def _closed(view: CaseView, kind: CommandRow) -> dict[str, object]:
    """A round, or a form of the patient's own, at which nothing that could be typed would be taken asks for nothing; a round says what can be done instead."""
    closed = ("as_before" in kind.form or view.asked.person.role in (Role.PATIENT, Role.CAREGIVER)) and any(True for _ in kind.blocked(view.look.situation()))
    return {"closed": closed, "possible": [one for one in view.buttons() if not one.sentences] if closed else []}


def _round(view: CaseView, kind: CommandRow) -> findings.Round:
    """What a round asks first at this bedside, and what may be affirmed as before."""
    if "as_before" not in kind.form:
        return findings.ANY_ROUND
    situation = view.look.situation()
    return findings.round_of(view.case, situation.bedside.facts, view.now, situation.site.node, situation.documents.escalation.unusual)


def _dose_boxes(asked: Asked) -> dict[str, list[str]]:
    """By code and by each name of a drug of the list, in small letters, the boxes of a dose that its units need; any other drug has them all."""
    document = asked.node.documents.typed.the(Drugs)
    boxes: dict[str, list[str]] = {}
    for atc, drug in document.drugs.items():
        needed = sorted({_box_of(document.dose_units[unit]) for unit in drug.units if unit in document.dose_units})
        boxes |= dict.fromkeys((atc.casefold(), *names_of(drug)), needed or _ALL_BOXES)
    return boxes


_ALL_BOXES = ["amount", "dose_mg", "mg_per_kg"]


def _box_of(unit: DoseUnit) -> str:
    if unit.mg is None:
        return "amount"
    return "mg_per_kg" if unit.per_kg else "dose_mg"


def _signable(asked: Asked, kind: CommandRow, standing: Refusal | None) -> str:
    """The address part of the gate at which this person may sign an exception to what stands, with its codes; empty where there is nothing to sign."""
    codes = [reason.code for reason in standing.reasons if reason.code.startswith("gate.")] if standing else []
    if not codes or "codes" in kind.form or not allowed(asked, COMMANDS["SignException"]):  # the form of an exception leads to no other one
        return ""
    gate = codes[0].split(".")[1]
    return urlencode({"gate": gate, "codes": ",".join(code for code in dict.fromkeys(codes) if code.startswith(f"gate.{gate}."))}, safe=",")


def _labels(view: CaseView, kind: CommandRow) -> dict[str, tuple[str, ...]]:
    """What a scanner would read from the labels of an invented case, where there is no scanner: by field."""
    if not view.case.synthetic or not kind.scanned:
        return {}
    values = forms.known(view.asked, kind, view.case)
    found = {name: values[name] for name in kind.form if name in kind.scanned and name in values}
    return {name: tuple(value) if isinstance(value, tuple | list) else (str(value),) for name, value in found.items()}


# --- evidence --------------------------------------------------------------------------------------------------------


def evidence(view: CaseView) -> Response:
    """What the evidence pack holds and how to check it."""
    return view.render("evidence.html", mark=mark_of(view.case.case_id), struck=len(view.case.struck))


def evidence_file(asked: Asked) -> Response:
    """The evidence pack of a case, as a file."""
    case_id = asked.parameters["case_id"]
    body = evidence_pack(asked.node, case_id)
    name = f"baybridge-evidence-{mark_of(case_id)}.json"
    return Response(body, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}"'})


_PAGES = {
    "overview": overview, "facts": facts, "options": options, "eligibility": eligibility, "tests": tests, "identity": identity, "card": card, "funding": funding,
    "sharing": sharing,
    "cells": cells, "bedside": bedside, "followup": followup, "attachments": attachments, "messages": messages, "timeline": timeline, "looked": looked,
    "requests": requests, "evidence": evidence,
}  # fmt: skip

CASE_DOORS = (
    *CARD_CASE_DOORS,
    *CORRECTION_DOORS,
    *(
        Door(f"/cases/{{case_id}}{'' if name == 'overview' else '/' + name}", ("GET",), f"case.{name}", action, tab(name, _PAGES[name]))
        for name, action in tabs.TABS.items()
    ),
    Door("/cases/{case_id}/watch", ("GET",), "case.watch", "case.carry", tab("overview", watch)),
    Door("/cases/{case_id}/looked.json", ("GET",), "case.looked.file", "case.who_looked", looked_file),
    Door("/cases/{case_id}/do/{command}", ("GET",), "case.form", "case.command", command_page),
    Door("/cases/{case_id}/do/{command}", ("POST",), "case.do", "case.command", command_do),
    *confirm_page.CONFIRM_DOORS,
    *COURIER_DOORS,
    *REQUEST_DOORS,
    Door("/cases/{case_id}/calendar.ics", ("GET",), "case.calendar", "case.carry", calendar),
    *ATTACHMENT_DOORS,
    *MESSAGE_DOORS,
    *PROPOSAL_DOORS,
    *ASK_DOORS,
    Door("/cases/{case_id}/funding/quote", ("GET",), "case.quote", "case.quote", quote_page),
    Door("/cases/{case_id}/funding/quote.json", ("GET",), "case.quote.file", "case.quote", quote_file),
    Door("/cases/{case_id}/funding/milestone.json", ("GET",), "case.milestone", "case.funding", milestone_file),
    Door("/cases/{case_id}/funding/compare", ("GET",), "case.compare", "case.quote", compare_page),
    Door("/cases/{case_id}/evidence.json", ("GET",), "case.evidence.file", "case.evidence", evidence_file),
)

