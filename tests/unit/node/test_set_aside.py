"""What a neighbour told wrongly is set aside here by two persons: struck through, made again, shown to the neighbour, and taken back again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Refused, World, read_resource
from baybridge.app import application
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.corrected import set_aside_elsewhere
from baybridge.node.case_state import case_state
from baybridge.node.integrity import check
from baybridge.node.integrity.rows import RowLog
from baybridge.node.neighbours import witnessing
from baybridge.node.people import accounts, persons
from baybridge.node.upkeep.projections import open_tasks
from hostile_packages import sent, told

ASK = {"temperature": 39.0, "fever_attributable": True, "hypotension": "none", "oxygen_device": "none"}
OF_TREATMENT = {"patient_id": "", "resources": (), "decision": {}}


@pytest.fixture
def world(treated: World, tmp_path: Path) -> World:
    return treated.copied(tmp_path)


@pytest.fixture(scope="module")
def treated(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Hong Kong accepted the case of Macao and treats."""
    made = World.new(tmp_path_factory.mktemp("nodes"))
    made.refer()
    made.accept()
    with made.nodes["hk"].unit() as unit:
        moment = unit.at - timedelta(hours=30)
        infused = ev.Infused(product="x", batch="b", bag="g", chain_of_identity="c", started_at=moment, ended_at=moment, entire_volume=True)
        unit.append(made.case_id, [infused], made.actor("hk", Role.NURSE), known=len(unit.events(made.case_id)))
    return made


def by_two(world: World, node: str, name: str, **given: Any) -> Any:
    """A command of quality that a physician confirms."""
    with world.nodes[node].storage.writing() as connection:
        if accounts.open_actor(connection, "test-quality", world.clock()) is None:
            organisation = world.nodes[node].site.organisation
            persons.add(connection, persons.Person("test-quality", "q"))
            more = {"organisation": organisation, "password": "-", "person_id": "test-quality"}
            accounts.add_account(connection, account="test-quality", name="q", role=Role.QUALITY, **more)
    (asked,) = world.do(node, Role.QUALITY, name, **given).events
    assert isinstance(asked.event, ev.ConfirmationAsked)
    return world.do(node, Role.PHYSICIAN, "ConfirmEntry", confirmation_id=asked.event.confirmation_id, agrees=True)


