"""Facts stand by organ and disease with the value before the newest one; the timeline stands by day, newest first, one kind of it where the address says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.documents.terms import FactGroups
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import EVENT_TYPES, ConfirmationAsked, ConfirmationDeclined, Event
from baybridge.record.store import store
from baybridge.web.case import timeline_page
from baybridge.web.page.pictures import road
from baybridge.web.page.plainly import plainly
from page_words import Read, technical
from watch_world import CASE, PATIENT, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    made.account("physician", Role.PHYSICIAN)
    yield made
    made.node.storage.close()


def page(ward: Ward, address: str, *, name: str = "physician", status: int = 200) -> str:
    with TestClient(application(ward.node, workers=False)) as client:
        client.post("/sign-in", data={"name": name, "password": "a long enough password"})
        answer = client.get(f"/cases/{CASE}/{address}", headers={"accept-language": "en"})
    assert answer.status_code == status, answer.text
    return answer.text


def result(ward: Ward, name: str, loinc: str, value: float, unit: str, *, hours: float, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": name, "status": "final", "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]}, "effectiveDateTime": (ward.now - timedelta(hours=hours)).isoformat(),
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit}, **more,
    }  # fmt: skip


def put(ward: Ward, *resources: dict[str, Any]) -> None:
    with ward.node.storage.writing() as connection:
        store.put_many(connection, list(resources), at=ward.now)


def section(text: str, group: str) -> str:
    found = re.search(rf'<section class="card" id="group-{group}">.*?</section>', text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_a_value_says_what_it_was_before_and_which_way_it_went(ward: Ward) -> None:
    put(ward, result(ward, "k-old", "2823-3", 3.9, "mmol/L", hours=20), result(ward, "k-new", "2823-3", 5.2, "mmol/L", hours=2))
    kidney = section(page(ward, "facts"), "kidney")
    assert "potassium 5.2" in kidney and "up from 3.9" in kidney
    assert "potassium" not in section(page(ward, "facts"), "liver")


def test_results_of_two_methods_are_not_compared(ward: Ward) -> None:
    """Values of a method-dependent analyte may be joined within one method alone."""
    put(ward, result(ward, "f-old", "2276-4", 400, "ng/mL", hours=20), result(ward, "f-new", "2276-4", 900, "ng/mL", hours=2))
    assert "from 400" not in page(ward, "facts")


def test_one_group_and_one_state_stand_in_the_address_and_what_is_no_group_shows_everything(ward: Ward) -> None:
    put(ward, result(ward, "k", "2823-3", 4.1, "mmol/L", hours=2), result(ward, "alt", "1742-6", 30, "U/L", hours=200))
    assert section(page(ward, "facts?group=kidney"), "liver") == ""
    assert "too old, not used" in section(page(ward, "facts?state=stale"), "liver") and section(page(ward, "facts?state=stale"), "kidney") == ""
    assert section(page(ward, "facts?group=no-such-group"), "liver") and section(page(ward, "facts?group=no-such-group"), "kidney")


def test_every_fact_stands_in_one_group_and_no_group_names_another(ward: Ward) -> None:
    named = [fact for group in ward.node.documents.typed.the(FactGroups).groups.values() for fact in group.facts]
    assert len(named) == len(set(named))
    assert set(named) == set(ward.node.dictionary.facts)


def test_the_timeline_is_newest_first_and_shows_one_kind_where_the_address_says_so(ward: Ward) -> None:
    ward.assess()
    ward.wait(hours=30)
    ward.assess()
    text = page(ward, "timeline")
    days = re.findall(r'<section class="card day">\s*<h2>([^<]*)', text)
    clocks = [re.findall(r'class="when nowrap">([^<]*)', part) for part in text.split('<section class="card day">')[1:]]
    assert len(days) >= 2 and days[0].startswith(f"{ward.now.day} ") and all(inside == sorted(inside, reverse=True) for inside in clocks)
    care = page(ward, "timeline?kind=care")
    assert 2 <= care.count('<li id="e-') < text.count('<li id="e-')
    other = page(ward, "timeline?kind=nothing")
    assert "There is no entry of the kind" in other and other.count('<li id="e-') == text.count('<li id="e-')


def test_every_event_has_a_kind(ward: Ward) -> None:
    del ward
    assert {timeline_page._KIND_OF.get(kind.__module__.rpartition(".")[2]) for kind in EVENT_TYPES.values()} <= set(timeline_page.KINDS)


def test_the_timeline_opens_no_entry_of_a_page_that_is_closed_to_the_reader(ward: Ward) -> None:
    ward.account("laboratory", Role.LABORATORY)
    assessed = ward.assess()
    assert assessed
    entry = next(one.event_id for one in ward.events if type(one.event).__name__ == "AssessmentRecorded")
    seen = page(ward, "timeline")
    assert "Assessment" in seen and f"e-{entry}" in seen and "your role does not open" not in seen
    closed = page(ward, "timeline", name="laboratory")
    assert f"e-{entry}" not in closed and "Entries of pages that your role does not open" in closed
    page(ward, f"entries/{entry}", name="laboratory", status=403)
    page(ward, f"entries/{entry}")


def test_a_plants_people_see_cells_and_nothing_of_the_record(ward: Ward) -> None:
    """No finding, no name of a file that was imported, and not the pages behind; what they do see says nothing untrue instead."""
    ward.account("manufacturer", Role.MANUFACTURER)
    confirmed = ward.give("ConfirmFinding", Role.PHYSICIAN, fact="ecog", value="1", basis="seen at the bedside")
    assert not isinstance(confirmed, Refusal), confirmed
    entry = next(one.event_id for one in ward.events if type(one.event).__name__ == "FindingConfirmed")
    assert f"e-{entry}" in page(ward, "timeline")
    assert f"e-{entry}" not in page(ward, "timeline", name="manufacturer")
    page(ward, f"entries/{entry}", name="manufacturer", status=403)
    assert "Imported records" in page(ward, "")
    assert "Imported records" not in page(ward, "", name="manufacturer")
    for closed in ("facts", "tests", "options", "eligibility", "state.json", "evidence", "evidence.json", "card", "bedside", "funding", "sharing", "attachments"):
        page(ward, closed, name="manufacturer", status=403)
    page(ward, "cells", name="manufacturer")


ASKED = {"Collect": {"laboratory", "manufacturer"}, "SignException": {"laboratory"}, "CheckBedside": set(), "ConfirmGrade": set(), "RecordEmergency": set(),
         "NoSuchCommand": set()}  # fmt: skip


def test_what_waits_for_a_second_person_is_seen_where_its_command_is_given(ward: Ward) -> None:
    """By the page of the command and those of what comes of it; a command that this node does not know, by who opens every page."""
    for role in (Role.LABORATORY, Role.MANUFACTURER):
        ward.account(role.value, role)
    asked: dict[str, Any] = {"given_sha256": "0" * 64, "expires_at": ward.now + timedelta(hours=1), "meaning": "checked"}
    every: list[Event] = []
    for name in ASKED:
        every += [ConfirmationAsked(confirmation_id=name, command=name, **asked), ConfirmationDeclined(confirmation_id=name, command=name, note="no")]
    with ward.node.unit() as unit:
        unit.append(CASE, every, Actor("physician", Role.PHYSICIAN, ward.node.site.organisation), known=len(ward.events))
    ids = {one.event_id: one.event.command for one in ward.events if isinstance(one.event, ConfirmationAsked | ConfirmationDeclined)}
    assert len(ids) == 2 * len(ASKED)
    for who in ("physician", "laboratory", "manufacturer"):
        shown = page(ward, "timeline", name=who)
        for entry, command in ids.items():
            is_open = who == "physician" or who in ASKED[command]
            assert (f"e-{entry}" in shown) is is_open, (who, command)
            if not is_open:
                page(ward, f"entries/{entry}", name=who, status=403)


def test_neither_page_shows_what_belongs_to_the_program(ward: Ward) -> None:
    put(ward, result(ward, "0197d2a4-53ab-70c0-ac61-030124ea1a45", "2823-3", 4.1, "mmol/L", hours=2))
    ward.assess()
    for address in ("facts", "timeline?kind=care"):
        assert list(technical(Read(page(ward, address)), "physician")) == []


def test_an_address_of_the_record_is_a_word_and_its_last_signs() -> None:
    words = {"Observation": "result"}
    said = plainly("Observation/0197d2a4-53ab-70c0-ac61-030124ea1a45/_history/3 and 0197d2a4-53ab-70c0-ac61-030124ea1a99", lambda kind: words.get(kind, ""))
    assert said == "result …EA1A45 and EA1A99"
    assert plainly("mg/dL, and/or, Unknown/x", lambda kind: words.get(kind, "")) == "mg/dL, and/or, Unknown/x"


def test_the_road_has_a_lane_for_each_place_in_the_order_in_which_it_is_reached() -> None:
    made = road(["mo", "hk", "sh", "hk"])
    assert [lane.place for lane in made.lanes] == ["mo", "hk", "sh"]
    assert [y for _, y in made.points] == [made.lanes[0].y, made.lanes[1].y, made.lanes[2].y, made.lanes[1].y]
    assert len({x for x, _ in made.points}) == 4 and all(0 < x < made.width for x, _ in made.points)
    assert road([]).points == ()
