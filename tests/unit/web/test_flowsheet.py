"""The flowsheet of a case over data as it comes: every value is drawn or told with its reason, none is silently another or gone."""

from __future__ import annotations

import html
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
from baybridge.journey.command import Role
from baybridge.journey.events import AssessmentRecorded, DrugGiven
from baybridge.node.people import accounts
from baybridge.record.store import store
from watch_world import CASE, PATIENT, Ward

CARE = ("physician", "nurse", "pharmacist", "coordinator", "quality")
OTHERS = ("payer", "manufacturer", "laboratory", "alliance", "administrator", "patient")
PAGE = f"/cases/{CASE}/flowsheet"
LOINC = {"temperature": "8310-5", "ferritin": "2276-4", "crp": "1988-5", "platelets": "777-3"}


@dataclass
class House:
    ward: Ward
    client: TestClient

    def get(self, path: str = PAGE, who: str = "nurse", status: int = 200) -> str:
        with self.ward.node.storage.writing() as connection:
            token = accounts.open_session(connection, who, self.ward.now).token
        answer = self.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text[:500]
        return answer.text.replace("\xa0", " ").replace("\u202f", " ")

    def put(self, logical_id: str, fact: str, value: Any, unit: str, *, at: datetime | None = None, filed_at: datetime | None = None, **more: Any) -> None:
        """An observation as another system could have left it, past what is refused at the door."""
        quantity = {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}
        resource = {
            "resourceType": "Observation", "id": logical_id, "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": LOINC[fact]}]},
            "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": (at or self.ward.now).isoformat(), "valueQuantity": quantity, **more,
        }  # fmt: skip
        with self.ward.node.unit() as unit_of_work:
            store.put(unit_of_work.connection, resource, at=filed_at or unit_of_work.at)

    def of(self, kind: type) -> str:
        """The id of the last event of a kind."""
        return [item.event_id for item in self.ward.events if isinstance(item.event, kind)][-1]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


