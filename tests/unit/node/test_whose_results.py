"""Who may replace or delete a final result through FHIR, doses that another system files, and both by file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from baybridge.base.outcome import Category, Refusal
from baybridge.journey.command import Actor, Role
from baybridge.node.fhir.interactions import Interaction, write
from baybridge.node.fhir.posted_doses import MEANT
from baybridge.node.intake.importing import Imported, import_upload
from baybridge.record.store import store
from baybridge.record.store.tables import source_id
from watch_world import PATIENT, Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward(tmp_path / "hk")


def result(value: int = 5, performer: str | None = None, **more: Any) -> dict[str, Any]:
    performed = {"performer": [{"type": "Organization", "display": performer}]} if performer else {}
    return {
        "resourceType": "Observation", "id": "r-1", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "26499-4"}]},
        "subject": {"reference": f"Patient/{PATIENT}"}, "effectiveDateTime": "2026-03-08T09:00:00+08:00",
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "10*9/L"}, **performed, **more,
    }  # fmt: skip


def send(ward: Ward, role: Role, account: str, resource: dict[str, Any] | None, method: Any = "PUT", kind: str = "Observation", logical_id: str = "r-1") -> list[str]:
    """The codes of the refusal; nothing where it was done."""
    ward.now += timedelta(seconds=1)
    sent = Interaction(method, kind, logical_id, resource, reason="wrong-value" if method == "DELETE" else "")
    done = write(ward.node, Actor(account, role, ward.node.site.organisation), [sent])
    return [reason.code for reason in done.reasons] if isinstance(done, Refusal) else []


ANOTHER = "Laboratory across the border"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("role", "account", "performer", "refused"),
    [
        (Role.COORDINATOR, "desk", None, True),
        (Role.LABORATORY, "bench", ANOTHER, True),
        (Role.LABORATORY, "bench", "Hong Kong Centre", False),
        (Role.LABORATORY, "bench", None, False),
        (Role.PHYSICIAN, "doctor", ANOTHER, False),
        (Role.LABORATORY, "feed", ANOTHER, False),
    ],
)
def test_a_final_result_is_put_right_by_whose_it_is(ward: Ward, method: str, role: Role, account: str, performer: str | None, *, refused: bool) -> None:
    assert send(ward, Role.LABORATORY, "feed", result(performer=performer)) == []
    assert send(ward, role, account, result(7, performer, status="amended") if method == "PUT" else None, method) == (["record.not_theirs"] if refused else [])
    with ward.node.storage.reading() as connection:
        held = store.get(connection, "Observation", "r-1")
    assert held is not None and (held.number == 1) is refused


def test_the_refusal_is_one_of_the_person_and_the_same_content_again_is_none(ward: Ward) -> None:
    send(ward, Role.LABORATORY, "feed", result())
    done = write(ward.node, Actor("desk", Role.COORDINATOR, ward.node.site.organisation), [Interaction("PUT", "Observation", "r-1", result(7))])
    assert isinstance(done, Refusal) and done.category is Category.FORBIDDEN
    assert send(ward, Role.COORDINATOR, "desk", result()) == []


def test_a_nurse_puts_right_what_she_filed_and_no_other(ward: Ward) -> None:
    send(ward, Role.NURSE, "nurse-1", result())
    assert send(ward, Role.NURSE, "nurse-2", result(7)) == ["record.not_theirs"]
    assert send(ward, Role.NURSE, "nurse-1", result(7)) == []


def test_what_is_preliminary_is_nobodys_last_word(ward: Ward) -> None:
    send(ward, Role.LABORATORY, "feed", result(performer=ANOTHER, status="preliminary"))
    assert send(ward, Role.COORDINATOR, "desk", result(7)) == []


# --- doses ----------------------------------------------------------------------------------------------------------------


def dose(
    ward: Ward, value: int | None = 480, code: str = "mg", atc: str = "L04AC07", *, ago: timedelta = timedelta(0), meant: bool = False, **more: Any
) -> dict[str, Any]:
    amount = {"dosage": {"dose": {"value": value, "system": "http://unitsofmeasure.org", "code": code}}} if value is not None else {}
    answer = {"extension": [{"url": MEANT, "valueBoolean": True}]} if meant else {}
    return {
        "resourceType": "MedicationAdministration", "status": "completed", "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": atc}]},
        "effectiveDateTime": (ward.now - ago).isoformat(), **amount, **answer, **more,
    }  # fmt: skip


def post(ward: Ward, resource: dict[str, Any], role: Role = Role.NURSE) -> list[str]:
    return send(ward, role, "pump", resource, "POST", "MedicationAdministration", "")


@pytest.mark.parametrize(
    ("value", "code", "codes"),
    [
        (480, "mg", []),
        (0, "mg", ["record.dose.impossible"]),
        (-4, "mg", ["record.dose.impossible"]),
        (2_000, "g", ["record.dose.impossible"]),
        (4800, "mg", ["bedside.drug.tocilizumab_dose", "record.dose.meant"]),
        (8, "mg/kg", ["bedside.drug.no_weight", "record.dose.meant"]),
        (20, "mL", ["bedside.drug.unit", "record.dose.meant"]),
        (2, "{tbl}", ["bedside.drug.unit"]),
        (None, "", []),
    ],
)
def test_a_filed_dose_passes_the_checks_of_a_typed_one(ward: Ward, value: int | None, code: str, codes: list[str]) -> None:
    assert post(ward, dose(ward, value, code)) == codes


def test_a_dose_by_weight_stands_on_a_weight(ward: Ward) -> None:
    ward.observe("weight", 60)
    assert post(ward, dose(ward, 8, "mg/kg")) == []


def test_an_unusual_dose_is_asked_about_once(ward: Ward) -> None:
    assert post(ward, dose(ward, 400, atc="H02AB02")) == ["bedside.drug.unusual_dose", "record.dose.meant"]
    assert post(ward, dose(ward, 400, atc="H02AB02", meant=True)) == []


def test_the_same_dose_twice_is_asked_about_at_every_door(ward: Ward) -> None:
    first = dose(ward, 10, atc="H02AB02")
    assert post(ward, first) == []
    assert post(ward, dose(ward, 10, atc="H02AB02")) == ["bedside.drug.again", "record.dose.meant"]
    typed = {"atc": "H02AB02", "route": "IV", "dose_mg": 10, "given_at": ward.now.isoformat()}
    answer = ward.give("GiveDrug", **typed)
    assert isinstance(answer, Refusal) and [reason.code for reason in answer.reasons] == ["bedside.drug.again"]
    assert not isinstance(ward.give("GiveDrug", another=True, **typed), Refusal)


def test_a_typed_dose_is_asked_about_when_a_pump_files_it_again(ward: Ward) -> None:
    assert not isinstance(ward.give("GiveDrug", atc="H02AB02", route="IV", dose_mg=10, given_at=ward.now.isoformat()), Refusal)
    assert post(ward, dose(ward, 10, atc="H02AB02")) == ["bedside.drug.again", "record.dose.meant"]


def test_a_dose_that_was_entered_here_counts_once(ward: Ward) -> None:
    for _ in range(4):
        ward.now += timedelta(hours=9)
        given = ward.give("GiveDrug", Role.PHYSICIAN, atc="L04AC07", name="tocilizumab", dose_mg=560, route="IV", given_at=ward.now.isoformat())
        assert not isinstance(given, Refusal), [reason.code for reason in given.reasons]
    ward.now += timedelta(hours=9)
    fifth = ward.give("GiveDrug", Role.PHYSICIAN, atc="L04AC07", name="tocilizumab", dose_mg=560, route="IV", given_at=ward.now.isoformat())
    assert [reason.code for reason in fifth.reasons] == ["bedside.drug.tocilizumab_episode"]


def test_filed_doses_count_for_the_limits_of_tocilizumab(ward: Ward) -> None:
    assert post(ward, dose(ward, 480, ago=timedelta(hours=3))) == []
    answer = ward.give("GiveDrug", atc="L04AC07", dose_mg=480, given_at=ward.now.isoformat())
    assert isinstance(answer, Refusal) and [reason.code for reason in answer.reasons] == ["bedside.drug.tocilizumab_interval"]
    assert post(ward, dose(ward, 480, meant=True)) == ["bedside.drug.override_not_physician"]
    assert post(ward, dose(ward, 480, meant=True), Role.PHYSICIAN) == []


def test_a_dose_that_names_what_is_anothers_is_refused(ward: Ward) -> None:
    with ward.node.unit() as unit:
        store.put(unit.connection, {"resourceType": "Patient", "id": "other"}, at=unit.at)
        order = {"resourceType": "MedicationRequest", "id": "m-1", "status": "active", "intent": "order", "subject": {"reference": "Patient/other"}}
        store.put(unit.connection, {**order, "medicationCodeableConcept": {"text": "tocilizumab"}}, at=unit.at)
    assert post(ward, dose(ward, request={"reference": "MedicationRequest/m-1"})) == ["record.dose.another_patient"]


def test_a_dose_of_the_history_is_filed_as_it_is(ward: Ward) -> None:
    assert post(ward, dose(ward, 900, "mg/m2", "L01AA01", ago=timedelta(days=40))) == []
    assert post(ward, dose(ward, 4800, ago=timedelta(days=40))) == []


# --- the same by file ------------------------------------------------------------------------------------------------------


def bring(ward: Ward, *resources: dict[str, Any], role: Role = Role.COORDINATOR, account: str = "desk", source: str = "") -> list[tuple[str, str]]:
    """Severity and code of each problem of a file."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
    done = import_upload(ward.node, Actor(account, role, ward.node.site.organisation), "new.json", orjson.dumps(bundle), source=source)
    assert isinstance(done, Imported) or {reason.code for reason in done.reasons} == {"import.unreadable"}
    return [] if isinstance(done, Refusal) else [(one.severity, one.code) for one in done.report.problems]


