"""FHIR over HTTP: what each interaction answers, who may, and that every refusal is an OperationOutcome with every reason."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from baybridge.ledger import log
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import parse
from baybridge.record.store import store

WHY = {"x-baybridge-reason": "entered-twice"}
PATIENT = {"resourceType": "Patient", "id": "p", "name": [{"family": "Chan"}], "birthDate": "1968-04-09"}
CODE = {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}
RESULT = (
    '{"resourceType":"Observation","id":"o","status":"final","code":%s,"subject":{"reference":"Patient/p"},"valueQuantity":{"value":72.50}}'
)


def put(client, text=None, **headers):
    return client.put("/fhir/Observation/o", content=text or RESULT % json.dumps(CODE), headers=headers)


def reasons(response):
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert validate(parse(response.content)) == ()
    assert response.headers["content-type"].startswith("application/fhir+json")
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]


def test_what_is_filed_is_read_digit_for_digit(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    made = put(client)
    assert made.status_code == 201
    assert made.headers["location"] == "http://node.example/fhir/Observation/o/_history/1"
    read = client.get("/fhir/Observation/o")
    assert read.content == made.content
    assert b'"value":72.50' in read.content
    assert read.headers["etag"] == 'W/"1"'
    assert read.headers["last-modified"].endswith("GMT")
    assert client.get("/fhir/Observation/o", headers={"if-none-match": 'W/"1"'}).status_code == 304


def test_versions_history_and_deletion(client):
    put(client)
    assert put(client).status_code == 200
    second = put(client, (RESULT % json.dumps(CODE)).replace("final", "amended"), **{"if-match": 'W/"1"'})
    assert (second.status_code, second.headers["etag"]) == (200, 'W/"2"')
    late = put(client, (RESULT % json.dumps(CODE)).replace("final", "corrected"), **{"if-match": 'W/"1"'})
    assert (late.status_code, reasons(late)) == (412, ["record.version_conflict"])
    assert client.get("/fhir/Observation/o/_history/1").json()["status"] == "final"
    assert client.delete("/fhir/Observation/o", headers=WHY).status_code == 204
    gone = client.get("/fhir/Observation/o")
    assert (gone.status_code, reasons(gone)) == (410, ["record.deleted"])
    history = client.get("/fhir/Observation/o/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "POST"]
    assert validate(parse(json.dumps(history).encode())) == ()


def test_create_gives_the_id(client):
    made = client.post("/fhir/Patient", json={**PATIENT, "id": "mine"})
    assert made.status_code == 201
    assert made.json()["id"] != "mine"
    again = client.post("/fhir/Patient", json=PATIENT, headers={"if-none-exist": "family=Chan"})
    assert (again.status_code, again.json()["id"]) == (200, made.json()["id"])
    assert client.post("/fhir/Patient", json=PATIENT, headers={"prefer": "return=minimal"}).content == b""


def test_search_by_get_and_post_with_pages(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    for number in range(5):
        client.put(f"/fhir/Observation/o{number}", content=(RESULT % json.dumps(CODE)).replace('"id":"o"', f'"id":"o{number}"'))
    found, url = [], "/fhir/Observation?patient=p&_count=2"
    while url:
        page = client.get(url)
        assert validate(parse(page.content)) == ()
        found += [entry["resource"]["id"] for entry in page.json().get("entry", [])]
        url = next((link["url"] for link in page.json()["link"] if link["relation"] == "next"), None)
    assert found == [f"o{number}" for number in range(5)]
    posted = client.post("/fhir/Patient/_search", data={"family": "chan"})
    assert posted.json()["total"] == 1
    assert "chan" not in json.dumps(posted.json()["link"])
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == 1


def test_every_parameter_that_is_not_known_is_refused_unless_asked_to_be_lenient(client):
    refused = client.get("/fhir/Patient?colour=red&birthdate=soon")
    assert (refused.status_code, reasons(refused)) == (400, ["record.search.unknown", "record.search.value"])
    assert client.get("/fhir/Patient?colour=red", headers={"prefer": "handling=lenient"}).status_code == 200


def test_every_fault_of_a_resource_is_an_issue(client):
    wrong = {"resourceType": "Observation", "id": "o", "status": "nope", "effectiveDateTime": "2026-02-30"}
    refused = client.put("/fhir/Observation/o", json=wrong)
    assert refused.status_code == 400
    assert reasons(refused) == ["record.invalid.code", "record.invalid.format", "record.invalid.missing"]
    where = [issue["expression"] for issue in refused.json()["issue"]]
    assert where == [["Observation.status"], ["Observation.effectiveDateTime"], ["Observation.code"]]
    assert reasons(client.put("/fhir/Patient/q", json=PATIENT)) == ["record.address_mismatch"]
    assert reasons(client.post("/fhir/Patient", content=b"{oops")) == ["record.not_json"]
    assert client.get("/fhir/Observation/none").status_code == 404
    assert client.get("/fhir/Nothing/none").status_code == 404
    assert reasons(client.get("/fhir/a/b/c/d/e")) == ["record.not_found"]


def transaction(*entries, kind="transaction"):
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


NEW_PATIENT = {"fullUrl": "urn:uuid:1", "resource": PATIENT, "request": {"method": "POST", "url": "Patient"}}
NEW_RESULT = {
    "resource": {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": "urn:uuid:1"}},
    "request": {"method": "POST", "url": "Observation"},
}


def test_a_transaction_is_all_or_nothing(client):
    done = client.post("/fhir", json=transaction(NEW_RESULT, NEW_PATIENT))
    assert done.status_code == 200
    assert validate(parse(done.content)) == ()
    result, person = (entry["resource"] for entry in done.json()["entry"])
    assert result["subject"]["reference"] == f"Patient/{person['id']}"
    assert [entry["response"]["status"] for entry in done.json()["entry"]] == ["201", "201"]
    before = client.get("/fhir/Patient?_summary=count").json()["total"]
    broken = {**NEW_RESULT, "resource": {"resourceType": "Observation", "code": CODE}}
    refused = client.post("/fhir", json=transaction(NEW_PATIENT, broken))
    assert (refused.status_code, reasons(refused)) == (400, ["record.invalid.missing"])
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    stale = {
        "resource": {**PATIENT, "id": person["id"]},
        "request": {"method": "PUT", "url": f"Patient/{person['id']}", "ifMatch": 'W/"9"'},
    }
    assert client.post("/fhir", json=transaction(NEW_PATIENT, stale)).status_code == 412
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == before


def test_a_batch_does_what_it_can(client):
    broken = {**NEW_RESULT, "resource": {"resourceType": "Observation", "code": CODE}}
    search = {"request": {"method": "GET", "url": "Patient?family=chan"}}
    done = client.post("/fhir", json=transaction(NEW_PATIENT, broken, search, kind="batch")).json()
    assert [entry["response"]["status"] for entry in done["entry"]] == ["201", "400", "200"]
    assert done["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert done["entry"][2]["resource"]["total"] == 1


def test_a_projection_is_read_and_not_written(client, node):
    tag = [{"system": "urn:baybridge:projection", "code": "CaseOpened"}]
    shown = {**PATIENT, "meta": {"tag": tag}}
    with node.unit() as unit:
        store.put(unit.connection, shown, at=unit.at)
    assert client.get("/fhir/Patient/p").status_code == 200
    assert reasons(client.put("/fhir/Patient/p", json=PATIENT)) == ["record.projection"]
    assert reasons(client.delete("/fhir/Patient/p", headers=WHY)) == ["record.projection"]
    assert reasons(client.post("/fhir/Patient", json=shown)) == ["record.projection"]


def test_everything_of_a_patient(client):
    client.put("/fhir/Patient/p", json=PATIENT)
    put(client)
    client.put("/fhir/Patient/q", json={**PATIENT, "id": "q"})
    found = client.get("/fhir/Patient/p/$everything")
    assert {entry["resource"]["id"] for entry in found.json()["entry"]} == {"p", "o"}
    only = client.get("/fhir/Patient/p/$everything?_type=Observation").json()
    assert [entry["resource"]["id"] for entry in only["entry"]] == ["o"]


# --- who may --------------------------------------------------------------------------------------------------------


def test_only_the_capability_statement_is_public(server):
    stranger = TestClient(server)
    statement = stranger.get("/fhir/metadata")
    assert statement.status_code == 200
    assert validate(parse(statement.content)) == ()
    assert statement.json()["fhirVersion"] == "4.0.1"
    for method, path in (
        ("get", "/fhir/Patient"),
        ("get", "/fhir/Patient/p"),
        ("post", "/fhir"),
        ("get", "/fhir/x/y/z"),
        ("delete", "/fhir/Patient/p"),
    ):
        answer = getattr(stranger, method)(path)
        assert (answer.status_code, reasons(answer)) == (401, ["access.sign_in"])


def test_a_patient_reads_the_own_record_and_learns_nothing_of_others(client, sign_in):
    client.put("/fhir/Patient/p", json=PATIENT)
    client.put("/fhir/Patient/q", json={**PATIENT, "id": "q"})
    put(client)
    patient = sign_in("patient", "p")
    assert patient.get("/fhir/Observation/o").status_code == 200
    assert [e["resource"]["id"] for e in patient.get("/fhir/Patient?family=chan").json()["entry"]] == ["p"]
    assert patient.get("/fhir/Patient/p/$everything").status_code == 200
    other, nobody = patient.get("/fhir/Patient/q"), patient.get("/fhir/Patient/nobody")
    assert other.status_code == nobody.status_code == 403
    assert other.content == nobody.content
    assert put(patient).status_code == 403


def test_reading_and_writing_are_logged_without_personal_data(client, node):
    client.put("/fhir/Patient/p", json=PATIENT)
    with node.storage.reading() as connection:
        start = log.size(connection)
    client.get("/fhir/Patient/p")
    client.get("/fhir/Patient?family=chan")
    put(client)
    with node.storage.reading() as connection:
        entries = log.entries(connection, start, log.size(connection))
    assert [(item.entry.kind, item.entry.what.split("/")[0]) for item in entries] == [
        ("access", "read Patient"),
        ("access", "search Patient"),
        ("record", "Observation"),
    ]
    assert {item.entry.subject for item in entries} == {node.pseudonym("p")}
    assert all(b"Chan" not in item.body and b'"p"' not in item.body for item in entries)


def ice(code: str, value: int) -> dict:
    coding = {"coding": [{"system": "urn:baybridge:observation", "code": code}]}
    return {
        "resourceType": "Observation", "status": "final", "code": coding, "subject": {"reference": "Patient/p"}, "valueInteger": value,
        "effectiveDateTime": "2026-03-08T08:00:00Z",
    }  # fmt: skip


def test_an_ice_score_that_contradicts_its_items_is_refused(sign_in):
    client = sign_in("nurse")
    client.put("/fhir/Patient/p", json=PATIENT)
    for code in ("ice-orientation", "ice-naming", "ice-command", "ice-writing", "ice-attention"):
        assert client.post("/fhir/Observation", json=ice(code, 0)).status_code == 201
    refused = client.post("/fhir/Observation", json=ice("ice-score", 10))
    assert refused.status_code == 400
    assert "bedside.assess.ice_contradicts" in refused.text
    assert client.post("/fhir/Observation", json=ice("ice-score", 0)).status_code == 201


# --- references -----------------------------------------------------------------------------------------------------

HIS = "https://his.example/fhir"


def result(subject, **more):
    return {"resourceType": "Observation", "status": "final", "code": CODE, "subject": {"reference": subject}, **more}


def post(resource, url="", **request):
    request = {"method": "POST", "url": resource["resourceType"], **request}
    return {**({"fullUrl": url} if url else {}), "resource": resource, "request": request}


@pytest.fixture
def nine(client):
    """Somebody of this node has the id that the other server uses, too."""
    client.put("/fhir/Patient/9", json={**PATIENT, "id": "9"})
    return client


def subject_of(answer, index=0):
    return answer.json()["entry"][index]["resource"]["subject"]["reference"]


def test_a_relative_reference_is_meant_under_the_address_of_its_entry(nine):
    theirs = {**PATIENT, "id": "9", "name": [{"family": "Wong"}]}
    done = nine.post("/fhir", json=transaction(post(result("Patient/9"), f"{HIS}/Observation/1"), post(theirs, f"{HIS}/Patient/9")))
    assert done.status_code == 200
    assert subject_of(done) == f"Patient/{done.json()['entry'][1]['resource']['id']}" != "Patient/9"


def test_another_servers_patient_is_not_ours_of_the_same_id(nine):
    refused = nine.post("/fhir", json=transaction(post(result("Patient/9"), f"{HIS}/Observation/1")))
    assert (refused.status_code, reasons(refused)) == (400, ["record.bundle.reference"])
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.subject"]


def test_an_address_of_this_server_is_its_resource(nine):
    done = nine.post("/fhir/Observation", json=result("http://node.example/fhir/Patient/9"))
    assert done.json()["subject"]["reference"] == "Patient/9"
    assert "warning" not in done.headers
    assert nine.get("/fhir/Observation?subject=Patient/9").json()["total"] == 1


def test_one_address_for_two_people_files_nothing(client):
    other = {**PATIENT, "name": [{"family": "Wong"}]}
    refused = client.post("/fhir", json=transaction(post(PATIENT, "urn:uuid:1"), post(other, "urn:uuid:1"), post(result("urn:uuid:1"))))
    assert (refused.status_code, reasons(refused)) == (400, ["record.bundle.reference_several"])
    assert client.get("/fhir/Observation?_summary=count").json()["total"] == 0


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_an_address_that_only_the_bundle_could_know_is_refused(client, kind):
    done = client.post("/fhir", json=transaction(post(result("urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8")), kind=kind))
    if kind == "transaction":
        assert (done.status_code, reasons(done)) == (400, ["record.bundle.reference"])
    else:
        assert done.json()["entry"][0]["response"]["status"] == "400"
    assert client.get("/fhir/Observation?_summary=count").json()["total"] == 0
    assert client.post("/fhir/Observation", json=result("urn:uuid:1")).status_code == 400


@pytest.mark.parametrize("subject", ["Patient/nobody", "https://elsewhere.example/fhir/Patient/1", "http://node.example/fhir/Patient/nobody"])
def test_what_names_nobody_here_is_told(client, subject):
    done = client.post("/fhir/Observation", json=result(subject))
    assert done.status_code == 201
    assert "record.reference_nowhere subject" in done.headers["warning"]
    together = client.post("/fhir", json=transaction(post(result(subject)))).json()["entry"][0]["response"]
    assert together["status"] == "201"
    issue = together["outcome"]["issue"][0]
    assert (issue["severity"], issue["expression"]) == ("warning", ["Bundle.entry[0].resource.subject"])


def test_two_entries_with_one_condition_are_one_resource(client):
    person = {**PATIENT, "identifier": [{"system": "urn:hk:hkid", "value": "A1234563"}]}
    once = {"ifNoneExist": "identifier=urn:hk:hkid|A1234563"}
    entries = (post(person, "urn:uuid:a", **once), post(person, "urn:uuid:b", **once), post(result("urn:uuid:a")), post(result("urn:uuid:b")))
    done = client.post("/fhir", json=transaction(*entries))
    assert [entry["response"]["status"] for entry in done.json()["entry"]] == ["201", "200", "201", "201"]
    name = f"Patient/{done.json()['entry'][0]['resource']['id']}"
    assert {subject_of(done, 2), subject_of(done, 3)} == {name}
    again = client.post("/fhir", json=transaction(*entries))
    assert [entry["response"]["status"] for entry in again.json()["entry"]] == ["200", "200", "201", "201"]
    assert {subject_of(again, 2), subject_of(again, 3)} == {name}
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == 1


def test_two_conditions_that_one_resource_fulfils_point_at_nothing_else(client):
    person = {**PATIENT, "identifier": [{"system": "urn:hk:hkid", "value": "A1234563"}]}
    first = post(person, "urn:uuid:a", ifNoneExist="identifier=urn:hk:hkid|A1234563")
    second = post(person, "urn:uuid:b", ifNoneExist="identifier=A1234563")
    refused = client.post("/fhir", json=transaction(first, second, post(result("urn:uuid:b"))))
    assert (refused.status_code, reasons(refused)) == (409, ["record.match_meanwhile"])
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == 0


def test_a_put_that_changes_name_and_birth_date_of_a_person_overwrites_nobody(sign_in):
    client = sign_in("coordinator")
    assert client.put("/fhir/Patient/p", json=PATIENT).status_code == 201
    other = {**PATIENT, "name": [{"family": "Lee"}], "birthDate": "1988-05-05"}
    for answer in (
        client.put("/fhir/Patient/p", json=other),
        client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": other, "request": {"method": "PUT", "url": "Patient/p"}}]}),
    ):  # fmt: skip
        assert (answer.status_code, "overwritten" in answer.text) == (409, True)
    assert client.get("/fhir/Patient/p").json()["birthDate"] == "1968-04-09"
    assert client.put("/fhir/Patient/p", json={**PATIENT, "name": [{"family": "Lee"}]}).status_code == 200


def test_a_put_that_leaves_a_person_out_wipes_nobody_and_lets_nobody_in(sign_in):
    client = sign_in("coordinator")
    client.put("/fhir/Patient/p", json=PATIENT)
    answer = client.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"})
    assert (answer.status_code, answer.json()["name"], answer.json()["birthDate"]) == (200, PATIENT["name"], PATIENT["birthDate"])
    renamed = client.put("/fhir/Patient/p", json={**PATIENT, "name": [{"family": "Lee"}]})
    assert renamed.status_code == 200
    other = client.put("/fhir/Patient/p", json={**PATIENT, "name": [{"family": "Lee"}], "birthDate": "1988-05-05"})
    assert (other.status_code, "overwritten" in other.text) == (409, True)


def test_a_birth_date_other_than_that_of_the_identity_number_is_told_and_replaces_nothing(sign_in):
    client = sign_in("coordinator")
    numbered = {**PATIENT, "identifier": [{"system": "urn:cn:resident-id", "value": "11010519491231002X"}], "birthDate": "1949-12-31"}

    def put(resource):
        entry = {"resource": resource, "request": {"method": "PUT", "url": f"Patient/{resource['id']}"}}
        return client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    told = put({**numbered, "id": "q", "birthDate": "1994-12-31"}).json()["entry"][0]["response"]["outcome"]["issue"]
    assert [issue["details"]["coding"][0]["code"] for issue in told] == ["record.import.birth_number"]
    assert "outcome" not in put(numbered).json()["entry"][0]["response"]
    refused = client.put("/fhir/Patient/p", json={**numbered, "birthDate": "1994-12-31"})
    assert (refused.status_code, reasons(refused)) == (409, ["record.identity.birth_number"])
    assert client.get("/fhir/Patient/p").json()["birthDate"] == "1949-12-31"
