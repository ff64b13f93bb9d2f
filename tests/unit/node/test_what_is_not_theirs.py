"""A neighbour whose signature holds says what is not its to say: refused with every reason, logged, shown, and nothing of it filed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from acceptance.support import Refused, World, record
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.documents.loader import packaged_data
from baybridge.documents.telling import Whose
from baybridge.exchange.transfer.whose import RELATIONS, relation_of
from baybridge.journey import events as ev
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import EVENT_TYPES
from baybridge.journey.held import Stage
from baybridge.journey.proposals import proposal_of
from baybridge.journey.stages import stage_of
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.neighbours import package as packages
from baybridge.node.neighbours import packing, refused_packages, register, transfers
from baybridge.node.people import accounts
from baybridge.record.store import store
from hostile_packages import NOTHING, codes, content_of, result, sent, told


@pytest.fixture(scope="module")
def referred(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World.new(tmp_path_factory.mktemp("nodes"))
    made.refer()
    return made


@pytest.fixture
def world(referred: World, tmp_path: Path) -> World:
    return referred.copied(tmp_path)


NOTICE = {"notice_version": "1", "notice_language": "en"}
SHIPPED = packaged_data() / "telling" / "whose.yaml"


# --- a case that nobody here knows ---------------------------------------------------------------------------------------


def proposed(tmp_path: Path) -> World:
    """Macao refers and Hong Kong has not answered."""
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.consent()
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(world.nodes["mo"]) == 1, "it arrived: the sender has its receipt"
    return world


def count(world: World, node: str) -> int:
    with world.nodes[node].storage.reading() as connection:
        return store.count(connection).get("Observation", 0)


def test_proposed_case_is_held_until_a_person_takes_it_in(tmp_path: Path) -> None:
    world = proposed(tmp_path)
    assert (stage_of(world.case("hk")), world.case("hk").patient_id, count(world, "hk")) == (Stage.PROPOSED, None, 0)
    with pytest.raises(Refused) as refused:
        world.do("hk", Role.PHYSICIAN, "AcceptCase", product="axicabtagene-ciloleucel")
    assert refused.value.codes == ["command.proposed"]
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(world.nodes["mo"]) == 1
    world.do("hk", Role.COORDINATOR, "AcceptProposedCase")
    assert stage_of(world.case("hk")) is Stage.REFERRED
    assert world.case("hk").patient_id == world.patient
    assert count(world, "hk") == count(world, "mo")
    assert [event.purpose for event in world.events("hk", ev.PackageReceived)] == ["CARE_REFERRAL"] * 2
    with pytest.raises(Refused) as again:
        world.do("hk", Role.COORDINATOR, "AcceptProposedCase")
    assert again.value.codes == ["matching.proposal.answered"]
    world.board()
    world.do("hk", Role.PHYSICIAN, "AcceptCase", product="axicabtagene-ciloleucel")


def test_proposed_case_that_is_refused_leaves_nothing_and_the_sender_hears_why(tmp_path: Path) -> None:
    world = proposed(tmp_path)
    with pytest.raises(Refused) as empty:
        world.do("hk", Role.COORDINATOR, "RefuseProposedCase", reason=" ")
    assert empty.value.codes == ["matching.proposal.no_reason"]
    world.do("hk", Role.COORDINATOR, "RefuseProposedCase", reason="no such therapy here")
    assert (stage_of(world.case("hk")), count(world, "hk")) == (Stage.DECLINED, 0)
    with world.nodes["hk"].storage.reading() as connection:
        assert [bytes(row["signed"]) for row in connection.execute(tables.incoming.select()).mappings()] == [b""]
    assert transfers.deliver(world.nodes["hk"]) == 1
    assert [entry.event.reason for entry in world.case("mo").of(ev.ProposedCaseRefused)] == ["no such therapy here"]
    assert proposal_of(world.case("mo")) is None, "Macao's own case goes on"
    assert codes(sent(world, "mo", "hk")) == {"federation.proposal_refused"}


def test_correction_of_a_case_that_is_not_known_is_refused(tmp_path: Path) -> None:
    world = proposed(tmp_path)
    assert codes(sent(world, "mo", "gd", kind=packages.CORRECTION, corrected=("Observation/x",), **NOTHING)) == {"federation.no_case"}


def test_proposals_of_one_node_have_an_end(tmp_path: Path) -> None:
    """A neighbour whose key was stolen fills no list."""
    own = tmp_path / "hk" / "data" / "telling"
    world = proposed(tmp_path)
    own.mkdir(parents=True)
    own.joinpath("whose.yaml").write_text(SHIPPED.read_text().replace("most_proposed: 100", "most_proposed: 1"))
    world.open()
    assert codes(sent(world, "mo", "hk", case_id=new_id(), **NOTHING)) == {"federation.too_many_proposed"}
    assert codes(sent(world, "gd", "hk", case_id=new_id(), patient_id="", **NOTHING)) == set(), "others may still ask"


def test_site_may_take_in_the_cases_of_a_node_without_asking(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    own = tmp_path / "hk" / "data" / "telling"
    own.mkdir(parents=True)
    own.joinpath("whose.yaml").write_text(SHIPPED.read_text().replace("taken_in_from: []", "taken_in_from: [mo]"))
    world.open()
    world.file("mo", world.bundle())
    world.consent()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert transfers.deliver(world.nodes["mo"]) == 1
    assert stage_of(world.case("hk")) is Stage.OPENED


# --- whose person, whose record -------------------------------------------------------------------------------------------


def test_result_about_our_own_patient_in_a_case_of_another(world: World) -> None:
    """Hong Kong's own patient, and Guangzhou opens a case in which it sends a result about that person."""
    own = record("own-hk", world.clock())
    own["entry"][0]["resource"] |= {"name": [{"text": "另人"}], "birthDate": "1980-11-30", "identifier": [{"system": "urn:hk:hkid", "value": "A123456(3)"}]}
    kept, world.case_id = world.case_id, ""
    world.file("hk", own)
    world.case_id = kept
    case = new_id()
    opened = told(world, "gd", type="CaseOpened", patient_id="own-hk", residence="CN", synthetic=True)
    about = {"case_id": case, "patient_id": "own-hk", "told": (opened,)}
    assert codes(sent(world, "gd", "hk", **about, resources=(result("own-hk"),))) >= {"federation.other_person", "federation.resource_of_another"}
    pseudonymous = {**about, "patient_id": "", "told": ()}
    assert codes(sent(world, "gd", "hk", **pseudonymous, resources=(result("own-hk"),))) >= {"federation.resource_of_another"}
    into_ours = {"patient_id": world.patient, "told": ()}
    assert codes(sent(world, "mo", "hk", **into_ours, resources=(result("own-hk"),))) == {"federation.resource_of_another"}
    moved = result(world.patient, "own-hk-a-hb")
    assert codes(sent(world, "mo", "hk", **into_ours, resources=(moved,))) == {"federation.resource_of_another"}
    with world.nodes["hk"].storage.reading() as connection:
        assert store.get(connection, "Observation", "forged") is None