def filed(ward: Ward, kind: str, logical_id: str) -> Any:
    with ward.node.storage.reading() as connection:
        held = store.get(connection, kind, logical_id)
    return held.resource if held is not None else None


#: A resource that is filed, so that the file is read.
BESIDE = {"id": "beside", "status": "preliminary"}


def dosed(ward: Ward, *given: Any, **more: Any) -> dict[str, Any]:
    return {**dose(ward, *given, **more), "id": "d-1"}


@pytest.mark.parametrize(("value", "code"), [(0, "mg"), (-4, "mg"), (2_000, "g"), (10**9, "mg")])
@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=40)])
def test_a_dose_that_cannot_be_is_left_out_and_told(ward: Ward, value: int, code: str, ago: timedelta) -> None:
    assert ("error", "record.import.dose") in bring(ward, {**result(), **BESIDE}, dosed(ward, value, code, ago=ago))
    assert filed(ward, "MedicationAdministration", "d-1") is None
    assert filed(ward, "Observation", "beside") is not None


def test_a_dose_that_is_asked_about_is_filed_told_and_counted(ward: Ward) -> None:
    assert bring(ward, dosed(ward, 4800)) == [("odd", "record.import.dose_asked")]
    assert filed(ward, "MedicationAdministration", "d-1") is not None
    answer = ward.give("GiveDrug", atc="L04AC07", dose_mg=480, given_at=ward.now.isoformat())
    assert isinstance(answer, Refusal) and "bedside.drug.again" in {reason.code for reason in answer.reasons}


