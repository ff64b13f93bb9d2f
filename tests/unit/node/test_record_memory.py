"""A record in memory counts only while its stored bytes are the same, and nobody changes what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.base.outcome import Refusal
from baybridge.facts.reading import read
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.node import open_node
from baybridge.node.record_memory import RecordMemory
from baybridge.record.fhir.wire import parse
from baybridge.record.store import store
from baybridge.record.store.store import Version
from watch_world import CASE, PATIENT, Ward

TABS = ("", "/facts", "/eligibility", "/tests", "/options", "/funding", "/sharing", "/cells", "/bedside", "/followup", "/timeline", "/evidence")


def version(name: str, body: bytes, number: int = 1) -> Version:
    return Version("Observation", name, number, "p", "2026-03-01T00:00:00.000000Z", deleted=not body, sha256="", body=body)


def test_the_same_bytes_are_the_same_resource_and_others_are_read_anew() -> None:
    memory = RecordMemory()
    one, other = version("a", b'{"id": "a", "status": "final"}'), version("b", b'{"id": "b"}')
    first = memory.resources("p", [one, other])
    assert first == [parse(one.body), parse(other.body)]
    corrected = version("a", b'{"id": "a", "status": "corrected"}', 2)
    second = memory.resources("p", [corrected, other])
    assert second == [parse(corrected.body), parse(other.body)]
    assert second[1] is first[1]


def test_what_was_erased_is_gone_and_no_more_patients_are_kept_than_said() -> None:
    memory = RecordMemory(most=2)
    for patient in ("p", "q", "r"):
        memory.resources(patient, [version(patient, f'{{"id": "{patient}"}}'.encode())])
    assert [resource["id"] for _, resource in memory.bodies()] == ["q", "r"]
    assert memory.resources("q", [version("q", b"")]) == [{}]
    assert [resource.get("id") for body, resource in memory.bodies() if body] == ["r"]


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    found = Ward(tmp_path / "hk")
    yield found
    found.node.storage.close()


def facts(ward: Ward) -> Any:
    return ward.node.facts(ward.case)


def anew(ward: Ward) -> Any:
    """The facts as a node reads them that has nothing in memory."""
    other = open_node(ward.folder, now=lambda: ward.now)
    try:
        return other.facts(ward.case)
    finally:
        other.storage.close()


def put(ward: Ward, resource: dict[str, Any], how: str = "PUT") -> None:
    done = write(ward.node, Actor("monitor", Role.NURSE, ward.node.site.organisation), [Interaction(how, resource["resourceType"], resource["id"], resource)])
    assert not isinstance(done, Refusal), done


def test_facts_are_those_that_are_read_from_the_beginning_whatever_was_written(ward: Ward) -> None:
    ward.observe("temperature", 38, logical_id="t")
    assert facts(ward) == anew(ward)
    ward.observe("temperature", 37, logical_id="t")  # the same one, corrected
    assert facts(ward) == anew(ward)
    with ward.node.storage.reading() as connection:
        found = store.get(connection, "Observation", "t")
    assert found is not None
    put(ward, {**found.resource, "subject": {"reference": "Patient/somebody-else"}})
    assert facts(ward) == anew(ward)
    ward.observe("temperature", 39, logical_id="u", ago=timedelta(hours=3))
    ward.assess(temperature=38.2)
    assert facts(ward) == anew(ward)
    with ward.node.unit() as unit:
        store.remove(unit.connection, "Observation", "u", at=unit.at)
    assert facts(ward) == anew(ward)
    with ward.node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": PATIENT, "birthDate": "1931-01-01", "name": [{"family": "Chan"}]}, at=unit.at)
    assert facts(ward).values["age"] == anew(ward).values["age"] == 95
    with ward.node.unit() as unit:
        store.erase(unit.connection, "Observation", "t")
        store.erase(unit.connection, "Observation", "u")
    assert facts(ward) == anew(ward)
    assert not any(body and resource["id"] in "tu" for body, resource in ward.node.record_memory.bodies())


def test_another_process_that_writes_is_seen_at_once(ward: Ward) -> None:
    ward.observe("temperature", 38, logical_id="t")
    facts(ward)
    before, ward.node = ward.node, open_node(ward.folder, now=lambda: ward.now)
    ward.observe("temperature", 40, logical_id="t")
    ward.node.storage.close()
    ward.node = before
    assert facts(ward).values["temperature"] == 40


def test_what_resources_say_is_forgotten_with_the_dictionary_that_read_them(ward: Ward) -> None:
    ward.observe("temperature", 38)
    facts(ward)
    known = ward.node.record_memory.known(PATIENT, ward.node.dictionary)
    assert ward.node.record_memory.known(PATIENT, ward.node.dictionary) is known
    ward.node.__dict__.pop("dictionary")  # as when a site's documents are put in force
    assert ward.node.record_memory.known(PATIENT, ward.node.dictionary) is not known
    with ward.node.storage.reading() as connection:
        resources = store.patient_resources(connection, PATIENT)
    assert facts(ward).values == read(resources, ward.now, ward.node.dictionary, case=ward.case, zone=ward.node.site.zone).values


def test_no_page_and_no_command_changes_a_resource_in_memory(ward: Ward) -> None:
    for number in range(12):
        ward.observe("temperature", 35 + number % 5, ago=timedelta(hours=number))
        ward.observe("hemoglobin", 80 + number, ago=timedelta(hours=number))
    ward.account("doctor")
    client = TestClient(application(ward.node, workers=False), base_url="http://testserver")
    client.post("/sign-in", data={"name": "doctor", "password": "a long enough password"})
    for tab in (*TABS, "/do/Assess", "/do/RecogniseResults"):
        assert client.get(f"/cases/{CASE}{tab}").status_code == 200, tab
    ward.assess(temperature=39.5, oxygen_device="nasal_cannula", oxygen_flow=3, oxygen_reason="hypoxia")
    ward.round()
    kept = [(body, resource) for body, resource in ward.node.record_memory.bodies() if body]
    assert len(kept) > 20
    assert [resource for _, resource in kept] == [parse(body) for body, _ in kept]
