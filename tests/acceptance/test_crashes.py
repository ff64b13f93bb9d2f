"""SIGKILL at every named step and at random instants: nothing acknowledged is lost, nothing is done twice, the transfer completes.

`BAYBRIDGE_TEST_KILLS` says how many random instants (200 in a full run).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.support import Clock, World, resource_of
from acceptance.support_processes import Journal, Server, checked_today, eventually, free_ports
from baybridge.base.keys import KeyRing
from baybridge.base.outcome import Reason
from baybridge.demo import network
from baybridge.documents.loader import packaged_data
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.events import Recorded
from baybridge.journey.proposals import waits
from baybridge.ledger import checking, streams
from baybridge.node import clock
from baybridge.node.clock import new_id
from baybridge.node.consequences import queue
from baybridge.node.integrity import daily
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts, reads
from baybridge.node.steps import DELIVER, RECEIVE, SEND, WRITE
from baybridge.record.store import store
from watch_world import CASE, WELL, Ward

KILLS = int(os.environ.get("BAYBRIDGE_TEST_KILLS", "5"))
pytestmark = [pytest.mark.timeout(3600)]


@dataclass
class Pair:
    """Macao and Hong Kong with one case that may be sent, and a coordinator who is signed in."""

    folder: Path
    case_id: str
    mo: Server
    hk: Server
    journal: Journal

    def stop(self) -> None:
        self.mo.kill()
        self.hk.kill()

    def events(self, node: str) -> list[Recorded]:
        opened = open_node(self.folder / node)
        try:
            return opened.events(self.case_id)
        finally:
            opened.storage.close()

    def of(self, node: str, kind: type) -> list[ev.Event]:
        return [item.event for item in self.events(node) if isinstance(item.event, kind)]

    def check_against_journal(self) -> None:
        """Every acknowledged command stands once with exactly the events that were told; the ledger is whole."""
        opened = open_node(self.folder / "mo")
        with opened.storage.reading() as connection:
            for command_id, told in self.journal.acknowledged.items():
                assert streams.by_command(connection, command_id) == told
        opened.storage.close()
        ids = [item.event_id for item in self.events("mo")]
        assert len(ids) == len(set(ids))
        assert [problem for node in ("mo", "hk") for problem in self.ledger_problems(node)] == []

    def ledger_problems(self, node: str) -> list[Reason]:
        opened = open_node(self.folder / node)
        witnesses = {name: KeyRing.of(*witnessing.keys_of(neighbour)) for name, neighbour in opened.neighbours.items()}
        witnessing.sign_checkpoint(opened)
        try:
            with opened.storage.reading() as connection:
                return checking.check(connection, KeyRing.of(witnessing.signing_key(opened).public), witnesses, origin=witnessing.origin(opened))
        finally:
            opened.storage.close()

    def check_packages(self) -> None:
        """Every package that was acknowledged arrived once and has its receipt once."""
        filed = [event.package_id for event in self.of("hk", ev.PackageReceived)]
        receipts = [event.package_id for event in self.of("mo", ev.TransferReceived)]
        allowed = [event.package_id for event in self.of("mo", ev.TransferAllowed)]
        assert set(self.journal.packages) <= set(allowed)
        assert sorted(filed) == sorted(receipts) == sorted(allowed)
        assert len(filed) == len(set(filed))

    def delivered(self) -> bool:
        return len(self.of("mo", ev.TransferReceived)) >= len(self.of("mo", ev.TransferAllowed))


def _baybridge() -> str:
    return str(Path(sys.executable).parent / "baybridge")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int], str, str]:
    """Folders of a network in which Macao holds a case with consents; copied for each test."""
    folder = tmp_path_factory.mktemp("founded")
    ports = dict(zip(network.PROFILES, free_ports(4), strict=True))
    network.found_network(folder, ports)
    world = World(folder, Clock(clock.now()))
    world.open()
    world.file("mo", world.bundle())
    world.consent()
    _takes_in(folder / "hk")
    node = world.nodes["mo"]
    token = _signed_in(node)
    for one in world.nodes.values():
        one.storage.close()
    return folder, ports, world.case_id, token


def _takes_in(folder: Path) -> None:
    """Hong Kong takes in the cases of Macao without asking: what is killed here is filing, not a person's answer."""
    own = folder / "data" / "telling"
    own.mkdir(parents=True)
    shipped = packaged_data() / "telling" / "whose.yaml"
    (own / "whose.yaml").write_text(shipped.read_text().replace("taken_in_from: []", "taken_in_from: [mo]"))


