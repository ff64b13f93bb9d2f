"""Grades, eligibility, transfers and windows of response against a second, plain rendering of the published contracts.

What is unknown is tried in every way: a grade's bounds are the least and the greatest that any completion gives. `make soak` compares ten thousand of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from baybridge.exchange.transfer.check import check_transfer
from baybridge.recognition.recognise import recognise
from exchange_documents import RECOGNITION, TRANSFER, changed, documents, recognition_rules, transfer_rules
from policy_documents import apply
from soak_counts import examples

Facts = Mapping[str, Any]
TRUTHS = (True, False)
MOSTLY = (True, True, False)
FEW = 300


def drawn(random: Random, values: Mapping[str, Sequence[Any]], most_unknown: int) -> dict[str, Any]:
    """Facts of which a few are unknown."""
    unknown = set(random.sample(sorted(values), random.randint(0, most_unknown)))
    return {name: None if name in unknown else random.choice(some) for name, some in values.items()}


def completions(facts: Facts, values: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    unknown = [name for name in facts if facts[name] is None]
    for chosen in product(*(values[name] for name in unknown)):
        yield dict(facts) | dict(zip(unknown, chosen, strict=True))


def same_bounds(decision: Any, grades: Sequence[int], said: object) -> None:
    least, most = min(grades), max(grades)
    assert (decision.values["grade_min"], decision.values["grade_max"]) == (least, most), said
    assert decision.outcome == (f"grade-{least}" if least == most else "undetermined"), said


# --- CRS ------------------------------------------------------------------------------------------------------------

CRS: dict[str, tuple[Any, ...]] = {
    "temperature": (36.5, 37.9, 38.0, 39.5), "fever_attributable": MOSTLY, "crs_diagnosed": TRUTHS, "fever_suppressed": TRUTHS,
    "hypotension": ("none", "untreated", "fluids", "vasopressor"), "vasopressors": (0, 0, 1, 2, 3), "vasopressin": TRUTHS, "hypotension_attributable": MOSTLY,
    "oxygen_device": ("none", "nasal_cannula", "nasal_cannula", "nasal_cannula", "blow_by", "high_flow_nasal_cannula",
    "face_mask", "non_rebreather", "venturi", "cpap", "bipap", "intubated"),
    "oxygen_flow": (1, 6, 6.1, 40), "oxygen_reason": ("none", "hypoxia", "hypoxia", "hypoxia", "comfort", "airway_protection", "home_therapy"),
    "hypoxia_attributable": MOSTLY,
}  # fmt: skip
HIGH = ("high_flow_nasal_cannula", "face_mask", "non_rebreather", "venturi")


def crs_signs(f: Facts) -> tuple[int, int]:
    """What hypotension and hypoxia would give, were there fever."""
    hypotension = 0
    if f["hypotension_attributable"]:
        if f["vasopressors"] >= 2:
            hypotension = 4
        elif f["vasopressors"] == 1 or f["vasopressin"] or f["hypotension"] == "vasopressor":
            hypotension = 3
        elif f["hypotension"] != "none":
            hypotension = 2
    hypoxia, device = 0, f["oxygen_device"]
    if f["hypoxia_attributable"] and f["oxygen_reason"] == "hypoxia":
        if device in ("cpap", "bipap", "intubated"):
            hypoxia = 4
        elif device in HIGH or (device == "nasal_cannula" and f["oxygen_flow"] > 6):
            hypoxia = 3
        elif device in ("nasal_cannula", "blow_by"):
            hypoxia = 2
    return hypotension, hypoxia


def crs(f: Facts) -> tuple[int, str | None, list[str]]:
    """Grade, driver and flags of facts that are all known."""
    fever = f["temperature"] >= 38.0 and f["fever_attributable"]
    waived = f["crs_diagnosed"] and f["fever_suppressed"]
    signs = crs_signs(f)
    parts = {"hypotension": signs[0], "hypoxia": signs[1], "fever": int(fever)} if fever or waived else {"fever": 0}
    grade = max(parts.values())
    driver = next((name for name, points in parts.items() if grade and points == grade), None)
    flags = {
        "no_fever_no_crs": not fever and not f["crs_diagnosed"],
        "resolving_or_resolved": waived and not fever and not any(signs),
        "review_fever_rule": (f["fever_suppressed"] and not fever and not f["crs_diagnosed"])
        or (f["crs_diagnosed"] and not fever and not f["fever_suppressed"] and any(signs)),
        "review_vasopressin_alone": (fever or waived) and f["hypotension_attributable"] and f["vasopressin"] and f["vasopressors"] == 0,
    }
    return grade, driver, sorted(name for name, holds in flags.items() if holds)


def crs_values(facts: Facts) -> dict[str, tuple[Any, ...]]:
    """Without a vasopressor said, an unknown number of them is none."""
    none_needed = facts["hypotension"] in ("none", "untreated", "fluids")
    return {**CRS, "vasopressors": (0,), "vasopressin": (False,)} if none_needed else CRS


def test_crs():
    for number in examples(FEW, "CRS"):
        facts = drawn(Random(number), CRS, 3)
        decision = apply("crs-astct-2019", facts)
        found = [crs(one) for one in completions(facts, crs_values(facts))]
        same_bounds(decision, [grade for grade, _driver, _flags in found], (number, facts))
        if None not in facts.values():
            ((_grade, driver, flags),) = found
            assert (decision.values["driver"], decision.values["flags"], decision.values["flag"]) == (driver, flags, next(iter(flags), None)), (number, facts)


# --- ICANS ----------------------------------------------------------------------------------------------------------

ICANS: dict[str, tuple[Any, ...]] = {
    "age": (3, 11, 12, 60), "developmental_delay": TRUTHS, "ice_score": (0, 2, 3, 6, 7, 9, 10), "capd_score": (0, 1, 8, 9, 32),
    "arousal": ("spontaneous", "voice", "tactile", "unarousable"), "sedated": TRUTHS, "seizure": ("none", "resolves_rapidly", "prolonged", "repetitive"),
    "deep_focal_motor_weakness": TRUTHS, "cerebral_edema": ("none", "focal", "diffuse"), "edema_only_from_hemorrhage": TRUTHS, "raised_icp_sign": TRUTHS,
}  # fmt: skip


def icans(f: Facts) -> tuple[int, int]:
    """The least and the greatest grade of facts that are all known: a sedated patient's mind cannot be assessed."""
    own_edema = {"none": 0, "focal": 3, "diffuse": 4}[f["cerebral_edema"]] if not f["edema_only_from_hemorrhage"] else 0
    seizure = {"none": 0, "resolves_rapidly": 3, "prolonged": 4, "repetitive": 4}[f["seizure"]]
    body = max(own_edema, seizure, 4 if f["deep_focal_motor_weakness"] else 0, 4 if f["raised_icp_sign"] else 0)
    if f["sedated"]:
        return body, 4
    if f["age"] >= 12 and not f["developmental_delay"]:
        score = next(points for points, least in ((0, 10), (1, 7), (2, 3), (3, 0)) if f["ice_score"] >= least)
    else:
        score = 3 if f["capd_score"] >= 9 else 1 if f["capd_score"] >= 1 else 0
    grade = max(body, score, {"spontaneous": 0, "voice": 2, "tactile": 3, "unarousable": 4}[f["arousal"]])
    return grade, grade


