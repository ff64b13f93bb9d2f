"""Every resource in an answer passes the check of a direct read: what comes along, what came before, and what names several patients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.fhir import kinds
from baybridge.node.node import Node
from baybridge.node.people import accounts
from baybridge.node.upkeep.founding import found
from baybridge.record.fhir.definitions import owner_elements, parameters, resource_types
from baybridge.record.store import store

SECRET = "Geheimnis"  # stands in every resource that the patient may not see
OWN, OTHER = {"reference": "Patient/own"}, {"reference": "Patient/other"}
LAB = {"reference": "Organization/lab"}


def result(name: str, subject: dict[str, str], text: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": text}, "subject": subject, "performer": [LAB], **more}


#: Types that are searched in every way there is; those of which one patient's resource can name another's.
SEARCHED = {"Patient", "Observation", "Group", "List", "Appointment", "DiagnosticReport", "Organization", "Provenance"}

RESOURCES: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "own"},
    {"resourceType": "Patient", "id": "other", "name": [{"text": SECRET}], "link": [{"other": OWN, "type": "seealso"}]},
    {"resourceType": "Organization", "id": "lab", "name": "Laboratory"},
    {"resourceType": "Organization", "id": "named", "name": SECRET, "contained": [{"resourceType": "Location", "id": "x", "name": "x", "partOf": {"reference": "#x"}}],
     "extension": [{"url": "urn:baybridge:patient", "valueReference": OTHER}]},
    result("mine", OWN, "mine"),
    result("theirs", OTHER, SECRET),
    result("both", OWN, SECRET, focus=[OTHER]),
    result("both-by-result", OWN, SECRET, hasMember=[{"reference": "Observation/theirs"}]),
    {"resourceType": "Group", "id": "pair", "type": "person", "actual": True, "name": SECRET, "member": [{"entity": OWN}, {"entity": OTHER}]},
    {"resourceType": "List", "id": "worklist", "status": "current", "mode": "working", "title": SECRET, "entry": [{"item": OWN}, {"item": OTHER}]},
    {"resourceType": "List", "id": "mine-and-theirs", "status": "current", "mode": "working", "title": SECRET, "subject": OWN,
     "entry": [{"item": {"reference": "Observation/theirs"}}]},
    {"resourceType": "Appointment", "id": "together", "status": "booked", "description": SECRET,
     "participant": [{"actor": OWN, "status": "accepted"}, {"actor": OTHER, "status": "accepted"}]},
    {"resourceType": "DiagnosticReport", "id": "report", "status": "final", "code": {"text": SECRET}, "subject": OWN,
     "contained": [{"resourceType": "Specimen", "id": "s", "subject": OTHER}], "specimen": [{"reference": "#s"}]},
]  # fmt: skip


#: One resource of every type that somebody owns, of the patient whom the readers may not see.
OF_EVERY_TYPE: list[dict[str, Any]] = [
    {"resourceType": kind, "id": "of-other", elements[0]: OTHER, "language": "en", "extension": [{"url": "urn:x", "valueString": SECRET}]}
    for kind in sorted(resource_types())
    if kind != "Patient" and (elements := owner_elements(kind))
]


@dataclass
class House:
    node: Node
    client: TestClient
    tokens: dict[str, str]

    def get(self, who: str, path: str) -> Any:
        return self.client.get(path, headers={"authorization": f"Bearer {self.tokens[who]}"})


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("answers") / "node"
    found(folder, {"node": "hk", "organisation": "Hospital", "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node = Node(read_config(folder), now=Clock())
    tokens = {}
    with node.storage.writing() as connection:
        for resource in RESOURCES:
            store.put(connection, resource, at=node.now())
        store.put(connection, result("moved", OTHER, SECRET), at=node.now())
        store.put(connection, result("moved", OWN, "now mine"), at=node.now())
        store.put(connection, result("left", OWN, "once mine"), at=node.now())
        store.put(connection, result("left", OTHER, SECRET), at=node.now())
        store.put(connection, result("gone", OTHER, SECRET), at=node.now())
        store.put(connection, result("gone", OWN, "mine for a day"), at=node.now())
        store.remove(connection, "Observation", "gone", at=node.now())
        for resource in OF_EVERY_TYPE:
            store.put(connection, resource, at=node.now())
        row = {"restriction": "r", "patient_id": "other", "reason": "asked", "since_at": node.now().isoformat(), "account": "q"}
        connection.execute(tables.restriction.insert().values(row))  # care goes on reading; quality does not
        for name, role, patient in (("patient", Role.PATIENT, "own"), ("physician", Role.PHYSICIAN, None), ("quality", Role.QUALITY, None)):
            accounts.add_account(connection, account=name, name=name, role=role, organisation="Hospital", password="-", patient_id=patient)
            tokens[name] = accounts.open_session(connection, name, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, client, tokens)


INCLUDES = [
    "Patient?_revinclude=Group:member", "Patient?_revinclude=List:item", "Patient?_revinclude=Appointment:patient", "Patient?_revinclude=Appointment:actor",
    "Patient?_revinclude=Observation:subject", "Patient?_revinclude=Observation:focus", "Patient?_include=Patient:link",
    "Organization?_revinclude=Observation:performer", "Organization", "Organization?_id=named",
    "Observation?_include=Observation:subject", "Observation?_include=Observation:has-member", "Observation?_revinclude=List:item",
    "Observation?_include=Observation:focus",
    "List", "List?_include=List:item", "Group", "Group?_include=Group:member", "Appointment", "Appointment?_include=Appointment:actor",
    "DiagnosticReport", "Observation?_id=both", "Observation?_sort=code", "Observation?_sort=-_lastUpdated", "Observation?_count=1", "Observation?subject:missing=true",
    "Observation?performer=Organization/lab", "Observation?focus:missing=false", "Patient/own/$everything",
]  # fmt: skip


@pytest.mark.parametrize("asked", INCLUDES)
def test_no_answer_to_a_patient_holds_anothers(house: House, asked: str) -> None:
    answer = house.get("patient", f"/fhir/{asked}")
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    assert "Patient/other" not in answer.text


@pytest.mark.parametrize("asked", [asked for asked in INCLUDES if "$everything" not in asked and ":text" not in asked])
def test_whatever_an_answer_holds_can_be_read_directly(house: House, asked: str) -> None:
    for who in ("patient", "physician"):
        answer = house.get(who, f"/fhir/{asked}").json()
        for entry in answer.get("entry", ()):
            resource = entry["resource"]
            assert house.get(who, f"/fhir/{resource['resourceType']}/{resource['id']}").status_code == 200


DIRECT = ["Group/pair", "List/worklist", "List/mine-and-theirs", "Appointment/together", "Observation/both", "Observation/both-by-result", "DiagnosticReport/report",
          "Observation/theirs", "Organization/named", "Patient/other"]  # fmt: skip


@pytest.mark.parametrize("name", DIRECT)
def test_a_resource_of_several_patients_is_read_by_who_may_see_all(house: House, name: str) -> None:
    for path in (name, f"{name}/_history", f"{name}/_history/1"):
        assert house.get("patient", f"/fhir/{path}").status_code == 403
        assert house.get("physician", f"/fhir/{path}").status_code == 200


def test_totals_tell_nothing_of_what_may_not_be_seen(house: House) -> None:
    answer = house.get("patient", "/fhir/Observation?_summary=count").json()
    listed = house.get("patient", "/fhir/Observation").json()
    assert answer["total"] == listed["total"] == len(listed["entry"]) == 2  # mine, and the one that was moved to this patient
    assert house.get("patient", "/fhir/Observation?focus:missing=false").json()["total"] == 0


def test_each_version_belongs_to_the_patient_that_it_had(house: House) -> None:
    """A result that was moved shows to each patient the versions of the own record alone."""
    assert house.get("patient", "/fhir/Observation/moved/_history/1").status_code == 403
    assert house.get("patient", "/fhir/Observation/moved/_history/2").json()["code"]["text"] == "now mine"
    moved = house.get("patient", "/fhir/Observation/moved/_history")
    assert SECRET not in moved.text
    assert moved.json()["total"] == 1
    assert house.get("patient", "/fhir/Observation/left").status_code == 403
    assert house.get("patient", "/fhir/Observation/left/_history/1").json()["code"]["text"] == "once mine"
    assert SECRET not in house.get("patient", "/fhir/Observation/left/_history").text
    gone = house.get("patient", "/fhir/Observation/gone/_history")
    assert gone.status_code == 200
    assert SECRET not in gone.text
    assert house.get("physician", "/fhir/Observation/moved/_history").json()["total"] == 1, "one patient's versions, whoever asks"
    assert house.get("physician", "/fhir/Observation/moved/_history/1").status_code == 200


def test_batches_and_posted_searches_pass_the_same_check(house: House) -> None:
    headers = {"authorization": f"Bearer {house.tokens['patient']}"}
    posted = house.client.post("/fhir/Patient/_search", headers=headers, data={"_revinclude": "Group:member"})
    assert posted.status_code == 200
    assert SECRET not in posted.text
    asked = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Group/pair"}}]}
    assert SECRET not in house.client.post("/fhir", headers=headers, json=asked).text


def test_staff_find_what_they_may_read(house: House) -> None:
    assert SECRET in house.get("physician", "/fhir/Patient?_revinclude=Group:member").text
    assert house.get("physician", "/fhir/List").json()["total"] == 3


# --- every search parameter and every include -------------------------------------------------------------------------

READERS = ("patient", "quality")  # whom the other patient's record is none of


def searches(kind: str) -> Iterator[str]:
    """Every way to ask for a type: each parameter with what it finds, where it is missing, in its order, and everything that may come along."""
    for name, parameter in parameters(kind).items():
        yield f"{name}:missing=false"
        yield f"_sort={name}"
        yield f"_sort=-{name}"
        values = {"reference": ("Patient/other", "other", "Observation/theirs"), "token": ("final", "en", "current"), "string": (SECRET, "Ge")}
        yield from (f"{name}={value}" for value in values.get(parameter.kind, ()))
        if parameter.kind == "reference":
            yield f"_include={kind}:{name}"
            yield f"_include={kind}:{name}:Patient"
            yield f"_include:iterate={kind}:{name}"
    yield "_id=of-other"
    yield from (f"_revinclude={other}:{name}" for other, name in POINTING)


#: (type, parameter) of everything that can point at a resource.
POINTING = [(kind, name) for kind in sorted(resource_types()) for name, one in parameters(kind).items() if one.kind == "reference" and kind in SEARCHED]


@pytest.mark.parametrize("kind", sorted(SEARCHED))
def test_no_parameter_and_no_include_finds_anothers(house: House, kind: str) -> None:
    for who in READERS:
        for asked in searches(kind):
            answer = house.get(who, f"/fhir/{kind}?{asked}&_count=1000")
            assert answer.status_code in (200, 400, 422), (asked, answer.text)
            assert SECRET not in answer.text.replace(asked, ""), (who, asked)
            found = answer.json()
            if answer.status_code == 200:
                matches = [one for one in found.get("entry", ()) if one["search"]["mode"] == "match"]
                assert found["total"] == len(matches), (who, asked, "a total counts what may not be seen")


@pytest.mark.parametrize("kind", [one["resourceType"] for one in OF_EVERY_TYPE])
def test_every_type_of_anothers_record_stays_closed(house: House, kind: str) -> None:
    for who in READERS:
        for asked in (f"/fhir/{kind}/of-other", f"/fhir/{kind}/of-other/_history", f"/fhir/{kind}/of-other/_history/1"):
            assert house.get(who, asked).status_code == 403, (who, asked)
        for name in parameters(kind):
            answer = house.get(who, f"/fhir/{kind}?{name}:missing=false&_count=1000")
            assert SECRET not in answer.text, (who, name)
            assert answer.status_code != 200 or answer.json()["total"] == len(answer.json().get("entry", ())), (who, name)
    of_money = kinds.KINDS[kind] == "case.funding"  # which this person, who asked for restriction, closed: it is no care
    assert (SECRET in house.get("physician", f"/fhir/{kind}?_id=of-other").text) is not of_money, "there is something to find"


@pytest.mark.parametrize(("kind", "shown"), [("Organization", 1), ("DiagnosticReport", 0), ("Group", 0), ("List", 0)])
def test_a_count_counts_nothing_that_names_a_guarded_person_where_no_parameter_looks(house: House, kind: str, shown: int) -> None:
    for asked in ("_summary=count", "_count=0"):
        assert house.get("quality", f"/fhir/{kind}?{asked}").json()["total"] == shown
    assert len(house.get("quality", f"/fhir/{kind}").json().get("entry", [])) == shown
