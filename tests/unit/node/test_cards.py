"""Cards at a node: what its laboratory may sign, what a scanner reads off the screen, and what a receiving site makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import segno
import zxingcpp
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry
from starlette.testclient import TestClient

from acceptance.support import Refused, World, read_resource
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.exchange.card.health_card import LARGEST_IN_ONE_CODE, qr_text
from baybridge.exchange.evidence.trust import read_trust
from baybridge.exchange.evidence.verify import verify_file
from baybridge.journey.command import Role
from baybridge.journey.events import HealthCardIssued, IdentityQuestioned, ResultRecognised
from baybridge.journey.identities import identities_of
from baybridge.node.config import read_config
from baybridge.node.intake import cards
from baybridge.node.intake.importing import Imported, import_upload
from baybridge.node.node import Node
from baybridge.web.case.card_page import picture

RESULTS = ("creat", "hb", "plt", "anc")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.file("mo", made.bundle())
    return made


def issue(world: World, role: Role = Role.LABORATORY, *names: str) -> tuple[bytes, tuple[str, ...]]:
    world.do("mo", role, "IssueHealthCard", results=[f"{world.patient}-a-{name}" for name in names or RESULTS])
    found = cards.kept(world.nodes["mo"], world.events("mo", HealthCardIssued)[-1].card)
    assert found is not None
    return found


def scanned(token: str) -> str:
    """What a scanner that we did not write reads from the code that the page shows."""
    text = qr_text(token)
    code = segno.make_qr([text[:5], text[5:]], error="L", boost_error=False)
    rows = np.array([[0 if dark else 255 for dark in row] for row in code.matrix], dtype=np.uint8)
    image = np.pad(np.kron(rows, np.ones((4, 4), dtype=np.uint8)), 16, constant_values=255)
    (found,) = zxingcpp.read_barcodes(image)
    return str(found.text)


def test_the_laboratory_signs_and_a_scanner_and_a_library_read_it(world: World) -> None:
    data, tokens = issue(world)
    assert json.loads(data)["verifiableCredential"] == list(tokens)
    for token in tokens:
        assert len(token) <= LARGEST_IN_ONE_CODE
        assert scanned(token) == qr_text(token)
        assert picture(token).startswith("<svg")
    with TestClient(application(world.nodes["mo"], workers=False), base_url="http://127.0.0.1") as client:
        answer = client.get("/.well-known/jwks.json")
    assert answer.headers["access-control-allow-origin"] == "*"
    (key,) = [jwk for jwk in answer.json()["keys"] if jwk.get("alg") == "ES256"]
    assert (key["kty"], key["use"], key["crv"], "d" in key) == ("EC", "sig", "P-256", False)
    public = ECKey.import_key(key)
    assert public.thumbprint() == key["kid"]
    jws.deserialize_compact(tokens[0], public, registry=JWSRegistry(algorithms=["ES256"], strict_check_header=False))


def test_every_result_is_on_one_of_the_cards(world: World) -> None:
    names = ("creat", "hb", "plt", "anc", "alt", "bili", "lvef", "hbsag", "antihcv", "hiv")
    data, tokens = issue(world, Role.PHYSICIAN, *names)
    report = cards.checked(world.nodes["hk"], data)
    assert report.ok
    answer = import_upload(world.nodes["hk"], world.actor("hk", Role.COORDINATOR), "card.smart-health-card", data)
    assert isinstance(answer, Imported)
    assert answer.report.filed == 1 + len(names) + len(tokens)  # one patient, every result, a provenance for each card


def test_a_site_that_knows_the_patient_verifies_asks_and_then_uses_it(world: World) -> None:
    case = world.case_id
    world.consent()
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    data, tokens = issue(world, Role.LABORATORY, "creat")
    node, actor = world.nodes["hk"], world.actor("hk", Role.COORDINATOR)
    for form in (data, tokens[0].encode(), qr_text(tokens[0]).encode()):
        assert cards.checked(node, form).ok
    answer = import_upload(node, actor, "card", qr_text(tokens[0]).encode())
    assert isinstance(answer, Imported)
    assert len(answer.waiting) == 1  # a name and a birth date are no documented identity
    (asked,) = world.events("hk", IdentityQuestioned)
    assert asked.reasons == ("name.same", "birth.same", "sex.unknown")
    world.do("hk", Role.COORDINATOR, "ConfirmIdentity", question=identities_of(world.case("hk"))[0].question, seen="identity_document")
    world.do("hk", Role.PHYSICIAN, "RecogniseResults", purpose="LD_FITNESS")
    from baybridge.record.store import store

    with node.storage.reading() as connection:
        (result,) = [v.id for v in store.changed_since(connection, None, "Observation") if v.patient == answer.waiting[0]]
    assert result in {event.result_id for event in world.events("hk", ResultRecognised)}
    assert world.case_id == case
    again = import_upload(node, actor, "card", tokens[0].encode())
    assert isinstance(again, Imported)
    assert (again.report.created, again.report.updated) == (0, 0)


def test_a_changed_card_or_an_unknown_issuer_is_refused_and_nothing_is_filed(world: World) -> None:
    _, tokens = issue(world)
    head, body, signature = tokens[0].split(".")
    changed = f"{head}.{body}.{signature[:-8]}AAAAAAA{signature[-1]}".encode()
    answer = import_upload(world.nodes["hk"], world.actor("hk", Role.COORDINATOR), "card", changed)
    assert isinstance(answer, Refusal)
    assert [reason.code for reason in answer.reasons] == ["ledger.verify.card.unknown_key"]
    (world.folder / "hk" / "neighbours" / "mo.yaml").unlink()
    alone = Node(read_config(world.folder / "hk"), now=world.clock)
    assert not cards.checked(alone, tokens[0].encode()).ok
    assert not cards.checked(alone, b"shc:/12").ok


def test_only_own_final_results_are_signed_and_every_reason_is_given(world: World) -> None:
    foreign = {
        "resourceType": "Observation", "id": "foreign", "status": "final", "subject": {"reference": f"Patient/{world.patient}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]}, "effectiveDateTime": "2026-03-01T08:00:00+08:00",
        "valueQuantity": {"value": 70, "unit": "umol/L"}, "performer": [{"type": "Organization", "display": "Somebody else"}],
    }  # fmt: skip
    world.file("mo", [foreign, {**foreign, "id": "early", "status": "preliminary"}])
    with pytest.raises(Refused) as refused:
        world.do("mo", Role.LABORATORY, "IssueHealthCard", results=["foreign", "early", "none"])
    assert refused.value.codes == ["exchange.card.not_ours", "exchange.card.not_final", "exchange.card.unknown_result"]
    with pytest.raises(Refused) as nothing:
        world.do("mo", Role.LABORATORY, "IssueHealthCard", results=[])
    assert nothing.value.codes == ["exchange.card.no_results"]
    with pytest.raises(Refused) as nurse:
        world.do("mo", Role.NURSE, "IssueHealthCard", results=["foreign"])
    assert nurse.value.codes == ["access.command"]


def test_a_node_without_an_address_issues_nothing_and_says_why(world: World) -> None:
    profile = world.folder / "mo" / "node.yaml"
    profile.write_text("\n".join(line for line in profile.read_text().splitlines() if not line.startswith("issuer")))
    world.nodes["mo"] = Node(read_config(world.folder / "mo"), now=world.clock)
    with pytest.raises(Refused) as refused:
        issue(world)
    assert refused.value.codes == ["exchange.card.no_issuer"]


def test_a_node_older_than_cards_gets_its_key_once(world: World) -> None:
    path = world.folder / "mo" / "keys" / "card.jwk"
    path.unlink()
    first, second = (Node(read_config(world.folder / "mo"), now=world.clock).card_key for _ in range(2))
    assert first == second
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.glob("*.part")) == []


def test_the_trust_file_of_the_network_verifies_a_card(world: World) -> None:
    data, _ = issue(world)
    report = verify_file(data, read_trust(json.loads((world.folder / "trust.json").read_text())))
    assert report.ok


def test_the_card_stands_in_the_record_and_events_hold_no_name(world: World) -> None:
    issue(world)
    (event,) = world.events("mo", HealthCardIssued)
    assert read_resource(world.nodes["mo"], f"DocumentReference/{event.card}")["subject"] == {"reference": f"Patient/{world.patient}"}
    assert "試甲" not in repr(event)
