"""The board of a ward: who is on it and in which order, what it says of each, that nothing unknown is a 0, and who may see it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.bedside import preparation
from baybridge.journey.command import Actor, FromRecord, Role
from baybridge.journey.drug_history import DrugHistory, FiledDose
from baybridge.journey.events import DrugGiven, DrugsReserved
from baybridge.journey.reserved_doses import Reserved
from baybridge.journey.ward import in_care, trend_of
from baybridge.node import tables
from baybridge.node.case_state import case_state
from baybridge.node.commands.table import COMMANDS
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.people import accounts
from baybridge.node.watch.ward import Bed, Standing, bed_of
from baybridge.record.store import store
from baybridge.web.case.downtime_pack import pack
from baybridge.web.case.naming import initials_of
from baybridge.web.ward import board_page
from baybridge.web.ward.board_page import span_said, urgency
from watch_world import CASE, PATIENT, WELL, Ward

SEEN_BY = ("nurse", "physician", "pharmacist", "coordinator", "quality")
NOT_BY = ("payer", "manufacturer", "laboratory", "alliance", "administrator", "patient")


class House:
    def __init__(self, ward: Ward, client: TestClient) -> None:
        self.ward, self.client = ward, client

    def get(self, path: str = "/ward/rows", who: str = "nurse", status: int = 200) -> str:
        with self.ward.node.storage.writing() as connection:
            token = accounts.open_session(connection, who, self.ward.now).token
        answer = self.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text[:500]
        return answer.text.replace("\xa0", " ").replace("\u202f", " ")

    def bed(self) -> Bed:
        (bed,) = self.ward.node.ward.beds()
        return bed

    def readings(self) -> list[str]:
        with self.ward.node.storage.reading() as connection:
            table = tables.record_read
            return list(connection.execute(select(table.c.account).where(table.c.what == "ward", table.c.patient_id == PATIENT)).scalars())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    ward = Ward(tmp_path / "hk")
    ward.account("nurse", Role.NURSE)
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(ward, client)


# --- who is on it ---------------------------------------------------------------------------------------------------------


def test_clinical_roles_see_it_and_others_do_not(house: House) -> None:
    for role in SEEN_BY:
        if role != "nurse":
            house.ward.account(role, Role(role))
        assert "Chan" in house.get("/ward", who=role)
    for role in NOT_BY:
        house.ward.account(role, Role(role))
        house.get("/ward", who=role, status=403)
        house.get("/ward/rows", who=role, status=403)


def test_a_patient_stays_until_discharge_and_death_ends_it(house: House) -> None:
    house.ward.assess()
    assert [bed.case.case_id for bed in house.ward.node.ward.beds()] == [CASE]
    house.ward.wait(hours=30)
    house.ward.assess()
    day = house.ward.now.astimezone(house.ward.node.site.zone).date()
    until = (day + timedelta(days=60)).isoformat()
    left = house.ward.give(
        "Discharge", Role.PHYSICIAN, discharged_on=day.isoformat(), stay_near_until=until, no_driving_until=until, caregiver=True, emergency_card=True, unusual=True
    )
    assert hasattr(left, "events"), left
    assert house.ward.node.ward.beds() == []
    assert "Nobody is in care here" in house.get()
    house.ward.now += timedelta(hours=3)
    house.ward.assess(temperature=38.6)
    bed = house.bed()
    assert bed.at_home, "who went home with a grade again is looked at again"
    assert "discharged, looked at again" in house.get()
    died = house.ward.give("RecordDeath", Role.PHYSICIAN, died_on=day.isoformat())
    assert hasattr(died, "events"), died
    assert house.ward.node.ward.beds() == []


def test_what_an_earlier_infusion_brought_is_none_of_the_one_to_come(house: House) -> None:
    house.ward.assess(temperature=38.6, hypotension="fluids")
    case = house.ward.case
    begun = case.lymphodepletion
    assert begun is not None
    again = replace(begun, event=structs.replace(begun.event, started_on=house.ward.now.date() + timedelta(days=60)))
    later = replace(case, entries=(*case.entries, again))
    bed = bed_of(later, "hk", house.ward.node.escalation)
    assert in_care(later, "hk")
    assert (bed.infused_at, dict(bed.grades), bed.due_at, bed.at_home) == (None, {}, None, False)


def test_a_case_treated_elsewhere_is_not_on_it(house: House) -> None:
    case = house.ward.case
    assert in_care(case, "hk")
    assert not in_care(case, "gd")


def test_a_patient_is_on_it_though_the_index_says_another_stage(house: House) -> None:
    with house.ward.node.storage.writing() as connection:
        connection.execute(update(tables.case_index).values(stage="follow_up", tasks_stale=True))
    assert [bed.case.case_id for bed in house.ward.node.ward.beds()] == [CASE]
    house.get("/")  # the tasks are worked out
    with house.ward.node.storage.writing() as connection:
        connection.execute(update(tables.case_index).values(stage="follow_up"))
    assert [bed.case.case_id for bed in house.ward.node.ward.beds()] == [CASE], "whoever is to be assessed is on the board"


def test_whose_record_is_restricted_is_counted_and_not_shown(house: House) -> None:
    row = {"restriction": "r", "patient_id": PATIENT, "case_id": CASE, "asked_on": "2026-03-01", "by": "q", "at": house.ward.now.isoformat()}
    columns = {column.name for column in tables.restriction.columns}
    needed = {column.name: "x" for column in tables.restriction.columns if not column.nullable}
    with house.ward.node.storage.writing() as connection:
        connection.execute(insert(tables.restriction).values(**{**needed, **{name: value for name, value in row.items() if name in columns}}))
    house.ward.account("quality", Role.QUALITY)
    assert "Chan" in house.get(), "care goes on"
    page = house.get(who="quality")
    assert "Chan" not in page
    assert "1 more in care here are not shown to you" in page


# --- what it says ---------------------------------------------------------------------------------------------------------


def test_who_was_not_assessed_has_no_grade_and_no_nought(house: House) -> None:
    page = house.get()
    assert page.count("not assessed") == 2
    assert "grade 0" not in page


def test_a_grade_that_is_not_certain_is_said_with_its_bounds(house: House) -> None:
    house.ward.assess(temperature=38.5, blank=("hypotension", "vasopressors", "vasopressin"))
    page = house.get()
    assert re.search(r"grade \d to \d", page)
    assert "grade 0<" not in re.sub(r"\s+", "", page.split("ICANS")[0])


def test_the_highest_grade_of_the_episode_stays(house: House) -> None:
    house.ward.assess(temperature=38.6, hypotension="fluids")
    house.ward.wait(hours=1)
    house.ward.assess(temperature=38.6)
    crs = house.bed().grades["crs-astct-2019"]
    assert (crs.high, crs.highest, crs.trend) == (1, 2, "falling")
    page = house.get()
    assert "highest: grade 2" in page
    assert "falling" in page


@pytest.mark.parametrize(
    ("before", "now", "trend"),
    [((1, 1), (2, 2), "rising"), ((1, 1), (0, 4), "may_rise"), ((2, 2), (1, 1), "falling"), ((2, 2), (0, 2), "open"), ((3, 3), (1, 3), "open"),
     ((1, 1), (1, 1), "same"), ((0, 4), (0, 4), "open"), ((0, 3), (3, 3), "open"), ((0, 2), (3, 3), "rising")],
)  # fmt: skip
def test_what_is_not_certain_is_never_called_better(before: tuple[int, int], now: tuple[int, int], trend: str, house: House) -> None:
    house.ward.assess()
    house.ward.wait(hours=1)
    house.ward.assess()
    case, found = house.ward.case, []
    bounds = iter((before, now))
    for entry in case.entries:
        event = entry.event
        if getattr(event, "scale", "") == "crs-astct-2019" and hasattr(event, "grade_min"):
            low, high = next(bounds)
            entry = replace(entry, event=type(event)(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "grade_min": low, "grade_max": high}))
        found.append(entry)
    assert trend_of(replace(case, entries=tuple(found)), "crs-astct-2019") == trend


def test_what_is_late_is_said_in_words(house: House) -> None:
    house.ward.assess()
    assert "assessment: in 4 h" in house.get() or "assessment: in 3 h" in house.get()
    house.ward.now += timedelta(hours=24, minutes=5)
    page = house.get()
    assert "assessment: 20 h late" in page
    assert "ICE or CAPD: 16 h late" in page


def test_an_open_call_has_its_clock_and_stands_first(house: House) -> None:
    house.ward.assess(seizure="prolonged")
    house.ward.now += timedelta(minutes=12)
    page = house.get()
    assert "CALL open for 12 min" in page
    assert 'class="called"' in page


def test_doses_are_those_of_today(house: House) -> None:
    bed = house.bed()
    assert bed.reserved is not None
    assert f"{bed.reserved.event.doses} until" in house.get()
    case, today = house.ward.case, house.ward.now.date()

    def said(**changes: object) -> str:
        event = DrugsReserved(**{"atc": "L04AC07", "doses": 2, "from_on": today, "until_on": today, **changes})  # type: ignore[arg-type]
        bed = replace(bed_of(case, "hk", house.ward.node.escalation), reserved=Reserved(event, 0))
        words, _ = board_page._doses(_Asked(house), _Plain(), bed, house.ward.now)  # type: ignore[arg-type]
        return words

    assert said().startswith("ward.doses.held")
    assert said(until_on=today - timedelta(days=1)).startswith("ward.doses.over"), "what is over is not held"
    assert said(from_on=today + timedelta(days=3), until_on=today + timedelta(days=9)).startswith("ward.doses.later")
    assert said(doses=0) == "ward.doses.released"


def test_what_is_held_goes_down_with_what_was_given_and_up_again_when_that_is_struck(house: House) -> None:
    ward = house.ward

    def left() -> tuple[int, int]:
        state = case_state(ward.node, CASE)
        assert isinstance(state, dict) and state["reserved"] is not None
        return int(str(state["reserved"]["given"])), int(str(state["reserved"]["left"]))

    held = {"atc": "L04AC07", "doses": 2, "from_on": ward.now.date().isoformat(), "until_on": (ward.now.date() + timedelta(days=9)).isoformat()}
    assert hasattr(ward.give("ReserveDrugs", Role.PHYSICIAN, **held), "events")
    for hours in (0, 9, 9):
        ward.wait(hours=hours)
        given = {"atc": "L04AC07", "route": "IV", "dose_mg": 400, "given_at": (ward.now + timedelta(seconds=1)).isoformat()}
        assert hasattr(ward.give("GiveDrug", Role.PHYSICIAN, **given), "events")
        words = html.unescape(house.get(f"/cases/{CASE}/bedside"))
        assert f"{left()[1]} left of 2 until" in words and f"{left()[1]} left of 2 until" in house.get()
    assert left() == (3, 0)
    last = next(item.event_id for item in reversed(ward.events) if isinstance(item.event, DrugGiven))
    assert hasattr(ward.give("CorrectEntry", Role.PHYSICIAN, event_id=last, action="void", reason="entered-twice"), "events")
    ward.give("CorrectEntry", Role.PHYSICIAN, event_id=ward.case.drugs[-1].origin.event_id, action="void", reason="did-not-happen")
    assert left() == (1, 1)


class _Asked:
    def __init__(self, house: House) -> None:
        self.node = house.ward.node


class _Plain:
    """A reader that says keys."""

    def t(self, key: str, **values: object) -> str:
        return key

    def day(self, day: date) -> str:
        return day.isoformat()


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0, "minutes"), (119, "minutes"), (120, "hours"), (47 * 60, "hours"), (48 * 60, "days"), (-5, "minutes")],
)
def test_a_time_is_said_in_one_unit(minutes: int, said: str) -> None:
    assert span_said(_Plain(), timedelta(minutes=minutes)) == f"ward.time.{said}"  # type: ignore[arg-type]


def test_the_most_urgent_is_first(house: House) -> None:
    now = house.ward.now
    plain = replace(bed_of(house.ward.case, "hk", house.ward.node.escalation), calls=(), assessment_due_at=None, ice_due_at=None, look_due_at=None, looks=())
    house.ward.assess(seizure="prolonged")
    (call,) = house.ward.case.rapid_responses
    standing = Standing(0, 0, 0, 0, now, "first")

    def graded(low: int, high: int) -> Bed:
        return replace(plain, grades={"crs-astct-2019": replace(standing, low=low, high=high)})

    ordered = [
        replace(graded(0, 0), calls=(call,)),
        replace(graded(0, 0), calls=(replace(call, acknowledged=call.called),)),  # type: ignore[arg-type]
        replace(graded(0, 0), assessment_due_at=now - timedelta(hours=20)),
        replace(graded(4, 4), ice_due_at=now - timedelta(hours=1)),
        plain,  # infused and never assessed
        graded(0, 4),
        graded(3, 3),
        graded(0, 0),
        replace(plain, infused_at=None),
    ]
    assert sorted([*ordered[4:], *ordered[:4]], key=lambda bed: urgency(bed, now)) == ordered


# --- names, readings, what is kept ----------------------------------------------------------------------------------------


def test_a_screen_on_a_wall_shows_initials_and_says_what_they_are_worth(house: House) -> None:
    page = house.get("/ward?large=yes")
    assert "Chan" not in page.split("<main", 1)[1]
    assert "C." in page
    assert "wrist band" in page
    assert "Chan" not in re.findall(r"<title>.*?</title>", house.get("/ward"), re.S)[0]


def test_names_with_script_in_them_are_text(house: House) -> None:
    with house.ward.node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": PATIENT, "name": [{"text": "<script>alert(1)</script> x"}]}, at=unit.at)
    for address in ("/ward", "/ward?large=yes", "/ward/rows"):
        page = house.get(address)
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("name", "said"),
    [({"text": "Chan Tai Man"}, "C. T. M."), ({"text": "陈大文"}, "陈"), ({"family": "O'Neill", "given": ["ana"]}, "A. O."), ({}, ""), ({"text": "  "}, ""),
     ({"text": "<b>x</b> y"}, "<. Y.")],
)  # fmt: skip
def test_initials_are_those_of_the_name_that_is_written_first(name: dict[str, object], said: str) -> None:
    assert initials_of({"name": [name]}) == said


def test_each_patient_reads_once_a_shift_that_the_board_was_seen(house: House) -> None:
    for _ in range(3):
        house.get()
        house.get("/ward")
    assert house.readings() == ["nurse"]
    house.ward.now += timedelta(hours=13)
    house.get()
    assert house.readings() == ["nurse", "nurse"]


def test_a_refresh_folds_no_case_again_and_every_new_event_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ward.assess()
    house.get()
    read: list[str] = []
    kept = house.ward.node.case_memory.case
    monkeypatch.setattr(house.ward.node.case_memory, "case", lambda stored: read.append("read") or kept(stored))
    for _ in range(5):
        house.ward.node.ward.beds()
    assert read == []
    house.ward.assess(temperature=38.6)
    read.clear()
    assert house.bed().grades["crs-astct-2019"].high == 1
    assert read == ["read"]


def test_it_speaks_each_language(house: House) -> None:
    house.ward.assess(temperature=38.6, seizure="prolonged")
    for language in ("en", "zh-Hans", "zh-Hant", "pt"):
        page = house.get(f"/ward?language={language}")
        assert not re.search(r"ward\.(board|due|trend|doses|call|time)\.", page), "a key without its words"


def test_every_cause_to_look_now_stands_on_the_board_the_bedside_page_and_in_the_state(house: House) -> None:
    ward = house.ward
    ward.assess()
    assert "look at the patient now" not in house.get()
    ward.wait(minutes=5)
    ward.observe("temperature", 39)
    ward.observe("heart_rate", 190)
    ward.round()
    board = html.unescape(house.get())
    assert "body temperature is newer than the grade and may raise it" in board
    assert "heart rate is far outside what is usual" in board
    assert "may be out of date: body temperature came since" in board
    page = html.unescape(house.get(f"/cases/{CASE}/bedside"))
    assert "body temperature is newer than the grade and may raise it" in page
    assert "Latest value: 39" in page
    assert "This grade may be out of date: body temperature" in page
    state = case_state(ward.node, CASE)
    assert isinstance(state, dict)
    assert {(task.get("why"), task.get("fact")) for task in state["tasks"] if task["step"] == "look_now"} == {("raises", "temperature"), ("unusual", "heart_rate")}
    assert state["grades"]["crs-astct-2019"]["current"].get("newer") == ["temperature"]
    assert "newer" not in state["grades"]["icans-astct-2019"]["current"]
    ward.wait(minutes=2)
    ward.assess(temperature=37)
    assert "may be out of date" not in html.unescape(house.get())
    assert "newer than the grade" not in html.unescape(house.get(f"/cases/{CASE}/bedside"))


# --- from when a grade is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "5 hrs earlier"), ("zh-Hans", "早于评估5小时"), ("zh-Hant", "早於評估5 小時"), ("pt", "5 h antes")],
)
def test_a_grade_says_from_when_is_what_its_round_did_not_state_wherever_it_stands(house: House, language: str, said: str) -> None:
    ward = house.ward
    ward.assess()
    ward.wait(hours=5)
    ward.assess(blank=("ice_score",))
    case = f"/cases/{CASE}"
    pages = {path: house.get(f"{path}?language={language}") for path in ("/ward/rows", f"{case}/bedside", f"{case}/flowsheet")}
    pages["pack"] = pack(ward.node, [language]).files[f"ward.{language}.html"].decode().replace("\xa0", " ").replace("\u202f", " ")
    assert [path for path, text in pages.items() if said not in html.unescape(text)] == []
    current = case_state(ward.node, CASE)["grades"]["icans-astct-2019"]["current"]
    assert [(one["fact"], one["value"]) for one in current["from_before"]] == [("ice_score", 10)]


def test_a_board_names_the_oldest_finding_and_says_how_many_more_there_are(house: House) -> None:
    house.ward.assess()
    house.ward.wait(hours=2)
    house.ward.assess(blank=("ice_score", "seizure", "arousal"))
    assert re.search(r"2 hrs earlier; 2 more of before", html.unescape(house.get()))


@pytest.mark.parametrize("page", ["bedside", "facts"])
def test_two_values_of_one_moment_stand_on_the_page_and_a_physician_says_there_which_is_right(house: House, page: str) -> None:
    ward = house.ward
    ward.account("physician", Role.PHYSICIAN)
    at = (ward.now - timedelta(minutes=3)).replace(second=0, microsecond=0)
    given = {"another": True, "unusual": True, "assessed_at": at.isoformat()}
    ward.give("Assess", findings={**WELL, "temperature": 37.5}, **given)
    ward.give("Assess", findings={**WELL, "temperature": 39.2}, **given)
    ward.round()
    path = f"/cases/{CASE}/{page}"
    shown = html.unescape(house.get(path))
    assert "Two values of body temperature of" in shown and "39.2" in shown and "37.5" in shown and 'name="basis"' not in shown
    shown = html.unescape(house.get(path, who="physician"))
    forms = re.findall(r'name="csrf" value="([^"]*)".*?name="fact" value="([^"]*)".*?name="value" value="([^"]*)".*?name="basis" value="(Event/[^"]*)"', shown)
    assert sorted(value for _, _, value, _ in forms) == ["37.5", "39.2"]
    csrf, fact, value, basis = next(one for one in forms if one[2] == "37.5")
    with ward.node.storage.writing() as connection:
        token = accounts.open_session(connection, "physician", ward.now).token
    done = house.client.post(
        f"/cases/{CASE}/do/ConfirmFinding", data={"csrf": csrf, "fact": fact, "value": value, "basis": basis}, headers={"authorization": f"Bearer {token}"}
    )
    assert done.status_code == 303, done.text[:500]
    ward.round()
    assert "Two values of" not in house.get(path, who="physician")


def administered(ward: Ward, name: str, given_at: str, atc: str = "L04AC07", **more: object) -> None:
    """A dose that another system files through FHIR."""
    drug = {"coding": [{"system": "http://www.whocc.no/atc", "code": atc}]}
    resource = {
        "resourceType": "MedicationAdministration", "id": name, "status": "completed", "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": drug, "effectiveDateTime": given_at, "dosage": {"dose": {"value": 480, "unit": "mg", "code": "mg"}}, **more,
    }  # fmt: skip
    ward.now += timedelta(seconds=1)
    wanted = [Interaction("PUT", "MedicationAdministration", name, resource)]
    done = write(ward.node, Actor("his", Role.PHYSICIAN, ward.node.site.organisation), wanted)
    assert not isinstance(done, Refusal), done
    ward.round()


def test_doses_that_only_another_system_filed_are_counted_and_said_whose_they_are(house: House) -> None:
    ward, case = house.ward, f"/cases/{CASE}/bedside"
    until = (ward.now.date() + timedelta(days=9)).isoformat()
    ward.give("ReserveDrugs", Role.PHARMACIST, atc="L04AC07", doses=2, from_on=ward.now.date().isoformat(), until_on=until)
    assert house.bed().reserved.left == 2
    ward.wait(hours=1)
    whose = {"performer": [{"actor": {"reference": "Organization/icu", "type": "Organization", "display": "Tower B intensive care"}}]}
    with ward.node.storage.writing() as connection:
        store.put(connection, {"resourceType": "Organization", "id": "icu", "name": "Tower B intensive care"}, at=ward.now)
    administered(ward, "m-1", ward.now.isoformat(), **whose)
    administered(ward, "m-steroid", ward.now.isoformat(), atc="H02AB02", extension=[{"url": "urn:baybridge:meant", "valueBoolean": True}])
    said = "1 left of 2 until"
    for text in (house.get(), house.get(case)):
        assert said in text and "1 filed by another system (Tower B intensive care)" in html.unescape(text)
    assert "dexamethasone" in house.get(case), "a steroid that was filed stands among the drugs"
    assert "filed by Tower B intensive care" in pack(ward.node, ["en"]).files["ward.en.html"].decode()
    reserved = case_state(ward.node, CASE)["reserved"]
    assert (reserved["left"], reserved["given"], [one["by"] for one in reserved["filed"]]) == (1, 0, ["Tower B intensive care"])
    administered(ward, "m-1", ward.now.isoformat(), status="entered-in-error", **whose)
    assert house.bed().reserved.left == 2, "what is taken back is not counted"


def test_a_dose_of_another_system_counts_at_the_gate_of_the_infusion(house: House) -> None:
    ward = house.ward
    until = (ward.now.date() + timedelta(days=9)).isoformat()
    ward.give("ReserveDrugs", Role.PHARMACIST, atc="L04AC07", doses=2, from_on=ward.now.date().isoformat(), until_on=until)
    ward.wait(hours=1)
    filed = (FiledDose("L04AC07", ward.now, "MedicationAdministration/m-1"),)
    assert {one.code for one in preparation._drugs(_At(ward, ()), ward.now)} == set()
    assert {one.code for one in preparation._drugs(_At(ward, filed), ward.now)} == {"gate.infusion.drugs_not_reserved"}
    assert "drugs" in COMMANDS["Infuse"].needs, "the gate reads them"


class _At:
    """As much of a situation as the gate looks at."""

    def __init__(self, ward: Ward, filed: tuple[FiledDose, ...]) -> None:
        self.case, self.limits, self.site = ward.case, ward.node.documents.typed.limits, ward.node.site
        self.record = FromRecord(drugs=DrugHistory(filed=filed))