def _signed_in(node: Node) -> str:
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account="c", name="c", role=Role.COORDINATOR, organisation=node.site.organisation, password="not used"
        )
        return accounts.open_session(connection, "c", clock.now()).token


@pytest.fixture
def pair(founded: tuple[Path, dict[str, int], str, str], tmp_path: Path) -> Iterator[Pair]:
    source, ports, case_id, token = founded
    folder = tmp_path / "network"
    shutil.copytree(source, folder)
    made = Pair(folder, case_id, Server(folder / "mo", ports["mo"]), Server(folder / "hk", ports["hk"]), Journal(token))
    checked_today(folder / "mo")
    yield made
    made.stop()


def consent(pair: Pair, command_id: str) -> bool:
    given = {"kind": "care", "notice_version": command_id, "notice_language": "en"}
    return pair.journal.post(pair.mo, "RecordConsent", pair.case_id, command_id, **given)


def transfer(pair: Pair, command_id: str) -> bool:
    return pair.journal.post(pair.mo, "Transfer", pair.case_id, command_id, to_node="hk", purpose="CARE_REFERRAL")


@pytest.mark.parametrize("step", WRITE)
def test_killed_while_writing(pair: Pair, step: str) -> None:
    pair.mo.start(halt_at=step, BAYBRIDGE_DELIVERY_SECONDS="60")  # so that the command meets the step, and no checkpoint of the worker before it
    assert not consent(pair, "first"), "the answer never left"
    pair.mo.wait_until_dead()
    stood = len([e for e in pair.of("mo", ev.ConsentRecorded) if e.notice_version == "first"])
    assert stood == (1 if step == "write.committed" else 0)
    pair.mo.start()
    assert consent(pair, "first")
    assert consent(pair, "first"), "a repeat is harmless"
    pair.mo.kill()
    assert [e.notice_version for e in pair.of("mo", ev.ConsentRecorded)].count("first") == 1
    pair.check_against_journal()


@pytest.mark.parametrize("step", SEND)
def test_killed_while_sending(pair: Pair, step: str) -> None:
    pair.hk.start()
    pair.mo.start(halt_at=step)
    assert not transfer(pair, "t")
    pair.mo.wait_until_dead()
    assert not pair.of("mo", ev.TransferAllowed)
    pair.mo.start()
    assert transfer(pair, "t")
    eventually(pair.delivered, "the receipt")
    pair.stop()
    pair.check_packages()
    pair.check_against_journal()


@pytest.mark.parametrize("step", DELIVER)
def test_sender_killed_while_delivering(pair: Pair, step: str) -> None:
    pair.hk.start()
    pair.mo.start(halt_at=step)
    transfer(pair, "t")  # the worker may be faster than the answer
    pair.mo.wait_until_dead()
    pair.mo.start()
    assert transfer(pair, "t")
    eventually(pair.delivered, "the receipt")
    pair.stop()
    assert len(pair.of("mo", ev.TransferAllowed)) == 1
    pair.check_packages()
    pair.check_against_journal()


@pytest.mark.parametrize("step", [*RECEIVE, "write.events", "write.committed"])
def test_receiver_killed_while_filing(pair: Pair, step: str) -> None:
    pair.hk.start(halt_at=step)
    pair.mo.start()
    assert transfer(pair, "t")
    pair.hk.wait_until_dead()
    pair.hk.start()
    eventually(pair.delivered, "the receipt")
    pair.stop()
    pair.check_packages()
    pair.check_against_journal()