@pytest.mark.parametrize(
    "text",
    [
        '{"resourceType": "Observation", "id": "x"}',
        '{"resourceType": "Obzervation", "id": "x"}',
        '{"resourceType": "Observation", "id": "../x"}',
        '{"id": "\\ud800"}',
        '{"a": 1e999999999}',
        "[]",
        "7",
        '"a"',
    ],
)
def test_resource_that_is_none(world: World, text: str) -> None:
    answer = sent(world, "mo", "hk", told=(), resources=(text,), decision={**content_of(world).decision, "kept": []})
    assert codes(answer) & {"federation.bad_resource", "federation.other_decision"}


def test_rendering_of_our_events_is_not_taken_from_others(world: World) -> None:
    forged = result(world.patient, meta={"tag": [{"system": "urn:baybridge:projection", "code": "Infused"}]})
    assert codes(sent(world, "mo", "hk", told=(), resources=(forged,))) == {"federation.projection"}


# --- whose word -----------------------------------------------------------------------------------------------------------


def test_node_without_a_part_appends_nothing(world: World) -> None:
    """Consents that name nobody: Shanghai was neither sent nor named."""
    with world.nodes["hk"].unit() as unit:
        assert world.case("hk").nodes == {"mo", "hk"}
        del unit
    lonely = World.new(world.folder / "lonely")
    lonely.file("mo", lonely.bundle())
    answer = sent_to(lonely, world, "sh", "mo")
    assert codes(answer) == {"federation.no_part"}


