"""Every event renders as FHIR that R4 has nothing against, the same each time, and the facts reader can read it back."""

from __future__ import annotations

import importlib
import typing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest

from baybridge.journey import events as ev
from baybridge.journey.case import fold
from baybridge.journey.events import EVENT_TYPES, Recorded
from baybridge.node.commands.table import EVENTS
from baybridge.node.fhir.rendering import render
from baybridge.record.fhir.references import PATIENT_EXTENSION, patient_of
from baybridge.record.fhir.validate import validate
from baybridge.record.fhir.wire import parse, write

AT = datetime(2026, 3, 8, 9, 30, tzinfo=timezone(timedelta(hours=8)))
PATIENT = "Patient/p-1"


def an_example(kind):
    """A value of a field's type."""
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)[0]
    if typing.get_origin(kind) is tuple:
        inner = typing.get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return (an_example(inner[0]),) if inner[0] is not ev.Told else ()
        return tuple(an_example(item) for item in inner)
    if typing.get_origin(kind) in (typing.Union, type(int | str)):
        return an_example(next(item for item in typing.get_args(kind) if item is not type(None)))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{field.name: an_example(field.type) for field in msgspec.structs.fields(kind)})
    return {str: "abc-1", int: 2, float: 4.5, bool: True, date: AT.date(), datetime: AT}[kind]


def an_event(kind, **given):
    fields = {field.name: an_example(field.type) for field in msgspec.structs.fields(kind)}
    return kind(**{**fields, **given})


def recorded(event, number=1):
    return Recorded(
        event_id=f"018f0000-0000-7000-8000-{number:012d}",
        case_id="018f0000-0000-7000-8000-aaaaaaaaaaaa",
        sequence=number,
        at=AT,
        recorded_at=AT,
        node="mo",
        organisation="Macao hospital",
        actor="account-1",
        role="physician",
        event=event,
    )


OPENED = recorded(ev.CaseOpened(patient_id="p-1", residence="MO", synthetic=True), 99)


def rendered(event, reference=PATIENT):
    envelope = recorded(event)
    return render(envelope, fold([OPENED, envelope]), reference)


def test_no_event_is_left_out():
    assert set(EVENTS) == set(EVENT_TYPES.values())


@pytest.mark.parametrize("reference", [PATIENT, ""])
@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_r4_has_nothing_against_a_rendering(kind, reference):
    resources = rendered(an_event(kind), reference)
    assert resources
    for resource in resources:
        assert validate(parse(write(resource))) == ()


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_another_implementation_reads_it_too(kind):
    for resource in rendered(an_event(kind)):
        module = importlib.import_module(f"fhir.resources.R4B.{resource['resourceType'].lower()}")
        model = getattr(module, resource["resourceType"])
        if resource["resourceType"] == "Consent" or resource["resourceType"] == "SupplyDelivery":
            continue  # R4B and R4 differ there
        model.model_validate_json(write(resource))


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_a_rendering_says_what_it_is_and_whose(kind):
    for resource in rendered(an_event(kind)):
        codes = {(tag["system"], tag["code"]) for tag in resource["meta"]["tag"]}
        assert ("urn:baybridge:projection", kind.__name__) in codes
        assert any(code == "HTEST" for _, code in codes)
        assert patient_of(resource) == "p-1"
    assert rendered(an_event(kind)) == rendered(an_event(kind))
    ids = [(resource["resourceType"], resource["id"]) for resource in rendered(an_event(kind))]
    assert len(ids) == len(set(ids))


def test_where_the_patient_is_unknown_nobody_is_named():
    for kind in EVENT_TYPES.values():
        for resource in rendered(an_event(kind), ""):
            assert "Patient/" not in write(resource).decode()
            assert not [item for item in resource.get("extension", []) if item["url"] == PATIENT_EXTENSION]


def test_an_assessment_uses_the_codes_that_the_facts_reader_reads():
    vitals = (("temperature", 38.6), ("systolic_pressure", 92))
    findings = (*vitals, ("oxygen_device", "nasal_cannula"), ("vasopressin", False), ("ice_score", 7))
    observations = rendered(ev.AssessmentRecorded(assessed_at=AT, findings=findings))
    read = {o["code"]["coding"][0]["code"]: {k: v for k, v in o.items() if k.startswith("value")} for o in observations}
    assert read["8310-5"]["valueQuantity"]["value"] == Decimal("38.6")
    assert read["8310-5"]["valueQuantity"]["code"] == "Cel"
    assert read["8480-6"]["valueQuantity"]["code"] == "mm[Hg]"
    assert read["oxygen-device"] == {"valueCodeableConcept": {"coding": [{"system": "urn:baybridge:observation", "code": "nasal_cannula"}]}}
    assert read["vasopressin"] == {"valueBoolean": False}
    assert read["ice-score"] == {"valueInteger": 7}
    assert {o["effectiveDateTime"] for o in observations} == {AT.isoformat()}


