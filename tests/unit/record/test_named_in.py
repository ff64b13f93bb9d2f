"""References looked at quickly are the references looked at with their paths."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from baybridge.record.fhir.references import named_in, references

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["Patient/1", "Organization/o", "urn:uuid:1"])
_KEYS = st.sampled_from(["reference", "subject", "contained", "extension"])
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=30)


@given(_VALUES)
def test_none_is_left_out_and_none_is_added(value: Any) -> None:
    assert sorted(named_in(value)) == sorted(text for text, _path in references(value))