def test_the_same_dose_twice_in_a_file_is_told(ward: Ward) -> None:
    one = dosed(ward, 10, atc="H02AB02")
    assert set(bring(ward, one, {**one, "id": "d-2"})) == {("odd", "record.import.dose_asked")}


def test_an_ordinary_dose_and_one_of_the_history_are_not_asked_about(ward: Ward) -> None:
    assert bring(ward, dosed(ward, 480), {**dosed(ward, 4800, ago=timedelta(days=40)), "id": "d-2"}) == []


@pytest.mark.parametrize(
    ("role", "account", "refused"),
    [(Role.COORDINATOR, "desk", True), (Role.COORDINATOR, "feed", False), (Role.PHYSICIAN, "doctor", False), (Role.LABORATORY, "bench", True)],
)
def test_a_file_replaces_a_final_result_only_from_whose_it_is(ward: Ward, role: Role, account: str, *, refused: bool) -> None:
    assert send(ward, Role.LABORATORY, "feed", result(performer=ANOTHER)) == []
    told = bring(ward, {**result(), **BESIDE}, result(7, ANOTHER, status="amended"), role=role, account=account)
    assert (("error", "record.import.not_theirs") in told) is refused
    assert filed(ward, "Observation", "r-1")["valueQuantity"]["value"] == (5 if refused else 7)


