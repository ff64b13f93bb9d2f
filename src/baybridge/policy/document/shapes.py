"""The shapes that a policy can have, checked and frozen.

Main job: `Policy` and the five bodies: `Criteria`, `Table`, `Score`, `Limits`, `Findings`; each knows its rules in document order.

**Source**: design section 2; docs/architecture.md, "A policy document". Elsewhere: `reader.py` makes them, `one_case/decide.py` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypedDict

from baybridge.policy.language.expression import Expression
from baybridge.policy.language.types import FactType

Confidence = Literal["high", "medium", "low"]
UNDETERMINED = "undetermined"
NOT_IN_FORCE = "not-in-force"


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition (or formula): its tree, its text as written, the facts it reads, and the source it stands on."""

    id: str
    expression: Expression
    written: str
    facts: tuple[str, ...]
    source: str
    kind: str = "boolean"  # of its value
    text: Mapping[str, str] = field(default_factory=dict)  # in words, by language


@dataclass(frozen=True, slots=True)
class Criterion:
    """A rule that must hold; those that share `any_of` are alternatives."""

    rule: Rule
    any_of: str | None


@dataclass(frozen=True, slots=True)
class Criteria:
    """All criteria must hold."""

    criteria: tuple[Criterion, ...]
    holds: str
    fails: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in document order."""
        return tuple(criterion.rule for criterion in self.criteria)

    @property
    def groups(self) -> tuple[tuple[Criterion, ...], ...]:
        """The criteria as groups of alternatives, in document order."""
        found: dict[str, list[Criterion]] = {}
        for index, criterion in enumerate(self.criteria):
            found.setdefault(f"any:{criterion.any_of}" if criterion.any_of else f"one:{index}", []).append(criterion)
        return tuple(tuple(group) for group in found.values())


@dataclass(frozen=True, slots=True)
class TableRow:
    """A rule and the outcome when it is the first that holds."""

    rule: Rule
    outcome: str


@dataclass(frozen=True, slots=True)
class Table:
    """The first row that holds decides."""

    rows: tuple[TableRow, ...]
    default: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in document order."""
        return tuple(row.rule for row in self.rows)


@dataclass(frozen=True, slots=True)
class PointRow:
    """A rule and the points of its domain when it is the highest that holds."""

    rule: Rule
    points: int | float


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of a score: the points of its highest row that holds, else 0."""

    id: str
    rows: tuple[PointRow, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """The outcome of scores up to a limit (None: of all that are left); `{score}` in it is replaced."""

    outcome: str
    up_to: float | None


@dataclass(frozen=True, slots=True)
class ScoreNames:
    """Under which names a score is printed."""

    score: str = "score"
    min: str = "score_min"
    max: str = "score_max"
    driver: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Points by domain, summed or the highest, in bands."""

    combine: Literal["sum", "max"]
    domains: tuple[Domain, ...]
    names: ScoreNames
    bands: tuple[Band, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in document order."""
        return tuple(row.rule for domain in self.domains for row in domain.rows)


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a specification."""

    rule: Rule
    critical: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit must be kept."""

    limits: tuple[Limit, ...]

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in document order."""
        return tuple(limit.rule for limit in self.limits)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A code that is reported when its rule holds."""

    rule: Rule
    code: str
    severity: str
    overridable: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """Every row that holds is reported."""

    findings: tuple[FindingRow, ...]
    found: str
    clear: str

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in document order."""
        return tuple(row.rule for row in self.findings)


Body = Criteria | Table | Score | Limits | Findings


class Expected(TypedDict, total=False):
    """What must come out of a worked case; what is left out is not looked at."""

    outcome: str
    values: Mapping[str, object]
    missing: Sequence[str]
    would_settle: Sequence[Sequence[str]]
    reasons: Mapping[str, bool | None]


@dataclass(frozen=True, slots=True)
class WorkedCase:
    """An example in the document with what must come out."""

    name: str
    at: str | None
    facts: Mapping[str, Any]
    expect: Expected
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False)  # line and column, by names such as `facts.age`


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy document."""

    id: str
    version: str
    shape: str
    title: Mapping[str, str]
    sources: tuple[str, ...]
    confidence: Confidence
    jurisdiction: tuple[str, ...]
    in_force_from: date | None
    in_force_to: date | None
    notes: str
    define: Mapping[str, Expression]
    flags: tuple[Rule, ...]
    values: tuple[Rule, ...]
    recorded_only: tuple[str, ...]
    presumed: tuple[str, ...]  # facts that count as a value while nobody says otherwise: nobody is asked for them
    unasked: tuple[str, ...]  # facts that others stand for where they are absent: never named in `missing`
    told: tuple[str, ...]  # printed values that say how much was known: nobody is asked for them
    asked: tuple[Rule, ...]  # facts that are asked for while the outcome is open and their condition holds: a count is known within bounds alone
    cases: tuple[WorkedCase, ...]
    body: Body
    fact_types: Mapping[str, FactType]  # of every fact that the policy reads
    sha256: str
    origin: str
    text: str = field(repr=False)  # the document as written
    #: Compiled forms, made when they are first needed; a changed copy of the policy begins without any.
    memo: dict[str, Any] = field(init=False, default_factory=dict, repr=False, compare=False)

    @property
    def fact_names(self) -> tuple[str, ...]:
        """The facts that the policy reads, sorted."""
        return tuple(sorted(self.fact_types))
