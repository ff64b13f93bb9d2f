"""Reading a change of the directory from its form: each field by its type, every problem with its field.

Main job: `read_change(asked, form, document, row)`, the change and what could not be read.

Names in the form: `action`, `field`, `from_on`, `source`, `confidence`, `key` (of what ends or is withdrawn), and `v.<name>` for the parts of a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Reason
from baybridge.base.time import parse_day
from baybridge.documents.laboratories import EditingForm
from baybridge.documents.reading import DOCUMENT, read_on
from baybridge.documents.source import Path
from baybridge.documents.types import of_form, worded
from baybridge.node.directory.changes import DirectoryChanged

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

_ACTIONS = ("new", "set", "add", "end", "withdraw")
_SCOPE = ("loinc", "specimen", "method")


def _truth(text: str) -> bool:
    return ("false", "true").index(text) == 1


def _finite(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError("no number")
    return number


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _scope(line: str) -> dict[str, str]:
    """One line of a scope: LOINC; specimen; method, where what is left out means all."""
    parts = [part.strip() or "*" for part in line.split(";")]
    return dict(zip(_SCOPE, (*parts, "*", "*")[:3], strict=True))


_FORM = replace(DOCUMENT, names_field=False)
#: What a text of the form is read as, by the type of its field; each told by an example.
_TYPES: Mapping[str, Any] = {
    "texts": Annotated[Any, of_form(_lines, "", harmless=None)],
    "scope": Annotated[Any, of_form(lambda text: [_scope(line) for line in _lines(text)], "", harmless=None)],
    "boolean": Annotated[Any, of_form(_truth, "true, false", harmless=None)],
    "day": Annotated[Any, of_form(lambda text: parse_day(text).isoformat(), "2026-03-08", harmless=None)],
    "amount": Annotated[Any, of_form(parse_minor, "120.00", harmless=None)],
    "number": Annotated[Any, of_form(_finite, "1.5", harmless=None)],
}


def read_change(asked: Asked, form: EditingForm, document: str, row: str) -> tuple[DirectoryChanged | None, list[Reason]]:
    """The change that a form asks for, or None with every problem."""
    given = {name: text.strip() for name, text in asked.form.items()}
    problems: list[Reason] = []
    action, field = given.get("action", ""), given.get("field", "")
    _read(action or "-", _ACTIONS, "action", problems)
    day = _read(given.get("from_on", ""), "day", "from_on", problems)
    from_on = date.fromisoformat(day) if isinstance(day, str) else asked.node.now().astimezone(asked.node.site.zone).date()
    value = _value(given, form, action, field, problems)
    if problems:
        return None, problems
    return (
        DirectoryChanged(
            document=document,
            row=row,
            field="" if action in ("new", "withdraw") else field,
            action=action,  # type: ignore[arg-type]
            value=value,
            from_on=from_on,
            source=given.get("source", ""),
            confidence=given.get("confidence", ""),
        ),
        [],
    )


def _value(given: Mapping[str, str], form: EditingForm, action: str, field: str, problems: list[Reason]) -> object:
    if action in ("end", "withdraw"):
        return given.get("key", "")
    if action == "new":
        wanted = {"names": "texts", **{name: spec.type or "text" for name, spec in form.fields.items() if spec.new}}
        return {name: value for name, kind in wanted.items() if (value := _read(given.get(f"v.{name}", ""), kind, name, problems)) is not None}
    spec = form.fields.get(field)
    if action == "set" or spec is None:
        return _read(given.get("v.value", ""), spec.type or "text" if spec else "text", field, problems)
    found = {name: _read(given.get(f"v.{name}", ""), kind, name, problems) for name, kind in (spec.item or {}).items()}
    if spec.validity:
        found |= {name: day for name in ("valid_from", "valid_to") if (day := _read(given.get(f"v.{name}", ""), "day", name, problems))}
    return found


def _read(text: str, kind: str | tuple[str, ...], name: str, problems: list[Reason]) -> object:
    """A text as its type; None where nothing was written, and with a problem where it is no such value."""
    if not text:
        return None

    def note(_code: str, _path: Path, expected: str, _found: str, _hint: str) -> None:
        problems.append(Reason("directory.change.bad_value", {"field": name, "expected": expected}, where=name))

    return read_on(_TYPES.get(kind, str) if isinstance(kind, str) else worded(Literal[kind], ", ".join(kind)), text, note, _FORM)
