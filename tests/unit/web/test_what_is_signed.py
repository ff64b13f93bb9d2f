"""Whoever signs as the second person reads what it is about: an entry in words, the old beside the new, and a batch's tests against its specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import case_world
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import GradeConfirmed, ProductTested
from baybridge.node import handle
from baybridge.node.node import Node, open_node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from page_words import Read, technical
from watch_world import CASE, Ward

PASSWORD = "a long enough password"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    for name, role in (("physician", Role.PHYSICIAN), ("physician-2", Role.PHYSICIAN), ("quality", Role.QUALITY)):
        made.account(name, role)
    yield made
    made.node.storage.close()


def page(node: Node, address: str, name: str, language: str = "en") -> str:
    with TestClient(application(node, workers=False)) as client:
        client.post("/sign-in", data={"name": name, "password": PASSWORD})
        answer = client.get(f"{address}?language={language}")
    assert answer.status_code == 200, answer.text
    return answer.text


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text.partition("<main")[2].partition("</main>")[0]).split())


def given(ward: Ward, name: str, command: str, **more: Any) -> Any:
    """What an account that can sign gives."""
    ward.now += timedelta(seconds=1)
    with ward.node.storage.reading() as connection:
        actor = accounts.open_actor(connection, name, ward.now)
    assert actor is not None
    done = handle.handle(ward.node, Command(command, CASE, more, actor, f"{command}-{ward.now.isoformat()}"))
    assert not isinstance(done, Refusal), done
    return done.events[0]


def asked(ward: Ward, kind: type, **correction: Any) -> str:
    """The page of a correction of the newest entry of a kind, which waits."""
    event_id = next(one.event_id for one in reversed(ward.events) if isinstance(one.event, kind))
    waits = given(ward, "physician", "CorrectEntry", event_id=event_id, reason="wrong-value", note="", **correction)
    return f"/cases/{CASE}/confirmations/{waits.event.confirmation_id}"


def confirmed(ward: Ward) -> None:
    ward.assess(temperature=39.2, hypotension="fluids")
    given(ward, "physician", "ConfirmGrade", scale="crs-astct-2019", grade=4, reason="worse than it looks")


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
def test_a_replacement_shows_the_old_beside_the_new_and_no_address_of_a_record(ward: Ward, language: str) -> None:
    confirmed(ward)
    address = asked(ward, GradeConfirmed, action="replace", given={"scale": "crs-astct-2019", "grade": 2, "reason": "another patient's"})
    text = page(ward.node, address, "physician-2", language)
    said = words(text)
    assert re.search(r"<del>4</del>.*?<strong>2</strong>", text, re.DOTALL), said
    assert "worse than it looks" in said and "another patient" in said
    assert not re.search(r"\{'|crs-astct-2019|None", said) and not list(technical(Read(text), "physician"))


def test_what_stays_is_not_called_changed(ward: Ward) -> None:
    confirmed(ward)
    text = page(ward.node, asked(ward, GradeConfirmed, action="replace", given={"scale": "crs-astct-2019", "grade": 2, "reason": "worse than it looks"}), "physician-2")
    assert text.count("changed</span>") == 1


def test_an_entry_that_would_be_struck_through_is_read_in_words(ward: Ward) -> None:
    confirmed(ward)
    said = words(page(ward.node, asked(ward, GradeConfirmed, action="void"), "physician-2"))
    assert "strike it through" in said and "The entry Grade confirmed" in said and "worse than it looks" in said


def test_whoever_may_not_read_the_entry_and_does_not_sign_sees_no_line_of_it(ward: Ward) -> None:
    ward.account("laboratory", Role.LABORATORY)
    confirmed(ward)
    address = asked(ward, GradeConfirmed, action="void")
    with TestClient(application(ward.node, workers=False)) as client:
        client.post("/sign-in", data={"name": "laboratory", "password": PASSWORD})
        assert "worse than it looks" not in client.get(address).text


# --- a release -------------------------------------------------------------------------------------------------------


@dataclass
class Plant:
    """A plant whose batch was tested, twice for its viability, and is not released yet."""

    node: Node
    now: datetime

    def actor(self, name: str) -> Actor:
        with self.node.storage.reading() as connection:
            found_one = accounts.open_actor(connection, name, self.now)
        assert found_one is not None
        return found_one


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    world = case_world.at_plant().walk(case_world.START_BATCH, case_world.TEST)
    folder, now = tmp_path / "plant", world.now + timedelta(hours=1)
    found(folder, {"node": "sh", "organisation": "Shanghai Plant", "jurisdiction": "CN", "city": "Shanghai", "kinds": ["plant"]})
    made = Plant(open_node(folder, now=lambda: now), now)
    tests = [ProductTested(batch="batch-1", results=(("viability", value, "%"),), outcome="", decision_sha256="") for value in ("12", "88")]
    with made.node.unit() as unit:
        unit.append(CASE, [*(item.event for item in world.events), *tests], Actor("somebody", Role.LABORATORY, made.node.site.organisation), known=0)
        for name, role in (("quality", Role.QUALITY), ("maker", Role.MANUFACTURER)):
            accounts.add_account(unit.connection, account=name, name=name, role=role, organisation=made.node.site.organisation, password=PASSWORD)
    yield made
    made.node.storage.close()


def test_whoever_releases_reads_which_result_counts_and_that_the_batch_is_rejected(plant: Plant) -> None:
    said = words(page(plant.node, f"/cases/{CASE}/do/Release", "quality"))
    assert "signing rejects this batch" in said and "Outside its limit: viability" in said
    assert re.search(r"viability 12 %\s+Also measured, does not count ?: 91 % ?; 88 %", said), said
    assert "Also measured, does not count" in words(page(plant.node, f"/cases/{CASE}/cells", "quality")), "the page of the cells says the same"


def test_the_second_person_reads_the_same_before_signing(plant: Plant) -> None:
    expires = (plant.now + timedelta(days=180)).isoformat()
    release = {"batch": "batch-1", "bags": ["product-1"], "expires_at": expires, "certificate": "certificate-1"}
    done = handle.handle(plant.node, Command("Release", CASE, release, plant.actor("quality"), "release-1"))
    assert not isinstance(done, Refusal), done
    said = words(page(plant.node, f"/cases/{CASE}/confirmations/{done.events[0].event.confirmation_id}", "maker"))
    assert "signing rejects this batch" in said and "viability 12 %" in said and "approved the rejection" in said


def test_results_that_another_node_told_and_this_one_cannot_read_stand_as_they_came(plant: Plant) -> None:
    told = ProductTested(batch="batch-1", results=(("no_such_attribute", "7", "-"), ("endotoxin", "low", "-")), outcome="", decision_sha256="")
    with plant.node.unit() as unit:
        unit.append(CASE, [told], Actor("somebody", Role.LABORATORY, "elsewhere"), known=len(unit.events(CASE)))
    for address in ("cells", "do/Release"):
        said = words(page(plant.node, f"/cases/{CASE}/{address}", "quality"))
        assert "no such attribute 7 cannot be read here, does not count" in said and "endotoxin low cannot be read here" in said
