"""A case's pages: the overview, its commands, its timeline and evidence; the other tabs stand in their own modules.

Main job: `frame(asked, tab)` gathers what every tab shows; `CASE_DOORS` lists the addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from starlette.responses import Response

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.time import parse_instant_or_day
from baybridge.journey.case import Case, Stage
from baybridge.journey.command import Command, Role
from baybridge.journey.stored import event_as_json
from baybridge.node import preview, tables
from baybridge.node.access import ACTIONS
from baybridge.node.clock import new_id
from baybridge.node.commands import COMMANDS, CommandKind
from baybridge.node.doors import Asked, Door
from baybridge.node.evidence import evidence_pack
from baybridge.record import store
from baybridge.web import forms
from baybridge.web.page import Reader, go, refused, render, texts_of

#: Tabs in order: (name, action that it needs).
TABS: tuple[tuple[str, str], ...] = (
    ("overview", "case.read"),
    ("facts", "case.facts"),
    ("eligibility", "case.facts"),
    ("tests", "case.tests"),
    ("funding", "case.funding"),
    ("sharing", "case.sharing"),
    ("cells", "case.cells"),
    ("bedside", "case.bedside"),
    ("followup", "case.bedside"),
    ("timeline", "case.timeline"),
    ("evidence", "case.evidence"),
)


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a tab: the command, and every sentence that would refuse it now."""

    command: str
    sentences: tuple[str, ...]
    address: str


def frame(asked: Asked, tab: str) -> tuple[Case, dict[str, Any]]:
    """The case and what its every tab shows: who, tabs, moment."""
    until = moment(asked)
    case = asked.node.case(asked.parameters["case_id"], until) or Case(asked.parameters["case_id"])
    role = asked.person.role
    base = f"/cases/{case.case_id}"
    shown = [(name, base if name == "overview" else f"{base}/{name}") for name, action in TABS if role in ACTIONS[action]]
    return case, {
        "case": case,
        "who": name_of(asked, case),
        "product_name": product_name(asked, case.product),
        "tabs": shown,
        "tab_name": tab,
        "until": until,
        "done": asked.query.get("done", "") if asked.query.get("done") in COMMANDS else "",
        "stages": tuple(Stage),
    }


def moment(asked: Asked) -> datetime | None:
    """The earlier moment that the reader asked to see, if any."""
    text = asked.query.get("at")
    try:
        return parse_instant_or_day(text, asked.node.site.zone) if text else None
    except ValueError:
        return None


def name_of(asked: Asked, case: Case) -> str:
    """The patient's name for those who care for the patient; others see the case's short mark."""
    if asked.person.role in (Role.PAYER, Role.MANUFACTURER, Role.ALLIANCE) or not case.patient_id:
        return Reader(asked).t("case.mark", mark=mark_of(case.case_id))
    with asked.node.storage.reading() as connection:
        version = store.get(connection, "Patient", case.patient_id)
    return patient_name(orjson.loads(version.body)) if version else Reader(asked).t("case.mark", mark=mark_of(case.case_id))


def mark_of(case_id: str) -> str:
    """The short mark of a case, where no name is shown."""
    return case_id[-6:].upper()


def patient_name(resource: Mapping[str, Any]) -> str:
    """How a Patient resource writes the name: official first, another script beside it."""
    names = [name.get("text") or " ".join([*name.get("given", ()), name.get("family", "")]).strip() for name in resource.get("name", ())]
    return " · ".join(dict.fromkeys(filter(None, names)))


def product_name(asked: Asked, product: str | None) -> str:
    """A product's name in the reader's language."""
    document = asked.node.documents.folder("products").get(product or "", {})
    return Reader(asked).title(document.get("names")) or product or ""


def labels(asked: Asked) -> dict[str, str]:
    """What to call each case of this node in a list."""
    with asked.node.storage.reading() as connection:
        rows = connection.execute(select(tables.case_index.c.case_id, tables.case_index.c.patient_id)).all()
        named = asked.person.role not in (Role.PAYER, Role.MANUFACTURER, Role.ALLIANCE)
        keys = [("Patient", row.patient_id) for row in rows if row.patient_id and named]
        versions = store.get_many(connection, keys)
    reader = Reader(asked)
    found = {}
    for row in rows:
        version = versions.get(("Patient", row.patient_id))
        name = patient_name(orjson.loads(version.body)) if version else ""
        found[row.case_id] = name or reader.t("case.mark", mark=mark_of(row.case_id))
    return found


def actions(asked: Asked, case: Case, names: Sequence[str], given: Mapping[str, Mapping[str, Any]] | None = None) -> list[Action]:
    """The commands among `names` that this role may give, each with what would refuse it now."""
    kinds = [COMMANDS[name] for name in names if name in COMMANDS and asked.person.role in COMMANDS[name].roles]
    kinds = [kind for kind in kinds if not kind.kinds or kind.kinds & asked.node.site.kinds]
    wanted = [(kind.name, (given or {}).get(kind.name) or known_input(asked, kind, case)) for kind in kinds]
    refusals = preview.would(asked.node, case, asked.person, wanted)
    texts = texts_of(asked.node)
    return [
        Action(
            kind.name,
            tuple(texts.refusal(asked.language, refusal)) if refusal else (),
            f"/cases/{case.case_id}/do/{kind.name}",
        )
        for kind, refusal in zip(kinds, refusals, strict=True)
    ]


