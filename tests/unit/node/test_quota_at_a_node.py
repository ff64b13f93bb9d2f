"""A fund's quota over all cases of a node: two grants at once never take the last place, whoever gives them and by whichever way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import PreauthorisationAnswered, PreauthorisationRequested
from baybridge.node import clock
from baybridge.node.clock import new_id
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found

HERE, FUND = "Hospital", "demo-charity"
CHARITY = Path(__file__).resolve().parents[3] / "src" / "baybridge" / "demo" / "charity.yaml"
CASES = 4


def person(number: int) -> dict[str, Any]:
    """Somebody whom nobody takes for one of the others."""
    name, born = ("Alda", "Bento", "Clara", "Duarte")[number], f"19{50 + 7 * number}-0{number + 1}-1{number}"
    synthetic = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
    return {"resourceType": "Patient", "id": f"patient-{number}", "meta": synthetic, "name": [{"text": f"{name} (synthetic)"}], "birthDate": born}


def a_node(folder: Path, **quota: Any) -> tuple[Node, list[str]]:
    """A node whose fund has a quota of this year, and cases that asked it for 600.00 each."""
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    with_quota(folder, quota)
    node = opened(folder)
    actor, cases = Actor("first", Role.COORDINATOR, HERE), []
    for number in range(CASES):
        body = json.dumps(person(number)).encode()
        cases.append(import_upload(node, actor, "record.json", body).cases[f"patient-{number}"])  # type: ignore[union-attr]
    for case_id in cases:
        bill = [{"id": "drug", "category": "CAR_T_DRUG", "gross": "600.00"}]
        asked = {"event_date": node.now().date().isoformat(), "currency": "CNY", "bill_lines": bill, "plans": [{"plan": FUND}]}
        for name, given in (("IssueQuote", asked), ("RequestPreauthorisation", {"plan": FUND})):
            answer = handle(node, Command(name, case_id, given, actor, new_id()))
            assert not isinstance(answer, Refusal), answer
    return node, cases


def with_quota(folder: Path, quota: dict[str, Any]) -> None:
    """The demonstration's fund with this quota, published half a year before the node's clock; and that clock, which no New Year's Day disturbs."""
    today = clock.now()
    middle = today.replace(year=today.year + 1, month=7, day=1)
    (folder / "ahead").write_text(str((middle - today).total_seconds()), encoding="ascii")
    document = yaml.safe_load(CHARITY.read_text(encoding="utf-8"))
    document["apply"]["quota"] = {**quota, "as_of": date(middle.year, 1, 1)}
    (folder / "data" / "plans").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "plans" / CHARITY.name).write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")


def opened(folder: Path) -> Node:
    return open_node(folder, now=clock.ahead(str(folder / "ahead")))


def approve(node: Node, case_id: str, **given: Any) -> Any:
    said = {"payer": FUND, "plan": FUND, "answer": "approved", **given}
    return handle(node, Command("AnswerPreauthorisation", case_id, said, Actor("payer", Role.PAYER, FUND), new_id()))


def granted(node: Node, cases: list[str]) -> int:
    events = [item.event for case_id in cases for item in node.events(case_id)]
    return sum(event.amount_minor for event in events if isinstance(event, PreauthorisationAnswered) and event.answer != "refused")


@pytest.mark.parametrize("quota", [{"places": 5, "used": 4}, {"amount": "1000.00", "amount_used": "399.99"}], ids=["places", "money"])
def test_two_grants_at_once_never_both_take_the_last_of_it(tmp_path: Path, quota: dict[str, Any]) -> None:
    node, cases = a_node(tmp_path / "hk", **quota)
    try:
        with ThreadPoolExecutor(CASES) as pool:
            answers = list(pool.map(lambda case_id: approve(node, case_id), cases))
        assert sum(not isinstance(answer, Refusal) for answer in answers) == 1
        reasons = {reason.code for answer in answers if isinstance(answer, Refusal) for reason in answer.reasons}
        assert reasons == {"funding.quota.places_used" if "places" in quota else "funding.quota.amount_used"}
        assert granted(node, cases) == 60_000
    finally:
        node.storage.close()


