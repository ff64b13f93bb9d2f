"""The directory of a running node: signed, dated changes with a source; what held before a change still holds for what was taken before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from acceptance.support import Clock
from baybridge.base.outcome import Refusal
from baybridge.documents.laboratories import Editing
from baybridge.documents.loader import Documents
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.commands.done import Done
from baybridge.node.config import read_config
from baybridge.node.directory import directory, living_documents
from baybridge.node.directory.changes import Change, DirectoryChanged, key_of, lay_over
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.upkeep.founding import found
from baybridge.recognition.recognise import recognise
from baybridge.recognition.results import directory_row
from baybridge.record.store import store
from exchange_documents import RECOGNITION, changed, recognition_rules

ALLIANCE = Actor("keeper", Role.ALLIANCE, "Alliance")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    found(tmp_path / "hk", {"node": "hk", "organisation": "Synthetic Hong Kong Hospital", "jurisdiction": "HK", "kinds": ["centre"]})
    node = Node(read_config(tmp_path / "hk"), now=Clock())
    yield node
    node.storage.close()


def event(action: str, field: str, value: Any, from_on: date = date(2026, 3, 1), **more: Any) -> DirectoryChanged:
    given: dict[str, Any] = {"document": "laboratories", "row": "mo", "source": "Letter of the body, 1 March 2026", "confidence": "high", **more}
    return DirectoryChanged(action=action, field=field, value=value, from_on=from_on, **given)  # type: ignore[arg-type]


def sign(node: Node, made: DirectoryChanged, actor: Actor = ALLIANCE) -> Change:
    done = directory.change(node, actor, made)
    assert isinstance(done, Change), done
    return done


def row(node: Node, name: str = "mo") -> dict[str, Any]:
    rows = node.documents.folder("directory")["laboratories"]["laboratories"]
    return dict(next(row for row in rows if row["id"] == name))


def outcome(node: Node, taken: str) -> tuple[str, tuple[str, ...]]:
    """What a creatinine of the Macao laboratory, taken on a day, is worth the next day."""
    day = date.fromisoformat(taken[:10])
    request = changed(RECOGNITION, {"laboratory": directory_row(row(node), day), "result.collected_at": taken, "request.use_at": taken})
    answer = recognise(request, recognition_rules())
    return answer.outcome, answer.codes


BEFORE, AFTER = "2026-03-04T09:00:00+08:00", "2026-03-06T09:00:00+08:00"


def test_a_lapse_takes_effect_from_its_day_and_what_was_taken_before_still_serves(node: Node) -> None:
    key = key_of(row(node)["accreditations"][0])
    sign(node, event("end", "accreditations", key, date(2026, 3, 5)))
    assert "MR-012" not in outcome(node, BEFORE)[1]
    assert {"MR-010", "MR-012"} <= set(outcome(node, AFTER)[1])


@pytest.mark.parametrize(("field", "value", "code"), [("alliance_listed", False, "MR-014"), ("eqa_suspended", True, "MR-021")])
def test_a_listing_and_a_suspension_change_on_their_day(node: Node, field: str, value: bool, code: str) -> None:
    sign(node, event("set", field, value, date(2026, 3, 5)))
    assert code not in outcome(node, BEFORE)[1]
    assert code in outcome(node, AFTER)[1]


def test_decisions_made_before_a_change_stay_as_they_were(node: Node) -> None:
    actor = Actor("dr", Role.PHYSICIAN, node.site.organisation)
    handle(node, Command("OpenCase", "case", {"patient_id": "p1", "residence": "MO", "synthetic": True}, actor, "1"))
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-03-01T09:00:00+08:00", "valueQuantity": {"value": 1.1, "code": "mg/dL"},
        "performer": [{"type": "Organization", "display": "Synthetic Macao Hospital"}],
        "meta": {"tag": [{"system": "urn:baybridge:signed", "code": "mo"}]},
    }  # fmt: skip
    with node.unit() as unit:
        store.put(unit.connection, result, at=unit.at)
    judge = {"purpose": "LD_FITNESS"}
    first = handle(node, Command("RecogniseResults", "case", judge, actor, "2"))
    assert isinstance(first, Done)
    kept = documents(node)
    sign(node, event("set", "alliance_listed", False, date(2026, 1, 1)))
    assert documents(node) == kept
    case = node.case("case")
    assert case is not None
    assert [entry.event.result_id for entry in case.recognised] == ["o1"]
    again = handle(node, Command("RecogniseResults", "case", judge, actor, "3"))
    assert isinstance(again, Done)
    assert again.events[0].event.codes == ("MR-010", "MR-014")  # type: ignore[attr-defined]
    assert kept.items() <= documents(node).items()


def documents(node: Node) -> dict[str, Any]:
    with node.storage.reading() as connection:
        rows = connection.execute(select(tables.decision.c.sha256, tables.decision.c.document)).all()
    return {row.sha256: orjson.loads(row.document) for row in rows}


def test_what_is_unverified_opens_no_path_and_what_speaks_against_counts(node: Node) -> None:
    new = {"standard": "ISO15189:2022", "body": "NATA", "mra_signatory": True, "valid_from": "2020-01-01", "scope": [{"loinc": "*", "specimen": "*", "method": "*"}]}
    sign(node, event("add", "accreditations", new, row="must-hospital", confidence="low"))
    assert directory_row(row(node, "must-hospital"), date(2026, 3, 4))["accreditations"] == []
    sign(node, event("add", "eqa", {"loinc": "*", "date": "2026-03-02", "passed": False}, confidence="low"))
    assert "MR-020" in outcome(node, BEFORE)[1]


def test_a_withdrawn_change_is_as_if_it_had_not_been_and_stays_in_the_ledger(node: Node) -> None:
    wrong = sign(node, event("set", "alliance_listed", False))
    assert "MR-014" in outcome(node, BEFORE)[1]
    sign(node, event("withdraw", "", wrong.change_id))
    assert "MR-014" not in outcome(node, BEFORE)[1]
    with node.storage.reading() as connection:
        assert [stored.type for stored in streams.read(connection, living_documents.STREAM)] == ["DirectoryChanged"] * 2
        assert [one.actor for one in living_documents.changes(connection)] == ["keeper", "keeper"]


def test_only_who_keeps_the_directory_changes_it_and_every_fault_is_said(node: Node) -> None:
    for role in set(Role) - {Role.ALLIANCE, Role.ADMINISTRATOR}:
        assert isinstance(directory.change(node, Actor("x", role, "Alliance"), event("set", "city", "Macao")), Refusal)
    faults = {
        ("no_source", "confidence", "unknown_row"): event("set", "city", "x", row="none", source=" ", confidence="sure"),
        ("unknown_field",): event("add", "city", {"x": 1}),
        ("no_value",): event("set", "alliance_listed", None),
        ("incomplete",): event("add", "accreditations", {"standard": "ISO15189"}),
        ("unknown_entry",): event("end", "accreditations", "none"),
        ("ends_before",): event("end", "accreditations", key_of(row(node)["accreditations"][0]), date(2020, 1, 1)),
        ("unknown_change",): event("withdraw", "", "none"),
        ("row_exists", "no_name"): event("new", "", {}),
        ("row_id", "no_name"): event("new", "", {}, row="../x"),
    }
    for codes, made in faults.items():
        refused = directory.change(node, ALLIANCE, made)
        assert isinstance(refused, Refusal)
        assert [reason.code.removeprefix("directory.change.") for reason in refused.reasons] == list(codes)
    with node.storage.reading() as connection:
        assert streams.read(connection, living_documents.STREAM) == []


def test_a_new_laboratory_is_found_and_opens_no_path_until_something_is_known_of_it(node: Node) -> None:
    sign(node, event("new", "", {"names": ["New Laboratory"], "jurisdiction": "HK"}, row="new-lab"))
    made = directory_row(row(node, "new-lab"), date(2026, 3, 4))
    answer = recognise(changed(RECOGNITION, {"laboratory": made}), recognition_rules())
    assert (answer.outcome, set(answer.codes) >= {"MR-010", "MR-012", "MR-020", "MR-021"}) == ("repeat-needed", True)


def test_a_price_holds_from_its_day(node: Node) -> None:
    price = {"loinc": ["2160-0"], "jurisdiction": "HK", "amount_minor": 12000, "currency": "HKD", "valid_from": "2026-04-01"}
    sign(node, event("add", "prices", price, document="costs", row="document"))
    (kept,) = node.documents.folder("recognition")["costs"]["prices"]
    assert (kept["amount_minor"], kept["confidence"], kept["source"]) == (12000, "high", "Letter of the body, 1 March 2026")


def test_laying_over_leaves_the_document_itself_alone() -> None:
    documents = Documents()
    folder = documents.folder("directory")
    before = orjson.dumps(folder["laboratories"], default=str)
    form = documents.typed.the(Editing).forms["laboratories"]
    laid = lay_over(folder["laboratories"], form, [Change("c", "", "hk", "a", "alliance", event("set", "city", "Taipa"))])
    assert orjson.dumps(folder["laboratories"], default=str) == before
    assert orjson.dumps(laid, default=str) != before


def test_a_page_and_a_unit_ask_the_ledger_once_and_the_next_one_sees_what_was_signed(node: Node) -> None:
    before = row(node)
    with living_documents.steady():
        assert row(node) == before
        sign(node, event("set", "alliance_listed", False, date(2026, 1, 1)))
        assert row(node) == before  # a page shows one state
    assert row(node) != before
    other = Node(read_config(node.config.folder), now=Clock())
    with living_documents.steady():  # whoever asked one node's ledger did not ask another's
        node.documents.folder("directory")
        assert row(other) == row(node)
    other.storage.close()
