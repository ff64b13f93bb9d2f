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


def test_a_usual_round_takes_one_tick_beyond_what_is_measured(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    *of_groups, of_all = re.findall(r'name="as_before" value="([^"]*)"', nurse.page())
    assert of_all == ",".join(of_groups), "the last tick is for all that the groups offer"
    measured = {"findings.temperature": "36.9", "findings.systolic_pressure": "121", "findings.oxygen_saturation": "98"}
    assert nurse.enter(**measured, **{"findings.ice_all": "yes"}, as_before=of_all) == 303
    event = nurse.ward.case.assessments[-1].event
    assert dict(event.findings)["ice_score"] == 10 and "seizure" in event.as_before
    grades = nurse.ward.case.grades
    assert {grade.latest.event.grade for grade in grades.values()} == {0}


def test_what_is_entered_otherwise_counts_beside_the_tick_for_all(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    of_all = re.findall(r'name="as_before" value="([^"]*)"', nurse.page())[-1]
    assert nurse.enter(**{"findings.temperature": "36.9", "findings.seizure": "prolonged"}, as_before=of_all) == 303
    event = nurse.ward.case.assessments[-1].event
    assert dict(event.findings)["seizure"] == "prolonged" and "seizure" not in event.as_before


def test_one_group_at_which_somebody_looked_affirms_no_other(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    first = re.findall(r'name="as_before" value="([^"]*)"', nurse.page())[0]
    assert nurse.enter(**{"findings.temperature": "36.9"}, as_before=first) == 303
    assert sorted(nurse.ward.case.assessments[-1].event.as_before) == sorted(first.split(","))


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
    kept = re.findall(r'name="as_before" value="([^"]*)" checked', unescape(answer.text))
    assert kept == ticks[-1:], "one tick for all, so that taking it out takes all of it out"


def test_the_ticks_of_some_groups_come_back_as_they_were(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    page = nurse.page()
    ticks = re.findall(r'name="as_before" value="([^"]*)"', page)[:2]
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("csrf", "command_id")}  # type: ignore[union-attr]
    answer = nurse.client.post(FORM, data={**fields, "assessed_at": "2031-01-01T00:00", "findings.temperature": "37", "as_before": ticks})
    assert re.findall(r'name="as_before" value="([^"]*)" checked', unescape(answer.text)) == ticks


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


def test_ticks_alone_are_refused_with_what_is_missing(nurse: Nurse) -> None:
    nurse.ward.assess()
    nurse.ward.wait(hours=3)
    page = nurse.page()
    of_all = re.findall(r'name="as_before" value="([^"]*)"', page)[-1]
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("csrf", "command_id")}  # type: ignore[union-attr]
    at = (nurse.ward.now + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    for ticks, said in ((of_all, "only what is as before was ticked"), ("", "No finding was given")):
        answer = nurse.client.post(FORM, data={**fields, "assessed_at": at, "as_before": ticks})
        assert answer.status_code == 422 and said in unescape(answer.text)
    assert len(nurse.ward.case.assessments) == 1


def test_what_may_be_affirmed_is_said_by_its_words_where_something_else_was_sent(nurse: Nurse) -> None:
    """Of a form that a program made: every choice stands as a nurse reads it."""
    nurse.ward.assess()
    page = nurse.page()
    fields = {name: re.search(rf'name="{name}" value="([^"]*)"', page).group(1) for name in ("csrf", "command_id")}  # type: ignore[union-attr]
    at = (nurse.ward.now + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")
    nurse.client.cookies.set("language", "zh-Hant")
    answer = nurse.client.post(FORM, data={**fields, "assessed_at": at, "as_before": "no_such_thing"})
    sentence = next(line for line in unescape(answer.text).splitlines() if "no_such_thing" in line and "不在可選項內" in line)
    listed = sentence.partition("不在可選項內")[2].partition("請選擇")[0]
    assert "震顫" in listed and not re.search("[a-z]{3}", listed), listed
