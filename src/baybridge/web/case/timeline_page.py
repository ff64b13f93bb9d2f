"""The timeline of a case: everything that was recorded, what was put right struck through, and the page on which an entry is put right.

Main job: `timeline(view)` and `CORRECTION_DOORS`. One kind of entry alone stands in the address (`kind=money`). Whether somebody may put an entry
right, and what rests on it, is the rule of `CorrectEntry` (`journey/corrections/correcting.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.bedside.as_before import without_origin
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Command, Role, Situation
from baybridge.journey.corrected import Struck, set_aside_elsewhere
from baybridge.journey.corrections import setting_aside
from baybridge.journey.corrections.correcting import CorrectEntry, against, find
from baybridge.journey.entry import Entry
from baybridge.journey.events import AssessmentRecorded, ConfirmationAsked, EntryCorrected, Event
from baybridge.journey.row import CommandRow
from baybridge.journey.stored import event_as_json
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS
from baybridge.node.handle import handle
from baybridge.web.case import confirm_page, readable, tabs
from baybridge.web.case.as_given import as_given, made_by
from baybridge.web.case.view import CaseView, with_view
from baybridge.web.forms import forms, shape
from baybridge.web.forms.choices import coded
from baybridge.web.page import pictures, told
from baybridge.web.page.page import go, refused

REASONS = shape.literals_of(next(item.type for item in msgspec.structs.fields(CorrectEntry) if item.name == "reason"))


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the timeline shows it: its event as JSON, the correction that struck it, and whether this reader may put it right."""

    entry: Entry[Any]
    body: Mapping[str, Any]
    struck: Struck | None
    elsewhere: Sequence[Entry[EntryCorrected]]  # by nodes that set this entry of ours aside
    correctable: bool
    clock: str  # the hour and minute at this node


#: Kinds of entry by which the timeline is filtered: the chapters of `journey/events.py` that make each.
KINDS: Mapping[str, tuple[str, ...]] = {
    "person": ("referral", "identity", "tasks"),
    "record": ("attachments",),
    "choice": ("decisions",),
    "cells": ("cells",),
    "care": ("treatment",),
    "calls": ("calls",),
    "followup": ("follow_up",),
    "money": ("money",),
    "sharing": ("sharing", "signing", "messages", "case_messages", "family", "rights"),
    "corrections": ("corrections",),
}
OTHER = "other"  # what a newer node told and this one does not know
_KIND_OF = {chapter: kind for kind, chapters in KINDS.items() for chapter in chapters}

#: What moves a case on, of which the picture of its road shows the first of each, and every journey of its cells.
STATIONS = ("CaseOpened", "CaseReferred", "CaseAccepted", "CellsCollected", "ManufactureStarted", "ProductReleased",
            "LymphodepletionStarted", "Infused", "Discharged", "FollowUpAccepted", "Died")  # fmt: skip
_EVERY = ("ShipmentDispatched", "ShipmentReceived")


def kind_of(event: Event) -> str:
    """Which kind of entry an event is, by its chapter."""
    return _KIND_OF.get(type(event).__module__.rpartition(".")[2], OTHER)