def test_killed_at_random_instants(pair: Pair) -> None:
    """Commands without end, one of five a transfer, while one of the two nodes is killed again and again."""
    chance = random.Random(20260301)
    pair.hk.start()
    pair.mo.start()
    sent = 0
    for number in range(KILLS):
        victim = chance.choice((pair.mo, pair.mo, pair.hk))
        timer = threading.Timer(chance.uniform(0.0, 0.5), victim.kill)
        timer.start()
        pending: list[str] = []
        while timer.is_alive() or sent <= number:  # one at least, on however slow a machine
            command_id = f"{'t' if sent % 5 == 4 else 'c'}-{sent}"
            sent += 1
            if not _give(pair, command_id):
                pending.append(command_id)
        timer.join()
        victim.start()
        for command_id in pending:
            assert _give(pair, command_id)
    eventually(pair.delivered, "every receipt")
    pair.stop()
    assert len(pair.journal.acknowledged) == sent >= KILLS
    consents = [e.notice_version for e in pair.of("mo", ev.ConsentRecorded) if e.notice_version.startswith("c-")]
    assert sorted(consents) == sorted(name for name in pair.journal.acknowledged if name.startswith("c-"))
    pair.check_packages()
    pair.check_against_journal()
    packages = len(pair.of("mo", ev.TransferAllowed))
    print(f"{KILLS} kills, {sent} commands acknowledged, {packages} packages delivered; none lost, none twice")  # noqa: T201 - the counts of a long run


@pytest.mark.parametrize("step", ["write.decided", "write.events", "transfer.resources_filed", "write.before_commit", "write.log", "write.committed"])
def test_killed_while_a_proposed_case_is_taken_in(tmp_path: Path, step: str) -> None:
    """What was held is filed with the person's answer or not at all, and once."""
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.consent()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(world.nodes["mo"]) == 1
    command = [_baybridge(), "do", "AcceptProposedCase", "--node", str(tmp_path / "hk"), "--case", world.case_id, "--command-id", new_id(), "--json"]
    killed = subprocess.run(command, check=False, capture_output=True, env={**os.environ, "BAYBRIDGE_HALT_AT": step})
    assert killed.returncode == -9
    assert waits(world.case("hk")) is (step != "write.committed")
    for _ in range(2):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert [event.purpose for event in world.events("hk", ev.PackageReceived)] == ["CARE_REFERRAL"]
    assert world.case("hk").patient_id == world.patient


@pytest.mark.parametrize("step", ["consequence.queued", "write.log", "write.committed", "consequence.done"])
def test_killed_between_a_correction_and_what_follows_from_it(tmp_path: Path, step: str) -> None:
    """A file that corrects a diagnosis: what rested on it is made again once and its receiver is told once, whenever the import is killed."""
    world = World.new(tmp_path / "network")
    bundle = world.refer()
    diagnosis = resource_of(bundle, "-dx") | {"code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C90.0"}]}}
    file = tmp_path / "corrected.json"
    file.write_text(json.dumps(diagnosis))
    for node in world.nodes.values():
        node.storage.close()
    command = [_baybridge(), "import", str(tmp_path / "network" / "mo"), str(file)]
    killed = subprocess.run(command, check=False, capture_output=True, env={**os.environ, "BAYBRIDGE_HALT_AT": step})
    assert killed.returncode == -9
    server = Server(tmp_path / "network" / "mo", free_ports(1)[0]).start()
    try:
        if step in ("write.committed", "consequence.done"):
            eventually(lambda: world.events("mo", ev.DecisionReopened), "the decisions made again by the worker")
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        eventually(lambda: not _waiting(world.nodes["mo"]), "the end of the queue")
    finally:
        server.kill()
    reopened = [event.decision_sha256 for event in world.events("mo", ev.DecisionReopened)]
    assert reopened and len(reopened) == len(set(reopened))
    assert len(world.events("mo", ev.TransferAllowed)) == 2, "the referral, and one correction"


