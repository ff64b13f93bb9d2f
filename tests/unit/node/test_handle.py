"""The only way in: a repeat is harmless, a refusal names every bad field, nothing is left of what failed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

import databases
from acceptance.support import Clock
from baybridge.base.outcome import Category, Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log
from baybridge.ledger.tables import event
from baybridge.node import cases, handle, tables
from baybridge.node.commands import table as commands
from baybridge.node.commands.done import Done
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.unit import Unit
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found

OPEN = {"patient_id": "p", "residence": "MO", "synthetic": True}
CARE = {"kind": "care", "notice_version": "1", "notice_language": "en"}


@pytest.fixture(params=databases.KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]}, databases.url_of(request.param, tmp_path))
    node = Node(read_config(tmp_path / "mo"), now=Clock())
    yield node
    node.storage.close()


def give(node: Node, name: str, given: dict[str, Any], command_id: str, role: Role = Role.COORDINATOR, case_id: str = "case") -> Done | Refusal:
    return handle.handle(node, Command(name, case_id, given, Actor("a", role, node.site.organisation), command_id))


def state(node: Node) -> tuple[int, ...]:
    """How much stands: events, log entries, decisions, tasks, renderings."""
    with node.storage.reading() as connection:
        counted = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (event, tables.decision, tables.task, tables.rendered)]
        return (log.size(connection), *counted)


def codes(answer: Done | Refusal) -> list[tuple[str, str]]:
    assert isinstance(answer, Refusal)
    return [(reason.code, reason.where) for reason in answer.reasons]


def test_same_command_again_answers_the_same_and_does_nothing(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    first = give(node, "RecordConsent", CARE, "2")
    before = state(node)
    again = give(node, "RecordConsent", CARE, "2")
    assert isinstance(first, Done) and isinstance(again, Done)
    assert [item.event_id for item in again.events] == [item.event_id for item in first.events]
    assert state(node) == before


def test_opening_again_with_the_same_command_answers_the_same(node: Node) -> None:
    first, again = give(node, "OpenCase", OPEN, "1"), give(node, "OpenCase", OPEN, "1")
    assert isinstance(first, Done) and isinstance(again, Done)
    assert again.events == first.events


def test_command_id_of_another_case_is_no_answer_for_this_one(node: Node) -> None:
    """An id that was used elsewhere must not pass for a success without events."""
    give(node, "OpenCase", OPEN, "1")
    give(node, "OpenCase", {**OPEN, "patient_id": "q"}, "2", case_id="other")
    give(node, "RecordConsent", CARE, "3")
    answer = give(node, "RecordConsent", CARE, "3", case_id="other")
    assert isinstance(answer, Refusal)
    assert answer.category is Category.CONFLICT


def test_a_command_id_of_somebody_else_is_a_conflict(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    give(node, "RecordConsent", CARE, "2")
    asked = Command("RecordConsent", "case", CARE, Actor("another", Role.COORDINATOR, node.site.organisation), "2")
    assert codes(handle.handle(node, asked)) == [("command.id_content", "")]


@pytest.mark.parametrize("other", [{**CARE, "kind": "transfer"}, {**CARE, "unheard_of": 1}, {}])
def test_a_command_id_with_other_content_is_a_conflict_and_nothing_is_recorded(node: Node, other: dict[str, Any]) -> None:
    give(node, "OpenCase", OPEN, "1")
    give(node, "RecordConsent", CARE, "2")
    before = state(node)
    answer = give(node, "RecordConsent", other, "2")
    assert codes(answer) == [("command.id_content", "")]
    assert answer.category is Category.CONFLICT  # type: ignore[union-attr]
    assert codes(give(node, "WithdrawConsent", {"consent_id": "x"}, "2")) == [("command.id_content", "")]
    assert state(node) == before


def test_the_same_content_written_otherwise_is_the_same_command(node: Node) -> None:
    first = give(node, "OpenCase", OPEN, "1")
    again = give(node, "OpenCase", {**dict(reversed(OPEN.items())), "line": None}, "1")
    assert isinstance(again, Done) and isinstance(first, Done)
    assert again.events == first.events


def test_a_refused_command_may_come_again_under_its_id_with_what_was_wrong_put_right(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    assert isinstance(give(node, "RecordConsent", {**CARE, "kind": "none such"}, "2"), Refusal)
    assert isinstance(give(node, "RecordConsent", CARE, "2"), Done)


def test_refusal_reports_every_bad_field(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    answer = give(node, "RecordConsent", {"kind": "none such", "notice_language": 7, "unheard_of": 1, "valid_until": "2026-02-30"}, "2")
    assert sorted(codes(answer)) == [
        ("command.bad_field", "kind"),
        ("command.bad_field", "notice_language"),
        ("command.bad_field", "valid_until"),
        ("command.missing_field", "notice_version"),
        ("command.unknown_field", "unheard_of"),
    ]


def test_bad_field_does_not_repeat_the_value(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    answer = give(node, "RecordConsent", {**CARE, "kind": "CANARY-9000001", "valid_until": "CANARY-1966"}, "2")
    assert isinstance(answer, Refusal)
    assert "CANARY" not in str([reason.as_json() for reason in answer.reasons])


def test_unknown_command_names_the_known(node: Node) -> None:
    answer = give(node, "Fly", {}, "1")
    assert isinstance(answer, Refusal)
    assert answer.category is Category.NOT_FOUND
    assert "Infuse" in str(answer.reasons[0].values["known"])


def test_no_case_and_other_role_and_wrong_kind_of_node(node: Node) -> None:
    assert codes(give(node, "RecordConsent", CARE, "1")) == [("command.no_case", "")]
    give(node, "OpenCase", OPEN, "2")
    assert codes(give(node, "Infuse", {}, "3", Role.COORDINATOR)) == [("access.command", "")]
    assert codes(give(node, "StartManufacture", {}, "4", Role.MANUFACTURER)) == [("access.node_kind", "")]


def test_rule_that_raises_leaves_nothing_behind(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    give(node, "OpenCase", OPEN, "1")
    before = state(node)
    broken = handle.COMMANDS | {"RecordConsent": _with_rule(_raise)}
    monkeypatch.setattr(handle, "COMMANDS", broken)
    with pytest.raises(ZeroDivisionError):
        give(node, "RecordConsent", CARE, "2")
    assert state(node) == before
    monkeypatch.undo()
    assert isinstance(give(node, "RecordConsent", CARE, "2"), Done), "the lock is free again"


def test_failure_after_the_events_leaves_nothing_behind(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    give(node, "OpenCase", OPEN, "1")
    before = state(node)
    monkeypatch.setattr(Unit, "finish", _raise)
    with pytest.raises(ZeroDivisionError):
        give(node, "RecordConsent", CARE, "2")
    assert state(node) == before


def _with_rule(rule: Any) -> commands.CommandRow:
    from dataclasses import replace

    return replace(commands.COMMANDS["RecordConsent"], rule=rule)


def _raise(*_: Any, **_named: Any) -> Any:
    raise ZeroDivisionError


# --- projections ----------------------------------------------------------------------------------------------------


def failures(node: Node) -> list[tuple[str, str, int]]:
    with node.storage.reading() as connection:
        rows = connection.execute(select(tables.projection_failure)).mappings().all()
    return [(row["event_id"].split("/")[0], row["problem"], row["attempts"]) for row in rows]


@pytest.mark.parametrize("broken", ["render", "index", "refresh_tasks"])
def test_projection_that_fails_is_recorded_retried_and_forgotten(node: Node, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    give(node, "OpenCase", OPEN, "1")
    monkeypatch.setattr(projections, broken, _raise)
    done = give(node, "RecordConsent", CARE, "2")
    assert isinstance(done, Done), "what happened stands"
    projections.task_rows(node)
    assert [(problem, attempts) for _, problem, attempts in failures(node)] == [("ZeroDivisionError", 1)]
    assert projections.retry(node) == 1
    assert [attempts for _, _, attempts in failures(node)] == [2]
    monkeypatch.undo()
    assert projections.retry(node) == 1
    assert failures(node) == []
    with node.storage.reading() as connection:
        rendered = set(connection.execute(select(tables.rendered.c.event_id)).scalars())
        assert connection.execute(select(func.count()).select_from(tables.task)).scalar_one() > 0
    assert {item.event_id for item in done.events} <= rendered


def test_of_several_renderings_that_go_together_the_one_that_fails_fails_alone(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    give(node, "OpenCase", OPEN, "1")
    give(node, "RecordConsent", CARE, "2")
    ids = [item.event_id for item in node.events("case")]
    with node.unit() as unit:
        unit.connection.execute(delete(tables.rendered))
    render = projections.render
    monkeypatch.setattr(projections, "render", lambda recorded, *more: _raise() if recorded.event_id == ids[0] else render(recorded, *more))
    with node.unit() as unit:
        projections.project(unit, "case")
    with node.storage.reading() as connection:
        rendered = set(connection.execute(select(tables.rendered.c.event_id)).scalars())
    assert len(ids) > 1
    assert rendered == set(ids[1:])
    assert failures(node) == [(ids[0], "ZeroDivisionError", 1)]


def test_worker_retries_failed_projections(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    from baybridge.node.upkeep.worker import Worker

    give(node, "OpenCase", OPEN, "1")
    monkeypatch.setattr(projections, "render", _raise)
    give(node, "RecordConsent", CARE, "2")
    monkeypatch.undo()
    assert failures(node)
    node.config.settings["BAYBRIDGE_DELIVERY_SECONDS"] = "0.01"
    worker = Worker(node)
    worker.start()
    try:
        for _ in range(500):
            if not failures(node):
                break
            worker._stop.wait(0.01)
    finally:
        worker.stop()
    assert failures(node) == []


def test_a_patient_has_one_open_case_a_line_of_therapy(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    again = give(node, "OpenCase", OPEN, "2", case_id="second")
    assert isinstance(again, Refusal)
    assert [(reason.code, reason.values) for reason in again.reasons] == [("matching.open.another_open", {"case": "case"})]
    assert isinstance(give(node, "OpenCase", {**OPEN, "line": 2}, "3", case_id="second"), Refusal), "the open one may be for that line"


def test_a_case_for_another_line_is_opened_beside_one_that_names_its_own(node: Node) -> None:
    give(node, "OpenCase", {**OPEN, "line": 1}, "1")
    assert isinstance(give(node, "OpenCase", {**OPEN, "line": 1}, "2", case_id="second"), Refusal)
    assert isinstance(give(node, "OpenCase", {**OPEN, "line": 2}, "3", case_id="second"), Done)


def test_a_patient_who_is_opened_eight_times_at_once_has_one_case(node: Node) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: give(node, "OpenCase", OPEN, f"{number}", case_id=f"case-{number}"), range(8)))
    assert sum(isinstance(answer, Done) for answer in answers) == 1
    with node.storage.reading() as connection:
        assert len(cases.of_patient(connection, OPEN["patient_id"])) == 1


def test_a_case_whose_therapy_is_over_stands_in_no_ones_way(node: Node) -> None:
    give(node, "OpenCase", OPEN, "1")
    assert isinstance(give(node, "RecordDeath", {"died_on": "2026-03-02"}, "2", Role.PHYSICIAN), Done)
    assert isinstance(give(node, "OpenCase", OPEN, "3", case_id="second"), Done)
