"""Whole recognition of a result against a second, plain rendering of the published contract: outcome, every code, the converted value and the end of validity.

Written from the contract of recognition (gates A3, windows A5, precedence of the exchange contract), not from the product's documents. `make soak` compares ten thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from baybridge.recognition.recognise import recognise
from exchange_documents import RECOGNITION, changed, recognition_rules
from soak_counts import examples

FEW = 600
ZONE = ZoneInfo("Asia/Shanghai")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USE = datetime(2026, 7, 15, 8, tzinfo=ZONE)
COUNT = ("6690-2", "751-8", "731-0", "718-7", "777-3")
COAGULATION = ("6301-6", "14979-9", "3255-7", "48065-7")
LYSIS = ("3084-1", "2823-3", "2777-1", "17861-6")
LIVER = ("1742-6", "1920-8", "1975-2", "14631-6")
INFLAMMATION = ("1988-5", "2276-4", "2532-0")
LVEF = ("10230-1", "18043-0")
MONTHLY = ("36916-5", "33944-0", "48378-4")
PET = "44136-0"
BLOOD_GROUP = ("882-1", "10331-7")
NEW_DRUG = {"chemotherapy", "anthracycline", "steroid", "g_csf", "antiviral", "antibiotic", "anticoagulant", "nephrotoxin", "qt_drug", "tocilizumab",
            "anti_target_drug", "bridging"}  # fmt: skip

#: Analytes, purpose, hours from collection to use, what resets it (A5).
WINDOWS: list[tuple[tuple[str, ...], str, int, set[str]]] = [
    (("56888-1", "5196-1"), "APH_IDM", 720, {"transfusion", "ivig"}),
    (("13952-7", "13955-0", "24110-9", "20507-0"), "APH_IDM", 720, {"ivig"}),
    (("42595-9", "48398-2", "11011-4"), "APH_IDM", 720, {"antiviral"}),
    (("42595-9", "48398-2", "54206-8"), "LD_FITNESS", 336, {"antiviral"}),
    (("42595-9", "48398-2"), "LTFU", 720, {"antiviral"}),
    (("94500-6",), "APH_FITNESS", 72, {"new_symptoms"}),
    (("94500-6",), "LD_FITNESS", 72, {"new_symptoms"}),
    (COUNT, "APH_FITNESS", 72, {"transfusion", "g_csf"}),
    (COUNT, "LD_FITNESS", 72, {"transfusion", "g_csf"}),
    (COUNT, "INFUSION_DAY", 24, {"transfusion", "g_csf"}),
    (("731-0", "8122-4"), "APH_FITNESS", 72, {"steroid", "chemotherapy"}),
    (("2160-0", "14682-9", "98979-8"), "APH_FITNESS", 168, {"contrast", "nephrotoxin"}),
    (("2160-0", "14682-9", "98979-8"), "LD_FITNESS", 72, {"contrast", "nephrotoxin"}),
    (LIVER, "ELIGIBILITY", 336, NEW_DRUG),
    (LIVER, "LD_FITNESS", 72, NEW_DRUG),
    (INFLAMMATION, "LD_FITNESS", 72, {"infection"}),
    (INFLAMMATION, "TOX_MONITOR", 24, {"infection"}),
    (("26881-3",), "TOX_MONITOR", 24, {"tocilizumab"}),
    (COAGULATION, "APH_FITNESS", 168, {"anticoagulant"}),
    (COAGULATION, "LD_FITNESS", 72, {"anticoagulant"}),
    (COAGULATION, "TOX_MONITOR", 24, {"anticoagulant"}),
    (LYSIS, "LD_FITNESS", 72, set()),
    (LYSIS, "TOX_MONITOR", 24, set()),
    (LVEF, "ELIGIBILITY", 672, {"anthracycline", "radiotherapy", "new_symptoms", "infection"}),
    (LVEF, "LD_FITNESS", 672, {"anthracycline", "radiotherapy", "new_symptoms", "infection"}),
    (("6598-7", "67151-1", "33762-6"), "LD_FITNESS", 168, set()),
    (("2118-8", "2110-5", "21198-7", "2106-3"), "APH_FITNESS", 168, set()),
    (("2118-8", "2110-5", "21198-7", "2106-3"), "LD_FITNESS", 72, set()),
    (("59408-5", "29463-7", "8310-5"), "INFUSION_DAY", 24, set()),
    (("2465-3",), "LTFU", 720, {"ivig"}),
    ((PET,), "LD_FITNESS", 672, {"bridging"}),
    (MONTHLY, "LD_FITNESS", 336, set()),
]  # fmt: skip
OF_METHOD = {"2276-4", "6598-7", "67151-1", "33762-6", "26881-3", *MONTHLY, "42595-9", "48398-2", "48065-7", "14979-9"}
LOCAL_ONLY = [(set(COUNT), "INFUSION_DAY"), ({"59408-5", "29463-7", "8310-5"}, "INFUSION_DAY"), ({"2118-8", "2110-5", "21198-7", "2106-3"}, "LD_FITNESS")]
#: Pairs of units of an analyte: by what to multiply, none where the two are one unit, nothing where no factor is known.
ONE, NO_FACTOR = Decimal(1), None
UNITS: dict[str, tuple[tuple[str, str, Decimal | None], ...]] = {
    "2160-0": (("mg/dL", "umol/L", Decimal("88.4")), ("umol/L", "umol/L", ONE), ("mg/dL", "g/L", Decimal("0.01")), ("mg/dL", "U/L", NO_FACTOR)),
    "1975-2": (("mg/dL", "umol/L", Decimal("17.1")),),
    "3084-1": (("mg/dL", "umol/L", Decimal("59.48")),),
    "17861-6": (("mg/dL", "mmol/L", Decimal("0.2495")), ("meq/L", "mmol/L", Decimal("0.5"))),
    "718-7": (("g/dL", "g/L", Decimal(10)), ("g/L", "10*9/L", NO_FACTOR)),
    "1988-5": (("mg/dL", "mg/L", Decimal(10)), ("mg/L", "mg/L", ONE)),
    "1742-6": (("U/L", "[IU]/L", ONE), ("[IU]/L", "U/L", ONE)),
    "777-3": (("10*3/uL", "10*9/L", Decimal(1)), ("10*9/L", "g/L", NO_FACTOR)),
    "2276-4": (("ng/mL", "ug/L", Decimal(1)), ("ug/L", "mg/L", Decimal("0.001"))),
    "42595-9": (("{copies}/mL", "[IU]/mL", NO_FACTOR),),
    "26881-3": (("pg/mL", "ng/L", Decimal(1)),),
}  # fmt: skip
HARD = {"MR-001", "MR-002", "MR-003", "MR-050"}
NOT_OVERRIDABLE = {"MR-033", "MR-060"}
CLINICAL = ("physician", "laboratory_physician")
ALL = {"loinc": "*", "specimen": "*", "method": "*"}


# --- the plain rendering --------------------------------------------------------------------------------------------


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def holds_on(validity: Mapping[str, Any] | None, day: date | None) -> bool:
    """An end that is not known is no end that was kept."""
    if validity is None or day is None or validity["valid_from"] is None or validity["valid_to"] is None:
        return False
    return date.fromisoformat(validity["valid_from"]) <= day <= date.fromisoformat(validity["valid_to"])


def covers(accreditation: Mapping[str, Any], result: Mapping[str, Any]) -> bool:
    return any(all(entry[name] in ("*", result[name] or "not known") for name in ALL) for entry in accreditation["scope"] or ())


def mark_covers(laboratory: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    if not (laboratory["jurisdiction"].startswith("CN") and request["receiver_jurisdiction"].startswith("CN")):
        return False
    province = f"PROVINCE:{request['receiver_jurisdiction'].removeprefix('CN-')}"
    return bool({"NATIONAL", province, f"CITY:{request['receiver_city']}"} & set(laboratory["hr_marks"] or ()))


def path_codes(r: Mapping[str, Any], day: date | None) -> set[str]:
    laboratory, request = r["laboratory"], r["request"]
    valid = [one for one in laboratory["accreditations"] or () if (one["standard"] or "").startswith("ISO15189") and holds_on(one, day)]
    covering = [one for one in valid if covers(one, r["result"])]
    listed = laboratory["alliance_listed"] is True
    path_a = mark_covers(laboratory, request)
    path_b = listed and any(one["mra_signatory"] is True for one in covering)
    path_c = holds_on(laboratory["alliance_verified"], day) and request["purpose"] != "OBA_OUTCOME"
    if path_a or path_b or path_c:
        return set()
    codes = {"MR-010"} | ({"MR-011"} if laboratory["hr_marks"] else set())
    if not valid:
        return codes | {"MR-012"}
    codes |= set() if covering else {"MR-013"}
    signed = any(one["mra_signatory"] is True for one in covering or valid)
    return codes | (set() if signed and listed else {"MR-014"})


def eqa_codes(r: Mapping[str, Any], day: date | None) -> set[str]:
    laboratory = r["laboratory"]
    codes = set() if laboratory["eqa_suspended"] is False else {"MR-021"}
    entries = [one for one in laboratory["eqa"] or () if one["loinc"] in ("*", r["result"]["loinc"]) and day and date.fromisoformat(one["date"]) <= day]
    newest = max(entries, key=lambda one: one["date"], default=None)
    if newest is None or newest["passed"] is not True:
        return codes | {"MR-020"}
    on = date.fromisoformat(newest["date"])
    return codes | (set() if on.replace(year=on.year + 1) >= day else {"MR-020"})


def quantity_codes(r: Mapping[str, Any]) -> tuple[set[str], Decimal | None]:
    """Codes of method, unit, interval and interference, and by what the value is multiplied."""
    result, request, codes = r["result"], r["request"], set()
    if result["loinc"] in OF_METHOD:
        known = result["method"] is not None and result["method"] == request.get("receiver_method")
        if not known and (request["use"] in ("trend", "cutoff", None) or request["purpose"] == "OBA_OUTCOME"):
            codes.add("MR-031")
    factor: Decimal | None = ONE
    if request["unit"] is not None and request["unit"] != result["unit"]:
        factor = next((by for a, b, by in UNITS.get(result["loinc"], ()) if (a, b) == (result["unit"], request["unit"])), None)
        same = {request["unit"], result["unit"]} == {"U/L", "[IU]/L"}
        codes |= set() if same else {"MR-032"} if factor is not None else {"MR-033"}
    if request["use"] in ("uln_multiple", None) and result["reference_high"] is None:
        codes.add("MR-034")
    if result["interference"] != []:
        codes.add("MR-042")
    return codes, factor


def days_since_infusion(r: Mapping[str, Any], collected: datetime) -> int | None:
    on = r["request"]["infused_on"]
    return None if on is None else (collected.astimezone(ZONE).date() - date.fromisoformat(on)).days


VISITS = ((28, 7), (90, 14), (182, 14), (274, 14), (365, 30), (548, 30), (730, 30))


def window_codes(r: Mapping[str, Any]) -> tuple[set[str], datetime | None]:
    """Codes of the window, and its end where it is hours from collection."""
    result, request = r["result"], r["request"]
    loinc, purpose, events = result["loinc"], request["purpose"], request["reset_events"]
    collected, use = moment(result["collected_at"]), moment(request["use_at"])
    age = use - collected
    codes = {"MR-050"} if age < timedelta(0) else set()
    if loinc in BLOOD_GROUP:
        return codes | reset_codes(r, {"transplant"}, collected), None
    if purpose in ("RESPONSE", "OBA_OUTCOME"):
        day = days_since_infusion(r, collected)
        if loinc in MONTHLY and purpose == "RESPONSE":
            inside = day is not None and day >= 21 and age <= 31 * DAY
            return codes | (set() if inside else {"MR-051"}), None
        visits = VISITS if purpose == "RESPONSE" else ((90, 14),)
        return codes | (set() if day is not None and any(abs(day - at) <= apart for at, apart in visits) else {"MR-051"}), None
    rows = [row for row in WINDOWS if loinc in row[0] and purpose == row[1]]
    if not rows:
        return codes | {"MR-052"}, None
    window, resets = min(row[2] for row in rows) * HOUR, set[str]().union(*(row[3] for row in rows))
    if loinc in LVEF and events is not None:
        window = 42 * DAY
    if age > window:
        codes.add("MR-051")
    return codes | reset_codes(r, resets, collected), collected + window


def reset_codes(r: Mapping[str, Any], resets: set[str], collected: datetime) -> set[str]:
    events = r["request"]["reset_events"]
    if events is None:
        return {"MR-053"} if resets and r["result"]["loinc"] not in LVEF else set()
    return {"MR-053"} if any(one["type"] in resets and moment(one["at"]) > collected for one in events) else set()


def judged(r: Mapping[str, Any]) -> dict[str, Any]:
    result, laboratory, request = r["result"], r["laboratory"], r["request"]
    collected = moment(result["collected_at"])
    day = collected.astimezone(ZONE).date()
    codes = set() if result["patient_match"] is True else {"MR-001"}
    codes |= set() if result["status"] in ("final", "corrected") else {"MR-002"}
    codes |= set() if result["signature_verified"] is True else {"MR-003"}
    if laboratory["id"] != request["receiver_site"]:
        codes |= path_codes(r, day) | eqa_codes(r, day)
        if result["loinc"] in BLOOD_GROUP or any(result["loinc"] in names and request["purpose"] == purpose for names, purpose in LOCAL_ONLY):
            codes.add("MR-060")
    of_quantity, factor = quantity_codes(r)
    of_window, until = window_codes(r)
    codes |= of_quantity | of_window
    repeat = codes - {"MR-032"}
    nobody = result["loinc"] in BLOOD_GROUP or request["purpose"] == "APH_IDM"
    overridable = not (repeat & (HARD | NOT_OVERRIDABLE)) and not (nobody and repeat)
    asserted = request["statutory_case"] is not None and request["asserted_by"] in CLINICAL
    if asserted:
        codes.add(f"MR-07{request['statutory_case'] - 1}")
    outcome, override = None, request["override"]
    if repeat & HARD:
        outcome = "repeat-needed"
    elif repeat and overridable and request["emergency"] is True:
        outcome = "clinician-override"
        codes.add("MR-080")
    if override is not None:
        if not repeat & HARD and override_allowed(override, repeat, overridable):
            outcome = outcome or "clinician-override"
            codes.add(override["code"])
        else:
            codes.add("MR-090")
    if outcome is None and asserted:
        outcome = "clinician-override"
    value = Decimal(str(result["value"])) * factor if "MR-032" in codes else None
    outcome = outcome or ("repeat-needed" if repeat else "recognised-with-conversion" if "MR-032" in codes else "recognised")
    return {"outcome": outcome, "codes": sorted(codes), "value": value, "until": until}


def override_allowed(override: Mapping[str, Any], repeat: set[str], overridable: bool) -> bool:
    kinds = {"accept": ("MR-091", "MR-092", "MR-093"), "repeat": tuple(f"MR-07{n}" for n in range(6))}
    signed = override["role"] in CLINICAL and override["code"] in kinds[override["direction"]]
    second = override["second_sign_off"] in (*CLINICAL, "quality_manager") and override["second_sign_off"] != override["role"]
    return signed and overridable and (second or not repeat & {"MR-020", "MR-021"})


# --- generated requests ---------------------------------------------------------------------------------------------

PURPOSES = ("ELIGIBILITY", "APH_IDM", "APH_FITNESS", "MFR_ACCEPT", "LD_FITNESS", "INFUSION_DAY", "TOX_MONITOR", "RESPONSE", "OBA_OUTCOME", "LTFU")
ANALYTES = sorted({loinc for row in WINDOWS for loinc in row[0]} | set(BLOOD_GROUP) | {PET, *MONTHLY})
EVENTS = ("transfusion", "ivig", "chemotherapy", "anthracycline", "radiotherapy", "steroid", "g_csf", "antiviral", "antibiotic", "anticoagulant", "contrast",
          "nephrotoxin", "qt_drug", "tocilizumab", "anti_target_drug", "bridging", "transplant", "infection", "fever", "new_symptoms")  # fmt: skip
NOW_AND_THEN = 0.08


def rarely(random: Random, usual: Any, *others: Any) -> Any:
    return random.choice(others) if random.random() < NOW_AND_THEN else usual


def written(random: Random, at: datetime) -> str:
    return at.astimezone(random.choice((ZONE, ZoneInfo("UTC"), ZoneInfo("Europe/Lisbon")))).isoformat()


def accreditation(random: Random, loinc: str, collected: date) -> dict[str, Any]:
    ends = (collected + timedelta(days=d) for d in (-1, 0, 400))
    starts = (collected + timedelta(days=d) for d in (1, 0, -700))
    exactly = {"loinc": loinc, "specimen": "serum", "method": "enzymatic"}
    scopes = ([ALL], [ALL | {"loinc": loinc}], [ALL | {"loinc": "9999-1"}], [ALL | {"specimen": "urine"}], [exactly], [], None)
    return {
        "standard": rarely(random, "ISO15189:2022", "ISO15189:2012", "ISO17025", "CAP", None), "body": "NATA", "mra_signatory": rarely(random, True, False, None),
        "valid_from": rarely(random, "2024-01-01", *(one.isoformat() for one in starts), None),
        "valid_to": rarely(random, "2028-12-31", *(one.isoformat() for one in ends), None),
        "scope": [ALL] if random.random() < 0.6 else random.choice(scopes),
    }  # fmt: skip


def laboratory_of(random: Random, loinc: str, collected: date) -> dict[str, Any]:
    year_ago = collected.replace(year=collected.year - 1)
    days = random.sample([year_ago, year_ago - timedelta(days=1), collected, collected + timedelta(days=1), collected - timedelta(days=90)], random.randint(0, 2))
    eqa = [{"loinc": random.choice(("*", loinc, "9999-1")), "date": one.isoformat(), "passed": random.choice((True, True, True, False, None))} for one in days]
    verified = [{"valid_from": "2025-01-01", "valid_to": end} for end in (collected.isoformat(), (collected - timedelta(days=1)).isoformat(), None)]
    return {
        "id": rarely(random, "a-lab", "gd-centre"), "jurisdiction": random.choice(("CN-GD", "CN-FJ", "HK", "MO")),
        "hr_marks": random.choice(([], [], ["NATIONAL"], ["PROVINCE:GD"], ["CITY:Guangzhou"], ["PROVINCE:FJ", "CITY:Shenzhen"], None)),
        "accreditations": rarely(random, [accreditation(random, loinc, collected) for _ in range(random.randint(1, 2))], [], None),
        "alliance_listed": rarely(random, True, False, None), "alliance_verified": random.choice((None, None, None, *verified)),
        "eqa": rarely(random, [{"loinc": "*", "date": (collected - timedelta(days=30)).isoformat(), "passed": True}], [], None) if random.random() < 0.6 else eqa,
        "eqa_suspended": rarely(random, False, True, None),
    }  # fmt: skip


def override_of(random: Random) -> dict[str, Any] | None:
    if random.random() < 0.6:
        return None
    direction = random.choice(("accept", "accept", "repeat"))
    codes = ("MR-091", "MR-092", "MR-093") if direction == "accept" else ("MR-070", "MR-075")
    return {"direction": direction, "code": rarely(random, random.choice(codes), "MR-074", "MR-091"), "role": rarely(random, random.choice(CLINICAL), "nurse", None),
            "second_sign_off": random.choice((None, "quality_manager", "laboratory_physician", "nurse"))}  # fmt: skip


def age_of(random: Random, loinc: str, purpose: str) -> timedelta:
    edges = [row[2] * HOUR for row in WINDOWS if loinc in row[0] and row[1] == purpose] or [72 * HOUR]
    edges += [42 * DAY] if loinc in LVEF else [31 * DAY] if loinc in MONTHLY else []
    edge = random.choice(edges)
    second = timedelta(seconds=1)
    return random.choice((HOUR, edge / 2, edge - second, edge, edge + second, edge + random.randint(0, 20) * DAY, rarely(random, HOUR, -HOUR)))


def request_of(random: Random) -> dict[str, Any]:
    loinc = random.choice((random.choice(ANALYTES), random.choice(sorted(UNITS))))
    purposes = [row[1] for row in WINDOWS if loinc in row[0]] or ["RESPONSE"] * (loinc not in BLOOD_GROUP) + ["OBA_OUTCOME"] or list(PURPOSES)
    purpose = random.choice(purposes) if random.random() < 0.8 else random.choice(PURPOSES)
    age = age_of(random, loinc, purpose)
    collected = USE - age
    start, end, _factor = random.choice(UNITS.get(loinc, (("a.u.", "a.u.", ONE),)))
    unit = (start, end) if random.random() < 0.7 else (start, random.choice((start, None)))
    visit, apart = random.choice(VISITS)
    infused = collected.date() - timedelta(days=max(0, visit + random.choice((-1, 0, 1)) * (apart + random.choice((0, 1)))))
    between = [collected + age * random.choice((-1, 0, 0.5, 1)) for _ in range(random.randint(1, 3))] if age > timedelta(0) else []
    events = [{"type": random.choice(EVENTS), "at": written(random, at)} for at in between]
    return changed(RECOGNITION, {
        "result.status": rarely(random, random.choice(("final", "corrected")), "preliminary", "cancelled", None),
        "result.patient_match": rarely(random, True, False, None), "result.signature_verified": rarely(random, True, False, None),
        "result.loinc": loinc, "result.method": random.choice(("enzymatic", "enzymatic", "other", None)), "result.value": random.choice((0.1, 1.1, 7, 12.34, 250)),
        "result.specimen": rarely(random, "serum", "urine", None),
        "result.unit": unit[0], "result.reference_high": rarely(random, 1.2, None), "result.interference": rarely(random, [], ["haemolysis"], None),
        "result.collected_at": written(random, collected), "result.reported_at": written(random, collected + HOUR),
        "laboratory": laboratory_of(random, loinc, collected.date()),
        "request.receiver_jurisdiction": random.choice(("CN-GD", "CN-GD", "HK", "MO")), "request.purpose": purpose, "request.use_at": written(random, USE),
        "request.unit": unit[1], "request.receiver_method": random.choice(("enzymatic", "enzymatic", "other", None)),
        "request.use": rarely(random, random.choice(("presence", "cutoff", "trend", "uln_multiple")), None),
        "request.reset_events": [] if random.random() < 0.6 else random.choice((events, events, None)), "request.infused_on": rarely(random, infused.isoformat(), None),
        "request.emergency": rarely(random, False, True, None), "request.statutory_case": rarely(random, None, 1, 2, 3, 4, 5, 6),
        "request.asserted_by": random.choice((None, "physician", "laboratory_physician", "nurse")), "request.override": override_of(random),
    })  # fmt: skip


def test_recognition():
    rules, outcomes, codes = recognition_rules(), Counter[str](), Counter[str]()
    for number in examples(FEW, "recognition"):
        request = request_of(Random(number))
        found, expected = recognise(request, rules), judged(request)
        assert (found.outcome, list(found.codes)) == (expected["outcome"], expected["codes"]), (number, request)
        assert (None if found.conversion is None else Decimal(str(found.converted_value))) == expected["value"], (number, request)
        if expected["until"] is not None:
            assert found.valid_until == expected["until"], (number, request)
        outcomes[found.outcome] += 1
        codes.update(found.codes)
    assert set(outcomes) == {"recognised", "recognised-with-conversion", "repeat-needed", "clinician-override"}, "each outcome came up"
    assert len(codes) >= 30, f"nearly every code came up: {sorted(codes)}"