def icans_values(facts: Facts) -> dict[str, tuple[Any, ...]]:
    """What counts as absent while nobody says otherwise."""
    return {**ICANS, "edema_only_from_hemorrhage": (False,), "developmental_delay": TRUTHS if facts["age"] is None else (False,)}


def test_icans():
    for number in examples(FEW, "ICANS"):
        facts = drawn(Random(number), ICANS, 3)
        found = [icans(one) for one in completions(facts, icans_values(facts))]
        same_bounds(apply("icans-astct-2019", facts), [grade for bounds in found for grade in bounds], (number, facts))


# --- eligibility ----------------------------------------------------------------------------------------------------


def either(*truths: bool | None) -> bool | None:
    return True if True in truths else None if None in truths else False


def rule(diagnoses: str, lines: int = 0, *further: str) -> Callable[[Facts], list[bool | None]]:
    """Adult, of these diagnoses, relapsed or refractory, after so many lines, with what each further fact says."""

    def criteria(f: Facts) -> list[bool | None]:
        counted = [at_least(f["lines_of_therapy"], lines)] if lines else []
        return [at_least(f["age"], 18), one_of(f["diagnosis"], diagnoses), *counted, *(f[name] for name in further)]

    return criteria


def at_least(value: float | None, limit: float) -> bool | None:
    return None if value is None else value >= limit


