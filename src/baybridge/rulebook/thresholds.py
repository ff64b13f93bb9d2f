"""The numbers and days in a policy's rules that somebody could want otherwise, and the document with some of them changed.

Main job: `thresholds(policy)` in document order, each with the rule it stands in and its place in the text; `changed(policy, values)`, the
text of the document with other values at those places and nothing else touched, comments and layout included.

A threshold is a number or date within a condition (also in a named one), a limit of a specification, or the end of a band of scores. Factors of
a formula that converts (creatinine / 88.4) are none. The same number at several places of one expression, about the same facts, is one threshold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypedDict

from baybridge.documents.source import Path, Source, read_yaml
from baybridge.policy.document.bodies import BOUNDS
from baybridge.policy.document.shapes import Policy, Rule
from baybridge.policy.language import expression as tree
from baybridge.policy.language.parse import parse

Kind = Literal["number", "integer", "date"]

_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DAY = re.compile(r"'(\d{4}-\d{2}-\d{2})'")
_INTERVAL = re.compile(r"INTERVAL\s+'?(\d+)", re.IGNORECASE)


class WrittenLimit(TypedDict, total=False):
    """A limit as the document writes it."""

    fact: str
    when: str
    at_least: int | float
    at_most: int | float
    above: int | float
    below: int | float


class WrittenBand(TypedDict, total=False):
    """The end of a band of scores."""

    outcome: str
    up_to: int | float | None


class WrittenDomain(TypedDict):
    """A domain of a score."""

    rows: Sequence[object]


class WrittenBody(TypedDict, total=False):
    """What of a policy document has thresholds."""

    criteria: Sequence[object] | None
    rows: Sequence[object] | None
    findings: Sequence[object] | None
    domains: Sequence[WrittenDomain] | None
    limits: Sequence[WrittenLimit] | None
    bands: Sequence[WrittenBand] | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """One value that can be changed: where it stands, what it is, and of what it is the limit."""

    rule: str  # id of the rule, or the defined name
    written: str  # as the document writes it
    kind: Kind
    facts: tuple[str, ...]  # that it is compared with
    node: tree.Expression | None  # the smallest condition around it; None for the end of a band
    spans: tuple[tuple[int, int], ...]  # characters of the document's text
    band: str = ""  # the outcome of the band that it ends


@dataclass(frozen=True, slots=True)
class _Found:
    at: int
    length: int
    written: str
    kind: Kind
    condition: tree.Expression


def thresholds(policy: Policy) -> tuple[Threshold, ...]:
    """Every threshold of a policy, in document order."""
    source = read_yaml(policy.text, policy.origin)
    return tuple(_all(policy, source))


def changed(policy: Policy, values: Mapping[Threshold, str]) -> str:
    """The text of the document with these values in place of the thresholds."""
    text = policy.text
    places = sorted(((span, value) for threshold, value in values.items() for span in threshold.spans), reverse=True)
    for (start, end), value in places:
        text = f"{text[:start]}{value}{text[end:]}"
    return text


def _all(policy: Policy, source: Source) -> Iterator[Threshold]:
    document = source.document
    for name in document.get("define") or {}:
        if _is_condition(policy.define[name]):
            yield from _of_expression(policy, source, ("define", name), name)
    yield from _of_body(policy, source, document)
    for index, flag in enumerate(document.get("flags") or ()):
        yield from _of_expression(policy, source, ("flags", index, "when"), str(flag["code"]))


def _of_body(policy: Policy, source: Source, document: WrittenBody) -> Iterator[Threshold]:
    rules = iter(policy.body.rules)
    for path in _conditions(document):
        yield from _of_expression(policy, source, path, next(rules).id)
    for index, limit in enumerate(document.get("limits") or ()):
        yield from _of_limit(policy, source, index, limit, next(rules))
    for index, band in enumerate(document.get("bands") or ()):
        if band.get("up_to") is not None:
            yield _scalar(source, ("bands", index, "up_to"), f"band {band['outcome']}", (), None, str(band["outcome"]))


def _conditions(document: WrittenBody) -> Iterator[Path]:
    """Where the conditions of a body stand, in the order of its rules."""
    for key, rules in (("criteria", document.get("criteria")), ("rows", document.get("rows")), ("findings", document.get("findings"))):
        yield from ((key, index, "when") for index, _ in enumerate(rules or ()))
    for number, domain in enumerate(document.get("domains") or ()):
        yield from (("domains", number, "rows", index, "when") for index, _ in enumerate(domain["rows"]))


def _of_limit(policy: Policy, source: Source, index: int, limit: WrittenLimit, rule: Rule) -> Iterator[Threshold]:
    if "when" in limit:
        yield from _of_expression(policy, source, ("limits", index, "when"), rule.id)
    written: Mapping[str, object] = limit
    for key in BOUNDS:
        value = written.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield _scalar(source, ("limits", index, key), rule.id, (limit["fact"],), _part(rule.expression, BOUNDS[key]))


def _part(expression: tree.Expression, sign: str) -> tree.Expression:
    return next((part for part in tree.walk(expression) if isinstance(part, tree.Compare) and part.operator == sign), expression)


def _scalar(source: Source, path: Path, rule: str, facts: tuple[str, ...], node: tree.Expression | None, band: str = "") -> Threshold:
    """A number that stands by itself in the document."""
    place: Any = source.nodes[path]
    span = (place.start_mark.index, place.end_mark.index)
    return Threshold(rule, source.text[slice(*span)], "number", facts, node, (span,), band)


def _is_condition(node: tree.Expression) -> bool:
    """Whether a named expression has a condition in it; what only computes has no threshold."""
    return any(isinstance(part, tree.Compare | tree.In | tree.Extreme) for part in tree.walk(node))


def _of_expression(policy: Policy, source: Source, path: Path, rule: str) -> Iterator[Threshold]:
    value = source.nodes[path].value
    if not isinstance(value, str):
        return
    together: dict[tuple[str, tuple[str, ...]], list[_Found]] = {}
    for found in _in_tree(value, parse(value)):
        facts = tuple(sorted({part.name for part in tree.walk(found.condition) if isinstance(part, tree.Fact)}))
        together.setdefault((found.written, facts), []).append(found)
    for (written, facts), places in together.items():
        spans = tuple(dict.fromkeys(_span(source, path, found) for found in places))
        yield Threshold(rule, written, places[0].kind, tuple(name for name in facts if name in policy.fact_types), places[0].condition, spans)


def _span(source: Source, path: Path, found: _Found) -> tuple[int, int]:
    start = source.index_within(path, found.at)
    return start, start + found.length


def _in_tree(text: str, node: tree.Expression, condition: tree.Expression | None = None) -> Iterator[_Found]:
    """The numbers and days of a tree, each with the smallest condition (or choice of a limit) around it."""
    if isinstance(node, tree.Compare | tree.In) or (isinstance(node, tree.Extreme) and condition is None):
        condition = node
    if condition is not None:
        match node:
            case tree.Literal_(value=bool() | str() | None):
                return
            case tree.Literal_(value=date()) if day := _DAY.search(text, node.at):
                yield _Found(day.start(1), len(day[1]), day[1], "date", condition)
            case tree.Literal_() if number := _NUMBER.match(text, node.at):
                yield _Found(number.start(), len(number[0]), number[0], "number", condition)
            case tree.Shift(term=term) if interval := _INTERVAL.search(text, term.at):
                yield _Found(interval.start(1), len(interval[1]), interval[1], "integer", condition)
            case _:
                pass
    for child in tree.children(node):
        yield from _in_tree(text, child, condition)
