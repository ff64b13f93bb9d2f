"""`$validate` says what a write would be refused for in its form, and writes nothing."""

from __future__ import annotations

from unit.record.test_fhir_http import PATIENT, reasons

WRONG = {"resourceType": "Observation", "status": "nope", "effectiveDateTime": "2026-02-30"}


def of(resource):
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}]}


def test_every_fault_is_told_as_a_create_tells_it_and_nothing_is_filed(client):
    for body in (WRONG, of(WRONG)):
        told = client.post("/fhir/Observation/$validate", json=body)
        assert (told.status_code, reasons(told)) == (200, reasons(client.post("/fhir/Observation", json=WRONG)))
        assert {issue["severity"] for issue in told.json()["issue"]} == {"error"}
    for body in (PATIENT, of(PATIENT)):
        told = client.post("/fhir/Patient/$validate?language=pt", json=body)
        assert (told.status_code, reasons(told)) == (200, ["record.validate.sound"])
        assert (told.json()["issue"][0]["severity"], "erro de forma" in told.text) == ("information", True)
    assert client.get("/fhir/Patient?_summary=count").json()["total"] == 0


def test_another_type_and_what_is_made_here_are_told(client):
    assert reasons(client.post("/fhir/Observation/$validate", json=PATIENT)) == ["record.address_mismatch"]
    assert reasons(client.post("/fhir/Consent/$validate", json={"resourceType": "Consent"})) == ["record.made_here"]
    assert client.post("/fhir/Nothing/$validate", json=PATIENT).status_code == 404


def test_what_is_not_understood_is_refused(client, sign_in):
    for body in ([], {"resourceType": "Parameters"}, {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "delete"}]}, of(None), of(5)):
        told = client.post("/fhir/Patient/$validate", json=body)
        assert told.status_code in (200, 400), body
        assert "record.validate.sound" not in reasons(told)
    for query in ("profile=http://x", "mode=delete", "_format=xml"):
        assert client.post(f"/fhir/Patient/$validate?{query}", json=PATIENT).status_code == 400
    assert sign_in("payer").post("/fhir/Patient/$validate", json=PATIENT).status_code == 403