def opened(folder: Path) -> Iterator[House]:
    ward = Ward(folder / "hk")
    ward.account("nurse", Role.NURSE)
    with TestClient(application(ward.node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(ward, client)


def figure(page: str, title: str) -> str:
    """One chart of the page."""
    found = re.findall(r"<figure.*?</figure>", page, re.S)
    return next(one for one in found if f"<strong>{title}</strong>" in one)


def marks(page: str, title: str) -> list[str]:
    """What the marks of a chart say, in the order in which they are drawn."""
    return [html.unescape(one) for one in re.findall(r'<path class="mark"[^>]* data-said="([^"]*)"', figure(page, title))]


def rows(page: str) -> list[list[str]]:
    """The cells of the table, as text."""
    body = page[page.index('id="values"') :]
    body = re.sub(r'<a href="/fhir/([^"]+)"[^>]*>', r" \1 ", body)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S) for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)]
    return [[" ".join(html.unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in row] for row in cells if len(row) == 6][1:]


# --- who ------------------------------------------------------------------------------------------------------------------


def test_who_cares_for_the_patient_reads_it_and_nobody_else(house: House) -> None:
    house.ward.assess()
    for role in CARE:
        if role != "nurse":
            house.ward.account(role, Role(role))
        assert "36.8" in house.get(who=role)
    for role in OTHERS:
        house.ward.account(role, Role(role))
        house.get(who=role, status=403)
    house.get("/cases/nobody/flowsheet", status=404)


def test_the_title_has_initials_and_no_name(house: House) -> None:
    title = re.search(r"<title>(.*?)</title>", house.get(), re.S)
    assert title is not None
    assert "C." in title[1]
    assert "Chan" not in title[1]


# --- data as it comes -----------------------------------------------------------------------------------------------------


def test_no_value_at_all_is_said(house: House) -> None:
    page = house.get()
    assert "<figure" not in page
    assert "Nothing that the flowsheet shows was measured" in page


def test_one_value_is_one_mark_without_a_line(house: House) -> None:
    house.put("t", "temperature", 38.4, "Cel")
    page = house.get()
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["38.4 °C"]
    assert 'class="line"' not in figure(page, "body temperature")


def test_another_unit_is_converted_by_the_one_layer_and_an_unknown_one_is_told(house: House) -> None:
    house.put("f", "temperature", 101, "[degF]")
    house.put("k", "temperature", 38, "kPa")
    page = house.get()
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["38.33 °C"]
    assert "1 not drawn" in figure(page, "body temperature")
    said = {row[3]: row[5] for row in rows(page) if row[2] == "body temperature"}
    assert said["38.33 °C reported as 101 °F"] == "used"
    assert said["38 kPa"].startswith("not used")
    assert "kPa" in said["38 kPa"]


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"status": "preliminary"}, "not used: preliminary"),
        ({"status": "entered-in-error"}, "struck through"),
        ({"status": "cancelled"}, "not used"),
        ({"valueQuantity": {"value": 99, "unit": "Cel"}}, "not used: cannot be true of a living person"),
        ({"valueQuantity": {"value": 38.4}}, "not used"),
        ({"valueQuantity": None, "valueString": "38 point 4"}, "not used: words only"),
        ({"focus": [{"reference": "Patient/donor"}]}, "not used"),
        ({"effectiveDateTime": "yesterday"}, "not used"),
        ({"effectiveDateTime": "1967-01-01"}, "not used"),
        ({"effectiveDateTime": "2031-01-01"}, "not used"),
    ],
)
def test_what_is_not_used_is_told_with_its_reason_and_not_drawn(house: House, more: dict[str, Any], state: str) -> None:
    house.put("good", "temperature", 37.1, "Cel")
    house.put("odd", "temperature", 38.4, "Cel", **{name: value for name, value in more.items() if value is not None})
    if more.get("valueQuantity", "") is None:
        with house.ward.node.unit() as unit:
            resource = dict(store.get(unit.connection, "Observation", "odd").resource)  # type: ignore[union-attr]
            resource.pop("valueQuantity")
            store.put(unit.connection, resource, at=unit.at)
    page = house.get(f"{PAGE}?range=all")
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["37.1 °C"]
    (row,) = [row for row in rows(page) if "Observation/odd" in row[4]]
    assert row[5].startswith(state)
    assert len(row[5]) > len(state), "why"


def test_a_value_that_was_corrected_says_so(house: House) -> None:
    house.put("t", "temperature", 38.4, "Cel")
    house.put("t", "temperature", 37.4, "Cel", status="corrected")
    page = house.get()
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["37.4 °C"]
    assert [row[5] for row in rows(page) if "Observation/t" in row[4]] == ["used Corrected by its source."]


def test_two_methods_never_share_a_line(house: House) -> None:
    for number, (method, value) in enumerate([("A", 500), ("A", 700), ("B", 900), ("B", 1200), ("", 60), ("", 70)]):
        more = {"method": {"text": method}} if method else {}
        house.put(f"f{number}", "ferritin", value, "ng/mL", at=house.ward.now - timedelta(hours=number), **more)
    chart = figure(house.get(), "ferritin")
    pieces = re.findall(r'<path class="line" d="([^"]*)"', chart)
    assert [piece.count("L") for piece in pieces] == [1, 1], "one line for each method, none for those whose method nobody knows"
    assert "method not known" in chart
    assert "logarithmic" in chart


def test_what_lies_above_a_limit_is_an_arrow_and_no_exact_value(house: House) -> None:
    house.put("f", "ferritin", 100_000, "ng/mL", valueQuantity={"value": 100_000, "comparator": ">", "unit": "ng/mL"})
    page = house.get()
    assert [said.split(" · ")[0] for said in marks(page, "ferritin")] == ["above 100,000 ng/mL"]
    assert "above 100,000 ng/mL" in figure(page, "ferritin").split('aria-label="')[1]
    assert [row[5].startswith("above or below a limit") for row in rows(page) if "Observation/f" in row[4]] == [True]


