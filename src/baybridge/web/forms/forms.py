"""Forms made from a command's input: one field each, rows and groups below dotted names, with what the case already knows filled in.

Main job: `fields(asked, kind, case)` for the page, `read(asked, kind)` back into the JSON that `handle` checks; reading what a form shows gives what was filled in.

Names in the form are those of the input: `bill_lines.0.gross` is the field `gross` of the first bill line. An empty field is not given; a row of empty fields is
no row. Elsewhere: kinds of field in `shape.py`, choices in `choices.py`, what is known in `known.py`, bedside findings in `findings.py`.
"""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import FieldInfo

from baybridge.base.time import parse_instant
from baybridge.journey.case import Case
from baybridge.journey.command import Role
from baybridge.node.commands.table import CommandRow
from baybridge.web.forms import certificate, findings, shape
from baybridge.web.forms.choices import Option, choices, coded, is_chosen, named, suggestions
from baybridge.web.forms.field import Field
from baybridge.web.forms.known import as_text, known
from baybridge.web.page.page import Reader

if TYPE_CHECKING:
    from baybridge.facts.dictionary import Fact
    from baybridge.http.doors import Asked

__all__ = ["AMONG_FINDINGS", "ASKED_ONCE", "Field", "fields", "from_texts", "known", "read"]

#: Empty rows offered beyond those that are filled in, and the least number of rows.
_SPARE_ROWS, _LEAST_ROWS = 2, 3

#: Fields in which somebody says that what was asked about is meant as it stands: on the form once it was asked.
ASKED_ONCE = frozenset({"unusual", "another", "signs_stand"})

#: What is asked beside the findings of a round.
AMONG_FINDINGS = frozenset({"as_before"})

_OTHER_KEYS = {
    "AnswerRequest.basis": "basis_in_law",
    "AnswerRequest.because": "request_because",
    "AnswerRequest.outcome": "request_outcome",
    "AnswerRequest.request_id": "person_request",
    "AnswerRequest.what": "what_erased",
    "ChosenPlan.order": "plan_order",
    "EnterRequest.channel": "request_channel",
    "EnterRequest.words": "request_words",
    "GiveDrug.amount": "dose_amount",
    "GiveDrug.atc": "given_drug",
    "GiveDrug.note": "drug_note",
    "GiveDrug.route": "drug_route",
    "GiveDrug.unit": "dose_unit",
    "MakeRequest.words": "request_words",
    "NameEntries.request_id": "person_request",
    "NameEntries.what": "what_named",
    "WriteToTeam.text": "text_to_team",
}


@dataclass(frozen=True, slots=True)
class _Form:
    """Whose form it is, with the sentences that stand against its fields."""

    asked: Asked
    kind: CommandRow
    case: Case | None
    problems: Mapping[str, tuple[str, ...]]
    round: findings.Round


def fields(
    asked: Asked,
    kind: CommandRow,
    case: Case | None,
    given: Mapping[str, object] | None = None,
    problems: Mapping[str, tuple[str, ...]] | None = None,
    at_bedside: findings.Round = findings.ANY_ROUND,
) -> list[Field]:
    """The fields of a command's form, with what was given before, else what the case knows and codes are not scanned for; `at_bedside`: what a round asks first."""
    own = moments(kind) if from_paper(asked) else frozenset()
    filled = {name: value for name, value in known(asked, kind, case).items() if name not in kind.scanned | own}
    values = {**filled, **_from_address(asked, kind), **(given or {})}
    form = _Form(asked, kind, case, problems or {}, replace(at_bedside, affirmed=tuple(map(str, _listed(values.get("as_before"))))))
    return [_spoken_for(asked, one) for one in _fields(form, kind.given, "", values)]


def moments(kind: CommandRow) -> frozenset[str]:
    """The fields of a command that say when something was."""
    return frozenset(item.name for item in msgspec.structs.fields(kind.given) if shape.kind_of(item) in ("moment", "date"))


def from_paper(asked: Asked) -> bool:
    """Whether what stands on a paper is entered: then no time is filled in, because that of now is wrong."""
    return asked.query.get("paper") == "yes"


def _spoken_for(asked: Asked, one: Field) -> Field:
    """Somebody of a payer speaks for that payer alone and is not asked for it; in which thread a message stands is said by the button that led to its form."""
    if one.name == "thread":
        return replace(one, kind="hidden", options=())
    own = one.name == "payer" and asked.person.role is Role.PAYER
    return replace(one, kind="hidden", options=(), value=asked.person.organisation) if own else one


