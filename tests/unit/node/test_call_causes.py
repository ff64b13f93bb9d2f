"""A call whose cause is corrected or withdrawn from outside says so and asks a physician to close or keep it; it neither goes silently nor stays without a word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.journey import events as ev
from baybridge.journey.calls import Call
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.people import accounts
from baybridge.node.upkeep.attention import attention
from baybridge.record.store import store
from watch_world import CASE, Ward

CAUSES = ("corrected", "entered in error", "another patient's", "deleted")


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    ward.observe("oxygen_saturation", 84, logical_id="s-1")
    ward.round()
    assert open_call(ward).codes == ("RR-SATURATION",)
    yield ward
    ward.node.storage.close()


def open_call(ward: Ward) -> Call:
    call = ward.case.open_rapid_response
    assert call is not None
    return call


def change(ward: Ward, cause: str) -> None:
    """The laboratory or monitor takes its value back in one of these ways."""
    with ward.node.storage.reading() as connection:
        version = store.get(connection, "Observation", "s-1")
    assert version is not None
    resource: dict[str, Any] = {name: value for name, value in version.resource.items() if name != "meta"}
    changes: dict[str, dict[str, Any]] = {
        "corrected": {"status": "corrected", "valueQuantity": {**resource["valueQuantity"], "value": 97}},
        "entered in error": {"status": "entered-in-error"},
        "another patient's": {"subject": {"reference": "Patient/somebody-else"}},
    }
    if cause == "another patient's":
        with ward.node.storage.writing() as connection:
            store.put(connection, {"resourceType": "Patient", "id": "somebody-else", "birthDate": "1970-01-01"}, at=ward.now)
    deleted = Interaction("DELETE", "Observation", "s-1", None, reason="wrong-patient")
    wanted = deleted if cause == "deleted" else Interaction("PUT", "Observation", "s-1", {**resource, **changes[cause]})
    done = write(ward.node, Actor("monitor", Role.LABORATORY, ward.node.site.organisation), [wanted])
    assert not isinstance(done, Refusal), done
    ward.round()


def steps(ward: Ward) -> set[str]:
    return {task.step for task in attention(ward.case, ward.node.site)}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_call_says_that_its_cause_was_withdrawn_and_stays_open(ward: Ward, cause: str) -> None:
    change(ward, cause)
    call = open_call(ward)
    assert call.asks and call.withdrawn is not None and call.withdrawn.event.because == ("Observation/s-1",)
    assert "call_cause" in steps(ward)
    ward.round()
    assert len(ward.case.of(ev.CallCauseWithdrawn)) == 1


def test_a_physician_closes_it_or_keeps_it(ward: Ward) -> None:
    assert isinstance(ward.give("KeepCall", Role.PHYSICIAN, note="looks ill"), Refusal), "nothing was withdrawn yet"
    change(ward, "corrected")
    assert isinstance(ward.give("KeepCall", Role.PHYSICIAN, note=" "), Refusal)
    assert not isinstance(ward.give("KeepCall", Role.PHYSICIAN, note="still grey and restless"), Refusal)
    call = open_call(ward)
    assert call.kept is not None and not call.asks and "call_cause" not in steps(ward)
    assert not isinstance(ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="seen, well"), Refusal)
    assert ward.case.open_rapid_response is None


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_true_sign_after_a_withdrawn_one_is_not_silenced(ward: Ward, cause: str, closed: bool) -> None:
    change(ward, cause)
    if closed:
        assert not isinstance(ward.give("CloseCall", Role.PHYSICIAN, reason="raised-on-corrected-entry"), Refusal)
    ward.now += timedelta(seconds=10)
    ward.observe("oxygen_saturation", 84)
    ward.round()
    call = open_call(ward)
    assert not call.asks and "RR-SATURATION" in call.fresh
    assert len(ward.calls) == 1 + closed


def test_another_result_with_the_sign_withdraws_nothing(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 85)
    ward.observe("oxygen_saturation", 95)
    change(ward, "deleted")
    assert open_call(ward).withdrawn is None


def test_another_result_with_the_sign_withdraws_nothing_however_many_came_since(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 85)
    ward.wait(minutes=90)
    ward.observe_all([("oxygen_saturation", 97, timedelta(minutes=minutes)) for minutes in range(80)])
    ward.round()
    change(ward, "deleted")
    assert open_call(ward).withdrawn is None


def test_the_escalation_goes_on_until_somebody_decides(ward: Ward) -> None:
    change(ward, "entered in error")
    ward.wait(minutes=6)
    assert {entry.event.step for entry in ward.case.of(ev.CallEscalated)} >= {"next"}


def test_a_correction_under_which_the_sign_still_stands_withdraws_nothing(ward: Ward) -> None:
    ward.observe("oxygen_saturation", 83, logical_id="s-1")
    ward.round()
    assert open_call(ward).withdrawn is None
    assert "call_cause" not in steps(ward)


def test_every_page_of_the_case_says_it(ward: Ward) -> None:
    change(ward, "corrected")
    ward.account("doc")
    with ward.node.storage.writing() as connection:
        token = accounts.open_session(connection, "doc", ward.now).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        for tab in ("", "/bedside", "/timeline"):
            page = client.get(f"/cases/{CASE}{tab}", headers={"authorization": f"Bearer {token}"}).text
            assert "What raised this call was corrected or withdrawn" in page and "/do/KeepCall" in page
