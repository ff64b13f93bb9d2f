"""How long recognition takes: one result, and a case of 300, beside the same rules in zen-engine in the same run.

Run: `python benchmarks/recognition.py`. The aim is at most 1 ms a result at the median and 150 ms a case of 300 results.

zen-engine gets the facts already derived and with unknown values replaced by what counts against; its rows are the conditions of the policy
written in its language, and the benchmark stops where the two do not give the same codes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import zen

from baybridge.base.time import parse_instant
from baybridge.recognition.derive import derive
from baybridge.recognition.recognise import recognise
from baybridge.recognition.request import read

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from exchange_documents import RECOGNITION, changed, recognition_rules

#: The policy's conditions in the language of zen-engine; no_path and eqa_current stand for its defined names and its one sum of dates.
ZEN_ROWS = {
    "MR-001": "not f.result_patient_match", "MR-002": "not (f.result_status in ['final', 'corrected'])", "MR-003": "not f.result_signature_verified",
    "MR-010": "f.no_path", "MR-011": "f.no_path and f.laboratory_has_marks", "MR-012": "f.no_path and not f.accreditation_valid",
    "MR-013": "f.no_path and f.accreditation_valid and not f.accreditation_covers",
    "MR-014": "f.no_path and f.accreditation_valid and not (f.accreditation_signatory and f.laboratory_listed)",
    "MR-020": "not f.result_own_laboratory and not f.eqa_current", "MR-021": "not f.result_own_laboratory and f.eqa_suspended",
    "MR-031": "f.analyte_method_dependent and not f.method_is_receivers and (f.result_use in ['trend', 'cutoff'] or f.purpose_needs_same_method)",
    "MR-032": "f.unit_differs and f.conversion_known", "MR-033": "f.unit_differs and not f.conversion_known",
    "MR-034": "f.result_use == 'uln_multiple' and not f.reference_high_known", "MR-040": "not f.specimen_fits", "MR-041": "not f.stability_kept",
    "MR-042": "f.result_interference", "MR-050": "f.result_age_h < 0",
    "MR-051": "(f.window_kind == 'hours' and f.result_age_h > f.window_h) or (f.window_kind == 'days' and not f.within_window_days)",
    "MR-052": "f.window_kind == 'missing'", "MR-053": "f.reset_since_collection", "MR-060": "not f.result_own_laboratory and f.analyte_local_only",
    **{f"MR-07{n}": f"f.statutory_case == {n + 1} and f.statutory_case_by_clinician" for n in range(6)},
}  # fmt: skip
AGAINST: dict[str, Any] = {
    "result_patient_match": False, "result_status": "unknown", "result_signature_verified": False, "result_own_laboratory": False,
    "laboratory_has_marks": False, "laboratory_mark_covers": False, "accreditation_valid": False, "accreditation_covers": False,
    "accreditation_signatory": False, "laboratory_listed": False, "laboratory_alliance_verified": False, "eqa_suspended": True,
    "analyte_method_dependent": False, "method_is_receivers": False, "purpose_needs_same_method": False, "result_use": "trend",
    "unit_differs": False, "conversion_known": False, "reference_high_known": False, "specimen_fits": False, "stability_kept": False,
    "result_interference": True, "result_age_h": 1e9, "window_kind": "missing", "window_h": -1, "within_window_days": False,
    "reset_since_collection": True, "analyte_local_only": False, "statutory_case": 0, "statutory_case_by_clinician": False,
}  # fmt: skip


def zen_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts with what is unknown counted against, and the two names that zen's language has no dates or definitions for."""
    found = {name: default if facts.get(name) is None else facts[name] for name, default in AGAINST.items()}
    newest, taken = facts.get("eqa_newest_on"), facts.get("result_collected_on")
    current = newest is not None and taken is not None and newest.replace(year=newest.year + 1) >= taken
    accredited = all(
        found[name] for name in ("accreditation_valid", "accreditation_covers", "accreditation_signatory", "laboratory_listed")
    )
    path = accredited or any(found[name] for name in ("result_own_laboratory", "laboratory_mark_covers", "laboratory_alliance_verified"))
    return {**found, "no_path": not path, "eqa_current": bool(facts.get("eqa_newest_passed")) and current}


def zen_table() -> Any:
    """The rows as a decision table that collects every code."""
    rules = [{"_id": code, "in": condition, "out": f"'{code}'"} for code, condition in ZEN_ROWS.items()]
    table = {
        "hitPolicy": "collect", "inputs": [{"id": "in", "name": "condition"}], "outputs": [{"id": "out", "name": "code", "field": "code"}],
        "rules": rules,
    }  # fmt: skip
    nodes = [
        {"id": "a", "name": "in", "type": "inputNode"},
        {"id": "b", "name": "table", "type": "decisionTableNode", "content": table},
        {"id": "c", "name": "out", "type": "outputNode"},
    ]
    edges = [{"id": "1", "sourceId": "a", "targetId": "b"}, {"id": "2", "sourceId": "b", "targetId": "c"}]
    return zen.ZenEngine().create_decision(zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges})))


def case() -> list[dict[str, Any]]:
    """300 results of one patient, of several analytes, purposes and ages; some serve and some do not."""
    taken = parse_instant(RECOGNITION["result"]["collected_at"])
    analytes = (("2160-0", "mg/dL", "umol/L"), ("751-8", "10*9/L", "10*9/L"), ("2276-4", "ng/mL", "ng/mL"), ("1988-5", "mg/L", "mg/L"))
    return [
        changed(RECOGNITION, {
            "result.id": f"r{n}", "result.loinc": analytes[n % 4][0], "result.unit": analytes[n % 4][1], "request.unit": analytes[n % 4][2],
            "result.collected_at": (taken - timedelta(hours=n)).isoformat(), "result.patient_match": None if n % 17 == 0 else True,
            "request.purpose": ("LD_FITNESS", "TOX_MONITOR", "APH_FITNESS")[n % 3],
            "laboratory.eqa_suspended": n % 29 == 0,
        })
        for n in range(300)
    ]  # fmt: skip


def timed(call: Callable[[], Any], times: int) -> float:
    """Median milliseconds of a call."""
    found = []
    for _ in range(times):
        began = perf_counter()
        call()
        found.append((perf_counter() - began) * 1000)
    return median(found)


def main() -> None:
    rules, table, requests = recognition_rules(), zen_table(), case()
    facts = [zen_facts(dict(derive(read(request), rules.settings).facts)) for request in requests]
    for request, given in zip(requests, facts, strict=True):
        ours = list(recognise(request, rules).codes)
        theirs = sorted(row["code"] for row in table.evaluate({"f": given})["result"])
        if ours != theirs:
            raise SystemExit(f"the two do not agree: {ours} and {theirs}")
    one = median(timed(lambda request=request: recognise(request, rules), 1) for request in requests)
    whole = timed(lambda: [recognise(request, rules) for request in requests], 7)
    other = timed(lambda: [table.evaluate({"f": given}) for given in facts], 7)
    report = {
        "one_result_ms": round(one, 3), "one_result_aim_ms": 1.0, "case_of_300_ms": round(whole, 1), "case_of_300_aim_ms": 150.0,
        "zen_engine_300_ms": round(other, 1), "ratio_to_zen_engine": round(whole / other, 2),
        "note": "ours reads, derives, decides with reasons; zen-engine decides on facts already derived, without reasons",
    }  # fmt: skip
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
