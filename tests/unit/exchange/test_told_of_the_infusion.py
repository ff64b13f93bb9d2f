"""Who is told that the product was given, with which purposes, and without what a physician wrote in words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import case_world
from baybridge.exchange.transfer.whose import _same
from baybridge.journey.events import Died, Infused, Recorded
from baybridge.node.neighbours import packing

RULES = packing.rules_of_telling(case_world.documents())
WORDS = "bag came late because of the weather"


def events() -> list[Recorded]:
    world = case_world.infused()
    world.events = [_late(item) for item in world.events]
    world.record("hk", Died(died_on=world.now.date(), cause="disease"))
    return world.events


def _late(item: Recorded) -> Recorded:
    return msgspec.structs.replace(item, event=msgspec.structs.replace(item.event, late_reason=WORDS)) if isinstance(item.event, Infused) else item


EVENTS = events()


def told(purpose: str, **more: Any) -> dict[str, dict[str, Any]]:
    items = packing.told(RULES, purpose, EVENTS, without_patient=purpose in RULES.without_patient, **more)
    return {str(item["event"]["type"]): item["event"] for item in items}  # type: ignore[index]


@pytest.mark.parametrize("purpose", ["CARE_REFERRAL", "COI_LOGISTICS", "CLAIM", "OBA_OUTCOME", "QUALITY_REGISTRY", "PHARMACOVIGILANCE"])
def test_each_purpose_that_needs_it_tells_of_the_infusion(purpose: str) -> None:
    assert told(purpose)["Infused"]["late_reason"] == (WORDS if purpose == "CARE_REFERRAL" else "")


def test_who_recognises_a_result_is_not_told_of_it() -> None:
    assert "Infused" not in told("RESULT_RECOGNITION")


def test_a_payers_own_node_is_told_of_it() -> None:
    assert "Infused" in told("CLAIM", payer="payer-1")


def test_whoever_settles_by_outcome_is_told_of_a_death_and_the_plant_is_not() -> None:
    assert "Died" in told("OBA_OUTCOME")
    assert not {"Died", "AssessmentRecorded", "GradeAssessed", "DrugGiven"} & (told("COI_LOGISTICS").keys() | told("CLAIM").keys())


def test_an_event_told_with_words_and_without_is_the_same_event_and_another_bag_is_not() -> None:
    whole, bare = told("CARE_REFERRAL")["Infused"], told("COI_LOGISTICS")["Infused"]
    assert _same(whole, bare)
    assert not _same(whole, {**bare, "bag": "another"})
