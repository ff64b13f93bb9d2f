"""Trials of a public registry: its structure is read, its text is shown, and only reviewed criteria count."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

import pytest

from baybridge.matching.registry import criteria, read_study
from baybridge.matching.trials import Review, StudyProblem, screened, standing, years

#: The structure of the registry's API, invented content.
STUDY: dict[str, Any] = {
    "protocolSection": {
        "identificationModule": {"nctId": "NCT00000000", "briefTitle": "Invented trial"},
        "statusModule": {"overallStatus": "RECRUITING", "lastUpdatePostDateStruct": {"date": "2026-10-01", "type": "ACTUAL"}},
        "sponsorCollaboratorsModule": {"leadSponsor": {"name": "Invented sponsor", "class": "INDUSTRY"}},
        "conditionsModule": {"conditions": ["Large B-cell Lymphoma"]},
        "designModule": {"studyType": "INTERVENTIONAL", "phases": ["PHASE1", "PHASE2"]},
        "armsInterventionsModule": {"interventions": [{"type": "BIOLOGICAL", "name": "invented-cel"}]},
        "eligibilityModule": {
            "eligibilityCriteria": "Inclusion Criteria:\n\n* ECOG 0 or 1\n* Exclusion of pregnancy by test\n\nExclusion Criteria:\n\n1. Active infection\n2. HIV",
            "sex": "ALL", "minimumAge": "18 Years", "maximumAge": "75 Years", "stdAges": ["ADULT", "OLDER_ADULT"],
        },
        "contactsLocationsModule": {"locations": [
            {"facility": "Hospital A", "status": "RECRUITING", "city": "Guangzhou", "country": "China"},
            {"facility": "Hospital B", "status": "COMPLETED", "city": "Beijing", "country": "China"},
            {"facility": "Hospital C", "status": "RECRUITING", "city": "Boston", "country": "United States"},
        ]},
    },
    "hasResults": False,
}  # fmt: skip
COUNTRIES = ("China", "Hong Kong", "Macao")
TRIAL = read_study(STUDY)


def changed(**modules: dict[str, Any]) -> Any:
    study = deepcopy(STUDY)
    for name, values in modules.items():
        study["protocolSection"][name].update(values)
    return read_study(study)


def review(sha256: str = TRIAL.criteria_sha256) -> Review:
    return Review("NCT00000000", 1, "trial-nct00000000", sha256, 0, "dr-1", "physician", datetime(2026, 11, 1, tzinfo=UTC))


def test_the_registrys_structure_is_read() -> None:
    assert (TRIAL.trial_id, TRIAL.phases, TRIAL.minimum_age, TRIAL.maximum_age) == ("NCT00000000", ("PHASE1", "PHASE2"), 18.0, 75.0)
    assert TRIAL.inclusion == ("ECOG 0 or 1", "Exclusion of pregnancy by test")
    assert TRIAL.exclusion == ("Active infection", "HIV")
    assert [place.facility for place in TRIAL.places(COUNTRIES)] == ["Hospital A"]
    assert TRIAL.updated_on == date(2026, 10, 1)


@pytest.mark.parametrize(("text", "age"), [("6 Months", 0.5), ("18 Years", 18.0), ("1 Year", 1.0), (None, None), ("N/A", None)])
def test_ages(text: str | None, age: float | None) -> None:
    assert years(text) == age


def test_text_without_headings_is_not_lost() -> None:
    assert criteria("ECOG 0\n- CD19 positive") == (("ECOG 0", "CD19 positive"), ())


def test_what_is_no_study_is_told() -> None:
    for study in ({}, {"protocolSection": {"identificationModule": {"nctId": "ISRCTN1"}}}):
        with pytest.raises(StudyProblem, match="expected"):
            read_study(study)


def test_a_study_with_little_in_it_is_read() -> None:
    bare = read_study({"protocolSection": {"identificationModule": {"nctId": "NCT00000001"}, "statusModule": {"overallStatus": "UNKNOWN"}}})
    assert (bare.status, bare.recruits, bare.locations, bare.minimum_age) == ("UNKNOWN", False, (), None)


def test_criteria_count_only_as_reviewed_and_only_until_the_text_changes() -> None:
    eligible = {"outcome": "eligible", "missing": []}
    assert screened(TRIAL, None, eligible, COUNTRIES).status == "not-reviewed"
    assert screened(TRIAL, review(), eligible, COUNTRIES).status == "eligible"
    assert screened(TRIAL, review(), None, COUNTRIES).status == "not-reviewed"
    for module in ({"maximumAge": "70 Years"}, {"eligibilityCriteria": "Inclusion Criteria:\n* ECOG 0"}):
        newer = changed(eligibilityModule=module)
        assert standing(newer, review()) == "changed"
        assert screened(newer, review(), eligible, COUNTRIES).status == "not-reviewed"


def test_blanks_do_not_end_a_review() -> None:
    text = STUDY["protocolSection"]["eligibilityModule"]["eligibilityCriteria"].replace("\n\n", "\n")
    assert standing(changed(eligibilityModule={"eligibilityCriteria": text}), review()) == "reviewed"


def test_a_closed_trial_is_no_option() -> None:
    closed = changed(statusModule={"overallStatus": "COMPLETED"})
    assert screened(closed, review(), {"outcome": "eligible", "missing": []}, COUNTRIES).status == "closed"
