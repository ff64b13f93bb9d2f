"""Whoever changes the database behind the node's back is found by the check: each kind of change, by SQL, at a node that works."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, insert, text, update

from acceptance.support import World, resource_of
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.image_check import check_image
from baybridge.node.integrity.rows import RowLog
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep import projections


@pytest.fixture(scope="module")
def seasoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node folder of Macao after a referral and a correction, with accounts and a session."""
    folder = tmp_path_factory.mktemp("network")
    world = World.new(folder)
    bundle = world.refer()
    myeloma = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C90.0"}]}
    world.file("mo", [{**resource_of(bundle, "-dx"), "code": myeloma}])
    world.file("mo", [{**resource_of(bundle, "-a-hbsag"), "status": "entered-in-error"}])
    world.accept()
    world.deliver()
    node = world.nodes["mo"]
    node.record_access(world.actor("mo", Role.PHYSICIAN), world.case_id, "overview", "care")
    node.record_access(world.actor("mo", Role.NURSE), world.case_id, "overview", "care")
    with node.storage.writing() as connection:
        duty = {"row": 0, "specialty": "haematology", "account": "a", "from_at": "2026-03-01", "until_at": "2026-03-02", "order": 0}
        connection.execute(insert(tables.duty).values(**duty))
        connection.execute(insert(tables.restriction).values(restriction="r", patient_id="p", reason="asked", since_at="2026-03-01", account="a"))
        accounts.add_account(connection, account="acc-1", name="Nurse One", role=Role.NURSE, organisation="o", password="a right password")
        accounts.open_session(connection, "acc-1", node.now())
        accounts.open_session(connection, "acc-1", datetime.now(UTC))  # one that goes on while the check looks
    projections.task_rows(node)
    for one in world.nodes.values():
        from baybridge.node.neighbours import witnessing

        witnessing.sign_checkpoint(one)
        one.storage.close()
    return folder


@pytest.fixture
def folder(seasoned: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(seasoned, tmp_path / "copy")
    return tmp_path / "copy"


@contextmanager
def reopened(folder: Path, name: str = "mo") -> Iterator[Node]:
    node = Node(read_config(folder / name))
    try:
        yield node
    finally:
        node.storage.close()


def found(folder: Path, name: str = "mo") -> checking.Checked:
    with reopened(folder, name) as node, node.storage.reading() as connection:
        return checking.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now))


def spoil(folder: Path, *statements: str, name: str = "mo") -> None:
    """Write into a node's database as somebody at the machine would."""
    engine = create_engine(f"sqlite:///{folder / name / 'node.sqlite'}")
    with engine.begin() as connection:
        for statement in statements:
            assert connection.exec_driver_sql(statement).rowcount != 0, f"nothing was changed by {statement}"
    engine.dispose()


def test_a_node_that_nobody_tampered_with_is_sound(folder: Path) -> None:
    for name in ("mo", "hk"):
        checked = found(folder, name)
        assert checked.findings == []
        assert checked.coverage is not None and checked.coverage.first_logged == 0
        assert checked.checked["events"] and checked.checked["versions"] and checked.checked["decisions"] and checked.checked["receipts"]


