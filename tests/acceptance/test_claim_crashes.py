"""SIGKILL while a claim is sent: at every named step and at random instants. An acknowledged claim stands once, in the case, the log and the record.

`BAYBRIDGE_TEST_KILLS` says how many random instants (200 in a full run).
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from acceptance.support_processes import Journal, Server, checked_today, free_ports
from baybridge.base.keys import KeyRing
from baybridge.funding.claims.reconciliation import reconciliation_of
from baybridge.journey.command import Role
from baybridge.journey.events import ClaimSubmitted
from baybridge.ledger import checking, streams
from baybridge.node import clock
from baybridge.node.neighbours import witnessing
from baybridge.node.node import open_node
from baybridge.node.people import accounts
from baybridge.node.steps import WRITE
from baybridge.record.store import store
from unit.node.test_payer_at_a_node import HERE, LINES, PAYER, a_node

KILLS = int(os.environ.get("BAYBRIDGE_TEST_KILLS", "5"))
pytestmark = [pytest.mark.timeout(3600)]


@dataclass
class Hospital:
    """A hospital with one quoted case, a coordinator who is signed in, and somebody of the payer."""

    folder: Path
    case_id: str
    server: Server
    journal: Journal
    payer: str

    def claim(self, number: int, command_id: str = "") -> bool:
        """Send the claim of one bill; False where no answer came."""
        given = {"claim_id": f"c-{number}", "plan": "plan", "bill": f"b-{number}", "service_on": "2026-03-01", "lines": LINES, "unusual": True}
        return self.journal.post(self.server, "SubmitClaim", self.case_id, command_id or f"send-{number}", **given)

    def again(self, number: int) -> tuple[int, list[str]]:
        """The same claim by another way: what it is answered."""
        given = {"claim_id": f"c-{number}", "plan": "plan", "bill": f"b-{number}", "service_on": "2026-03-01", "lines": LINES, "unusual": True}
        body = {"case": self.case_id, "given": given, "command_id": f"again-{number}"}
        answer = httpx.post(f"{self.server.url}/do/SubmitClaim", json=body, headers=self.journal.headers, timeout=20, trust_env=False)
        return answer.status_code, [reason["code"] for reason in answer.json()["reasons"]]

    def listed(self) -> str:
        """The payer's work list."""
        answer = httpx.get(f"{self.server.url}/payer", headers={"authorization": f"Bearer {self.payer}"}, timeout=20, trust_env=False)
        assert answer.status_code == 200
        return answer.text

    def stood(self) -> Counter[str]:
        """How often each claim stands in the case, on disk."""
        node = open_node(self.folder)
        try:
            return Counter(item.event.claim_id for item in node.events(self.case_id) if isinstance(item.event, ClaimSubmitted))
        finally:
            node.storage.close()

    def check(self) -> None:
        """Case, log, record and reconciliation tell the same of every claim that was acknowledged."""
        node = open_node(self.folder)
        witnessing.sign_checkpoint(node)
        try:
            with node.storage.reading() as connection:
                for command_id, told in self.journal.acknowledged.items():
                    assert streams.by_command(connection, command_id) == told
                key = KeyRing.of(witnessing.signing_key(node).public)
                assert checking.check(connection, key, {}, origin=witnessing.origin(node)) == []
                case = node.case(self.case_id)
                assert case is not None
                names = [("Claim", f"{entry.origin.event_id}-1") for entry in case.of(ClaimSubmitted)]
                assert len(store.get_many(connection, names)) == len(names), "every claim is in the record too"
        finally:
            node.storage.close()
        claims = [one.claim.claim_id for one in reconciliation_of(case)]
        assert len(claims) == len(set(claims)) == len(case.of(ClaimSubmitted))


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    node, case_id = a_node(tmp_path / "hk")
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="c", name="c", role=Role.COORDINATOR, organisation=HERE, password="not used")
        accounts.add_account(connection, account="p", name="p", role=Role.PAYER, organisation=PAYER, password="not used")
        token, payer = (accounts.open_session(connection, name, clock.now()).token for name in ("c", "p"))
    node.storage.close()
    checked_today(tmp_path / "hk")
    made = Hospital(tmp_path / "hk", case_id, Server(tmp_path / "hk", free_ports(1)[0]), Journal(token), payer)
    yield made
    made.server.kill()


@pytest.mark.parametrize("step", WRITE)
def test_killed_while_a_claim_is_sent(hospital: Hospital, step: str) -> None:
    hospital.server.start(halt_at=step, BAYBRIDGE_DELIVERY_SECONDS="60")  # so that the claim meets the step, and no worker before it
    assert not hospital.claim(1), "the answer never left"
    hospital.server.wait_until_dead()
    assert hospital.stood()["c-1"] == (1 if step == "write.committed" else 0)
    hospital.server.start()
    assert hospital.claim(1)
    assert hospital.claim(1), "a repeat is harmless"
    assert hospital.again(1) == (409, ["funding.claim.sent_before"])
    assert hospital.listed().count("Decide a claim") == 1
    hospital.server.kill()
    assert hospital.stood() == {"c-1": 1}
    hospital.check()


def test_killed_at_random_instants_while_claims_are_sent(hospital: Hospital) -> None:
    """Claims without end while the hospital's node is killed again and again; what was not answered is sent again."""
    chance = random.Random(20261122)
    hospital.server.start()
    sent = 0
    for kill in range(KILLS):
        timer = threading.Timer(chance.uniform(0.0, 0.5), hospital.server.kill)
        timer.start()
        unanswered: list[int] = []
        while timer.is_alive() or sent <= kill:  # one at least, on however slow a machine
            sent += 1
            if not hospital.claim(sent):
                unanswered.append(sent)
        timer.join()
        hospital.server.start()
        for number in unanswered:
            assert hospital.claim(number)
    hospital.server.kill()
    assert sent >= KILLS
    assert hospital.stood() == {f"c-{number}": 1 for number in range(1, sent + 1)}
    hospital.check()
