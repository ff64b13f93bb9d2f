"""A clinician's decision against the rules: where it is allowed, by whom, and what an emergency leaves to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Refusal
from baybridge.documents.document_set import DocumentSet
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import OverrideDeclined, OverrideProposed, ParallelTestCompared, RepeatRequested, ResultRecognised
from baybridge.journey.judged import Judged
from baybridge.recognition.overriding import CountersignOverride, OverrideRecognition, countersign_override, override_recognition, waiting
from baybridge.recognition.parallel import CompareParallelTest, compare_parallel_test, difference, open_parallel_tests, parallel_tests
from baybridge.recognition.recognising import RecogniseResults, recognise_results
from exchange_documents import documents, recognition_rules
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
        here = replace(here, documents=DocumentSet(lambda name: directory if name == "directory" else documents().folder(name)))
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
    assert codes(overridden(creatinine(), code="MR-070", note=" ", result="none")) == ["code_of_other_direction", "no_note", "result_unknown"]


@pytest.mark.parametrize("day", [OLD, FRESH])
def test_a_value_that_cannot_be_true_is_accepted_by_nobody_and_is_repeated(day: date) -> None:
    made = observation("o1", "2160-0", -1, "mg/dL", day, signed="mo")
    assert codes(overridden(made)) == ["facts.given.implausible"]
    here = situation("hk", {"observations": [made], "resources": [made]})
    answer = recognise_results(here, RecogniseResults(purpose="LD_FITNESS"))
    assert isinstance(answer, Judged)
    (event,), (document,) = answer.events, answer.decisions
    assert isinstance(event, RepeatRequested)
    assert document["set_aside"]


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


def unassessed() -> dict[str, Any]:
    """The directory with the Macao laboratory in no external assessment."""
    rows = [row if row["id"] != "mo" else {**row, "eqa": []} for row in documents().folder("directory")["laboratories"]["laboratories"]]
    return {**documents().folder("directory"), "laboratories": {"laboratories": rows}}


def countersigned(proposed: Any, account: str = "qm-1", role: Role = Role.QUALITY, **changes: Any) -> Any:
    made = creatinine(FRESH)
    here = situation("hk", {"observations": [made], "resources": [made]}, *proposed)
    here = replace(here, documents=DocumentSet(lambda name: unassessed() if name == "directory" else documents().folder(name)))
    asked: dict[str, Any] = {"result": "o1", "purpose": "LD_FITNESS", "agrees": True, "note": "Seen.", **changes}
    return countersign_override(replace(here, actor=Actor(account, role, "Synthetic Hong Kong Hospital")), CountersignOverride(**asked))


def test_missing_assessment_waits_for_the_second_signature_of_another_person() -> None:
    answer = overridden(creatinine(FRESH), directory=unassessed())
    (proposed,) = answer.events
    assert isinstance(proposed, OverrideProposed)
    assert (proposed.codes, answer.decisions) == (("MR-020",), ())
    case = situation("hk", {}, proposed).case
    assert case.recognised == ()
    assert [entry.event for entry in waiting(case)] == [proposed]
    signed = countersigned([proposed])
    (event,), (document,) = signed.events, signed.decisions
    assert event.codes == ("MR-020", "MR-091")
    assert (document["override"]["account"], document["override"]["second"]["account"]) == ("a", "qm-1")
    assert waiting(situation("hk", {}, proposed, event).case) == ()


def test_who_proposed_does_not_sign_second_nor_does_another_role() -> None:
    (proposed,) = overridden(creatinine(FRESH), directory=unassessed()).events
    assert codes(countersigned([proposed], account="a")) == ["same_person"]
    assert [r.code for r in countersigned([proposed], role=Role.PHYSICIAN).reasons] == ["recognition.countersign.role"]
    assert [r.code for r in countersigned([]).reasons] == ["recognition.countersign.none_waiting"]


def test_a_second_person_may_decline() -> None:
    (proposed,) = overridden(creatinine(FRESH), directory=unassessed()).events
    (declined,) = countersigned([proposed], agrees=False).events
    assert isinstance(declined, OverrideDeclined)
    assert waiting(situation("hk", {}, proposed, declined).case) == ()


def test_a_signature_does_not_hold_for_what_changed_since() -> None:
    (proposed,) = overridden(creatinine(FRESH), directory=unassessed()).events
    made = creatinine(FRESH, status="preliminary")
    here = situation("hk", {"observations": [made], "resources": [made]}, proposed)
    here = replace(here, documents=DocumentSet(lambda name: unassessed() if name == "directory" else documents().folder(name)))
    signed = countersign_override(
        replace(here, actor=Actor("qm-1", Role.QUALITY, "x")), CountersignOverride(result="o1", purpose="LD_FITNESS", agrees=True, note="Seen.")
    )
    assert codes(signed) == ["refused", "recognition.countersign.changed"]
    assert "MR-002" in str(signed.reasons[0].values["codes"])


# --- emergencies ----------------------------------------------------------------------------------------------------


def emergency(made: dict[str, Any], *before: Any, hours: int = 0) -> Any:
    here = situation("hk", {"observations": [made], "resources": [made]}, *before)
    at = here.now + timedelta(hours=hours)
    return recognise_results(here, RecogniseResults(purpose="LD_FITNESS", emergency=True, use_at=at))


def test_an_emergency_acts_and_opens_the_parallel_test() -> None:
    answer = emergency(creatinine())
    assert isinstance(answer, Judged)
    assert [type(event) for event in answer.events] == [RepeatRequested, ResultRecognised]
    assert len({event.decision_sha256 for event in answer.events}) == 1  # type: ignore[attr-defined]
    assert len(answer.decisions) == 1
    acted = situation("hk", {}, *answer.events)
    assert [test.event.loinc for test in open_parallel_tests(acted.case)] == ["2160-0"]
    assert [entry.event.outcome for entry in acted.case.recognised] == ["clinician-override"]
    assert emergency(creatinine(), *answer.events).events == ()


def test_repeated_emergencies_all_show_and_none_closes_another() -> None:
    first = emergency(creatinine()).events
    again = emergency(creatinine(), *first, hours=5).events
    other = emergency(observation("o2", "2160-0", 1.3, "mg/dL", date(2026, 3, 2), signed="mo")).events
    case = situation("hk", {}, *first, *again, *other).case
    assert [(test.event.result_id, len(test.asked)) for test in open_parallel_tests(case)] == [("o1", 2), ("o2", 1)]


def test_a_result_that_serves_later_does_not_close_the_parallel_test() -> None:
    acted = emergency(creatinine()).events
    made = creatinine(FRESH)
    later = recognise_results(situation("hk", {"observations": [made], "resources": []}), RecogniseResults(purpose="LD_FITNESS")).events
    assert len(open_parallel_tests(situation("hk", {}, *acted, *later).case)) == 1


def compared(own: dict[str, Any], *events: Any, **changes: Any) -> Any:
    here = situation("hk", {"observations": [creatinine(), own], "resources": []}, *events)
    asked: dict[str, Any] = {"result": "o1", "purpose": "LD_FITNESS", "repeat": "own", "agrees": True, "note": "As before.", **changes}
    return compare_parallel_test(here, CompareParallelTest(**asked))


def test_comparing_closes_it_and_keeps_both_values_and_their_difference() -> None:
    acted = emergency(creatinine()).events
    repeat = observation("own", "14682-9", 107.0, "umol/L", FRESH, signed="hk")
    answer = compared(repeat, *acted)
    (event,), (document,) = answer.events, answer.decisions
    assert isinstance(event, ParallelTestCompared)
    assert (document["first_converted"], document["second"]["value"], document["change_percent"]) == (97.24, 107.0, 10.0)
    assert document["methods_differ"] is False
    done = situation("hk", {}, *acted, event).case
    assert open_parallel_tests(done) == ()
    assert [test.compared is not None for test in parallel_tests(done)] == [True]
    again = emergency(creatinine(), *acted, event, hours=9).events
    assert [test.compared is None for test in parallel_tests(situation("hk", {}, *acted, event, *again).case)] == [False, True]


def test_what_speaks_against_a_comparison_is_all_said() -> None:
    acted = emergency(creatinine()).events
    wrong = observation("own", "718-7", 12.0, "g/dL", date(2026, 2, 1), signed="hk", status="preliminary")
    found = [reason.code.removeprefix("recognition.") for reason in compared(wrong, *acted, note=" ").reasons]
    assert found == ["override.no_note", "parallel.not_final", "parallel.other_analyte", "parallel.not_later"]
    assert [reason.code for reason in compared(observation("own", "2160-0", 1.2, "mg/dL", FRESH), repeat="none").reasons] == [
        "recognition.parallel.none_open",
        "recognition.parallel.unknown",
    ]


def test_values_of_different_methods_are_compared_with_a_warning() -> None:
    outside = observation("o1", "2276-4", 400, "ng/mL", OLD, signed="mo", method={"text": "vendor one"})
    repeat = observation("own", "2276-4", 500, "ng/mL", FRESH, signed="hk", method={"text": "vendor two"})
    found = difference(outside, repeat, recognition_rules().settings)
    assert (found["methods_differ"], found["change_percent"]) == (True, 25.0)