#: What was done, and the kind of finding that must name it with the beginning of its name.
RESULT = "type = 'Observation' AND id LIKE '%-a-hb'"
TAMPERED = [
    pytest.param("UPDATE record_read SET purpose = 'research' WHERE role = 'nurse'", "differs", "reading/", id="reading-changed"),
    pytest.param("UPDATE record_read SET account = 'nobody' WHERE role = 'nurse'", "unlogged", "reading/", id="reading-of-another"),
    pytest.param("DELETE FROM record_read WHERE role = 'nurse'", "missing", "reading/", id="reading-removed"),
    pytest.param("UPDATE restriction SET lifted_at = '2026-03-02'", "differs", "restriction/", id="restriction-lifted"),
    pytest.param("UPDATE duty SET account = 'b'", "differs", "duty/", id="roster-changed"),
    pytest.param("DELETE FROM duty", "missing", "duty/", id="roster-emptied"),
    pytest.param(
        "INSERT INTO known_device (device_sha256, account, since_at) VALUES ('d', 'a', '2026-03-01')", "unlogged", "known_device/", id="device-known",
    ),
    pytest.param("DELETE FROM restriction", "missing", "restriction/", id="restriction-removed"),
    pytest.param(
        "INSERT INTO broken_glass (event_id, case_id, account, from_at, until_at) VALUES ('e', 'c', 'a', '2026-03-01', '2027-03-01')",
        "unlogged", "broken_glass/", id="emergency-access-inserted",
    ),
    pytest.param(f"UPDATE resource_version SET body = replace(body, '\"value\":', '\"value\":9') WHERE {RESULT}", "differs", "Observation/", id="result-changed"),
    pytest.param(f"UPDATE resource_version SET patient = 'other' WHERE {RESULT}", "differs", "Observation/", id="result-of-another-patient"),
    pytest.param(f"UPDATE resource_version SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE {RESULT}", "differs", "Observation/", id="time-changed"),
    pytest.param(f"UPDATE resource_version SET deleted = 1 WHERE {RESULT}", "differs", "Observation/", id="result-marked-as-deleted"),
    pytest.param("DELETE FROM resource_version WHERE type = 'Observation' AND version = 1 AND id LIKE '%hbsag'", "missing", "Observation/", id="version-deleted"),
    pytest.param(
        "INSERT INTO resource_version (type, id, version, patient, recorded_at, deleted, sha256, body)"
        f" SELECT type, id, 2, patient, recorded_at, deleted, sha256, body FROM resource_version WHERE {RESULT}",
        "unlogged",
        "Observation/",
        id="version-inserted",
    ),
    pytest.param(f"UPDATE resource_current SET deleted = 1 WHERE {RESULT}", "differs", "current/Observation/", id="current-hidden"),
    pytest.param(f"DELETE FROM resource_current WHERE {RESULT}", "differs", "current/Observation/", id="current-removed"),
    pytest.param("UPDATE resource_current SET row = 1 WHERE type = 'Condition'", "differs", "current/Condition/", id="current-points-elsewhere"),
    pytest.param(f"UPDATE search_value SET value = 'none' WHERE {RESULT} AND param = 'code'", "differs", "search/Observation/", id="search-blinded"),
    pytest.param(f"DELETE FROM search_value WHERE {RESULT}", "differs", "search/Observation/", id="search-removed"),
    pytest.param("UPDATE resource_version SET body = replace(body, 'i', 'j') WHERE type = 'EpisodeOfCare'", "differs", "EpisodeOfCare/", id="rendering-changed"),
    pytest.param("UPDATE decision SET document = replace(document, '\"policy\"', '\"polici\"')", "differs", "decision/", id="decision-changed"),
    pytest.param("UPDATE decision SET facts = '{}'", "differs", "decision-basis/", id="facts-changed"),
    pytest.param("UPDATE decision SET given = '[]'", "differs", "decision-basis/", id="given-changed"),
    pytest.param("UPDATE decision SET made_at = '2020-01-01T00:00:00+00:00'", "differs", "decision-basis/", id="moment-changed"),
    pytest.param("UPDATE decision SET case_id = 'other'", "differs", "decision-basis/", id="decision-of-another-case"),
    pytest.param("UPDATE decision SET outcome = 'other'", "differs", "decision-basis/", id="outcome-changed"),
    pytest.param("UPDATE policy_text SET text = text || ' '", "differs", "decision-basis/", id="policy-changed"),
    pytest.param("DELETE FROM decision_source", "differs", "decision-basis/", id="source-removed"),
    pytest.param("UPDATE decision_source SET case_id = 'other'", "differs", "decision-basis/", id="sources-of-another-case"),
    pytest.param(
        "UPDATE decision_source SET case_id = 'other' WHERE resource = (SELECT min(resource) FROM decision_source)",
        "differs", "decision-basis/", id="source-of-another-case",
    ),
    pytest.param("DELETE FROM decision WHERE superseded_by IS NULL", "missing", "decision/", id="decision-removed"),
    pytest.param("UPDATE decision SET superseded_by = NULL WHERE superseded_by IS NOT NULL", "differs", "decision/", id="made-again-hidden"),
    pytest.param("UPDATE decision SET superseded_by = 'x' WHERE superseded_by IS NULL", "differs", "decision/", id="made-again-invented"),
    pytest.param("UPDATE outgoing SET receipt = NULL", "missing", "receipt/out/", id="receipt-removed"),
    pytest.param("UPDATE outgoing SET receipt = 'x' WHERE receipt IS NOT NULL", "differs", "receipt/out/", id="receipt-changed"),
    pytest.param("UPDATE outgoing SET to_node = 'gd'", "differs", "package/out/", id="receiver-changed"),
    pytest.param("UPDATE outgoing SET resources = '[]'", "differs", "package/out/", id="what-went-along-changed"),
    pytest.param("DELETE FROM outgoing", "missing", "package/out/", id="package-removed"),
    pytest.param("UPDATE account SET role = 'administrator' WHERE account = 'acc-1'", "differs", "account/", id="made-administrator"),
    pytest.param("UPDATE account SET password_hash = 'x' WHERE account = 'acc-1'", "differs", "account/", id="password-exchanged"),
    pytest.param("UPDATE account SET disabled = 1 WHERE account = 'acc-1'", "differs", "account/", id="account-disabled"),
    pytest.param("DELETE FROM account WHERE account = 'acc-1'", "missing", "account/", id="account-removed"),
    pytest.param(
        "INSERT INTO account (account, name, role, organisation, password_hash, language, disabled) VALUES ('a', 'b', 'administrator', 'o', 'h', 'en', 0)",
        "unlogged",
        "account/",
        id="account-invented",
    ),
    pytest.param(
        "INSERT INTO session (token_sha256, account, csrf, created_at, expires_at) SELECT 'x', account, 'c', created_at, '9999-01-01T00:00:00+00:00' FROM session",
        "unlogged",
        "session/",
        id="session-invented",
    ),
    pytest.param("UPDATE session SET expires_at = '9999-01-01T00:00:00+00:00'", "differs", "session/", id="session-prolonged"),
    pytest.param("UPDATE session SET role = 'administrator'", "differs", "session/", id="session-of-another-role"),
    pytest.param("UPDATE session SET account = 'acc-2'", "differs", "session/", id="session-of-another-account"),
    pytest.param("UPDATE session SET token_sha256 = 'x'", "unlogged", "session/", id="session-of-another-token"),
    pytest.param("INSERT INTO recovery_code (account, code_sha256) VALUES ('acc-1', 'x')", "unlogged", "recovery_code/", id="recovery-code-invented"),
    pytest.param("UPDATE event SET body = replace(body, 'CaseOpened', 'CaseOpenex') WHERE type = 'CaseOpened'", "differs", "case ", id="event-changed"),
    pytest.param("UPDATE event SET recorded_at = '2020-01-01T00:00:00+00:00' WHERE sequence = 2", "differs", "case ", id="moment-of-an-event-changed"),
    pytest.param("DELETE FROM event WHERE sequence = 3", "missing", "", id="event-removed"),
    pytest.param("DELETE FROM content_salt WHERE position = 5", "missing", "entry/5", id="salt-removed"),
    pytest.param("UPDATE task SET body = '{}'", "differs", "task/", id="task-changed"),
    pytest.param("DELETE FROM task", "missing", "task/", id="tasks-removed"),
    pytest.param("UPDATE case_index SET patient_id = 'other'", "differs", "case/", id="list-of-cases-changed"),
    pytest.param("UPDATE case_index SET only_told = NOT only_told", "differs", "case/", id="record-opened-to-who-has-no-part"),
    pytest.param("UPDATE case_index SET synthetic = NOT synthetic", "differs", "case/", id="marked-as-synthetic"),
    pytest.param("DELETE FROM case_index", "missing", "case/", id="case-hidden"),
    pytest.param("UPDATE log_entry SET body = replace(body, 'first-logged/0', 'first-logged/9') WHERE kind = 'coverage'", "differs", "", id="coverage-changed"),
]