def test_a_struck_entry_is_told_and_its_replacement_is_drawn(house: House) -> None:
    house.ward.assess(temperature=38.9)
    given = {"findings": {"temperature": 36.9, "hypotension": "none", "oxygen_device": "none"}, "assessed_at": house.ward.now.isoformat()}
    entry = house.of(AssessmentRecorded)
    done = house.ward.give("CorrectEntry", Role.PHYSICIAN, event_id=entry, action="replace", reason="wrong-value", given=given)
    assert hasattr(done, "events"), done
    page = house.get()
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["36.9 °C"]
    states = {row[3]: row[5] for row in rows(page) if row[2] == "body temperature"}
    assert states["38.9"].startswith("struck through")
    assert states["36.9 °C"] == "used"


def test_a_drug_that_was_struck_is_in_the_table_alone(house: House) -> None:
    given = {"atc": "L04AC07", "name": "tocilizumab", "dose_mg": 400, "route": "IV", "given_at": house.ward.now.isoformat()}
    done = house.ward.give("GiveDrug", Role.PHYSICIAN, **given, override_reason="test")
    assert hasattr(done, "events"), done
    assert 'class="given mark"' in house.get()
    house.ward.give("CorrectEntry", Role.PHYSICIAN, event_id=house.of(DrugGiven), action="void", reason="wrong-patient")
    page = house.get()
    assert 'class="given mark"' not in page
    assert any("tocilizumab" in row[2] and row[5].startswith("struck through") for row in rows(page))


def test_a_grade_that_was_replaced_or_struck_stays_struck_through_with_when_and_why(house: House) -> None:
    house.ward.assess(temperature=38.9)
    given = {"findings": {"temperature": 36.9, "hypotension": "none", "oxygen_device": "none"}, "assessed_at": house.ward.now.isoformat()}
    house.ward.give("CorrectEntry", Role.PHYSICIAN, event_id=house.of(AssessmentRecorded), action="replace", reason="wrong-value", given=given)
    house.ward.round()
    graded = [row for row in rows(house.get()) if row[2] == "CRS grade"]
    assert {row[3]: row[5].split(" ")[0] for row in graded} == {"grade 0": "used", "grade 1": "replaced"}
    assert any("Replaced" in row[5] and "wrong value" in row[5] for row in graded)
    house.ward.give("CorrectEntry", Role.PHYSICIAN, event_id=house.of(AssessmentRecorded), action="void", reason="wrong-patient")
    house.ward.round()
    states = [row[5] for row in rows(house.get()) if row[2] == "CRS grade"]
    assert states and all("Struck through" in state or "Replaced" in state for state in states)
    assert "<s>" in house.get()


def test_a_call_for_a_struck_entry_is_struck_through_too(house: House) -> None:
    house.ward.assess(oxygen_saturation=84)
    assert any(row[2] == "Rapid response team called" and row[5] == "used" for row in rows(house.get()))
    house.ward.give("CorrectEntry", Role.PHYSICIAN, event_id=house.of(AssessmentRecorded), action="void", reason="wrong-patient")
    house.ward.round()
    told = [row for row in rows(house.get()) if row[2] == "Rapid response team called"]
    assert [row[5].startswith("struck through") for row in told] == [True]


def test_without_an_infusion_no_days_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = case_world.at_centre().walk(*case_world.READY)
    monkeypatch.setattr(case_world, "infused", lambda: prepared)
    for house in opened(tmp_path):
        house.put("t", "temperature", 37.4, "Cel")
        page = house.get(f"{PAGE}?range=infusion")
        assert "No infusion is recorded" in page
        assert "none of those above" in page, "what was asked for cannot be shown"
        assert marks(page, "body temperature")
        assert "day 0" not in page.split("<main", 1)[1]


def test_three_thousand_values_are_all_drawn_and_the_table_goes_on(house: House) -> None:
    before = house.ward.now - timedelta(days=1)
    with house.ward.node.unit() as unit:
        for number in range(3000):
            resource = {
                "resourceType": "Observation", "id": f"n{number}", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
                "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": (before + timedelta(seconds=28 * number)).isoformat(),
                "valueQuantity": {"value": 36 + number % 4, "unit": "Cel"},
            }  # fmt: skip
            store.put(unit.connection, resource, at=unit.at)
    page = house.get(f"{PAGE}?range=72h")
    (path,) = re.findall(r'<path class="mark" d="([^"]*)"', figure(page, "body temperature"))
    assert path.count("z") == 3000
    assert "newest first: 3002" in page or "newest first: 3001" in page
    last = house.get(f"{PAGE}?range=72h&amp;page=8".replace("&amp;", "&"))
    assert len(rows(page)) == 400
    assert "Observation/n0\"" in last
    assert "Observation/n0\"" not in page


