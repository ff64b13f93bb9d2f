"""Rules as Python source: the fast form of the interpreter for one case.

Main job: `Writer` turns checked trees into expressions of Python over local names, in three values, without a call where none is
needed; `conditions`, `formulas`, `outcomes` and `grounds` are the texts of the four functions that `compiled.py` makes of a policy.

The text holds positions, operators and literals only: a fact is `a0`, a text is its `repr`, so that nothing in a document can become
code. Every operation is total, so that parts may be computed before it is known whether they are needed. Agreement with
`interpret.py` on every input is tested with random rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from baybridge.base.canonical import MAX_INTEGER
from baybridge.policy.document.shapes import UNDETERMINED, Body, Criteria, Findings, Limits, Policy, Score, Table
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import FactType

MAX_NESTING = 12  # levels of one line, far below what Python's parser allows
_LOOKED_AT = (tree.Compare, tree.In, tree.IsNull)  # a whole number and the same fraction are alike to these
_SIGN = {"=": "==", "<>": "!="}


@dataclass(frozen=True, slots=True)
class Code:
    """An expression of Python: its text, whether it can be None, the kind of its value, and how deep it nests."""

    text: str
    nullable: bool
    kind: str
    depth: int = 0  # 0: a name or a literal, which may be repeated


class Writer:
    """Writes the lines of one function over facts of these types; `constants` are the values that have no literal in Python."""

    def __init__(self, define: Mapping[str, tree.Expression], fact_types: Mapping[str, FactType]) -> None:
        self.define, self.fact_types = define, fact_types
        self.lines: list[str] = []
        self.constants: dict[str, object] = {}
        self._count = 0
        self._facts: dict[str, str] = {}
        self._defined: dict[str, Code] = {}

    def read(self, expressions: Sequence[tree.Expression]) -> None:
        """Lines that take the facts and compute the named expressions which these expressions use."""
        used = _used_names(expressions, self.define)
        roots = [*expressions, *(self.define[name] for name in used)]
        computed = set().union(*(_computed_facts(root) for root in roots))
        for name in sorted({part.name for root in roots for part in tree.walk(root) if isinstance(part, tree.Fact)}):
            self._facts[name] = local = f"a{len(self._facts)}"
            self.lines.append(f"{local} = get({name!r})")
            if name in computed and self.fact_types[name].type == "number":
                self.lines.append(f"if {local}.__class__ is int: {local} = float({local})")
        for name in self.define:
            if name in used:
                self._defined[name] = self.named(self.code(self.define[name]), f"d{len(self._defined)}")

    def named(self, code: Code, name: str) -> Code:
        """The code as a line of its own, to be used by name."""
        self.lines.append(f"{name} = {code.text}")
        return Code(name, code.nullable, code.kind)

    def code(self, node: tree.Expression) -> Code:
        """The expression of Python for a node."""
        found = self._code(node)
        return self.named(found, self._fresh("s")) if found.depth > MAX_NESTING else found

    def _code(self, node: tree.Expression) -> Code:
        match node:
            case tree.Literal_(value=value):
                return self._literal(value)
            case tree.Fact(name=name):
                return Code(self._facts[name], nullable=True, kind=self.fact_types[name].type)
            case tree.Defined(name=name):
                return self._defined[name]
            case tree.And(terms=terms):
                return self._and([self.code(term) for term in terms])
            case tree.Or(terms=terms):
                return self._or([self.code(term) for term in terms])
            case tree.IsNull(term=term):
                inner = self.code(term)
                return Code(f"({inner.text} is None)" if inner.nullable else "False", nullable=False, kind="boolean", depth=inner.depth + 1)
            case tree.Coalesce(terms=terms):
                return self._coalesce([self.code(term) for term in terms])
            case tree.Case(branches=branches, otherwise=otherwise):
                return self._case([(self.code(when), self.code(then)) for when, then in branches], self.code(otherwise))
            case _:
                return self._strict(node)

    def _fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _literal(self, value: object) -> Code:
        if value is None or isinstance(value, bool | int | float | str):
            kinds = {bool: "boolean", int: "integer", float: "number"}
            text = f"({value!r})" if isinstance(value, int | float) and not isinstance(value, bool) and value < 0 else repr(value)
            return Code(text, nullable=value is None, kind="null" if value is None else kinds.get(type(value), "text"))
        name = f"L{len(self.constants)}"
        self.constants[name] = value
        return Code(name, nullable=False, kind="date")

    def _kept(self, code: Code) -> tuple[str, str]:
        """How a part is written where it is first looked at, and how afterwards."""
        if code.depth == 0:
            return code.text, code.text
        name = self._fresh("t")
        return f"({name} := {code.text})", name

    def _and(self, terms: list[Code]) -> Code:
        depth = max(term.depth for term in terms) + 1
        if not any(term.nullable for term in terms):
            return Code(f"({' and '.join(term.text for term in terms)})", nullable=False, kind="boolean", depth=depth)
        kept = [self._kept(term) for term in terms]
        is_false = " or ".join(f"{first} is False" for first, _ in kept)
        return Code(f"(False if {is_false} else {' and '.join(again for _, again in kept)})", nullable=True, kind="boolean", depth=depth)

    def _or(self, terms: list[Code]) -> Code:
        depth = max(term.depth for term in terms) + 1
        if not any(term.nullable for term in terms):
            return Code(f"({' or '.join(term.text for term in terms)})", nullable=False, kind="boolean", depth=depth)
        kept = [self._kept(term) for term in terms]
        is_true = " or ".join(first for first, _ in kept)
        unknown = " or ".join(f"{again} is None" for (_, again), term in zip(kept, terms, strict=True) if term.nullable)
        return Code(f"(True if {is_true} else None if {unknown} else False)", nullable=True, kind="boolean", depth=depth)

    def _coalesce(self, terms: list[Code]) -> Code:
        last = len(terms) - 1
        parts = []
        for index, term in enumerate(terms):
            if index == last or not term.nullable:
                parts.append(term.text)
                break
            first, again = self._kept(term)
            parts.append(f"{again} if {first} is not None else ")
        nullable = all(term.nullable for term in terms)
        return Code(f"({''.join(parts)})", nullable, _one_kind(terms), max(term.depth for term in terms) + 1)

    def _case(self, branches: list[tuple[Code, Code]], otherwise: Code) -> Code:
        text = "".join(f"{then.text} if {when.text} else " for when, then in branches)
        results = [*(then for _, then in branches), otherwise]
        depth = max(part.depth for part in [*results, *(when for when, _ in branches)]) + 1
        return Code(f"({text}{otherwise.text})", any(part.nullable for part in results), _one_kind(results), depth)

    def _strict(self, node: tree.Expression) -> Code:
        """Operators that are unknown when one of their operands is."""
        parts = [self.code(child) for child in tree.children(node)] if not isinstance(node, tree.In) else [self.code(node.term)]
        tests, names = [], []
        for part in parts:
            first, again = self._kept(part) if part.nullable else (part.text, part.text)
            names.append(again)
            if part.nullable:
                tests.append(f"{first} is None")
        text, nullable, kind = self._operation(node, parts, names)
        if tests:
            text = f"(None if {' or '.join(tests)} else {text})"
        return Code(text, nullable or bool(tests), kind, max(part.depth for part in parts) + 2)

    def _operation(self, node: tree.Expression, parts: list[Code], names: list[str]) -> tuple[str, bool, str]:
        """The text over known operands, whether it can still be None, and its kind."""
        match node:
            case tree.Not():
                return f"(not {names[0]})", False, "boolean"
            case tree.Compare(operator=operator):
                return f"({names[0]} {_SIGN.get(operator, operator)} {names[1]})", False, "boolean"
            case tree.In(values=values):
                return f"({names[0]} in {{{', '.join(self._literal(value.value).text for value in values)}}})", False, "boolean"
            case tree.Negate():
                return f"(-{names[0]})", False, parts[0].kind
            case tree.Arithmetic(operator=operator):
                return self._arithmetic(operator, [part.kind for part in parts], names)
            case _:
                return _called(node, parts, names)

    def _arithmetic(self, operator: str, kinds: list[str], names: list[str]) -> tuple[str, bool, str]:
        left, right = names
        kind = "integer" if operator != "/" and kinds == ["integer", "integer"] else "number"
        found = self._fresh("t")
        if not set(kinds) <= {"integer", "number"}:
            return f"arithmetic({operator!r}, {left}, {right})", True, kind
        if kind == "integer":
            return f"({found} if {-MAX_INTEGER} <= ({found} := {left} {operator} {right}) <= {MAX_INTEGER} else None)", True, kind
        finite = f"({found} := {left} {operator} {right}) - {found} == 0.0"
        return f"({found} if {f'{right} != 0 and {finite}' if operator == '/' else finite} else None)", True, kind


def _called(node: tree.Expression, parts: list[Code], names: list[str]) -> tuple[str, bool, str]:
    """Operators that are a call of a function."""
    match node:
        case tree.Fraction():
            return f"float({names[0]})", False, "number"
        case tree.Extreme(which=which):
            return f"{'min' if which == 'LEAST' else 'max'}({', '.join(names)})", False, _one_kind(parts)
        case tree.Call(function=name, digits=digits):
            whole = name in {"FLOOR", "CEIL"} or (name == "ROUND" and digits == 0)
            kind = "integer" if whole else (parts[0].kind if name in {"ABS", "ROUND"} else "number")
            return f"call({name!r}, {names[0]}, {digits})", True, kind
        case tree.Span(unit="DAY"):
            return f"days_between({names[0]}, {names[1]})", False, "integer"
        case tree.Span():
            return f"months_between({names[0]}, {names[1]})", True, "integer"
        case tree.Shift(amount=amount, unit=unit):
            return f"shift({names[0]}, {amount}, {unit!r})", True, parts[0].kind
    raise TypeError(f"no code for {type(node).__name__}")


def _one_kind(parts: Iterable[Code]) -> str:
    return next((part.kind for part in parts if part.kind != "null"), "null")


def _used_names(expressions: Sequence[tree.Expression], define: Mapping[str, tree.Expression]) -> set[str]:
    """Defined names that the expressions use, also through each other."""
    found: set[str] = set()
    pending = list(expressions)
    while pending:
        for part in tree.walk(pending.pop()):
            if isinstance(part, tree.Defined) and part.name not in found:
                found.add(part.name)
                pending.append(define[part.name])
    return found


def _computed_facts(root: tree.Expression) -> set[str]:
    """Facts whose value is more than compared with something."""
    found = {root.name} if isinstance(root, tree.Fact) else set()
    for part in tree.walk(root):
        if not isinstance(part, _LOOKED_AT):
            found |= {child.name for child in tree.children(part) if isinstance(child, tree.Fact)}
    return found


def function(name: str, parameters: str, lines: Iterable[str]) -> str:
    """The text of one function."""
    return "\n".join((f"def {name}({parameters}):", *(f"    {line}" for line in lines), ""))


def conditions(policy: Policy) -> tuple[str, dict[str, object]]:
    """`truths(get)`: the truth of every rule, in document order; and the constants of the text."""
    return answers("truths", policy.define, policy.fact_types, [rule.expression for rule in policy.body.rules])


def formulas(policy: Policy) -> tuple[str, dict[str, object]]:
    """`formulas(get)`: the truth of every flag, then every printed value."""
    return answers("formulas", policy.define, policy.fact_types, [rule.expression for rule in (*policy.flags, *policy.values)])


def answers(
    name: str, define: Mapping[str, tree.Expression], fact_types: Mapping[str, FactType], expressions: Sequence[tree.Expression]
) -> tuple[str, dict[str, object]]:
    """`name(get)`: the value of every expression, in their order; and the constants of the text."""
    writer = Writer(define, fact_types)
    writer.read(expressions)
    found = [writer.named(writer.code(node), f"c{index}").text for index, node in enumerate(expressions)]
    return function(name, "get", [*writer.lines, f"return {_tuple(found)}"]), writer.constants


def grounds(policy: Policy, more: Mapping[str, Mapping[str, object]]) -> tuple[str, dict[str, object]]:
    """`grounds(truths, used)`: every reason with its facts as given; `more` is what each carries beyond the common fields."""
    names = {name: f"a{index}" for index, name in enumerate(policy.fact_names)}
    lines = [_unpacked(len(policy.body.rules)), *(f"{local} = used[{name!r}]" for name, local in names.items())]
    constants: dict[str, object] = {}
    made = []
    for index, rule in enumerate(policy.body.rules):
        facts = ", ".join(f"{name!r}: {names[name]}" for name in rule.facts)
        constants[f"M{index}"] = more.get(rule.id, {})
        made.append(f"Ground({rule.id!r}, c{index}, {rule.written!r}, {{{facts}}}, {rule.source!r}, M{index})")
    return function("grounds", "truths, used", [*lines, f"return {_tuple(made)}"]), constants


def outcomes(body: Body) -> str:
    """`outcome(truths)`: what `verdict.outcome` answers, over truths in document order."""
    position = {rule.id: f"c{index}" for index, rule in enumerate(body.rules)}
    match body:
        case Criteria(holds=yes, fails=no):
            lines = _criteria(body, position) if any(len(group) > 1 for group in body.groups) else []
            lines.append(_three("groups" if lines else "truths", no, yes, decisive=False))
        case Limits():
            lines = [_three("truths", "outside", "within", decisive=False)]
        case Findings(found=yes, clear=no):
            lines = [_three("truths", yes, no, decisive=True)]
        case Table():
            lines = [_unpacked(len(body.rules)), *_table(body)]
        case Score():
            lines = ["low, high = bounds(truths)", "low = band(low)", f"return low if low == band(high) else {UNDETERMINED!r}"]
    return function("outcome", "truths", lines)


def bounds(body: Score) -> str:
    """`bounds(truths)`: the least and greatest score."""
    position = {rule.id: f"c{index}" for index, rule in enumerate(body.rules)}
    lines = [_unpacked(len(body.rules))]
    for index, domain in enumerate(body.domains):
        rows = sorted(domain.rows, key=lambda row: -row.points)
        places = [position[row.rule.id] for row in rows]
        least, most = "0", "0"
        if rows[-1].points < 0:
            least = f"min(0, {', '.join(f'{row.points!r} if {place} is None else 0' for row, place in zip(rows, places, strict=True))})"
            most = f"max(0, {', '.join(f'{row.points!r} if {place} is None else 0' for row, place in zip(rows, places, strict=True))})"
        low = "".join(f"{row.points!r} if {place} else " for row, place in zip(rows, places, strict=True))
        high = "".join(f"{row.points!r} if {place} is not False else " for row, place in zip(rows, places, strict=True))
        if rows[-1].points < 0:
            lines.append(f"h{index} = ({high}0) if {' or '.join(places)} else {most}")
        else:
            lines.append(f"h{index} = {high}{most}")
        lines.append(f"l{index} = {low}{least}")
    names = [f"{index}" for index in range(len(body.domains))]
    combine = "max" if body.combine == "max" else "sum"
    lines.append(f"return {combine}({_tuple([f'l{n}' for n in names])}), {combine}({_tuple([f'h{n}' for n in names])})")
    return function("bounds", "truths", lines)


def _criteria(body: Criteria, position: Mapping[str, str]) -> list[str]:
    groups = []
    for group in body.groups:
        names = [position[member.rule.id] for member in group]
        any_of = f"(True if {' or '.join(names)} else None if {' or '.join(f'{name} is None' for name in names)} else False)"
        groups.append(names[0] if len(names) == 1 else any_of)
    return [_unpacked(len(body.rules)), f"groups = {_tuple(groups)}"]


def _table(body: Table) -> list[str]:
    """From the last row to the first: what is certain from there on, None where it is not."""
    lines = [f"found = {body.default!r}"]
    for index in range(len(body.rows) - 1, -1, -1):
        outcome = repr(body.rows[index].outcome)
        lines.append(f"if c{index}: found = {outcome}")
        lines.append(f"elif c{index} is None and found != {outcome}: found = None")
    return [*lines, f"return {UNDETERMINED!r} if found is None else found"]


def _three(name: str, if_decisive: str, otherwise: str, *, decisive: bool) -> str:
    return f"return {if_decisive!r} if {decisive!r} in {name} else {UNDETERMINED!r} if None in {name} else {otherwise!r}"


def _unpacked(count: int) -> str:
    return f"{_tuple([f'c{index}' for index in range(count)])} = truths"


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
