"""A policy as functions of Python, made when they are first needed and kept with the policy.

Main job: `compiled(policy)` answers its `Compiled` form: `truths`, `formulas`, `outcome`, `bounds`, `grounds`, `used`.

The text of a function is compiled once in a process, whichever policy it comes from. Elsewhere: `generate.py` writes the text;
`interpret.py` and `verdict.py` are the reference that every function agrees with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property, lru_cache
from types import CodeType
from typing import Any, cast

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.shapes import Policy, Score
from baybridge.policy.language.types import Value
from baybridge.policy.one_case import generate
from baybridge.policy.one_case.ground import Ground, more_of
from baybridge.policy.one_case.interpret import arithmetic, call, days_between, months_between, shift
from baybridge.policy.one_case.verdict import band

Get = Callable[[str], Value]
Truths = tuple[bool | None, ...]  # in document order
TruthsOf = Callable[[Get], Truths]
FormulasOf = Callable[[Get], tuple[Value, ...]]
BoundsOf = Callable[[Truths], tuple[float, float]]
OutcomeOf = Callable[[Truths], str]
GroundsOf = Callable[[Truths, Mapping[str, Value]], tuple[Ground, ...]]
KEPT_TEXTS = 4_096

#: All that generated code can name besides its own constants; there are no built-ins.
_REACHABLE: dict[str, Any] = {
    "__builtins__": {},
    "int": int,
    "float": float,
    "min": min,
    "max": max,
    "sum": sum,
    "call": call,
    "arithmetic": arithmetic,
    "days_between": days_between,
    "months_between": months_between,
    "shift": shift,
    "Ground": Ground,
}
#: The types that a value of a fact may have besides None; numbers are looked at further, codes against their set.
_TYPES: Mapping[str, frozenset[type]] = {
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({float, int}),
    "text": frozenset({str}),
    "code": frozenset({str}),
    "date": frozenset({date}),
}


class Compiled:
    """The functions of one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.rule_ids = tuple(rule.id for rule in policy.body.rules)
        self.flag_ids = tuple(rule.id for rule in policy.flags)
        self.value_ids = tuple(rule.id for rule in policy.values)
        own = (*policy.sources, *(rule.source for rule in policy.body.rules))
        self.sources = tuple(dict.fromkeys(source for source in own if source))

    @cached_property
    def truths(self) -> TruthsOf:
        """`truths(get)`: the truth of every rule in document order, `get(name)` being the value of a fact or None."""
        return cast("TruthsOf", function_of("truths", *generate.conditions(self.policy)))

    @cached_property
    def formulas(self) -> FormulasOf:
        """`formulas(get)`: the truth of every flag, then every printed value."""
        return cast("FormulasOf", function_of("formulas", *generate.formulas(self.policy)))

    @cached_property
    def bounds(self) -> BoundsOf:
        """`bounds(truths)`: the least and greatest score; only for a score."""
        assert isinstance(self.policy.body, Score)  # noqa: S101 - a promise of the caller
        return cast("BoundsOf", function_of("bounds", generate.bounds(self.policy.body), {}))

    @cached_property
    def outcome(self) -> OutcomeOf:
        """`outcome(truths)`: the outcome, `undetermined` where what is unknown could change it."""
        body = self.policy.body
        own: dict[str, Any] = {}
        if isinstance(body, Score):
            own = {"bounds": self.bounds, "band": lru_cache(maxsize=256)(lambda points: band(body, points))}
        return cast("OutcomeOf", function_of("outcome", generate.outcomes(body), own))

    @cached_property
    def grounds(self) -> GroundsOf:
        """`grounds(truths, used)`: every reason, with its facts as they were given."""
        return cast("GroundsOf", function_of("grounds", *generate.grounds(self.policy, more_of(self.policy))))

    @cached_property
    def _expected(self) -> tuple[tuple[str, frozenset[type], frozenset[str] | None], ...]:
        facts = self.policy.fact_types.items()
        return tuple((name, _TYPES.get(fact.type, frozenset()), frozenset(fact.values) or None) for name, fact in facts)

    def used(self, facts: Mapping[str, Value]) -> tuple[dict[str, Value], bool]:
        """The facts that the policy reads, and whether all are surely of their type; where not, each is to be looked at."""
        used: dict[str, Value] = {}
        sound = True
        get = facts.get
        for name, types, codes in self._expected:
            used[name] = value = get(name)
            if value is None:
                continue
            kind = type(value)
            if kind not in types or (codes is not None and value not in codes):
                sound = False
            elif kind is float or kind is int:
                sound = sound and -MAX_INTEGER <= value <= MAX_INTEGER  # type: ignore[operator]
        return used, sound


def compiled(policy: Policy) -> Compiled:
    """The compiled form of a policy, kept with it."""
    found = policy.memo.get("compiled")
    if not isinstance(found, Compiled):
        found = policy.memo["compiled"] = Compiled(policy)
    return found


def function_of(name: str, text: str, constants: dict[str, object]) -> Callable[..., object]:
    """The function of that name which a text of `generate.py` defines; only whoever wrote the text knows what it takes and answers."""
    space: dict[str, object] = {**_REACHABLE, **constants}
    exec(_code(text), space)  # noqa: S102 - the text is ours: positions, operators and literals
    made = space[name]
    if not callable(made):
        raise TypeError(f"expected the text to define the function {name}")
    return made


@lru_cache(maxsize=KEPT_TEXTS)
def _code(text: str) -> CodeType:
    return compile(text, "<policy>", "exec")
