"""Reading a change of the directory from its form: each field by its type, every problem with its field.

Main job: `read_change(asked, form, document, row)`, the change and what could not be read.

Names in the form: `action`, `field`, `from_on`, `source`, `confidence`, `key` (of what ends or is withdrawn), and `v.<name>` for the parts of a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from baybridge.base.money import parse_minor
from baybridge.base.outcome import Reason
from baybridge.base.time import parse_day
from baybridge.documents.laboratories import EditingForm
from baybridge.node.directory.changes import DirectoryChanged

if TYPE_CHECKING:
    from baybridge.http.doors import Asked

_ACTIONS = ("new", "set", "add", "end", "withdraw")
_TRUTH = {"true": True, "false": False}
_SCOPE = ("loinc", "specimen", "method")


def read_change(asked: Asked, form: EditingForm, document: str, row: str) -> tuple[DirectoryChanged | None, list[Reason]]:
    """The change that a form asks for, or None with every problem."""
    given = {name: text.strip() for name, text in asked.form.items()}
    problems: list[Reason] = []
    action, field = given.get("action", ""), given.get("field", "")
    if action not in _ACTIONS:
        problems.append(_bad("action", ", ".join(_ACTIONS)))
    from_on = _day(given.get("from_on", ""), "from_on", problems) or asked.node.now().astimezone(asked.node.site.zone).date()
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
        found |= {name: day.isoformat() for name in ("valid_from", "valid_to") if (day := _day(given.get(f"v.{name}", ""), name, problems))}
    return found


def _read(text: str, kind: str | tuple[str, ...], name: str, problems: list[Reason]) -> object:
    """A text as its type; None where nothing was written."""
    if not text:
        return None
    if not isinstance(kind, str):
        return _one_of({one: one for one in kind}, text, name, problems)
    if kind == "texts":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "scope":
        return [_scope(line) for line in text.splitlines() if line.strip()]
    if kind == "boolean":
        return _one_of(_TRUTH, text, name, problems)
    if kind == "day":
        found = _day(text, name, problems)
        return found.isoformat() if found else None
    try:
        return parse_minor(text) if kind == "amount" else float(text) if kind == "number" else text
    except ValueError:
        problems.append(_bad(name, "120.00" if kind == "amount" else "1.5"))
        return None


def _one_of(known: Mapping[str, object], text: str, name: str, problems: list[Reason]) -> object:
    """What a text stands for among the known ones; None, and a problem, where it is none of them."""
    if text not in known:
        problems.append(_bad(name, ", ".join(known)))
    return known.get(text)


def _scope(line: str) -> dict[str, str]:
    """One line of a scope: LOINC; specimen; method, where what is left out means all."""
    parts = [part.strip() or "*" for part in line.split(";")]
    return dict(zip(_SCOPE, (*parts, "*", "*")[:3], strict=True))


def _day(text: str, name: str, problems: list[Reason]) -> date | None:
    if not text:
        return None
    try:
        return parse_day(text)
    except ValueError:
        problems.append(_bad(name, "2026-03-08"))
        return None


def _bad(name: str, expected: str) -> Reason:
    return Reason("directory.change.bad_value", {"field": name, "expected": expected}, where=name)
