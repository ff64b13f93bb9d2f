"""Every command has a form, and reading a form back gives what was filled in."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from baybridge.base.outcome import Refusal
from baybridge.demo.network import PREFERRED_PORTS, found_network
from baybridge.http.doors import Asked
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Role
from baybridge.node.commands.given import read_given
from baybridge.node.commands.table import COMMANDS, CommandRow
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.web.forms import findings, forms, shape
from baybridge.web.forms.forms import Field
from baybridge.web.page.page import Reader

AT = datetime(2026, 3, 8, 9, 0, tzinfo=UTC)
FINDINGS = {"temperature": "38.6", "hypotension": "none", "seizure": "none", "fever_attributable": "true", "ice_score": "9"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    folder = tmp_path_factory.mktemp("network")
    found_network(folder, PREFERRED_PORTS)
    node = Node(read_config(folder / "hk"), now=lambda: AT)
    return Asked(
        node=node, method="POST", path="/", parameters={}, query={}, queries=(), headers={}, body=b"", form={}, forms=(), uploads={},
        actor=Actor("a", Role.COORDINATOR, node.site.organisation), session=None, language="en", base_url="",
    )  # fmt: skip


def example(kind: Any, name: str = "") -> Any:
    """A value of a type, as JSON would carry it."""
    core = shape.core_type(kind)
    if name == "findings":
        return dict(FINDINGS)
    if shape.is_struct(core):
        return example_of(core)
    if typing.get_origin(core) is typing.Literal:
        return typing.get_args(core)[-1]
    if typing.get_origin(core) in (tuple, list):
        inner = shape.core_type(typing.get_args(core)[0])
        if typing.get_origin(inner) is tuple:
            return [["viability", "91", "%"], ["sterility_negative", "true", "-"]]
        if typing.get_origin(inner) is typing.Literal:
            return list(typing.get_args(inner)[:2])
        return [example(inner), example(inner)] if shape.is_struct(inner) else [f"{name}-1", f"{name}-2"]
    simple = {bool: True, int: 3, float: 4.5, date: "2026-03-08", datetime: "2026-03-08T09:30:00+08:00"}
    return simple.get(core, "text of " + name)


def example_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.name: example(field.type, field.name) for field in msgspec.structs.fields(struct) if field.name not in shape.LEFT_OUT}


def pairs(fields: typing.Iterable[Field]) -> Iterator[tuple[str, str]]:
    """What a browser would send for a form as it stands."""
    for field in fields:
        for row in field.rows:
            yield from pairs(row)
        if field.kind in ("table", "group", "findings", "heading"):
            continue
        for value in field.values if field.kind == "codes" else (field.value,):
            yield field.name, value


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.name)
def test_a_form_reads_back_what_was_filled_in(asked: Asked, kind: CommandRow) -> None:
    given = example_of(kind.given)
    shown = forms.fields(asked, kind, None, given)
    again = forms.from_texts(asked, kind, list(pairs(shown)))
    wanted, found = read_given(kind, given), read_given(kind, again)
    assert not isinstance(wanted, Refusal)
    assert found == wanted


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.name)
def test_an_empty_form_gives_no_row_and_no_empty_field(asked: Asked, kind: CommandRow) -> None:
    shown = forms.fields(asked, kind, Case("c"))
    given = forms.from_texts(asked, kind, [(name, "") for name, _ in pairs(shown)])
    assert given == ({"findings": {}} if kind.name == "Assess" else {}), "a round says that nothing was found, and the rule answers as at any other door"


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.name)
def test_every_field_of_a_command_has_a_place_in_its_form(asked: Asked, kind: CommandRow) -> None:
    wanted = {field.name for field in msgspec.structs.fields(kind.given)} - shape.LEFT_OUT - forms.AMONG_FINDINGS
    assert {field.name for field in forms.fields(asked, kind, None)} == wanted - forms.ASKED_ONCE
    once_asked = forms.fields(asked, kind, None, None, dict.fromkeys(forms.ASKED_ONCE, ("?",)))
    assert {field.name for field in once_asked} == wanted


def test_what_is_scanned_is_never_filled_in(asked: Asked) -> None:
    shown = {field.name: field for field in forms.fields(asked, COMMANDS["CheckBedside"], Case("c"))}
    for name in ("wrist_band", "order", "chain_of_identity", "bag"):
        assert shown[name].scanned
        assert not shown[name].value


def test_a_time_without_an_offset_is_local(asked: Asked) -> None:
    given = forms.from_texts(asked, COMMANDS["ArriveRapidResponse"], [("arrived_at", "2026-03-08T09:00")])
    assert given == {"arrived_at": "2026-03-08T09:00:00+08:00"}


def test_a_moment_that_was_refused_is_shown_again_as_its_field_takes_it(asked: Asked) -> None:
    for sent, shown in (("2026-03-08T09:30:00+08:00", "2026-03-08T09:30"), ("2026-03-08T01:30:00Z", "2026-03-08T09:30"), ("half past nine", "half past nine")):
        filled = {one.name: one.value for one in forms.fields(asked, COMMANDS["GiveDrug"], None, {"given_at": sent})}
        assert filled["given_at"] == shown


def test_the_items_of_the_ice_score_are_asked_for_and_sent_as_findings(asked: Asked) -> None:
    shown = dict.fromkeys(name for name, _ in pairs(forms.fields(asked, COMMANDS["Assess"], None)))
    assert [name for name in shown if ".ice_" in name] == [*(f"findings.{item}" for item in findings.ICE_ITEMS), "findings.ice_score", "findings.ice_all"]
    assert findings.read({"findings.ice_orientation": ["3"], "findings.ice_score": ["7"]}, "findings") == {"ice_orientation": "3", "ice_score": "7"}


def test_every_finding_of_the_form_is_a_fact(asked: Asked) -> None:
    assert [name for _, names in findings.GROUPS for name in names if name not in asked.node.dictionary] == []


def test_a_list_of_what_is_not_there_is_not_asked_for(asked: Asked) -> None:
    assert "attachments" in {field.name for field in forms.fields(asked, COMMANDS["SendMessage"], None)}
    assert "attachments" not in {field.name for field in forms.fields(asked, COMMANDS["SendMessage"], Case("c"))}


def reader_unit(asked: Asked, unit: str) -> str:
    return Reader(asked).unit(unit)


def test_a_test_that_was_not_made_is_left_empty_and_another_that_was_sent_stays(asked: Asked) -> None:
    kind = COMMANDS["TestProduct"]
    given = {"batch": "B1", "results": [["viability", "91", "%"], ["temperature", "37", "Cel"]]}
    again = forms.from_texts(asked, kind, list(pairs(forms.fields(asked, kind, None, given))))
    assert again == given


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans", "pt"])
def test_units_of_results_are_shown_as_people_write_them_and_read_back_as_the_dictionary_has_them(asked: Asked, language: str) -> None:
    kind = COMMANDS["TestProduct"]
    reader = replace(asked, language=language)
    cells = dict(pairs(forms.fields(reader, kind, None)))
    rows = {cells[f"results.{n}.0"]: n for n in range(20) if cells.get(f"results.{n}.0")}
    endotoxin = next(row for field in forms.fields(reader, kind, None) if field.name == "results" for row in field.rows if row[0].value == "endotoxin")
    assert reader_unit(reader, endotoxin[1].unit) == "EU/mL"
    assert "5" in endotoxin[1].limit, "the limit stands beside"
    assert "-" in {cells[f"results.{n}.2"] for n in rows.values()}
    filled = list((cells | {f"results.{n}.1": "2" for n in rows.values()}).items())
    read_ = {attribute: unit for attribute, _, unit in forms.from_texts(reader, kind, filled)["results"]}
    assert read_ == {name: asked.node.dictionary[name].unit or "-" for name in rows}


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [("EU/mL", "[EU]/mL"), ("eu/ml", "[EU]/mL"), ("[EU]/mL", "[EU]/mL"), ("IU/mL", "IU/mL"), ("", "-"), ("-", "-")],
)
def test_a_unit_is_typed_as_a_ward_writes_it_and_another_unit_stays_what_it_is(asked: Asked, typed: str, read_as: str) -> None:
    texts = [("results.0.0", "endotoxin"), ("results.0.1", "2"), ("results.0.2", typed)]
    assert forms.from_texts(asked, COMMANDS["TestProduct"], texts)["results"] == [["endotoxin", "2", read_as]]


@pytest.mark.parametrize(
    ("language", "typed", "read_as"),
    [
        ("pt", "38,5", "38.5"), ("pt", "1,500", "1.500"), ("pt", "-0,05", "-0.05"), ("pt", "38.5", "38.5"), ("pt", "1,2,3", "1,2,3"),
        ("en", "38,5", "38.5"), ("en", "1,500", "1,500"), ("zh-Hant", "38,5", "38.5"), ("zh-Hant", "１,5", "１,5"), ("en", "true", "true"),
    ],
)  # fmt: skip
def test_a_comma_stands_before_a_fraction_unless_it_may_stand_between_thousands(asked: Asked, language: str, typed: str, read_as: str) -> None:
    texts = [("results.0.0", "endotoxin"), ("results.0.1", typed), ("results.0.2", "EU/mL")]
    read_ = forms.from_texts(replace(asked, language=language), COMMANDS["TestProduct"], texts)["results"]
    assert read_ == [["endotoxin", read_as, "[EU]/mL"]]


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("gate.discharge.toxicity scale=crs-astct-2019 2", "2"),
        ("gate.collection.marker_missing marker=hiv", "HIV"),
        ("gate.discharge.not_assessed ", ""),
    ],
)
def test_what_stood_under_a_signed_code_is_said_in_words(asked: Asked, mark: str, said: str) -> None:
    words = Reader(asked).named("stood", mark)
    assert words and "gate." not in words and "=" not in words and "_" not in words
    assert words.endswith(said) or said in words
