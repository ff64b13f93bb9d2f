"""A dose that is put right passes the same limits as if it had been entered so, beside every other dose, whenever that was entered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import AssessmentRecorded, DrugGiven, Event
from baybridge.node.fhir.interactions import Interaction, write
from watch_world import PATIENT, WELL, Ward

TOCILIZUMAB = "L04AC07"


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    ward = Ward(tmp_path / "hk")
    yield ward
    ward.node.storage.close()


def dose(at: datetime, **more: Any) -> dict[str, Any]:
    return {"atc": TOCILIZUMAB, "route": "IV", "dose_mg": 400, "given_at": at.isoformat(), **more}


def give(ward: Ward, at: datetime, role: Role = Role.NURSE, **more: Any) -> str:
    done = ward.give("GiveDrug", role, **dose(at, unusual=True, **more))
    assert not isinstance(done, Refusal), [reason.code for reason in done.reasons]
    return last(ward, DrugGiven)


def last(ward: Ward, kind: type[Event]) -> str:
    return [item.event_id for item in ward.events if isinstance(item.event, kind)][-1]


def replaced(ward: Ward, entry: str, role: Role = Role.NURSE, account: str = "somebody", **given: Any) -> list[str]:
    """The codes of the refusal; none where it was replaced."""
    done = ward.give("CorrectEntry", role, account, event_id=entry, action="replace", reason="wrong-time", note="", given=given)
    return [reason.code for reason in done.reasons] if isinstance(done, Refusal) else []


def at_bedside(ward: Ward, hours_ago: float) -> datetime:
    return ward.now - timedelta(hours=hours_ago)


def test_a_dose_moved_towards_a_later_one_asks_for_the_interval(ward: Ward) -> None:
    early, late = at_bedside(ward, 20), at_bedside(ward, 1)
    first = give(ward, early)
    give(ward, late)
    assert replaced(ward, first, **dose(late - timedelta(hours=3))) == ["bedside.drug.tocilizumab_interval"]
    assert replaced(ward, first, **dose(late - timedelta(hours=9))) == []


def test_an_earlier_dose_that_was_entered_later_counts_too(ward: Ward) -> None:
    second = give(ward, at_bedside(ward, 1))
    give(ward, at_bedside(ward, 12))
    assert replaced(ward, second, **dose(at_bedside(ward, 8))) == ["bedside.drug.tocilizumab_interval"]


def test_the_entry_that_is_replaced_does_not_count_against_itself(ward: Ward) -> None:
    entry = give(ward, at_bedside(ward, 2))
    assert replaced(ward, entry, **dose(at_bedside(ward, 2.5))) == []
    assert len(ward.case.drugs) == 1


def test_a_dose_of_the_record_counts(ward: Ward) -> None:
    entry = give(ward, at_bedside(ward, 20))
    at = at_bedside(ward, 2)
    filed: dict[str, Any] = {
        "resourceType": "MedicationAdministration", "id": "m-1", "status": "completed", "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": TOCILIZUMAB}]}, "effectiveDateTime": at.isoformat(),
        "dosage": {"dose": {"value": 400, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    }  # fmt: skip
    done = write(ward.node, Actor("pump", Role.NURSE, ward.node.site.organisation), [Interaction("PUT", "MedicationAdministration", "m-1", filed)])
    assert not isinstance(done, Refusal), done
    assert replaced(ward, entry, **dose(at - timedelta(hours=2))) == ["bedside.drug.tocilizumab_interval"]


def test_the_count_of_a_day_is_of_every_day_that_holds_the_dose(ward: Ward) -> None:
    far = give(ward, at_bedside(ward, 40))
    for hours in (17, 9, 1):
        give(ward, at_bedside(ward, hours))
    codes = replaced(ward, far, **dose(at_bedside(ward, 24)))
    assert "bedside.drug.tocilizumab_24_h" in codes and "bedside.drug.tocilizumab_interval" in codes


def test_a_late_entry_of_an_early_dose_counts_the_doses_after_it(ward: Ward) -> None:
    for hours in (17, 9, 1):
        give(ward, at_bedside(ward, hours))
    done = ward.give("GiveDrug", Role.NURSE, **dose(at_bedside(ward, 24)))
    assert isinstance(done, Refusal) and "bedside.drug.tocilizumab_24_h" in [reason.code for reason in done.reasons]


def test_another_drug_made_into_a_fifth_dose_is_against_the_total(ward: Ward) -> None:
    other = ward.give("GiveDrug", Role.NURSE, atc="N02BE01", route="PO", dose_mg=1000, given_at=at_bedside(ward, 45).isoformat(), unusual=True)
    assert not isinstance(other, Refusal), other
    entry = last(ward, DrugGiven)
    for hours in (36, 27, 18, 9):
        give(ward, at_bedside(ward, hours))
    assert "bedside.drug.tocilizumab_episode" in replaced(ward, entry, **dose(at_bedside(ward, 45)))


def test_what_was_right_and_keeps_drug_and_time_is_not_asked_again(ward: Ward) -> None:
    first = give(ward, at_bedside(ward, 10))
    give(ward, at_bedside(ward, 4), Role.PHYSICIAN, override_reason="deteriorating")
    assert replaced(ward, first, **dose(at_bedside(ward, 9), dose_mg=480)) == ["bedside.drug.tocilizumab_interval"]
    at = next(entry.event.given_at for entry in ward.case.drugs if entry.origin.event_id == first)
    assert replaced(ward, first, **dose(at, dose_mg=480)) == []


def test_a_physicians_reason_lets_it_through_and_nobody_elses(ward: Ward) -> None:
    first = give(ward, at_bedside(ward, 20))
    give(ward, at_bedside(ward, 1))
    wanted = dose(at_bedside(ward, 4), override_reason="given in an emergency")
    assert replaced(ward, first, **wanted) == ["bedside.drug.override_not_physician"]
    assert replaced(ward, first, Role.PHYSICIAN, "doctor", **wanted) == []
    moved = next(entry for entry in ward.case.drugs if entry.event.override_reason)
    assert moved.origin.actor == "somebody", "the entry stays the nurse's; the correction is the physician's"


def test_the_same_dose_twice_is_asked_about(ward: Ward) -> None:
    first = ward.give("GiveDrug", Role.NURSE, atc="H02AB02", route="IV", dose_mg=10, given_at=at_bedside(ward, 6).isoformat())
    assert not isinstance(first, Refusal)
    entry, at = last(ward, DrugGiven), at_bedside(ward, 1)
    assert not isinstance(ward.give("GiveDrug", Role.NURSE, atc="H02AB02", route="IV", dose_mg=10, given_at=at.isoformat()), Refusal)
    wanted = {"atc": "H02AB02", "route": "IV", "dose_mg": 10, "given_at": (at - timedelta(minutes=10)).isoformat()}
    assert replaced(ward, entry, **wanted) == ["bedside.drug.again"]
    assert replaced(ward, entry, **wanted, another=True) == []


def test_the_same_findings_twice_are_asked_about(ward: Ward) -> None:
    ward.assess(temperature=36.5)
    entry = last(ward, AssessmentRecorded)
    seen_at = next(one.event.assessed_at for one in ward.case.assessments if one.origin.event_id == entry)
    ward.wait(minutes=10)
    ward.assess(temperature=37.1)
    wanted = {"findings": {**WELL, "temperature": 37.1}, "assessed_at": seen_at.isoformat()}
    assert replaced(ward, entry, **wanted) == ["bedside.assess.again"]
    assert replaced(ward, entry, **wanted, another=True) == []