def at_most(value: float | None, limit: float) -> bool | None:
    return None if value is None else value <= limit


def one_of(code: str | None, codes: str) -> bool | None:
    return None if code is None else code in codes.split()


def second_line(f: Facts) -> list[bool | None]:
    exactly_one = None if f["lines_of_therapy"] is None else f["lines_of_therapy"] == 1
    late = either(f["refractory_to_first_line"], at_most(f["months_first_line_to_relapse"], 12))
    return [at_least(f["age"], 18), one_of(f["diagnosis"], "dlbcl pmbcl hgbl tfl"), exactly_one, f["first_line_immunochemotherapy"], late]


def follicular(f: Facts) -> list[bool | None]:
    late = either(f["refractory_to_last_line"], at_most(f["months_last_line_to_relapse"], 24))
    return [at_least(f["age"], 18), one_of(f["diagnosis"], "fl"), at_least(f["lines_of_therapy"], 2), late]


def gastric(f: Facts) -> list[bool | None]:
    not_her2 = None if f["her2_positive"] is None else not f["her2_positive"]
    return [*rule("gastric", 2)(f), f["cldn18_2_positive"], not_her2]


MYELOMA = ("relapsed_or_refractory", "had_proteasome_inhibitor", "had_immunomodulatory_drug")
LABELS: dict[str, Callable[[Facts], list[bool | None]]] = {
    "axi-cel-lbcl-2l-cn": second_line,
    "axi-cel-lbcl-3l-cn": rule("dlbcl pmbcl hgbl tfl", 2, "relapsed_or_refractory"),
    "relma-cel-lbcl-cn": rule("dlbcl pmbcl hgbl tfl fl3b", 2, "relapsed_or_refractory"),
    "relma-cel-fl-cn": follicular,
    "relma-cel-mcl-cn": rule("mcl", 2, "relapsed_or_refractory", "had_btk_inhibitor"),
    "renikeolunsai-lbcl-cn": rule("dlbcl pmbcl hgbl tfl", 2, "relapsed_or_refractory"),
    "inati-cel-ball-cn": rule("b_all", 0, "relapsed_or_refractory"),
    "eque-cel-mm-cn": rule("mm", 3, *MYELOMA),
    "eque-cel-mm-hk": rule("mm", 3, *MYELOMA),
    "zevor-cel-mm-cn": rule("mm", 3, *MYELOMA),
    "cilta-cel-mm-cn": rule("mm", 3, *MYELOMA),
    "satri-cel-gastric-cn": gastric,
}
ELIGIBILITY: dict[str, tuple[Any, ...]] = {
    "age": (17, 18, 60), "diagnosis": ("dlbcl", "pmbcl", "hgbl", "tfl", "fl", "fl3b", "mcl", "mm", "b_all", "gastric", "other"),
    "lines_of_therapy": (0, 1, 2, 3, 4), "months_first_line_to_relapse": (3, 12, 12.1), "months_last_line_to_relapse": (3, 24, 24.1),
    **dict.fromkeys(
        ("relapsed_or_refractory", "first_line_immunochemotherapy", "refractory_to_first_line", "refractory_to_last_line", "had_btk_inhibitor",
         "had_proteasome_inhibitor", "had_immunomodulatory_drug", "cldn18_2_positive", "her2_positive"), TRUTHS),
}  # fmt: skip


