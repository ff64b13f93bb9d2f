"""Who the patient is stands on every page of a case for who works with names, and what is not known says so; a title names nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from baybridge.app import application
from baybridge.journey.command import Role
from baybridge.record.store import store
from watch_world import CASE, PATIENT, Ward

ROLES = (Role.NURSE, Role.PHYSICIAN, Role.COORDINATOR, Role.MANUFACTURER)
WHO: dict[str, Any] = {"resourceType": "Patient", "id": PATIENT, "name": [{"family": "Chan", "given": ["Tai", "Man"]}, {"text": "陳大文"}]}


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    made = Ward(tmp_path / "node")
    for role in ROLES:
        made.account(role.value, role)
    yield made
    made.node.storage.close()


def put(ward: Ward, *resources: dict[str, Any]) -> None:
    with ward.node.storage.writing() as connection:
        store.put_many(connection, list(resources), at=ward.now)


def page(ward: Ward, role: Role, tab: str = "/bedside") -> tuple[str, str]:
    """(title, banner as text) of a page."""
    with TestClient(application(ward.node, workers=False)) as client:
        client.post("/sign-in", data={"name": role.value, "password": "a long enough password"})
        answer = client.get(f"/cases/{CASE}{tab}", headers={"accept-language": "en"})
    assert answer.status_code == 200, answer.text
    title = re.search(r"<title>(.*?)</title>", answer.text, re.DOTALL)
    found = re.search(r'<ul class="banner".*?</ul>', answer.text, re.DOTALL)
    assert title is not None
    return " ".join(title[1].split()), " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def weight(ward: Ward, value: float, code: str = "kg", *, days: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"w-{value}", "status": "final", "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "effectiveDateTime": (ward.now - timedelta(days=days)).isoformat(),
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": code}, **more,
    }  # fmt: skip


def allergy(name: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"resourceType": "AllergyIntolerance", "id": f"a-{number}", "patient": {"reference": f"Patient/{PATIENT}"}, "code": {"text": name}, **more}


def status(code: str, system: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}


def test_birth_age_day_weight_and_that_nobody_recorded_an_allergy(ward: Ward) -> None:
    put(ward, weight(ward, 62.5))
    _, banner = page(ward, Role.NURSE)
    for said in ("born 9 Apr 1968 (57 years)", "sex not known", "no document number", "day +2", "62.5", "Allergies: none recorded, ask"):
        assert said in banner


@pytest.mark.parametrize("tab", ["", "/timeline", "/funding", "/do/GiveDrug"])
def test_it_stands_on_every_page_of_the_case(ward: Ward, tab: str) -> None:
    assert "1968" in page(ward, Role.PHYSICIAN, tab)[1]


def test_a_weight_is_read_as_the_rules_read_it(ward: Ward) -> None:
    put(ward, weight(ward, 60, days=3), weight(ward, 66_000, "g"), weight(ward, 6_500, days=0))
    banner = page(ward, Role.NURSE)[1]
    assert "66" in banner
    assert "6,500" not in banner
    put(ward, weight(ward, 66_000, "g", status="entered-in-error"))
    assert "60" in page(ward, Role.NURSE)[1]


def test_without_a_weight_that_can_be_it_is_not_known(ward: Ward) -> None:
    put(ward, weight(ward, 6_500), weight(ward, 70, "[lb_av]x"))
    assert "weight not known" in page(ward, Role.NURSE)[1]


def test_allergies_that_stand_and_no_others(ward: Ward) -> None:
    gone = {"clinicalStatus": status("resolved", "allergyintolerance-clinical")}
    wrong = {"verificationStatus": status("entered-in-error", "allergyintolerance-verification")}
    put(ward, allergy("penicillin"), allergy("<script>latex", 2), allergy("peanut", 3, **gone), allergy("aspirin", 4, **wrong))
    banner = page(ward, Role.NURSE)[1]
    assert "penicillin" in banner
    assert "&lt;script&gt;latex" in banner
    assert "peanut" not in banner
    assert "aspirin" not in banner


def test_who_needs_no_weight_sees_none_and_who_works_without_names_sees_nothing(ward: Ward) -> None:
    put(ward, weight(ward, 62.5), allergy("penicillin"))
    banner = page(ward, Role.COORDINATOR, "")[1]
    assert "1968" in banner
    assert "62.5" not in banner
    assert "penicillin" not in banner
    assert page(ward, Role.MANUFACTURER, "/cells")[1] == ""


@pytest.mark.parametrize(
    ("number", "end"),
    [([{"type": status("MR", "v2-0203"), "system": "urn:hospital", "value": "00998877"}], "877"), ([{"system": "urn:hk:hkid", "value": "A123456(3)"}], "E-1")],
)
def test_a_title_has_initials_and_the_end_of_the_hospitals_own_number(ward: Ward, number: list[dict[str, Any]], end: str) -> None:
    put(ward, {**WHO, "identifier": number})
    title, banner = page(ward, Role.NURSE)
    assert f"T. M. C. · {end}" in title
    assert "Chan" not in title
    assert "123456" not in title + banner


def test_a_birth_date_that_leaves_two_ages_open_tells_none(ward: Ward) -> None:
    put(ward, {**WHO, "birthDate": "1968"})
    assert "born 1968 " in page(ward, Role.NURSE)[1]
    assert "years" not in page(ward, Role.NURSE)[1]
    put(ward, WHO)
    assert "birth date not known" in page(ward, Role.NURSE)[1]