# --- time -----------------------------------------------------------------------------------------------------------------


def test_a_line_ends_where_nobody_measured(house: House) -> None:
    for hours in (0, 3, 20, 23):
        house.put(f"t{hours}", "temperature", 37, "Cel", at=house.ward.now - timedelta(hours=hours))
    assert len(re.findall(r'<path class="line"', figure(house.get(), "body temperature"))) == 2


def test_the_address_chooses_the_time(house: House) -> None:
    for hours in (1, 60, 140, 300):
        house.put(f"t{hours}", "temperature", 37, "Cel", at=house.ward.now - timedelta(hours=hours))
    for chosen, count in (("24h", 1), ("72h", 2), ("7d", 3), ("all", 4), ("infusion", 2), ("../../etc", 2), ("<script>", 2)):
        page = house.get(f"{PAGE}?range={chosen}")
        assert len(marks(page, "body temperature")) == count, chosen
        assert ("none of those above" in page) == (chosen not in ("24h", "72h", "7d", "all", "infusion"))
        assert "<script>" not in page


def test_an_earlier_moment_shows_what_was_known_then(house: House) -> None:
    then = house.ward.now
    house.put("t", "temperature", 37.2, "Cel")
    house.ward.now += timedelta(days=1)
    house.put("later", "temperature", 39.2, "Cel")
    house.put("t", "temperature", 35.2, "Cel", at=then, status="corrected")
    page = house.get(f"{PAGE}?at={(then + timedelta(minutes=1)).isoformat().replace('+', '%2B')}")
    assert [said.split(" · ")[0] for said in marks(page, "body temperature")] == ["37.2 °C"]
    assert f"at={then.year}" in page.split("<figure")[0], "another range keeps the moment"


def test_a_page_of_the_table_that_is_none_is_the_nearest(house: House) -> None:
    house.put("t", "temperature", 37.2, "Cel")
    for page in ("-1", "0", "99", "x", "1e9", "٣"):
        assert len(rows(house.get(f"{PAGE}?page={page}"))) >= 1


# --- pictures in words ----------------------------------------------------------------------------------------------------


def test_a_picture_says_range_last_value_and_time(house: House) -> None:
    for hours, value in ((5, 37.1), (3, 39.2), (1, 38.0)):
        house.put(f"t{hours}", "temperature", value, "Cel", at=house.ward.now - timedelta(hours=hours))
    alt = figure(house.get(), "body temperature").split('aria-label="')[1].split('"')[0]
    assert "number of values 3, between 37.1 °C and 39.2 °C. Last: 38 °C" in alt


def test_a_grade_that_is_not_certain_is_a_bar_between_its_bounds(house: House) -> None:
    house.ward.assess(blank=("hypotension", "vasopressors", "vasopressin"), temperature=38.5)
    chart = figure(house.get(), "CRS grade")
    assert 'class="open-grade mark"' in chart
    assert re.search(r"grade \d to \d", chart)
    assert 'class="mark"' not in chart.replace("open-grade mark", "")


def test_names_with_script_in_them_are_text(house: House) -> None:
    house.put("f", "ferritin", 500, "ng/mL", method={"text": "<script>alert(1)</script>"})
    page = house.get()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_it_speaks_each_language(house: House) -> None:
    house.ward.assess()
    house.put("t", "temperature", 37.2, "Cel")
    for language in ("en", "zh-Hans", "zh-Hant", "pt"):
        page = house.get(f"{PAGE}?language={language}")
        assert not re.search(r"ward\.[a-z_.]+[a-z]", re.sub(r"/static/\S+", "", page)), "a key without its words"
