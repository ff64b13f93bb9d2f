"""The form of a round: first what the grade lacks, ICE at one tap by its items, CAPD for a child, what may be affirmed as before with its age; without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.http.doors import COOKIE
from baybridge.journey.command import Role
from baybridge.journey.events import Died
from baybridge.node.people import accounts
from watch_world import CASE, Ward

FORM = f"/cases/{CASE}/do/Assess"


class Nurse:
    """A nurse at the page."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.ward = Ward(folder / "hk", **more)
        self.ward.account("nurse", Role.NURSE)
        self.client = TestClient(application(self.ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False)

    def page(self) -> str:
        self._sign_in()
        answer = self.client.get(FORM)
        assert answer.status_code == 200, answer.text[:300]
        return unescape(answer.text)

    def enter(self, **more: str | list[str]) -> int:
        page = self.page()
        fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("csrf", "command_id")}  # type: ignore[union-attr]
        at = (self.ward.now + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
        return self.client.post(FORM, data={**fields, "assessed_at": at, **more}).status_code

    def _sign_in(self) -> None:
        with self.ward.node.storage.writing() as connection:
            token = accounts.open_session(connection, "nurse", self.ward.now).token
        self.client.cookies.set(COOKIE, token)


@pytest.fixture
def nurse(tmp_path: Path) -> Iterator[Nurse]:
    made = Nurse(tmp_path)
    yield made
    made.client.close()


def groups(page: str) -> list[tuple[str, list[str]]]:
    """The groups of the form with the names of their fields."""
    found = re.findall(r"<legend>([^<]*)</legend>(.*?)</fieldset>", page, re.S)
    return [(legend, re.findall(r'name="findings\.([a-z_]+)"', body)) for legend, body in found if "findings." in body]


def test_what_the_grade_lacks_is_asked_first_and_once(nurse: Nurse) -> None:
    nurse.ward.assess(blank=("sedated",))
    first, *others = groups(nurse.page())
    assert first == ("Needed for the grade", ["sedated"])
    assert not [names for _, names in others if "sedated" in names]


def test_nothing_is_put_first_where_the_grade_is_certain(nurse: Nurse) -> None:
    nurse.ward.assess()
    assert groups(nurse.page())[0][0] != "Needed for the grade"


def test_what_was_found_is_offered_with_its_age_and_is_not_ticked(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    page = nurse.page()
    ticks = re.findall(r'<input type="checkbox" name="as_before" value="([^"]*)"( checked)?>([^<]*)<', page)
    assert {name for names, _, _ in ticks for name in names.split(",")} >= {"seizure", "sedated", "hypotension", "oxygen_device"}
    assert all(not checked and "3 h ago" in words for _, checked, words in ticks)
    assert not {"temperature", "oxygen_saturation"} & {name for names, _, _ in ticks for name in names.split(",")}


def test_a_usual_round_takes_four_ticks_beyond_what_is_measured(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    ticks = re.findall(r'name="as_before" value="([^"]*)"', nurse.page())
    measured = {"findings.temperature": "36.9", "findings.systolic_pressure": "121", "findings.oxygen_saturation": "98"}
    assert nurse.enter(**measured, **{"findings.ice_all": "yes"}, as_before=ticks) == 303
    event = nurse.ward.case.assessments[-1].event
    assert dict(event.findings)["ice_score"] == 10 and "seizure" in event.as_before
    grades = nurse.ward.case.grades
    assert {grade.latest.event.grade for grade in grades.values()} == {0}
    assert len(ticks) <= 4


@pytest.mark.parametrize(("item", "points"), [("ice_attention", "0"), ("ice_orientation", "2"), ("ice_score", "9")])
def test_a_tick_for_all_and_an_item_that_was_wrong_contradict(nurse: Nurse, item: str, points: str) -> None:
    assert nurse.enter(**{"findings.ice_all": "yes", f"findings.{item}": points}) != 303
    assert not nurse.ward.case.assessments
    assert nurse.enter(**{"findings.ice_all": "yes", "findings.ice_attention": "1"}) == 303


def test_a_child_is_asked_capd_and_no_ice(tmp_path: Path) -> None:
    nurse = Nurse(tmp_path, birth_date="2019-05-01")
    names = [name for _, some in groups(nurse.page()) for name in some]
    assert "capd_score" in names and "ice_orientation" not in names and "ice_all" not in names


def test_what_came_back_refused_keeps_its_ticks(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    page = nurse.page()
    ticks = re.findall(r'name="as_before" value="([^"]*)"', page)
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("csrf", "command_id")}  # type: ignore[union-attr]
    answer = nurse.client.post(FORM, data={**fields, "assessed_at": "2031-01-01T00:00", "findings.temperature": "37", "as_before": ticks})
    assert answer.status_code != 303
    assert len(re.findall(r'name="as_before" value="[^"]*" checked', unescape(answer.text))) == len(ticks)


def test_a_patient_who_died_is_asked_for_nothing_and_what_can_be_done_is_offered(nurse: Nurse) -> None:
    day = nurse.ward.now.date().isoformat()
    with nurse.ward.node.unit() as unit:
        died = Died(died_on=date.fromisoformat(day), cause="disease")
        unit.append(CASE, [died], nurse.ward.node.system(), known=len(unit.events(CASE)))
    page = nurse.page()
    assert "findings." not in page and "No assessment can be entered now" in page


def test_an_entry_that_is_put_right_keeps_what_was_affirmed(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=2)
    done = nurse.ward.give("Assess", account="nurse", findings={"temperature": 37.0}, as_before=["seizure", "sedated"], assessed_at=nurse.ward.now.isoformat())
    assert hasattr(done, "events"), done
    nurse._sign_in()
    page = unescape(nurse.client.get(f"/cases/{CASE}/entries/{nurse.ward.case.assessments[-1].origin.event_id}").text)
    (names,) = re.findall(r'name="as_before" value="([^"]*)" checked', page)
    assert set(names.split(",")) == {"seizure", "sedated"}


@pytest.mark.parametrize("action", ["void", "replace"])
def test_what_was_affirmed_comes_open_where_what_was_found_before_no_longer_stands(nurse: Nurse, action: str) -> None:
    nurse.ward.assess()
    first = nurse.ward.case.assessments[-1]
    nurse.ward.wait(hours=1)
    done = nurse.ward.give("Assess", account="nurse", findings={"temperature": 37.0}, as_before=["seizure", "sedated"], assessed_at=nurse.ward.now.isoformat())
    assert hasattr(done, "events"), done
    findings = {**dict(first.event.findings), "seizure": "resolves_rapidly"}
    instead = {"findings": findings, "assessed_at": first.event.assessed_at.isoformat(), "another": True, "unusual": True}
    given = {"given": instead} if action == "replace" else {}
    gone = nurse.ward.give("CorrectEntry", account="somebody", event_id=first.origin.event_id, action=action, reason="wrong-value", note="", **given)
    assert hasattr(gone, "events"), gone
    nurse._sign_in()
    page = unescape(nurse.client.get(f"/cases/{CASE}/entries/{nurse.ward.case.assessments[-1].origin.event_id}").text)
    ticked = [name for names in re.findall(r'name="as_before" value="([^"]*)" checked', page) for name in names.split(",")]
    assert ticked == (["sedated"] if action == "replace" else [])
    assert "Affirmed as before, but what was found before no longer stands: " in page
