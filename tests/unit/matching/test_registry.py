"""A registry's file is read strictly in what we use, and tolerantly in what we do not; everything wrong is told at its place."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baybridge.demo.trials import SEARCH
from baybridge.matching.registry import read_file

STUDY: dict[str, Any] = SEARCH["studies"][0]


def content(value: Any) -> bytes:
    return json.dumps(value).encode()


def with_module(module: str, **fields: Any) -> dict[str, Any]:
    study = deepcopy(STUDY)
    study["protocolSection"].setdefault(module, {}).update(fields)
    return study


@pytest.mark.parametrize("whole", [STUDY, [STUDY], {"studies": [STUDY]}, {"studies": [STUDY], "totalCount": 1}])
def test_each_form_of_file_is_read(whole: Any) -> None:
    read = read_file(content(whole))
    assert [trial.trial_id for trial, _ in read.trials] == ["NCT99999901"]
    assert (read.problems, read.more) == ((), False)
    assert read.trials[0][0].synthetic


def test_a_page_of_several_says_so() -> None:
    assert read_file(content({"studies": [STUDY], "nextPageToken": "NF0g5JCFl_Mt"})).more


def test_a_key_twice_is_told() -> None:
    read = read_file(content(STUDY).replace(b'"overallStatus": ', b'"overallStatus": "COMPLETED", "overallStatus": ', 1))
    assert (read.trials, [str(problem) for problem in read.problems]) == ((), ["file: expected each key of an object once, found overallStatus twice"])


def test_modules_and_fields_that_nobody_knows_are_no_problem() -> None:
    study = with_module("identificationModule", unheardOf={"deep": [1]})
    study["protocolSection"]["futureModule"] = {"x": 1}
    study["derivedSection"] = study["resultsSection"] = {"anything": []}
    assert read_file(content(study)).problems == ()


def test_the_registrys_own_marks_are_taken_off_its_text() -> None:
    trial = read_file(content(STUDY)).trials[0][0]
    assert "Absolute neutrophil count >= 1.0 x 10*9/L" in trial.inclusion
    assert trial.locations[0].point == (23.13, 113.26)


@pytest.mark.parametrize(
    ("module", "fields", "path"),
    [
        ("identificationModule", {"nctId": "ISRCTN1"}, "identificationModule.nctId"),
        ("identificationModule", {"nctId": 7}, "identificationModule.nctId"),
        ("statusModule", {"overallStatus": "OPEN"}, "statusModule.overallStatus"),
        ("eligibilityModule", {"minimumAge": "eighteen"}, "eligibilityModule.minimumAge"),
        ("eligibilityModule", {"sex": "BOTH"}, "eligibilityModule.sex"),
        ("eligibilityModule", {"eligibilityCriteria": ["a"]}, "eligibilityModule.eligibilityCriteria"),
        ("designModule", {"phases": "PHASE2"}, "designModule.phases"),
        ("contactsLocationsModule", {"locations": [{"geoPoint": {"lat": "north", "lon": 1}}]}, "contactsLocationsModule.locations[0].geoPoint.lat"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(module: str, fields: dict[str, Any], path: str) -> None:
    read = read_file(content({"studies": [with_module(module, **fields), SEARCH["studies"][1]]}))
    assert [(problem.study, problem.problem.field) for problem in read.problems] == [(1, path)]
    assert read.problems[0].problem.expected
    assert [trial.trial_id for trial, _ in read.trials] == ["NCT99999902"], "the other study is read"


def test_everything_wrong_in_a_study_is_told_at_once() -> None:
    study = with_module("statusModule", overallStatus="OPEN")
    study["protocolSection"]["eligibilityModule"] |= {"sex": "BOTH", "maximumAge": "old"}
    study["protocolSection"]["identificationModule"].pop("nctId")
    assert {problem.problem.field.partition(".")[0] for problem in read_file(content(study)).problems} == {"identificationModule", "statusModule", "eligibilityModule"}


@pytest.mark.parametrize("raw", [b"", b"not json", b"\xff\xfe", b"{}", b"[]", b"7", b'{"studies": []}', b"[" * 100_000])
def test_what_is_no_file_of_the_registry_is_told(raw: bytes) -> None:
    read = read_file(raw)
    assert read.trials == ()
    assert len(read.problems) == 1
    assert read.problems[0].study is None


def test_a_study_that_stands_twice_is_told() -> None:
    assert [problem.problem.found for problem in read_file(content([STUDY, STUDY])).problems] == ["NCT99999901 again"]


plain = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
junk = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3))


@given(st.dictionaries(st.sampled_from(sorted(STUDY["protocolSection"])), junk, min_size=1))
def test_no_content_of_a_module_breaks_the_reader(modules: dict[str, Any]) -> None:
    study = {"protocolSection": {**STUDY["protocolSection"], **modules}}
    read = read_file(content(study))
    assert len(read.trials) == (0 if read.problems else 1)


@pytest.mark.parametrize("age", [None, "", "N/A", "N/A (No limit)", "No limit"])
def test_an_age_that_is_left_open_has_no_limit(age: str | None) -> None:
    read = read_file(content(with_module("eligibilityModule", minimumAge=age, maximumAge=age)))
    (trial,) = (trial for trial, _ in read.trials)
    assert (read.problems, trial.minimum_age, trial.maximum_age) == ((), None, None)


def test_fields_that_are_null_are_left_out() -> None:
    study = with_module("contactsLocationsModule", locations=[{"facility": None, "city": "Macau", "country": "Macau", "geoPoint": None}])
    study["protocolSection"] |= {"designModule": None}
    study["protocolSection"]["eligibilityModule"]["eligibilityCriteria"] = None
    read = read_file(content(study))
    assert (read.problems, read.trials[0][0].is_split) == ((), False)


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "1e999", "NaN", "-Infinity"])
def test_a_number_that_could_not_be_kept_as_written_is_told(number: str) -> None:
    """In a field that nobody reads too: the study is kept whole."""
    raw = content({**STUDY, "hasResults": "HERE"}).replace(b'"HERE"', number.encode())
    read = read_file(raw)
    assert read.trials == () and len(read.problems) == 1


def test_the_largest_number_that_can_be_kept_is() -> None:
    assert read_file(content({**STUDY, "hasResults": (1 << 64) - 1})).problems == ()