@pytest.mark.parametrize(("grade", "adverse"), [(0, False), (1, True), (4, True)])
def test_a_grade_from_one_on_is_an_adverse_event(grade, adverse):
    event = an_event(ev.GradeAssessed, grade=grade, grade_min=grade, grade_max=grade)
    kinds = [resource["resourceType"] for resource in rendered(event)]
    assert "Observation" in kinds
    assert ("AdverseEvent" in kinds) is adverse


def test_an_unknown_grade_is_not_written_as_a_number():
    event = an_event(ev.GradeAssessed, grade=None, grade_min=1, grade_max=3)
    observation = next(r for r in rendered(event) if r["resourceType"] == "Observation")
    assert "valueInteger" not in observation
    assert observation["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert [part["valueInteger"] for part in observation["component"][:2]] == [1, 3]


def test_a_grade_says_from_when_is_what_its_assessment_did_not_state():
    event = an_event(ev.GradeAssessed, missing=(), from_before=(("ice_score", 10, AT), ("sedated", False, AT)))
    observation = next(r for r in rendered(event) if r["resourceType"] == "Observation")
    assert [note["text"] for note in observation["note"]] == [
        f"rests on ice_score 10 of {AT.isoformat()}, before this assessment", f"rests on sedated false of {AT.isoformat()}, before this assessment",
    ]  # fmt: skip


def test_an_infusion_carries_product_and_atc():
    event = an_event(ev.Infused, product="axicabtagene-ciloleucel")
    given = next(r for r in rendered(event) if r["resourceType"] == "MedicationAdministration")
    codes = {(c["system"], c["code"]) for c in given["medicationCodeableConcept"]["coding"]}
    assert codes == {("urn:baybridge:product", "axicabtagene-ciloleucel"), ("http://www.whocc.no/atc", "L01XL03")}
    assert given["status"] == "completed"
    assert given["effectivePeriod"]["start"] == AT.isoformat()


@pytest.mark.parametrize(
    ("regimen", "codes"),
    [("Flu/Cy", {"L01BB05", "L01AA01"}), ("FC", {"L01BB05", "L01AA01"}), ("bendamustine", {"L01AA09"}), ("cytarabine", set())],
)
def test_a_regimen_is_coded_where_its_drugs_are_known(regimen, codes):
    given = [r for r in rendered(an_event(ev.LymphodepletionStarted, regimen=regimen)) if r["resourceType"] == "MedicationAdministration"]
    assert {c["code"] for r in given for c in r["medicationCodeableConcept"].get("coding", [])} == codes
    assert given


def test_money_keeps_its_two_places():
    event = an_event(ev.BenefitPaid, amount_minor=120_000_050, currency="CNY")
    assert b'"paymentAmount":{"value":1200000.50,"currency":"CNY"}' in write(rendered(event)[0])


def test_a_withdrawn_consent_is_inactive():
    given = recorded(an_event(ev.ConsentRecorded, consent_id="c 1"), 1)
    taken = recorded(ev.ConsentWithdrawn(consent_id="c 1", withdrawn_on=AT.date()), 2)
    consent = next(r for r in render(taken, fold([OPENED, given, taken]), PATIENT) if r["resourceType"] == "Consent")
    assert consent["status"] == "inactive"
    assert consent["id"] == render(given, fold([OPENED, given]), PATIENT)[0]["id"]


def test_what_another_node_told_is_rendered_with_its_own_node():
    told = ev.Told(
        event_id="018f0000-0000-7000-8000-bbbbbbbbbbbb",
        node="hk",
        at=AT,
        recorded_at=AT,
        actor="account-2",
        role="nurse",
        event=msgspec.to_builtins(an_event(ev.DrugGiven, atc="L04AC07", name="tocilizumab")),
    )
    resources = rendered(an_event(ev.PackageReceived, told=(told,)))
    drug = next(r for r in resources if r["resourceType"] == "MedicationAdministration")
    assert drug["id"] == told.event_id
    assert drug["medicationCodeableConcept"]["coding"][0]["code"] == "L04AC07"
