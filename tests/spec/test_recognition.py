"""What an outside result is worth: the worked decisions of the policy reference (A6) and each sentence of the exchange contract.

A row: what is changed in the published example, then the outcome and the codes that must come out.
"""

# ruff: noqa: E501 - a row of a table stays on its line
from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from baybridge.recognition.recognise import recognise
from exchange_documents import RECOGNITION, changed, recognition_rules

HBSAG = {"result.loinc": "5196-1", "result.value": "negative", "result.unit": None, "request.unit": None, "request.use": "presence", "request.purpose": "APH_IDM"}
CBC = {"result.loinc": "751-8", "result.unit": "10*9/L", "request.unit": "10*9/L"}
LVEF = {"result.loinc": "10230-1", "result.unit": "%", "request.unit": "%", "request.purpose": "ELIGIBILITY", "request.use_at": "2026-04-07T09:00:00+08:00"}
FERRITIN = {"result.loinc": "2276-4", "result.unit": "ng/mL", "request.unit": "ng/mL", "request.purpose": "TOX_MONITOR", "request.use": "trend",
            "request.use_at": "2026-03-08T20:00:00+08:00"}  # fmt: skip
ABO = {"result.loinc": "882-1", "result.value": "A", "result.unit": None, "request.unit": None, "request.use": "presence", "request.purpose": "APH_FITNESS"}
PET = {"result.loinc": "44136-0", "result.value": "CR", "result.unit": None, "request.unit": None, "request.use": None, "request.purpose": "OBA_OUTCOME",
       "request.infused_on": "2025-12-08", "request.use_at": "2026-04-20T09:00:00+08:00"}  # fmt: skip
GUANGZHOU = {"laboratory.id": "gz-lab", "laboratory.jurisdiction": "CN-GD", "laboratory.accreditations": [], "laboratory.alliance_listed": None}
IN_SHENZHEN = {"request.receiver_site": "sz-centre", "request.receiver_city": "Shenzhen"}
NO_PATH = {"laboratory.accreditations": []}
OLD = {"request.use_at": "2026-03-11T09:00:01+08:00"}
SCOPE = "laboratory.accreditations.0.scope"


def days(number: int) -> str:
    """A time that many days after collection."""
    return f"2026-{'03' if 8 + number <= 31 else '04'}-{(8 + number - 1) % 31 + 1:02d}T09:00:00+08:00"


def override(direction: str = "accept", code: str = "MR-092", role: str = "physician", second: Any = None) -> dict[str, Any]:
    return {"request.override": {"direction": direction, "code": code, "role": role, "second_sign_off": second}}


