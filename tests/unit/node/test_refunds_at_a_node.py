"""Refunds at a node: told by page, command line and HTTP, once whatever comes at once or around a crash, shown to those whose money it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import AgreementEnrolled, OutcomeSettled, PreauthorisationRequested, RefundReceived
from baybridge.node.clock import new_id
from baybridge.node.commands.preview import looking
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours import packing
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.steps import WRITE
from baybridge.node.upkeep import projections
from baybridge.node.upkeep.founding import found as found_node

HERE, PLAN, PAYER = "Hospital", "shanghai-huhuibao-2022-2024", "shanghai-huhuibao"
AGREEMENT, PROGRAMME = "axi-cel-value-based-2024-list-price", "fosun-kairos"
LANGUAGES = ("en", "zh-Hant", "zh-Hans", "pt")


def a_node(folder: Path, *, settled: bool = True, due: date | None = None) -> tuple[Node, str]:
    """A node with a case whose agreement was settled: 300.00 are due to a plan and 700.00 to the patient. Or one that can be settled still."""
    found_node(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    imported = import_upload(node, Actor("first", Role.COORDINATOR, HERE), "record.json", json.dumps(record("own-patient", node.now())).encode())
    case_id = imported.cases["own-patient"]  # type: ignore[union-attr]
    bill = [{"id": "drug", "category": "CAR_T_DRUG", "gross": "1200000.00"}]
    asked = {"event_date": "2026-03-01", "currency": "CNY", "bill_lines": bill, "plans": [{"plan": PLAN}], "agreement": AGREEMENT}
    quoted = handle(node, Command("IssueQuote", case_id, asked, Actor("first", Role.COORDINATOR, HERE), new_id()))
    assert not isinstance(quoted, Refusal), quoted
    events = [
        PreauthorisationRequested(payer=PAYER, plan=PLAN, quote_sha256="0", amount_minor=1, currency="CNY"),
        AgreementEnrolled(enrolment_id="E-1", agreement=AGREEMENT, agreement_sha256="0", quote_sha256="0", enrolled_on=date(2025, 1, 1)),
        OutcomeSettled(
            agreement=AGREEMENT, outcome="NO_CR_AT_M3", code="OBA-REFUND-DUE", refund_minor=100_000, currency="CNY",
            allocation=((PLAN, 30_000), ("PATIENT", 70_000)), decision_sha256="0", refund_due_on=due,
        ),
    ]  # fmt: skip
    with node.unit() as unit:
        unit.append(case_id, events if settled else events[:-1], node.system(), known=len(unit.events(case_id)))
        projections.project(unit, case_id)
    return node, case_id


def given(recipient: str = "PATIENT", amount: str = "250.00", reference: str = "BANK-1", day: str = "2025-06-01") -> dict[str, Any]:
    return {"recipient": recipient, "amount": amount, "currency": "CNY", "received_on": day, "reference": reference}


def tell(node: Node, case_id: str, role: Role = Role.COORDINATOR, organisation: str = HERE, command_id: str = "", **more: Any) -> Any:
    return handle(node, Command("RecordRefund", case_id, given(**more), Actor(role.value, role, organisation), command_id or new_id()))


def arrived(node: Node, case_id: str) -> list[int]:
    return [item.event.amount_minor for item in node.events(case_id) if isinstance(item.event, RefundReceived)]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[tuple[Node, str]]:
    node, case_id = a_node(tmp_path / "hk")
    yield node, case_id
    node.storage.close()


# --- once -------------------------------------------------------------------------------------------------------------


def test_arrivals_told_at_once_never_pass_what_is_due(one: tuple[Node, str]) -> None:
    node, case_id = one
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: tell(node, case_id, amount="400.00", reference=f"R-{n}"), range(8)))
    assert sum(not isinstance(answer, Refusal) for answer in answers) == 1
    assert arrived(node, case_id) == [40_000]
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: tell(node, case_id, amount="300.00", reference="last"), range(8)))
    assert sum(not isinstance(answer, Refusal) for answer in same) == 1
    assert sum(arrived(node, case_id)) == 70_000


def test_the_same_command_again_answers_what_it_answered(one: tuple[Node, str]) -> None:
    node, case_id = one
    first, second = (tell(node, case_id, command_id="once") for _ in range(2))
    assert not isinstance(first, Refusal)
    assert [item.event_id for item in first.events] == [item.event_id for item in second.events]
    assert arrived(node, case_id) == [25_000]


@pytest.mark.parametrize("step", WRITE)
def test_an_arrival_around_a_crash_counts_once(tmp_path: Path, step: str) -> None:
    node, case_id = a_node(tmp_path / "hk")
    node.storage.close()
    (tmp_path / "given.json").write_text(json.dumps(given()))
    command = [sys.executable, "-m", "baybridge", "do", "RecordRefund", "--node", str(tmp_path / "hk"), "--case", case_id]
    command += ["--input", str(tmp_path / "given.json"), "--command-id", "once"]
    killed = subprocess.run(command, env={**os.environ, "BAYBRIDGE_HALT_AT": step}, capture_output=True, check=False)
    assert killed.returncode < 0
    again = subprocess.run(command, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    opened = open_node(tmp_path / "hk")
    try:
        assert arrived(opened, case_id) == [25_000]
    finally:
        opened.storage.close()


# --- who may, over HTTP; who sees what ----------------------------------------------------------------------------------


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Node, str, Any]]:
    """A node that is served, and a function that asks as somebody."""
    node, case_id = a_node(folder)
    people = {"coordinator": (Role.COORDINATOR, HERE), PAYER: (Role.PAYER, PAYER), PROGRAMME: (Role.PAYER, PROGRAMME), "other": (Role.PAYER, "other")}
    tokens = {}
    with node.storage.writing() as connection:
        for name, (role, organisation) in people.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-")
            tokens[name] = accounts.open_session(connection, name, node.now()).token
        accounts.add_account(connection, account="p", name="p", role=Role.PATIENT, organisation=HERE, password="-", patient_id="own-patient")
        tokens["patient"] = accounts.open_session(connection, "p", node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:

        def ask(who: str, path: str, body: Any = None) -> Any:
            headers = {"authorization": f"Bearer {tokens[who]}"}
            return client.get(path, headers=headers) if body is None else client.post(path, headers=headers, json=body)

        yield node, case_id, ask
    node.storage.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Node, str, Any]]:
    """A node to which no arrival was told."""
    with serving(tmp_path / "hk") as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, str, Any]]:
    """A node to which two arrivals were told: all of the plan's part, and some of the patient's."""
    with serving(tmp_path_factory.mktemp("refunds") / "hk") as found:
        node, case_id, _ = found
        for more in ({"recipient": PLAN, "amount": "300.00", "reference": "BANK-2"}, {}):
            assert not isinstance(tell(node, case_id, **more), Refusal)
        yield found


def test_over_http_each_says_what_reached_them_and_is_told_why_not(fresh: tuple[Node, str, Any]) -> None:
    node, case_id, ask = fresh

    def told(who: str, **more: Any) -> tuple[int, list[str]]:
        answer = ask(who, "/do/RecordRefund", {"case": case_id, "given": given(**more)})
        return answer.status_code, [reason["code"] for reason in answer.json().get("reasons", ())]

    assert told(PAYER, recipient=PLAN, amount="300.00", reference="BANK-2")[0] == 200
    assert told(PAYER) == (403, ["funding.payer.not_yours"])
    assert told(PROGRAMME) == (403, ["funding.payer.not_yours"])
    assert told("other")[0] == 403
    assert told("patient")[0] == 403
    assert told("coordinator")[0] == 200
    assert told("coordinator") == (409, ["funding.refund.arrived_before"])
    assert told("coordinator", amount="450.01", reference="BANK-3") == (422, ["funding.refund.above_due"])
    assert arrived(node, case_id) == [30_000, 25_000]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_show_what_arrived_and_what_is_open_to_those_whose_it_is(served: tuple[Node, str, Any], language: str) -> None:
    _, case_id, ask = served
    case = f"/cases/{case_id}/funding?language={language}"
    centre, patient = ask("coordinator", case).text, ask("patient", case).text
    for page in (centre, patient):
        assert all(text in page for text in ("BANK-1", "BANK-2"))
        assert "450.00" in page.replace("450,00", "450.00")
        assert "funding.refund" not in page
    payer, programme = ask(PAYER, case).text, ask(PROGRAMME, case).text
    assert "BANK-2" in payer and "BANK-1" not in payer
    assert "payer.do" not in ask(PROGRAMME, f"/payer?language={language}").text
    assert "450.00" in programme.replace("450,00", "450.00")
    money = ask(PROGRAMME, f"/payer/programme?language={language}").text.replace(",", "").replace(".", "").replace("\xa0", "")
    assert all(text in money for text in ("100000", "55000", "45000")), "owed, arrived, still to pay"
    assert "programme." not in money


def test_the_form_is_filled_with_what_is_open(served: tuple[Node, str, Any]) -> None:
    _, case_id, ask = served
    form = ask("coordinator", f"/cases/{case_id}/do/RecordRefund").text
    assert 'value="PATIENT"' in form and "450.00" in form
    assert "settled" not in ask(PAYER, f"/cases/{case_id}/do/RecordRefund").text.split("<form")[-1]


@pytest.mark.parametrize(("due", "late"), [(date(2026, 3, 1), True), (date(2026, 3, 31), False)])
def test_a_refund_that_is_overdue_says_so_to_hospital_payer_and_programme(tmp_path: Path, due: date, late: bool) -> None:
    node, case_id = a_node(tmp_path / "hk", due=due)  # the node's clock stands at 2 March 2026
    people = {"c": (Role.COORDINATOR, HERE), "p": (Role.PAYER, PAYER), "m": (Role.PAYER, PROGRAMME)}
    with node.storage.writing() as connection:
        for name, (role, organisation) in people.items():
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-")
        tokens = {name: accounts.open_session(connection, name, node.now()).token for name in people}
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        for who, path in ((who, path) for path in (f"/cases/{case_id}/funding", "/payer") for who in ("c", "p", "m") if (who, path) != ("c", "/payer")):
            page = client.get(path, headers={"authorization": f"Bearer {tokens[who]}"}).text
            said = re.findall(rf"(overdue since|due) {due.day} Mar 2026", page)
            assert said, (who, path)
            assert set(said) == {"overdue since" if late else "due"}, (who, path, said)
            assert "no verified time limit" not in page
    node.storage.close()


def test_a_button_leads_to_the_form_where_only_an_empty_field_stands_against_it(tmp_path: Path) -> None:
    node, case_id = a_node(tmp_path / "hk", settled=False)
    case, programme = node.case(case_id), Actor("p", Role.PAYER, PROGRAMME)
    assert case is not None
    asked = [{}, {"declared": "WITHDRAWN"}, {"declared": "WITHDRAWN", "ruling": "refund"}, {"declared": "OOS_INFUSED", "ruling": "refund"}]
    try:
        with looking(node, case, programme) as look:
            found = [look.would("SettleOutcome", one) for one in asked]
    finally:
        node.storage.close()
    codes = [None if refusal is None else [reason.code for reason in refusal.reasons] for refusal in found]
    assert codes == [["funding.settle.not_infused"], None, None, ["funding.settle.not_infused"]]


# --- what is told -------------------------------------------------------------------------------------------------------


def test_who_follows_the_patient_is_told_and_a_logistics_node_is_not(one: tuple[Node, str]) -> None:
    node, case_id = one
    tell(node, case_id)
    rules, events = packing.rules_of_telling(node.documents), node.events(case_id)
    told = {purpose: [item["event"]["type"] for item in packing.told(rules, purpose, events, without_patient=True)] for purpose in sorted(rules.purposes)}
    assert [purpose for purpose, kinds in told.items() if "RefundReceived" in kinds] == ["CARE_REFERRAL", "OBA_OUTCOME"]
