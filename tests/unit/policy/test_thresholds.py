"""Thresholds of a document: which there are, and that changing one changes that and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.documents.loader import Documents
from baybridge.policy.document.reader import load
from baybridge.rulebook.library import fact_types, policies_of
from baybridge.rulebook.thresholds import changed, thresholds

DOCUMENTS = Documents()
TYPES = fact_types(DOCUMENTS)
LIBRARY = policies_of(DOCUMENTS, TYPES)
EVERY = [policy for name in LIBRARY.ids() for policy in LIBRARY.versions(name)]

DOCUMENT = """# a comment that stays
id: example
version: "1"
shape: score
title: {en: example}
source: "an example"
define:
  in_mg: creatinine / 88.4   # a conversion, no threshold
  low: >-
    platelets < 50 OR
    (platelets < 50 AND neutrophils < 0.5)
combine: sum
domains:
  - id: blood
    rows:
      - {points: 2, when: 'low AND eqa_newest_on + INTERVAL 12 MONTH < DATE ''2026-01-31'' '}
      - {points: 1, when: "in_mg > 1.5 AND ROUND(platelets, 2) >= 75"}
bands:
  - {outcome: low, up_to: 1}
  - {outcome: high}
"""


def test_the_thresholds_of_a_document() -> None:
    found = thresholds(load(DOCUMENT, "example.yaml", TYPES))
    assert [(one.rule, one.written, one.kind, len(one.spans)) for one in found] == [
        ("low", "50", "number", 2),
        ("low", "0.5", "number", 1),
        ("blood-2", "12", "integer", 1),
        ("blood-2", "2026-01-31", "date", 1),
        ("blood-1", "1.5", "number", 1),
        ("blood-1", "75", "number", 1),
        ("band low", "1", "number", 1),
    ]
    assert found[-1].band == "low"


def test_a_changed_document_keeps_everything_else() -> None:
    policy = load(DOCUMENT, "example.yaml", TYPES)
    low, _, months, day, *_, band = thresholds(policy)
    text = changed(policy, {low: "60", months: "24", day: "2027-02-28", band: "2"})
    assert text == (
        DOCUMENT.replace("platelets < 50", "platelets < 60")
        .replace("INTERVAL 12", "INTERVAL 24")
        .replace("''2026-01-31''", "''2027-02-28''")
        .replace("up_to: 1}", "up_to: 2}")
    )
    assert load(text, "example.yaml", TYPES).sha256 != policy.sha256


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: policy.id)
def test_the_places_of_every_shipped_document_are_right(policy) -> None:  # type: ignore[no-untyped-def]
    found = thresholds(policy)
    assert all(policy.text[start:end] == one.written for one in found for start, end in one.spans)
    assert changed(policy, {one: one.written for one in found}) == policy.text


@given(data=st.data())
def test_one_change_is_found_again_where_it_was_made(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from([policy for policy in EVERY if thresholds(policy)]))
    found = thresholds(policy)
    index = data.draw(st.integers(0, len(found) - 1))
    value = "2031-05-06" if found[index].kind == "date" else str(data.draw(st.integers(2, 9999)))
    again = thresholds(load(changed(policy, {found[index]: value}), policy.origin, TYPES)) if "band" not in found[index].rule else ()
    if len(again) == len(found):  # equal numbers about the same facts fall together, and then there are fewer
        assert [one.written for one in again] == [value if place == index else one.written for place, one in enumerate(found)]
    else:
        assert "band" in found[index].rule or len(again) < len(found)
