"""`missing` of the grades against trying: a fact is missing where two values of it, all others the same, give two grades, and else never.

Each example leaves one to five facts unknown and tries every combination of values of them. What counts as absent by convention is not asked for.
"""

from __future__ import annotations

from itertools import product
from math import prod
from random import Random

import pytest

from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.decide import decide
from policy_documents import policy
from soak_counts import examples

TRUTHS = (True, False)
MOST = 5_000  # combinations of one example
WINDOWS = ("infusion", "lymphodepletion")
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
    "tls-cairo-bishop-2004": {
        "age": (5, 40), "infusion_recorded": TRUTHS, "lymphodepletion_recorded": TRUTHS,
        **{f"max_urate_tls_{w}": (300, 500) for w in WINDOWS}, **{f"max_potassium_tls_{w}": (4.0, 6.5) for w in WINDOWS},
        **{f"max_phosphate_tls_{w}": (1.0, 1.5, 2.2) for w in WINDOWS}, **{f"min_calcium_tls_{w}": (1.7, 2.3) for w in WINDOWS},
    },
    "icaht-2023": {
        "days_since_infusion": (20, 40), "days_neutrophils_at_most_500_early": (0, 3, 8, 15), "days_neutrophils_at_most_100_early": (0, 8, 15),
        "first_day_neutrophils_at_most_500_early": (2, 5), "last_day_neutrophils_at_most_500_early": (0, 10, 20, 31), "early_follow_up_end_day": (5, 15, 25, 32),
        "second_lowest_neutrophils_late": (0.1, 0.4, 0.9, 1.4, 3.0),
    },
    "t-icaht-2025": {
        "days_since_infusion": (20, 40), "days_platelets_below_50_early": (0, 3, 8), "days_platelets_below_20_early": (0, 3, 15),
        "days_platelets_below_100_late": (0, 3), "days_platelets_below_50_late": (0, 3), "days_platelets_below_20_late": (0, 3, 15),
    },
    "tls-howard-2011": {
        "age": (5, 40), "infusion_recorded": TRUTHS, "lymphodepletion_recorded": TRUTHS,
        **{f"howard_{who}_abnormal_within_24h_{end}_tls_{w}": (0, 1, 2, 3) for who in ("adult", "child") for end in ("min", "max") for w in WINDOWS},
        **{f"max_creatinine_tls_{w}": (80, 120) for w in WINDOWS}, **{f"any_oliguria_tls_{w}": TRUTHS for w in WINDOWS},
    },
}  # fmt: skip


#: The two ends of a count: both are known or neither, and the lower is not above the upper.
BOUNDS = [tuple(f"howard_{who}_abnormal_within_24h_{end}_tls_{w}" for end in ("min", "max")) for who in ("adult", "child") for w in WINDOWS]

#: Values that are known lie between those that are tried: each unknown day can then lie on either side of the others.
KNOWN = {"last_day_neutrophils_at_most_500_early": (10, 20), "early_follow_up_end_day": (15, 25)}


def can_be(facts: dict) -> bool:
    """Whether each count that is known has its lower end not above its upper."""
    return all(facts[least] <= facts[most] for least, most in BOUNDS if facts.get(least) is not None and facts.get(most) is not None)


def together(facts: dict) -> dict:
    """The facts, a count being known at both ends or at neither."""
    half = {end for pair in BOUNDS if any(facts.get(one, 0) is None for one in pair) for end in pair}
    return {name: None if name in half else value for name, value in facts.items()}


def tried(name: str, facts: dict) -> set[str]:
    """The unknown facts that can change the grade, by trying."""
    form, values = compiled(policy(name)), VALUES[name]
    unknown = [fact for fact in facts if facts[fact] is None]
    whole = {chosen: facts | dict(zip(unknown, chosen, strict=True)) for chosen in product(*(values[one] for one in unknown))}
    found = {chosen: form.outcome(form.truths(all_known.get)) for chosen, all_known in whole.items() if can_be(all_known)}
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
        open_to_question = sorted(set(VALUES[name]) - {*policy(name).presumed, *policy(name).recorded_only})
        unknown = set(random.sample(open_to_question, random.randint(1, min(5, len(open_to_question)))))
        facts = {fact: None if fact in unknown else random.choice(KNOWN.get(fact, values)) for fact, values in VALUES[name].items()}
        facts = together(facts)
        if not can_be(facts) or prod(len(VALUES[name][fact]) for fact, value in facts.items() if value is None) > MOST:
            continue
        decision = decide(policy(name), facts, settle=False)
        expected = tried(name, facts) if decision.outcome == "undetermined" else set()
        printed = {fact for rule in policy(name).values if rule.id not in policy(name).told for fact in rule.facts}
        if decision.outcome == "undetermined":  # an analyte is asked for where it narrows a count
            printed |= {rule.id for rule in policy(name).asked}
        assert expected <= set(decision.missing), (number, facts)
        if any(facts.get(end, 0) is None for pair in BOUNDS for end in pair):  # the ends are judged one by one: more may be asked than the two together can change
            continue
        assert set(decision.missing) - expected <= {*policy(name).presumed, *policy(name).recorded_only, *printed}, (number, facts)


@pytest.mark.parametrize("name", ["crs-astct-2019", "icans-astct-2019"])
def test_of_many_unknown_facts_those_alone_are_missing_that_can_change_the_grade(name):
    """More than are tried in every combination by the rule itself; here every combination is tried all the same."""
    compared = 0
    for number in examples(60, f"missing of {name}, many unknown", 1_000):
        random = Random(number)
        read = sorted(VALUES[name])
        unknown = set(random.sample(read, random.randint(6, len(read) - 2)))
        facts = {fact: None if fact in unknown else random.choice(values) for fact, values in VALUES[name].items()}
        combinations = prod(len(VALUES[name][fact]) for fact in unknown)
        decision = decide(policy(name), facts, settle=False)
        if decision.outcome == "undetermined" and 1_500 < combinations <= 10_000:
            compared += 1
            expected = tried(name, facts)
            quiet = {*policy(name).presumed, *policy(name).recorded_only}
            assert expected <= set(decision.missing), (number, facts)
            assert set(decision.missing) - expected <= quiet, (number, facts)
    assert compared, "some example was undetermined, and tried"


@pytest.mark.parametrize(
    ("name", "facts", "idle"),
    [
        ("icans-astct-2019", {"sedated": True}, {"age", "ice_score", "capd_score", "arousal", "developmental_delay"}),
        ("icans-astct-2019", {"seizure": "resolves_rapidly", "sedated": True}, {"age", "ice_score", "capd_score", "arousal"}),
        ("crs-astct-2019", {"vasopressors": 1}, {"hypotension", "vasopressin"}),
        ("crs-astct-2019", {"crs_diagnosed": False}, {"fever_suppressed"}),
        ("crs-astct-2019", {"hypoxia_attributable": False}, {"oxygen_device", "oxygen_flow", "oxygen_reason"}),
        ("crs-astct-2019", {"oxygen_device": "cpap"}, {"oxygen_flow"}),
    ],
)
def test_what_can_change_nothing_is_not_asked_for_however_much_is_unknown(name, facts, idle):
    decision = decide(policy(name), facts)
    assert decision.outcome == "undetermined"
    assert set(decision.missing) & idle == set()
    assert decision.missing