@pytest.mark.parametrize(("statement", "kind", "what"), TAMPERED)
def test_each_kind_of_tampering_is_found(folder: Path, statement: str, kind: str, what: str) -> None:
    spoil(folder, statement)
    findings = found(folder).findings
    assert [one for one in findings if one.kind == kind and one.what.startswith(what)], [(one.kind, one.what) for one in findings]


OTHER_FORM = [
    pytest.param(
        "CREATE TRIGGER x AFTER INSERT ON session BEGIN UPDATE account SET role = 'administrator' WHERE account = new.account; END",
        "unlogged", "form/session", id="trigger",
    ),
    pytest.param("DROP TABLE notification", "missing", "form/notification", id="table-gone"),
    pytest.param("ALTER TABLE account ADD COLUMN more VARCHAR", "differs", "form/account", id="column-more"),
    pytest.param("ALTER TABLE account DROP COLUMN last_sign_in", "differs", "form/account", id="column-gone"),
    pytest.param("ALTER TABLE session ADD COLUMN strong2 VARCHAR DEFAULT 'yes'", "differs", "form/session", id="column-with-a-default"),
    pytest.param("DROP INDEX case_index_stale", "differs", "form/case_index", id="index-gone"),
    pytest.param("CREATE UNIQUE INDEX one ON session (account)", "differs", "form/session", id="index-more"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "kind", "what"), OTHER_FORM)
