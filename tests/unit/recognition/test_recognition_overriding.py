"""A clinician's decision against the rules: where it is allowed, by whom, and what an emergency leaves to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import RepeatRequested, ResultRecognised
from baybridge.journey.judged import Judged
from baybridge.recognition.overriding import OverrideRecognition, SecondSignature, override_recognition, parallel_tests
from baybridge.recognition.recognising import RecogniseResults, recognise_results
from exchange_documents import documents
from exchange_situations import observation, situation

OLD, FRESH = date(2026, 3, 1), date(2026, 3, 9)


def given(**changes: Any) -> OverrideRecognition:
    asked: dict[str, Any] = {
        "result": "o1", "purpose": "LD_FITNESS", "direction": "accept", "code": "MR-091", "note": "Stable over a year.", **changes,
    }  # fmt: skip
    return OverrideRecognition(**asked)


def overridden(made: dict[str, Any], role: Role = Role.PHYSICIAN, directory: Any = None, **changes: Any) -> Any:
    here = situation("hk", {"observations": [made], "resources": [made]})
    if directory is not None:
        here = replace(here, documents=lambda name: directory if name == "directory" else documents().folder(name))
    return override_recognition(replace(here, actor=Actor("dr-1", role, "Synthetic Hong Kong Hospital")), given(**changes))


def codes(answer: Any) -> list[str]:
    assert isinstance(answer, Refusal), answer
    return [reason.code.removeprefix("recognition.override.") for reason in answer.reasons]


def creatinine(day: date = OLD, **more: Any) -> dict[str, Any]:
    return observation("o1", "2160-0", 1.1, "mg/dL", day, signed="mo", **more)


def test_a_stable_result_past_its_window_is_accepted_and_signed() -> None:
    answer = overridden(creatinine())
    (event,), (document,) = answer.events, answer.decisions
    assert isinstance(event, ResultRecognised)
    assert (event.outcome, event.codes) == ("clinician-override", ("MR-051", "MR-091"))
    assert event.decision_sha256 == sha256_hex(canonical_bytes(document))
    assert document["override"]["account"] == "dr-1"


def test_a_good_result_is_repeated_on_a_statutory_ground() -> None:
    (event,) = overridden(creatinine(FRESH), direction="repeat", code="MR-071").events
    assert isinstance(event, RepeatRequested)
    assert event.codes == ("MR-071",)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PHYSICIAN])
def test_only_a_physician_decides(role: Role) -> None:
    assert codes(overridden(creatinine(), role)) == ["not_a_clinician"]


def test_every_fault_of_the_form_is_said() -> None:
    second = SecondSignature(account="DR-1", role="quality_manager")
    assert codes(overridden(creatinine(), code="MR-070", note=" ", second=second, result="none")) == [
        "code_of_other_direction",
        "no_note",
        "same_person",
        "result_unknown",
    ]


def test_there_is_nothing_to_accept_in_a_recognised_result() -> None:
    assert codes(overridden(creatinine(FRESH))) == ["nothing_to_accept"]


@pytest.mark.parametrize(
    ("made", "purpose", "in_the_way"),
    [
        (observation("o1", "56888-1", "negative", None, date(2026, 1, 1), signed="mo"), "APH_IDM", "MR-051"),
        (observation("o1", "882-1", "A", None, FRESH, signed="mo"), "APH_FITNESS", "MR-060"),
        (creatinine(status="preliminary"), "LD_FITNESS", "MR-002"),
        (observation("o1", "2160-0", 1.1, "mg/dL", OLD), "LD_FITNESS", "MR-003"),
    ],
)
def test_what_nobody_may_pass_is_refused_with_its_codes(made: dict[str, Any], purpose: str, in_the_way: str) -> None:
    answer = overridden(made, purpose=purpose)
    assert codes(answer) == ["refused"]
    assert in_the_way in str(answer.reasons[0].values["codes"])


def test_missing_assessment_needs_a_second_signature() -> None:
    rows = [row if row["id"] != "mo" else {**row, "eqa": []} for row in documents().folder("directory")["laboratories"]["laboratories"]]
    directory = {**documents().folder("directory"), "laboratories": {"laboratories": rows}}
    assert codes(overridden(creatinine(FRESH), directory=directory)) == ["second_needed"]
    second = SecondSignature(account="qm-1", role="quality_manager")
    answer = overridden(creatinine(FRESH), directory=directory, second=second)
    assert isinstance(answer, Judged)
    assert answer.events[0].codes == ("MR-020", "MR-091")  # type: ignore[attr-defined]


def test_an_emergency_acts_and_opens_the_parallel_test_until_a_result_serves() -> None:
    made = creatinine()
    here = situation("hk", {"observations": [made], "resources": [made]})
    answer = recognise_results(here, RecogniseResults(purpose="LD_FITNESS", emergency=True))
    assert isinstance(answer, Judged)
    assert [type(event) for event in answer.events] == [RepeatRequested, ResultRecognised]
    assert len({event.decision_sha256 for event in answer.events}) == 1  # type: ignore[attr-defined]
    assert len(answer.decisions) == 1
    acted = situation("hk", {"observations": [made], "resources": [made]}, *answer.events)
    assert [event.loinc for event in parallel_tests(acted.case)] == ["2160-0"]
    assert [entry.event.outcome for entry in acted.case.recognised] == ["clinician-override"]
    again = recognise_results(acted, RecogniseResults(purpose="LD_FITNESS", emergency=True))
    assert isinstance(again, Judged)
    assert again.events == ()
    repeated = recognise_results(
        situation("hk", {"observations": [creatinine(FRESH)], "resources": []}), RecogniseResults(purpose="LD_FITNESS")
    )
    assert isinstance(repeated, Judged)
    done = situation("hk", {}, *answer.events, *repeated.events)
    assert parallel_tests(done.case) == ()