def known_input(asked: Asked, kind: CommandKind, case: Case) -> dict[str, Any]:
    """A command's input as far as the case knows it, so that a preview sees what the form would show."""
    texts = {field.name: field.value for field in forms.fields(asked, kind, case) if field.value}
    return forms.from_texts(asked, kind, [(name, text) for name, text in texts.items()])


# --- pages ----------------------------------------------------------------------------------------------------------


def overview(asked: Asked) -> Response:
    """Where the case stands, what is next and who does it."""
    case, values = frame(asked, "overview")
    with asked.node.storage.reading() as connection:
        rows = connection.execute(select(tables.task).where(tables.task.c.case_id == case.case_id)).mappings().all()
        reports = connection.execute(
            select(tables.import_report).where(tables.import_report.c.case_id == case.case_id).order_by(tables.import_report.c.at.desc())
        ).mappings().all()
    tasks = sorted((orjson.loads(row["body"]) for row in rows), key=lambda task: (task["due_at"] is None, task["due_at"] or ""))
    names = [name for task in tasks for name in task["commands"]]
    return render(
        asked,
        "overview.html",
        tasks=tasks,
        now=asked.node.now().isoformat(),
        actions=actions(asked, case, list(dict.fromkeys(names))),
        reports=[orjson.loads(row["body"]) for row in reports],
        **values,
    )


def command_page(asked: Asked) -> Response:
    """The form of a command."""
    return _form(asked, {}, None)


def command_do(asked: Asked) -> Response:
    """Carry out a command from its form; a refusal shows the form again with every reason."""
    kind = COMMANDS.get(asked.parameters["command"])
    if kind is None:
        return refused(asked, refuse(Reason("command.unknown", {"command": asked.parameters["command"], "known": ""}), category=Category.NOT_FOUND))
    given = forms.read(asked, kind)
    command_id = asked.form.get("command_id") or new_id(asked.node.now)
    done = asked.node.handle(Command(kind.name, asked.parameters["case_id"], given, asked.person, command_id))
    if isinstance(done, Refusal):
        return _form(asked, given, done)
    return go(f"/cases/{done.case_id}/{kind.tab}?done={kind.name}" if kind.tab != "overview" else f"/cases/{done.case_id}?done={kind.name}")


def _form(asked: Asked, given: Mapping[str, Any], refusal: Refusal | None) -> Response:
    kind = COMMANDS.get(asked.parameters["command"])
    if kind is None:
        return refused(asked, refuse(Reason("command.unknown", {"command": asked.parameters["command"], "known": ""}), category=Category.NOT_FOUND))
    case, values = frame(asked, kind.tab)
    texts = texts_of(asked.node)
    sentences = [(texts.reason(asked.language, reason), reason) for reason in refusal.reasons] if refusal else []
    return render(
        asked,
        "command.html",
        refusal.surface.http_status if refusal else 200,
        kind=kind,
        fields=forms.fields(asked, kind, case, given),
        sentences=sentences,
        command_id=new_id(asked.node.now),
        **values,
    )


def timeline(asked: Asked) -> Response:
    """Everything that happened, oldest first, with who recorded it and where."""
    case, values = frame(asked, "timeline")
    rows = [(entry, event_as_json(entry.event)) for entry in sorted(case.entries, key=lambda entry: entry.origin.recorded_at)]
    return render(asked, "timeline.html", rows=rows, **values)


def evidence_page(asked: Asked) -> Response:
    """What the evidence pack holds and how to check it."""
    _, values = frame(asked, "evidence")
    return render(asked, "evidence.html", **values)


def evidence_file(asked: Asked) -> Response:
    """The evidence pack of a case, as a file."""
    case_id = asked.parameters["case_id"]
    asked.node.record_access(asked.person, case_id, "evidence", "evidence")
    body = evidence_pack(asked.node, case_id)
    name = f"baybridge-evidence-{mark_of(case_id)}.json"
    return Response(body, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}"'})


CASE_DOORS = (
    Door("/cases/{case_id}", ("GET",), "case", "case.read", overview),
    Door("/cases/{case_id}/do/{command}", ("GET",), "case.form", "case.command", command_page),
    Door("/cases/{case_id}/do/{command}", ("POST",), "case.do", "case.command", command_do),
    Door("/cases/{case_id}/timeline", ("GET",), "case.timeline", "case.timeline", timeline),
    Door("/cases/{case_id}/evidence", ("GET",), "case.evidence", "case.evidence", evidence_page),
    Door("/cases/{case_id}/evidence.json", ("GET",), "case.evidence.file", "case.evidence", evidence_file),
)
