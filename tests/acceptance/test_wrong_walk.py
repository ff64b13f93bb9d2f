"""A walk that does everything wrong once, over HTTP, and puts it right.

What is impossible is refused with every reason, what slipped through is corrected, and care goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

import case_world as w
from acceptance.support import Clock
from baybridge.app import application
from baybridge.journey.command import Actor, Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.record.store import store

CASE, PATIENT = "case-1", "patient-1"
PEOPLE = {
    "doc": ("p-1", Role.PHYSICIAN), "doc-again": ("p-1", Role.PHYSICIAN), "doc-2": ("p-2", Role.PHYSICIAN), "nurse": ("p-3", Role.NURSE), "nurse-2": ("p-4", Role.NURSE),
    "desk": ("p-5", Role.COORDINATOR),
}  # fmt: skip


@dataclass
class Ward:
    """A centre over HTTP, on a clock that the walk moves; each person has an own session."""

    node: Node
    clock: Clock
    client: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    def post(self, who: str, command: str, **given: Any) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.tokens[who]}"}
        body: dict[str, Any] = self.client.post(f"/do/{command}", json={"case": CASE, "given": given}, headers=headers).json()
        return body

    def do(self, who: str, command: str, second: str = "", **given: Any) -> list[dict[str, Any]]:
        """What was done, with a second person where one is asked."""
        answer = self.post(who, command, **given)
        assert "events" in answer, (command, answer)
        events: list[dict[str, Any]] = answer["events"]
        if events and events[0]["event"]["type"] == "ConfirmationAsked":
            assert second, f"{command} asks for a second person"
            return self.do(second, "ConfirmEntry", confirmation_id=events[0]["event"]["confirmation_id"], agrees=True)
        return events

    def refused(self, who: str, command: str, **given: Any) -> set[str]:
        answer = self.post(who, command, **given)
        assert "refused" in answer, (command, answer)
        assert all(reason["text"] for reason in answer["reasons"])
        return {reason["code"] for reason in answer["reasons"]}

    def codes(self, who: str, command: str, **given: Any) -> set[str]:
        """The codes of a refusal; none where it was done."""
        return {reason["code"] for reason in self.post(who, command, **given).get("reasons", ())}

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/cases/{CASE}/state.json", headers={"authorization": f"Bearer {self.tokens['doc']}"}).json()
        return found

    def at(self, **ago: float) -> str:
        return (self.clock() - timedelta(**ago)).isoformat()

    def later(self, **span: float) -> None:
        """Time passes, and everybody signs in again."""
        self.clock.moment += timedelta(**span)
        with self.node.storage.writing() as connection:
            self.tokens = {account: accounts.open_session(connection, account, self.clock()).token for account in PEOPLE}


Open = Callable[[w.World], Ward]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Open]:
    opened: list[Ward] = []

    def begin(world: w.World) -> Ward:
        folder = tmp_path / "hk"
        found(folder, {"node": "hk", "organisation": "Hong Kong Centre", "jurisdiction": "HK", "city": "Hong Kong", "kinds": ["centre", "laboratory"]})
        clock = Clock()
        clock.moment = world.now + timedelta(minutes=5)
        node = Node(read_config(folder), now=clock)
        with node.unit() as unit:
            store.put(unit.connection, {"resourceType": "Patient", "id": PATIENT, "birthDate": "1968-04-09"}, at=unit.at)
            unit.append(CASE, [item.event for item in world.events], Actor("test", Role.SYSTEM, node.site.organisation), known=0)
        with node.storage.writing() as connection:
            for account, (person, role) in PEOPLE.items():
                known = {"person_id": person} if account == "doc-again" else {}
                accounts.add_account(
                    connection, account=account, name=account, role=role, organisation=node.site.organisation, password="three plain words", **known
                )
                connection.execute(update(tables.account).where(tables.account.c.account == account).values(person_id=person))
            tokens = {account: accounts.open_session(connection, account, clock()).token for account in PEOPLE}
        opened.append(Ward(node, clock, TestClient(application(node, workers=False), base_url="http://127.0.0.1"), tokens))
        return opened[-1]

    yield begin
    for one in opened:
        one.node.storage.close()


WELL = {name: value for name, value in w.OBSERVED.items() if not name.startswith("ice_")}


def test_a_blank_attribution_hides_no_sign_and_the_slip_is_struck_through(ward: Open) -> None:
    house = ward(w.infused())
    blank = {name: value for name, value in WELL.items() if not name.endswith("_attributable")}
    seen = house.do("nurse", "Assess", findings={**blank, "temperature": 39.2, "hypotension": "vasopressor", "vasopressors": 2}, assessed_at=house.at(minutes=1))
    assert "RapidResponseCalled" in {one["event"]["type"] for one in seen}
    assert [call["state"] for call in house.state()["calls"]] == ["open"]
    assessed = next(one["event_id"] for one in seen if one["event"]["type"] == "AssessmentRecorded")
    house.do("doc", "CorrectEntry", event_id=assessed, action="void", reason="wrong-patient")
    assert house.state()["calls"] == []
    entries = {entry["event_id"]: entry["state"] for entry in house.state()["entries"]}
    assert entries[assessed] == "voided"


def test_an_ice_score_that_contradicts_its_items_is_refused_and_the_sum_is_taken(ward: Open) -> None:
    house = ward(w.infused())
    items = {"ice_orientation": 0, "ice_naming": 0, "ice_command": 0, "ice_writing": 0, "ice_attention": 0}
    wrong = {**WELL, **items, "ice_score": 10}
    assert "bedside.assess.ice_contradicts" in house.refused("nurse", "Assess", findings=wrong, assessed_at=house.at(minutes=1))
    house.do("nurse", "Assess", findings={**WELL, **items}, assessed_at=house.at(minutes=1))
    assert house.state()["grades"]["icans-astct-2019"]["current"]["grade_min"] >= 3
    assert [call["state"] for call in house.state()["calls"]] == ["open"]


def test_a_wrong_visit_is_struck_through_and_the_next_one_is_due_as_before(ward: Open) -> None:
    house = ward(w.infused())
    house.codes("desk", "ScheduleFollowUp")
    house.later(days=200)
    before = house.state()["visits"]
    assert house.refused("doc", "RecordVisit", visit="M60", visited_on=house.clock().date().isoformat())
    slip = house.do("doc", "RecordVisit", visit="M6", visited_on=house.clock().date().isoformat())
    assert house.state()["visits"] != before
    house.do("doc", "CorrectEntry", event_id=slip[0]["event_id"], action="void", reason="wrong-patient")
    assert house.state()["visits"] == before


def test_a_death_by_mistake_is_taken_back_by_two_and_care_goes_on(ward: Open) -> None:
    house = ward(w.infused())
    died = house.do("doc", "RecordDeath", died_on=house.clock().date().isoformat())
    assert house.state()["dead"]
    assert "journey.case.died" in house.refused("nurse", "Assess", findings=WELL, assessed_at=house.at(minutes=1))
    house.do("doc", "CorrectEntry", second="doc-2", event_id=died[0]["event_id"], action="void", reason="wrong-patient")
    assert not house.state()["dead"]
    house.do("nurse", "Assess", findings=WELL, assessed_at=house.at(minutes=1))


def test_a_product_that_the_label_does_not_cover_is_refused_until_a_physician_signs(ward: Open) -> None:
    house = ward(w.World().walk(w.OPEN, w.CONSENT, w.REFER))
    standing = house.refused("doc", "AcceptCase", product=w.PRODUCT)
    assert standing and all(code.startswith("gate.accept.") for code in standing)
    page = house.client.get(f"/cases/{CASE}/do/AcceptCase", headers={"authorization": f"Bearer {house.tokens['doc']}"}).text
    assert "SignException" in page, "the form shows what stands before anything is sent"
    assert "journey.exception.not_standing" in house.refused("doc", "SignException", gate="accept", codes=["gate.accept.nothing"], note="x")
    house.do("doc", "SignException", second="doc-2", gate="accept", codes=sorted(standing), note="named patient, decided by the board of the ward")
    house.do("doc", "AcceptCase", product=w.PRODUCT)
    assert house.state()["stage"] == "accepted"


def test_an_infusion_too_early_is_refused_with_every_reason_and_given_after_two_signed(ward: Open) -> None:
    world = w.at_centre().walk(w.fitness("lymphodepletion"), w.LYMPHODEPLETE)
    house = ward(world)
    house.later(days=1)
    chain = {"chain_of_identity": world.chain(), "bag": "product-1"}
    checked = {"wrist_band": PATIENT, "order": world.chain(), "name_stated": True, "birth_date_stated": True, "tocilizumab_doses": 2}
    house.do("nurse", "CheckBedside", second="nurse-2", **chain, **checked, checked_at=house.at(minutes=1))
    standing = house.refused("nurse", "Thaw", **chain, thawed_at=house.at(minutes=1))
    gate = sorted(code for code in standing if code.startswith("gate.infusion."))
    assert {"gate.infusion.lymphodepletion_incomplete", "gate.infusion.fitness_unchecked", "gate.infusion.drugs_not_reserved"} <= set(gate)
    assert set(gate) == standing, "nothing else stands: what no signature passes would"
    assert "journey.exception.not_all" in house.refused("doc", "SignException", gate="infusion", codes=gate[1:], note="x")
    house.do("doc", "SignException", second="doc-2", gate="infusion", codes=gate, note="two physicians decided")
    house.do("nurse", "Thaw", second="nurse-2", **chain, thawed_at=house.at(minutes=1))
    house.later(minutes=10)
    house.do("nurse", "Infuse", **chain, started_at=house.at(minutes=8), ended_at=house.at(minutes=1), entire_volume=True)
    assert house.state()["stage"] == "infused"


def test_the_same_person_twice_is_no_second_person(ward: Open) -> None:
    house = ward(w.infused())
    house.later(days=28)
    given = {"timepoint": "D28", "criteria": "Lugano 2014", "category": "CR", "assessed_on": house.clock().date().isoformat()}
    asked = house.post("doc", "AssessResponse", **given)["events"][0]["event"]["confirmation_id"]
    for same in ("doc", "doc-again"):
        assert house.refused(same, "ConfirmEntry", confirmation_id=asked, agrees=True) == {"signing.confirm.same_person"}
    (read,) = house.do("doc-2", "ConfirmEntry", confirmation_id=asked, agrees=True)
    assert len({one["person"] for one in read["event"]["signed_by"]}) == 2
    wrong = house.post("doc", "CorrectEntry", event_id=read["event_id"], action="replace", reason="wrong-value", given={**given, "category": "PR"})
    assert wrong["events"][0]["event"]["type"] == "ConfirmationAsked", "what two read is read by two again"


def test_discharge_with_crs_three_waits(ward: Open) -> None:
    house = ward(w.infused())
    bad = {**WELL, "temperature": 39.2, "fever_attributable": True, "hypotension": "vasopressor", "vasopressors": 1, "ice_score": 10}
    house.do("nurse", "Assess", findings=bad, assessed_at=house.at(minutes=2))
    house.later(minutes=30)
    leave = {
        "discharged_on": house.clock().date().isoformat(), "stay_near_until": (house.clock().date() + timedelta(days=29)).isoformat(),
        "no_driving_until": (house.clock().date() + timedelta(days=57)).isoformat(), "caregiver": True, "emergency_card": True,
    }  # fmt: skip
    assert "gate.discharge.toxicity" in house.refused("doc", "Discharge", **leave)
    house.later(days=14)
    house.do("nurse", "Assess", findings={**WELL, "ice_score": 10}, assessed_at=house.at(minutes=1))
    later = {**leave, "discharged_on": house.clock().date().isoformat(), "stay_near_until": (house.clock().date() + timedelta(days=29)).isoformat()}
    assert "gate.discharge.toxicity" not in house.codes("doc", "Discharge", **later)
