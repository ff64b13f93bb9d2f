"""Who decides, at a whole node: by the birth date in the record, on the page, in tasks, in FHIR and at another node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Refused, World
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import CapacityStated
from baybridge.node.clock import new_id
from baybridge.node.handle import handle
from baybridge.node.people import accounts
from baybridge.node.upkeep import projections
from baybridge.record.store import store

CARE = {"kind": "care", "notice_version": "1", "notice_language": "zh-Hant"}
GUARDIAN = {"given_by": "guardian", "by_document": "birth certificate, paper file 3"}
BORN = "2008-03-04"  # the clock of the tests begins on 2 March 2026: a child for two more days


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World.new(tmp_path)
    bundle = world.bundle()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["birthDate"] = BORN
    world.file("mo", bundle)
    return world


def open_tasks(world: World, node: str = "mo") -> list[dict[str, Any]]:
    return [task for task in projections.task_rows(world.nodes[node], world.case_id) if task["step"] == "own_consent"]


def refused(world: World, name: str, node: str = "mo", role: Role = Role.COORDINATOR, **given: Any) -> list[str]:
    with pytest.raises(Refused) as raised:
        world.do(node, role, name, **given)
    return raised.value.codes


def page(world: World, language: str = "en") -> str:
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        name = new_id()
        accounts.add_account(connection, account=name, name=name, role=Role.COORDINATOR, organisation=node.site.organisation, password="-")
        token = accounts.open_session(connection, name, node.now()).token
    client = TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False)
    return client.get(f"/cases/{world.case_id}/sharing", headers={"cookie": f"baybridge={token}; language={language}"}).text


def test_coming_of_age_is_a_task_and_ends_with_the_own_consent(world: World) -> None:
    assert refused(world, "RecordConsent", **CARE) == ["consent.giver.minor"]
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE, **GUARDIAN)
    assert "The guardian: the patient is younger than 18." in page(world)
    assert open_tasks(world) == []
    world.clock.moment = datetime(2026, 3, 3, 15, 59, tzinfo=UTC)  # one minute before midnight in Macao
    projections.refresh_all(world.nodes["mo"], [world.case_id])
    assert open_tasks(world) == []
    world.clock.moment = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)  # the birthday has begun
    projections.refresh_all(world.nodes["mo"], [world.case_id])
    (task,) = open_tasks(world)
    assert (task["role"], task["values"], task["commands"]) == ("coordinator", {"kind": "care", "given_by": "guardian"}, ["RecordConsent", "WithdrawConsent"])
    seen = page(world)
    assert "by the guardian: birth certificate, paper file 3" in seen
    assert "Record the patient&#39;s own consent" in seen or "Record the patient's own consent" in seen
    assert refused(world, "RecordConsent", **CARE, **GUARDIAN) == ["consent.giver.of_age"]
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE)
    assert open_tasks(world) == []


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "pt"])
def test_the_page_says_who_decides_in_every_language(world: World, language: str) -> None:
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE, **GUARDIAN)
    said = {"zh-Hans": "监护人：患者未满18岁", "zh-Hant": "監護人：病人未滿18歲", "pt": "O tutor: o doente tem menos de 18 anos"}
    assert said[language] in page(world, language)


def test_a_withdrawal_in_doubt_that_another_node_tells_is_a_task_where_the_patient_is_treated(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    world.accept()
    world.deliver()
    consent = next(one for one in world.case("mo").consents if one.kind == "care")
    world.do("hk", Role.PHYSICIAN, "StateCapacity", can_decide=False, seen_at=world.clock().isoformat(), note="does not follow")
    world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    assert in_doubt(world, "hk") == []
    world.deliver()
    assert in_doubt(world, "hk") == [("coordinator", "red")]
    world.do("hk", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id, given_by="representative", by_document="court order, paper file 3")
    assert in_doubt(world, "hk") == []


def in_doubt(world: World, node: str) -> list[tuple[str, str]]:
    found = projections.task_rows(world.nodes[node], world.case_id)
    return [(str(task["role"]), str(task["level"])) for task in found if task["step"] == "doubtful_withdrawal"]


def test_a_statement_reaches_the_centre_that_treats_and_is_signed(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.consent()
    given = {"can_decide": False, "seen_at": world.clock().isoformat(), "note": "drowsy, answers no question"}
    assert refused(world, "StateCapacity", role=Role.NURSE, **given) == ["access.command"]
    world.do("mo", Role.PHYSICIAN, "StateCapacity", **given)
    assert refused(world, "RecordConsent", **CARE) == ["consent.giver.stated"]
    (stated,) = world.events("mo", CapacityStated)
    assert [one.role for one in stated.signed_by] == ["physician"]
    world.do("mo", Role.PHYSICIAN, "DecideEligibility")
    world.do("mo", Role.COORDINATOR, "ReferCase", to_node="hk", product="axicabtagene-ciloleucel")
    world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    world.deliver("mo")
    assert refused(world, "RecordConsent", node="hk", **CARE) == ["consent.giver.stated"]


def test_fhir_names_the_capacity_and_no_person(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE, **GUARDIAN)
    node = world.nodes["mo"]
    with node.storage.reading() as connection:
        found = [store.get(connection, "Consent", f"consent-{one.consent_id}") for one in world.case("mo").consents]
    (consent,) = found
    assert consent is not None
    assert consent.resource["performer"] == [{"type": "RelatedPerson", "display": "guardian"}]
    assert "paper file" not in json.dumps(consent.resource)


def test_a_patient_s_own_account_takes_back_only_for_itself(world: World) -> None:
    world.do("mo", Role.COORDINATOR, "RecordConsent", **CARE, **GUARDIAN)
    consent = world.case("mo").consents[0].consent_id
    actor = Actor("p", Role.PATIENT, world.nodes["mo"].site.organisation, patient_id=world.patient, person="p")
    answer = handle(world.nodes["mo"], Command("WithdrawConsent", world.case_id, {"consent_id": consent, **GUARDIAN}, actor, new_id()))
    assert isinstance(answer, Refusal)
    assert [reason.code for reason in answer.reasons] == ["consent.giver.own_account"]
    other = Actor("q", Role.PATIENT, world.nodes["mo"].site.organisation, patient_id="somebody-else", person="q")
    answer = handle(world.nodes["mo"], Command("WithdrawConsent", world.case_id, {"consent_id": consent}, other, new_id()))
    assert isinstance(answer, Refusal)
