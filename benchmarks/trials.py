"""One patient against 1,000 structured trials, and 100,000 patients against one changed trial, beside zen-engine in the same run.

Run: `python benchmarks/trials.py`. The aims are 20 ms and 50,000 decisions a second. The trials are invented: limits drawn around usual ones.
zen-engine gets the same criteria as compiled expressions, with every fact known, because its language has no unknown.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import polars as pl
import zen

from baybridge.documents.loader import Documents
from baybridge.matching.screening import outcomes
from baybridge.policy.document.reader import load
from baybridge.policy.engines.population import outcome_of
from baybridge.policy.one_case.many import Many
from baybridge.rulebook.library import fact_types

FACTS = {"age": 57, "ecog": 1, "neutrophils": 2.1, "platelets": 120.0, "hemoglobin": 95.0, "lvef": 58.0, "diagnosis": "dlbcl", "lines_of_therapy": 2}


def limits(draw: random.Random) -> dict[str, Any]:
    """The limits of an invented trial."""
    return {"age": draw.choice((18, 60, 65)), "ecog": draw.choice((0, 1, 2)), "neutrophils": draw.choice((0.5, 1.0, 1.5)),
            "platelets": draw.choice((50, 75, 100)), "hemoglobin": draw.choice((70, 80, 90)), "lvef": draw.choice((40, 45, 50)),
            "lines": draw.choice((1, 2, 3)), "diagnosis": draw.choice(("dlbcl", "mm", "fl"))}  # fmt: skip


def conditions(one: dict[str, Any]) -> list[str]:
    return [f"age >= {one['age']}", f"ecog <= {one['ecog']}", f"neutrophils >= {one['neutrophils']}", f"platelets >= {one['platelets']}",
            f"hemoglobin >= {one['hemoglobin']}", f"lvef >= {one['lvef']}", f"lines_of_therapy >= {one['lines']}", f"diagnosis = '{one['diagnosis']}'"]  # fmt: skip


def policy_text(number: int, rows: list[str]) -> str:
    names = "{en: x, zh-Hans: x, zh-Hant: x, pt: x}"
    criteria = "\n".join(f'  - {{id: c{n}, when: "{row}", text: {names}}}' for n, row in enumerate(rows))
    return (
        f'id: trial-{number}\nversion: "1"\nshape: criteria\ntitle: {names}\nsource: invented\nconfidence: high\njurisdiction: []\n'
        f"outcomes: {{holds: eligible, fails: ineligible}}\ncriteria:\n{criteria}\ncases: []\n"
    )


def timed(call: Callable[[], Any], times: int = 9) -> float:
    """Median milliseconds."""
    found = []
    for _ in range(times):
        began = perf_counter()
        call()
        found.append((perf_counter() - began) * 1000)
    return median(found)


def main() -> None:
    draw, types = random.Random(1), fact_types(Documents())
    rows = [conditions(limits(draw)) for _ in range(1000)]
    policies = Many(load(policy_text(n, row), f"trial-{n}", types) for n, row in enumerate(rows))
    compiled = [zen.compile_expression(" and ".join(row).replace(" = ", " == ")) for row in rows]
    ours = [outcome == "eligible" for outcome in outcomes(policies, FACTS).values()]
    if ours != [one.evaluate(FACTS) for one in compiled]:
        raise SystemExit("the two do not agree")
    one, other = timed(lambda: outcomes(policies, FACTS)), timed(lambda: [item.evaluate(FACTS) for item in compiled])
    table = pl.DataFrame(
        [{**FACTS, "age": draw.randint(18, 90), "ecog": draw.choice((0, 1, 2, None)), "platelets": draw.uniform(10, 300)} for _ in range(100_000)]
    ).lazy()
    people = table.collect().head(10_000).to_dicts()
    known = [{**person, "ecog": person["ecog"] or 0} for person in people]
    beside = timed(lambda: [compiled[0].evaluate(person) for person in known], 3)
    many = timed(lambda: outcome_of(table, policies.policies[0]).collect(), 5)
    report = {
        "one_patient_1000_trials_ms": round(one, 1), "aim_ms": 20.0, "zen_engine_ms": round(other, 1), "ratio_to_zen_engine": round(one / other, 2),
        "patients_a_second_one_trial": round(100_000 / many * 1000), "aim_a_second": 50_000,
        "zen_engine_patients_a_second": round(10_000 / beside * 1000), "times_zen_engine": round((100_000 / many) / (10_000 / beside), 1),
    }  # fmt: skip
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