def waiting(world: World, node: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What a node's quality is asked to look at again."""
    found = world.nodes[node]
    with found.storage.reading() as connection:
        tasks = open_tasks(found, connection, world.case(node), world.clock())
    return [(task.step, task.role, task.values) for task in tasks if task.step == "set_aside_elsewhere"]


def dead(world: World, node: str) -> bool:
    found = case_state(world.nodes[node], world.case_id)
    assert isinstance(found, dict)
    return bool(found["dead"])


def test_death_that_a_neighbour_told_wrongly_is_set_aside_and_counts_again(world: World) -> None:
    died = told(world, "hk", type="Died", died_on="2026-03-02", cause="disease")
    assert isinstance(sent(world, "hk", "mo", **OF_TREATMENT, told=(died,)), bytes)
    event_id = died["event_id"]
    assert dead(world, "mo")
    by_two(world, "mo", "SetAsideEntry", event_id=event_id, reason="wrong-patient", note="she was here this morning")
    assert not dead(world, "mo")
    assert [(one.entry.origin.event_id, one.state, one.by.event.note) for one in world.case("mo").struck] == [(event_id, "voided", "she was here this morning")]
    assert read_resource(world.nodes["mo"], f"EpisodeOfCare/{world.case_id}")["status"] == "planned"
    assert isinstance(sent(world, "hk", "mo", **OF_TREATMENT, told=(died,)), bytes)
    assert not dead(world, "mo"), "told again, it is no news"
    by_two(world, "mo", "ReinstateEntry", event_id=event_id)
    assert dead(world, "mo") and not world.case("mo").struck
    assert read_resource(world.nodes["mo"], f"EpisodeOfCare/{world.case_id}")["status"] == "finished"
    with pytest.raises(Refused) as refused:
        world.do("mo", Role.QUALITY, "ReinstateEntry", event_id=event_id)
    assert refused.value.codes == ["correction.aside.not_set_aside"]
    node = world.nodes["mo"]
    witnessing.sign_checkpoint(node)
    with node.storage.reading() as connection:
        assert check.check(connection, node.config, RowLog(node.site, node.pseudonym, node.now)).findings == []


def test_grade_goes_with_its_assessment_and_the_neighbour_is_shown_it(world: World) -> None:
    at = (world.clock() - timedelta(hours=2)).isoformat()
    assessed = world.do("hk", Role.NURSE, "Assess", findings=ASK, assessed_at=at).events[0].event_id
    world.do("hk", Role.COORDINATOR, "Transfer", to_node="mo", purpose="CARE_REFERRAL")
    world.deliver("hk")
    assert world.case("mo").grades["crs-astct-2019"].latest.event.grade_min == 1
    by_two(world, "mo", "SetAsideEntry", event_id=assessed, reason="wrong-patient", note="words for the own staff")
    assert not world.case("mo").assessments and not world.case("mo").grades, "what it was worked out from is gone"
    assert world.case("hk").assessments and world.deliver("mo") == 1
    assert world.case("hk").assessments and not world.case("hk").struck, "at Hong Kong it stands until Hong Kong puts it right"
    shown = set_aside_elsewhere(world.case("hk").history)[assessed]
    assert [(one.origin.node, one.event.reason, one.event.note) for one in shown] == [("mo", "wrong-patient", "")]
    assert waiting(world, "hk") == [("set_aside_elsewhere", "quality", {"event": "AssessmentRecorded", "node": "mo"})]
    page = page_of(world, "hk", Role.PHYSICIAN, "timeline")
    assert "set aside at" in page and "words for the own staff" not in page
    right = {"findings": {**ASK, "temperature": 36.8}, "assessed_at": at}
    world.do("hk", Role.PHYSICIAN, "CorrectEntry", event_id=assessed, action="replace", reason="wrong-value", given=right)
    assert not waiting(world, "hk"), "put right"
    world.deliver("hk")
    assert [dict(one.event.findings)["temperature"] for one in world.case("mo").assessments] == [36.8], "its own node's word goes before"


def test_what_is_not_set_aside_and_by_whom(world: World) -> None:
    consent = next(one for one in world.case("hk").consents if one.kind == "care")
    opened = next(entry for entry in world.case("hk").history if isinstance(entry.event, ev.CaseOpened))
    accepted = next(entry for entry in world.case("hk").history if isinstance(entry.event, ev.CaseAccepted))
    referred = next(entry for entry in world.case("hk").history if isinstance(entry.event, ev.CaseReferred))

    def refused(event_id: str, role: Role = Role.QUALITY, **more: Any) -> list[str]:
        with pytest.raises(Refused) as found:
            world.do("hk", role, "SetAsideEntry", **{"event_id": event_id, "reason": "wrong-value", **more})
        return found.value.codes

    assert refused(consent.origin.event_id) == ["correction.elsewhere"]
    assert refused(opened.origin.event_id)[0] == "correction.elsewhere"
    assert refused(accepted.origin.event_id)[0] == "correction.aside.own"
    assert refused(referred.origin.event_id) == ["correction.depends"], "Hong Kong accepted what it was asked"
    assert refused("nothing") == ["correction.unknown"]
    assert refused(referred.origin.event_id, Role.PHYSICIAN) == ["access.command"]
    assert "correction.no_note" in refused(referred.origin.event_id, reason="other")


def test_page_of_an_entry_of_another_node_offers_to_set_it_aside(world: World) -> None:
    died = told(world, "hk", type="Died", died_on="2026-03-02", cause="disease")
    assert isinstance(sent(world, "hk", "mo", **OF_TREATMENT, told=(died,)), bytes)
    address = f"entries/{died['event_id']}"
    assert "Set aside" in page_of(world, "mo", Role.QUALITY, "timeline")
    page = page_of(world, "mo", Role.QUALITY, address)
    assert "Set an entry of another node aside" in page and 'value="aside"' in page
    assert 'value="aside"' not in page_of(world, "mo", Role.PHYSICIAN, address)
    by_two(world, "mo", "SetAsideEntry", event_id=died["event_id"], reason="wrong-patient")
    assert 'value="reinstate"' in page_of(world, "mo", Role.QUALITY, address)


def page_of(world: World, node: str, role: Role, tab: str) -> str:
    """A page of the case as somebody of that role sees it."""
    here, account = world.nodes[node], f"{role.value}-{tab[:8].replace('/', '-')}"
    with here.storage.writing() as connection:
        if accounts.open_actor(connection, account, here.now()) is None:
            accounts.add_account(connection, account=account, name=account, role=role, organisation=here.site.organisation, password="-")
        token = accounts.open_session(connection, account, here.now()).token
    with TestClient(application(here, workers=False), base_url="http://127.0.0.1") as client:
        page = client.get(f"/cases/{world.case_id}/{tab}", headers={"authorization": f"Bearer {token}", "accept": "text/html"})
    assert page.status_code == 200, page.text[:500]
    return page.text