def test_a_database_of_another_form_is_found(folder: Path, statement: str, kind: str, what: str) -> None:
    """A trigger writes inside the node's own transactions: what it changes would be logged as the node's."""
    with sqlite3.connect(folder / "mo" / "node.sqlite") as connection:
        connection.execute(statement)
    connection.close()
    assert (kind, what) in {(one.kind, one.what) for one in checking.check_stored(read_config(folder / "mo")).findings}


def test_findings_hold_no_id_from_outside(folder: Path) -> None:
    spoil(folder, f"UPDATE resource_version SET body = 'x' WHERE {RESULT}", "UPDATE account SET role = 'administrator' WHERE account = 'acc-1'")
    with reopened(folder) as node:
        said = json.dumps(checking.summary(found(folder), lambda reason: str(reason.values)))
    del node
    assert "test-mo-1" not in said and "-a-hb" not in said and "Nurse" not in said and "acc-1" not in said


def test_damaged_pages_are_a_finding_and_the_rest_is_checked(folder: Path) -> None:
    path = folder / "mo" / "node.sqlite"
    spoil(folder, "UPDATE task SET due_at = due_at")
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        root = connection.execute(text("SELECT rootpage FROM sqlite_master WHERE name = 'resource_version_of_patient'")).scalar_one()
        size = connection.execute(text("PRAGMA page_size")).scalar_one()
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    engine.dispose()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 200)
    kinds = {(one.kind, one.what) for one in found(folder).findings}
    assert ("differs", "database/pages") in kinds
    assert found(folder).checked["events"]


def test_a_change_through_the_node_does_not_make_a_tampered_row_good(folder: Path) -> None:
    spoil(folder, "UPDATE account SET role = 'administrator' WHERE account = 'acc-1'")
    with reopened(folder) as node, node.storage.writing() as connection:
        connection.execute(update(tables.account).where(tables.account.c.account == "acc-1").values(language="pt"))
    assert [one.kind for one in found(folder).findings if one.what.startswith("account/")] == ["differs"]


