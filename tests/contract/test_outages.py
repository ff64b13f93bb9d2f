"""A database that cannot: waited for so long and no longer, told by its kind, and reading goes on with its notes in the reserve. Both databases alike."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, select, text
from starlette.testclient import TestClient

import databases
from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.base.keys import KeyRing, SigningKey
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Role
from baybridge.ledger import checking, log
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours import witnessing
from baybridge.node.node import Node
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts
from baybridge.node.storage import Storage, Waits
from baybridge.node.upkeep.founding import found
from baybridge.node.upkeep.reserve import FILE, Kept, Reserve, ReserveFullError

PATIENT = "p-1"


@pytest.fixture(params=databases.KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    url = databases.url_of(request.param, tmp_path)
    found(tmp_path / "mo", {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]}, url)
    config = read_config(tmp_path / "mo")
    config.settings["BAYBRIDGE_LOCK_SECONDS"] = "0.2"
    made = Node(config, now=Clock())
    import_upload(made, Actor("a", Role.COORDINATOR, "Hospital"), "r.json", json.dumps(record(PATIENT, made.now())).encode())
    yield made
    made.storage.close()


@contextmanager
def stuck_writer(node: Node) -> Iterator[None]:
    """Somebody else who holds the one write lock and does not end."""
    engine = create_engine(node.config.database, isolation_level="AUTOCOMMIT" if node.config.database.startswith("sqlite") else "READ COMMITTED")
    with engine.connect() as connection:
        if node.config.database.startswith("sqlite"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7271993250281321)")
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


def entries(node: Node, kind: str = "access") -> list[str]:
    with node.storage.reading() as connection:
        return [item.entry.what for item in log.entries(connection, 0, log.size(connection)) if item.entry.kind == kind]


@pytest.fixture
def client(node: Node) -> Iterator[TestClient]:
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="n", name="n", role=Role.PHYSICIAN, organisation="Hospital", password="-")
        token = accounts.open_session(connection, "n", node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as made:
        made.headers["authorization"] = f"Bearer {token}"
        yield made


def test_stuck_writer_stops_writing_with_a_sentence_and_not_reading(node: Node, client: TestClient) -> None:
    result = client.get(f"/fhir/Observation/{PATIENT}-a-hb").json()
    before = entries(node)
    with stuck_writer(node):
        busy = client.put(f"/fhir/Observation/{PATIENT}-a-hb", json={**result, "status": "amended"})
        assert busy.status_code == 503
        assert busy.headers["retry-after"]
        assert "storage.busy" in busy.text
        read = client.get(f"/fhir/Observation/{PATIENT}-a-hb")
        assert (read.status_code, read.json()["status"]) == (200, "final")
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "noted in the reserve" in page.text, "the page says so"
    assert entries(node) == before
    assert node.reserve.bring_in(node) == 1
    assert len(entries(node)) == len(before) + 1
    assert node.reserve.empty
    assert "noted in the reserve" not in client.get("/", headers={"accept": "text/html"}).text
    assert sound(node)


def sound(node: Node) -> bool:
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        return checking.check(connection, KeyRing.of(witnessing.signing_key(node).public), {}, origin=witnessing.origin(node)) == []


def test_writer_that_waits_for_its_turn_gives_up(node: Node) -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with node.storage.writing():
            inside.set()
            leave.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert inside.wait(60)
    with pytest.raises(StorageProblem) as problem, node.storage.writing():
        pass
    assert problem.value.kind == "busy"
    with node.storage.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    leave.set()
    holder.join()
    with node.storage.writing():
        pass


def test_what_was_begun_is_undone(node: Node) -> None:
    with pytest.raises(ZeroDivisionError), node.unit() as unit:
        unit.log("access", "x", "x", b"", node.system())
        raise ZeroDivisionError
    assert "x" not in entries(node)


def full(node: Node) -> None:
    """Let the database be as large as it is and no larger, on every connection; only SQLite can be told so."""
    if not node.config.database.startswith("sqlite"):
        pytest.skip("a quota of PostgreSQL needs a file system of its own")
    node.storage.close()
    engine = node.storage.engine

    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _quota(connection: object, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # type: ignore[attr-defined]  # at least what it has now


def test_full_disk_refuses_changes_and_lets_read(node: Node, client: TestClient) -> None:
    result = client.get(f"/fhir/Observation/{PATIENT}-a-hb").json()
    full(node)
    statuses = set()
    for number in range(200):
        changed = {**result, "note": [{"text": f"{number} " + "x" * 20_000}]}
        statuses.add((answer := client.put(f"/fhir/Observation/{PATIENT}-a-hb", json=changed)).status_code)
        if answer.status_code == 507:
            break
    assert statuses <= {200, 507} and 507 in statuses
    assert "storage.full" in answer.text
    read = client.get(f"/fhir/Observation/{PATIENT}-a-hb")
    assert read.status_code == 200


def test_read_only_database_is_told(node: Node) -> None:
    if not node.config.database.startswith("sqlite"):
        with pytest.raises(StorageProblem) as problem, node.storage.writing() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql("CREATE TABLE never (a int)")
        assert problem.value.kind == "read_only"
        return
    with pytest.raises(StorageProblem) as problem, node.storage.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("CREATE TABLE never (a int)")
    assert problem.value.kind == "read_only"


def test_statement_that_does_not_end_is_cancelled(tmp_path: Path) -> None:
    storage = Storage(databases.url_of("postgresql", tmp_path), Waits(lock_s=0.2, statement_s=0.2))
    with pytest.raises(StorageProblem) as problem, storage.reading() as connection:
        connection.exec_driver_sql("SELECT pg_sleep(3600)")
    assert problem.value.kind == "busy"
    storage.close()


def test_database_that_is_away_is_told(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'nowhere' / 'database.sqlite'}")
    with pytest.raises(StorageProblem) as problem, storage.reading():
        pass
    assert problem.value.kind == "away"


# --- the reserve ----------------------------------------------------------------------------------------------------------


def kept(what: str) -> Kept:
    return Kept(at="2026-03-02T09:00:00+08:00", account="a", role="nurse", organisation="Hospital", subject="case-1", what=what, purpose="care")


def again(node: Node) -> Reserve:
    """The reserve as the next process opens it."""
    return Reserve(node.config.folder, witnessing.signing_key(node), 1)


def test_reserve_has_its_size_from_the_start_and_survives_the_process(node: Node) -> None:
    path = node.config.folder / FILE
    size = path.stat().st_size
    assert (size, path.stat().st_blocks * 512 >= size, oct(path.stat().st_mode)[-3:]) == (1024 * 1024, True, "600")
    node.reserve.keep([kept("one"), kept("two")])
    assert path.stat().st_size == size
    assert [one.what for one in again(node).waiting()] == ["one", "two"]


def test_line_that_a_kill_cut_short_is_written_over(node: Node) -> None:
    node.reserve.keep([kept("one"), kept("two")])
    path = node.config.folder / FILE
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\n\0", b"\0\0", 1))  # the last line has lost its end
    assert [one.what for one in again(node).waiting()] == ["one"]
    node.reserve.keep([kept("three")])
    assert [one.what for one in again(node).waiting()] == ["one", "three"]


def test_two_processes_share_one_reserve(node: Node) -> None:
    other = again(node)
    node.reserve.keep([kept("one")])
    other.keep([kept("two")])
    node.reserve.keep([kept("three")])
    assert [one.what for one in other.waiting()] == ["one", "two", "three"]
    assert not other.empty
    assert node.reserve.bring_in(node) == 3
    assert other.empty


@pytest.mark.parametrize("how", ["file", "last-line", "every-line"])
def test_what_was_taken_out_of_the_reserve_is_written_from_memory_while_the_process_lives(node: Node, how: str) -> None:
    path = node.config.folder / FILE
    node.reserve.keep([kept("one"), kept("two")])
    if how == "file":
        path.unlink()
    else:
        data = path.read_bytes()
        cut = data.index(b"\n") + 1 if how == "last-line" else 0
        path.write_bytes(data[:cut] + b"\0" * (len(data) - cut))
    assert node.reserve.bring_in(node) == 2
    assert noted(node) == ["one", "two"]
    assert len(entries(node, "reserve")) == 1
    assert node.reserve.bring_in(node) == 0
    assert path.stat().st_size == 1024 * 1024, "the file is there again"


def test_what_another_process_brought_in_is_not_written_twice(node: Node) -> None:
    other = again(node)
    node.reserve.keep([kept("one")])
    other.keep([kept("two")])
    assert other.bring_in(node) == 2
    assert node.reserve.bring_in(node) == 0
    assert noted(node) == ["one", "two"]
    assert len(entries(node, "reserve")) == 1


def noted(node: Node) -> list[str]:
    with node.storage.reading() as connection:
        return sorted(connection.execute(select(tables.record_read.c.what)).scalars())


def test_folder_that_cannot_be_written_has_no_reserve(node: Node, tmp_path: Path) -> None:
    none = Reserve(tmp_path / "nowhere", witnessing.signing_key(node), 1000)
    assert none.empty
    with pytest.raises(ReserveFullError):
        none.keep([kept("one")])


def test_reserve_that_is_full_takes_nothing_more(node: Node, tmp_path: Path) -> None:
    small = Reserve(tmp_path, witnessing.signing_key(node), 1000)
    count = 0
    with pytest.raises(ReserveFullError):
        while True:
            small.keep([kept(str(count))])
            count += 1
    assert count > 0
    assert len(small.waiting()) == count


def test_emergency_goes_on_one_case_at_a_time_when_the_reserve_is_full(node: Node, tmp_path: Path) -> None:
    full = Reserve(tmp_path, witnessing.signing_key(node), 600)
    full.keep([kept("first")])
    with pytest.raises(ReserveFullError):
        full.keep([kept("second"), kept("third")], emergency=True)
    full.keep([kept("second")], emergency=True)
    before = len(entries(node))
    assert full.bring_in(node) == 2
    assert len(entries(node)) == before + 2


def test_full_reserve_is_said_at_the_door(node: Node, client: TestClient, tmp_path: Path) -> None:
    node.reserve = Reserve(tmp_path, witnessing.signing_key(node), 10)
    with stuck_writer(node):
        answer = client.get(f"/fhir/Observation/{PATIENT}-a-hb")
    assert answer.status_code == 507
    assert "storage.reserve_full" in answer.text


def test_line_that_was_changed_is_not_brought_in(node: Node) -> None:
    node.reserve.keep([kept("one"), kept("two"), kept("three")])
    path = node.config.folder / FILE
    path.write_bytes(path.read_bytes().replace(b'"two"', b'"owt"'))
    found = again(node)
    assert [one.what for one in found.waiting()] == ["one"], "what follows a changed line is not believed either"
    assert found.bring_in(node) == 1
    with node.storage.reading() as connection:
        said = [item for item in log.entries(connection, 0, log.size(connection)) if item.entry.kind == "reserve"]
    assert len(said) == 1


def test_reserve_of_another_key_is_told_and_not_believed(node: Node, tmp_path: Path) -> None:
    Reserve(tmp_path, SigningKey.generate(), 2000).keep([kept("forged")])
    before = entries(node)
    assert Reserve(tmp_path, witnessing.signing_key(node), 1).bring_in(node) == 0
    assert (entries(node), len(entries(node, "reserve"))) == (before, 1), "that something lay there stands in the log"


def test_command_says_in_one_line_that_the_database_is_busy(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYBRIDGE_LOCK_SECONDS", "0.2")
    with stuck_writer(node):
        done = CliRunner().invoke(main, ["do", "RecordConsent", "--node", str(node.config.folder), "--case", "x"], catch_exceptions=False)
    assert done.exit_code == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "database" in done.stderr


def test_process_that_dies_after_the_commit_brings_nothing_in_twice(node: Node) -> None:
    node.reserve.keep([kept("one")])
    left = (node.config.folder / FILE).read_bytes()
    assert node.reserve.bring_in(node) == 1
    before = entries(node)
    (node.config.folder / FILE).write_bytes(left)
    assert again(node).bring_in(node) == 1
    assert entries(node) == before
    assert again(node).empty
