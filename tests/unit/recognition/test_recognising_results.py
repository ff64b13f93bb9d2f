"""From the observations of a record to events, decision documents and a plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.journey.events import RepeatRequested, ResultRecognised
from baybridge.recognition.plan import plan
from baybridge.recognition.recognise import recognise
from baybridge.recognition.recognising import RecogniseResults, judge_again, recognise_results, setting_of
from exchange_documents import recognition_rules
from exchange_situations import NOW, observation, situation

YESTERDAY = date(2026, 3, 9)


def judged(*observations: dict[str, Any], purpose: str = "LD_FITNESS", here: str = "hk", resources: tuple[dict[str, Any], ...] = ()) -> Any:
    record = {"observations": list(observations), "resources": [*observations, *resources]}
    return recognise_results(situation(here, record), RecogniseResults(purpose=purpose))


def test_a_signed_result_of_macao_serves_in_hong_kong() -> None:
    answer = judged(observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo"))
    (event,) = answer.events
    assert isinstance(event, ResultRecognised)
    assert (event.outcome, event.codes) == ("recognised", ())
    (document,) = answer.decisions
    assert event.decision_sha256 == sha256_hex(canonical_bytes(document))
    assert document["resource"] == "Observation/o1"
    assert recognise(document["request"], recognition_rules()).as_json()["codes"] == document["codes"]


def test_an_unsigned_result_without_a_laboratory_is_repeated() -> None:
    (event,) = judged(observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY)).events
    assert isinstance(event, RepeatRequested)
    assert set(event.codes) >= {"MR-003", "MR-010"}


def test_the_laboratory_is_found_by_the_organisation_that_performed() -> None:
    organisation = {"resourceType": "Organization", "id": "x", "name": "Synthetic Guangzhou Cancer Centre"}
    made = observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo", performer=[{"reference": "Organization/x"}])
    document = judged(made, resources=(organisation,)).decisions[0]
    assert document["request"]["laboratory"]["id"] == "gd"


def test_an_unlisted_laboratory_is_not_taken_for_the_node_that_passed_its_result_on() -> None:
    made = observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo", performer=[{"reference": "Organization/stranger"}])
    (event,) = judged(made).events
    assert "MR-010" in event.codes


def test_the_newest_that_serves_is_taken() -> None:
    older = observation("old", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo")
    newer = observation("new", "2160-0", 1.2, "mg/dL", date(2026, 3, 10), signed="mo") | {
        "status": "preliminary",
        "effectiveDateTime": "2026-03-10T06:00:00+08:00",
    }
    (event,) = judged(newer, older).events
    assert isinstance(event, ResultRecognised)
    assert event.result_id == "old"


def test_a_medicine_of_the_record_ends_a_results_worth() -> None:
    contrast = {
        "resourceType": "MedicationAdministration", "id": "m", "status": "completed", "effectiveDateTime": "2026-03-09T18:00:00+08:00",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.whocc.no/atc", "code": "V08AB02"}]},
    }  # fmt: skip
    (event,) = judged(observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo"), resources=(contrast,)).events
    assert event.codes == ("MR-053",)


def test_own_results_are_judged_without_a_path() -> None:
    (event,) = judged(observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="hk")).events
    assert isinstance(event, ResultRecognised)
    assert event.codes == ()


def test_a_linked_patients_result_serves_only_where_identity_is_documented_or_confirmed() -> None:
    made = observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo") | {"subject": {"reference": "Patient/other"}}
    for match, outcome in ((True, ResultRecognised), (None, RepeatRequested), (False, RepeatRequested)):
        here = situation("hk", {"observations": [made], "resources": [made], "same_person": {"other": match}})
        (event,) = recognise_results(here, RecogniseResults(purpose="LD_FITNESS")).events  # type: ignore[union-attr]
        assert isinstance(event, outcome)
        assert ("MR-001" in event.codes) is (match is not True)


def test_an_unknown_purpose_and_receiver_are_both_said() -> None:
    answer = recognise_results(situation("hk", {}), RecogniseResults(purpose="X", receiver="nowhere"))
    assert isinstance(answer, Refusal)
    assert [reason.code for reason in answer.reasons] == ["recognition.recognise.unknown_purpose", "recognition.recognise.unknown_receiver"]


def test_the_plan_says_what_serves_what_expires_and_what_is_missing() -> None:
    made = (
        observation("crea", "2160-0", 1.1, "mg/dL", date(2026, 3, 9), signed="mo"),
        observation("hb", "718-7", 10, "g/dL", date(2026, 3, 7), signed="mo"),
    )
    here = situation("hk", {"observations": made, "resources": made})
    setting = setting_of(here, RecogniseResults(purpose="LD_FITNESS", use_at=NOW + timedelta(hours=20)))
    lines = {line.analyte: line for line in plan(made, [setting], recognition_rules(), NOW)}
    assert (lines["creatinine"].standing, lines["creatinine"].result_id) == ("serves", "crea")
    assert (lines["haemoglobin"].standing, lines["haemoglobin"].codes) == ("expires", ("MR-051",))
    assert lines["platelets"].standing == "missing"
    assert lines["platelets"].repeat_from == NOW


def test_a_corrected_result_is_judged_again_as_before() -> None:
    made = observation("o1", "2160-0", 1.1, "mg/dL", YESTERDAY, signed="mo")
    document = judged(made).decisions[0]
    same = judge_again(situation("hk", {"observations": [made], "resources": [made]}), document)
    wrong = made | {"status": "entered-in-error"}
    again = judge_again(situation("hk", {"observations": [wrong], "resources": [wrong]}), document)
    assert same == document
    assert again is not None
    assert (again["outcome"], again["codes"]) == ("repeat-needed", ["MR-002"])
    assert judge_again(situation("hk", {}), document) is None
