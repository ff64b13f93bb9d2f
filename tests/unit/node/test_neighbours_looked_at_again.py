"""What a neighbour says of its own check, of signatures and of times is looked at again where its package arrives."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from acceptance.support import World
from baybridge.base.outcome import Refusal
from baybridge.exchange.transfer import whose
from baybridge.journey import events as ev
from baybridge.journey.case import Case, fold
from baybridge.journey.command import Role
from baybridge.node.clock import new_id
from baybridge.record.store import store
from hostile_packages import checked, codes, content_of, result, sent, signature, told


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hong Kong accepted the case of Macao and holds a slot in Shanghai; what is refused leaves it as it is."""
    made = World.new(tmp_path_factory.mktemp("nodes"))
    made.refer()
    made.accept()
    slot = ev.SlotReserved(plant_node="sh", product="axicabtagene-ciloleucel", collection_on=made.clock().date(), chain_of_identity="CHAIN")
    with made.nodes["hk"].unit() as unit:
        unit.append(made.case_id, [slot], made.actor("hk", Role.COORDINATOR), known=len(unit.events(made.case_id)))
    return made


@pytest.fixture(scope="module")
def referred(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Macao referred the case to Hong Kong, which took it in."""
    made = World.new(tmp_path_factory.mktemp("referred"))
    made.refer()
    return made


@pytest.fixture
def fresh(referred: World, tmp_path: Path) -> World:
    return referred.copied(tmp_path)


def parts(answer: bytes | Refusal) -> str:
    """What of the sender's check does not hold."""
    assert isinstance(answer, Refusal)
    return next((str(reason.values["parts"]) for reason in answer.reasons if reason.code == "federation.check_differs"), "")


# --- the check ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "fields", "expected"),
    [
        ("consents", {"care": False}, {"exchange.code.DT-011", "federation.check_differs"}),
        ("consents", {"mo_ground": None}, {"exchange.code.DT-015", "federation.check_differs"}),
        ("transfer", {"encrypted": False}, {"exchange.code.DT-080", "federation.check_differs"}),
        ("transfer", {"retention_until": None}, {"exchange.code.DT-070", "federation.check_differs"}),
        ("transfer", {"at": "2020-01-01T00:00:00Z"}, {"federation.check_differs"}),
        ("transfer", {"data_categories": ["Patient"]}, {"federation.check_differs"}),
        ("transfer", {"purpose": "GOSSIP"}, {"federation.other_decision"}),
        ("transfer", {"emergency": "perhaps"}, {"federation.check_differs"}),
        ("exporter", {"jurisdiction": "HK"}, {"federation.check_differs"}),
        ("exporter", {"name": "gd"}, {"federation.check_differs"}),
        ("importer", {"jurisdiction": "MO"}, {"federation.check_differs"}),
        ("contract", {"id": "one-that-we-never-signed"}, {"federation.check_differs"}),
        ("contract", {"purposes": ["CARE_REFERRAL", "GOSSIP"]}, {"federation.check_differs"}),
        ("contract", {"kind": "gba"}, {"federation.check_differs"}),
    ],
)
def test_check_of_the_sender_is_made_again(world: World, part: str, fields: dict[str, Any], expected: set[str]) -> None:
    """The sender says "allow" with some reason; its own facts say otherwise, or are not what this node sees."""
    content = content_of(world)
    request = {**content.decision["request"], part: {**content.decision["request"][part], **fields}}
    assert expected <= codes(sent(world, "mo", "hk", decision={**content.decision, "request": request}))


def test_check_does_not_hold_against_what_the_records_say_of_themselves(world: World) -> None:
    for meta, part in (
        ({"tag": [{"system": "urn:baybridge:received-under", "code": "R5"}]}, "received_under"),
        ({"tag": [{"system": "urn:baybridge:origin", "code": "CN"}]}, "mixed_with_cn_data"),
        ({"tag": [{"system": "urn:baybridge:origin-system", "code": "ehealth"}]}, "origin_system"),
    ):
        assert parts(sent(world, "mo", "hk", told=(), resources=(result(world.patient, meta=meta),))) == part
    genomic = result(world.patient, category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "GE"}]}])
    assert parts(sent(world, "mo", "hk", told=(), resources=(genomic,))) == "contains_genomic"


def test_check_does_not_hold_against_what_the_patient_allowed(fresh: World) -> None:
    """Macao's package names consents that it does not tell, or that were withdrawn."""
    world, new_case = fresh, new_id()
    about = {"kept": content_of(world).decision["kept"], "subject": world.case_id}
    nobody = {"case_id": new_case, "told": (), "resources": (), "patient_id": ""}
    made = checked(world, "mo", "hk", {"kept": [], "subject": new_case})
    claimed = "consents.care, consents.sensitive, consents.cross_border, consents.hk_sharing, consents.mo_ground, consents.dspdp_notified, recipients"
    assert parts(sent(world, "mo", "hk", **nobody, decision=made)) == claimed
    care = next(one for one in world.case("mo").consents if one.kind == "care")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=care.consent_id)
    world.deliver("mo")
    old = checked(world, "mo", "hk", about, transfer={"at": world.clock().isoformat()})
    assert parts(sent(world, "mo", "hk", decision=old, sent_at=world.clock().isoformat())) == "consents.care, consents.withdrawn_on"