def _from_address(asked: Asked, kind: CommandRow) -> dict[str, object]:
    """Codes, the moment of use and answers to what was asked about, as the address names them; never a value of the patient's."""
    if asked.method != "GET":
        return {}
    codes = {item.name for item in msgspec.structs.fields(kind.given) if item.name != "value" and shape.kind_of(item) in ("text", "code")}
    found: dict[str, Any] = {name: text for name, text in asked.query.items() if name in codes}
    for item in msgspec.structs.fields(kind.given):
        if shape.kind_of(item) == "lines" and item.name not in kind.scanned and item.name in asked.query:
            found[item.name] = [text for name, text in asked.queries if name == item.name]
    found |= {name: True for name in ASKED_ONCE & set(kind.form) if asked.query.get(name) == "true"}
    with suppress(ValueError):
        found["use_at"] = parse_instant(asked.query["use_at"]) if asked.query.get("use_at") else None
    return {name: value for name, value in found.items() if value is not None}


def _fields(form: _Form, struct: type[msgspec.Struct], prefix: str, values: Mapping[str, object]) -> list[Field]:
    shown = [item for item in msgspec.structs.fields(struct) if item.name not in AMONG_FINDINGS]
    shown = [item for item in shown if item.name not in ASKED_ONCE or values.get(item.name) or _problems(form, f"{prefix}{item.name}")]
    made = [_field(form, item, prefix, values.get(item.name), _key(struct, item.name)) for item in shown]
    asked_for = [one for one in made if one.kind != "left_out"]
    fact = form.asked.node.dictionary.facts.get(str(values.get("fact")))
    return asked_for if fact is None else [_of_its_fact(form, fact, one) for one in asked_for if one.name != "outside_range" or fact.plausible]


def _of_its_fact(form: _Form, fact: Fact, one: Field) -> Field:
    """The value of a named fact is asked for as the fact is measured: a choice, yes or no, a number with its unit."""
    if one.name != "value":
        return one
    measured = findings.field_of(form.asked, fact.name, "value", one.value)
    return replace(measured, required=True, problems=one.problems)


def _field(form: _Form, item: FieldInfo, prefix: str, value: object, key: str) -> Field:
    name, kind = f"{prefix}{item.name}", shape.kind_of(item)
    if kind == "facts":
        return Field(name, item.name, "findings", shape.is_required(item), rows=findings.rows(form.asked, _by_name(value), form.problems, form.round))
    if kind == "table" and item.name == "results":
        given = [[str(part) for part in _listed(row)] for row in _listed(value)]
        lines = certificate.rows(form.asked, form.case, name, given, form.problems)
        return Field(name, item.name, "certificate", shape.is_required(item), rows=lines, problems=_problems(form, name))
    if kind in ("table", "group"):
        return Field(name, item.name, kind, shape.is_required(item), rows=_rows(form, item, name, value), problems=_problems(form, name))
    options = coded(form.asked, shape.literals_of(item.type)) or choices(form.asked, form.kind, form.case, name)
    if kind == "lines" and not options and not value and form.case is not None and is_chosen(form.kind, name):
        return Field(name, key, "left_out")  # there is nothing to choose, and no id is typed
    shown = shape.default_of(item) if value is None else _as_shown(kind, value)
    if shown not in (None, "") and kind == "text" and options and str(shown) not in {option.value for option in options}:
        options = (*options, Option(str(shown), str(shown)))
    suggested = suggestions(form.asked, form.kind, name)
    labels = {option.value: option.label for option in suggested}
    return Field(
        name,
        key,
        "codes" if kind == "lines" and options else "code" if kind == "text" and options else kind,
        shape.is_required(item),
        options,
        suggested,
        labels.get(str(shown).upper()) or as_text(shown, form.asked),
        scanned=item.name in form.kind.scanned,
        open=shape.may_be_unknown(item),
        problems=_problems(form, name),
    )


def _as_shown(kind: str, value: object) -> object:
    """A moment that was sent as text is shown again as a moment; what is none stays as it was typed."""
    if kind == "moment" and isinstance(value, str):
        with suppress(ValueError):
            return parse_instant(value)
    return value


def _key(struct: type[msgspec.Struct], name: str) -> str:
    """The key of a field's name; some names mean another thing in another struct."""
    return _OTHER_KEYS.get(f"{struct.__name__}.{name}", name)


def _problems(form: _Form, name: str) -> tuple[str, ...]:
    return form.problems.get(name, ())


def _rows(form: _Form, item: FieldInfo, name: str, value: object) -> tuple[tuple[Field, ...], ...]:
    inner = shape.item_type(item.type)
    if inner is None:
        return (tuple(_fields(form, shape.struct_of(item.type), f"{name}.", _by_name(value))),)
    rows = _listed(value)
    count = max(len(rows) + _SPARE_ROWS, _LEAST_ROWS) if shape.is_struct(inner) else len(rows) + 1
    return tuple(_row(form, item, inner, f"{name}.{index}.", rows[index] if index < len(rows) else None) for index in range(count))


def _shown(asked: Asked, column: str, text: str) -> str:
    """The text of a cell as the reader writes it: a unit as on a ward."""
    return Reader(asked).unit(text) or text if column == "unit" else text