def sent_to(lonely: World, model: World, sender: str, to: str) -> bytes | Refusal:
    content = msgspec.structs.replace(
        content_of(model), package_id=new_id(), from_node=sender, to_node=to, case_id=lonely.case_id, patient_id="", sent_at=lonely.clock().isoformat(), **NOTHING
    )
    key, receiver = lonely.nodes[sender].config.signing_key, lonely.nodes[sender].neighbours[to].sealing_key
    return transfers.receive(lonely.nodes[to], packages.seal(packages.content_bytes(content), key, receiver))


def test_consent_is_told_by_the_node_that_took_it(world: World) -> None:
    consent = world.events("mo", ev.ConsentRecorded)[0].consent_id
    withdrawn = {"type": "ConsentWithdrawn", "consent_id": consent, "withdrawn_on": "2026-03-02"}
    empty = {**NOTHING, "patient_id": "", "kind": packages.WITHDRAWAL}
    own = {**empty, "told": (told(world, "hk", **withdrawn),)}
    assert codes(sent(world, "hk", "mo", **own)) == {"federation.not_theirs_to_tell"}
    in_our_name = {**empty, "told": (told(world, "mo", **withdrawn),)}
    assert codes(sent(world, "hk", "mo", **in_our_name)) == {"federation.not_our_word"}
    in_anothers = {**empty, "told": (told(world, "mo", **withdrawn),)}
    assert codes(sent(world, "gd", "hk", **in_anothers)) == {"federation.handed_on_unsigned"}
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent, withdrawn_on="2026-03-02")
    world.deliver("mo")
    assert any(one.consent_id == consent and one.withdrawn_on for one in world.case("hk").consents), "the node that took it says so, and is believed"


def test_plant_takes_no_consents(world: World) -> None:
    allowed = {"kind": "cross_border", "recipients": ["sh"], "purposes": ["CARE_REFERRAL"], "valid_until": None}
    consent = told(world, "sh", type="ConsentRecorded", consent_id="x", notice_version="1", notice_language="en", **allowed)
    assert codes(sent(world, "sh", "hk", patient_id="", resources=(), decision={}, told=(consent,))) == {"federation.told_by_wrong_kind", "federation.not_theirs_to_tell"}


def test_consent_handed_on_counts_with_the_signature_of_who_took_it(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="gd", purpose="CARE_REFERRAL")
    world.deliver("mo")
    signed = next(dict(item) for item in content_of(world).told if item["event"]["type"] == "ConsentRecorded")
    body = {"patient_id": "", "resources": (), "decision": {}}
    assert codes(sent(world, "gd", "hk", **body, told=(signed,))) == set()
    changed = {**signed, "event_id": new_id()}
    assert codes(sent(world, "gd", "hk", **body, told=(changed,))) >= {"federation.handed_on_unsigned"}
    elsewhere = {**signed, "event": {**signed["event"], "recipients": ["sh", "x"]}}
    assert codes(sent(world, "gd", "hk", **body, told=(elsewhere,))) == {"federation.told_differs"}


