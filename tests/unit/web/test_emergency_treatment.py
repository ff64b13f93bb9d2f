"""An emergency at a node: two physicians sign, every page of the case says so, FHIR and state too; after a day it is said that the consent is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Actor, Command, Role
from baybridge.journey.events import ConfirmationAsked, ConsentWithdrawn, EmergencyRecorded
from baybridge.node.case_state import case_state
from baybridge.node.clock import new_id
from baybridge.node.commands.done import Done
from baybridge.node.handle import handle
from baybridge.node.people import accounts
from watch_world import CASE, Ward

SAID = {"reason": "intubated", "presumed_will": "signed up for this therapy", "note": "withdrawn by mistake"}
TABS = ("", "/bedside", "/cells", "/timeline", "/sharing")


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    for account, role in (("doc", Role.PHYSICIAN), ("doc-2", Role.PHYSICIAN), ("nurse", Role.NURSE)):
        ward.account(account, role)
    consent = ward.case.consents[0]
    with ward.node.unit() as unit:
        unit.append(CASE, [ConsentWithdrawn(consent_id=consent.consent_id, withdrawn_on=ward.now.date())], Actor("c", Role.COORDINATOR, "x"), known=len(ward.events))
    yield ward
    ward.node.storage.close()


def give(ward: Ward, account: str, name: str, given: dict[str, Any]) -> Done:
    with ward.node.storage.reading() as connection:
        actor = accounts.open_actor(connection, account, ward.now)
    assert actor is not None
    done = handle(ward.node, Command(name, CASE, given, actor, new_id()))
    assert isinstance(done, Done), done
    return done


def pages(ward: Ward) -> list[str]:
    with ward.node.storage.writing() as connection:
        token = accounts.open_session(connection, "nurse", ward.now).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        return [client.get(f"/cases/{CASE}{tab}", headers={"authorization": f"Bearer {token}"}).text for tab in TABS]


def test_two_physicians_sign_and_every_page_says_so_until_the_consent_is_there(ward: Ward) -> None:
    asked = give(ward, "doc", "RecordEmergency", SAID).events[0].event
    assert isinstance(asked, ConfirmationAsked)
    assert not ward.case.of(EmergencyRecorded)
    give(ward, "doc-2", "ConfirmEntry", {"confirmation_id": asked.confirmation_id, "agrees": True})
    (entry,) = ward.case.of(EmergencyRecorded)
    assert [one.account for one in entry.event.signed_by] == ["doc", "doc-2"]
    assert entry.event.until == entry.origin.at + timedelta(hours=24)
    assert all("Emergency: two physicians signed" in page for page in pages(ward))
    ward.now += timedelta(hours=24)
    assert all("the consent is still missing" in page for page in pages(ward))
    give(ward, "nurse", "RecordConsent", {"kind": "care", "notice_version": "1", "notice_language": "en"})
    assert not any("consent is still missing" in page for page in pages(ward))
    assert "'consent_overdue': False" in str(case_state(ward.node, CASE))