def test_withdrawal_that_the_taker_has_not_heard_of_keeps_no_record_from_the_treating_centre(fresh: World) -> None:
    fresh.accept()
    finance = next(one for one in fresh.case("hk").consents if one.kind == "finance")
    fresh.do("hk", Role.COORDINATOR, "WithdrawConsent", consent_id=finance.consent_id)
    fresh.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    assert fresh.deliver("mo") == 1


def test_check_of_another_version_of_the_policy_counts_where_ours_lets_it_go(world: World) -> None:
    content = content_of(world)
    other = {**content.decision, "policy_sha256": "0" * 64, "codes": ["DT-099"]}
    assert isinstance(sent(world, "mo", "hk", decision=other, codes=("DT-099",)), bytes)


# --- signed acts --------------------------------------------------------------------------------------------------------

OF_TREATMENT = {"patient_id": "", "resources": (), "decision": {}}
OF_CELLS = {**OF_TREATMENT, "purpose": "COI_LOGISTICS"}
BATCH = {"batch": "B1", "chain_of_identity": "CHAIN"}
RELEASED = {
    "type": "ProductReleased", "product": "axicabtagene-ciloleucel", "bags": ["P1"], "expires_at": "2027-03-02T00:00:00Z", "storage_max_c": -150.0,
    "specification": "x", "decision_sha256": "", "certificate": "c", **BATCH,
}  # fmt: skip
LEG = {"shipment_id": "S", "chain_of_identity": "CHAIN", "bags": ["B"]}
SHIPPED = {"type": "ShipmentDispatched", "leg": "to_centre", "to_node": "hk", "container": "c", "logger_id": "l", **LEG}
READ = {"warmest_c": 4.0, "coldest_c": 3.0, "minutes_outside": 0, "seal_intact": True, "disposition": "accepted"}
ARRIVED = {"type": "ShipmentReceived", "leg": "to_plant", **LEG, **READ}
EXCEPTION = {"type": "GateExceptionSigned", "gate": "collection", "codes": ["gate.collection.x"], "valid_until": "2026-03-03T00:00:00Z", "regarding": "", "note": "x"}
LOWERED = {"type": "GradeConfirmed", "scale": "crs-astct-2019", "grade": 1, "computed": 3, "reason": "sepsis"}
BOARD = {"type": "BoardDecided", "product": "axicabtagene-ciloleucel", "decision": "treat", "decided_on": "2026-03-02", "note": "x"}


def signed_by(*persons: str) -> dict[str, Any]:
    return {"signed_by": [signature(person, "2026-03-02T01:00:00Z") for person in persons]}


@pytest.mark.parametrize(
    ("sender", "to", "event", "signers"),
    [
        ("sh", "hk", RELEASED, ()),
        ("sh", "hk", RELEASED, ("q", "q")),
        ("sh", "hk", SHIPPED, ()),
        ("sh", "hk", ARRIVED, ()),
        ("hk", "mo", EXCEPTION, ()),
        ("hk", "mo", {**EXCEPTION, "gate": "infusion"}, ("p",)),
        ("hk", "mo", BOARD, ()),
        ("hk", "mo", LOWERED, ()),
        ("hk", "mo", LOWERED, ("p", "p")),
    ],
)
def test_acts_that_people_sign_are_told_with_their_signatures(world: World, sender: str, to: str, event: dict[str, Any], signers: tuple[str, ...]) -> None:
    at = world.clock().isoformat()
    times = {"ShipmentDispatched": {"dispatched_at": at, "remaining_hold_h": None}, "ShipmentReceived": {"received_at": at}}.get(event["type"], {})
    body = OF_TREATMENT if sender == "hk" else OF_CELLS
    assert "federation.unsigned_act" in codes(sent(world, sender, to, **body, told=(told(world, sender, **event, **times, **signed_by(*signers)),)))


def test_signatures_that_are_there_are_taken(fresh: World) -> None:
    """Told by Hong Kong as its own commands record it."""
    fresh.accept()
    fresh.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    assert fresh.deliver("hk") == 1
    assert fresh.case("mo").of(ev.BoardDecided)


def test_a_grade_below_what_was_seen_is_told_with_two_signatures(world: World) -> None:
    """Where the computed grade was open, the least of its bounds counts; a grade at or above it takes one physician, as at its own node."""
    at = world.clock() - timedelta(hours=1)
    open_ = {"grade": None, "grade_min": 2, "grade_max": 4, "driver": None, "missing": ["oxygen_flow"], "decision_sha256": "0" * 64, "outcome": "undetermined"}
    seen = told(world, "hk", type="GradeAssessed", scale="crs-astct-2019", assessed_at=at.isoformat(), **open_)
    lowered = {**LOWERED, "computed": None}
    assert "federation.unsigned_act" in codes(sent(world, "hk", "mo", **OF_TREATMENT, told=(seen, told(world, "hk", **lowered, **signed_by("p")))))
    both = sent(world, "hk", "mo", **OF_TREATMENT, told=(seen, told(world, "hk", **{**lowered, "grade": 2}), told(world, "hk", **lowered, **signed_by("p", "r"))))
    assert "federation.unsigned_act" not in codes(both)