WORKED = [
    ("1 Guangzhou, national mark, HBsAg 12 d", HBSAG | GUANGZHOU | IN_SHENZHEN | {"laboratory.hr_marks": ["NATIONAL"], "request.use_at": days(12)}, "recognised", []),
    ("2 mark of Guangzhou only, no ISO 15189", HBSAG | GUANGZHOU | IN_SHENZHEN | {"laboratory.hr_marks": ["CITY:Guangzhou"], "request.use_at": days(12)},
     "repeat-needed", ["MR-010", "MR-011", "MR-012"]),
    ("3 creatinine from Macao", {}, "recognised-with-conversion", ["MR-032"]),
    ("4 anti-HBc 40 d", HBSAG | {"result.loinc": "13952-7", "request.use_at": days(40)}, "repeat-needed", ["MR-051"]),
    ("4 anti-HBc 40 d, override", HBSAG | {"result.loinc": "13952-7", "request.use_at": days(40)} | override(code="MR-091"), "repeat-needed", ["MR-051", "MR-090"]),
    ("5 LVEF 30 d, no cardiotoxic drug", LVEF, "recognised", []),
    ("5 LVEF 30 d, doxorubicin since", LVEF | {"request.reset_events": [{"type": "anthracycline", "at": "2026-03-20T09:00:00+08:00"}]}, "repeat-needed", ["MR-053"]),
    ("6 ABO from another hospital", ABO, "repeat-needed", ["MR-060"]),
    ("6 ABO, override", ABO | override(), "repeat-needed", ["MR-060", "MR-090"]),
    ("7 ferritin of another vendor for a trend", FERRITIN | {"request.receiver_method": "another vendor"}, "repeat-needed", ["MR-031"]),
    ("8 preliminary PET report", PET | {"result.status": "preliminary"}, "repeat-needed", ["MR-002"]),
    ("9 accreditation ended two days before", {"laboratory.accreditations.0.valid_to": "2026-03-06"}, "repeat-needed", ["MR-010", "MR-012", "MR-032"]),
    ("10 last pass 14 months ago", {"laboratory.eqa": [{"loinc": "*", "date": "2025-01-08", "passed": True}]}, "repeat-needed", ["MR-020", "MR-032"]),
    ("10 override without second sign-off", {"laboratory.eqa": []} | override(), "repeat-needed", ["MR-020", "MR-032", "MR-090"]),
    ("10 override with second sign-off", {"laboratory.eqa": []} | override(second="quality_manager"), "clinician-override", ["MR-020", "MR-032", "MR-092"]),
    ("11 septic shock, count 30 h old", CBC | {"request.purpose": "TOX_MONITOR", "request.use_at": "2026-03-09T15:00:00+08:00", "request.emergency": True},
     "clinician-override", ["MR-052", "MR-080"]),
    ("12 month 3 PET on day 106", PET | {"request.infused_on": "2025-11-22"}, "repeat-needed", ["MR-051"]),
    ("12 month 3 PET on day 104", PET | {"request.infused_on": "2025-11-24"}, "recognised", []),
    ("12 month 3 PET on day 76", PET | {"request.infused_on": "2025-12-22"}, "recognised", []),
    ("12 month 3 PET on day 75", PET | {"request.infused_on": "2025-12-23"}, "repeat-needed", ["MR-051"]),
]  # fmt: skip

UNKNOWN_COUNTS_AGAINST = [
    ("patient_match absent", {"result.patient_match": ...}, "repeat-needed", ["MR-001", "MR-032"]),
    ("patient_match null", {"result.patient_match": None}, "repeat-needed", ["MR-001", "MR-032"]),
    ("status absent", {"result.status": ...}, "repeat-needed", ["MR-002", "MR-032"]),
    ("status cancelled", {"result.status": "cancelled"}, "repeat-needed", ["MR-002", "MR-032"]),
    ("corrected is usable", {"result.status": "corrected"}, "recognised-with-conversion", ["MR-032"]),
    ("signature null", {"result.signature_verified": None}, "repeat-needed", ["MR-003", "MR-032"]),
    ("accreditations null", {"laboratory.accreditations": None}, "repeat-needed", ["MR-010", "MR-012", "MR-032"]),
    ("listing null", {"laboratory.alliance_listed": None}, "repeat-needed", ["MR-010", "MR-014", "MR-032"]),
    ("assessment null", {"laboratory.eqa": None}, "repeat-needed", ["MR-020", "MR-032"]),
    ("suspension null", {"laboratory.eqa_suspended": None}, "repeat-needed", ["MR-021", "MR-032"]),
    ("interference null", {"result.interference": None}, "repeat-needed", ["MR-032", "MR-042"]),
    ("reset events null", {"request.reset_events": None}, "repeat-needed", ["MR-032", "MR-053"]),
    ("use_at null", {"request.use_at": None}, "repeat-needed", ["MR-032", "MR-051"]),
    ("collected_at null", {"result.collected_at": None}, "repeat-needed", ["MR-010", "MR-012", "MR-020", "MR-032", "MR-051"]),
    ("code null", {"result.loinc": None, "request.unit": None}, "repeat-needed", ["MR-052"]),
    ("unit of the result null", {"result.unit": None}, "repeat-needed", ["MR-033"]),
    ("infusion null for an outcome", PET | {"request.infused_on": None}, "repeat-needed", ["MR-051"]),
    ("emergency null is none", OLD | {"request.emergency": None}, "repeat-needed", ["MR-032", "MR-051"]),
]  # fmt: skip