def test_processes_at_once_never_both_take_the_last_place(tmp_path: Path) -> None:
    node, cases = a_node(tmp_path / "hk", places=5, used=4)
    node.storage.close()
    (tmp_path / "given.json").write_text(json.dumps({"payer": FUND, "plan": FUND, "answer": "approved"}))
    command = [sys.executable, "-m", "baybridge", "do", "AnswerPreauthorisation", "--node", str(tmp_path / "hk"), "--input", str(tmp_path / "given.json")]
    command += ["--organisation", FUND, "--case"]
    environment = {**os.environ, "BAYBRIDGE_CLOCK_AHEAD": str(tmp_path / "hk" / "ahead")}
    running = [subprocess.Popen([*command, case_id], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) for case_id in cases]
    said = [process.communicate()[1].decode() for process in running]
    assert sorted(process.returncode for process in running) == [0] + [1] * (CASES - 1), said
    assert sum("All 5 places" in text for text in said) == CASES - 1
    node = opened(tmp_path / "hk")
    try:
        assert granted(node, cases) == 60_000
    finally:
        node.storage.close()


def test_a_grant_that_is_taken_back_frees_its_place(tmp_path: Path) -> None:
    node, cases = a_node(tmp_path / "hk", places=5, used=4)
    try:
        assert not isinstance(approve(node, cases[0], answer="partially_approved", amount="1.00", reason="a part"), Refusal)
        assert isinstance(approve(node, cases[1]), Refusal)
        appeal = Command("AppealPreauthorisation", cases[0], {"plan": FUND, "grounds": "more"}, Actor("c", Role.COORDINATOR, HERE), new_id())
        assert not isinstance(handle(node, appeal), Refusal)
        assert not isinstance(approve(node, cases[0], answer="refused", reason="not any more"), Refusal)
        assert not isinstance(approve(node, cases[1]), Refusal)
    finally:
        node.storage.close()


def test_a_grant_of_last_year_or_of_another_fund_is_not_counted(tmp_path: Path) -> None:
    node, cases = a_node(tmp_path / "hk", places=5, used=4)
    before, stranger = node.now().replace(year=node.now().year - 1), {"payer": "another", "plan": "another", "amount_minor": 1, "currency": "CNY"}
    asked = [PreauthorisationRequested(quote_sha256="0", **stranger), PreauthorisationAnswered(answer="approved", reason="", **stranger)]
    try:
        with node.unit() as unit:
            unit.append(cases[1], asked, node.system(), known=len(unit.events(cases[1])))
        with node.unit() as unit:
            unit.at = before
            old = PreauthorisationAnswered(payer=FUND, plan=FUND, answer="approved", amount_minor=1, currency="CNY", reason="")
            unit.append(cases[2], [old], node.system(), known=len(unit.events(cases[2])))
        assert not isinstance(approve(node, cases[0]), Refusal), "the last place is free still"
        assert isinstance(approve(node, cases[3]), Refusal)
    finally:
        node.storage.close()


# --- what people see ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], Any]]:
    """A fund that lets requests wait and whose year is used up by a grant here; a function that reads a page as somebody."""
    node, cases = a_node(tmp_path_factory.mktemp("quota") / "hk", places=5, used=4, when_used_up="hold")
    assert not isinstance(approve(node, cases[0]), Refusal)
    tokens = {}
    with node.storage.writing() as connection:
        for name, role, organisation in (("coordinator", Role.COORDINATOR, HERE), ("fund", Role.PAYER, FUND)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation=organisation, password="-")
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:

        def page(who: str, path: str) -> str:
            return str(client.get(path, headers={"authorization": f"Bearer {tokens[who]}"}).text)

        yield cases, page
    node.storage.close()


@pytest.mark.parametrize("language", ["en", "zh-Hant", "zh-Hans", "pt"])
def test_the_fund_sees_what_is_left_and_that_a_request_waits(served: tuple[list[str], Any], language: str) -> None:
    cases, page = served
    waiting = page("fund", f"/cases/{cases[1]}/funding?language={language}")
    words = {"en": "It cannot be approved", "zh-Hant": "現時不能批准", "zh-Hans": "目前不能批准", "pt": "não pode ser aprovado agora"}
    assert words[language].casefold() in waiting.casefold()
    assert "payer.quota" not in waiting
    place = {"en": "place 5 of 5 this year", "zh-Hant": "本年度第 5 個名額，共 5 個", "zh-Hans": "本年度第 5 个名额，共 5 个", "pt": "lugar 5 de 5 este ano"}
    for who in ("fund", "coordinator"):
        assert place[language] in page(who, f"/cases/{cases[0]}/funding?language={language}")
