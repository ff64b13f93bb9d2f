"""A thousand policies of 40 criteria for one patient, beside zen-engine's array expressions of the same rules. Goal: at most 4 ms."""

from __future__ import annotations

from time import perf_counter

import zen

from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.many import Many
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
    policies = [policy(shift) for shift in range(POLICIES)]
    peers = [zen.compile_expression(in_zen(shift)) for shift in range(POLICIES)]
    start = perf_counter()
    together = Many(policies)
    ready = perf_counter() - start
    start = perf_counter()
    forms = [(form.truths, form.outcome) for form in map(compiled, policies)]
    compiling = perf_counter() - start

    def one_by_one() -> tuple[str, ...]:
        get = facts.get
        return tuple(outcome(of(get)) for of, outcome in forms)

    def in_peer() -> tuple[str, ...]:
        return tuple("holds" if all(peer.evaluate(facts)) else "fails" for peer in peers)

    if not together.outcomes(facts) == one_by_one() == in_peer():
        raise SystemExit("the three give other outcomes")
    other = median_of_five(in_peer, 20)
    rows = {
        f"together (ready after {ready:.2f} s)": median_of_five(lambda: together.outcomes(facts), 20),
        f"one after the other ({compiling:.2f} s)": median_of_five(one_by_one, 20),
        "zen-engine, array expressions": other,
    }
    for name, time in rows.items():
        print(f"{POLICIES:,} policies, {name:36} {time / 1000:7.2f} ms   x {time / other:5.3f} of zen-engine")


if __name__ == "__main__":
    main()