@pytest.mark.parametrize(
    ("sender", "event"),
    [
        ("mo", {"type": "CaseAccepted", "product": "x"}),
        ("gd", {"type": "CaseAccepted", "product": "x"}),
        ("gd", {"type": "CaseOpened", "patient_id": "", "residence": "MO", "synthetic": True}),
        ("gd", {"type": "LymphodepletionStarted", "regimen": "x", "started_on": "2026-03-02"}),
        ("gd", {"type": "SlotReserved", "plant_node": "gd", "product": "x", "collection_on": "2026-03-05", "chain_of_identity": "X"}),
        ("sh", {"type": "Died", "died_on": "2026-03-01", "cause": "disease"}),
        ("gd", {"type": "Died", "died_on": "2026-03-01", "cause": "disease"}),
        ("gd", {"type": "CaseReferred", "to_node": "gd", "product": "x"}),
        ("gd", {"type": "CaseReferred", "to_node": "sh", "product": "x"}),
        ("gd", {"type": "HandedOver", "to_node": "gd"}),
        ("gd", {"type": "FindingConfirmed", "fact": "x", "value": "y", "basis": "z"}),
        ("gd", {"type": "AgreementEnrolled", "enrolment_id": "x", "agreement": "x", "agreement_sha256": "", "quote_sha256": "", "enrolled_on": "2026-03-01"}),
        ("gd", {"type": "ConsentRecorded", "consent_id": "x", "kind": "care", "recipients": [], "purposes": [], "valid_until": None, **NOTICE}),
    ],
)
def test_events_of_the_treatment_are_told_by_who_treats(world: World, sender: str, event: dict[str, Any]) -> None:
    world.accept()
    body = {"patient_id": "", "resources": (), "decision": {}}
    assert codes(sent(world, sender, "hk", **body, told=(told(world, sender, **event),))) == {"federation.not_theirs_to_tell"}


def test_node_that_refers_the_case_to_itself_cares_for_nobody(world: World) -> None:
    """Guangzhou says that it was asked, in its own name or in ours, and tells of the patient in the same breath, or later."""
    world.accept()
    body = {"patient_id": "", "resources": (), "decision": {}}
    died = told(world, "gd", type="Died", died_on="2026-03-01", cause="disease")
    asked = told(world, "gd", type="CaseReferred", to_node="gd", product="x")
    assert codes(sent(world, "gd", "hk", **body, told=(asked, died))) == {"federation.not_theirs_to_tell"}
    in_the_name_of_macao = told(world, "mo", type="CaseReferred", to_node="gd", product="x")
    assert codes(sent(world, "gd", "hk", **body, told=(in_the_name_of_macao, died))) == {"federation.handed_on_unsigned"}
    assert world.case("hk").alive
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="gd", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    asked_by_macao = told(world, "gd", type="EligibilityDecided", policy="x", outcome="eligible", decision_sha256="")
    assert codes(sent(world, "gd", "hk", **body, told=(asked_by_macao,))) == set(), "asked by who opened the case"


def test_nobody_speaks_in_the_name_of_another(world: World) -> None:
    """What the treating node alone may tell, told by a third in its name."""
    world.accept()
    body = {"patient_id": "", "resources": (), "decision": {}}
    held = {"type": "DrugsReserved", "atc": "L04AC07", "doses": 2, "from_on": "2026-03-01", "until_on": "2026-03-09"}
    for event in ({"type": "Died", "died_on": "2026-03-01", "cause": "disease"}, held):
        assert "federation.handed_on_unsigned" in codes(sent(world, "gd", "hk", **body, told=(told(world, "mo", **event),)))


def test_every_event_that_a_purpose_tells_is_somebodys_to_tell(world: World) -> None:
    """The table is closed: an event that is told and stands in no list could be told by everybody."""
    node = world.nodes["hk"]
    rules = node.documents.typed.the(Whose)
    kinds = {kind for kinds in packing.rules_of_telling(node.documents).purposes.values() for kind in kinds} - {"EntryCorrected", "EntryReinstated"}
    assert {kind for kind in kinds if relation_of(kind, rules) is None} == set()
    listed = [kind for relation in RELATIONS for kind in getattr(rules, relation)]
    assert len(listed) == len(set(listed)), "each in one list"
    assert set(listed) - set(EVENT_TYPES) == set()


