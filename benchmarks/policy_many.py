"""A thousand policies of 40 criteria for one patient, beside zen-engine's array expressions of the same rules. Goal: at most 4 ms."""

from __future__ import annotations

import zen

from baybridge.policy.compiled import compiled
from benchmarks.policy_material import median_of_five, patient, policy, rule

POLICIES = 1_000


def in_zen(shift: int) -> str:
    """All criteria of a policy in the language of zen-engine."""
    text = ", ".join(rule(k, shift) for k in range(40))
    return f"[{text.replace(' AND ', ' and ').replace(' OR ', ' or ').replace(' IN ', ' in ')}]".replace(
        "('none', 'low')", "['none', 'low']"
    )


def main() -> None:
    """Print the time of all truth values and outcomes, and its ratio."""
    facts = patient(unknown=0)
    forms = [compiled(policy(shift)) for shift in range(POLICIES)]
    peers = [zen.compile_expression(in_zen(shift)) for shift in range(POLICIES)]
    truths = [(form.truths, form.outcome) for form in forms]

    def own() -> list[str]:
        get = facts.get
        return [outcome(of(get)) for of, outcome in truths]

    if [list(form.truths(facts.get)) for form in forms] != [peer.evaluate(facts) for peer in peers]:
        raise SystemExit("zen-engine gives other truth values")
    mine, other = median_of_five(own, 20), median_of_five(lambda: [peer.evaluate(facts) for peer in peers], 20)
    print(
        f"{POLICIES:,} policies, truths and outcomes   {mine / 1000:7.2f} ms   x {mine / other:5.3f} of zen-engine ({other / 1000:.2f} ms)"
    )


if __name__ == "__main__":
    main()