# --- who follows, and when ----------------------------------------------------------------------------------------------


def test_nobody_takes_a_patient_over_who_was_not_handed_over(world: World) -> None:
    accepted = {"type": "FollowUpAccepted", "from_node": "hk"}
    handed = {"type": "HandedOver", "to_node": "gd"}
    theirs = {"federation.not_theirs_to_tell"}
    assert codes(sent(world, "mo", "hk", **OF_TREATMENT, told=(told(world, "mo", **accepted),))) == theirs
    assert codes(sent(world, "mo", "hk", **OF_TREATMENT, told=(told(world, "mo", **handed),))) == theirs, "Macao opened the case and treats nobody"
    both = (told(world, "gd", **handed), told(world, "gd", **accepted))
    assert codes(sent(world, "gd", "hk", **OF_TREATMENT, told=both)) == theirs


@pytest.mark.parametrize("at", ["2000-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-08-01T00:00:00Z"])
def test_arrival_of_what_nobody_saw_leave_lies_between_the_opening_and_now(world: World, at: str) -> None:
    body = told(world, "sh", **{**ARRIVED, "shipment_id": "unknown"}, received_at=at)
    assert codes(sent(world, "sh", "hk", **OF_CELLS, told=(body,))) == {"federation.does_not_fit"}


def test_consent_gives_a_part_where_who_took_it_cares(fresh: World) -> None:
    """Shanghai is named in a consent that Guangzhou took, which cares for nobody; then in Macao's."""
    named = {"kind": "cross_border", "recipients": ("sh",), "purposes": ("CARE_REFERRAL",), "valid_until": None, "notice_version": "1", "notice_language": "en"}
    lonely = World.new(fresh.folder / "lonely")
    lonely.file("mo", lonely.bundle())
    assert whose.has_part(with_consent(lonely, "gd", named), "sh", "mo", {}) is False
    assert whose.has_part(with_consent(lonely, "mo", named), "sh", "mo", {}) is True


def with_consent(world: World, taker: str, named: dict[str, Any]) -> Case:
    """Macao's case with a consent that a node told of."""
    consent = ev.ConsentRecorded(consent_id="x", **named)
    at = world.clock()
    item = ev.Recorded(
        event_id="e", case_id=world.case_id, sequence=99, at=at, recorded_at=at, node=taker, organisation="", actor="a", role="coordinator", event=consent
    )
    return fold([*world.nodes["mo"].events(world.case_id), item])


# --- order --------------------------------------------------------------------------------------------------------------


def test_package_that_was_under_way_for_longer_rolls_nothing_back(fresh: World) -> None:
    """Macao sent a value, then another; the first package comes last."""
    node, name = fresh.nodes["hk"], ("Observation", "late")
    early, later = fresh.clock().isoformat(), fresh.clock().isoformat()

    def sent_then(value: str, at: str, **more: Any) -> bytes | Refusal:
        resource = result(fresh.patient, "late", valueString=value)
        about = checked(fresh, "mo", "hk", {"kept": ["Observation/late"], "subject": fresh.case_id}, transfer={"at": at})
        return sent(fresh, "mo", "hk", told=(), resources=(resource,), decision=about, sent_at=at, **more)

    def value() -> object:
        with node.storage.reading() as connection:
            version = store.get(connection, *name)
        return (version.resource["status"], version.resource["valueString"]) if version else None

    assert isinstance(sent_then("new", later), bytes)
    death = told(fresh, "mo", type="FindingConfirmed", fact="x", value="y", basis="z")
    assert isinstance(sent_then("old", early), bytes), "it arrived, and the sender has its receipt"
    assert value() == ("final", "new")
    assert fresh.events("hk", ev.PackageReceived)[-1].older == ("Observation/late",)
    gone = {"told": (death,), "resources": (), "decision": {}, "patient_id": "", "kind": "correction", "corrected": ("Observation/late",), "gone": ("Observation/late",)}
    assert isinstance(sent(fresh, "mo", "hk", **gone, sent_at=early), bytes)
    assert value() == ("final", "new"), "nor is it taken back"
    assert fresh.events("hk", ev.CorrectionReceived) == []
    assert any(entry.origin.event_id == death["event_id"] for entry in fresh.case("hk").entries), "what it tells is told all the same"
    assert isinstance(sent(fresh, "mo", "hk", **{**gone, "told": ()}, sent_at=fresh.clock().isoformat()), bytes)
    assert value() == ("entered-in-error", "new")
    assert isinstance(sent_then("old again", early), bytes)
    assert value() == ("entered-in-error", "new"), "nor does it come back"
