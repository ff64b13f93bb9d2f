"""Which role reads which type of FHIR resource, by every interaction; the expected answer stands in this file, not in the code under test.

A type is open to whoever may open the page that shows the same. A type without a row is open to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from acceptance.support import Clock
from baybridge.app import application
from baybridge.documents.exchange import PayerView
from baybridge.journey.command import Role
from baybridge.node import tables
from baybridge.node.config import read_config
from baybridge.node.fhir import kinds, plant
from baybridge.node.node import Node
from baybridge.node.people import access, accounts, reads
from baybridge.node.upkeep.founding import found
from baybridge.record.fhir.definitions import MADE_HERE, NOT_OFFERED, owner_elements, resource_types
from baybridge.record.store import store

HERE, SECRET = "Hospital", "Geheimnis"
CARE = {"coordinator", "physician", "nurse", "pharmacist", "quality"}
TEAM, LAB = CARE | {"patient"}, CARE | {"laboratory", "patient"}
#: Who reads what, by the page that shows it.
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "card": (LAB, {"Patient", "Person", "Linkage"}),
    "overview": (LAB, {"Appointment", "AppointmentResponse", "Encounter", "EpisodeOfCare", "Schedule", "Slot"}),
    "facts": (LAB, {
        "AllergyIntolerance", "BodyStructure", "Condition", "Device", "DiagnosticReport", "FamilyMemberHistory", "Group", "GuidanceResponse", "ImagingStudy",
        "Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation", "List", "Media", "MedicationStatement", "MolecularSequence", "Observation",
        "Procedure", "ResearchSubject", "VisionPrescription",
    }),
    "tests": (LAB, {"ServiceRequest"}),
    "cells": (LAB | {"manufacturer"}, {"BiologicallyDerivedProduct", "Specimen", "SupplyDelivery", "Task"}),
    "cells, of no plant": (LAB, {"SupplyRequest"}),
    "timeline": (LAB, {"Provenance"}),
    "bedside": (TEAM, {
        "AdverseEvent", "Basic", "Bundle", "CarePlan", "CareTeam", "ClinicalImpression", "Communication", "CommunicationRequest", "Composition", "DetectedIssue",
        "DeviceMetric", "DeviceRequest", "DeviceUseStatement", "Flag", "Goal", "MeasureReport", "MedicationAdministration", "MedicationDispense",
        "MedicationRequest", "MessageHeader", "NutritionOrder", "OperationOutcome", "Parameters", "QuestionnaireResponse", "RequestGroup", "RiskAssessment",
        "VerificationResult",
    }),
    "documents": (LAB, {"Binary", "DocumentManifest", "DocumentReference"}),
    "funding": (TEAM, {
        "Account", "ChargeItem", "Claim", "ClaimResponse", "Contract", "Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse",
        "EnrollmentRequest", "EnrollmentResponse", "ExplanationOfBenefit", "Invoice", "PaymentNotice", "PaymentReconciliation",
    }),
    "sharing": (TEAM, {"AuditEvent", "Consent", "RelatedPerson"}),
}  # fmt: skip
PERSONAL = set().union(*(types for _people, types in EXPECTED.values()))
OF_KIND = {kind: people for people, types in EXPECTED.values() for kind in types}
#: Roles without a relation to the record, or without any FHIR at all.
NEVER = ("caregiver", "alliance", "administrator")
PEOPLE = (*sorted(LAB), "manufacturer", *NEVER)
#: One type of each page, tried by every interaction.
EACH = ("Patient", "EpisodeOfCare", "Observation", "ServiceRequest", "Specimen", "SupplyRequest", "Provenance", "Communication", "DocumentReference", "Coverage",
        "Consent", "CarePlan", "MedicationAdministration", "Binary")  # fmt: skip

#: Events that speak of a command or an entry of any page.
OF_OTHER_ENTRIES = ("ConfirmationAsked", "ConfirmationDeclined", "EntryCorrected", "EntryReinstated")


def tagged(event: str) -> dict[str, Any]:
    return {"tag": [{"system": "urn:baybridge:projection", "code": event}]}


def of(kind: str, name: str, event: str = "") -> dict[str, Any]:
    """A resource of the patient, which names the person in its text and in an extension."""
    owner = next(iter(owner_elements(kind)), None) if kind != "Patient" else None
    patient = {"reference": "Patient/own", "display": SECRET}
    made: dict[str, Any] = {"resourceType": kind, "id": name, "text": {"status": "generated", "div": f"<div>{SECRET}</div>"}}
    made["extension"] = [{"url": "urn:baybridge:patient", "valueReference": patient}] if kind != "Patient" else []
    return {**made, **({owner: patient} if owner else {}), **({"meta": tagged(event)} if event else {})}


@dataclass
class House:
    node: Node
    client: TestClient
    tokens: dict[str, str]

    def ask(self, who: str, path: str, method: str = "GET", **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.tokens[who]}", **more.pop("headers", {})}
        return self.client.request(method, f"/fhir{path}", headers=headers, **more)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("kinds") / "node"
    found(folder, {"node": "hk", "organisation": HERE, "jurisdiction": "HK", "kinds": ["centre", "laboratory"]})
    node, tokens = Node(read_config(folder), now=Clock()), {}
    with node.storage.writing() as connection:
        for kind in sorted(PERSONAL):
            store.put(connection, of(kind, "own" if kind == "Patient" else "x", "CellsCollected" if "manufacturer" in OF_KIND[kind] else ""), at=node.now())
        store.put(connection, of("Specimen", "filed"), at=node.now())
        store.put(connection, of("Observation", "bedside", "AssessmentRecorded"), at=node.now())
        store.put(connection, of("Communication", "letter", "PatientWrote"), at=node.now())
        for event in ("FindingConfirmed", "ProductTested", "DrugGiven", "ConsentRecorded"):
            store.put(connection, of("Provenance", f"corrected-{event.lower()}", f"EntryCorrected.{event}"), at=node.now())
        enclosed = {"contained": [{"resourceType": "Coverage", "id": "c"}]}
        store.put(connection, {**of("DiagnosticReport", "encloses"), **enclosed}, at=node.now())
        for event in OF_OTHER_ENTRIES:
            kind = "Task" if event.startswith("Confirmation") else "Provenance"
            store.put(connection, of(kind, event.lower(), event), at=node.now())
        for role in (Role(name) for name in PEOPLE):
            organisation = HERE if role is not Role.ALLIANCE else "Alliance"
            own = "own" if role in access.PERSONAL else None
            accounts.add_account(connection, account=role.value, name=role.value, role=role, organisation=organisation, password="-", patient_id=own)
            tokens[role.value] = accounts.open_session(connection, role.value, node.now()).token
    with TestClient(application(node, workers=False), base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield House(node, client, tokens)


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_type_has_one_row_with_an_action_that_there_is() -> None:
    assert set(kinds.KINDS) == resource_types()
    assert set(kinds.KINDS.values()) <= set(access.ACTIONS)
    assert sum(len(types) for _people, types in EXPECTED.values()) == len(PERSONAL)


def test_a_type_without_a_row_is_open_to_nobody() -> None:
    assert [role for role in Role if kinds.may(role, "NoSuchType")] == []


def test_every_type_that_somebody_owns_is_of_a_page_of_the_record_and_the_patients_own() -> None:
    owned = {kind for kind in resource_types() if owner_elements(kind) and kinds.KINDS[kind] not in ("policy.read",)}
    assert owned <= PERSONAL
    assert [kind for kind in sorted(PERSONAL) if not kinds.may(Role.PATIENT, kind)] == []


def test_what_a_payer_and_a_plant_read_is_open_to_them_by_the_table(house: House) -> None:
    payer = house.node.documents.typed.the(PayerView).purposes["PAYER_VIEW"].types
    assert [kind for kind in payer if not kinds.may(Role.PAYER, kind)] == []
    assert [kind for kind in plant.view_of(house.node).purposes[plant.PURPOSE].types if not kinds.may(Role.MANUFACTURER, kind)] == []


# --- kind x role ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
def test_each_role_reads_the_types_of_its_pages_and_no_other(house: House, who: str) -> None:
    wrong = {}
    for kind in sorted(PERSONAL):
        path = f"/{kind}/{'own' if kind == 'Patient' else 'x'}"
        read, listed = house.ask(who, path), house.ask(who, f"/{kind}?_count=5")
        expected = 200 if who in OF_KIND[kind] else 403
        if (read.status_code, listed.status_code) != (expected, expected) or (expected == 403 and (SECRET in read.text or SECRET in listed.text)):
            wrong[kind] = (read.status_code, listed.status_code)
    assert wrong == {}


def ways(kind: str, name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every interaction that answers something of a type."""
    yield "GET", f"/{kind}/{name}", {}
    yield "GET", f"/{kind}/{name}/_history/1", {}
    yield "GET", f"/{kind}/{name}/_history", {}
    yield "GET", f"/{kind}?_id={name}", {}
    yield "GET", f"/{kind}?_summary=count", {}
    yield "GET", f"/{kind}?_count=0&_total=accurate", {}
    yield "POST", f"/{kind}/_search", {"data": {"_id": name}}