def test_a_named_source_replaces_what_it_sent_and_nothing_else(ward: Ward) -> None:
    person = {"resourceType": "Patient", "id": PATIENT, "name": [{"family": "There"}], "birthDate": "1970-01-01"}
    assert bring(ward, person, result(), source="there") == []
    assert bring(ward, person, result(7), source="there", account="desk-2") == []
    with ward.node.storage.reading() as connection:
        ((name,),) = connection.execute(select(source_id.c.id).where(source_id.c.source == "there", source_id.c.type == "Observation"))
    assert filed(ward, "Observation", name)["valueQuantity"]["value"] == 7
    bring(ward, {**result(9), "id": name}, account="desk-2")
    assert filed(ward, "Observation", name)["valueQuantity"]["value"] == 7


@pytest.mark.parametrize("first", [False, True])
def test_what_a_source_may_not_replace_it_may_not_replace_by_sending_it_again(ward: Ward, *, first: bool) -> None:
    known = {name: value for name, value in filed(ward, "Patient", PATIENT).items() if name != "meta"}
    person = {**known, "identifier": [{"system": "urn:oid:2.16.156.10", "value": "A-1"}]}
    assert bring(ward, person, role=Role.PHYSICIAN, account="doctor") == []
    assert send(ward, Role.LABORATORY, "feed", result(performer=ANOTHER)) == []
    if first:  # our own export comes back
        assert bring(ward, person, filed(ward, "Observation", "r-1"), source="there") == []
    for _ in range(2):
        told = bring(ward, person, result(7, ANOTHER, status="amended"), source="there")
        assert ("error", "record.import.not_theirs") in told
        assert filed(ward, "Observation", "r-1")["valueQuantity"]["value"] == 5
    assert bring(ward, result(6, ANOTHER, status="amended"), role=Role.LABORATORY, account="feed") == []
    assert filed(ward, "Observation", "r-1")["valueQuantity"]["value"] == 6


def test_the_same_file_again_tells_nothing(ward: Ward) -> None:
    send(ward, Role.LABORATORY, "feed", result(performer=ANOTHER))
    assert bring(ward, result(performer=ANOTHER)) == []


def test_what_is_preliminary_gives_way_to_a_file(ward: Ward) -> None:
    send(ward, Role.LABORATORY, "feed", result(performer=ANOTHER, status="preliminary"))
    assert bring(ward, result(7, ANOTHER)) == []


def test_a_result_that_leaves_its_patient_by_a_file_is_told(ward: Ward) -> None:
    first = {"resourceType": "Patient", "id": "q1", "name": [{"text": "Chan A"}], "birthDate": "1960-01-01", "identifier": [{"system": "urn:hosp-a", "value": "222"}]}
    other = {"resourceType": "Patient", "id": "q1", "name": [{"text": "Wong B"}], "birthDate": "1975-05-05", "identifier": [{"system": "urn:hosp-b", "value": "222"}]}
    of_q1 = {**result(10), "id": "qo1", "subject": {"reference": "Patient/q1"}}
    assert ("odd", "record.import.moved") not in bring(ward, first, of_q1, source="there")
    assert ("odd", "record.import.moved") in bring(ward, other, {**of_q1, "valueQuantity": {**of_q1["valueQuantity"], "value": 5}}, source="there")
    assert ("odd", "record.import.moved") not in bring(ward, other, {**of_q1, "valueQuantity": {**of_q1["valueQuantity"], "value": 6}}, source="there")
