"""Open pages learn of calls: what the stream says, to whom, and that no name stands in it; the banner stays until the team has come or the call is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.journey.events import FindingAsked
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import accounts
from watch_world import CASE, Ward

CLINICAL = ("physician", "nurse", "pharmacist", "coordinator", "quality")
OTHERS = ("payer", "manufacturer", "alliance", "patient", "administrator", "laboratory")
SIGN = {"seizure": "prolonged"}
TABS = ("", "/bedside", "/cells", "/timeline", "/facts", "/funding", "/sharing", "/followup")


@dataclass
class House:
    ward: Ward
    client: TestClient
    tokens: dict[str, str]

    def get(self, who: str, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[who]}", **headers})

    def post(self, who: str, path: str, **form: str) -> Any:
        return self.client.post(path, headers={"authorization": f"Bearer {self.tokens[who]}"}, data=form)

    def stream(self, who: str = "nurse", after: int | None = 0, **headers: str) -> list[tuple[str, str]]:
        """(event, data) of what there is."""
        text = self.get(who, "/live" if after is None else f"/live?after={after}", **headers).text
        blocks = [dict(line.partition(": ")[::2] for line in block.splitlines() if ": " in line) for block in text.split("\n\n")]
        return [(block["event"], block["data"]) for block in blocks if "event" in block]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    ward = Ward(tmp_path / "hk")
    for role in (*CLINICAL, *OTHERS):
        ward.account(role, Role(role))
    with ward.node.storage.writing() as connection:
        tokens = {role: accounts.open_session(connection, role, ward.now).token for role in (*CLINICAL, *OTHERS)}
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(ward, client, tokens)


@pytest.mark.parametrize("role", CLINICAL)
def test_clinical_roles_are_told_without_a_name(house: House, role: str) -> None:
    house.ward.assess(**SIGN)
    told = house.stream(role)
    assert {"call", "board", "task"} == {event for event, _ in told}
    assert "Chan" not in str(told)
    (data,) = [data for event, data in told if event == "call"]
    assert f'"case": "{CASE}", "state": "open"' in data


@pytest.mark.parametrize("role", OTHERS)
def test_nobody_else_is_told(house: House, role: str) -> None:
    house.ward.assess(**SIGN)
    assert house.get(role, "/live").status_code == 403
    assert house.get(role, "/live/calls").status_code == 403
    assert 'id="live"' not in house.get(role, "/policies").text


def test_a_browser_goes_on_where_it_left_off(house: House) -> None:
    house.ward.assess()
    last = max(int(line.removeprefix("id: ")) for line in house.get("nurse", "/live?after=0").text.splitlines() if line.startswith("id: "))
    assert house.stream(after=last) == []
    house.ward.assess(**SIGN)
    assert "call" in {event for event, _ in house.stream(after=None, **{"last-event-id": str(last)})}


def test_what_is_no_longer_kept_asks_for_a_reload(house: House) -> None:
    house.ward.assess()
    house.ward.now += timedelta(hours=2)
    house.ward.assess(temperature=37.1)
    assert [event for event, _ in house.stream(after=1)] == ["reload"]
    assert [event for event, _ in house.stream(after=10**6)] == ["reload"]
    assert [event for event, _ in house.stream(after=None, **{"last-event-id": "none"})] == ["reload"]


def banner(house: House, tab: str) -> bool:
    page = house.get("nurse", f"/cases/{CASE}{tab}")
    assert page.status_code == 200
    return 'class="box bad call"' in page.text


def test_the_banner_stays_on_every_page_until_the_team_has_come(house: House) -> None:
    house.ward.assess(**SIGN)
    house.ward.now += timedelta(hours=5)
    house.ward.assess(blank=("seizure", "arousal"))
    assert all(banner(house, tab) for tab in TABS)
    house.ward.give("ArriveRapidResponse", arrived_at=house.ward.now.isoformat())
    assert not any(banner(house, tab) for tab in TABS)


@pytest.mark.parametrize("role", OTHERS)
def test_no_page_shows_a_call_to_whoever_is_not_told(house: House, role: str) -> None:
    """Every page of the case and the form of every command: no banner, and no sign for those who work without knowing whose the case is."""
    house.ward.assess(**SIGN)
    paths = [*TABS, *(f"/do/{name}" for name in COMMANDS)]
    shown = {path: page.text for path in paths for page in [house.get(role, f"/cases/{CASE}{path}?language=en")] if page.status_code == 200}
    assert not [path for path, text in shown.items() if 'class="box bad call"' in text]
    if role in ("payer", "manufacturer", "alliance"):
        assert not [path for path, text in shown.items() if "apid response" in text]


def test_the_banner_says_how_long_nobody_came_who_was_told_and_what_is_new(house: House) -> None:
    house.ward.assess(**SIGN)
    house.ward.give("ArriveRapidResponse", arrived_at=house.ward.now.isoformat())
    house.ward.assess(**SIGN, vasopressors=1, hypotension="none")
    house.ward.wait(hours=4)
    page = house.get("nurse", f"/cases/{CASE}/bedside?language=en").text
    assert "Nobody has come for 4 hrs" in page and "programme director (" in page
    assert page.count('<span class="tag bad">new</span>') == 1
    assert "no hypotension, yet a vasopressor" in page, "what contradicts itself is asked on the page too"


def test_the_form_asks_whether_fever_was_treated(house: House) -> None:
    assert 'name="findings.fever_suppressed"' in house.get("nurse", f"/cases/{CASE}/do/Assess").text


def test_the_banner_goes_when_a_physician_closes_the_call_with_a_reason(house: House) -> None:
    house.ward.assess(**SIGN)
    house.ward.give("CloseCall", Role.PHYSICIAN, reason="resolved", note="seen", signs_stand=True)
    assert not banner(house, "/bedside")


def test_pages_say_what_they_do_not_replace_and_refresh_without_scripts(house: House) -> None:
    house.ward.assess(**SIGN)
    page = house.get("nurse", f"/cases/{CASE}/bedside?language=en").text
    assert "supplements monitoring at the bedside and the telephone" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "ReportIncident" in page
    form = house.get("nurse", f"/cases/{CASE}/do/Assess").text
    assert "http-equiv" not in form, "a form is not thrown away while somebody fills it in"


def test_a_standing_grade_names_what_set_it_and_where_that_stands(house: House) -> None:
    house.ward.assess(**SIGN)
    page = house.get("nurse", f"/cases/{CASE}/bedside?language=en").text
    assert '<dd>seizure<br><span class="small soft">Lee 2019: over 5 minutes' in page, "the source of the criterion that set the grade"


def test_the_administrator_sees_that_nobody_is_on_duty(house: House) -> None:
    page = house.get("administrator", "/accounts?language=en")
    assert "Nobody is on duty for calls now" in page.text
    assert "Nobody is on duty" not in house.get("nurse", "/cases?language=en").text


def test_quality_answers_an_incident(house: House) -> None:
    house.ward.assess(**SIGN)
    house.ward.give("ReportIncident", about="alarm-wrong", note="the seizure was the neighbour's")
    (reported,) = [item.event for item in house.ward.events if type(item.event).__name__ == "IncidentReported"]
    refused = house.ward.give("AnswerIncident", Role.QUALITY, incident_id="x", answer="y")
    assert [reason.code for reason in refused.reasons] == ["bedside.incident.none_open"]
    house.ward.give("AnswerIncident", Role.QUALITY, incident_id=reported.incident_id, answer="entry corrected, nurses told")
    assert type(house.ward.events[-1].event).__name__ == "IncidentAnswered"


def test_the_patients_own_call_stands_once_on_the_patients_pages(house: House) -> None:
    house.ward.assess(**SIGN)
    for tab in TABS:
        page = house.get("nurse", f"/cases/{CASE}{tab}?language=en").text
        assert page.count("class=\"box bad call\"") == 1, tab
        assert 'class="bad call"' not in page, tab
    assert 'class="bad call"' in house.get("nurse", "/cases?language=en").text
    shown = page.partition('data-shown="')[2].partition('"')[0]
    assert 'class="bad call"' not in house.get("nurse", f"/live/calls?shown={shown}").text
    house.ward.give("AcknowledgeCall", Role.PHYSICIAN)
    assert 'class="bad call"' in house.get("nurse", f"/live/calls?shown={shown}").text, "an open page shows the call as it stands now"
    assert f'data-open="{house.ward.calls[0].call_id}"' in page, "the sound and the title of the page know it all the same"


def test_what_is_done_most_stands_before_the_call_and_the_menu(house: House) -> None:
    house.ward.assess(**SIGN)
    page = house.get("nurse", f"/cases/{CASE}/bedside?language=en").text
    order = [page.index(mark) for mark in ("/do/Assess", "/do/GiveDrug", 'class="box bad call"', '<nav class="menu"', 'class="cards"')]
    assert order == sorted(order)


def test_the_form_of_a_drug_names_the_boxes_of_each_drug_and_keeps_all_without_scripts(house: House) -> None:
    page = house.get("nurse", f"/cases/{CASE}/do/GiveDrug?language=en").text
    for called in ("l04ac07", "tocilizumab", "\\u59a5\\u73e0\\u55ae\\u6297"):
        assert f"&#34;{called}&#34;: [&#34;dose_mg&#34;, &#34;mg_per_kg&#34;]" in page
    assert all(f'name="{name}"' in page for name in ("dose_mg", "mg_per_kg", "amount", "unit"))
    assert "One dose is enough" in page


@pytest.mark.parametrize("written", ["tocilizumab", "Tocilizumab", "妥珠單抗", "托珠单抗", "tocilizumab（妥珠單抗）", "l04ac07"])
def test_a_drug_is_written_by_its_name_and_the_form_says_which_it_is(written: str, house: House) -> None:
    form = {"atc": written, "dose_mg": "900", "given_at": house.ward.now.isoformat()}
    page = house.post("nurse", f"/cases/{CASE}/do/GiveDrug?language=en", **form).text
    assert "One dose of tocilizumab is at most 800 mg" in page
    assert 'name="atc" required value="tocilizumab"' in page
    house.post("nurse", f"/cases/{CASE}/do/GiveDrug", **(form | {"dose_mg": "480"}))
    assert house.ward.case.drugs[-1].event.atc == "L04AC07"


def test_a_drug_by_a_name_that_is_none_of_the_list_is_refused(house: House) -> None:
    page = house.post("nurse", f"/cases/{CASE}/do/GiveDrug?language=en", atc="tocilizumap", dose_mg="480", given_at=house.ward.now.isoformat()).text
    assert 'data-reason="bedside.drug.not_atc"' in page
    assert "tocilizumab (L04AC07)" in page
    assert 'name="atc" required aria-invalid="true" aria-describedby="p-atc" value="tocilizumap"' in page


def test_a_sign_of_a_record_that_may_be_the_patients_has_words_in_the_timeline(house: House) -> None:
    with house.ward.node.unit() as unit:
        asked = FindingAsked(fact="", why="identity", resource="question-1", seen_at=unit.at, calls=True)
        unit.append(CASE, [asked], house.ward.node.system(), known=len(unit.events(CASE)))
    page = house.get("nurse", f"/cases/{CASE}/timeline?language=en").text
    assert "a sign in a record that may be this patient" in page
