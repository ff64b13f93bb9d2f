"""Conditional update and delete: a search behind the address chooses what is written, one at most; what it means is decided where it is written."""

from __future__ import annotations

import pytest

from unit.record.test_fhir_http import CODE, PATIENT, WHY, reasons, transaction

HERE = "/fhir/Patient?identifier=urn:x|1"
PERSON = {**{name: value for name, value in PATIENT.items() if name != "id"}, "identifier": [{"system": "urn:x", "value": "1"}]}


def count(client, kind="Patient"):
    return client.get(f"/fhir/{kind}?_summary=count").json()["total"]


def test_an_update_creates_where_nothing_is_found_and_replaces_what_is(client):
    made = client.put(HERE, json=PERSON)
    assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"')
    logical_id = made.json()["id"]
    assert made.headers["location"].endswith(f"/fhir/Patient/{logical_id}/_history/1")
    again = client.put(HERE, json=PERSON)
    assert (again.status_code, again.headers["etag"], again.json()["id"]) == (200, 'W/"1"', logical_id)
    changed = client.put(HERE, json={**PERSON, "active": True})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert client.put(HERE, json={**PERSON, "id": logical_id, "active": False}).headers["etag"] == 'W/"3"'
    assert count(client) == 1


def test_the_id_of_a_resource_counts(client):
    assert client.put(HERE, json={**PERSON, "id": "mine"}).json()["id"] == "mine"
    other = client.put(HERE, json={**PERSON, "id": "yours"})
    assert (other.status_code, reasons(other)) == (400, ["record.address_mismatch"])
    taken = client.put("/fhir/Patient?identifier=urn:x|2", json={**PERSON, "id": "mine", "active": True})  # nothing has this number, and the id stands for another
    assert (taken.status_code, reasons(taken)) == (412, ["record.version_conflict"])
    assert client.get("/fhir/Patient/mine").headers["etag"] == 'W/"1"'


def test_several_and_nothing_to_choose_by_are_refused(client):
    for name in ("a", "b"):
        client.put(f"/fhir/Patient/{name}", json={**PERSON, "id": name})
    for answer in (client.put(HERE, json=PERSON), client.delete(HERE, headers=WHY)):
        assert (answer.status_code, reasons(answer)) == (412, ["record.several_match"])
    for query in ("", "?", "?_format=json", "?_count=1", "?identifier=", "?_sort=_id"):
        for answer in (client.put(f"/fhir/Patient{query}", json=PERSON), client.delete(f"/fhir/Patient{query}", headers=WHY)):
            assert (answer.status_code, reasons(answer)) == (400, ["record.condition"]), query
    for query in ("?colour=red", "?birthdate=soon"):
        assert client.put(f"/fhir/Patient{query}", json=PERSON).status_code == 400
        assert client.delete(f"/fhir/Patient{query}", headers=WHY).status_code == 400
    assert client.put("/fhir/Patient/a?identifier=urn:x|1", json={**PERSON, "id": "a"}).status_code == 400
    assert count(client) == 2


def test_if_match_holds_for_what_is_chosen(client):
    client.put(HERE, json=PERSON)
    assert client.put(HERE, json={**PERSON, "active": True}, headers={"if-match": 'W/"7"'}).status_code == 412
    assert client.put("/fhir/Patient?identifier=urn:x|9", json=PERSON, headers={"if-match": 'W/"1"'}).status_code == 412
    assert client.put(HERE, json={**PERSON, "active": True}, headers={"if-match": 'W/"1"'}).status_code == 200
    assert client.put(HERE, json=PERSON, headers={"if-none-match": "*"}).status_code == 412
    assert count(client) == 1


def test_a_delete_takes_the_one_that_is_found_and_says_why(client):
    made = client.put(HERE, json=PERSON).json()["id"]
    assert reasons(client.delete(HERE)) == ["record.delete.reason"]
    assert client.delete(HERE, headers=WHY).status_code == 204
    assert client.get(f"/fhir/Patient/{made}").status_code == 410
    assert client.delete(HERE, headers=WHY).status_code == 204  # nothing is left to delete


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_chooses_too(client, kind):
    entry = {"fullUrl": "urn:uuid:1", "resource": PERSON, "request": {"method": "PUT", "url": "Patient?identifier=urn:x|1"}}
    for change in ("201", "200"):
        done = client.post("/fhir", json=transaction(entry, kind=kind)).json()
        assert [one["response"]["status"] for one in done["entry"]] == [change]
    gone = {"request": {"method": "DELETE", "url": "Patient?identifier=urn:x|1", "extension": [{"url": "urn:baybridge:reason", "valueCode": "entered-twice"}]}}
    assert client.post("/fhir", json=transaction(gone, kind=kind)).json()["entry"][0]["response"]["status"] == "204"
    assert count(client) == 0


def test_what_a_transaction_chooses_is_what_others_of_it_refer_to(client):
    person = {"fullUrl": "urn:uuid:1", "resource": PERSON, "request": {"method": "PUT", "url": "Patient?identifier=urn:x|1"}}
    result = {
        "resource": {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": "urn:uuid:1"}},
        "request": {"method": "POST", "url": "Observation"},
    }
    subjects = set()
    for _ in range(2):
        done = client.post("/fhir", json=transaction(person, result))
        assert done.status_code == 200
        subjects.add(done.json()["entry"][1]["resource"]["subject"]["reference"])
    assert (len(subjects), count(client), count(client, "Observation")) == (1, 1, 2)
    logical_id = subjects.pop().partition("/")[2]
    twice = client.post("/fhir", json=transaction(person, {"resource": {**PERSON, "id": logical_id}, "request": {"method": "PUT", "url": f"Patient/{logical_id}"}}))
    assert (twice.status_code, reasons(twice)) == (400, ["record.bundle.twice"])


def test_who_may_not_write_a_type_chooses_nothing(client, sign_in):
    client.put(HERE, json=PERSON)
    for role in ("payer", "quality"):
        other = sign_in(role)
        answers = [other.put(query, json=PERSON).status_code for query in (HERE, "/fhir/Patient?identifier=urn:x|77")]
        assert set(answers) == {403}
        assert {other.delete(query, headers=WHY).status_code for query in (HERE, "/fhir/Patient?identifier=urn:x|77")} == {403}


def test_the_statement_says_so(client):
    stated = {one["type"]: one for one in client.get("/fhir/metadata").json()["rest"][0]["resource"]}
    assert (stated["Patient"]["conditionalUpdate"], stated["Patient"]["conditionalDelete"]) == (True, "single")
    assert (stated["Consent"]["conditionalUpdate"], stated["Consent"]["conditionalDelete"]) == (False, "not-supported")