PATHS = [
    ("mark of the province", GUANGZHOU | IN_SHENZHEN | {"laboratory.hr_marks": ["PROVINCE:GD"]}, "recognised-with-conversion", ["MR-032"]),
    ("mark of the city", GUANGZHOU | {"laboratory.hr_marks": ["CITY:Guangzhou"]}, "recognised-with-conversion", ["MR-032"]),
    ("mark of another province", GUANGZHOU | {"laboratory.hr_marks": ["PROVINCE:FJ"]}, "repeat-needed", ["MR-010", "MR-011", "MR-012", "MR-032"]),
    ("mark towards Hong Kong", GUANGZHOU | {"laboratory.hr_marks": ["NATIONAL"], "request.receiver_jurisdiction": "HK", "request.receiver_city": "Hong Kong"},
     "repeat-needed", ["MR-010", "MR-011", "MR-012", "MR-032"]),
    ("verified by the alliance", NO_PATH | {"laboratory.alliance_verified": {"valid_from": "2026-01-01", "valid_to": "2026-03-08"}}, "recognised-with-conversion", ["MR-032"]),
    ("verification over", NO_PATH | {"laboratory.alliance_verified": {"valid_from": "2026-01-01", "valid_to": "2026-03-07"}}, "repeat-needed", ["MR-010", "MR-012", "MR-032"]),
    ("verified, but money hangs on it", PET | NO_PATH | {"laboratory.alliance_verified": {"valid_from": "2026-01-01", "valid_to": "2027-03-08"}},
     "repeat-needed", ["MR-010", "MR-012"]),
    ("another standard", {"laboratory.accreditations.0.standard": "ISO17025"}, "repeat-needed", ["MR-010", "MR-012", "MR-032"]),
    ("scope lacks the analyte", {SCOPE: [{"loinc": "718-7", "specimen": "*", "method": "*"}]}, "repeat-needed", ["MR-010", "MR-013", "MR-032"]),
    ("scope lacks the specimen", {SCOPE: [{"loinc": "*", "specimen": "urine", "method": "*"}]}, "repeat-needed", ["MR-010", "MR-013", "MR-032"]),
    ("scope lacks the method", {SCOPE: [{"loinc": "2160-0", "specimen": "serum", "method": "Jaffe"}]}, "repeat-needed", ["MR-010", "MR-013", "MR-032"]),
    ("body is no signatory", {"laboratory.accreditations.0.mra_signatory": False}, "repeat-needed", ["MR-010", "MR-014", "MR-032"]),
    ("not on the list, and out of scope", {"laboratory.alliance_listed": False, SCOPE: []}, "repeat-needed", ["MR-010", "MR-013", "MR-014", "MR-032"]),
    ("last day of accreditation", {"laboratory.accreditations.0.valid_to": "2026-03-08"}, "recognised-with-conversion", ["MR-032"]),
    ("own laboratory needs no path and no assessment",
     {"laboratory.id": "gd-centre", "laboratory.accreditations": [], "laboratory.eqa": [], "laboratory.eqa_suspended": True}, "recognised-with-conversion", ["MR-032"]),
    ("own laboratory does what is local", ABO | {"laboratory.id": "gd-centre"}, "recognised", []),
]  # fmt: skip

