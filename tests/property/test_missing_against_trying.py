"""`missing` of the grades against trying: a fact is missing where two values of it, all others the same, give two grades, and else never.

Each example leaves one to five facts unknown and tries every combination of values of them. What counts as absent by convention is not asked for.
"""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.decide import decide
from policy_documents import policy
from soak_counts import examples

TRUTHS = (True, False)
VALUES: dict[str, dict[str, tuple]] = {
    "crs-astct-2019": {
        "temperature": (36.0, 39.0), "fever_attributable": TRUTHS, "crs_diagnosed": TRUTHS, "fever_suppressed": TRUTHS,
        "hypotension": ("none", "untreated", "fluids", "vasopressor"), "vasopressors": (0, 1, 2, 3), "vasopressin": TRUTHS, "hypotension_attributable": TRUTHS,
        "oxygen_device": ("none", "nasal_cannula", "blow_by", "face_mask", "cpap"), "oxygen_flow": (0, 4, 8), "oxygen_reason": ("none", "hypoxia"),
        "hypoxia_attributable": TRUTHS,
    },
    "icans-astct-2019": {
        "age": (5, 40), "ice_score": (0, 2, 5, 8, 10), "capd_score": (0, 4, 12), "arousal": ("spontaneous", "voice", "tactile", "unarousable"),
        "sedated": TRUTHS, "seizure": ("none", "resolves_rapidly", "prolonged"), "deep_focal_motor_weakness": TRUTHS,
        "cerebral_edema": ("none", "focal", "diffuse"), "raised_icp_sign": TRUTHS,
    },
}  # fmt: skip


def tried(name: str, facts: dict) -> set[str]:
    """The unknown facts that can change the grade, by trying."""
    form, values = compiled(policy(name)), VALUES[name]
    unknown = [fact for fact in facts if facts[fact] is None]
    found = {chosen: form.outcome(form.truths((facts | dict(zip(unknown, chosen, strict=True))).get)) for chosen in product(*(values[one] for one in unknown))}
    matters = set()
    for place, fact in enumerate(unknown):
        beside: dict[tuple, set[str]] = {}
        for chosen, outcome in found.items():
            beside.setdefault((*chosen[:place], *chosen[place + 1 :]), set()).add(outcome)
        if any(len(outcomes) > 1 for outcomes in beside.values()):
            matters.add(fact)
    return matters


@pytest.mark.parametrize("name", sorted(VALUES))
def test_what_is_missing_is_what_can_change_the_grade(name):
    for number in examples(150, f"missing of {name}"):
        random = Random(number)
        unknown = set(random.sample(sorted(VALUES[name]), random.randint(1, 5)))
        facts = {fact: None if fact in unknown else random.choice(values) for fact, values in VALUES[name].items()}
        decision = decide(policy(name), facts, settle=False)
        expected = tried(name, facts) if decision.outcome == "undetermined" else set()
        assert set(decision.missing) - {"developmental_delay"} == expected, (number, facts)
