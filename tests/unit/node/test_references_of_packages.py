"""References in packages of other nodes mean what the sender means, never what merely has the same id here; what leads nowhere is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from acceptance.support import World
from baybridge.exchange.transfer.content import SIGNED
from baybridge.node.neighbours.references import Sender, led, name_here
from baybridge.record.store import store
from baybridge.record.store.tables import metadata
from unit.node.test_what_is_not_theirs import codes, sent

AT = datetime(2026, 3, 8, 9, tzinfo=UTC)


def practitioner(hospital: str, name: str) -> dict[str, Any]:
    return {"resourceType": "Practitioner", "id": name, "name": [{"text": f"{hospital}{name}"}]}


def result(hospital: str, name: str) -> dict[str, Any]:
    performer = [{"reference": f"Practitioner/{name}"}]
    return {"resourceType": "Observation", "id": f"{hospital}-{name}", "status": "final", "code": {"text": f"{hospital}{name}"}, "performer": performer}


def filed(connection: Any, sender: str, resources: list[dict[str, Any]]) -> tuple[str, ...]:
    """A package as a node files it."""
    found, nowhere = led(connection, Sender(sender), [json.dumps(one) for one in resources], "p")
    tag = {"system": SIGNED, "code": sender}
    store.put_many(connection, [{**one, "meta": {**one.get("meta", {}), "tag": [tag]}} for one in found], at=AT)
    return nowhere


def connected() -> Any:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    return engine.begin()


PACKAGES = [(hospital, kind, name) for hospital in ("mo", "hk") for name in ("1", "2") for kind in (practitioner, result)]


@given(st.permutations(PACKAGES), st.lists(st.integers(1, len(PACKAGES)), max_size=4))
def test_two_nodes_with_the_same_ids_in_packages_split_in_any_way_and_order(order: list[Any], cuts: list[int]) -> None:
    with connected() as connection:
        store.put_many(connection, [practitioner("own", "1")], at=AT)
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(order)], strict=True):
            for hospital in ("mo", "hk"):
                part = [kind(hospital, name) for sender, kind, name in order[start:end] if sender == hospital]
                if part:
                    filed(connection, hospital, part)
        found = {(one.type, one.id): one.resource for one in store.changed_since(connection)}
        assert found["Practitioner", "1"]["name"][0]["text"] == "own1"
        assert len(found) == 1 + len(PACKAGES)
        for key, one in found.items():
            if key[0] == "Observation":
                performer = found[tuple(one["performer"][0]["reference"].split("/"))]
                assert performer["name"][0]["text"] == one["code"]["text"]
        for hospital in ("mo", "hk"):  # the same again changes nothing
            again = [kind(hospital, name) for sender, kind, name in PACKAGES if sender == hospital]
            assert filed(connection, hospital, again) == ()
        assert {(one.type, one.id): one.resource for one in store.changed_since(connection)} == found


def test_what_has_not_come_is_told_and_meets_it_when_it_comes() -> None:
    with connected() as connection:
        store.put_many(connection, [practitioner("own", "1")], at=AT)
        assert filed(connection, "mo", [result("mo", "1")]) == ("Observation.performer[0]",)
        assert filed(connection, "mo", [practitioner("mo", "1")]) == ()
        name = name_here(connection, Sender("mo"), "Practitioner/1")
        assert store.get(connection, "Observation", "mo-1").resource["performer"][0]["reference"] == name != "Practitioner/1"  # type: ignore[union-attr]
        assert name_here(connection, Sender("hk"), "Practitioner/1") == "Practitioner/1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.new(tmp_path)
    made.refer()
    return made


def test_a_package_never_gives_a_patient_another_name_and_birth_date(world: World) -> None:
    with world.nodes["hk"].storage.reading() as connection:
        before = store.get(connection, "Patient", world.patient)
    assert before is not None
    changed = {"resourceType": "Patient", "id": world.patient, "name": [{"text": "Somebody Else"}], "birthDate": "1931-01-01"}
    assert codes(sent(world, "mo", "hk", resources=(json.dumps(changed),))) == {"federation.person_changed"}
    with world.nodes["hk"].storage.reading() as connection:
        assert store.get(connection, "Patient", world.patient) == before
    renamed = {**before.resource, "name": [{"text": "Married Name"}]}
    renamed.pop("meta")
    assert codes(sent(world, "mo", "hk", resources=(json.dumps(renamed, default=float),))) == set()


def held_patient(world: World) -> dict[str, Any]:
    with world.nodes["hk"].storage.reading() as connection:
        found = store.get(connection, "Patient", world.patient)
    assert found is not None
    return {name: value for name, value in found.resource.items() if name != "meta"}


def send_patient(world: World, **changes: Any) -> set[str]:
    """A package with the patient as held, changed; None leaves an element out."""
    changed = {name: value for name, value in {**held_patient(world), **changes}.items() if value is not None}
    return codes(sent(world, "mo", "hk", resources=(json.dumps(changed, default=float),)))


@pytest.mark.parametrize("left_out", [("name",), ("birthDate",), ("name", "birthDate"), ("name", "birthDate", "identifier", "gender")])
def test_what_a_package_leaves_out_of_a_person_stays_as_it_stands(world: World, left_out: tuple[str, ...]) -> None:
    before = held_patient(world)
    assert send_patient(world, **dict.fromkeys(left_out)) == set()
    assert {name: held_patient(world).get(name) for name in ("name", "birthDate", "identifier", "gender")} == {
        name: before.get(name) for name in ("name", "birthDate", "identifier", "gender")
    }


STEPS: list[list[dict[str, Any]]] = [
    [{"name": [{"text": "Somebody Else"}]}, {"birthDate": "1931-01-01"}],
    [{"birthDate": "1931-01-01"}, {"name": [{"text": "Somebody Else"}]}],
    [{"name": None}, {"name": [{"text": "Somebody Else"}], "birthDate": "1931-01-01"}],
    [{"name": None, "birthDate": None}, {"name": [{"text": "Somebody Else"}], "birthDate": "1931-01-01"}],
    [{"name": None, "birthDate": "1931-01-01"}, {"name": [{"text": "Somebody Else"}]}],
]


@pytest.mark.parametrize("steps", STEPS)
def test_nobody_becomes_another_over_several_packages(world: World, steps: list[dict[str, Any]]) -> None:
    *first, last = steps
    for step in first:
        assert send_patient(world, **step) == set()
    before = held_patient(world)
    assert send_patient(world, **last) == {"federation.person_changed"}
    assert held_patient(world) == before


@pytest.mark.parametrize("taken", ["1800-03-08T09:00:00+08:00", "2099-03-08T09:00:00+08:00", "2026-01-08T12:00:00+08:00"])
def test_a_time_that_cannot_be_in_a_package_is_told_with_it(world: World, taken: str) -> None:
    """Before 1900, after it came, and after its own report."""
    quantity = {"value": 101, "unit": "g/L", "system": "http://unitsofmeasure.org", "code": "g/L"}
    result = {
        "resourceType": "Observation", "id": "odd", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{world.patient}"}, "effectiveDateTime": taken, "issued": "2026-01-08T10:00:00+08:00", "valueQuantity": quantity,
    }  # fmt: skip
    plain = {**result, "id": "plain", "effectiveDateTime": "2026-01-08T09:00:00+08:00"}
    assert codes(sent(world, "mo", "hk", resources=(json.dumps(plain), json.dumps(result)))) == set()
    received = world.case("hk").packages[-1].event
    assert received.doubtful_times == ("Observation.effectiveDateTime",)
    assert codes(sent(world, "mo", "hk", resources=(json.dumps(plain),))) == set()
    assert world.case("hk").packages[-1].event.doubtful_times == ()