def timeline(view: CaseView) -> Response:
    """Everything that happened by day, newest first, with who recorded it and where; what was put right is struck through."""
    struck = {one.entry.origin.event_id: one for one in view.case.struck}
    history = [entry for entry in view.case.history if readable.against(view, entry) is None]
    entries = sorted(history, key=lambda entry: (entry.origin.at, entry.origin.recorded_at))[::-1]  # of one moment, what was recorded last comes first
    counted = Counter(kind_of(entry.event) for entry in entries)
    kind = view.asked.query.get("kind", "")
    chosen = kind if counted[kind] else ""
    may_correct, elsewhere, zone = correcting(view), set_aside_elsewhere(view.case.history), view.asked.node.site.zone
    rows = [
        Row(
            one, event_as_json(one.event), struck.get(one.origin.event_id), elsewhere.get(one.origin.event_id, ()), may_correct(one),
            f"{one.origin.at.astimezone(zone):%H:%M}",
        )
        for one in entries
        if not chosen or kind_of(one.event) == chosen
    ]  # fmt: skip
    stations = _stations(entries[::-1], struck)
    return view.render(
        "timeline.html",
        days=[(day, list(inside)) for day, inside in groupby(rows, lambda row: row.entry.origin.at.astimezone(zone).date())],
        infused_day=view.case.infused_at.astimezone(zone).date() if view.case.infused_at else None,
        count=len(rows),
        all_count=len(entries),
        closed_count=sum(view.told_of_calls or not told.of_calls(entry.event) for entry in view.case.history) - len(entries),
        kinds=[(name, counted[name], _address(view, name)) for name in (*KINDS, OTHER) if counted[name]],
        everything=_address(view, ""),
        chosen=chosen,
        unread_kind=kind[:30] if kind and not chosen else "",
        stations=stations,
        road=pictures.road([one.origin.node for one in stations]),
    )


def _address(view: CaseView, kind: str) -> str:
    """The timeline with one kind of entry alone, at the moment that the page shows."""
    kept = {name: text for name, text in (("kind", kind), ("at", view.asked.query.get("at", "") if view.until else "")) if text}
    return f"{view.asked.path}?{urlencode(kept)}" if kept else view.asked.path


def _stations(entries: Sequence[Entry[Any]], struck: Mapping[str, Struck]) -> list[Entry[Any]]:
    """What moved the case on, oldest first: the first of each, and every journey of its cells; nothing that was struck through."""
    found: list[Entry[Any]] = []
    seen: set[str] = set()
    for entry in entries:
        name = type(entry.event).__name__
        if entry.origin.event_id not in struck and (name in _EVERY or (name in STATIONS and name not in seen)):
            found.append(entry)
            seen.add(name)
    return found


def correcting(view: CaseView) -> Callable[[Entry[Event]], bool]:
    """Whether the reader may put an entry of this case right."""
    situation = None if view.read_only else _situation(view)
    return lambda entry: _may(situation, entry)


def _situation(view: CaseView) -> Situation:
    return view.look.situation(frozenset({"making"}))


def _may(situation: Situation | None, entry: Entry[Event]) -> bool:
    if situation is None:
        return False
    if entry.origin.told:
        return not any(setting_aside.against(situation, entry)) or _may_reinstate(situation, entry)
    return not any(against(situation, entry))


def _may_reinstate(situation: Situation, entry: Entry[Event]) -> bool:
    return Role.QUALITY in situation.actor.roles and entry.origin.event_id in setting_aside.set_aside_here(situation.case)


# --- putting an entry right -----------------------------------------------------------------------------------------


def correct_page(asked: Asked) -> Response:
    """What an entry says, and the two ways to put it right."""
    return with_view(asked, lambda view: _show(view, None, {}), "timeline")


def correct(asked: Asked) -> Response:
    """Put an entry right from its page; a refusal shows the page again with every reason."""
    case_id, event_id = asked.parameters["case_id"], asked.parameters["event_id"]
    form = asked.form
    given: dict[str, Any] = {
        "event_id": event_id,
        "action": form.get("correction_action", ""),
        "reason": form.get("correction_reason", ""),
        "note": form.get("correction_note", ""),
    }
    instead = _instead(asked, case_id, event_id) if given["action"] == "replace" else {}
    if given["action"] == "replace":
        given["given"] = instead
    name = _COMMANDS.get(given["action"], "CorrectEntry")
    if name != "CorrectEntry":
        given = {key: given[key] for key in COMMANDS[name].form}
    done = handle(asked.node, Command(name, case_id, given, asked.person, form.get("command_id") or new_id(asked.node.now)))
    if isinstance(done, Refusal):
        return with_view(asked, lambda view: _show(view, done, instead), "timeline")
    waits = next((item.event.confirmation_id for item in done.events if isinstance(item.event, ConfirmationAsked)), None)
    if waits is not None:
        return go(confirm_page.address(case_id, waits))
    return go(f"{tabs.address(case_id, 'timeline')}?done={name}#e-{event_id}")