ASSESSMENT = [
    ("twelve months to the day", {"laboratory.eqa": [{"loinc": "*", "date": "2025-03-08", "passed": True}]}, "recognised-with-conversion", ["MR-032"]),
    ("a day more", {"laboratory.eqa": [{"loinc": "*", "date": "2025-03-07", "passed": True}]}, "repeat-needed", ["MR-020", "MR-032"]),
    ("the newest failed", {"laboratory.eqa": [{"loinc": "*", "date": "2026-01-15", "passed": True}, {"loinc": "2160-0", "date": "2026-02-15", "passed": False}]},
     "repeat-needed", ["MR-020", "MR-032"]),
    ("the newest passed", {"laboratory.eqa": [{"loinc": "*", "date": "2026-01-15", "passed": False}, {"loinc": "2160-0", "date": "2026-02-15", "passed": True}]},
     "recognised-with-conversion", ["MR-032"]),
    ("a failure after collection", {"laboratory.eqa": [{"loinc": "*", "date": "2026-01-15", "passed": True}, {"loinc": "*", "date": "2026-03-09", "passed": False}]},
     "recognised-with-conversion", ["MR-032"]),
    ("of another analyte", {"laboratory.eqa": [{"loinc": "718-7", "date": "2026-01-15", "passed": True}]}, "repeat-needed", ["MR-020", "MR-032"]),
    ("suspended", {"laboratory.eqa_suspended": True}, "repeat-needed", ["MR-021", "MR-032"]),
]  # fmt: skip

QUANTITY = [
    ("same method for a trend", FERRITIN | {"request.receiver_method": "Enzymatic "}, "recognised", []),
    ("receiver's method unknown", FERRITIN, "repeat-needed", ["MR-031"]),
    ("method unknown", FERRITIN | {"result.method": None, "request.receiver_method": "enzymatic"}, "repeat-needed", ["MR-031"]),
    ("use unknown", FERRITIN | {"request.use": None}, "repeat-needed", ["MR-031"]),
    ("presence needs no method", FERRITIN | {"request.use": "presence"}, "recognised", []),
    ("multiple of the upper limit without interval", {"request.use": "uln_multiple", "result.reference_high": None}, "repeat-needed", ["MR-032", "MR-034"]),
    ("multiple of the upper limit", {"request.use": "uln_multiple"}, "recognised-with-conversion", ["MR-032"]),
    ("unknown conversion", {"request.unit": "mmol/mol"}, "repeat-needed", ["MR-033"]),
    ("the receiver names no unit", {"request.unit": None}, "recognised", []),
    ("interference", {"result.interference": ["haemolysis"]}, "repeat-needed", ["MR-032", "MR-042"]),
]  # fmt: skip

WINDOWS = [
    ("the end belongs to it", {"request.use_at": "2026-03-11T09:00:00+08:00"}, "recognised-with-conversion", ["MR-032"]),
    ("in another zone", {"request.use_at": "2026-03-11T01:00:00Z"}, "recognised-with-conversion", ["MR-032"]),
    ("a second later", OLD, "repeat-needed", ["MR-032", "MR-051"]),
    ("used before it was taken", {"request.use_at": "2026-03-08T08:59:59+08:00"}, "repeat-needed", ["MR-032", "MR-050"]),
    ("no window", {"request.purpose": "MFR_ACCEPT"}, "repeat-needed", ["MR-032", "MR-052"]),
    ("LVEF 42 d", LVEF | {"request.use_at": days(42)}, "recognised", []),
    ("LVEF 43 d", LVEF | {"request.use_at": days(43)}, "repeat-needed", ["MR-051"]),
    ("LVEF 28 d, nobody asked", LVEF | {"request.use_at": days(28), "request.reset_events": None}, "recognised", []),
    ("LVEF 30 d, nobody asked", LVEF | {"request.reset_events": None}, "repeat-needed", ["MR-051"]),
    ("LVEF 30 d, another event", LVEF | {"request.reset_events": [{"type": "g_csf", "at": "2026-03-20T09:00:00+08:00"}]}, "recognised", []),
    ("LVEF 30 d, anthracycline before", LVEF | {"request.reset_events": [{"type": "anthracycline", "at": "2026-03-01T09:00:00+08:00"}]}, "recognised", []),
    ("contrast since", {"request.reset_events": [{"type": "contrast", "at": "2026-03-09T09:00:00+08:00"}]}, "repeat-needed", ["MR-032", "MR-053"]),
    ("contrast at an unknown time", {"request.reset_events": [{"type": "contrast", "at": None}]}, "repeat-needed", ["MR-032", "MR-053"]),
    ("infusion-day count is local", CBC | {"request.purpose": "INFUSION_DAY", "request.use_at": "2026-03-08T20:00:00+08:00"}, "repeat-needed", ["MR-060"]),
    ("response at day 28", PET | {"request.purpose": "RESPONSE", "request.infused_on": "2026-02-08"}, "recognised", []),
    ("response at day 36", PET | {"request.purpose": "RESPONSE", "request.infused_on": "2026-01-31"}, "repeat-needed", ["MR-051"]),
    ("adjudicated before the scan", PET | {"request.use_at": "2026-03-07T09:00:00+08:00"}, "repeat-needed", ["MR-050"]),
]  # fmt: skip

