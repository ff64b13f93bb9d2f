"""One table says whose word stands for a fact (`stated_by` in `data/facts`); it holds for every fact of the dictionary."""

from __future__ import annotations

import pytest

from baybridge.documents.fact_reading import Latest
from baybridge.documents.loader import Documents
from baybridge.facts.dictionary import Dictionary
from baybridge.node.commands.table import COMMANDS
from baybridge.node.watch.asking import WATCHED
from baybridge.rulebook.library import fact_types, policies_of

DOCUMENTS = Documents()
DICTIONARY = Dictionary.from_documents(DOCUMENTS.folder("facts"), DOCUMENTS.folder("terms"))
LIBRARY = policies_of(DOCUMENTS, fact_types(DOCUMENTS))

#: What a record says in words, which a person codes.
_CODED_BY_A_PERSON = {"diagnosis", "condition", "treatment_history"}
#: Read over hours, and stated by a physician where no record of these hours exists; a worse record goes before it.
_STATED_OF_HOURS = {"max_temperature_48h"}
#: Policies of which every measured input is seen at the bedside.
_BEDSIDE = ("rapid-response", "crs-astct-2019", "icans-astct-2019")


@pytest.mark.parametrize("name", sorted(DICTIONARY))
def test_what_is_computed_is_nobodys_word_and_what_is_found_is_somebodys(name: str) -> None:
    fact = DICTIONARY[name]
    found = isinstance(fact.read, Latest) and fact.read.of is None
    assert bool(fact.stated_by) is (found or fact.how in _CODED_BY_A_PERSON or name in _STATED_OF_HOURS)
    assert set(fact.stated_by) <= {role.value for role in COMMANDS["ConfirmFinding"].roles}


def test_a_laboratory_states_nothing_of_the_bedside() -> None:
    read = {fact for policy in _BEDSIDE for fact in LIBRARY.get(policy).fact_names}
    asked = read | WATCHED | set(DICTIONARY.explaining) | {item for items in DICTIONARY.sums.values() for item in items}
    asked &= set(DICTIONARY)
    assert {"sedated", "vasopressors", "oxygen_reason", "capd_score", "developmental_delay", "ice_orientation"} <= asked
    assert [name for name in sorted(asked) if "laboratory" in DICTIONARY[name].stated_by] == []
    assert [name for name in sorted(DICTIONARY) if DICTIONARY[name].of_the_moment and "laboratory" in DICTIONARY[name].stated_by] == []
