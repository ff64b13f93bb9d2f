"""The ICE score is the sum of its five items; a score that contradicts them is told and never believed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.facts.given import read_given
from baybridge.facts.reading import read
from baybridge.facts.sums import contradicting

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
FULL = {"ice_orientation": 4, "ice_naming": 3, "ice_command": 1, "ice_writing": 1, "ice_attention": 1}
AT = datetime(2026, 3, 8, 9, tzinfo=UTC)


def observation(fact: str, value: int, at: str = "2026-03-08T08:00:00Z") -> dict[str, Any]:
    code = {"coding": [{"system": "urn:baybridge:observation", "code": fact.replace("_", "-")}]}
    return {
        "resourceType": "Observation", "id": f"{fact}-{value}".replace("_", "-"), "status": "final", "code": code, "valueInteger": value,
        "subject": {"reference": "Patient/p"}, "effectiveDateTime": at,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "score", "problems"),
    [
        (FULL, 10, []),
        (FULL | {"ice_orientation": 0, "ice_naming": 0}, 3, []),
        (FULL | {"ice_score": 10}, 10, []),
        (FULL | {"ice_attention": 0, "ice_score": 10}, 10, ["bedside.assess.ice_contradicts"]),
        ({"ice_naming": 3, "ice_score": 10}, 10, ["bedside.assess.ice_contradicts"]),
        ({"ice_naming": 0}, None, []),
        ({"ice_score": 7}, 7, []),
        ({"ice_orientation": 5}, None, ["facts.given.off_scale"]),
    ],
)
def test_given_items(given: dict[str, int], score: int | None, problems: list[str]) -> None:
    values, told = read_given(given, DICTIONARY)
    assert values.get("ice_score") == score
    assert [problem.code for problem in told] == problems


def test_items_of_one_moment_in_a_record_are_the_score() -> None:
    found = read([observation(name, value) for name, value in FULL.items()], AT, DICTIONARY)
    assert found.values["ice_score"] == 10


def test_items_of_two_moments_are_no_score() -> None:
    items = [observation(name, value) for name, value in FULL.items() if name != "ice_writing"]
    found = read([*items, observation("ice_writing", 1, "2026-03-08T08:30:00Z")], AT, DICTIONARY)
    assert "ice_score" not in found.values


def test_of_two_that_contradict_each_other_in_a_record_the_worse_stands() -> None:
    items = [observation(name, 0) for name in FULL]
    assert read([*items, observation("ice_score", 10)], AT, DICTIONARY).values["ice_score"] == 0
    assert read([*(observation(name, value) for name, value in FULL.items()), observation("ice_score", 2)], AT, DICTIONARY).values["ice_score"] == 2


def test_the_observation_that_contradicts_is_named_and_others_are_not() -> None:
    items = [observation(name, 0) for name in FULL]
    assert list(contradicting([*items, observation("ice_score", 10)], DICTIONARY)) == ["Observation/ice-score-10"]
    assert contradicting([*items, observation("ice_score", 0)], DICTIONARY) == {}
    assert contradicting([*items, observation("ice_score", 10, "2026-03-08T07:00:00Z")], DICTIONARY) == {}