#: A second person agrees to an erasure in a process of its own; `person erase` signs in first, and would be killed there.
_ERASE = """
import json, sys
from pathlib import Path
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.node.node import open_node
from baybridge.node.people.erasure import Wanted, erase

folder, patient, what, who = sys.argv[1:]
node = open_node(Path(folder))
done = erase(node, Wanted(patient, (what,), "asked"), Actor(who, Role.QUALITY, node.site.organisation, person=who))
print([one.code for one in done.reasons] if isinstance(done, Refusal) else done.state)
"""


@pytest.mark.parametrize("step", ["write.log", "write.committed"])
def test_killed_while_something_is_erased(tmp_path: Path, step: str) -> None:
    """All of it is gone, from every file of the database once the node runs again, or nothing is, and it can be given once more; the log is sound."""
    world = World.new(tmp_path / "network")
    told = resource_of(world.bundle(), "-a-plt") | {"note": [{"text": "words to be erased"}]}
    world.file("mo", world.bundle())
    world.file("mo", [told])
    for node in world.nodes.values():
        node.storage.close()
    folder = tmp_path / "network" / "mo"

    def erase(who: str, halt_at: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _ERASE, str(folder), world.patient, f"Observation/{told['id']}", who]
        return subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "BAYBRIDGE_HALT_AT": halt_at})

    def left() -> list[str]:
        return [file.name for file in folder.glob("node.sqlite*") if b"words to be erased" in file.read_bytes()]

    assert erase("anna").stdout == "asked\n"
    assert erase("bela", step).returncode == -9
    assert left(), "a kill after the commit leaves what the write-ahead log held"
    if step == "write.log":
        assert erase("bela").stdout == "erased\n"
    server = Server(folder, free_ports(1)[0]).start()
    try:
        eventually(lambda: not left(), "the end of every copy")
    finally:
        server.kill()
    assert erase("anna").stdout == "['person.erase.not_theirs']\n"
    checked = subprocess.run([_baybridge(), "ledger", "check", str(folder), "--json"], check=False, capture_output=True, text=True)
    assert json.loads(checked.stdout)["problems"] == []


@pytest.mark.parametrize("step", ["write.events", "write.committed", "consequence.done"])
def test_killed_between_a_call_its_escalation_and_its_correction(tmp_path: Path, step: str) -> None:
    """The node is killed while it calls, while it escalates and while the mistake is put right: one call, each step once, and nothing goes on after."""
    ward = Ward(tmp_path / "hk")
    ward.node.storage.close()
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    seen = {"findings": {**WELL, "vasopressors": 2, "hypotension": "vasopressor"}, "assessed_at": clock.now().isoformat(), "another": True}
    _killed_and_given_again(tmp_path, "Assess", "nurse", seen, step)
    assert len(ward_events(tmp_path, ev.RapidResponseCalled)) == 1
    assert [one.step for one in ward_events(tmp_path, ev.CallNotified)] == ["first"]
    server = Server(tmp_path / "hk", free_ports(1)[0], settings={"BAYBRIDGE_DELIVERY_SECONDS": "0.1", "BAYBRIDGE_CLOCK_AHEAD": str(ahead)})
    ahead.write_text("360")
    server.start(halt_at=step)
    server.wait_until_dead()
    server.start()
    try:
        eventually(lambda: len(ward_events(tmp_path, ev.CallEscalated)) == 1, "the escalation")
    finally:
        server.kill()
    (assessed,) = [item.event_id for item in ward_recorded(tmp_path) if isinstance(item.event, ev.AssessmentRecorded)]
    _killed_and_given_again(tmp_path, "CorrectEntry", "physician", {"event_id": assessed, "action": "void", "reason": "wrong-patient"}, step, ahead)
    ahead.write_text("1200")
    server.start()
    try:
        eventually(lambda: not ward_waiting(tmp_path), "the end of the queue")
    finally:
        server.kill()
    assert len(ward_events(tmp_path, ev.RapidResponseCalled)) == 1
    assert [one.step for one in ward_events(tmp_path, ev.CallEscalated)] == ["next"], "a call that was closed climbs no further"
    assert len(ward_events(tmp_path, ev.CallClosed)) == 1