def test_label_of_another_case_is_not_put_on_these_cells(world: World) -> None:
    """The plant tells a slot under a chain of identity that another case of the receiver has: nothing of the package is filed, and the plant hears why."""
    world.accept()
    chain = "LOCAL-CH0SH260ABCDEFGHIJ-7"
    with world.nodes["hk"].unit() as unit:
        slot = ev.SlotReserved(plant_node="sh", product="x", collection_on=world.clock().date(), chain_of_identity=chain.lower())
        unit.append("another-case", [slot], Actor("test", Role.SYSTEM, "hk"), known=0)
    event = {"type": "SlotReserved", "plant_node": "gd", "product": "x", "collection_on": "2026-03-05", "chain_of_identity": chain}
    answer = sent(world, "gd", "hk", patient_id="", resources=(), decision={}, told=(told(world, "gd", **event),))
    assert "federation.label_of_another_case" in codes(answer)
    assert world.case("hk").chains == frozenset()


def test_who_declined_before_another_accepted_is_still_told(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.consent()
    for centre in ("gd", "hk"):
        world.do("mo", Role.COORDINATOR, "ReferCase", to_node=centre, product="axicabtagene-ciloleucel")
        world.do("mo", Role.COORDINATOR, "Transfer", to_node=centre, purpose="CARE_REFERRAL")
        world.deliver()
    world.board()
    world.do("hk", Role.PHYSICIAN, "AcceptCase", product="axicabtagene-ciloleucel")
    world.do("gd", Role.PHYSICIAN, "DeclineCase", reason="no bed")
    for sender, to in (("gd", "mo"), ("hk", "mo"), ("mo", "hk")):
        world.do(sender, Role.COORDINATOR, "Transfer", to_node=to, purpose="CARE_REFERRAL")
        assert world.deliver(sender) == 1, (sender, to)
    assert {entry.origin.node for entry in world.case("hk").of(ev.CaseDeclined)} == {"gd"}


def test_withdrawal_that_another_node_heard_is_shown_and_stops_nothing_else(world: World) -> None:
    """The patient tells Hong Kong what Macao wrote down: Macao's staff see it; what Hong Kong sends afterwards still arrives."""
    world.accept()
    consent = next(one for one in world.case("hk").consents if one.kind == "finance")
    world.do("hk", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    assert world.deliver("hk") == 0
    with world.nodes["mo"].storage.reading() as connection:
        listed = refused_packages.listed(connection)
    assert [reason.code for one in listed for reason in one.reasons] == ["federation.not_theirs_to_tell"]
    events = world.nodes["hk"].events(world.case_id)
    rules = packing.rules_of_telling(world.nodes["hk"].documents)
    told_types = [item["event"]["type"] for item in packing.told(rules, "CARE_REFERRAL", events, without_patient=False, node=world.nodes["hk"])]
    assert "ConsentRecorded" in told_types and "ConsentWithdrawn" not in told_types


# --- cells -----------------------------------------------------------------------------------------------------------------


def at_the_plant(world: World) -> None:
    """Hong Kong holds a slot in Shanghai."""
    world.accept()
    slot = ev.SlotReserved(plant_node="sh", product="axicabtagene-ciloleucel", collection_on=world.clock().date(), chain_of_identity="CHAIN")
    with world.nodes["hk"].unit() as unit:
        unit.append(world.case_id, [slot], world.actor("hk", Role.COORDINATOR), known=len(unit.events(world.case_id)))


def shipment(world: World, *, kind: str, leg: str, at: str = "", **more: Any) -> dict[str, Any]:
    body = {"type": kind, "shipment_id": "S", "leg": leg, "chain_of_identity": "CHAIN", "bags": ["B"]}
    if kind == "ShipmentDispatched":
        return {**body, "to_node": "hk", "container": "c", "logger_id": "l", "dispatched_at": at or world.clock().isoformat(), "remaining_hold_h": None, **more}
    read = {"warmest_c": 4.0, "coldest_c": 3.0, "minutes_outside": 0, "seal_intact": True, "disposition": "accepted"}
    return {**body, **read, "received_at": at or world.clock().isoformat(), **more}


def test_each_end_of_a_leg_tells_its_own(world: World) -> None:
    at_the_plant(world)
    body = {"patient_id": "", "resources": (), "decision": {}, "purpose": "COI_LOGISTICS"}

    def says(*events: dict[str, Any]) -> set[str]:
        return codes(sent(world, "sh", "hk", **body, told=tuple(told(world, "sh", **event) for event in events)))

    theirs = {"federation.not_theirs_to_tell"}
    assert says(shipment(world, kind="ShipmentReceived", leg="to_centre")) == theirs
    assert says(shipment(world, kind="ShipmentDispatched", leg="to_plant")) == theirs
    left = shipment(world, kind="ShipmentDispatched", leg="to_centre")
    assert says(left, shipment(world, kind="ShipmentReceived", leg="to_plant")) == theirs, "the leg is that of the shipment"
    assert says(shipment(world, kind="ShipmentDispatched", leg="to_centre", chain_of_identity="OTHER")) == {"federation.does_not_fit"}
    assert says(shipment(world, kind="ShipmentDispatched", leg="to_centre", at="2026-08-01T00:00:00Z")) == {"federation.does_not_fit"}
    assert says(left) == set()


def test_release_of_what_was_never_made(world: World) -> None:
    at_the_plant(world)
    body = {"patient_id": "", "resources": (), "decision": {}, "purpose": "COI_LOGISTICS"}
    batch = {"batch": "B1", "chain_of_identity": "CHAIN"}
    spec = {"expires_at": "2027-03-02T00:00:00Z", "storage_max_c": -150.0, "specification": "x", "decision_sha256": "", "certificate": "c"}
    released = told(world, "sh", type="ProductReleased", product="axicabtagene-ciloleucel", bags=["P1"], **batch, **spec)
    assert codes(sent(world, "sh", "hk", **body, told=(released,))) == {"federation.does_not_fit"}
    made = told(world, "sh", type="ManufactureStarted", from_bags=["B"], **batch)
    tested = told(world, "sh", type="ProductTested", batch="B1", results=[], outcome="met", decision_sha256="")
    other = {**released, "event": {**released["event"], "chain_of_identity": "OTHER"}}
    assert codes(sent(world, "sh", "hk", **body, told=(made, tested, other))) == {"federation.does_not_fit"}
    assert codes(sent(world, "sh", "hk", **body, told=(made, tested, released))) == set()


# --- beyond the purpose ----------------------------------------------------------------------------------------------------


def test_records_beyond_the_purpose_and_of_two_persons(world: World) -> None:
    consent = {"resourceType": "Basic", "id": "x", "code": {"text": "x"}, "subject": {"reference": f"Patient/{world.patient}"}}
    assert codes(sent(world, "mo", "hk", told=(), resources=(json.dumps(consent),))) >= {"exchange.code.DT-020"}
    for more in ({"focus": [{"reference": "Patient/somebody"}]}, {"performer": [{"reference": "https://a.example/fhir/Patient/somebody"}]}):
        assert codes(sent(world, "mo", "hk", told=(), resources=(result(world.patient, **more),))) == {"federation.resource_of_another"}
    assert codes(sent(world, "mo", "hk", told=(), resources=(result(world.patient, focus=[{"reference": f"Patient/{world.patient}"}]),))) == set()


def test_check_without_a_reason_and_package_older_than_its_case(world: World) -> None:
    assert codes(sent(world, "mo", "hk", decision={**content_of(world).decision, "reasons": []})) == {"federation.other_decision"}
    assert codes(sent(world, "mo", "hk", sent_at="1990-03-02T09:00:00+08:00")) >= {"federation.bad_time"}


# --- form -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sent_at": "yesterday"}, "federation.bad_time"),
        ({"sent_at": "2026-03-02T09:00:00"}, "federation.bad_time"),
        ({"sent_at": "0001-01-01T00:00:00+14:00"}, "federation.bad_time"),
        ({"sent_at": "9999-12-31T23:59:59-12:00"}, "federation.bad_time"),
        ({"sent_at": "2031-03-02T09:00:00+08:00"}, "federation.bad_time"),
        ({"case_id": "../x"}, "federation.bad_form"),
        ({"package_id": ""}, "federation.bad_form"),
        ({"patient_id": "a b"}, "federation.bad_form"),
        ({"codes": ("x y",)}, "federation.bad_form"),
        ({"gone": ("Nothing/1",)}, "federation.bad_form"),
        ({"corrected": ("Observation/",)}, "federation.bad_form"),
        ({"purpose": "GOSSIP"}, "federation.unknown_purpose"),
        ({"decision": {}}, "federation.no_decision"),
        ({"decision": {"policy": "x"}}, "federation.other_decision"),
        ({"route": "R2"}, "federation.other_decision"),
        ({"codes": ("DT-031",)}, "federation.other_decision"),
        ({"purpose": "RESULT_RECOGNITION"}, "federation.other_decision"),
        ({"told": ({},)}, "federation.bad_form"),
        ({"told": ({"event": {"type": ["a"]}},)}, "federation.bad_form"),
        ({"told": ({"event": {"type": "CaseOpened"}},)}, "federation.bad_form"),
    ],
)
def test_form_of_a_package(world: World, changes: dict[str, Any], code: str) -> None:
    assert code in codes(sent(world, "mo", "hk", **changes))


