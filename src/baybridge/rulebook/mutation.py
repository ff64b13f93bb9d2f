"""A policy with one thing in it changed, to see whether its own worked cases would notice.

Main job: `mutations(policy)`: each threshold moved up and down by its last digit, each operator replaced by its neighbour, each date
moved by a day, each code taken out of a list, each limit of a band and each day of effect moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, TypeVar

from baybridge.policy.document.shapes import (
    Body,
    Criteria,
    Criterion,
    FindingRow,
    Findings,
    Limit,
    Limits,
    PointRow,
    Policy,
    Rule,
    Score,
    Table,
    TableRow,
)
from baybridge.policy.language import expression as tree

_OPERATORS = {">=": ">", ">": ">=", "<=": "<", "<": "<=", "=": "<>", "<>": "=", "+": "-", "-": "+", "*": "/", "/": "*"}
_DAY = timedelta(days=1)
#: A part of an expression: a node, or nodes and pairs of nodes.
_Part = tree.Expression | tuple["_Part", ...]
_Ruled = TypeVar("_Ruled", Criterion, TableRow, PointRow, Limit, FindingRow)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: in which rule or named expression, what it was and is, and the policy that has it."""

    where: str
    change: str
    policy: Policy

    def __str__(self) -> str:
        return f"{self.policy.id}: {self.where}: {self.change}"


def mutations(policy: Policy) -> Iterator[Mutation]:
    """Every policy that differs from this one in one threshold, operator or date."""
    for name, node in policy.define.items():
        for change, made in _changed(node):
            yield Mutation(name, change, replace(policy, define={**policy.define, name: made}))
    for rule in policy.body.rules:
        for change, made in _changed(rule.expression):
            yield Mutation(rule.id, change, replace(policy, body=_with_rule(policy.body, rule.id, made)))
    for group in ("flags", "values"):
        rules: tuple[Rule, ...] = getattr(policy, group)
        for rule in rules:
            for change, made in _changed(rule.expression):
                again = tuple(replace(one, expression=made) if one is rule else one for one in rules)
                yield Mutation(rule.id, change, replace(policy, **{group: again}))  # type: ignore[arg-type]
    yield from _of_dates(policy)
    yield from _of_bands(policy)


def _of_dates(policy: Policy) -> Iterator[Mutation]:
    for name in ("in_force_from", "in_force_to"):
        day: date | None = getattr(policy, name)
        for moved in () if day is None else (day + _DAY, day - _DAY):
            yield Mutation(name, f"{day} -> {moved}", replace(policy, **{name: moved}))  # type: ignore[arg-type]


def _of_bands(policy: Policy) -> Iterator[Mutation]:
    body = policy.body
    if not isinstance(body, Score):
        return
    for index, band in enumerate(body.bands):
        for moved in () if band.up_to is None else _numbers_beside(band.up_to):
            bands = (*body.bands[:index], replace(band, up_to=moved), *body.bands[index + 1 :])
            yield Mutation(f"band {band.outcome}", f"{band.up_to} -> {moved}", replace(policy, body=replace(body, bands=bands)))


def _changed(node: tree.Expression) -> Iterator[tuple[str, tree.Expression]]:
    """The tree with one node changed, once for each change."""
    yield from _of_node(node)
    for name, value in _parts(node):
        for change, made in _changed_part(value):
            changed: dict[str, Any] = {name: made}  # which field has which type only the node knows
            yield change, replace(node, **changed)


def _parts(node: tree.Expression) -> Iterator[tuple[str, _Part]]:
    for name in ("terms", "term", "left", "right", "start", "end", "branches", "otherwise"):
        if hasattr(node, name):
            yield name, getattr(node, name)


def _changed_part(value: _Part) -> Iterator[tuple[str, _Part]]:
    """A node, or one of a tuple of nodes (or of pairs of nodes), changed."""
    if not isinstance(value, tuple):
        yield from _changed(value)
        return
    for index, part in enumerate(value):
        for change, made in _changed_part(part):
            yield change, (*value[:index], made, *value[index + 1 :])


def _of_node(node: tree.Expression) -> Iterator[tuple[str, tree.Expression]]:
    """What can be changed in this node itself."""
    match node:
        case tree.And(terms=terms):
            yield "AND -> OR", tree.Or(terms, at=node.at)
        case tree.Or(terms=terms):
            yield "OR -> AND", tree.And(terms, at=node.at)
        case tree.Compare(operator=operator) | tree.Arithmetic(operator=operator):
            other = _OPERATORS[operator]
            yield f"{_written(node)}: {operator} -> {other}", replace(node, operator=other)  # type: ignore[arg-type]
        case tree.In(values=values) if len(values) > 1:
            for value in values:
                rest = tuple(other for other in values if other is not value)
                yield f"{_written(node)}: without {value.value}", replace(node, values=rest)
        case tree.Literal_(value=value):
            for moved in _beside(value):
                yield f"{value} -> {moved}", replace(node, value=moved)
        case tree.Shift(amount=amount):
            for step in (1, -1):
                yield f"{amount} {node.unit} -> {amount + step}", replace(node, amount=amount + step)
        case _:
            return


def _written(node: object) -> str:
    sides = (getattr(node, name, None) for name in ("left", "term", "right"))
    names = [str(getattr(side, "name", getattr(side, "value", "…"))) for side in sides if side is not None]
    return " ".join(names)


def _beside(value: object) -> tuple[date | int | float, ...]:
    """The values just above and below, by the last digit as it is written."""
    if isinstance(value, date):
        return (value + _DAY, value - _DAY)
    return () if isinstance(value, bool) or not isinstance(value, int | float) else _numbers_beside(value)


def _numbers_beside(value: float) -> tuple[int | float, ...]:
    if isinstance(value, int):
        return (value + 1, value - 1)
    digits = len(repr(value).partition(".")[2]) if "e" not in repr(value) else 0
    step = 1.0 if value == int(value) and abs(value) >= 1000 else 10.0**-digits
    return (round(value + step, digits), round(value - step, digits))


def _with_rule(body: Body, rule_id: str, made: tree.Expression) -> Body:
    """The body with the expression of one rule replaced."""

    def again(entries: tuple[_Ruled, ...]) -> tuple[_Ruled, ...]:
        return tuple(replace(entry, rule=replace(entry.rule, expression=made)) if entry.rule.id == rule_id else entry for entry in entries)

    match body:
        case Criteria(criteria=criteria):
            return replace(body, criteria=again(criteria))
        case Table(rows=rows):
            return replace(body, rows=again(rows))
        case Score(domains=domains):
            return replace(body, domains=tuple(replace(domain, rows=again(domain.rows)) for domain in domains))
        case Limits(limits=limits):
            return replace(body, limits=again(limits))
        case Findings(findings=findings):
            return replace(body, findings=again(findings))
