"""What a round may affirm is written as its fact is: a value of another type would never be found, and so never be offered."""

from __future__ import annotations

import pytest

from baybridge.bedside.as_before import _ABSENT, _SETTINGS
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary

_DOCUMENTS = Documents()
_DICTIONARY = Dictionary.from_documents(_DOCUMENTS.folder("facts"), _DOCUMENTS.folder("terms"))


@pytest.mark.parametrize("name", sorted(_ABSENT))
def test_an_absence_is_a_value_that_its_fact_can_take(name: str) -> None:
    fact, value = _DICTIONARY[name], _ABSENT[name]
    assert value in fact.values if fact.type == "code" else fact.type == "boolean" and value is False


def test_the_settings_are_facts() -> None:
    assert not [name for name in _SETTINGS if name not in _DICTIONARY]
