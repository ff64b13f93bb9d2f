"""The entry that a correction is about, in words: what it says, and beside it what would stand instead.

Main job: `touched(view, given)`. Whoever signs a correction, a setting aside or a reinstatement reads here what it is about; elsewhere: the page on which somebody
signs, `confirm_page.py`; the input that made an entry, `as_given.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from baybridge.base.outcome import Refusal
from baybridge.journey.corrections.correcting import find
from baybridge.journey.entry import Entry
from baybridge.journey.row import CommandRow
from baybridge.journey.stored import event_as_json
from baybridge.node.commands.given import read_given
from baybridge.web.case import readable
from baybridge.web.case.as_given import as_given, made_by
from baybridge.web.case.view import CaseView
from baybridge.web.page.page import MEASURED, Reader

#: What of an event says who made it and how, not what it says.
_ABOUT = frozenset({"type", "told", "signed_by"})


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an entry says: what it is about, as it stands, and as it would stand; both are empty where nothing is said."""

    label: str
    now: str
    then: str

    @property
    def changed(self) -> bool:
        """Whether it would say something else."""
        return self.now != self.then


@dataclass(frozen=True, slots=True)
class Touched:
    """An entry that would be put right: its event as JSON where the reader may read it, and line by line what it says; `replaced`: `then` of the lines counts."""

    entry: Entry[Any]
    body: Mapping[str, Any]
    lines: tuple[Line, ...]
    replaced: bool

    @property
    def changed(self) -> bool:
        """Whether anything would be said otherwise."""
        return any(line.changed for line in self.lines)


def touched(view: CaseView, given: Mapping[str, object], *, signs: bool) -> Touched | None:
    """The entry that an input names; None where it names none, or one that this reader may not read and does not sign for."""
    entry = find(view.case, str(given["event_id"])) if "event_id" in given else None
    if entry is None or (not signs and readable.against(view, entry) is not None):
        return None
    body, instead, row = event_as_json(entry.event), given.get("given"), made_by(entry.event)
    if given.get("action") == "replace" and isinstance(instead, Mapping) and row is not None:
        old = _plain(as_given(row, entry.event))
        now, then = _said(view.reader, old), _said(view.reader, _read(row, instead, old))
        return Touched(entry, body, tuple(Line(one, now.get(one, ""), then.get(one, "")) for one in dict.fromkeys((*now, *then))), replaced=True)
    said = _said(view.reader, {key: value for key, value in body.items() if key not in _ABOUT})
    return Touched(entry, body, tuple(Line(label, text, "") for label, text in said.items()), replaced=False)


def _read(row: CommandRow, instead: Mapping[str, object], old: Mapping[str, object]) -> Mapping[str, object]:
    """The input as its command reads it, so that the same value is said the same; as it was typed where the command does not read it.

    What was left as the form has it, and is not said by the entry either, is not said.
    """
    made = read_given(row, instead)
    if isinstance(made, Refusal):
        return _plain(instead)
    left = {item.name: item.default for item in msgspec.structs.fields(row.given) if item.name not in old}
    return _plain({name: getattr(made, name) for name in row.form if name not in left or getattr(made, name) != left[name]})


def _plain(values: Mapping[str, object]) -> Mapping[str, object]:
    return {name: msgspec.to_builtins(value) for name, value in values.items()}


def _said(reader: Reader, values: Mapping[str, object]) -> dict[str, str]:
    """Label to text of everything that is said; findings and results one by one, by the names of their facts."""
    said: dict[str, list[str]] = {}
    for label, text in _lines(reader, values):
        said.setdefault(label, []).append(text)
    return {label: reader.t("page.semicolon").join(texts) for label, texts in said.items()}


def _lines(reader: Reader, values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, Mapping):
            yield from ((reader.fact(str(name)), reader.value(one)) for name, one in value.items() if one is not None)
        elif key in MEASURED and isinstance(value, list | tuple) and all(isinstance(one, list | tuple) for one in value):
            yield from ((reader.fact(str(one[0])), reader.measured(key, one)) for one in value)
        else:
            yield reader.code("field", key), reader.plain(key, value)
