"""Forms made from a command's input: one field each, with what the case already knows filled in.

Main job: `fields(asked, kind, case)` for the page, `read(kind, forms)` back into the JSON that `handle` checks. The command's own type says what a field is:
codes become a choice, dates and times their inputs, lists one line each.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from baybridge.journey.case import Case
from baybridge.node.commands import CommandKind

if TYPE_CHECKING:
    from baybridge.node.doors import Asked


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    kind: str  # text, number, integer, boolean, code, date, moment, lines, rows
    required: bool
    options: tuple[str, ...]
    value: str


def core_type(kind: Any) -> Any:
    """A type without `| None`, without annotations."""
    if typing.get_origin(kind) is typing.Annotated:
        return core_type(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(kind) if part is not type(None)]
        return core_type(parts[0]) if len(parts) == 1 else kind
    return kind


_KINDS: Mapping[Any, str] = {str: "text", int: "integer", float: "number", bool: "boolean", date: "date", datetime: "moment"}


def kind_of(kind: Any) -> str:
    """How a type is asked for."""
    core = core_type(kind)
    if typing.get_origin(core) is typing.Literal:
        return "code"
    if typing.get_origin(core) in (tuple, list, frozenset):
        inner = core_type(typing.get_args(core)[0])
        if typing.get_origin(inner) is typing.Literal:
            return "codes"
        return "lines" if inner in (str, int) else "rows"
    return _KINDS.get(core, "rows")


def options_of(kind: Any) -> tuple[str, ...]:
    """The codes that a field can take."""
    core = core_type(kind)
    if typing.get_origin(core) in (tuple, list, frozenset):
        core = core_type(typing.get_args(core)[0])
    return tuple(str(value) for value in typing.get_args(core)) if typing.get_origin(core) is typing.Literal else ()


def fields(asked: Asked, kind: CommandKind, case: Case | None, given: Mapping[str, Any] | None = None) -> list[Field]:
    """The fields of a command's form, with what was given before, or what the case knows."""
    known = {**prefill(asked, kind, case), **(given or {})}
    return [
        Field(
            field.name,
            kind_of(field.type),
            field.required and type(None) not in typing.get_args(field.type),
            options_of(field.type) or choices(asked, field.name),
            as_text(known.get(field.name), asked),
        )
        for field in msgspec.structs.fields(kind.given)
    ]


def choices(asked: Asked, name: str) -> tuple[str, ...]:
    """Names of this network that a field can take."""
    if name in ("to_node", "from_node", "plant_node"):
        sites = asked.node.neighbours.values()
        return tuple(n.site.node for n in sites if name != "plant_node" or "plant" in n.site.kinds)
    if name == "product":
        return tuple(sorted(asked.node.documents.folder("products")))
    return ()


def prefill(asked: Asked, kind: CommandKind, case: Case | None) -> dict[str, Any]:
    """What the case already says about a command's fields."""
    now = asked.node.now().astimezone(asked.node.site.zone)
    known: dict[str, Any] = {name: now for name in ("started_at", "ended_at", "received_at", "dispatched_at", "checked_at", "thawed_at", "assessed_at", "given_at", "arrived_at", "called_at", "use_at")}
    known |= {name: now.date() for name in ("started_on", "notified_on", "discharged_on", "visited_on", "assessed_on", "withdrawn_on", "event_date", "found_on")}
    known |= {"stay_near_until": now.date() + timedelta(weeks=4), "notice_language": asked.language, "collection_on": now.date() + timedelta(days=7)}
    if case is None:
        return known
    known |= {"product": case.product, "chain_of_identity": case.chain_of_identity, "plant_node": case.plant_node, **_cells(case, kind)}
    if case.consents:
        known["consent_id"] = case.consents[-1].consent_id
    return {name: value for name, value in known.items() if value is not None}


def _cells(case: Case, kind: CommandKind) -> dict[str, Any]:
    found: dict[str, Any] = {}
    under_way = [shipment for shipment in case.shipments if shipment.dispatched and not shipment.received]
    released = [batch for batch in case.batches if batch.released]
    if under_way:
        event = under_way[-1].dispatched.event
        found |= {"shipment_id": event.shipment_id, "leg": event.leg, "bags": event.bags}
    elif released:
        event = released[-1].released.event
        found |= {"bags": event.bags, "bag": event.bags[0], "batch": event.batch, "leg": "to_centre"}
    elif case.collections:
        event = case.collections[-1].entry.event
        found |= {"bags": event.bags, "from_bags": event.bags, "leg": "to_plant"}
    if case.batches:
        found["batch"] = case.batches[-1].batch
    if released:
        found["bag"] = released[-1].released.event.bags[0]
    del kind
    return found


def as_text(value: Any, asked: Asked) -> str:
    """A value as a form field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(asked.node.site.zone).strftime("%Y-%m-%dT%H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "\n".join(" ".join(str(part) for part in item) if isinstance(item, list | tuple) else str(item) for item in value)
    return str(value)


def read(asked: Asked, kind: CommandKind) -> dict[str, Any]:
    """What a form says, as the JSON that the command takes; empty fields are not given."""
    return from_texts(asked, kind, asked.forms)


def from_texts(asked: Asked, kind: CommandKind, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The JSON of a command's input from (field, text) pairs."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind.given):
        texts = [value.strip() for name, value in pairs if name == field.name and value.strip()]
        if texts:
            given[field.name] = _value(asked, field.type, texts)
    return given


def _value(asked: Asked, kind: Any, texts: Sequence[str]) -> Any:
    how = kind_of(kind)
    if how in ("lines", "codes"):
        return [part.strip() for text in texts for part in text.replace(",", "\n").splitlines() if part.strip()]
    if how == "rows":
        return _rows(kind, texts)
    if how == "moment" and len(texts[0]) <= len("2026-03-08T09:00:00"):
        try:
            return datetime.fromisoformat(texts[0]).replace(tzinfo=asked.node.site.zone).isoformat()
        except ValueError:
            return texts[0]
    return texts[0]


def _rows(kind: Any, texts: Sequence[str]) -> Any:
    """JSON as typed, or one row a line with its parts apart by spaces."""
    import json

    text = "\n".join(texts)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        width = len(typing.get_args(core_type(typing.get_args(core_type(kind))[0]))) or 2
        return [line.split(None, width - 1) for line in text.splitlines() if line.strip()]
