"""A payer at a node: what its system reads in FHIR, what is told to a payer's node, and a claim that is sent or paid twice at once or around a crash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock, record
from baybridge.app import application
from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import (
    AppealFiled,
    BenefitPaid,
    ClaimSubmitted,
    PreauthorisationAnswered,
    PreauthorisationRequested,
    QuoteIssued,
)
from baybridge.node.clock import new_id
from baybridge.node.commands.deciding import Made
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.neighbours import packing
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.steps import WRITE
from baybridge.node.upkeep.founding import found
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import parse
from funding_material import layer
from unit.funding.test_funding_claims import quoted

HERE, PAYER, OTHER = "Hospital", "payer-plan", "payer-basic"
LINES = [{"id": "s", "category": "STAY", "gross": "80.00"}]


def a_node(folder: Path) -> tuple[Node, str]:
    """A node with one case whose quote names two payers, both asked."""
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    coordinator = Actor("first", Role.COORDINATOR, HERE)
    imported = import_upload(node, coordinator, "record.json", json.dumps(record("own-patient", node.now())).encode())
    case_id = imported.cases["own-patient"]  # type: ignore[union-attr]
    issued, document = quoted(layer("basic", order=10, covers=["STAY"], rate="0.10"), layer("plan", order=40, covers=["STAY"], rate="1.00"))
    asked = [
        PreauthorisationRequested(payer=f"payer-{plan}", plan=plan, quote_sha256=issued.quote_sha256, amount_minor=90, currency="CNY")
        for plan in ("plan", "basic")
    ]
    answers = [PreauthorisationAnswered(payer=OTHER, plan="basic", answer="refused", amount_minor=0, currency="CNY", reason="CANARY-REASON")]
    with node.unit() as unit:
        unit.append(case_id, [issued, *asked], node.system(), known=len(unit.events(case_id)))
        unit.keep_decision(case_id, Made(document, {}, frozenset(), ""))
    with node.unit() as unit:
        unit.append(case_id, answers, node.system(), known=len(unit.events(case_id)))
    with node.unit() as unit:
        from baybridge.node.upkeep import projections

        projections.project(unit, case_id)
    assert sha256_hex(canonical_bytes(document)) == issued.quote_sha256
    return node, case_id


def do(node: Node, case_id: str, name: str, role: Role, organisation: str, command_id: str = "", **given: Any) -> Any:
    return handle(node, Command(name, case_id, given, Actor(role.value, role, organisation), command_id or new_id()))


def submit(node: Node, case_id: str, claim_id: str = "c", command_id: str = "") -> Any:
    given = {"claim_id": claim_id, "plan": "plan", "bill": "b", "service_on": "2026-03-01", "lines": LINES, "unusual": True}
    return do(node, case_id, "SubmitClaim", Role.COORDINATOR, HERE, command_id, **given)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[tuple[Node, str]]:
    node, case_id = a_node(tmp_path / "hk")
    yield node, case_id
    node.storage.close()


# --- FHIR -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, str, Any]]:
    """A case with a claim that was decided, paid, appealed; a function that asks as somebody of a payer."""
    node, case_id = a_node(tmp_path_factory.mktemp("payer") / "hk")
    for answer in (
        submit(node, case_id),
        do(node, case_id, "AdjudicateClaim", Role.PAYER, PAYER, claim_id="c"),
        do(node, case_id, "PayClaim", Role.PAYER, PAYER, claim_id="c", payment_id="p"),
        do(node, case_id, "AppealClaim", Role.COORDINATOR, HERE, claim_id="c", grounds="look again"),
    ):
        assert not isinstance(answer, Refusal), answer
    tokens = {}
    with node.storage.writing() as connection:
        for name in (PAYER, OTHER, "payer-nobody"):
            accounts.add_account(connection, account=name, name=name, role=Role.PAYER, organisation=name, password="-")
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:

        def ask(payer: str, path: str) -> tuple[int, Any]:
            answer = client.get(f"/fhir/{path}", headers={"authorization": f"Bearer {tokens[payer]}"})
            return answer.status_code, answer.json()

        yield node, case_id, ask
    node.storage.close()


MONEY = ("Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse", "Claim", "ClaimResponse", "ExplanationOfBenefit", "PaymentReconciliation")


def of(ask: Any, payer: str, kind: str) -> list[dict[str, Any]]:
    status, bundle = ask(payer, kind)
    assert status == 200, bundle
    resources = [entry["resource"] for entry in bundle.get("entry", [])]
    assert bundle["total"] == len(resources)
    return resources


def test_a_payer_reads_its_own_money_and_nobody_elses(served: tuple[Node, str, Any]) -> None:
    _, case_id, ask = served
    counts = {payer: {kind: len(of(ask, payer, kind)) for kind in MONEY} for payer in (PAYER, OTHER, "payer-nobody")}
    assert counts[PAYER] == dict.fromkeys(MONEY, 1) | {"Claim": 3, "CoverageEligibilityResponse": 0}
    assert counts[OTHER] == dict.fromkeys(MONEY, 0) | {"Coverage": 1, "CoverageEligibilityRequest": 1, "CoverageEligibilityResponse": 1, "Claim": 1, "ClaimResponse": 1}
    assert set(counts["payer-nobody"].values()) == {0}
    everything = json.dumps([resource for kind in MONEY for resource in of(ask, PAYER, kind)], ensure_ascii=False)
    assert "look again" in everything
    for secret in ("own-patient", "payer-basic", "CANARY-REASON", "試甲", "9000001", "1966"):
        assert secret not in everything
    assert case_id  # the case's own id is opaque and may be named


def test_what_a_payer_reads_is_valid_fhir_and_names_the_patient_alike(served: tuple[Node, str, Any]) -> None:
    _, _, ask = served
    patients = set()
    for kind in MONEY:
        for resource in of(ask, PAYER, kind):
            assert validate(parse(json.dumps(resource).encode())) == (), resource
            patients |= {json.dumps(resource[field]) for field in ("patient", "beneficiary") if field in resource}
            assert ask(PAYER, f"{kind}/{resource['id']}") == (200, resource)
    assert len(patients) == 1
    others = {json.dumps(resource["patient"]) for resource in of(ask, OTHER, "Claim")}
    assert not others & patients, "two payers cannot join what they know of one patient"


@pytest.mark.parametrize(
    "path", ["Patient/own-patient", "Observation", "Patient", "Observation/own-patient-a-hb", "Claim/no-such", "Patient/own-patient/$everything", "Organization/x"]
)
def test_the_record_stays_shut(served: tuple[Node, str, Any], path: str) -> None:
    assert served[2](PAYER, path)[0] == 403


def test_another_payers_claim_is_denied_as_one_that_is_not_there(served: tuple[Node, str, Any]) -> None:
    _, _, ask = served
    (claim,) = of(ask, OTHER, "Claim")
    assert ask(PAYER, f"Claim/{claim['id']}") == ask(PAYER, "Claim/no-such")
    assert ask(PAYER, f"Claim/{claim['id']}/_history")[0] == 403


@pytest.mark.parametrize("query", ["patient=Patient/own-patient", "patient.name=a", "_include=Claim:patient"])
def test_a_payer_cannot_search_by_the_patient(served: tuple[Node, str, Any], query: str) -> None:
    status, outcome = served[2](PAYER, f"Claim?{query}")
    assert (status, outcome["resourceType"]) == (400, "OperationOutcome")


def test_pages_show_a_payer_its_part_alone(served: tuple[Node, str, Any]) -> None:
    node, case_id, _ = served
    with node.storage.writing() as connection:
        token = accounts.open_session(connection, PAYER, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        texts = [client.get(path, headers={"authorization": f"Bearer {token}"}).text for path in ("/payer", f"/cases/{case_id}/funding")]
    assert "look again" in texts[0] and "look again" in texts[1]
    for text in texts:
        for secret in ("own-patient", "payer-basic", "CANARY-REASON", "試甲"):
            assert secret not in text


# --- what is told to a payer's own node -------------------------------------------------------------------------------


def test_a_payers_node_is_told_of_its_own_money_alone(one: tuple[Node, str]) -> None:
    node, case_id = one
    submit(node, case_id)
    rules, events = packing.rules_of_telling(node.documents), node.events(case_id)
    told = packing.told(rules, "CLAIM", events, without_patient=True, payer=PAYER)
    assert [item["event"]["type"] for item in told] == [PreauthorisationRequested.__name__, ClaimSubmitted.__name__]
    assert OTHER not in json.dumps(told, default=str) and "own-patient" not in json.dumps(told, default=str)
    everything = packing.told(rules, "CLAIM", events, without_patient=True)
    assert QuoteIssued.__name__ in [item["event"]["type"] for item in everything]
    assert AppealFiled.__name__ in rules.purposes["CLAIM"]


# --- twice ------------------------------------------------------------------------------------------------------------


def paid(node: Node, case_id: str) -> int:
    return sum(event.event.amount_minor for event in node.events(case_id) if isinstance(event.event, BenefitPaid))


def test_a_claim_that_comes_by_two_ways_at_once_is_taken_once_and_paid_once(one: tuple[Node, str]) -> None:
    node, case_id = one
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: submit(node, case_id, f"c{n % 2}"), range(8)))
    assert sum(not isinstance(answer, Refusal) for answer in answers) == 1
    (claim,) = [event.event for event in node.events(case_id) if isinstance(event.event, ClaimSubmitted)]
    assert not isinstance(do(node, case_id, "AdjudicateClaim", Role.PAYER, PAYER, claim_id=claim.claim_id), Refusal)

    def pay(n: int) -> Any:
        if n % 2:
            return do(node, case_id, "PayClaim", Role.PAYER, PAYER, claim_id=claim.claim_id, payment_id=f"p{n}")
        return do(node, case_id, "PayBenefit", Role.PAYER, PAYER, claim_id=f"p{n}", payer=PAYER, amount="72.00", currency="CNY")

    with ThreadPoolExecutor(4) as pool:
        payments = list(pool.map(pay, range(8)))
    assert sum(not isinstance(answer, Refusal) for answer in payments) == 1
    assert paid(node, case_id) == 7_200  # what the earlier plan of the bill would leave


@pytest.mark.parametrize("step", WRITE)
def test_a_payment_around_a_crash_is_made_once(tmp_path: Path, step: str) -> None:
    node, case_id = a_node(tmp_path / "hk")
    submit(node, case_id)
    do(node, case_id, "AdjudicateClaim", Role.PAYER, PAYER, claim_id="c")
    node.storage.close()
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"claim_id": "c", "payment_id": "p"}))
    command = [sys.executable, "-m", "baybridge", "do", "PayClaim", "--node", str(tmp_path / "hk"), "--case", case_id, "--input", str(given)]
    command += ["--organisation", PAYER, "--command-id", "once"]
    killed = subprocess.run(command, env={**os.environ, "BAYBRIDGE_HALT_AT": step}, capture_output=True, check=False)
    assert killed.returncode < 0
    again = subprocess.run(command, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    opened = open_node(tmp_path / "hk")
    try:
        assert paid(opened, case_id) == 7_200
    finally:
        opened.storage.close()


def test_a_payers_what_if_reads_its_own_cases_however_many_others_changed_later(tmp_path: Path) -> None:
    from baybridge.node.options.what_if import population, tried

    node, case_id = a_node(tmp_path / "hk")
    bundle = record("another-patient", node.now())
    bundle["entry"][0]["resource"] |= {"identifier": [{"system": "urn:mo:bir", "value": "9000003(6)"}], "name": [{"text": "another"}], "birthDate": "1971-02-03"}
    later = import_upload(node, Actor("first", Role.COORDINATOR, HERE), "record.json", json.dumps(bundle).encode())
    assert later.cases["another-patient"] != case_id  # type: ignore[union-attr]
    policy = node.policies.get("axi-cel-lbcl-3l-cn")
    actor = Actor("payer", Role.PAYER, PAYER)
    found = tried(node, policy, policy.text.replace("lines_of_therapy >= 2", "lines_of_therapy >= 3"), actor, 1)
    assert found.changes is not None
    assert (found.changes.rows, found.limited, population(node, actor)) == (1, False, 1)
    assert population(node, Actor("alliance", Role.ALLIANCE, "Alliance")) == 2
