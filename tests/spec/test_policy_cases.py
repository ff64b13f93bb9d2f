"""Every document keeps its own worked cases, and no threshold, operator or date of a clinical one can be changed unnoticed."""

from __future__ import annotations

from functools import cache

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.policy.document.reader import load
from baybridge.rulebook.checking import unnoticed
from policy_documents import differences, fact_types, paths

FOLDERS = ("grades", "scores", "eligibility", "fitness", "series", "release")
DOCUMENTS = paths(*FOLDERS)

#: Changes that mean the same: no worked case could notice them.
SAME = {
    "easix: computed: ldh creatinine_mg_dl: * -> /",  # the row only asks whether a product of known numbers is known
    "fitness-infusion: hypotension: 0 -> -1",  # where the number of vasopressors is unknown, what counts is below 1
}


@cache
def dictionary() -> Dictionary:
    documents = Documents()
    return Dictionary.from_documents(documents.folder("facts"), documents.folder("terms"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_keeps_its_worked_cases(path):
    document = load(path.read_text("utf-8"), str(path), fact_types())
    assert document.id == path.stem
    assert document.cases
    assert [text for case in document.cases for text in differences(document, case)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_changed_threshold_operator_or_date_fails_a_worked_case(path):
    document = load(path.read_text("utf-8"), str(path), fact_types())
    assert set(unnoticed(document, dictionary())) <= SAME
