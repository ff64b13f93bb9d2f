"""Reading a person's record: decided by relation, consent and purpose, and noted where the patient sees it; emergencies open a case for a few hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from acceptance.support import World, record, resource_of
from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.consent.reading import Ground, ground
from baybridge.journey.command import Actor, Command, Role
from baybridge.ledger import log
from baybridge.ledger.tables import content_salt, log_entry
from baybridge.node import tables
from baybridge.node.clock import new_id
from baybridge.node.config import read_config
from baybridge.node.fhir import interactions
from baybridge.node.handle import handle
from baybridge.node.intake.importing import import_upload
from baybridge.node.node import Node
from baybridge.node.people import accounts, reads
from baybridge.record.store.store import Version
from readers_house import HERE, House, opened


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(tmp_path / "node") as found_here:
        yield found_here


def test_every_reading_stands_in_the_patients_list_without_names_of_staff(house: House) -> None:
    for path in (f"/cases/{house.case_id}", f"/cases/{house.case_id}/facts", "/fhir/Patient/own", "/fhir/Observation?patient=own", "/fhir/Patient/own/$everything"):
        assert house.get("nurse", path).status_code == 200
    rows = [row for row in house.rows() if row["role"] == "nurse"]
    assert [row["what"] for row in rows] == ["everything", "search Observation", "read Patient", "case.facts", "case.overview"]
    assert {(row["organisation"], row["purpose"], row["ground"]) for row in rows} == {(HERE, "care", "relation")}
    assert "name" not in rows[0]
    page = house.get("patient", f"/cases/{house.case_id}/looked").text
    assert "nurse" in page.lower()
    assert house.get("nurse", f"/cases/{house.case_id}/looked.json").status_code == 403


@pytest.mark.parametrize("count", ["_summary=count", "_count=0"])
def test_a_total_about_a_patient_is_a_reading_too(house: House, count: str) -> None:
    asked = ["Observation?patient=own&code=718-7&value-quantity=gt10", "Observation?subject=Patient/own,Patient/nobody", "Patient?_id=own"]
    for query in asked:
        assert house.get("nurse", f"/fhir/{query}&{count}").status_code == 200
    rows = [row["what"] for row in house.rows() if row["role"] == "nurse"]
    assert rows == ["search Patient", "search Observation", "search Observation"]
    with house.node.storage.reading() as connection:
        assert connection.execute(select(tables.record_read).where(tables.record_read.c.patient_id == "nobody")).first() is None


def test_names_of_staff_are_shown_where_the_sites_document_says_so(house: House) -> None:
    (house.node.config.folder / "data" / "access").mkdir(parents=True)
    (house.node.config.folder / "data" / "access" / "people.yaml").write_text("id: people\nwho_looked: {staff_names: true}\n", encoding="utf-8")
    again = Node(read_config(house.node.config.folder), now=house.clock)
    with TestClient(application(again, workers=False), base_url="http://127.0.0.1") as client:
        client.get(f"/cases/{house.case_id}", headers={"authorization": f"Bearer {house.tokens['nurse']}"})
        rows = client.get(f"/cases/{house.case_id}/looked.json", headers={"authorization": f"Bearer {house.tokens['patient']}"}).json()
    assert "nurse" in {row["name"] for row in rows}


def test_a_reading_is_bound_to_the_log(house: House) -> None:
    house.get("nurse", "/fhir/Patient/own")
    with house.node.storage.reading() as connection:
        read = reads.looked(connection, "own", house.case_id)[0]
        rows = connection.execute(select(log_entry.c.position, log_entry.c.body).where(log_entry.c.kind == "access").order_by(log_entry.c.position)).all()
        entry = json.loads(rows[-1].body)
        salt = connection.execute(select(content_salt.c.salt).where(content_salt.c.position == rows[-1].position)).scalar_one()
    assert entry["what"] == read.what
    assert entry["sha256"] == log.content_sha256(salt, read.content)


def take(house: House, who: str, reason: str = "unconscious in our emergency room") -> Any:
    headers = {"authorization": f"Bearer {house.tokens[who]}"}
    return house.client.post(f"/emergency/{house.case_id}", headers=headers, data={"reason": reason})


def test_an_emergency_opens_a_case_for_four_hours_and_everybody_concerned_sees_it(house: House) -> None:
    path = f"/cases/{house.case_id}/facts"
    refused = house.get("stranger", path)
    assert refused.status_code == 403
    assert f"/emergency/{house.case_id}" in house.client.get(path, headers={"authorization": f"Bearer {house.tokens['stranger']}", "accept": "text/html"}).text
    assert take(house, "stranger", "x").status_code == 422
    assert house.get("stranger", path).status_code == 403
    assert take(house, "stranger").status_code == 303
    assert house.get("stranger", path).status_code == 200
    assert house.get("stranger", "/fhir/Patient/own").status_code == 200
    assert house.get("stranger", "/fhir/Observation").json()["total"] > 0
    assert {(row["purpose"], row["ground"]) for row in house.rows() if row["organisation"] == "Elsewhere"} == {("emergency", "emergency")}
    assert "unconscious in our emergency room" in house.get("patient", f"/cases/{house.case_id}/looked").text
    for who in ("patient", "physician"):
        assert "read in an emergency" in house.get(who, f"/cases/{house.case_id}").text
    tasks = house.get("quality", f"/cases/{house.case_id}").text
    assert "say whether it was justified" in tasks
    house.clock.moment += timedelta(hours=4)
    assert house.get("stranger", path).status_code == 403
    assert house.get("stranger", "/fhir/Patient/own").status_code == 403


def test_an_emergency_opens_reading_and_nothing_else_and_no_other_case(house: House) -> None:
    other = import_upload(house.node, Actor("first", Role.COORDINATOR, HERE), "o.json", json.dumps(_somebody_else(house)).encode())
    case = other.cases["other"]  # type: ignore[union-attr]
    take(house, "stranger")
    assert house.get("stranger", f"/cases/{case}").status_code == 403
    assert house.get("stranger", "/fhir/Patient/other").status_code == 403
    assert {entry["resource"]["id"] for entry in house.get("stranger", "/fhir/Patient").json()["entry"]} == {"own"}
    headers = {"authorization": f"Bearer {house.tokens['stranger']}"}
    assert house.client.post(f"/cases/{house.case_id}/do/RecordConsent", headers=headers, data={"kind": "care"}).status_code == 403
    assert house.client.put("/fhir/Patient/own", headers=headers, json={"resourceType": "Patient", "id": "own"}).status_code == 403


_OVER_FHIR = ("Patient/{0}", "Patient/{0}/_history", "Patient/{0}/$everything", "Observation?patient={0}", "Patient?_id={0}&_revinclude=Observation:patient",
              "Observation?patient={0}&_summary=count", "Consent?patient={0}", "Condition?patient={0}&_include=Condition:subject")  # fmt: skip


def test_an_emergency_over_fhir_is_of_one_patient_ends_after_four_hours_and_opens_no_page_of_another_role(house: House) -> None:
    import_upload(house.node, Actor("first", Role.COORDINATOR, HERE), "o.json", json.dumps(_somebody_else(house)).encode())
    own, other = ([path.format(name) for path in _OVER_FHIR] for name in ("own", "other"))
    closed = {path: house.get("stranger", f"/fhir/{path}").status_code for path in (*own, *other)}
    assert set(closed.values()) == {403}
    take(house, "stranger")
    for path in own:
        assert house.get("stranger", f"/fhir/{path}").status_code == 200, path
    for path in other:
        answer = house.get("stranger", f"/fhir/{path}")
        assert answer.status_code == 403 or answer.json()["total"] == 0, path
        assert "8765432" not in answer.text, path
    for page in ("looked", "looked.json", "identity"):
        expected = house.get("physician", f"/cases/{house.case_id}/{page}").status_code
        assert house.get("stranger", f"/cases/{house.case_id}/{page}").status_code == expected, page
    state = house.get("stranger", f"/cases/{house.case_id}/state.json").json()
    assert "GlassBroken" in {entry["type"] for entry in state["entries"]}
    house.clock.moment += timedelta(hours=4, minutes=-5)
    assert house.get("stranger", f"/fhir/{own[0]}").status_code == 200
    house.clock.moment += timedelta(minutes=5)
    assert {path: house.get("stranger", f"/fhir/{path}").status_code for path in (*own, *other)} == closed
    assert {(row["purpose"], row["ground"]) for row in house.rows() if row["organisation"] == "Elsewhere"} == {("emergency", "emergency")}


def _somebody_else(house: House) -> dict[str, Any]:
    bundle = record("other", house.node.now())
    more = {"name": [{"text": "驗乙"}], "birthDate": "1980-11-30", "identifier": [{"system": "urn:mo:bir", "value": "8765432(1)"}]}
    bundle["entry"][0]["resource"] |= more
    return bundle


def test_somebody_else_says_whether_it_was_justified(house: House) -> None:
    take(house, "stranger")
    case = house.node.case(house.case_id)
    assert case is not None
    (entry,) = reads_open(case)
    own = Actor(entry.origin.actor, Role.QUALITY, HERE)
    given = {"event_id": entry.origin.event_id, "justified": False, "note": "the patient was awake"}
    refused = handle(house.node, Command("ReviewBreakGlass", house.case_id, given, own, new_id()))
    assert isinstance(refused, Refusal)
    assert [reason.code for reason in refused.reasons] == ["consent.break_glass.own"]
    done = handle(house.node, Command("ReviewBreakGlass", house.case_id, given, Actor("quality", Role.QUALITY, HERE), new_id()))
    assert not isinstance(done, Refusal)
    assert "the patient was awake" in house.get("patient", f"/cases/{house.case_id}/looked").text


def reads_open(case: Any) -> Any:
    from baybridge.consent.emergency_access import unreviewed

    return unreviewed(case)


def test_the_case_of_the_input_is_the_one_that_is_taken(house: House) -> None:
    given = {"case": house.case_id, "reason": "unconscious in our emergency room"}
    done = handle(house.node, Command("BreakGlass", new_id(), given, Actor("stranger", Role.PHYSICIAN, "Elsewhere"), new_id()))
    assert not isinstance(done, Refusal)
    assert done.case_id == house.case_id
    unknown = handle(house.node, Command("BreakGlass", new_id(), {"reason": given["reason"]}, Actor("stranger", Role.PHYSICIAN, "Elsewhere"), new_id()))
    assert isinstance(unknown, Refusal)


def test_a_restricted_record_is_read_for_care_and_not_for_quality(house: House) -> None:
    assert house.get("quality", f"/cases/{house.case_id}/facts").status_code == 200
    with house.node.storage.writing() as connection:
        row = {"restriction": "r", "patient_id": "own", "reason": "asked", "since_at": house.node.now().isoformat(), "account": "x"}
        connection.execute(insert(tables.restriction).values(row))
    assert house.get("quality", f"/cases/{house.case_id}/facts").status_code == 403
    assert house.get("quality", "/fhir/Patient/own").status_code == 403
    assert house.get("quality", "/fhir/Observation").json()["total"] == 0
    for who in ("physician", "patient"):
        assert house.get(who, f"/cases/{house.case_id}/facts").status_code == 200


def test_an_emergency_access_to_a_restricted_record_is_looked_at_by_the_privacy_role(house: House) -> None:
    """Restriction closes the record to quality, and not the list of who looked, nor the form on which somebody says whether it was justified."""
    with house.node.storage.writing() as connection:
        row = {"restriction": "r", "patient_id": "own", "reason": "asked", "since_at": house.node.now().isoformat(), "account": "x"}
        connection.execute(insert(tables.restriction).values(row))
    assert take(house, "stranger").status_code == 303
    assert house.get("quality", f"/cases/{house.case_id}/timeline").status_code == 403
    assert "unconscious in our emergency room" in house.get("quality", f"/cases/{house.case_id}/looked").text
    assert house.get("quality", f"/cases/{house.case_id}/do/ReviewBreakGlass").status_code == 200
    assert house.get("quality", f"/cases/{house.case_id}/do/SendMessage").status_code == 403
    (row,) = [row for row in house.rows() if row["role"] == "quality" and row["what"] == "case.form"]
    assert row["purpose"] == "privacy"
    given = {"event_id": house.node.events(house.case_id)[-1].event_id, "justified": "true", "note": "the patient was unconscious"}
    headers = {"authorization": f"Bearer {house.tokens['quality']}"}
    assert house.client.post(f"/cases/{house.case_id}/do/ReviewBreakGlass", headers=headers, data=given).status_code == 303
    assert "the patient was unconscious" in house.get("patient", f"/cases/{house.case_id}/looked").text


def test_withdrawal_never_blinds_who_treats_and_ends_the_reading_of_who_only_was_sent_it(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.refer()
    node = world.nodes["hk"]
    physician = Actor("p", Role.PHYSICIAN, node.site.organisation)
    case = node.case(world.case_id)
    assert case is not None
    assert ground(case, node.site, node.now().date()) is Ground.CONSENT
    for consent in world.nodes["mo"].case(world.case_id).consents:  # type: ignore[union-attr]
        world.do("mo", Role.COORDINATOR, "WithdrawConsent", consent_id=consent.consent_id)
    home = world.nodes["mo"].case(world.case_id)
    assert home is not None
    assert ground(home, world.nodes["mo"].site, node.now().date()) is Ground.RELATION, "the treating site goes on reading"
    world.deliver()
    held = node.case(world.case_id)
    assert held is not None
    found = reads.for_case(node, "case.facts", physician, held, frozenset())
    assert isinstance(found, Refusal), "nobody here treats the patient, and nothing allows it any more"
    assert [reason.code for reason in found.reasons] == ["access.consent_ended"]
    assert reads.for_case(node, "case.sharing", physician, held, frozenset()) is Ground.RELATION, "why it is closed can be seen"


def test_a_history_is_of_one_patient_and_an_older_version_of_another_is_read_by_its_number(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    world.file("mo", [{"resourceType": "Patient", "id": "other", "name": [{"text": "李小明"}], "gender": "male", "birthDate": "1980-01-01"}])
    node, staff = world.nodes["mo"], world.actor("mo", Role.PHYSICIAN)
    result = resource_of(world.bundle(), "-a-hb")
    moved = {**result, "subject": {"reference": "Patient/other"}, "valueQuantity": {**result["valueQuantity"], "value": 77}}
    assert isinstance(interactions.write(node, staff, [interactions.Interaction("PUT", "Observation", result["id"], moved)]), list)
    shown = interactions.history(node, staff, "Observation", result["id"])
    assert isinstance(shown, list)
    assert [version.patient for version in shown] == ["other"]
    first = interactions.read(node, staff, "Observation", result["id"], 1)
    assert isinstance(first, Version) and first.patient == world.patient


def test_a_form_of_a_case_is_a_reading_too(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    world.file("mo", world.bundle())
    node = world.nodes["mo"]
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="acc", name="Coordinator", role=Role.COORDINATOR, organisation=node.site.organisation, password="a right password")
        token = accounts.open_session(connection, "acc", node.now()).token
    with TestClient(application(node, workers=False)) as client:
        answer = client.post(f"/cases/{world.case_id}/do/RecordConsent", headers={"authorization": f"Bearer {token}"}, data={"kind": "nonsense"})
    assert answer.status_code < 500
    with node.storage.reading() as connection:
        assert "case.do" in {one.what for one in reads.looked(connection, world.patient, world.case_id)}


def test_a_list_of_several_patients_goes_to_no_other_node(tmp_path: Path) -> None:
    world = World.new(tmp_path)
    bundle = world.bundle()
    world.file("mo", bundle)
    world.file("mo", [{"resourceType": "Patient", "id": "other", "name": [{"text": "李小明"}], "gender": "male", "birthDate": "1980-01-01"}])
    shared = resource_of(bundle, "-a-hb") | {"id": "of-two", "focus": [{"reference": "Patient/other"}]}
    world.file("mo", [shared])
    world.consent()
    done = world.do("mo", Role.COORDINATOR, "Transfer", to_node="hk", purpose="CARE_REFERRAL")
    with world.nodes["mo"].storage.reading() as connection:
        (row,) = connection.execute(tables.outgoing.select()).all()
    assert "Observation/of-two" not in row.resources.decode() and "Observation/test-mo-1-a-hb" in row.resources.decode()
    assert done.events