@pytest.mark.parametrize("kind", EACH)
def test_every_interaction_answers_alike_whether_or_not_there_is_such_a_resource(house: House, kind: str) -> None:
    own = "own" if kind == "Patient" else "x"
    for who in (*sorted(LAB), "manufacturer"):
        for name in (own, "no-such-id"):
            for method, path, more in ways(kind, name):
                status = house.ask(who, path, method, **more).status_code
                is_absent = name == "no-such-id" and f"/{name}" in path
                absent = 403 if who == "patient" else 404  # what is absent is refused to a patient as what is another's
                assert status == (403 if who not in OF_KIND[kind] else absent if is_absent else 200), (who, method, path)


@pytest.mark.parametrize("kind", EACH)
def test_bundles_and_what_comes_along_pass_the_same_table(house: House, kind: str) -> None:
    name = "own" if kind == "Patient" else "x"
    for who in ("physician", "laboratory"):
        is_open = who in OF_KIND[kind]
        entries = [{"request": {"method": "GET", "url": url}} for url in (f"{kind}/{name}", f"{kind}?_id={name}")]
        answer = house.ask(who, "", "POST", json={"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
        assert {one["response"]["status"] for one in answer["entry"]} == {"200" if is_open else "403"}
        assert (SECRET in json.dumps(answer)) is is_open
        transaction = house.ask(who, "", "POST", json={"resourceType": "Bundle", "type": "transaction", "entry": entries[:1]})
        assert (SECRET in transaction.text) is is_open
        everything = house.ask(who, "/Patient/own/$everything").json()["entry"]
        assert (kind in {one["resource"]["resourceType"] for one in everything if one["search"]["mode"] == "match"}) is is_open
        told = [one["resource"]["issue"][0]["details"]["text"] for one in everything if one["search"]["mode"] == "outcome"]
        assert any(kind in text for text in told) is not is_open, "what is left out is said by its type"
    for asked in ("Observation?_revinclude=Provenance:target", "Patient?_revinclude=Consent:patient", "Encounter?_include=Encounter:account",
                  "ServiceRequest?_include=ServiceRequest:based-on:CarePlan", "Patient?_revinclude:iterate=Claim:patient"):  # fmt: skip
        statuses = {who: house.ask(who, f"/{asked}").status_code for who in ("physician", "laboratory")}
        assert statuses["physician"] == 200, asked
        closed = ("Consent", "CarePlan", "Claim")
        assert statuses["laboratory"] == (403 if any(one in asked.partition("?")[2] for one in closed) else 200), asked


def test_nothing_of_a_closed_type_comes_along_unnamed(house: House) -> None:
    """An include that names no target leads wherever the parameter leads."""
    with house.node.storage.writing() as connection:
        based = {"basedOn": [{"reference": "CarePlan/x"}, {"reference": "ServiceRequest/x"}]}
        store.put(connection, {**of("Observation", "based"), **based}, at=house.node.now())
    found = {who: house.ask(who, "/Observation?_id=based&_include=Observation:based-on").json()["entry"] for who in ("physician", "laboratory")}
    types = {who: sorted(one["resource"]["resourceType"] for one in entries) for who, entries in found.items()}
    assert types == {"physician": ["CarePlan", "Observation", "ServiceRequest"], "laboratory": ["Observation", "ServiceRequest"]}


@pytest.mark.parametrize("asked", ["Observation?subject.name=G", "Observation?_has:Consent:patient:status=active", "Patient?_has:Coverage:beneficiary:status=active",
                                   "Observation?encounter.account.name=x", "Observation?subject:Patient.name=G"])  # fmt: skip
def test_no_chain_asks_about_a_closed_type(house: House, asked: str) -> None:
    for who in ("physician", "laboratory", "patient"):
        assert house.ask(who, f"/{asked}").status_code in (400, 422)


NOT_OFFERED_HERE = ["/_history", "/Consent/_history", "", "/Patient/own/Consent", "/Patient/own/$summary", "/Observation/$lastn", "/Patient/$match", "/$export"]


@pytest.mark.parametrize("path", NOT_OFFERED_HERE)
def test_there_is_no_other_door(house: House, path: str) -> None:
    """What this node does not offer answers nothing: no list of the system, of a type's history or of a compartment."""
    for who in ("physician", "laboratory", "manufacturer", "patient"):
        answer = house.ask(who, path)
        assert answer.status_code in (303, 403, 404, 405), (who, answer.status_code)
        assert SECRET not in answer.text


# --- events, enclosed resources, a plant ------------------------------------------------------------------------------


def test_what_an_event_wrote_is_open_where_the_page_of_its_chapter_is(house: House) -> None:
    """A laboratory opens results and no bedside; a letter to the team is for those who answer it."""
    for who, path, status in (
        ("laboratory", "/Observation/bedside", 404), ("nurse", "/Observation/bedside", 200), ("patient", "/Observation/bedside", 200),
        ("pharmacist", "/Communication/letter", 404), ("quality", "/Communication/letter", 404), ("nurse", "/Communication/letter", 200),
        ("laboratory", "/DiagnosticReport/encloses", 404), ("physician", "/DiagnosticReport/encloses", 200),
    ):  # fmt: skip
        assert house.ask(who, path).status_code == status, (who, path)
        if status == 404:
            absent = house.ask(who, path.rpartition("/")[0] + "/no-such-id")
            assert house.ask(who, path).json() == absent.json(), "as if it were not there"
    counted = {who: house.ask(who, "/Observation?_summary=count&_id=bedside,x").json()["total"] for who in ("nurse", "laboratory")}
    assert counted == {"nurse": 2, "laboratory": 1}
    assert house.ask("quality", "/Communication?_summary=count").json()["total"] == 1


def test_what_encloses_a_closed_type_is_in_no_total(house: House) -> None:
    for count in ("_summary=count", "_count=0", "_count=1", "_count=50"):
        totals = {who: house.ask(who, f"/DiagnosticReport?{count}").json()["total"] for who in ("physician", "laboratory")}
        assert totals == {"physician": 2, "laboratory": 1}, count


@pytest.mark.parametrize(("event", "laboratory"), [("FindingConfirmed", 200), ("ProductTested", 200), ("DrugGiven", 404), ("ConsentRecorded", 404)])
def test_a_correction_is_read_by_who_reads_the_entry_that_it_is_about(house: House, event: str, laboratory: int) -> None:
    for who, status in (("physician", 200), ("quality", 200), ("patient", 200), ("laboratory", laboratory)):
        assert house.ask(who, f"/Provenance/corrected-{event.lower()}").status_code == status, who


@pytest.mark.parametrize("event", OF_OTHER_ENTRIES)
def test_what_speaks_of_an_entry_of_any_page_is_for_who_opens_every_page(house: House, event: str) -> None:
    kind = "Task" if event.startswith("Confirmation") else "Provenance"
    for who, status in (("physician", 200), ("quality", 200), ("patient", 200), ("laboratory", 404)):
        assert house.ask(who, f"/{kind}/{event.lower()}").status_code == status, who
        total = house.ask(who, f"/{kind}?_summary=count&_id={event.lower()}").json()["total"]
        assert total == int(status == 200), who
    assert house.ask("manufacturer", f"/{kind}/{event.lower()}").status_code in (403, 404)


def test_a_plant_reads_what_events_say_of_cells_under_a_pseudonym(house: House) -> None:
    read = house.ask("manufacturer", "/Specimen/x")
    assert read.status_code == 200
    for answer in (read, house.ask("manufacturer", "/Specimen"), house.ask("manufacturer", "/Specimen/x/_history"), house.ask("manufacturer", "/Task")):
        assert SECRET not in answer.text
        assert "Patient/own" not in answer.text
    assert read.json()["subject"]["identifier"]["system"] == "urn:baybridge:pseudonym"
    assert house.ask("manufacturer", "/Specimen/filed").status_code == 404
    assert house.ask("manufacturer", "/Specimen").json()["total"] == house.ask("manufacturer", "/Specimen?_summary=count").json()["total"] == 1
    for asked in ("subject=Patient/own", "patient=own", "_text=x", "_include=Specimen:subject", "subject:missing=false"):
        assert house.ask("manufacturer", f"/Specimen?{asked}").status_code in (400, 403, 422), asked
    assert house.ask("manufacturer", "/Patient/own/$everything").status_code == 403


def test_who_has_several_roles_reads_a_type_by_the_one_that_opens_it(house: House) -> None:
    """As a page is opened by whichever role opens it, and no further than any one of them goes."""
    node = house.node
    with node.storage.writing() as connection:
        accounts.add_account(connection, account="both", name="both", role=Role.LABORATORY, organisation=HERE, password="-", also_roles="physician")
        house.tokens["both"] = accounts.open_session(connection, "both", node.now()).token
    assert house.ask("both", "/Consent/x").status_code == house.ask("both", "/Consent?_id=x").status_code == 200
    assert house.ask("both", "/Observation/x").status_code == 200


# --- writing ----------------------------------------------------------------------------------------------------------


def test_what_is_closed_to_be_read_is_closed_to_be_written(house: House) -> None:
    coverage = {"resourceType": "Coverage", "id": "new", "status": "active", "beneficiary": {"reference": "Patient/own"}, "payor": [{"display": "x"}]}
    for method, path in (("POST", "/Coverage"), ("PUT", "/Coverage/new"), ("PUT", "/Coverage/x"), ("DELETE", "/Coverage/x"), ("DELETE", "/Coverage/no-such-id")):
        body = {"json": {**coverage, "id": path.rpartition("/")[2]}} if method != "DELETE" else {"headers": {"x-baybridge-reason": "wrong-patient"}}
        assert house.ask("laboratory", path, method, **body).status_code == 403, (method, path)
    conditional = house.ask("laboratory", "/Coverage", "POST", json=coverage, headers={"if-none-exist": "_id=x"})
    assert conditional.status_code == 403
    assert SECRET not in conditional.text
    pointing: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/own"}}
    entry = {"resource": pointing, "request": {"method": "POST", "url": "Observation"}}
    for condition in ("Coverage?_id=x", "Coverage?_id=no-such-id"):
        pointing["focus"] = [{"reference": condition}]
        refused = house.ask("laboratory", "", "POST", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
        assert refused.status_code in (400, 422)
        assert {issue["details"]["coding"][0]["code"] for issue in refused.json()["issue"]} == {"access.role"}
    assert {"AuditEvent", "Consent"} <= MADE_HERE | NOT_OFFERED


def test_no_condition_tells_what_stands_on_a_page_that_the_role_does_not_open(house: House) -> None:
    """A create on a condition, and a reference by one, find what the role reads; the same whether or not there is more."""
    made: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/own"}}
    pointing = {**made, "focus": [{"reference": "Observation?_id=x,bedside"}]}
    entry = {"resource": pointing, "request": {"method": "POST", "url": "Observation"}}
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    answers = {who: house.ask(who, "", "POST", json=transaction).status_code for who in ("nurse", "laboratory")}
    assert answers == {"nurse": 400, "laboratory": 200}
    pointing["focus"] = [{"reference": "Observation?_id=bedside"}]
    hidden = house.ask("laboratory", "", "POST", json=transaction)
    pointing["focus"] = [{"reference": "Observation?_id=no-such-id"}]
    assert hidden.json() == house.ask("laboratory", "", "POST", json=transaction).json()
    for condition in ("_id=bedside", "_id=no-such-id"):
        assert house.ask("laboratory", "/Observation", "POST", json=made, headers={"if-none-exist": condition}).status_code == 201
    assert house.ask("laboratory", "/Observation", "POST", json=made, headers={"if-none-exist": "_id=x,bedside"}).status_code == 200


@pytest.mark.parametrize("who", ["manufacturer", "patient", "pharmacist", "quality", "caregiver", "administrator"])
def test_who_writes_nothing_learns_nothing_by_a_condition(house: House, who: str) -> None:
    """Refused by role before any condition is looked at: a plant could ask whose cells these are."""
    made: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    answers = []
    for asked in ("Specimen?_id=x&subject=Patient/own", "Specimen?_id=x&subject=Patient/other", "Coverage?_id=x", "Observation?code=["):
        entry = {"resource": {**made, "focus": [{"reference": asked}]}, "request": {"method": "POST", "url": "Observation", "ifNoneExist": asked.partition("?")[2]}}
        answers.append(house.ask(who, "", "POST", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]}))
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.text for answer in answers}) == 1


