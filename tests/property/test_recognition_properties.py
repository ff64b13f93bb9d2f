"""What must hold of recognition for every request, whatever is in it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from baybridge.documents import recognition as written
from baybridge.recognition.converting import Conversions, convert
from baybridge.recognition.recognise import recognise
from exchange_documents import RECOGNITION, changed, documents, recognition_rules

RULES = recognition_rules()
GOOD = ("recognised", "recognised-with-conversion")
USE = datetime(2026, 3, 10, 8, tzinfo=timezone(timedelta(hours=8)))
NEVER = {"MR-001", "MR-002", "MR-003", "MR-033", "MR-050", "MR-060"}

maybe = st.sampled_from([True, False, None])
changes = st.fixed_dictionaries(
    {},
    optional={
        "result.patient_match": maybe,
        "result.signature_verified": maybe,
        "result.status": st.sampled_from(["final", "corrected", "preliminary", None]),
        "result.loinc": st.sampled_from(["2160-0", "882-1", "2276-4", "5196-1", "10230-1", None]),
        "result.unit": st.sampled_from(["mg/dL", "umol/L", None]),
        "result.reference_high": st.sampled_from([1.2, None]),
        "result.interference": st.sampled_from([[], ["haemolysis"], None]),
        "result.collected_at": st.sampled_from(
            ["2026-03-08T09:00:00+08:00", "2026-01-08T09:00:00+08:00", "2026-04-08T09:00:00+08:00", None]
        ),
        "laboratory.alliance_listed": maybe,
        "laboratory.eqa_suspended": maybe,
        "laboratory.accreditations": st.sampled_from([[], None, RECOGNITION["laboratory"]["accreditations"]]),
        "laboratory.eqa": st.sampled_from([[], None, [{"loinc": "*", "date": "2026-01-15", "passed": True}]]),
        "request.purpose": st.sampled_from(["LD_FITNESS", "APH_IDM", "TOX_MONITOR", "ELIGIBILITY"]),
        "request.use": st.sampled_from(["cutoff", "presence", "uln_multiple", None]),
        "request.emergency": maybe,
        "request.statutory_case": st.sampled_from([None, 1, 6]),
        "request.asserted_by": st.sampled_from([None, "physician", "nurse"]),
        "request.reset_events": st.sampled_from([None, [], [{"type": "contrast", "at": "2026-03-09T09:00:00+08:00"}]]),
        "request.override": st.sampled_from(
            [None, {"direction": "accept", "code": "MR-092", "role": "physician", "second_sign_off": "quality_manager"}]
        ),
    },
)


@given(changes)
@settings(max_examples=150, deadline=None)
def test_the_same_request_gives_the_same_bytes_and_sorted_codes(changes: dict[str, Any]) -> None:
    request = changed(RECOGNITION, changes)
    first, second = recognise(request, RULES), recognise(request, RULES)
    assert first.as_json() == second.as_json()
    assert list(first.codes) == sorted(set(first.codes))


@given(changes)
@settings(max_examples=150, deadline=None)
def test_nobody_passes_what_cannot_be_overridden(changes: dict[str, Any]) -> None:
    """An accepting override, an emergency: neither makes a result serve that has a code marked not overridable."""
    found = recognise(changed(RECOGNITION, changes), RULES)
    assert not (found.serves and NEVER & set(found.codes))


@given(
    changes,
    st.sampled_from(
        [
            "result.patient_match",
            "result.signature_verified",
            "result.interference",
            "laboratory.eqa",
            "laboratory.eqa_suspended",
            "laboratory.alliance_listed",
            "laboratory.accreditations",
            "request.reset_events",
        ]
    ),
)
@settings(max_examples=150, deadline=None)
def test_what_is_unknown_never_helps(changes: dict[str, Any], path: str) -> None:
    changes = {name: value for name, value in changes.items() if name != "result.loinc"}
    known = recognise(changed(RECOGNITION, changes), RULES)
    unknown = recognise(changed(RECOGNITION, changes | {path: None}), RULES)
    assert not (unknown.outcome in GOOD and known.outcome not in GOOD)


@given(changes)
@settings(max_examples=100, deadline=None)
def test_one_more_accreditation_never_hurts(changes: dict[str, Any]) -> None:
    request = changed(RECOGNITION, changes)
    more = changed(
        request,
        {"laboratory.accreditations": [*(request["laboratory"]["accreditations"] or []), *RECOGNITION["laboratory"]["accreditations"]]},
    )
    before, after = recognise(request, RULES), recognise(more, RULES)
    assert not (before.outcome in GOOD and after.outcome not in GOOD)


any_accreditation = st.fixed_dictionaries(
    {
        "standard": st.sampled_from(["ISO15189:2022", "ISO15189:2012", "ISO17025", None]),
        "body": st.just("a body"),
        "mra_signatory": maybe,
        "valid_from": st.sampled_from(["2020-01-01", "2026-03-08", "2027-01-01", None]),
        "valid_to": st.sampled_from(["2026-03-07", "2026-03-08", "2030-01-01", None]),
        "scope": st.sampled_from([[], None, [{"loinc": "*", "specimen": "*", "method": "*"}], [{"loinc": "718-7", "specimen": "*", "method": "*"}]]),
    }
)


@given(changes, any_accreditation, st.integers(0, 1))
@settings(max_examples=150, deadline=None)
def test_no_accreditation_whatever_its_kind_turns_recognised_into_repeat(changes: dict[str, Any], added: dict[str, Any], place: int) -> None:
    request = changed(RECOGNITION, changes)
    held = list(request["laboratory"]["accreditations"] or [])
    held.insert(min(place, len(held)), added)
    before, after = recognise(request, RULES), recognise(changed(request, {"laboratory.accreditations": held}), RULES)
    assert not (before.outcome in GOOD and after.outcome not in GOOD)


@given(changes, st.sampled_from([{"valid_from": "2020-01-01", "valid_to": "2030-01-01"}, {"valid_from": None, "valid_to": None}]))
@settings(max_examples=80, deadline=None)
def test_nor_does_a_mark_or_a_verification(changes: dict[str, Any], verified: dict[str, Any]) -> None:
    request = changed(RECOGNITION, changes)
    more = changed(request, {"laboratory.hr_marks": ["PROVINCE:FJ"], "laboratory.alliance_verified": verified})
    assert not (recognise(request, RULES).outcome in GOOD and recognise(more, RULES).outcome not in GOOD)


@given(st.integers(0, 180 * 24 * 60), st.integers(-14 * 60, 14 * 60), st.sampled_from(["RESPONSE", "OBA_OUTCOME", "LD_FITNESS"]))
@settings(max_examples=150, deadline=None)
def test_the_same_moment_written_in_another_zone_is_the_same_answer(taken_min: int, offset_min: int, purpose: str) -> None:
    """Days of accreditation, of assessment and after infusion too: an offset is how a moment is written, not when it was."""
    here = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8))) + timedelta(minutes=taken_min)
    there = here.astimezone(timezone(timedelta(minutes=offset_min)))
    base = {"request.purpose": purpose, "request.infused_on": "2026-01-15", "request.use_at": "2026-07-01T08:00:00+08:00",
            "laboratory.accreditations.0.valid_to": "2026-04-20", "laboratory.eqa.0.date": "2025-04-10"}  # fmt: skip
    one, other = (recognise(changed(RECOGNITION, {**base, "result.collected_at": at.isoformat()}), RULES) for at in (here, there))
    assert (one.outcome, one.codes, one.valid_until) == (other.outcome, other.codes, other.valid_until)


@given(st.integers(0, 200 * 60), st.integers(0, 200 * 60))
@settings(max_examples=100, deadline=None)
def test_an_older_result_is_never_valid_where_a_newer_one_is_not(older_by: int, age_min: int) -> None:
    def at(minutes: int) -> str:
        taken = (USE - timedelta(minutes=minutes)).isoformat()
        return recognise(changed(RECOGNITION, {"result.collected_at": taken, "laboratory.eqa.0.date": "2026-02-15"}), RULES).outcome

    assert not (at(age_min + older_by) in GOOD and at(age_min) not in GOOD)


@given(st.integers(-12 * 60, 14 * 60), st.integers(-12 * 60, 14 * 60))
@settings(max_examples=60, deadline=None)
def test_the_way_a_time_is_written_moves_no_window(first_min: int, second_min: int) -> None:
    """The last moment of the window stays the last moment in every zone."""
    taken = datetime(2026, 3, 8, 9, tzinfo=timezone(timedelta(hours=8))).astimezone(timezone(timedelta(minutes=first_min)))
    used = (taken + timedelta(hours=72)).astimezone(timezone(timedelta(minutes=second_min)))
    request = changed(RECOGNITION, {"result.collected_at": taken.isoformat(), "request.use_at": used.isoformat()})
    later = changed(request, {"request.use_at": (used + timedelta(seconds=1)).isoformat()})
    found = recognise(request, RULES)
    assert "MR-051" not in found.codes
    assert found.valid_until == used
    assert "MR-051" in recognise(later, RULES).codes


ROWS = [row for row in documents().folder("recognition")["conversions"]["rows"] if not row.get("same")]
CONVERSIONS = Conversions(documents().typed.the(written.Conversions), documents().folder)


@given(st.sampled_from(ROWS), st.decimals(min_value="0.01", max_value="9999", places=2))
@settings(max_examples=150, deadline=None)
def test_conversions_go_there_and_back(row: dict[str, Any], value: Any) -> None:
    there = convert({"loinc": row["loinc"][0], "value": float(value), "unit": row["from"]}, row["to"], CONVERSIONS)
    back = convert({"loinc": row["loinc"][0], "value": there.value, "unit": row["to"]}, row["from"], CONVERSIONS)
    assert back.value == float(value)
