"""A payer's whole walk in a browser: work list, case, answer, claim, appeal, payment, ruling, milestone, and the file that it checks on its own machine.

Two invented patients stand in Guangzhou: one assessed at month three without complete remission, one whom nobody assessed while the window was open. What a payer,
the maker's programme and the hospital do about their money is done here through pages and forms alone, one step after the other.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from walking import Network, Person, browsing

from baybridge.base.keys import SigningKey
from baybridge.demo import network as demo
from baybridge.demo.history import ROAD, respond
from baybridge.demo.inprocess import transport
from baybridge.demo.patients import Invented
from baybridge.demo.walk import Ticking, Walk
from baybridge.exchange.signed import sign_document
from baybridge.node import clock
from baybridge.node.config import read_config
from baybridge.node.node import Node

pytestmark = [pytest.mark.timeout(900)]

PLAN, OTHER_PLAN, CHARITY = "shanghai-huhuibao-2022-2024", "beijing-puhui-2023", demo.CHARITY
AGREEMENT = "axi-cel-value-based-2024-out-of-pocket"
ASSESSED, MISSED = Invented(911, "CN", "dlbcl-early"), Invented(912, "CN", "dlbcl-early")
#: The command line in a process that cannot open a connection.
OFFLINE = "import socket\ndef shut(*_): raise OSError('offline')\nsocket.socket.connect = shut\nfrom baybridge.cli.main import main\nmain()"


def walked(nodes: dict[str, Node], ticking: Ticking, patient: Invented) -> Walk:
    """A patient whom no payer has answered yet, brought to day 28."""
    walk = Walk(nodes, ticking, patient, "gd", "gd", money="waiting")
    for stop in ROAD[: [stop.name for stop in ROAD].index("day_28") + 1]:
        ticking.advance(seconds=stop.after.total_seconds())
        stop.step(walk)
    return walk


def infused_at(walk: Walk) -> datetime:
    found = walk.case("gd").infused_at
    assert found is not None
    return found


class Place:
    """The running network, the two cases, and the people who are signed in."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        self.network, self.folder, self.browser = Network(folder / "network"), folder, browser
        self.people: dict[str, Person] = {}
        nodes: dict[str, Node] = {}
        ticking, through = Ticking(clock.now() - timedelta(days=220)), transport(nodes)
        nodes |= {name: Node(read_config(self.network.folder / name), now=ticking, transport=through) for name in demo.PROFILES}
        assessed, missed = walked(nodes, ticking, ASSESSED), walked(nodes, ticking, MISSED)
        ticking.moment = infused_at(assessed) + timedelta(days=90)
        respond(assessed, "M3", "SD")
        assert clock.now() > infused_at(missed) + timedelta(days=105)
        self.assessed, self.missed = assessed.case_id, missed.case_id
        for node in nodes.values():
            node.storage.close()

    def __getitem__(self, name: str) -> Person:
        if name not in self.people:
            self.people[name] = Person(self.browser, self.network, name)
        return self.people[name]

    def kept(self, name: str, case: str) -> Path:
        """The milestone as somebody saves it from the page of a case."""
        person = self[name]
        person.see(f"/cases/{case}/funding")
        with person.page.expect_download() as download:
            person.page.click("a[href$='/funding/milestone.json']")
        file = self.folder / f"{name}-{case[-6:]}.json"
        download.value.save_as(file)
        return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def place(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Four nodes after the two patients' roads."""
    folder = tmp_path_factory.mktemp("payer")
    (folder / "network").mkdir()
    found = Place(folder, browser)
    try:
        for name in demo.PROFILES:
            found.network.start(name)
        yield found
    finally:
        found.network.stop()


def verified(file: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What `baybridge verify` says where nothing can be asked."""
    return subprocess.run([sys.executable, "-c", OFFLINE, "verify", str(file), *more], capture_output=True, text=True, check=False)


def test_1_the_work_list_says_what_waits_and_leads_to_a_case_that_shows_the_payers_part_alone(place: Place) -> None:
    payer = place["payer.gd"]
    listed = payer.see("/payer")
    assert listed.count("Answer a pre-authorisation") == 2
    payer.page.click(f"main a[href='/cases/{place.assessed}/funding']")
    case = payer.page.inner_text("main")
    assert "What waits for you here" in case
    page = payer.page.content()
    for secret in (*ASSESSED.name, ASSESSED.id, ASSESSED.identity, ASSESSED.born, CHARITY, "beijing-puhui", "Bridge of Hope"):
        assert secret not in page, secret
    for tab in ("facts", "tests", "bedside", "timeline"):
        assert "Nothing ties you" in payer.see(f"/cases/{place.assessed}/{tab}") or "is not for the role" in payer.page.inner_text("main"), tab


def test_2_it_answers_with_a_reason_and_the_hospital_claims(place: Place) -> None:
    payer, hospital = place["payer.gd"], place["coordinator.gd"]
    payer.see(f"/cases/{place.assessed}/funding")
    payer.page.click("main a.button[href*='/do/AnswerPreauthorisation']")
    said = payer.refused(place.assessed, "AnswerPreauthorisation", plan=PLAN, answer="partially_approved", amount="100.00")
    assert "needs its reason" in said
    payer.do(place.assessed, "AnswerPreauthorisation", plan=PLAN, answer="approved")
    assert payer.see("/payer").count("Answer a pre-authorisation") == 1
    hospital.do(place.assessed, "SubmitClaim")
    assert "Decide a claim" in payer.see("/payer")


def test_3_it_decides_less_the_hospital_appeals_it_decides_again_and_pays_in_two_parts(place: Place) -> None:
    payer, hospital, case = place["payer.gd"], place["coordinator.gd"], place.assessed
    shown = payer.see(f"/cases/{case}/funding")
    terms = re.search(r"By the plan's terms this gives\s+CN¥([\d,]+\.\d\d)", shown)
    assert terms is not None, shown
    whole = terms.group(1).replace(",", "")
    assert "Decide that or less" in payer.refused(case, "AdjudicateClaim", amount="99999999.00", reason="too much")
    payer.do(case, "AdjudicateClaim", amount="1000.00", reason="the invoice names another batch")
    assert "the invoice names another batch" in hospital.see(f"/cases/{case}/funding")
    hospital.do(case, "AppealClaim", grounds="the invoice was corrected")
    assert "the invoice was corrected" in payer.see("/payer")
    payer.do(case, "AdjudicateClaim", amount="", reason="")
    payer.do(case, "PayClaim", amount="1000.00")
    assert "Pay a claim that was decided" in payer.see("/payer")
    assert "are open" in payer.refused(case, "PayClaim", amount=whole)
    payer.do(case, "PayClaim", amount="")
    assert "Pay a claim" not in payer.see("/payer")
    for person in (payer, hospital):
        assert "paid" in person.see(f"/cases/{case}/funding").lower()
        tags = person.page.locator("main .tag.good").all_inner_texts()
        assert "paid" in tags, tags


def test_4_the_programme_settles_what_its_agreement_says_and_rules_in_writing_where_it_does_not(place: Place) -> None:
    programme = place["programme.gd"]
    assert programme.see("/payer").count("Settle the outcome agreement") == 2, "assessed, and a window that passed"
    programme.do(place.assessed, "SettleOutcome")
    programme.see(f"/cases/{place.missed}/funding")
    programme.page.click("main a.button[href*='/do/SettleOutcome']")
    assert "Ask the programme" in programme.refused(place.missed, "SettleOutcome")
    assert "Name where the programme's answer" in programme.refused(place.missed, "SettleOutcome", ruling="no_refund")
    programme.do(place.missed, "SettleOutcome", ruling="no_refund", ruling_source="letter of the programme, 3 March, signed by its director")
    assert "letter of the programme" in place["coordinator.gd"].see(f"/cases/{place.missed}/funding")
    assert "Settle the outcome agreement" not in programme.see("/payer")


@pytest.mark.parametrize("who", ["payer.gd", "programme.gd"])
def test_5_the_milestone_that_it_saves_holds_offline_and_tells_no_more_than_its_part(place: Place, who: str) -> None:
    file = place.kept(who, place.assessed)
    known = verified(file, "--trust", str(place.network.folder / "trust.json"))
    assert (known.returncode, known.stderr) == (0, ""), known.stderr
    assert "gd" in known.stdout
    unknown = verified(file)
    assert unknown.returncode == 0, unknown.stderr
    assert unknown.stdout != known.stdout, "on whose word it rests is said"
    told = json.loads(file.read_bytes())["payload"]
    owed = told["refund_owed_by_this_payer"]
    assert (told["outcome"], told["agreement"], told["readers"]) == ("NO_CR_AT_M3", AGREEMENT, 2)
    assert (owed != "0.00") is (who == "programme.gd")
    assert told["refund_to_this_payer"] == "0.00"
    text = file.read_text(encoding="utf-8")
    for secret in (*ASSESSED.name, ASSESSED.id, ASSESSED.identity, place.assessed, "reader one", PLAN, OTHER_PLAN, "paid_on_drug"):
        assert secret not in text, secret


def test_6_a_changed_byte_another_signer_and_half_a_file_are_refused_in_words(place: Place) -> None:
    file = place.kept("programme.gd", place.assessed)
    whole, trust = file.read_bytes(), str(place.network.folder / "trust.json")
    at = whole.index(b'"refund_owed_by_this_payer":"') + len(b'"refund_owed_by_this_payer":"')
    changed = {
        "amount": whole[:at] + (b"2" if whole[at : at + 1] != b"2" else b"3") + whole[at + 1 :],
        "outcome": whole.replace(b'"outcome":"NO_CR_AT_M3"', b'"outcome":"NO_CR_AT_M4"'),
        "signature": re.sub(rb'"signature":"(.)', lambda found: found.group()[:-1] + (b"B" if found.group(1) != b"B" else b"C"), whole),
        "layout": whole.replace(b'","', b'", "', 1),
        "half": whole[: len(whole) // 2],
        "another signer": sign_document("outcome-milestone", json.loads(whole)["payload"], SigningKey.generate()),
    }
    for name, data in changed.items():
        assert data != whole, name
        other = place.folder / "changed.json"
        other.write_bytes(data)
        for more in ((), ("--trust", trust)) if name in ("amount", "another signer") else ((),):
            said = verified(other, *more)
            assert said.returncode == 1, (name, said.stdout)
            lines = said.stderr.strip().splitlines()
            assert len(lines) == 1, (name, said.stderr)
            assert len(lines[0].split()) > 6, (name, said.stderr)
            assert "Traceback" not in said.stderr
            assert "ledger." not in said.stderr, (name, said.stderr)
            assert said.stdout == ""


def test_7_the_refund_is_waited_for_until_the_hospital_says_that_it_arrived(place: Place) -> None:
    programme, hospital, case = place["programme.gd"], place["coordinator.gd"], place.assessed
    assert "Pay the refund that was settled" in programme.see("/payer")
    assert "record what arrived" in hospital.see("/")
    today = place.network.now.date()
    hospital.do(case, "RecordRefund", amount="1.00", received_on=today, reference="BANK-1")
    assert "stands already" in hospital.refused(case, "RecordRefund", amount="1.00", received_on=today, reference="BANK-1")
    assert "Record no more than that" in hospital.refused(case, "RecordRefund", amount="99999999.00", received_on=today, reference="BANK-2")
    hospital.do(case, "RecordRefund", received_on=today, reference="BANK-2")
    assert "Pay the refund" not in programme.see("/payer")
    assert "all arrived" in programme.see(f"/cases/{case}/funding")
