"""What a case's pages and its state answer at a ward."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import case_world as w
from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.node.people import accounts
from watch_world import CASE, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    ward.account("doc", Role.PHYSICIAN)
    yield ward
    ward.node.storage.close()


def ask(ward: Ward, path: str) -> tuple[int, str]:
    with ward.node.storage.writing() as connection:
        token = accounts.open_session(connection, "doc", ward.now).token
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1") as client:
        answer = client.get(path, headers={"authorization": f"Bearer {token}"})
        return answer.status_code, answer.text


def test_a_parameter_that_the_state_does_not_know_is_refused_with_those_it_knows(ward: Ward) -> None:
    code, text = ask(ward, f"/cases/{CASE}/state.json?known-at=2026-01-01T00:00:00Z")
    assert code == 400
    assert "request.unknown_parameter" in text and "at, known_at" in text
    assert ask(ward, f"/cases/{CASE}/state.json?known_at=2026-01-01T00:00:00Z")[0] != 400


def test_what_stands_against_giving_a_bag_is_said_beside_it(ward: Ward) -> None:
    world = w.at_centre()
    ward.now = world.now
    with ward.node.unit() as unit:
        unit.append("case-2", [item.event for item in world.events], Actor("test", Role.SYSTEM, ward.node.site.organisation), known=0)
    _, page = ask(ward, "/cases/case-2/bedside")
    row = page.split("product-1", 1)[1].split("</tr>", 1)[0]
    assert "lymphodepletion" in row.lower(), "a gate's reasons stand beside the bag, not only under the buttons"


def test_an_exception_that_stands_is_on_every_page_of_the_case_with_a_line_for_each_marker(ward: Ward) -> None:
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    sign = w.Step("SignException", "hk", Role.PHYSICIAN, 0.5, lambda o: {"gate": "collection", "codes": standing(o), "note": "no time"})
    world.walk(sign)
    ward.now = world.now
    with ward.node.unit() as unit:
        unit.append("case-2", [item.event for item in world.events], Actor("test", Role.SYSTEM, ward.node.site.organisation), known=0)
    for tab in ("", "/bedside", "/cells"):
        page = ask(ward, f"/cases/case-2{tab}")[1]
        assert "Signed exception at the gate before" in page and "no time" in page
        box = page.split("Signed exception", 1)[1].split("</ul>", 1)[0]
        assert box.count("infectious marker") == 5, "one line for each marker"
    ward.now = world.now + timedelta(hours=25)
    assert "Signed exception at the gate before" not in ask(ward, "/cases/case-2")[1]


def standing(world: w.World) -> list[str]:
    reasons = w.GATES["collection"].standing(world.situation("hk", Role.PHYSICIAN))
    return sorted({reason.code for reason in reasons})


def test_the_form_of_an_exception_asks_about_the_gate_ahead_alone(ward: Ward) -> None:
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    ward.now = world.now
    with ward.node.unit() as unit:
        unit.append("case-2", [item.event for item in world.events], Actor("test", Role.SYSTEM, ward.node.site.organisation), known=0)
    page = ask(ward, "/cases/case-2/do/SignException")[1]
    assert "gate.collection.marker_missing" in page
    assert "gate.infusion." not in page and "gate.lymphodepletion." not in page and "gate.discharge." not in page


def test_what_stood_at_the_moment_of_a_late_entry_can_be_chosen_where_the_refusal_led_here(ward: Ward) -> None:
    world = w.World().walk(*w.REFERRAL, w.RESERVE)
    ward.now = world.now
    with ward.node.unit() as unit:
        unit.append("case-2", [item.event for item in world.events], Actor("test", Role.SYSTEM, ward.node.site.organisation), known=0)
    form = "/cases/case-2/do/SignException?gate=collection"
    assert "gate.collection.washout_no_rule" not in ask(ward, form)[1]
    page = ask(ward, f"{form}&codes=gate.collection.washout_no_rule,gate.collection.made_up")[1]
    assert 'value="gate.collection.washout_no_rule"' in page
    assert "made_up" not in page.split("</form>")[-2]
    refused = ask(ward, "/cases/case-2/do/Collect")[1]
    assert "SignException?gate=collection&amp;codes=gate.collection." in refused