@pytest.mark.parametrize("label", sorted(LABELS))
def test_eligibility(label):
    diagnoses = [code for code in ELIGIBILITY["diagnosis"] if False not in {one_of(code, code)}]
    for number in examples(FEW // 3, label):
        random = Random(number)
        facts = drawn(random, ELIGIBILITY, 4)
        if facts["diagnosis"] is not None and random.random() < 0.7:  # else nearly every example fails by its diagnosis
            facts["diagnosis"] = random.choice([code for code in diagnoses if LABELS[label](dict.fromkeys(ELIGIBILITY) | {"diagnosis": code})[1]])
        truths = LABELS[label](facts)
        expected = "ineligible" if False in truths else "undetermined" if None in truths else "eligible"
        assert apply(label, facts).outcome == expected, (number, facts)


# --- transfers ------------------------------------------------------------------------------------------------------

ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
PROFILES = documents().folder("exchange")["profiles"]["purposes"]
HOLIDAYS = documents().folder("directory")["holidays"]["jurisdictions"]
MAYBE = (True, False, None)
TRANSFERS: dict[str, tuple[Any, ...]] = {
    "exporter.jurisdiction": ("CN", "CN", "CN", "HK", "MO"), "importer.jurisdiction": ("CN", "HK", "MO"), "exporter.gd9": MAYBE, "importer.gd9": MAYBE,
    "exporter.ciio": (False, False, True, None), "exporter.ytd_sensitive_persons": (0, 8999, 9000, 9999, 10000, None),
    "exporter.ytd_other_persons": (0, 999_999, 1_000_000, None),
    "transfer.emergency": (False, False, False, True, None), "transfer.important_data": (False, False, False, True, None),
    "transfer.contains_genomic": (False, False, True, None),
    "transfer.genomic_for_care": MAYBE, "transfer.origin": ("CN", "HK", "MO", None), "transfer.mixed_with_cn_data": MAYBE,
    "transfer.received_under": (None, None, "R5"),
    "transfer.encrypted": (True, True, False, None), "transfer.recipients": (["HK centre"], ["HK centre"], [], None),
    "transfer.retention_until": ("2036-03-25", "2026-03-25", "2026-03-24", None),
    "transfer.data_categories": (["Patient"], ["Patient"], ["Claim"], [], None), "transfer.origin_system": (None, None, "ehealth"),
    "transfer.at": ("2026-03-25T10:00:00+08:00", "2026-03-24T16:30:00Z", "2026-03-24T23:59:00+08:00", "2026-03-25T15:59:59Z"),
    "pipia.valid_until": ("2028-01-01", "2026-03-25", "2026-03-24", None),
    "contract.kind": ("gba", "gba", "gba", "national", "certificate", "pcpd_clauses"),
    "contract.effective_on": ("2026-03-02", "2026-03-10", "2026-03-11", "2026-03-25", "2026-03-26", None),
    "contract.filed_on": ("2026-03-06", "2026-03-16", "2026-03-17", "2026-04-30", None), "contract.purposes": (["CARE_REFERRAL"], ["CARE_REFERRAL"], ["CLAIM"], None),
    **dict.fromkeys([f"consents.{name}" for name in ("care", "sensitive", "cross_border", "hk_sharing", "mo_ground", "dspdp_notified")], (True, True, True, False, None)),
    "consents.withdrawn_on": (None, None, None, "2026-03-25", "2026-03-26"),
}  # fmt: skip


def working_days(code: str, after: date, until: date) -> int:
    calendar, count, day = HOLIDAYS[code], 0, after
    while day < until:
        day += DAY
        count += day in calendar["make_up_days"] or (day.weekday() < 5 and day not in calendar["holidays"])
    return count


def transfer_route(r: Mapping[str, Any]) -> str | None:
    t, e, i, kind = r["transfer"], r["exporter"], r["importer"], (r["contract"] or {}).get("kind")
    if e["jurisdiction"] == i["jurisdiction"]:
        return "R0"
    if t["emergency"] is True:
        return "R1"
    if e["jurisdiction"] == "CN":
        if t["important_data"] is True:
            return "R2"
        if t["origin"] in ("HK", "MO") and t["mixed_with_cn_data"] is False:
            return "R4"
        if e["gd9"] is True and kind not in ("national", "certificate"):
            return "R5"
        return "R2" if e["ciio"] is not False or volume(e) else "R7"
    if i["jurisdiction"] == "CN" and i["gd9"] is True and kind == "gba":
        return "R5"
    return {"HK": "R8", "MO": "R9"}[e["jurisdiction"]]


def volume(exporter: Mapping[str, Any]) -> bool:
    """An unknown number counts against."""
    sensitive, other = exporter["ytd_sensitive_persons"], exporter["ytd_other_persons"]
    return sensitive is None or sensitive >= 10_000 or other is None or other >= 1_000_000


def transfer_codes(r: Mapping[str, Any], route: str | None) -> set[str]:
    t, e, i, c = r["transfer"], r["exporter"], r["importer"], r["consents"]
    contract = r["contract"] or {}
    kind, on = contract.get("kind"), datetime.fromisoformat(t["at"]).astimezone(ZONE).date()
    day: Callable[[str | None], date | None] = lambda text: None if text is None else date.fromisoformat(text)  # noqa: E731 - one line, here alone
    effective, filed = day(contract.get("effective_on")), day(contract.get("filed_on"))
    in_force = effective is not None and effective <= on
    withdrawn = c["withdrawn_on"] is not None and date.fromisoformat(c["withdrawn_on"]) <= on
    ruled, crossing = route != "R1", route != "R0"
    mainland = e["jurisdiction"] == "CN" and route in ("R2", "R3", "R4", "R5", "R6", "R7")
    hong_kong, macao = (e["jurisdiction"] == code and ruled and crossing for code in ("HK", "MO"))
    outside = not (i["jurisdiction"] in ("HK", "MO") or i["gd9"] is True)
    from_outside = not (e["jurisdiction"] in ("HK", "MO") or e["gd9"] is True)
    genomic = t["contains_genomic"] is not False
    filing = None if effective is None else working_days(e["jurisdiction"], effective, on if filed is None or filed > on else filed)
    retention, assessed = day(t["retention_until"]), day((r["pipia"] or {}).get("valid_until"))
    return {
        code
        for code, holds in {
            "DT-010": (route == "R5" and kind != "gba")
            or (route == "R7" and not (kind in ("national", "certificate") and in_force))
            or (route == "R8" and kind != "pcpd_clauses"),
            "DT-011": (ruled and c["care"] is not True) or (route == "R0" and withdrawn),
            "DT-012": mainland and c["sensitive"] is not True,
            "DT-013": ((mainland or hong_kong) and c["cross_border"] is not True) or (crossing and ruled and withdrawn),
            "DT-014": ruled and t["origin_system"] == "ehealth" and c["hk_sharing"] is not True,
            "DT-015": macao and not (c["mo_ground"] is True and c["dspdp_notified"] is True),
            "DT-020": t["data_categories"] is None or not set(t["data_categories"]) <= set(PROFILES[t["purpose"]]["types"]),
            "DT-021": route == "R5" and kind == "gba" and t["purpose"] not in (contract.get("purposes") or ()),
            "DT-030": route in ("R7", "R8") and kind == "gba" and (outside or from_outside),
            "DT-031": t["received_under"] == "R5" and outside,
            "DT-032": ((route == "R5" and kind == "gba") or (route == "R8" and kind == "pcpd_clauses")) and not in_force,
            "DT-033": route == "R5" and kind == "gba" and in_force and (filing is None or filing > 10),
            "DT-034": crossing and ruled and i["name"] not in (t["recipients"] or ()),
            "DT-040": mainland and route != "R4" and (assessed is None or assessed < on),
            "DT-041": t["important_data"] is not False,
            "DT-042": route in ("R6", "R7") and (e["ytd_sensitive_persons"] or 0) >= 9000,
            "DT-043": (route == "R2" and (e["ciio"] is not False or volume(e))) or (route == "R5" and e["jurisdiction"] == "CN" and e["ciio"] is not False),
            "DT-050": genomic and t["genomic_for_care"] is not True,
            "DT-051": genomic and t["genomic_for_care"] is True,
            "DT-060": route == "R1",
            "DT-070": retention is None or retention < on,
            "DT-080": t["encrypted"] is not True,
        }.items()
        if holds
    }


HOLDS = {"DT-021", "DT-032", "DT-033", "DT-034", "DT-040", "DT-042", "DT-043", "DT-051"}


def test_transfers():
    for number in examples(FEW, "transfers"):
        random = Random(number)
        request = changed(TRANSFER, {path: random.choice(values) for path, values in TRANSFERS.items() if random.random() < 0.4})
        request["contract"] = None if random.random() < 0.1 else request["contract"]
        answer = check_transfer(request, transfer_rules()).as_json()
        route = transfer_route(request)
        codes = transfer_codes(request, route)
        outcome = "deny" if codes - HOLDS - {"DT-060"} else "hold" if codes & HOLDS else "allow-with-conditions" if codes else "allow"
        assert (answer["route"], answer["codes"], answer["outcome"]) == (route, sorted(codes) or ["DT-001"], outcome), (number, request)


# --- windows of response --------------------------------------------------------------------------------------------

VISITS = ((28, 7), (90, 14), (182, 14), (274, 14), (365, 30), (548, 30), (730, 30))
MONTHLY = ("33358-3", "36916-5", "33944-0", "48378-4")
OUT_OF_WINDOW = {"MR-050", "MR-051", "MR-052", "MR-053"}


def test_windows_of_response():
    rules = recognition_rules()
    infused = datetime(2026, 1, 5, 9, tzinfo=ZONE)
    for number in examples(FEW, "windows of response"):
        random = Random(number)
        edges = [at + random.choice((-1, 0, 1)) * (apart + random.choice((0, 1))) for at, apart in VISITS]
        day, loinc = random.choice((random.randint(0, 800), *edges)), random.choice(("44136-0", *MONTHLY))
        age = random.choice((timedelta(0), timedelta(days=5), timedelta(days=31), timedelta(days=31, minutes=1), timedelta(days=60)))
        collected = infused + max(day, 0) * DAY
        changes = {
            "result.loinc": loinc, "result.collected_at": collected.isoformat(), "result.reported_at": (collected + timedelta(hours=1)).isoformat(),
            "request.purpose": "RESPONSE", "request.use_at": (collected + age).isoformat(), "request.infused_on": infused.date().isoformat(),
            "laboratory.eqa": [{"loinc": "*", "date": collected.date().isoformat(), "passed": True}],
        }  # fmt: skip
        found = set(recognise(changed(RECOGNITION, changes), rules).as_json()["codes"]) & OUT_OF_WINDOW
        inside = (day >= 21 and age <= timedelta(days=31)) if loinc in MONTHLY else any(abs(day - at) <= apart for at, apart in VISITS)
        assert bool(found) is not inside, (number, loinc, day, age, found)
