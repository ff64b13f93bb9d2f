"""What was odd in a file, as the pages say it."""

from __future__ import annotations

from typing import Any

import pytest

from baybridge.documents.loader import Documents, packaged_data
from baybridge.language.texts import Texts
from baybridge.web.page.page import Reader

CONTRADICTS = {"code": "bedside.assess.ice_contradicts", "expected": "a score that is the sum of its items", "found": "another score, or items that are incomplete"}
IMPOSSIBLE = {"code": "record.import.dose", "expected": "an amount that can have been given, with its unit", "found": "an amount that no dose has"}


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant", "pt"])
@pytest.mark.parametrize("problem", [CONTRADICTS, IMPOSSIBLE])
def test_no_placeholder_stays_open(language: str, problem: dict[str, Any]) -> None:
    reader: Any = Reader.__new__(Reader)
    reader._texts, reader.language = Texts(Documents(packaged_data())), language
    said = Reader.problem(reader, problem)
    assert "{" not in said
    assert language == "en" or problem["expected"] not in said
