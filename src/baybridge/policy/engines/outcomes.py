"""The outcome and the values of a policy as column expressions, for any engine of `engine.py`.

Main job: `plan(policy, engine, …)` answers a `Plan`: the columns to add, stage by stage, and then `outcome`, `value.<name>` and
`holds.<rule>`, in this order. A row with a value that its fact cannot take has the outcome `refused` and nothing else.

Elsewhere: `columns.py` writes the rules; `one_case/verdict.py` is the reference for outcomes; `population.py` is the plan on Polars,
`rulebook/tables_spark.py` on Spark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

from baybridge.policy.document.shapes import UNDETERMINED, Body, Criteria, Domain, Findings, Limits, Policy, Score, Table
from baybridge.policy.engines.columns import OURS, Column, Columns
from baybridge.policy.engines.engine import Engine, Expr

REFUSED = "refused"


class Named(NamedTuple, Generic[Expr]):
    """A column to be made: its name, its expression, and the kind of its value; `names` is a list of texts."""

    name: str
    expr: Expr
    kind: str


@dataclass(frozen=True, slots=True)
class Plan(Generic[Expr]):
    """Columns to add in stages, each over the table and the stages before it, and the columns of the answer."""

    stages: Sequence[Sequence[tuple[str, Expr]]]
    answers: Sequence[Named[Expr]]


def plan(policy: Policy, engine: Engine[Expr], absent: frozenset[str], sound: Expr, prefix: str = OURS) -> Plan[Expr]:
    """How every row of a table is decided; `absent` are facts without a column, `sound` is whether a row can be used.

    The names of the stages' columns begin with `prefix`, so that several policies can be decided over one table at once.
    """
    writer = _Writer(policy, engine, absent, prefix)
    outcome = engine.choose([(sound, writer.outcome().expr)], writer.word(REFUSED))
    answers = [Named("outcome", outcome, "text")]
    for name, (expr, kind) in writer.values().items():
        answers.append(Named(f"value.{name}", engine.choose([(sound, expr)]), kind))
    for rule, truth in zip(policy.body.rules, writer.truths, strict=True):
        answers.append(Named(f"holds.{rule.id}", engine.choose([(sound, truth.expr)]), "boolean"))
    return Plan(writer.columns.stages, answers)


def outcome_plan(policy: Policy, engine: Engine[Expr]) -> Plan[Expr]:
    """Only the outcome, of rows that are known to be sound."""
    writer = _Writer(policy, engine, frozenset(), OURS)
    outcome = writer.outcome()
    return Plan(writer.columns.stages, [Named("outcome", outcome.expr, "text")])


class _Writer(Generic[Expr]):
    """The outcome and the printed values of one policy."""

    def __init__(self, policy: Policy, engine: Engine[Expr], absent: frozenset[str], prefix: str) -> None:
        self.policy, self.engine, self.prefix = policy, engine, prefix
        self.columns = Columns(policy, engine, absent, prefix)
        rules = policy.body.rules
        self.truths = [self.columns.truth(f"{prefix}holds{index}", rule.expression) for index, rule in enumerate(rules)]
        self._every = [truth.expr for truth in self.truths]
        self._stage = max(truth.stage for truth in self.truths)

    def word(self, text: str) -> Expr:
        """A text as a constant."""
        return self.engine.literal(text, "text")

    def _whole(self, number: int) -> Expr:
        return self.engine.literal(number, "integer")

    def _keep(self, expr: Expr, name: str, stage: int) -> Column[Expr]:
        return self.columns.keep(Column(expr, "any", 1, stage), self.prefix + name)

    def outcome(self) -> Column[Expr]:
        """The outcome, `undetermined` where what is unknown could change it."""
        of = self.engine
        match self.policy.body:
            case Criteria(holds=yes, fails=no) as body:
                by_id = {rule.id: expr for rule, expr in zip(body.rules, self._every, strict=True)}
                groups = [of.any_of([by_id[member.rule.id] for member in group]) for group in body.groups]
                return self._in_words(of.all_of(groups), yes, no)
            case Limits():
                return self._in_words(of.all_of(self._every), "within", "outside")
            case Findings(found=yes, clear=no):
                return self._in_words(of.any_of(self._every), yes, no)
            case Table() as body:
                return self._first_row(body)
            case Score() as body:
                return self._banded(body)

    def _in_words(self, truth: Expr, yes: str, no: str) -> Column[Expr]:
        kept = self._keep(truth, "truth", self._stage)
        words = self.engine.choose([(kept.expr, self.word(yes)), (~kept.expr, self.word(no))], self.word(UNDETERMINED))
        return Column(words, "text", 1, kept.stage)

    def _first_row(self, body: Table) -> Column[Expr]:
        """The outcome of the first row that holds, undetermined where an unknown row before it has another."""
        of, rows = self.engine, list(zip(body.rows, self._every, strict=True))
        outcome = of.choose([(truth, self.word(row.outcome)) for row, truth in rows], self.word(body.default))
        place = of.choose([(truth, self._whole(index)) for index, (_, truth) in enumerate(rows)], self._whole(len(rows)))
        first, found = self._keep(outcome, "first", self._stage), self._keep(place, "place", self._stage)
        differing = [
            of.is_null(truth) & (found.expr > self._whole(index)) & (first.expr != self.word(row.outcome))
            for index, (row, truth) in enumerate(rows)
        ]
        expr = of.choose([(of.any_of(differing), self.word(UNDETERMINED))], first.expr)
        return Column(expr, "text", 1, found.stage)

    def _banded(self, body: Score) -> Column[Expr]:
        of = self.engine
        by_id = {rule.id: truth for rule, truth in zip(body.rules, self._every, strict=True)}
        lows, highs = [], []
        for index, domain in enumerate(body.domains):
            low, high = self._domain(domain, by_id)
            lows.append(self._keep(low, f"low{index}", self._stage).expr)
            highs.append(self._keep(high, f"high{index}", self._stage).expr)
        least, most = (self._keep(self._combined(body, points), name, self._stage + 1) for points, name in ((lows, "low"), (highs, "high")))
        first = self._keep(self._band(body, least.expr), "band_low", least.stage)
        last = self._keep(self._band(body, most.expr), "band_high", least.stage)
        return Column(of.choose([(first.expr == last.expr, first.expr)], self.word(UNDETERMINED)), "text", 1, last.stage)

    def _combined(self, body: Score, points: list[Expr]) -> Expr:
        if body.combine == "max":
            return self.engine.greatest(points)
        total = points[0]
        for more in points[1:]:
            total = total + more
        return total

    def _points(self, points: float) -> Expr:
        kind = "integer" if _has_whole_points(self.policy.body) else "number"
        return self.engine.literal(int(points) if kind == "integer" else float(points), kind)

    def _domain(self, domain: Domain, truths: Mapping[str, Expr]) -> tuple[Expr, Expr]:
        """The points that a domain certainly has, and the most that it could have."""
        of, zero = self.engine, self._points(0)
        rows = sorted(((row.points, truths[row.rule.id]) for row in domain.rows), key=lambda row: -row[0])
        certain = [(truth, self._points(points)) for points, truth in rows]
        possible = [(of.is_null(truth) | truth, self._points(points)) for points, truth in rows]
        low, high = of.choose(certain, zero), of.choose(possible, zero)
        if rows[-1][0] >= 0:
            return low, high
        open_points = [zero, *(of.choose([(of.is_null(truth), self._points(points))], zero) for points, truth in rows)]
        holds = of.any_of([truth & ~of.is_null(truth) for _, truth in rows])
        return of.choose(certain, of.least(open_points)), of.choose([(holds, high)], of.greatest(open_points))

    def _band(self, body: Score, points: Expr) -> Expr:
        written = self.engine.written(points)
        texts = [self._filled(entry.outcome, written) for entry in body.bands]
        limits = [entry.up_to for entry in body.bands[:-1]]
        branches = [
            (points <= self.engine.literal(float(limit), "number"), text)
            for limit, text in zip(limits, texts, strict=False)
            if limit is not None
        ]
        return self.engine.choose(branches, texts[-1]) if branches else texts[-1]

    def _filled(self, outcome: str, written: Expr) -> Expr:
        first, *others = outcome.split("{score}")
        if not others:
            return self.word(outcome)
        return self.engine.joined([self.word(first), *(piece for text in others for piece in (written, self.word(text)))])

    def values(self) -> dict[str, tuple[Expr, str]]:
        """What is printed, with its kind: what the shape prints by itself, flags, formulas."""
        found = self._of_shape(self.policy.body)
        if self.policy.flags:
            named = [(flag.id, self.columns.truth(f"{self.prefix}flag{n}", flag.expression).expr) for n, flag in enumerate(self.policy.flags)]
            flags = self.engine.names(sorted(named, key=lambda item: item[0]))
            found |= {"flags": (flags, "names"), "flag": (self.engine.first(flags), "text")}
        for index, rule in enumerate(self.policy.values):
            value = self.columns.value(f"{self.prefix}value{index}", rule.expression, rule.kind)
            found[rule.id] = value.expr, value.kind
        return found

    def _of_shape(self, body: Body) -> dict[str, tuple[Expr, str]]:
        of = self.engine
        match body:
            case Score():
                return self._score_values(body)
            case Findings(findings=rows):
                by_code: dict[str, list[Expr]] = {}
                for row, truth in zip(rows, self._every, strict=True):
                    by_code.setdefault(row.code, []).append(truth)
                return {"codes": (of.names(sorted((code, of.any_of(truths)) for code, truths in by_code.items())), "names")}
            case Limits(limits=limits):
                pairs = list(zip(limits, self._every, strict=True))
                outside = sorted((limit.rule.id, ~truth) for limit, truth in pairs)
                critical = [~of.is_null(truth) & ~truth for limit, truth in pairs if limit.critical]
                any_critical = of.any_of(critical) if critical else of.literal(value=False, kind="boolean")
                return {"outside": (of.names(outside), "names"), "critical": (any_critical, "boolean")}
            case _:
                return {}

    def _score_values(self, body: Score) -> dict[str, tuple[Expr, str]]:
        of, names = self.engine, body.names
        low, high = (of.column(self.prefix + name) for name in ("low", "high"))
        kind = "integer" if _has_whole_points(body) else "number"
        found = {names.score: (of.choose([(low == high, low)]), kind), names.min: (low, kind), names.max: (high, kind)}
        if names.driver is not None:
            zero = self._points(0)
            drivers = [
                ((low > zero) & (of.column(f"{self.prefix}low{index}") == low), self.word(domain.id))
                for index, domain in enumerate(body.domains)
            ]
            found[names.driver] = of.choose(drivers, of.literal(None, "text")), "text"
        return found


def _has_whole_points(body: Body) -> bool:
    return isinstance(body, Score) and all(isinstance(row.points, int) for domain in body.domains for row in domain.rows)
