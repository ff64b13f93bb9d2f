"""One decision over 40 criteria beside zen-engine on the same rules, as one array expression.

Goals: truth values in 5.5 microseconds, the whole document in 60, four times the throughput of zen-engine.
"""

from __future__ import annotations

import zen

from baybridge.policy.one_case.compiled import compiled
from baybridge.policy.one_case.decide import decide
from benchmarks.policy_material import median_of_five, patient, policy, rule


def in_zen(k: int) -> str:
    """A criterion in the language of zen-engine."""
    text = rule(k).replace(" AND ", " and ").replace(" OR ", " or ").replace(" IN ", " in ")
    return text.replace("('none', 'low')", "['none', 'low']")


def main() -> None:
    """Print times and ratios; stop where both do not agree."""
    rules, facts, open_facts = policy(), patient(), patient(unknown=5)
    truths = compiled(rules).truths
    peer = zen.compile_expression(f"[{', '.join(in_zen(k) for k in range(40))}]")
    if list(truths(facts.get)) != peer.evaluate(facts):
        raise SystemExit("zen-engine gives other truth values")
    own = median_of_five(lambda: truths(facts.get))
    other = median_of_five(lambda: peer.evaluate(facts))
    rows = {
        "truth values of 40 criteria": own,
        "… with a fifth of the facts unknown": median_of_five(lambda: truths(open_facts.get)),
        "decision with every reason": median_of_five(lambda: decide(rules, facts)),
        "… as a document of Python objects": median_of_five(lambda: decide(rules, facts).as_json()),
        "zen-engine, one array expression": other,
    }
    for name, time in rows.items():
        print(f"{name:40} {time:8.2f} us   x {time / other:6.3f} of zen-engine")
    print(f"{'throughput beside zen-engine':40} {other / own:8.1f} times")


if __name__ == "__main__":
    main()