#: The commands that stand on an entry of another node, by what the form says is done.
_COMMANDS = {"aside": "SetAsideEntry", "reinstate": "ReinstateEntry"}


def _instead(asked: Asked, case_id: str, event_id: str) -> dict[str, object]:
    """What the form says is right, as the input of the command that made the entry."""
    case = asked.node.case(case_id)
    entry = find(case, event_id) if case is not None else None
    row = made_by(entry.event) if entry is not None else None
    return forms.read(asked, row) if row is not None else {}


def _show(view: CaseView, refusal: Refusal | None, instead: Mapping[str, object]) -> Response:
    entry = find(view.case, view.asked.parameters["event_id"])
    if entry is None:
        return refused(view.asked, refuse(Reason("correction.unknown", where="event_id"), category=Category.NOT_FOUND))
    closed = readable.against(view, entry)
    if closed is not None:
        return refused(view.asked, closed)
    situation = _situation(view)
    standing = refusal or _standing(situation, entry)
    row, body = None if entry.origin.told else made_by(entry.event), event_as_json(entry.event)
    filled, open_again = (instead, ()) if instead or row is None else _as_it_stands(view, row, entry.event)
    problems = {"as_before": open_again} if open_again else {}
    problems |= {reason.where: (view.reader.reason(reason),) for reason in (refusal.reasons if refusal else ()) if reason.where}
    return view.render(
        "correct.html",
        refusal.surface.http_status if refusal else 200,
        entry=entry,
        body=body,
        row=row,
        fields=forms.fields(view.asked, row, view.case, filled, problems) if row and not (standing and not refusal) else [],
        reasons=coded(view.asked, REASONS),
        sentences=[(view.reader.reason(reason), reason) for reason in standing.reasons] if standing else [],
        told=entry.origin.told,
        struck=entry.origin.event_id in setting_aside.set_aside_here(view.case),
        stands_against=standing is not None and refusal is None,
        resting=_resting(view, standing),
        given=view.asked.form,
        command_id=new_id(view.asked.node.now),
    )


def _as_it_stands(view: CaseView, row: CommandRow, event: Event) -> tuple[dict[str, object], tuple[str, ...]]:
    """The input that made an entry; what it affirmed as before and nobody found before by what is known now comes open, and is told."""
    given = as_given(row, event)
    if not isinstance(event, AssessmentRecorded) or not (gone := without_origin(view.case, event)):
        return given, ()
    said = view.reader.t("findings.origin_gone", facts=view.reader.t("page.semicolon").join(map(view.asked_label, gone)))
    return {**given, "as_before": tuple(name for name in event.as_before if name not in gone)}, (said,)


def _standing(situation: Situation, entry: Entry[Event]) -> Refusal | None:
    if entry.origin.told and _may_reinstate(situation, entry):
        return None
    reasons = tuple(setting_aside.against(situation, entry) if entry.origin.told else against(situation, entry))
    return refuse(*reasons) if reasons else None


def _resting(view: CaseView, refusal: Refusal | None) -> Sequence[tuple[Entry[Event], Mapping[str, object]]]:
    """The entries that are put right first, the newest first."""
    named = [name for reason in (refusal.reasons if refusal else ()) if reason.code == "correction.depends" for name in _ids(reason)]
    by_id = {entry.origin.event_id: entry for entry in view.case.entries}
    return [(by_id[name], event_as_json(by_id[name].event)) for name in named if name in by_id]


def _ids(reason: Reason) -> tuple[str, ...]:
    found = reason.values["event_ids"]
    return found if isinstance(found, tuple) else (str(found),)


CORRECTION_DOORS = (
    Door("/cases/{case_id}/entries/{event_id}", ("GET",), "case.correct", "case.correct", correct_page),
    Door("/cases/{case_id}/entries/{event_id}", ("POST",), "case.correct.do", "case.correct", correct),
)
