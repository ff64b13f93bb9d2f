"""Every clinical document keeps its own worked cases, and no threshold of it can be changed without one of them failing."""

from __future__ import annotations

import pytest

from baybridge.policy.document import load
from baybridge.policy.types import PolicyProblems
from policy_documents import broken, differences, fact_types, paths

FOLDERS = ("grades", "scores", "eligibility", "fitness", "series", "release")
DOCUMENTS = paths(*FOLDERS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_keeps_its_worked_cases(path):
    document = load(path.read_text("utf-8"), str(path), fact_types())
    assert document.id == path.stem
    assert document.cases
    assert [text for case in document.cases for text in differences(document, case)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_changed_threshold_fails_a_worked_case(path):
    unnoticed = []
    for change, text in broken(path):
        try:
            document = load(text, str(path), fact_types())
        except PolicyProblems:
            continue
        if not any(differences(document, case) for case in document.cases):
            unnoticed.append(change)
    assert unnoticed == []
