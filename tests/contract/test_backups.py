"""Backups and restoring, on both databases: consistent while others write, killed anywhere they are there or not, and what neighbours saw since is named."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from starlette.testclient import TestClient

import databases
from acceptance.support import World
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.cli import keeping
from baybridge.cli.main import main
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log, streams
from baybridge.node.config import Neighbour, read_config
from baybridge.node.handle import handle
from baybridge.node.integrity.check import check_stored, own_keys
from baybridge.node.keeping import backups, packing, records, restoring, schedule, standing
from baybridge.node.keeping.packing import BackupProblem
from baybridge.node.keeping.standing import Standing
from baybridge.node.neighbours import key_changes, key_rotation, refused_packages, register, transfers, witnessing
from baybridge.node.neighbours.key_changes import What
from baybridge.node.node import Node, Transport, open_node
from baybridge.node.outage import StorageProblem
from baybridge.node.people import accounts
from baybridge.node.steps import BACKUP, RESTORE, Walk
from baybridge.node.storage import Storage
from baybridge.node.upkeep.founding import card, found
from killing import killed

PROFILE = {"node": "mo", "organisation": "Hospital", "jurisdiction": "MO", "kinds": ["centre"]}
PRIVATE, PUBLIC = packing.new_key()
KEY, TO_KEY = packing.identity(PRIVATE), packing.recipient(PUBLIC)


def nobody(_neighbour: Neighbour, _path: str, _body: bytes | None) -> tuple[int, bytes]:
    raise ConnectionError("nobody answers")


def founded(folder: Path, url: str | None) -> Path:
    found(folder, PROFILE, url)
    node = open_node(folder)
    for number in range(3):
        open_a_case(node, f"case-{number}")
    witnessing.sign_checkpoint(node)
    node.storage.close()
    return folder


def open_a_case(node: Node, case_id: str) -> None:
    actor = Actor("a", Role.COORDINATOR, node.site.organisation)
    done = handle(node, Command("OpenCase", case_id, {"patient_id": f"of-{case_id}", "residence": "MO", "synthetic": True}, actor, f"open-{case_id}"))
    assert not isinstance(done, Refusal)


@pytest.fixture(params=databases.KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return founded(tmp_path / "mo", databases.url_of(request.param, tmp_path) if request.param == "postgresql" else None)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


def back_up(folder: Path, place: Path, halt_at: str = "") -> Path:
    return Path(backups.make(read_config(folder), place, TO_KEY, Walk(halt_at)).backup)


def cases(folder: Path) -> list[str]:
    node = open_node(folder)
    with node.storage.reading() as connection:
        found_there = list(streams.case_ids(connection))
    node.storage.close()
    return sorted(found_there)


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_node_comes_back_with_its_cases_and_its_files(folder: Path, place: Path, tmp_path: Path) -> None:
    (folder / "data" / "telling").mkdir()
    (folder / "data" / "telling" / "told.yaml").write_text("id: told\n")
    file = back_up(folder, place)
    done = restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody)
    assert done.standing.state == "clean", "it has no neighbour to ask"
    assert done.bring == ("keys/factors.key",)
    assert cases(tmp_path / "new") == ["case-0", "case-1", "case-2"]
    assert check_stored(read_config(tmp_path / "new")).findings == []
    assert (tmp_path / "new" / "data" / "telling" / "told.yaml").read_bytes() == b"id: told\n"
    assert (tmp_path / "new" / "keys" / "signing.pem").read_bytes() == (folder / "keys" / "signing.pem").read_bytes()
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith("backup")) == ["backup.lock"]
    node = open_node(tmp_path / "new")
    open_a_case(node, "case-after")
    node.storage.close()


def test_what_searches_look_at_is_made_again_from_the_records_and_not_believed(folder: Path, place: Path, tmp_path: Path) -> None:
    node = open_node(folder)
    with node.storage.writing() as connection:
        there = connection.exec_driver_sql("SELECT count(*) FROM search_value").scalar_one()
        connection.exec_driver_sql("UPDATE search_value SET patient = 'somebody else'")
    node.storage.close()
    assert there
    restoring.restore(back_up(folder, place), KEY, tmp_path / "new", Walk(), nobody)
    node = open_node(tmp_path / "new")
    with node.storage.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM search_value WHERE patient = 'somebody else'").scalar_one() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM search_value").scalar_one() == there
    node.storage.close()
    assert check_stored(read_config(tmp_path / "new")).findings == []


def test_it_is_restored_into_the_other_kind_of_database(folder: Path, place: Path, tmp_path: Path) -> None:
    kind = "sqlite" if "database" in read_config(folder).secrets else "postgresql"
    file = back_up(folder, place)
    url = databases.url_of(kind, tmp_path) if kind == "postgresql" else None
    restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, database=url)
    assert read_config(tmp_path / "new").database.startswith(kind)
    node = open_node(tmp_path / "new")
    open_a_case(node, "case-after")  # numbers that the database gives go on after those that were copied
    node.storage.close()
    assert cases(tmp_path / "new") == ["case-0", "case-1", "case-2", "case-after"]
    assert check_stored(read_config(tmp_path / "new")).findings == []


def test_a_backup_while_others_write_holds_one_moment(folder: Path, place: Path, tmp_path: Path) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        node = open_node(folder)
        while not stop.is_set():
            open_a_case(node, f"busy-{len(written)}")
            written.append(len(written))
        node.storage.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while not written:
            stop.wait(0.01)
        files = [Path(backups.make(read_config(folder), place / f"{number}.age", TO_KEY, Walk()).backup) for number in range(3)]
    finally:
        stop.set()
        thread.join()
    sizes = []
    for file in files:
        found_in = restoring.verify(file, KEY)
        assert found_in.sound, [one.reason for one in found_in.findings]
        sizes.append(found_in.made.log_size)
    assert sizes == sorted(sizes)


def test_what_is_not_a_whole_backup_to_this_key_is_refused_in_words(tmp_path: Path, place: Path) -> None:
    file = back_up(founded(tmp_path / "mo", None), place)
    whole, other = file.read_bytes(), packing.identity(packing.new_key()[0])
    middle = len(whole) // 2
    for spoilt in (whole[:-1], whole[:middle], whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :], b"", b"no backup", whole + b"x"):
        file.write_bytes(spoilt)
        with pytest.raises(BackupProblem, match="expected a"):
            restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody)
        assert not (tmp_path / "new").exists()
        assert not list(tmp_path.glob("*.restoring"))
    file.write_bytes(whole)
    with pytest.raises(BackupProblem, match="another key"):
        restoring.verify(file, other)
    with pytest.raises(BackupProblem, match="found the private one"):
        packing.recipient(PRIVATE)
    assert restoring.verify(file, KEY).sound


def test_a_folder_that_is_not_empty_and_a_file_that_is_there_are_left_alone(tmp_path: Path, place: Path) -> None:
    folder = founded(tmp_path / "mo", None)
    file = back_up(folder, place)
    with pytest.raises(BackupProblem, match="not empty"):
        restoring.restore(file, KEY, folder, Walk(), nobody)
    with pytest.raises(BackupProblem, match="is there"):
        backups.make(read_config(folder), file, TO_KEY, Walk())


def test_the_key_that_opens_secrets_is_in_no_backup_and_is_recognised(tmp_path: Path, place: Path) -> None:
    folder = founded(tmp_path / "mo", None)
    factors = folder / "keys" / "factors.key"
    key = factors.read_text()
    file = back_up(folder, place)
    packing.read(file, KEY, tmp_path / "unpacked")
    assert not any(key.encode() in path.read_bytes() for path in (tmp_path / "unpacked").rglob("*") if path.is_file())
    done = restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, factors=factors)
    assert (done.bring, (tmp_path / "new" / "keys" / "factors.key").read_text()) == ((), key)
    factors.write_text("00" * 32)
    with pytest.raises(BackupProblem, match="another one"):
        restoring.restore(file, KEY, tmp_path / "other", Walk(), nobody, factors=factors)


def test_a_ledger_that_does_not_hold_is_not_restored_unless_that_is_said(folder: Path, place: Path, tmp_path: Path) -> None:
    node = open_node(folder)
    node.storage.guard = None
    with node.storage.writing() as connection:
        connection.exec_driver_sql("UPDATE event SET type = 'Infused' WHERE case_id = 'case-1'")
    node.storage.close()
    file = back_up(folder, place)
    assert not restoring.verify(file, KEY).sound
    with pytest.raises(restoring.UnsoundBackupError):
        restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody)
    assert not (tmp_path / "new").exists()
    restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, despite_findings=True)


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", BACKUP)
def test_a_backup_killed_at_any_step_is_whole_or_not_there(folder: Path, place: Path, step: str) -> None:
    killed(lambda: back_up(folder, place, step))
    for file in place.glob("*.age"):
        assert restoring.verify(file, KEY).sound
    assert bool(list(place.glob("*.age"))) == (step == "backup.named")
    again = Path(backups.make(read_config(folder), place / "again.age", TO_KEY, Walk()).backup)
    assert restoring.verify(again, KEY).sound
    assert not (folder / "backup.part").exists()
    assert cases(folder) == ["case-0", "case-1", "case-2"]


@pytest.mark.parametrize("step", RESTORE)
def test_a_restoration_killed_at_any_step_is_whole_or_not_there(folder: Path, place: Path, tmp_path: Path, step: str) -> None:
    kind = "postgresql" if "database" in read_config(folder).secrets else "sqlite"
    file = back_up(folder, place)
    url = databases.url_of(kind, tmp_path) if kind == "postgresql" else None
    killed(lambda: restoring.restore(file, KEY, tmp_path / "new", Walk(step), nobody, database=url))
    assert (tmp_path / "new").exists() == (step == "restore.named")
    if step != "restore.named":
        restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, database=url)
    assert cases(tmp_path / "new") == ["case-0", "case-1", "case-2"]
    assert check_stored(read_config(tmp_path / "new")).findings == []


def test_a_server_that_holds_another_node_is_not_written_over(tmp_path: Path, place: Path) -> None:
    url = databases.url_of("postgresql", tmp_path)
    founded(tmp_path / "there", url)
    file = back_up(founded(tmp_path / "mo", None), place)
    with pytest.raises(BackupProblem, match="expected an empty database"):
        restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, database=url)
    assert cases(tmp_path / "there") == ["case-0", "case-1", "case-2"]


def test_a_server_with_tables_of_others_is_not_written_over(tmp_path: Path, place: Path) -> None:
    url = databases.url_of("postgresql", tmp_path)
    storage = Storage(url)
    with storage.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (a int)")
    storage.close()
    file = back_up(founded(tmp_path / "mo", None), place)
    with pytest.raises(BackupProblem, match="theirs"):
        restoring.restore(file, KEY, tmp_path / "new", Walk(), nobody, database=url)


# --- what neighbours had seen ---------------------------------------------------------------------------------------


def over_http(nodes: Mapping[str, Node]) -> Transport:
    """A transport that asks the doors of nodes in this process."""

    def call(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
        client = TestClient(application(nodes[neighbour.site.node], workers=False), base_url="http://127.0.0.1")
        answer = client.get(path) if body is None else client.post(path, content=body)
        return answer.status_code, answer.content

    return call


class Lost:
    """Macao, backed up, worked on, seen by Hong Kong, lost, and restored."""

    def __init__(self, folder: Path, *, after_backup: int, seen: bool = True, answers: bool = True) -> None:
        self.world = World.new(folder)
        self.world.refer()
        self.through = over_http(self.world.nodes)
        for node in self.world.nodes.values():
            node.transport = self.through
        self.mo, self.hk = self.world.nodes["mo"], self.world.nodes["hk"]
        self.look()
        self.file = Path(backups.make(self.mo.config, folder / "backup.age", TO_KEY, Walk()).backup)
        for _ in range(after_backup):
            self.mo.record_access(self.world.actor("mo", Role.PHYSICIAN), self.world.case_id, "case", "care")
        if seen:
            self.look()
        self.mo.storage.close()
        self.done = restoring.restore(self.file, KEY, folder / "new", Walk(), self.through if answers else nobody)
        self.again = Node(read_config(folder / "new"), now=self.world.clock, transport=self.through)
        self.world.nodes["mo"] = self.again

    def look(self) -> None:
        witnessing.sign_checkpoint(self.world.nodes["mo"])
        for name in ("hk", "gd", "sh"):
            witnessing.watch(self.world.nodes[name])

    def by(self, node: str) -> standing.Seen:
        return next(one for one in self.standing().neighbours if one.node == node)

    def standing(self) -> Standing:
        with self.again.storage.reading() as connection:
            found_there = standing.standing(connection)
        assert found_there is not None
        return found_there

    def person(self, name: str, role: Role = Role.ADMINISTRATOR) -> Actor:
        return Actor(name, role, self.again.site.organisation, person=name)


def test_a_gap_is_named_the_node_only_shows_and_two_persons_accept_it(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=4)
    assert lost.done.standing.state == "gap"
    assert lost.by("hk").gap is not None and lost.by("hk").gap >= 4
    assert lost.by("hk").seen_size == lost.done.made.log_size + lost.by("hk").gap
    again = lost.again
    with pytest.raises(StorageProblem) as refused:
        open_a_case(again, "case-new")
    assert refused.value.kind == "restored"
    assert again.case(lost.world.case_id) is not None, "it shows what stood"
    first, second = lost.person("first"), lost.person("second")
    assert standing.accept(again, "the disk was lost", first) is None
    assert isinstance(standing.accept(again, "the disk was lost", first), Refusal), "one person is not two"
    assert isinstance(standing.accept(again, "the disk was lost", lost.person("nurse", Role.NURSE)), Refusal)
    assert isinstance(standing.accept(again, "  ", second), Refusal)
    done = standing.accept(again, "the disk was lost", second)
    assert isinstance(done, Standing) and done.state == "accepted"
    open_a_case(again, "case-new")
    assert all(one.told for one in standing.tell(again))
    with lost.hk.storage.reading() as connection:
        ((name, _at, size),) = standing.heard(connection)
        assert (name, size) == ("mo", lost.done.made.log_size)
        assert [item.entry.what for item in log.entries_of_kind(connection, "neighbour")][-1] == f"restored mo {size}"
    assert check_stored(again.config).findings == []


def test_the_first_person_counts_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=4)
    assert standing.accept(lost.again, "lost", lost.person("first")) is None
    lost.world.clock.moment += timedelta(minutes=16)
    assert standing.accept(lost.again, "lost", lost.person("second")) is None


def test_accepting_hides_nothing_the_neighbour_brands_the_log_all_the_same(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=4)
    standing.accept(lost.again, "lost", lost.person("first"))
    standing.accept(lost.again, "lost", lost.person("second"))
    standing.tell(lost.again)
    for number in range(6):
        open_a_case(lost.again, f"case-new-{number}")
    lost.look()
    (branded,) = [one for one in register.listed(lost.hk) if one.node == "mo"]
    assert branded.state in ("forked", "shrunk")


def test_a_gap_of_nothing_is_clean_and_the_log_goes_on(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=0)
    assert lost.done.standing.state == "clean"
    open_a_case(lost.again, "case-new")
    lost.look()
    (seen,) = [one for one in register.listed(lost.hk) if one.node == "mo"]
    assert seen.state == "active"


def test_a_neighbour_that_does_not_answer_counts_as_a_gap_until_it_does(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=0, answers=False)
    assert lost.done.standing.state == "unknown"
    with pytest.raises(StorageProblem):
        open_a_case(lost.again, "case-new")
    lost.again.transport = nobody
    standing.look_again(lost.again, own_keys(lost.again.config))
    assert lost.standing().state == "unknown"
    lost.again.transport = lost.through
    standing.look_again(lost.again, own_keys(lost.again.config))
    assert lost.standing().state == "clean"
    open_a_case(lost.again, "case-new")


def test_what_was_not_seen_by_anybody_when_it_was_asked_is_found_when_it_answers(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=4, answers=False)
    standing.look_again(lost.again, own_keys(lost.again.config))
    assert lost.standing().state == "gap"


def test_a_word_that_is_not_ours_is_no_answer(tmp_path: Path) -> None:
    def lying(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
        return 200, b'{"mo": "baybridge/mo\\n3\\nAAAA\\n\\n\\u2014 baybridge/mo AAAAAAA=\\n"}'

    world = World.new(tmp_path)
    witnessing.sign_checkpoint(world.nodes["mo"])
    file = Path(backups.make(world.nodes["mo"].config, tmp_path / "backup.age", TO_KEY, Walk()).backup)
    assert restoring.restore(file, KEY, tmp_path / "new", Walk(), lying).standing.state == "unknown"


@pytest.mark.parametrize("what", ["signing", "sealing", "card"])
def test_a_key_that_was_replaced_after_the_backup_is_said_with_what_to_do(tmp_path: Path, what: What) -> None:
    class Rotated(Lost):
        def look(self) -> None:
            super().look()
            if hasattr(self, "file"):
                done = key_rotation.rotate(self.mo, what, "yearly", self.world.actor("mo", Role.ADMINISTRATOR))
                assert isinstance(done, key_rotation.Rotated)
                super().look()  # by which they learn of it

    lost = Rotated(tmp_path, after_backup=0)
    assert lost.standing().state == "gap"
    assert [(one.node, one.newer_keys) for one in lost.standing().neighbours] == [("gd", True), ("hk", True), ("sh", True)]
    assert lost.by("hk").gap, "the entry of the change is lacking"
    (sentence,) = (one for one in keeping._restored(lost.done) if "was replaced after this backup" in one)
    assert "gd, hk, sh: newer ones are known there" in sentence
    assert "baybridge neighbour remove NAME --reason TEXT" in sentence


def test_a_restored_node_is_heard_again_once_it_has_a_new_key_and_was_added_again(tmp_path: Path) -> None:
    """The shortest way: accept, a new key, and two commands at each neighbour. What the key of the backup signs after it was replaced is not taken."""
    class Rotated(Lost):
        def look(self) -> None:
            super().look()
            if hasattr(self, "file") and not hasattr(self, "done"):
                self.world.clock.moment += timedelta(hours=1)
                assert isinstance(key_rotation.rotate(self.mo, "signing", "yearly", self.world.actor("mo", Role.ADMINISTRATOR)), key_rotation.Rotated)
                key_changes.learn(self.world.nodes["hk"], "mo")
                self.world.clock.moment += timedelta(hours=1)

    lost = Rotated(tmp_path, after_backup=0)
    for name in ("first", "second"):
        standing.accept(lost.again, "lost", lost.person(name))
    lost.world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(lost.again) == 0
    with lost.hk.storage.reading() as connection:
        (refused,) = refused_packages.listed(connection)
    assert [reason.code for reason in refused.reasons] == ["federation.replaced_key"]
    assert isinstance(key_rotation.rotate(lost.again, "signing", "restored", lost.world.actor("mo", Role.ADMINISTRATOR)), key_rotation.Rotated)
    key_changes.learn(lost.hk, "mo")
    assert "mo" not in lost.hk.keys_not_believed, "it asks for nothing of before, and believes nothing by itself"
    fresh = card(lost.again.config.folder, lost.hk.neighbours["mo"].url)
    assert isinstance(register.add(lost.hk, fresh, register.fingerprint(fresh)), Refusal)
    assert isinstance(register.remove(lost.hk, "mo", "restored"), register.Listed)
    assert isinstance(register.add(lost.hk, fresh, register.fingerprint(fresh)), register.Listed)
    lost.world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(lost.again) >= 1


def test_only_the_neighbour_itself_says_that_it_was_restored(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=1)
    for name in ("first", "second"):
        standing.accept(lost.again, "lost", lost.person(name))
    good = standing._note(lost.again, lost.standing()).decode()
    for spoilt in ("", "x", good.replace("restored", "restorex"), good.replace("baybridge/mo", "baybridge/gd"), good.rpartition("\n\n")[0] + "\n\n"):
        assert isinstance(standing.hear(lost.hk, spoilt), Refusal)
    assert standing.hear(lost.hk, good) is None
    with lost.hk.storage.reading() as connection:
        size = log.size(connection)
    assert standing.hear(lost.hk, good) is None
    with lost.hk.storage.reading() as connection:
        assert log.size(connection) == size, "the same word again adds nothing"


def test_pages_say_what_is_lacking_and_signing_in_works(tmp_path: Path) -> None:
    lost = Lost(tmp_path, after_backup=4)
    lost.again.storage.guard = None
    with lost.again.storage.writing() as connection:
        accounts.add_account(connection, account="p", name="p", role=Role.PHYSICIAN, organisation=lost.again.site.organisation, password="A long pass phrase 1")
    lost.again.storage.guard = standing.guard
    with TestClient(application(lost.again, workers=False), base_url="http://127.0.0.1", headers={"accept": "text/html"}) as client:
        assert "restored from a backup" in client.get("/sign-in").text
        page = client.post("/sign-in", data={"name": "p", "password": "A long pass phrase 1"}, follow_redirects=True)
        assert page.status_code == 200
        assert "of them are lacking here" in page.text
        refused = client.post("/do/OpenCase", json={"given": {"patient_id": "x", "residence": "MO", "synthetic": True}}, headers={"accept": "application/json"})
        assert refused.status_code in (400, 403, 503)


# --- by itself ------------------------------------------------------------------------------------------------------


def test_a_node_backs_up_by_itself_looks_again_and_tells_what_failed(tmp_path: Path, place: Path) -> None:
    folder = founded(tmp_path / "mo", None)
    (folder / "backup.pub").write_text(PUBLIC)
    written = yaml.safe_load((folder / "node.yaml").read_text())
    (folder / "node.yaml").write_text(yaml.safe_dump(written | {"backup": {"to": str(place), "key": "backup.pub"}}))
    node = open_node(folder)
    own = schedule.Schedule(node)
    own.round()
    (file,) = place.glob("*.age")
    with node.storage.reading() as connection:
        last = records.latest(connection, good=True)
    assert last is not None and last.path == file.resolve()
    assert not schedule.is_late(node, last)
    own.round()
    assert len(list(place.glob("*.age"))) == 1, "not due yet: it is read again instead"
    with node.storage.reading() as connection:
        assert records.last_look(connection) is not None
        assert records.latest(connection, good=True) is not None
    clock = node.now
    node.now = lambda: clock() + timedelta(hours=20)
    file.write_bytes(b"spoilt")
    own.round()
    with node.storage.reading() as connection:
        assert records.latest(connection, good=True) is not None, "it is not looked at each time"
    own._look_again(node.config.backup, last)
    with node.storage.reading() as connection:
        assert records.latest(connection, good=True) is None
    shutil.rmtree(place)
    own.round()
    with node.storage.reading() as connection:
        tried = records.latest(connection, good=False)
    assert tried is not None and "backups" in tried.problem
    assert schedule.is_late(node, None)
    node.storage.close()


# --- commands -------------------------------------------------------------------------------------------------------


def test_the_commands_of_an_operator(tmp_path: Path) -> None:
    def run(*given: object, code: int = 0) -> str:
        done = CliRunner().invoke(main, [str(one) for one in given])
        assert done.exit_code == code, done.output
        return done.output

    folder, key = founded(tmp_path / "mo", None), tmp_path / "backup-key"
    run("backup-key", key)
    assert (key.stat().st_mode & 0o777) == 0o600
    run("backup-key", key, code=1)
    made = yaml.safe_load(run("backup", folder, "--to", tmp_path / "one.age", "--key", f"{key}.pub", "--json"))
    assert set(made) == {"backup", "bytes", "log_size", "root", "schema", "sha256"}
    verified = yaml.safe_load(run("verify-backup", tmp_path / "one.age", "--key", key, "--json"))
    assert {name: verified[name] for name in made if name != "backup"} == {name: made[name] for name in made if name != "backup"}
    assert verified["sound"] is True
    assert "another key" in run("verify-backup", tmp_path / "one.age", "--key", other_key(tmp_path), code=1)
    restored = yaml.safe_load(run("restore", tmp_path / "one.age", "--key", key, "--to", tmp_path / "new", "--json"))
    assert (restored["state"], restored["neighbours"], restored["bring"]) == ("clean", [], ["keys/factors.key"])
    assert "not empty" in run("restore", "--key", key, "--to", tmp_path / "new", tmp_path / "one.age", code=1)
    assert "node.yaml" in run("backup", folder, code=1)


def other_key(place: Path) -> Path:
    path = place / "other-key"
    path.write_text(packing.new_key()[0])
    return path