def test_a_condition_that_shows_a_record_is_a_reading_of_it(house: House) -> None:
    """A create that finds what is there answers it: it passes the check of a read, and stands in the patient's list."""
    patient = {"resourceType": "Patient", "name": [{"text": "x"}]}
    shown = house.ask("laboratory", "/Patient", "POST", json=patient, headers={"if-none-exist": "_id=own"})
    assert shown.status_code == 200
    with house.node.storage.reading() as connection:
        assert ("laboratory", "match Patient") in {(one.account, one.what) for one in reads.looked(connection, "own", "-")}
    with house.node.storage.writing() as connection:
        row = {"restriction": "r", "patient_id": "own", "reason": "asked", "since_at": house.node.now().isoformat(), "account": "q"}
        connection.execute(tables.restriction.insert().values(row))
    try:
        claim = {"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": "Patient/own"}, "payor": [{"display": "x"}]}
        refused = house.ask("coordinator", "/Coverage", "POST", json=claim, headers={"if-none-exist": "_id=x"})
        assert refused.status_code == 403, "money is no care, and this record is read for care alone"
        assert SECRET not in refused.text
        assert house.ask("coordinator", "/Coverage/x", "PUT", json={**claim, "id": "x"}).status_code == 403
        assert house.ask("coordinator", "/Coverage?_summary=count").json()["total"] == 0
        assert house.ask("coordinator", "/Observation/x").status_code == 200
    finally:
        with house.node.storage.writing() as connection:
            connection.execute(tables.restriction.delete())


def test_who_looked_says_which_types_were_shown_and_why(house: House) -> None:
    house.ask("physician", "/Coverage/x")
    house.ask("physician", "/Patient?_id=own&_revinclude=Coverage:beneficiary")
    house.ask("physician", "/Patient/own/$everything")
    with house.node.storage.reading() as connection:
        noted = {(one.what, one.purpose) for one in reads.looked(connection, "own", "-") if one.account == "physician"}
    assert {("read Coverage", "finance"), ("search Patient Coverage", "care"), ("search Patient Coverage", "finance")} <= noted
    assert {("everything", "care"), ("everything", "finance")} <= noted


def test_who_is_refused_for_the_role_is_told_so_in_the_own_language(house: House) -> None:
    answers = [house.ask("laboratory", f"/Consent/x?language={language}").json() for language in ("en", "pt", "zh-Hans", "zh-Hant")]
    assert len({answer["issue"][0]["details"]["text"] for answer in answers}) == 4
