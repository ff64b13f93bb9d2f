"""The rules of one document: named expressions in order, conditions and formulas, parsed and type-checked.

Main job: `Rules` turns each text into a `Rule`, knows which facts the document reads, and reports at the exact character.
"""

from __future__ import annotations

from collections.abc import Mapping

from baybridge.documents.source import Path, Source
from baybridge.policy.document.forms import Expr, Texts, WrittenRule
from baybridge.policy.document.shapes import Rule
from baybridge.policy.language import expression as tree
from baybridge.policy.language.check import Checker
from baybridge.policy.language.parse import parse
from baybridge.policy.language.types import ExpressionError, FactType
from baybridge.policy.language.words import KEYWORDS, NAME

WRONG_FORM, UNKNOWN_FACT = "policy.problem.wrong_form", "policy.problem.unknown_fact"
_BROKEN = tree.Literal_(None)
MAX_LEVELS = 150  # of an expression, with the names that it uses: far below what Python's own stack allows the interpreter


class Rules:
    """Parses and checks what one document says."""

    def __init__(self, source: Source, fact_types: Mapping[str, FactType], default_source: str) -> None:
        self.source, self.default_source = source, default_source
        self.checker = Checker(fact_types)
        self.trees: dict[str, tree.Expression] = {}
        self.read: set[str] = set()
        self._reads: dict[str, frozenset[str]] = {}
        self._levels: dict[str, int] = {}

    def define(self, named: Mapping[str, Expr]) -> None:
        """Take the named expressions in order; each may use those above it."""
        for name, written in named.items():
            path = ("define", name)
            if not NAME.fullmatch(name) or name.upper() in KEYWORDS:
                self.source.report(WRONG_FORM, path, "a name of lower case letters, digits and _", name)
            if name in self.checker.fact_types:
                self.source.report(WRONG_FORM, path, "a name that no fact has", name, "a fact may not be redefined")
            found = self._tree(path, written)
            self.checker.define(name, found)
            found = self._sound(path, found)
            self.trees[name] = found
            self._reads[name] = self._facts(found)
            self._levels[name] = tree.depth(found, self._levels)

    def condition(self, row: WrittenRule, when: Expr, path: Path, rule_id: str, source: str | None = None) -> Rule:
        """The rule under `when` of an entry."""
        at = (*path, "when")
        found = self._tree(at, when)
        self.checker.condition(found)
        found = self._sound(at, found)
        return self._rule(row, rule_id, found, str(when), source)

    def condition_text(self, row: WrittenRule, path: Path, rule_id: str, parts: Mapping[Path, str], written: str) -> Rule:
        """A rule that an entry says in another form than `when`; its parts are complained of at their places in the entry."""
        before = len(self.source.problems)
        for at, part in parts.items():
            self._check_part((*path, *at), part)
        found = parse(written) if len(self.source.problems) == before else _BROKEN
        return self._rule(row, rule_id, found, written, None)

    def _check_part(self, path: Path, part: str) -> None:
        try:
            self.checker.condition(parse(part))
        except ExpressionError as problem:
            self.checker.problems.append(problem)
        for found in self.checker.problems:
            self.source.report(found.code, path, found.expected, found.found, found.hint)
        self.checker.problems.clear()

    def formula(self, name: str, written: Expr) -> Rule:
        """The printed value of that name."""
        path = ("values", name)
        found = self._tree(path, written)
        typed = self.checker.check(found)
        found = self._sound(path, found)
        self.read |= self._facts(found)
        return Rule(name, found, _one_line(str(written)), tuple(sorted(self._facts(found))), self.default_source, typed.kind)

    def _rule(self, row: WrittenRule, rule_id: str, found: tree.Expression, written: str, source: str | None) -> Rule:
        facts = self._facts(found)
        self.read |= facts
        cited = row.source or source or self.default_source
        return Rule(rule_id, found, _one_line(written), tuple(sorted(facts)), cited, text=by_language(row.text))

    def _tree(self, path: Path, written: Expr) -> tree.Expression:
        """The tree of an expression with its defined names resolved; a harmless one where it is broken."""
        try:
            found = resolve(parse(str(written)), frozenset(self.trees))
            if tree.depth(found, self._levels) > MAX_LEVELS:
                hint = "let fewer names build on each other"
                raise ExpressionError("policy.problem.too_large", 0, f"at most {MAX_LEVELS} levels with the names it uses", "more", hint)
            return found
        except ExpressionError as problem:
            for one in (problem, *problem.also):
                self.source.report_within(one.code, path, one.offset, one.expected, one.found, one.hint)
            return _BROKEN

    def _sound(self, path: Path, found: tree.Expression) -> tree.Expression:
        """The expression with alternatives of one kind; as it stands where the checker complained, which is reported."""
        if not self.checker.problems:
            return self.checker.of_one_kind(found)
        for problem in self.checker.problems:
            self.source.report_within(problem.code, path, problem.offset, problem.expected, problem.found, problem.hint)
        self.checker.problems.clear()
        return found

    def _facts(self, node: tree.Expression) -> frozenset[str]:
        """The facts that an expression reads, also through defined names."""
        found: set[str] = set()
        for part in tree.walk(node):
            if isinstance(part, tree.Fact):
                found.add(part.name)
            elif isinstance(part, tree.Defined):
                found |= self._reads[part.name]
        return frozenset(found)


def resolve(node: tree.Expression, names: frozenset[str]) -> tree.Expression:
    """The tree with every fact of one of these names turned into the defined expression."""
    return tree.rebuild(
        node, lambda part: tree.Defined(part.name, at=part.at) if isinstance(part, tree.Fact) and part.name in names else part
    )


def by_language(texts: Texts) -> Mapping[str, str]:
    """A text by language; one without a language is the English one."""
    return {"en": texts} if isinstance(texts, str) else dict(texts or {})


def _one_line(text: str) -> str:
    return " ".join(text.split())