@pytest.mark.parametrize("change", [{"at": "x"}, {"recorded_at": "2040-01-01T00:00:00Z"}, {"event_id": "a/b"}, {"node": "a b"}, {"at": "0001-01-01T00:00:00+14:00"}])
def test_form_of_an_event(world: World, change: dict[str, Any]) -> None:
    good = told(world, "mo", type="CaseReferred", to_node="hk", product="x")
    body = {"patient_id": "", "resources": (), "decision": {}}
    assert codes(sent(world, "mo", "hk", **body, told=(good,))) == set()
    fresh = {**good, "event_id": new_id()}
    assert codes(sent(world, "mo", "hk", **body, told=({**fresh, **change},))) & {"federation.bad_form", "federation.bad_time"}
    assert "federation.bad_form" in codes(sent(world, "mo", "hk", **body, told=(fresh, {**fresh, "actor": "b"}))), "one telling each"
    old = told(world, "mo", type="Discharged", discharged_on="0001-01-01", stay_near_until="9999-12-31")
    assert codes(sent(world, "mo", "hk", **body, told=(old,))) == {"federation.bad_form"}


# --- afterwards -----------------------------------------------------------------------------------------------------------


def test_refusal_is_logged_once_and_shown_with_its_reasons(world: World) -> None:
    node = world.nodes["hk"]
    for _ in range(2):
        sent(world, "mo", "hk", package_id="same", purpose="GOSSIP")
    with node.storage.reading() as connection:
        listed = refused_packages.listed(connection)
    assert [(one.from_node, one.case_id) for one in listed] == [("mo", world.case_id)]
    assert "federation.unknown_purpose" in {reason.code for reason in listed[0].reasons}
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        with node.storage.writing() as connection:
            accounts.add_account(connection, account="q", name="q", role=Role.QUALITY, organisation=node.site.organisation, password="-")
            token = accounts.open_session(connection, "q", node.now()).token
        page = client.get("/log", headers={"authorization": f"Bearer {token}", "accept": "text/html"})
    assert page.status_code == 200
    assert "Packages that were refused" in page.text and "Expected a purpose among" in page.text
    answer = sent(world, "mo", "hk", sent_at=(world.clock() + timedelta(minutes=5)).isoformat())
    assert isinstance(answer, bytes), "a clock that runs a little ahead is no fault"


def test_sender_sees_why_and_tries_ever_more_rarely(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    register.remove(world.nodes["hk"], "mo", "its keys were stolen")
    node, tries = world.nodes["mo"], 0

    def attempts() -> tuple[int, str]:
        with node.storage.reading() as connection:
            row = connection.execute(tables.outgoing.select().where(tables.outgoing.c.receipt.is_(None))).mappings().one()
        return row["attempts"], row["last_problem"]

    for _ in range(12):
        transfers.deliver(node)
    tries, said = attempts()
    assert tries < 12, "not every round"
    assert said.startswith("HTTP 4")
    world.clock.moment += timedelta(minutes=11)
    transfers.deliver(node)
    assert attempts()[0] == tries + 1
