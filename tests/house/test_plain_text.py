"""Which fields of commands take plain text: a note says so, a closed set is a choice, everything else stands here by name with what it is.

Main job: a new field of text is a choice from data, a `Note`, or somebody writes down here what it is. That a made-up code is refused is tried on the road
of the demo (`acceptance/test_every_correction.py`).
"""

from __future__ import annotations

import typing
from collections.abc import Iterator

import msgspec

from baybridge.journey.texts import MOST, OneOf
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.web.forms.choices import CHOICES

#: Read from a label, a paper or a bill: a number or name that somebody else gave, as it is printed.
PRINTED = frozenset({
    "bag", "bags", "from_bags", "chain_of_identity", "wrist_band", "order", "batch", "container", "logger_id", "number", "certificate", "bill", "id",
    "reference", "notice_version", "courier", "waybill", "seal",
})  # fmt: skip
#: Names something that the case or the record has; the rule looks it up and says so where there is none.
NAMED = frozenset({
    "confirmation_id", "call_id", "event_id", "incident_id", "claim_id", "payment_id", "case", "patient_id", "results", "resources", "outcomes", "enclosed",
    "payer", "schedule", "risk_class", "shipment_id",
})  # fmt: skip
#: An amount of money or a rate, with its places; read exactly, refused otherwise.
AMOUNTS = frozenset({
    "amount", "gross", "deductible_used", "cap_event_used", "cap_year_used", "cap_lifetime_used", "annual_gross_income", "net_assets", "asset_allowance",
    "allowable_deductions", "per_bill_unit",
})  # fmt: skip
#: Anything of its own kind, with why.
OTHERS = {
    ("ConfirmFinding", "value"): "of the fact's own type, read by the dictionary",
    ("Assess", "findings"): "facts and values, read by the dictionary",
    ("TestProduct", "results"): "attribute, value and unit, read by the dictionary",
    ("GiveDrug", "atc"): "a drug of the document, or the code of a substance with its name",
    ("GiveDrug", "dose"): "an amount with its unit, read as such by the list of units",
    ("GiveDrug", "name"): "needed for a drug that the document does not have, checked against it otherwise",
    ("AnswerRequest", "what"): "ids of entries and resources, looked for on the case and in the record",
    ("NameEntries", "what"): "ids of entries and resources, looked for on the case and in the record",
    ("AttachDocument", "sha256"): "of a file that was received for the case, looked for there",
    ("ConfirmProposal", "proposal"): "of a page of a document, looked for there",
    ("ConfirmProposal", "value"): "a number as it is printed, read by the dictionary",
    ("ConfirmProposal", "unit"): "as it is printed, read by the list of units",
    ("ConfirmCourier", "code"): "the one-time code as the courier says it, compared with its hash",
    ("IssueQuote", "exchange.source"): "where a rate of exchange comes from",
    ("AssessResponse", "first_reader"): "a reader outside, without an account",
    ("AssessResponse", "second_reader"): "a reader outside, without an account",
}
#: Whole documents, read as such.
DOCUMENTS = frozenset({"quote", "given"})


def test_every_text_of_a_command_is_a_choice_a_note_or_named_here() -> None:
    assert sorted({f"{command}.{path}" for command, path, meta in texts() if not _spoken_for(command, path, meta)}) == []


def test_what_stands_here_is_a_field_of_a_command() -> None:
    """A name that no field has any more, or that is a choice by now, goes from this list."""
    last = {path.rsplit(".", 1)[-1] for _, path, _ in texts()}
    fields = {(command, path) for command, path, _ in texts()}
    assert sorted((PRINTED | NAMED | AMOUNTS | DOCUMENTS) - last) == []
    assert sorted(OTHERS.keys() - fields) == []


def test_a_note_has_an_end() -> None:
    notes = [path for _, path, meta in texts() if _is_note(meta)]
    assert len(notes) > 20
    assert MOST == 4000


def _spoken_for(command: str, path: str, meta: tuple[object, ...]) -> bool:
    name = path.rsplit(".", 1)[-1]
    choice = COMMANDS[command].choices.get(name, name)
    listed = (command, path) in OTHERS or name in PRINTED | NAMED | AMOUNTS | DOCUMENTS
    return choice in CHOICES or listed or _is_note(meta) or has_set(meta)


def has_set(meta: tuple[object, ...]) -> bool:
    """Whether a field's type names its closed set."""
    return any(isinstance(one, OneOf) for one in meta)


def _is_note(meta: tuple[object, ...]) -> bool:
    return any(isinstance(one, msgspec.Meta) and one.max_length == MOST for one in meta)


def texts() -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """Command, path of a field of text, and what stands beside its type."""
    for row in COMMANDS.values():
        yield from texts_of(row)


def texts_of(row: CommandRow) -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """The same of one command."""
    yield from ((row.name, path, meta) for path, meta in _within(row.given, "", ()))


def _within(kind: object, path: str, meta: tuple[object, ...]) -> Iterator[tuple[str, tuple[object, ...]]]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from _within(typing.get_args(kind)[0], path, (*meta, *typing.get_args(kind)[1:]))
    elif kind is str:
        yield path, meta
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for item in msgspec.structs.fields(kind):
            yield from _within(item.type, f"{path}.{item.name}" if path else item.name, ())
    elif origin is not typing.Literal:
        for inner in typing.get_args(kind):
            yield from _within(inner, path, meta)
