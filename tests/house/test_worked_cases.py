"""Every threshold, operator, date and code of every shipped policy is watched by one of the document's own worked cases."""

from __future__ import annotations

import pytest

from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.rulebook.checking import unnoticed
from baybridge.rulebook.library import fact_types, policies_of

DOCUMENTS = Documents()
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))


@pytest.mark.parametrize("policy_id", LIBRARY.ids())
def test_a_change_of_any_threshold_operator_date_or_code_fails_a_worked_case(policy_id: str, dictionary: Dictionary) -> None:
    for policy in LIBRARY.versions(policy_id):
        assert list(unnoticed(policy, dictionary)) == []