def test_changes_through_the_node_are_logged_and_sound(folder: Path) -> None:
    def changes(connection: Connection) -> None:
        connection.execute(update(tables.account).where(tables.account.c.account == "acc-1").values(language="pt"))
        accounts.add_account(connection, account="acc-2", name="Two", role=Role.QUALITY, organisation="o", password="a right password")

    _done(folder, changes)
    _done(folder, lambda connection: connection.execute(text("SELECT 1")))
    assert found(folder).findings == []
    with reopened(folder) as node, node.storage.writing() as connection:
        session, at = accounts.open_session(connection, "acc-2", node.now()), node.now()
    _done(folder, lambda connection: accounts.close_session(connection, session.token, at))
    assert found(folder).findings == []


def _done(folder: Path, work: Callable[[Connection], Any]) -> None:
    with reopened(folder) as node, node.storage.writing() as connection:
        work(connection)


def test_the_daily_check_is_kept_and_comes_again_tomorrow(folder: Path) -> None:
    from datetime import timedelta

    from baybridge.node.clock import now
    from baybridge.node.config import read_config
    from baybridge.node.consequences import queue
    from baybridge.node.integrity import daily

    moment = [now()]
    node = Node(read_config(folder / "mo"), now=lambda: moment[0])
    try:
        queue.drain(node)  # what the walk left
        daily.begin(node)
        daily.begin(node)
        assert queue.drain(node) == 1
        assert queue.drain(node) == 0, "once a day"
        spoil(folder, "DELETE FROM record_read WHERE role = 'nurse'")
        moment[0] += timedelta(days=1)
        assert queue.drain(node) == 1
        with node.storage.reading() as connection:
            result = daily.latest(connection)
            rows = connection.execute(tables.ledger_finding.select().order_by(tables.ledger_finding.c.checked_at)).all()
    finally:
        node.storage.close()
    assert [row.sound for row in rows] == [True, False]
    assert result is not None
    assert (result.count, [reason.code for reason in result.findings]) == (1, ["ledger.check.thing_missing"])


def test_a_reading_from_the_reserve_has_its_entry(folder: Path) -> None:
    from baybridge.node.upkeep.reserve import Kept

    with reopened(folder) as node:
        with node.storage.reading() as connection:
            case = connection.execute(tables.case_index.select()).first()
        assert case is not None
        node.reserve.keep([Kept(at="2026-03-01T00:00:00+00:00", account="a", role="nurse", organisation="o", subject=case.case_id, what="overview", purpose="care")])
        assert node.reserve.bring_in(node) == 1
        with node.storage.reading() as connection:
            rows = connection.execute(tables.record_read.select().where(tables.record_read.c.at < "2026-03-01T01")).all()
    assert [(row.patient_id, row.role) for row in rows] == [(case.patient_id, "nurse")]
    assert found(folder).findings == []


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_parts_checked_side_by_side_find_the_same_but_for_what_is_made_again(folder: Path, workers: int) -> None:
    from baybridge.node.config import read_config

    spoil(
        folder,
        "DELETE FROM record_read WHERE role = 'nurse'",
        "UPDATE duty SET account = 'b'",
        f"UPDATE resource_version SET patient = 'other' WHERE {RESULT}",
        "DELETE FROM resource_version WHERE type = 'Observation' AND version = 1 AND id LIKE '%hbsag'",
        "DELETE FROM search_value WHERE type = 'Condition'",
        "UPDATE decision SET facts = '{}'",
    )
    config = read_config(folder / "mo")
    one, image = checking.check_stored(config), check_image(config, workers=workers)
    searched = {finding.what for finding in one.findings if finding.what.startswith("search/")}
    assert searched
    assert sorted((f.kind, f.what, f.reason.code) for f in image.findings) == sorted(
        (f.kind, f.what, f.reason.code) for f in one.findings if f.what not in searched
    )
    assert (image.entries, image.checked, image.not_covered) == (one.entries, one.checked, one.not_covered)
