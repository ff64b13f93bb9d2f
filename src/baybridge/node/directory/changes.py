"""Documents of the directory as they read with every signed change laid over them.

Main job: `lay_over(document, form, changes)`, the document with each change in its place; `against(form, document, change)`, every reason why a change
cannot stand. A form (`data/directory/editing.yaml`) says which fields of a document may change and how.

A change never rewrites what held before its day. A value that changes on a day keeps its earlier values (`dated` of the row), an entry that ends gets a
last day, and a change that was wrong is withdrawn by another. **Units**: days; a change holds from the beginning of `from_on`, an end is its last day.
Elsewhere: storage in `node/directory/directory.py`; which value holds on a day in `base/dated.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from baybridge.base.dated import as_day
from baybridge.base.outcome import Reason
from baybridge.documents.laboratories import EditedField, EditingForm
from baybridge.facts.fhir import mapping
from baybridge.journey.events import Event

Json = Mapping[str, object]
#: The row of a document that is one row.
WHOLE = "document"
CONFIDENCES = ("high", "medium", "low")
_LONGEST = 2000


class DirectoryChanged(Event, frozen=True, kw_only=True, tag=True):
    """One change of one row of a document, with its source and the day from which it holds."""

    document: str
    row: str
    field: str  # empty for a new row
    action: Literal["new", "set", "add", "end", "withdraw"]
    value: Any  # of a set: the value; add: the entry; end: the entry's key; withdraw: the id of the change; new: the row's first fields
    from_on: date
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it is kept: who signed it, where and when."""

    change_id: str
    at: str
    node: str
    actor: str
    role: str
    event: DirectoryChanged


def lay_over(document: Json, form: EditingForm, changes: Iterable[Change]) -> dict[str, object]:
    """The document with the changes laid over it in order; withdrawn ones are left out. The document given is not touched."""
    standing = tuple(standing_of(changes))
    if not standing:
        return dict(document)
    laid = deepcopy(dict(document))
    for change in standing:
        _apply(laid, form, change)
    return laid


def standing_of(changes: Iterable[Change]) -> Iterator[Change]:
    """The changes that were not withdrawn."""
    found = tuple(changes)
    withdrawn = {change.event.value for change in found if change.event.action == "withdraw"}
    return (change for change in found if change.event.action != "withdraw" and change.change_id not in withdrawn)


def _apply(laid: dict[str, object], form: EditingForm, change: Change) -> None:
    event = change.event
    if event.action == "new" and form.rows is not None:
        laid[form.rows] = [*_listed(laid, form.rows), {"id": event.row, **event.value, "source": event.source, "confidence": event.confidence}]
        return
    row = row_of(laid, form, event.row)
    if row is None:
        return  # a row that a site's own file no longer has
    if event.action == "set":
        dated = mapping(row.get("dated"))
        later = [*_listed(dated, event.field), [event.from_on.isoformat(), event.value, event.confidence]]
        row["dated"] = {**dated, event.field: sorted(later, key=lambda one: str(one[0]) if isinstance(one, list | tuple) else "")}
    elif event.action == "add":
        entry = dict(event.value)
        entry |= {"source": event.source, "confidence": event.confidence, "change": change.change_id}
        row[event.field] = [*_listed(row, event.field), entry]
    else:
        row[event.field] = [_ended(entry, event) for entry in _listed(row, event.field)]


def _listed(row: Json, field: str) -> list[object]:
    """The list of a field; empty where there is none."""
    found = row.get(field)
    return list(found) if isinstance(found, list | tuple) else []


def _ended(entry: object, event: DirectoryChanged) -> object:
    """An entry with its last day, where the change ends it; an entry that was only a word becomes one with a day."""
    if key_of(entry) != event.value:
        return entry
    last = event.from_on - timedelta(days=1)
    before = as_day(entry.get("valid_to")) if isinstance(entry, Mapping) else None
    plain = dict(entry) if isinstance(entry, Mapping) else {"mark": entry}
    return {**plain, "valid_to": (min(before, last) if before else last).isoformat(), "ended": event.source}