def _killed_and_given_again(folder: Path, name: str, role: str, given: dict[str, object], step: str, ahead: Path | None = None) -> None:
    """A command of the command line that is killed at a step, and given once more under the same id."""
    command = [_baybridge(), "do", name, "--node", str(folder / "hk"), "--case", CASE, "--role", role, "--command-id", f"the-{name}", "--input", "-"]
    settings = {**os.environ, **({"BAYBRIDGE_CLOCK_AHEAD": str(ahead)} if ahead else {})}
    killed = subprocess.run(command, input=json.dumps(given), text=True, check=False, capture_output=True, env={**settings, "BAYBRIDGE_HALT_AT": step})
    assert killed.returncode == -9, killed.stderr
    again = subprocess.run(command, input=json.dumps(given), text=True, check=False, capture_output=True, env=settings)
    assert again.returncode == 0, again.stderr


def ward_recorded(folder: Path) -> list[Recorded]:
    node = open_node(folder / "hk")
    try:
        return node.events(CASE)
    finally:
        node.storage.close()


def ward_events(folder: Path, kind: type) -> list[Any]:
    return [item.event for item in ward_recorded(folder) if isinstance(item.event, kind)]


def ward_waiting(folder: Path) -> list[str]:
    node = open_node(folder / "hk")
    try:
        return _waiting(node)
    finally:
        node.storage.close()


def _waiting(node: Node) -> list[str]:
    with node.storage.reading() as connection:
        return [one.kind for one in queue.waiting(connection) if one.kind not in ("alarm-clock", daily.DAILY_CHECK.name)]  # clocks that run wait for their time


def _give(pair: Pair, command_id: str) -> bool:
    return transfer(pair, command_id) if command_id.startswith("t-") else consent(pair, command_id)


def test_step_kills_a_command_of_the_command_line_too(pair: Pair) -> None:
    given = '{"kind": "care", "notice_version": "cli", "notice_language": "en"}'
    command = [_baybridge(), "do", "RecordConsent", "--node", str(pair.folder / "mo"), "--case", pair.case_id, "--command-id", new_id(), "--input", "-"]
    halting = {**os.environ, "BAYBRIDGE_HALT_AT": "write.before_commit"}
    killed = subprocess.run(command, input=given, text=True, check=False, capture_output=True, env=halting)
    assert killed.returncode == -9
    for _ in range(2):
        done = subprocess.run(command, input=given, text=True, check=False, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert [e.notice_version for e in pair.of("mo", ev.ConsentRecorded)].count("cli") == 1


def test_killed_while_many_read(pair: Pair) -> None:
    """Every reading that was answered stands in the patient's list, and the log is whole, whenever the node is killed."""
    answered: list[str] = []

    def read(name: str) -> None:
        while True:
            try:
                found = httpx.get(f"{pair.mo.url}/fhir/{name}", headers=pair.journal.headers, timeout=20, trust_env=False)
            except httpx.HTTPError:
                return
            assert found.status_code == 200, found.text
            answered.append(f"read {name.partition('/')[0]}")

    def more(than: int) -> bool:
        return len(answered) > than

    opened = open_node(pair.folder / "mo")
    case = opened.case(pair.case_id)
    assert case is not None
    with opened.storage.reading() as connection:
        results = store.of_patient(connection, "Observation", case.patient_id or "")
    names = [*[version.reference for version in results[:3]], f"Patient/{case.patient_id}"]
    opened.storage.close()
    for _ in range(min(KILLS, 20)):
        pair.mo.start()
        readers = [threading.Thread(target=read, args=(names[place % len(names)],)) for place in range(8)]
        for reader in readers:
            reader.start()
        eventually(partial(more, len(answered) + 8), "some answers")
        pair.mo.kill()
        for reader in readers:
            reader.join()
    opened = open_node(pair.folder / "mo")
    with opened.storage.reading() as connection:
        noted = Counter(one.what for one in reads.looked(connection, case.patient_id, pair.case_id))
    opened.storage.close()
    assert len(answered) >= min(KILLS, 20)
    assert Counter(answered) - noted == Counter()
    pair.check_against_journal()