PRECEDENCE = [
    ("hard, whatever else", OLD | {"result.patient_match": False, "request.emergency": True}, "repeat-needed", ["MR-001", "MR-032", "MR-051"]),
    ("hard, override", {"result.patient_match": False} | override(), "repeat-needed", ["MR-001", "MR-032", "MR-090"]),
    ("hard, statutory case", {"result.patient_match": False, "request.statutory_case": 1, "request.asserted_by": "physician"},
     "repeat-needed", ["MR-001", "MR-032", "MR-070"]),
    ("emergency", OLD | {"request.emergency": True}, "clinician-override", ["MR-032", "MR-051", "MR-080"]),
    ("emergency needs no second sign-off", {"laboratory.eqa": [], "request.emergency": True}, "clinician-override", ["MR-020", "MR-032", "MR-080"]),
    ("emergency where nothing is to repeat", {"request.emergency": True}, "recognised-with-conversion", ["MR-032"]),
    ("emergency, blood group", ABO | {"request.emergency": True}, "repeat-needed", ["MR-060"]),
    ("emergency, markers for collection", HBSAG | {"request.use_at": days(40), "request.emergency": True}, "repeat-needed", ["MR-051"]),
    ("emergency, no conversion", {"request.unit": "mmol/mol", "request.emergency": True}, "repeat-needed", ["MR-033"]),
    ("override", OLD | override(), "clinician-override", ["MR-032", "MR-051", "MR-092"]),
    ("override by a nurse", OLD | override(role="nurse"), "repeat-needed", ["MR-032", "MR-051", "MR-090"]),
    ("override by the laboratory physician", OLD | override(role="laboratory_physician"), "clinician-override", ["MR-032", "MR-051", "MR-092"]),
    ("override with a code of the other direction", OLD | override(code="MR-070"), "repeat-needed", ["MR-032", "MR-051", "MR-090"]),
    ("override without a code", OLD | {"request.override": {"direction": "accept", "role": "physician"}}, "repeat-needed", ["MR-032", "MR-051", "MR-090"]),
    ("override of an unknown conversion", {"request.unit": "mmol/mol"} | override(), "repeat-needed", ["MR-033", "MR-090"]),
    ("override to repeat", override("repeat", "MR-072"), "clinician-override", ["MR-032", "MR-072"]),
    ("second sign-off by the same role", {"laboratory.eqa_suspended": True} | override(second="physician"), "repeat-needed", ["MR-021", "MR-032", "MR-090"]),
    ("second sign-off by the other physician", {"laboratory.eqa_suspended": True} | override(second="laboratory_physician"),
     "clinician-override", ["MR-021", "MR-032", "MR-092"]),
    ("emergency with a refused override", OLD | {"request.emergency": True} | override(role="nurse"), "clinician-override", ["MR-032", "MR-051", "MR-080", "MR-090"]),
    ("statutory case", {"request.statutory_case": 3, "request.asserted_by": "physician"}, "clinician-override", ["MR-032", "MR-072"]),
    ("statutory case of a nurse", {"request.statutory_case": 3, "request.asserted_by": "nurse"}, "recognised-with-conversion", ["MR-032"]),
    ("statutory case of nobody", {"request.statutory_case": 3}, "recognised-with-conversion", ["MR-032"]),
    ("statutory case 6 over a repeat reason", OLD | {"request.statutory_case": 6, "request.asserted_by": "laboratory_physician"},
     "clinician-override", ["MR-032", "MR-051", "MR-075"]),
]  # fmt: skip