def _meant(asked: Asked, columns: Sequence[str], row: Sequence[str]) -> list[str]:
    """A row with its number and the unit of its attribute, however they were written; a unit that is another stays as it came."""
    named = dict(zip(columns, row, strict=True))
    named["value"] = Reader(asked).typed(named["value"])
    own = asked.node.dictionary[named["attribute"]].unit if named.get("attribute", "") in asked.node.dictionary else None
    written = named.get("unit", "")
    if own and written != own and (written == Reader(asked).unit(own) or asked.node.dictionary.units.read(written) == own):
        named["unit"] = own
    return list(named.values())


def _row(form: _Form, item: FieldInfo, inner: object, prefix: str, value: object) -> tuple[Field, ...]:
    if shape.is_struct(inner):
        made = _fields(form, shape.struct_of(inner), prefix, _by_name(value))
        return tuple(_optional(one) for one in made) if value is None else tuple(replace(one, required=False, open=True) for one in made)
    parts = _listed(value) + [""] * len(typing.get_args(inner))
    columns = shape.TUPLE_COLUMNS[item.name]
    written = [_shown(form.asked, column, str(part)) for column, part in zip(columns, parts, strict=False)]
    return tuple(
        Field(f"{prefix}{place}", column, "text", value=written[place]) for place, column in enumerate(columns)
    )


def _by_name(value: object) -> Mapping[str, object]:
    """What was given for a group of fields, by name; nothing where there is none."""
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[object]:
    """What was given for the rows of a field; empty where there is none."""
    return list(value) if isinstance(value, Collection) and not isinstance(value, str) else []


def _optional(one: Field) -> Field:
    """A field of an empty row asks for nothing, and suggests nothing."""
    return Field(
        one.name, one.key, one.kind, options=one.options, suggested=one.suggested, scanned=one.scanned, open=True,
        rows=tuple(tuple(_optional(inner) for inner in row) for row in one.rows),
    )  # fmt: skip


# --- reading --------------------------------------------------------------------------------------------------------


def read(asked: Asked, kind: CommandRow) -> dict[str, object]:
    """What a form says, as the JSON that the command takes; empty fields are not given."""
    return from_texts(asked, kind, asked.forms)


def from_texts(asked: Asked, kind: CommandRow, pairs: Sequence[tuple[str, str]]) -> dict[str, object]:
    """The JSON of a command's input from (name, text) pairs."""
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        if text.strip():
            texts.setdefault(name, []).append(text.strip())
    given = _read(asked, kind.given, "", texts)
    return {name: named(asked, kind, name, value) if isinstance(value, str) else value for name, value in given.items()}


def _read(asked: Asked, struct: type[msgspec.Struct], prefix: str, texts: Mapping[str, list[str]]) -> dict[str, object]:
    given = {}
    for item in msgspec.structs.fields(struct):
        value = _read_field(asked, item, f"{prefix}{item.name}", texts)
        if value is not None and (value not in ({}, []) or _asks_facts(item)):
            given[item.name] = value
    return given


def _asks_facts(item: FieldInfo) -> bool:
    """Whether a form always says what was found, though it be nothing: the rule then answers as at any other door."""
    return shape.kind_of(item) == "facts" and shape.is_required(item)


def _read_field(asked: Asked, item: FieldInfo, name: str, texts: Mapping[str, list[str]]) -> object:
    kind = shape.kind_of(item)
    if kind == "left_out":
        return None
    if kind == "facts":
        return findings.read(texts, name)
    if kind == "group":
        return _read(asked, shape.struct_of(item.type), f"{name}.", texts)
    if kind == "table":
        return _read_rows(asked, shape.item_type(item.type), name, texts, shape.TUPLE_COLUMNS.get(item.name, ()))
    found = texts.get(name)
    if not found:
        return None
    if kind in ("lines", "codes"):
        return [part.strip() for text in found for part in text.replace(",", "\n").splitlines() if part.strip()]
    return _moment(asked, found[0]) if kind == "moment" else found[0]


def _moment(asked: Asked, text: str) -> str:
    """A time without an offset is this node's local time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found.replace(tzinfo=asked.node.site.zone).isoformat() if found.tzinfo is None else text


def _read_rows(asked: Asked, inner: object, name: str, texts: Mapping[str, list[str]], columns: Sequence[str]) -> list[object]:
    starts = {key.removeprefix(f"{name}.").split(".")[0] for key in texts if key.startswith(f"{name}.")}
    places = sorted(int(start) for start in starts if start.isdecimal())
    if shape.is_struct(inner):
        rows = [_read(asked, shape.struct_of(inner), f"{name}.{place}.", texts) for place in places]
        return [row for row in rows if row]
    width = len(typing.get_args(inner))
    written = [[(texts.get(f"{name}.{place}.{column}") or [""])[0] for column in range(width)] for place in places]
    return [_meant(asked, columns, [part or "-" for part in row]) for row in written if row[1]]
