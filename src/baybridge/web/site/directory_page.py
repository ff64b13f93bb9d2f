"""The directory as people read it, and as those who keep it change it: laboratories with what sources say and since when, prices of repeated tests.

Main job: `DIRECTORY_DOORS`: the list, one row with everything that held, holds and will hold, and the form of each change. A change is added, ended or
withdrawn with its source and its day; nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from baybridge.base.dated import as_day, in_force, later, value_on
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.laboratories import EditedField, EditingForm
from baybridge.facts.fhir import items, mapping
from baybridge.http.doors import Asked, Door
from baybridge.node.directory import directory, living_documents
from baybridge.node.directory.changes import Change, key_of, rows_of, standing_of
from baybridge.web.page.page import Reader, go, refused, render
from baybridge.web.site.directory_forms import read_change


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list: its name for an end, how it stands today, and its parts."""

    key: str
    standing: str  # now, later, over, undated
    parts: Mapping[str, object]
    source: str
    confidence: str
    ends: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One field of a row: the value today with what changes it, or its entries."""

    name: str
    spec: EditedField
    value: object = None
    changes: tuple[tuple[date, object, str], ...] = ()
    items: tuple[Item, ...] = ()


def directory_page(asked: Asked) -> Response:
    """Every document that has a form, row by row."""
    today, documents = _today(asked), asked.node.documents
    laboratories = items(documents.typed.written("directory")["laboratories"].get("laboratories"))
    others = [(name, form) for name, form in documents.forms.items() if form.rows is None]
    return render(asked, "directory.html", rows=[_summary(row, today) for row in laboratories], others=others, may=_may(asked, documents.forms["laboratories"]))


def _summary(row: Mapping[str, object], today: date) -> dict[str, object]:
    valid = [item for item in items(row.get("accreditations")) if item.get("valid_from") and in_force(item, today)]
    marks = [one if isinstance(one, str) else mapping(one).get("mark") for one in _entries(row, "hr_marks") if isinstance(one, str) or in_force(mapping(one), today)]
    past = [one for one in items(row.get("eqa")) if (day := as_day(one.get("date"))) is not None and day <= today]
    return {
        "row": row,
        "name": _name(row, today) or row["id"],
        "jurisdiction": value_on(row, "jurisdiction", today),
        "city": value_on(row, "city", today),
        "accreditations": valid,
        "marks": marks,
        "listed": value_on(row, "alliance_listed", today),
        "suspended": value_on(row, "eqa_suspended", today),
        "newest": max(past, key=lambda one: str(one["date"]), default=None),
    }


def _name(row: Mapping[str, object], on: date) -> str:
    """The first of the names that a row had on a day; empty where it has none."""
    names = value_on(row, "names", on)
    return str(names[0]) if isinstance(names, list | tuple) and names else ""


def row_page(asked: Asked, problems: tuple[Reason, ...] = (), status: int = 200) -> Response:
    """One row: every field with its days, who changed what on which source, and the forms for those who keep it."""
    found = _found(asked)
    if isinstance(found, Refusal):
        return refused(asked, found)
    form, row = found
    today = _today(asked)
    with asked.node.storage.reading() as connection:
        mine = [one for one in living_documents.changes(connection) if one.event.document == asked.parameters["document"]]
    standing = {one.change_id for one in standing_of(mine)}
    history: list[Change] = [one for one in mine if one.event.row == asked.parameters["row"]]
    reader = Reader(asked)
    return render(
        asked,
        "directory-row.html",
        status,
        form=form,
        row=row,
        name=_name(row, today) or reader.title(form.title),
        fields=[_shown(name, spec, row, today) for name, spec in form.fields.items()],
        history=[(one, one.change_id in standing) for one in reversed(history)],
        may=_may(asked, form),
        problems=[(_said(reader, reason), reason) for reason in problems],
        today=today,
    )


def _said(reader: Reader, reason: Reason) -> str:
    """A reason with the parts of an entry by their words."""
    names = str(reason.values.get("fields") or reason.values.get("field") or "").split(", ")
    words = ", ".join(reader.code("directory.part", name) if reader.known(f"directory.part.{name}") else reader.code("directory.field", name) for name in names)
    key = "fields" if "fields" in reason.values else "field"
    return reader.t(reason.code, **{**reason.values, **({key: words} if key in reason.values else {})})


def change_row(asked: Asked) -> Response:
    """Sign a change; the row again with every reason where it cannot stand."""
    document, row = asked.parameters["document"], asked.parameters.get("row") or asked.form.get("row", "").strip()
    form = asked.node.documents.forms.get(document)
    if form is None:
        return refused(asked, _unknown(asked))
    change, problems = read_change(asked, form, document, row)
    if change is not None:
        done = directory.change(asked.node, asked.person, change)
        if not isinstance(done, Refusal):
            return go(f"/directory/{document}/{row}")
        if "row" not in asked.parameters or done.category is Category.FORBIDDEN:
            return refused(asked, done)
        problems = list(done.reasons)
    if "row" not in asked.parameters:
        return refused(asked, refuse(*problems, category=Category.INVALID))
    return row_page(asked, tuple(problems), 422)


def _shown(name: str, spec: EditedField, row: Mapping[str, object], today: date) -> Shown:
    if spec.kind == "dated":
        return Shown(name, spec, value_on(row, name, today), tuple((date.fromisoformat(begins), value, sure) for begins, value, sure in later(row, name)))
    return Shown(name, spec, items=tuple(_item(entry, spec, today) for entry in _entries(row, name)))


def _entries(row: Mapping[str, object], name: str) -> Sequence[object]:
    """The entries of a field; one that stands alone is a list of it."""
    value = row.get(name)
    return value if isinstance(value, list | tuple) else [value] if isinstance(value, Mapping) else ()


def _item(entry: object, spec: EditedField, today: date) -> Item:
    if not isinstance(entry, Mapping):
        return Item(key_of(entry), "undated", {"mark": entry}, "", "", ends=spec.validity)
    first = as_day(entry.get("valid_from"))
    standing = "undated" if not spec.validity else "later" if first and first > today else "now" if in_force(entry, today) else "over"
    if spec.validity and not entry.get("valid_from") and not entry.get("valid_to"):
        standing = "undated"
    names = [*(spec.item or ()), *(("valid_from", "valid_to") if spec.validity else ())]
    parts = {name: entry.get(name) for name in names if entry.get(name) is not None}
    ends = spec.validity and standing != "over"
    return Item(key_of(entry), standing, parts, str(entry.get("source") or ""), str(entry.get("confidence") or ""), ends)


def _found(asked: Asked) -> tuple[EditingForm, Mapping[str, object]] | Refusal:
    documents = asked.node.documents
    form = documents.forms.get(asked.parameters["document"])
    if form is None:
        return _unknown(asked)
    document = dict(documents.typed.written(form.folder)[form.document])
    row = next((row for row in rows_of(document, form) if row["id"] == asked.parameters["row"]), None)
    if row is None:
        return refuse(Reason("directory.change.unknown_row", {"row": asked.parameters["row"][:60]}), category=Category.NOT_FOUND)
    return form, row


def _unknown(asked: Asked) -> Refusal:
    known = ", ".join(sorted(asked.node.documents.forms))
    return refuse(Reason("directory.change.unknown_document", {"known": known}), category=Category.NOT_FOUND)


def _may(asked: Asked, form: EditingForm) -> bool:
    return asked.person.role.value in form.roles


def _today(asked: Asked) -> date:
    return asked.node.now().astimezone(asked.node.site.zone).date()


DIRECTORY_DOORS = (
    Door("/directory", ("GET",), "directory", "directory.read", directory_page),
    Door("/directory/{document}", ("POST",), "directory.new", "directory.write", change_row),
    Door("/directory/{document}/{row}", ("GET",), "directory.row", "directory.read", row_page),
    Door("/directory/{document}/{row}", ("POST",), "directory.change", "directory.write", change_row),
)