RULES = recognition_rules()
EVERY_ROW = WORKED + UNKNOWN_COUNTS_AGAINST + PATHS + ASSESSMENT + QUANTITY + WINDOWS + PRECEDENCE


@pytest.mark.parametrize(("name", "changes", "outcome", "codes"), EVERY_ROW, ids=[row[0] for row in EVERY_ROW])
def test_recognition(name: str, changes: dict[str, Any], outcome: str, codes: list[str]) -> None:
    found = recognise(changed(RECOGNITION, changes), recognition_rules())
    assert (found.outcome, list(found.codes)) == (outcome, codes), name


@pytest.mark.parametrize("loinc", ["44136-0", "flow-mrd", "33358-3", "36916-5", "33944-0", "48378-4"])
def test_windows_of_response_against_a_plain_rendering(loinc: str) -> None:
    """Contract K9, day by day for two years: imaging, marrow and MRD around each visit; paraprotein and light chains from day 21, at most 31 days old."""
    visits = {28: 7, 90: 14, 182: 14, 274: 14, 365: 30, 548: 30, 730: 30}
    infused = datetime(2024, 1, 10, 12, tzinfo=timezone(timedelta(hours=8)))
    for day in range(800):
        for age in (timedelta(0), timedelta(days=31), timedelta(days=31, seconds=1)):
            taken = infused + timedelta(days=day)
            request = PET | {"result.loinc": loinc, "request.purpose": "RESPONSE", "request.infused_on": "2024-01-10", "laboratory.eqa.0.date": "2023-12-01",
                             "result.collected_at": taken.isoformat(), "request.use_at": (taken + age).isoformat()}  # fmt: skip
            fits = any(abs(day - visit) <= around for visit, around in visits.items())
            expected = fits if loinc in ("44136-0", "flow-mrd") else day >= 21 and age <= timedelta(days=31)
            if day % 7 in (0, 1) or fits:
                assert ("MR-051" not in recognise(changed(RECOGNITION, request), RULES).codes) is expected, (day, age)


def test_the_published_example_in_full() -> None:
    answer = recognise(RECOGNITION, recognition_rules()).as_json()
    assert (answer["converted_value"], answer["converted_unit"]) == (97.24, "umol/L")
    assert answer["valid_until"] == "2026-03-11T09:00:00+08:00"
    reason = next(reason for reason in answer["reasons"] if reason["criterion"] == "MR-032")
    assert reason["holds"] is True
    assert set(reason) >= {"criterion", "holds", "expression", "facts", "source"}


def test_statutory_case_and_emergency_say_their_direction() -> None:
    repeat = recognise(changed(RECOGNITION, {"request.statutory_case": 3, "request.asserted_by": "physician"}), recognition_rules())
    accept = recognise(changed(RECOGNITION, OLD | {"request.emergency": True}), recognition_rules())
    assert (repeat.direction, repeat.serves) == ("repeat", False)
    assert (accept.direction, accept.serves) == ("accept", True)


@pytest.mark.parametrize(("value", "unit"), [(-1, "mg/dL"), (-1, "umol/L"), (1100, "mg/dL")])
def test_a_value_that_cannot_be_true_is_told_and_serves_nobody(value: float, unit: str) -> None:
    """The fields of the contract stay as they are; the answer says beside them that the value is not used."""
    answer = recognise(changed(RECOGNITION, {"result.value": value, "result.unit": unit}), recognition_rules())
    told = {"fact": "creatinine", "code": "facts.given.implausible", "low": "5", "high": "3000", "unit": "umol/L"}
    assert (answer.outcome.startswith("recognised"), answer.serves, answer.as_json()["set_aside"]) == (True, False, [told])
    assert "set_aside" not in recognise(RECOGNITION, recognition_rules()).as_json()
