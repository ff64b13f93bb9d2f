"""Chain-of-identity ids: the check character of ISO/IEC 7064 MOD 37-2, and the provisional form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.supply.chain import ALPHABET, check_character, provisional_id

PUBLISHED = [("A999921123456", "3"), ("G123498654321", "H"), ("W000008123456", "X")]


@pytest.mark.parametrize(("din", "check"), PUBLISHED)
def test_published_check_characters(din: str, check: str) -> None:
    assert check_character(din) == check


def is_intact(chain_of_identity: str) -> bool:
    """Whether an id has its layout and its check character."""
    match = re.fullmatch(r"LOCAL-(CH0[A-Z0-9]{4}\d{2}[A-Z0-9]{10})-([A-Z0-9*])", chain_of_identity)
    return match is not None and check_character(match[1]) == match[2]


@given(st.text(min_size=1, max_size=40))
def test_a_provisional_id_is_intact_clearly_local_and_of_its_year(unique: str) -> None:
    found = provisional_id("hk-qmh", 2026, unique)
    assert found.startswith("LOCAL-CH0HKQM26")
    assert is_intact(found)


@given(st.integers(0, 16), st.sampled_from(ALPHABET[:36]))
def test_any_misread_character_is_noticed(place: int, letter: str) -> None:
    found = provisional_id("hk", 2026, "one")
    body = list(found)
    at = len("LOCAL-") + place
    if body[at] == letter:
        return
    body[at] = letter
    assert not is_intact("".join(body))


@given(st.integers(0, 15))
def test_neighbours_swapped_are_noticed(place: int) -> None:
    found = provisional_id("hk", 2026, "one")
    body = list(found)
    at = len("LOCAL-") + place
    body[at], body[at + 1] = body[at + 1], body[at]
    assert "".join(body) == found or not is_intact("".join(body))


def test_two_therapy_events_never_share_an_id() -> None:
    assert len({provisional_id("hk", 2026, f"id-{number}") for number in range(2000)}) == 2000


def test_a_strange_character_is_refused() -> None:
    with pytest.raises(ValueError, match="capital letters"):
        check_character("a")