def rows_of(document: Json, form: EditingForm) -> Sequence[dict[str, object]]:
    """The rows of a document, themselves, not copies; the document itself where it is one row."""
    if form.rows is None:
        return [{**document, "id": WHOLE}]
    return [row for row in _listed(document, form.rows) if isinstance(row, dict)]


def row_of(document: dict[str, object], form: EditingForm, row_id: str) -> dict[str, object] | None:
    """One row, itself, not a copy."""
    if form.rows is None:
        return document if row_id == WHOLE else None
    return next((row for row in rows_of(document, form) if row["id"] == row_id), None)


def key_of(entry: object) -> str:
    """What an entry is named by when it ends: the change that added it, else its own words and first day."""
    if not isinstance(entry, Mapping):
        return str(entry)
    if entry.get("change"):
        return str(entry["change"])
    words = [str(entry[name]) for name in ("standard", "body", "mark", "audit", "jurisdiction", "loinc", "valid_from", "date") if entry.get(name)]
    return "|".join(words)


# --- what speaks against a change ---------------------------------------------------------------------------------------


def against(form: EditingForm, document: dict[str, object], changes: Sequence[Change], change: DirectoryChanged) -> Iterator[Reason]:
    """Every reason against a change; none where it may stand."""
    if not change.source.strip():
        yield Reason("directory.change.no_source", where="source")
    if len(change.source) > _LONGEST:
        yield Reason("directory.change.too_long", {"longest": _LONGEST}, where="source")
    if change.confidence not in CONFIDENCES:
        yield Reason("directory.change.confidence", {"known": ", ".join(CONFIDENCES)}, where="confidence")
    if change.action == "new":
        yield from _against_new(form, document, change)
        return
    row = row_of(document, form, change.row)
    if row is None:
        yield Reason("directory.change.unknown_row", {"row": change.row[:60]}, where="row")
    elif change.action == "withdraw":
        known = {one.change_id for one in standing_of(changes) if one.event.row == change.row}
        if change.value not in known:
            yield Reason("directory.change.unknown_change", where="value")
    else:
        yield from _against_field(form, row, change)


def _against_new(form: EditingForm, document: dict[str, object], change: DirectoryChanged) -> Iterator[Reason]:
    if form.rows is None:
        yield Reason("directory.change.one_row", where="row")
        return
    if not change.row or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in change.row) or len(change.row) > 60:
        yield Reason("directory.change.row_id", where="row")
    if row_of(document, form, change.row) is not None:
        yield Reason("directory.change.row_exists", {"row": change.row[:60]}, where="row")
    if not change.value.get("names"):
        yield Reason("directory.change.no_name", where="names")


def _against_field(form: EditingForm, row: Json, change: DirectoryChanged) -> Iterator[Reason]:
    spec = form.fields.get(change.field)
    if spec is None or (spec.kind == "dated") != (change.action == "set"):
        yield Reason("directory.change.unknown_field", {"field": change.field[:60], "known": ", ".join(sorted(form.fields))}, where="field")
        return
    parts = spec.item or {}
    if change.action == "end":
        yield from _against_end(spec, row, change)
    elif change.value in (None, "", [], {}):
        yield Reason("directory.change.no_value", where=change.field)
    elif change.action == "add" and any(change.value.get(name) in (None, "", []) for name in parts if name != "audit"):
        missing = [name for name in parts if change.value.get(name) in (None, "", [])]
        yield Reason("directory.change.incomplete", {"fields": ", ".join(missing)}, where=change.field)
    elif change.action == "add" and spec.validity:
        first, last = as_day(change.value.get("valid_from")), as_day(change.value.get("valid_to"))
        if first is not None and last is not None and last < first:
            yield Reason("directory.change.ends_before", where="valid_to")


def _against_end(spec: EditedField, row: Json, change: DirectoryChanged) -> Iterator[Reason]:
    entry = next((one for one in _listed(row, change.field) if key_of(one) == change.value), None)
    if entry is None or not spec.validity:
        yield Reason("directory.change.unknown_entry", where="value")
        return
    first = as_day(entry.get("valid_from")) if isinstance(entry, Mapping) else None
    if first is not None and change.from_on < first:
        yield Reason("directory.change.ends_before", where="from_on")
