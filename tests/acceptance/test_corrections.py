"""What was decided or sent on a result that proves wrong: made again, told on, seen by people; and a consent that is taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acceptance.support import Refused, World, read_resource, resource_of
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.neighbours import package as packages
from baybridge.node.upkeep import projections


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.new(tmp_path)


def tasks(world: World, node: str) -> dict[str, Any]:
    with world.nodes[node].storage.reading() as connection:
        found = projections.open_tasks(world.nodes[node], connection, world.case(node), world.clock())
    return {task.step: task for task in found}


def waiting(world: World, node: str) -> list[Any]:
    with world.nodes[node].storage.reading() as connection:
        return list(connection.execute(tables.outgoing.select().where(tables.outgoing.c.receipt.is_(None))).mappings())


def positive(resource: dict[str, Any]) -> dict[str, Any]:
    coding = {"system": "http://snomed.info/sct", "code": "10828004", "display": "Positive"}
    return {**resource, "status": "corrected", "valueCodeableConcept": {"coding": [coding]}}


def test_correction_after_decision_makes_it_again(world: World) -> None:
    bundle = world.refer()
    before = {e.policy: e for e in world.events("mo", ev.EligibilityDecided)}
    diagnosis = resource_of(bundle, "-dx")
    myeloma = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "C90.0"}]}
    world.file("mo", [{**diagnosis, "code": myeloma}])
    reopened = world.events("mo", ev.DecisionReopened)
    assert reopened, "decisions rested on the diagnosis"
    after = {e.policy: e for e in world.events("mo", ev.EligibilityDecided)}
    turned = {p for p in after if after[p].outcome != before[p].outcome}
    assert turned, "myeloma is outside the labels for lymphoma"
    assert {r.decision_sha256 for r in reopened if r.outcome_changed} == {before[p].decision_sha256 for p in turned}
    assert {r.new_decision_sha256 for r in reopened} == {after[p].decision_sha256 for p in after if after[p] != before[p]}
    task = tasks(world, "mo")["reopened"]
    assert task.role == "physician" and "DecideEligibility" in task.commands
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    assert "reopened" not in tasks(world, "mo")


def test_corrected_result_turns_a_fitness_check(world: World) -> None:
    """The step itself looks at the last check, so that a correction stops it."""
    bundle = world.refer()
    world.accept()
    world.do("hk", Role.PHYSICIAN, "CheckFitness", step="collection")
    before = world.events("hk", ev.FitnessChecked)
    haemoglobin = resource_of(bundle, "-a-hb")
    world.file("mo", [{**haemoglobin, "valueQuantity": {**haemoglobin["valueQuantity"], "value": 31}}])
    world.deliver("mo")
    after = world.events("hk", ev.FitnessChecked)
    assert len(before) == 1 and len(after) == 2
    assert after[-1].outcome != before[-1].outcome
    assert "reopened" in tasks(world, "hk")


def test_same_file_again_reopens_nothing(world: World) -> None:
    bundle = world.refer()
    world.file("mo", bundle)
    assert not world.events("mo", ev.DecisionReopened)
    assert not waiting(world, "mo")


def test_correction_after_transfer_reaches_the_receiver_and_its_recognition(world: World) -> None:
    bundle = world.refer()
    world.accept()
    marker = resource_of(bundle, "-a-hbsag")
    judged = [e for e in world.events("hk", ev.ResultRecognised, ev.RepeatRequested) if e.result_id == marker["id"]]
    assert len(judged) == 1
    world.file("mo", [{**marker, "status": "entered-in-error"}])
    allowed = world.events("mo", ev.TransferAllowed)
    assert [one.to_node for one in allowed] == ["hk", "hk"]
    assert not world.events("hk", ev.CorrectionReceived)
    world.deliver("mo")
    received = world.events("hk", ev.CorrectionReceived)
    assert [(one.from_node, one.resource, one.package_id) for one in received] == [("mo", f"Observation/{marker['id']}", allowed[-1].package_id)]
    assert read_resource(world.nodes["hk"], f"Observation/{marker['id']}")["status"] == "entered-in-error"
    assert judged[0].decision_sha256 in {e.decision_sha256 for e in world.events("hk", ev.DecisionReopened)}
    again = [e for e in world.events("hk", ev.ResultRecognised, ev.RepeatRequested) if e.result_id == marker["id"]][-1]
    assert isinstance(again, ev.RepeatRequested)
    assert again.decision_sha256 != judged[0].decision_sha256
    receipts = {e.package_id for e in world.events("mo", ev.TransferReceived)}
    assert allowed[-1].package_id in receipts
    if isinstance(judged[0], ev.ResultRecognised):
        assert "reopened" in tasks(world, "hk")


def test_correction_through_fhir_reaches_the_receiver(world: World) -> None:
    from baybridge.node.fhir import interactions

    bundle = world.refer()
    ecog = {**resource_of(bundle, "-a-ecog"), "valueInteger": 3}
    node = world.nodes["mo"]
    done = interactions.write(node, world.actor("mo", Role.PHYSICIAN), [interactions.Interaction("PUT", "Observation", ecog["id"], ecog)])
    assert isinstance(done, list)
    world.deliver("mo")
    assert read_resource(world.nodes["hk"], f"Observation/{ecog['id']}")["valueInteger"] == 3
    assert world.events("hk", ev.CorrectionReceived)


def test_deleted_result_is_marked_as_entered_in_error_at_the_receiver(world: World) -> None:
    from baybridge.node.fhir import interactions

    bundle = world.refer()
    name = resource_of(bundle, "-a-ecog")["id"]
    done = interactions.write(world.nodes["mo"], world.actor("mo", Role.PHYSICIAN), [interactions.Interaction("DELETE", "Observation", name, reason="wrong-patient")])
    assert isinstance(done, list)
    world.deliver("mo")
    assert read_resource(world.nodes["hk"], f"Observation/{name}")["status"] == "entered-in-error"
    assert [e.resource for e in world.events("hk", ev.CorrectionReceived)] == [f"Observation/{name}"]


def test_correction_does_not_come_back_or_go_round(world: World) -> None:
    bundle = world.refer()
    world.accept()
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    world.deliver("hk")
    ecog = resource_of(bundle, "-a-ecog")
    world.file("mo", [{**ecog, "valueInteger": 2}])
    for _ in range(4):
        world.deliver()
    assert not any(waiting(world, node) for node in world.nodes)
    assert len(world.events("hk", ev.CorrectionReceived)) == 1
    assert not world.events("mo", ev.CorrectionReceived)
    assert read_resource(world.nodes["mo"], f"Observation/{ecog['id']}")["valueInteger"] == 2


def test_correction_that_may_not_be_sent_any_more_is_told_without_content(world: World) -> None:
    bundle = world.refer()
    for consent in world.case("mo").consents:
        if consent.kind in ("sensitive", "cross_border"):
            world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    world.deliver("mo")
    ecog = resource_of(bundle, "-a-ecog")
    world.file("mo", [{**ecog, "valueInteger": 3}])
    assert world.events("mo", ev.TransferRefused)[-1].to_node == "hk"
    world.deliver("mo")
    assert [e.resource for e in world.events("hk", ev.CorrectionReceived)] == [f"Observation/{ecog['id']}"]
    assert read_resource(world.nodes["hk"], f"Observation/{ecog['id']}")["valueInteger"] == 1, "its content may not travel"
    assert "correction" in tasks(world, "hk")


def test_withdrawn_consent_reaches_every_node_that_has_data(world: World) -> None:
    world.refer()
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="gd", purpose="CARE_REFERRAL")
    world.deliver("mo")
    consent = next(c for c in world.case("mo").consents if c.kind == "sensitive")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    assert {row["to_node"] for row in waiting(world, "mo")} == {"gd", "hk"}
    world.deliver()
    for node in ("gd", "hk"):
        told = next(c for c in world.case(node).consents if c.consent_id == consent.consent_id)
        assert told.withdrawn_on is not None
        assert "withdrawn" in tasks(world, node)
    assert not world.case("sh").entries, "a node without data of this case hears nothing"
    assert not any(waiting(world, node) for node in world.nodes)
    receipts = world.events("mo", ev.TransferReceived)
    assert len(receipts) == 4, "two transfers and two withdrawals have their receipts"


def test_withdrawal_at_the_receiver_reaches_the_source_and_whom_it_sent_to(world: World) -> None:
    world.refer()
    world.accept()
    consent = next(c for c in world.case("hk").consents if c.kind == "sensitive")
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="gd", purpose="CARE_REFERRAL")
    world.deliver("hk")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    for _ in range(3):
        world.deliver()
    told = next(c for c in world.case("gd").consents if c.consent_id == consent.consent_id)
    assert told.withdrawn_on is not None, "Hong Kong passed it on to Guangzhou"
    assert not any(waiting(world, node) for node in world.nodes)


def test_a_notice_of_withdrawal_holds_no_data_of_the_patient(world: World) -> None:
    world.refer()
    consent = next(c for c in world.case("mo").consents if c.kind == "sensitive")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    row = waiting(world, "mo")[0]
    senders = {"mo": world.nodes["hk"].neighbours["mo"].signing_keys}
    opened = packages.open_sealed(row["sealed"], world.nodes["hk"].config.sealing_key, senders, "hk")
    assert isinstance(opened, packages.Opened)
    assert (opened.content.kind, opened.content.resources, opened.content.patient_id) == (packages.WITHDRAWAL, (), "")
    assert {item["event"]["type"] for item in opened.content.told} == {"ConsentRecorded", "ConsentWithdrawn"}


def test_transfer_is_not_judged_again(world: World) -> None:
    bundle = world.refer()
    sent = world.events("mo", ev.TransferAllowed)[0]
    world.file("mo", [{**resource_of(bundle, "-a-ecog"), "valueInteger": 4}])
    assert sent.decision_sha256 not in {e.decision_sha256 for e in world.events("mo", ev.DecisionReopened)}


def test_decision_is_made_again_with_what_a_person_gave(world: World) -> None:
    """What a caller laid over the record stays laid over; only what was read is read anew."""
    bundle = world.refer()
    node = world.nodes["mo"]
    with node.storage.reading() as connection:
        rows = connection.execute(tables.decision.select()).mappings().all()
    assert all(row["given"] == b"{}" for row in rows if row["policy"].startswith(("axi", "rel")))
    world.file("mo", [positive(resource_of(bundle, "-a-hbsag"))])
    with node.storage.reading() as connection:
        superseded = connection.execute(tables.decision.select().where(tables.decision.c.superseded_by.is_not(None))).mappings().all()
    for row in superseded:
        new = node.storage.engine.connect().execute(tables.decision.select().where(tables.decision.c.sha256 == row["superseded_by"])).mappings().one()
        assert new["given"] == row["given"]


def test_refused_transfer_again_is_refused_again(world: World) -> None:
    world.file("mo", world.bundle())
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            world.do("mo", Role.COORDINATOR, "Transfer", "same", to_node="hk", purpose="CARE_REFERRAL")
        assert refused.value.codes
    assert len(world.events("mo", ev.TransferRefused)) == 1
