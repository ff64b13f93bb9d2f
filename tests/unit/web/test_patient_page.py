"""The patient's first page: the road with its days, what other hospitals told and what they did not, consents to take back, whom to call."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from acceptance.support import World
from baybridge.app import application
from baybridge.journey.command import Actor, Command, Role
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.config import read_config
from baybridge.node.handle import handle
from baybridge.node.node import Node
from baybridge.node.people import accounts
from told_status import consents, reserve


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.new(tmp_path)


def read(world: World, path: str = "", role: Role = Role.PATIENT, language: str = "en") -> str:
    node = world.nodes["mo"]
    name = f"{role.value}-{new_id(world.clock)}"
    patient = world.case("mo").patient_id if role is Role.PATIENT else None
    with node.storage.writing() as connection:
        accounts.add_account(
            connection, account=name, name=name, role=role, organisation=node.site.organisation, password="", password_hash="-", patient_id=patient, language=language
        )
        token = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1") as client:
        answer = client.get(f"/cases/{world.case_id}{path}", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return re.sub(r"\s+", " ", answer.text)


def test_what_another_hospital_told_stands_on_the_road_with_its_day(world: World) -> None:
    consents(world, status=True)
    day = reserve(world)
    world.deliver("hk")
    page = read(world)
    assert "A day for collecting your cells is reserved" in page
    assert f"Planned for {day.day} " in page
    assert "The day is not known yet." in page
    assert "Not told to us" not in page.replace("Not told to us: Shanghai", "")
    assert "WithdrawConsent?consent_id=" in page


def test_what_was_not_told_is_said_and_reads_as_nothing_nowhere(world: World) -> None:
    consents(world, status=False)
    reserve(world)
    world.deliver("hk")
    for path in ("", "/cells", "/funding"):
        assert "Not told to us" in read(world, path), path
    assert "No slot is recorded here." in read(world, "/cells", Role.COORDINATOR)
    assert "Not told to us" in read(world, "/cells", Role.COORDINATOR)


def test_results_bear_the_sentence_whom_to_ask_and_staff_do_not_read_it(world: World) -> None:
    consents(world, status=False)
    sentence = "Ask your doctor what they mean for you."
    assert all(sentence in read(world, path) for path in ("/tests", "/options", "/bedside", "/facts"))
    assert sentence not in read(world, "/tests", Role.PHYSICIAN)


def test_the_card_says_the_signs_and_that_no_number_is_kept(world: World) -> None:
    consents(world, status=False)
    page = read(world, "/watch")
    assert "38 °C or more" in page and "No number is kept here." in page


def test_a_sign_that_was_written_says_at_once_to_call(world: World) -> None:
    consents(world, status=False)
    node = world.nodes["mo"]
    patient = Actor("p", Role.PATIENT, node.site.organisation, patient_id=world.case("mo").patient_id, person="p")
    assert isinstance(handle(node, Command("WriteToTeam", world.case_id, {"watched": ["seizure"]}, patient, new_id(world.clock))), Done)
    page = read(world)
    assert "A fit. Call now." in page
    assert page.index("Call now.") < page.index("Where you are on the road")


def test_a_number_of_the_site_can_be_dialled_and_scanned(world: World) -> None:
    consents(world, status=False)
    folder = world.folder / "mo" / "data" / "telling"
    folder.mkdir(parents=True)
    (folder / "patients.yaml").write_text("id: patients\nnumbers: [{who: {en: Ward}, number: '+853 0000 0000'}]\n", encoding="utf-8")
    world.nodes["mo"] = Node(read_config(world.folder / "mo"), now=world.clock)
    page = read(world, "/watch")
    assert 'href="tel:+85300000000"' in page and "<svg" in page
