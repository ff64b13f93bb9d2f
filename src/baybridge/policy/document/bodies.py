"""Reading the body of each shape: criteria, table, score, limits, findings.

Main job: `SHAPES[shape](fields, rules)` answers the checked body; `BODY_KEYS` are the keys that each shape adds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from baybridge.documents.fields import Fields, kind_of
from baybridge.documents.source import Path
from baybridge.policy.document.rules import Rules
from baybridge.policy.document.shapes import (
    Band,
    Body,
    Criteria,
    Criterion,
    Domain,
    FindingRow,
    Findings,
    Limit,
    Limits,
    PointRow,
    Rule,
    Score,
    ScoreNames,
    Table,
    TableRow,
)

BODY_KEYS: Mapping[str, frozenset[str]] = {
    "criteria": frozenset({"outcomes", "criteria"}),
    "table": frozenset({"rows", "default"}),
    "score": frozenset({"combine", "domains", "names", "bands", "outcome"}),
    "limits": frozenset({"limits"}),
    "findings": frozenset({"findings", "outcomes"}),
}
_RULE_KEYS = frozenset({"id", "when", "source", "text", "notes", "confidence"})
BOUNDS = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<", "equals": "="}


def _criteria(fields: Fields, rules: Rules) -> Body:
    outcomes = fields.mapping("outcomes")
    outcomes.refuse_others({"holds", "fails"})
    found = []
    for item in fields.items("criteria", required=True):
        item.refuse_others(_RULE_KEYS | {"any_of"})
        found.append(Criterion(rules.condition(item, item.text("id")), item.optional_text("any_of")))
    _unique(fields, "criteria", "id")
    return Criteria(tuple(found), outcomes.text("holds", "holds"), outcomes.text("fails", "fails"))


def _table(fields: Fields, rules: Rules) -> Body:
    found: list[TableRow] = []
    for item in fields.items("rows", required=True):
        item.refuse_others(_RULE_KEYS | {"outcome"})
        outcome = item.text("outcome")
        found.append(TableRow(rules.condition(item, _row_id(item, outcome, [row.rule for row in found])), outcome))
    _unique(fields, "rows", "id")
    return Table(tuple(found), fields.text("default"))


def _score(fields: Fields, rules: Rules) -> Body:
    combine = fields.choice("combine", ("sum", "max"))
    names = _names(fields, combine)
    domains = tuple(_domain(item, rules) for item in fields.items("domains", required=True))
    _unique(fields, "domains", "id")
    return Score("max" if combine == "max" else "sum", domains, names, _bands(fields))


def _names(fields: Fields, combine: str) -> ScoreNames:
    names = fields.mapping("names")
    names.refuse_others({"score", "min", "max", "driver"})
    if combine == "sum" and names.value.get("driver") is not None:
        names.report(("driver",), "a driver only where combine is max", "combine: sum")
    score = names.text("score", "score")
    return ScoreNames(score, names.text("min", f"{score}_min"), names.text("max", f"{score}_max"), names.optional_text("driver"))


def _domain(item: Fields, rules: Rules) -> Domain:
    item.refuse_others({"id", "source", "rows", "text", "notes"})
    name = item.text("id")
    rows: list[PointRow] = []
    for row in item.items("rows", required=True):
        row.refuse_others(_RULE_KEYS | {"points"})
        points = row.number("points")
        rule_id = _row_id(row, f"{name}-{points}", [known.rule for known in rows])
        rows.append(PointRow(rules.condition(row, rule_id, item.optional_text("source")), points))
    return Domain(name, tuple(rows))


def _bands(fields: Fields) -> tuple[Band, ...]:
    if ("bands" in fields.value) == ("outcome" in fields.value):
        fields.report((), "either bands or outcome", "both or neither")
    if "outcome" in fields.value:
        return (Band(fields.text("outcome"), None),)
    found: list[Band] = []
    for item in fields.items("bands"):
        item.refuse_others({"outcome", "up_to", "text"})
        found.append(Band(item.text("outcome"), None if item.value.get("up_to") is None else item.number("up_to")))
    limits = [band.up_to for band in found[:-1]]
    ordered = [limit for limit in limits if limit is not None]
    if len(ordered) < len(limits) or ordered != sorted(set(ordered)) or (found and found[-1].up_to is not None):
        fields.report(("bands",), "bands with rising up_to, and a last one without", "another order")
    return tuple(found)


def _limits(fields: Fields, rules: Rules) -> Body:
    found = []
    for item in fields.items("limits", required=True):
        item.refuse_others(_RULE_KEYS | {"fact", "unit", "critical", "one_of", *BOUNDS})
        found.append(Limit(_limit_rule(item, rules), item.flag("critical", default=False)))
    _unique(fields, "limits", "id", "fact")
    return Limits(tuple(found))


def _limit_rule(item: Fields, rules: Rules) -> Rule:
    if "when" in item.value:
        return rules.condition(item, item.text("id", item.value.get("fact") or ""))
    fact = item.text("fact")
    known = rules.checker.fact_types.get(fact)
    unit = item.optional_text("unit")
    if known is None:
        item.report(("fact",), "a fact of the dictionary", fact, code="unknown_fact")
    elif unit is not None and unit != known.unit:
        item.report(("unit",), f"the unit of {fact}, {known.unit}", unit, code="unit_mismatch")
    bounds: dict[Path, str] = {(key,): sign for key, sign in BOUNDS.items() if item.value.get(key) is not None}
    bounds |= {("one_of", index): "=" for index, _ in enumerate(item.listed("one_of"))}
    if known is None or not bounds:
        if known is not None and "one_of" not in item.value:
            item.report((), f"a limit: {', '.join(BOUNDS)} or one_of", "none")
        return rules.condition_text(item, item.text("id", fact), {}, "NULL")
    literals = {path: _written(item, path, known.type) for path in bounds}
    if None in literals.values():
        return rules.condition_text(item, item.text("id", fact), {}, "NULL")
    parts = {path: f"{fact} {sign} {literals[path]}" for path, sign in bounds.items()}
    listed = [str(literal) for path, literal in literals.items() if path[0] == "one_of"]
    written = [part for path, part in parts.items() if path[0] != "one_of"] + ([f"{fact} IN ({', '.join(listed)})"] if listed else [])
    return rules.condition_text(item, item.text("id", fact), parts, " AND ".join(written))


def _written(item: Fields, path: Path, kind: str) -> str | None:
    """A value of an entry as a literal of the language; None where it is none, which is reported."""
    value = item.value[str(path[0])]
    if len(path) > 1:
        value = value[path[1]]
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str | date):
        return ("DATE " if kind == "date" and type(value) is date else "") + "'" + str(value).replace("'", "''") + "'"
    item.report(path, "a number, a text, a date, true or false", kind_of(value))
    return None


def _findings(fields: Fields, rules: Rules) -> Body:
    outcomes = fields.mapping("outcomes")
    outcomes.refuse_others({"found", "clear"})
    found: list[FindingRow] = []
    for item in fields.items("findings", required=True):
        item.refuse_others(_RULE_KEYS | {"code", "severity", "overridable"})
        code = item.text("code")
        rule_id = _row_id(item, code, [row.rule for row in found])
        overridable = item.flag("overridable", default=False)
        found.append(FindingRow(rules.condition(item, rule_id), code, item.text("severity", "hard"), overridable))
    return Findings(tuple(found), outcomes.text("found", "found"), outcomes.text("clear", "clear"))


def _row_id(item: Fields, base: str, before: list[Rule]) -> str:
    """The id of a row: its own, or one made from what it gives, numbered where that repeats."""
    if item.value.get("id") is not None:
        return item.text("id")
    taken = {rule.id for rule in before}
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(before) + 3))) if name not in taken)


def _unique(fields: Fields, key: str, *names: str) -> None:
    """Report each entry of a list that is named as one before it, by the first of these names that it has."""
    seen: set[str] = set()
    for index, item in enumerate(fields.listed(key)):
        named = next((name for name in names if isinstance(item, dict) and isinstance(item.get(name), str)), None)
        if named is None:
            continue
        if item[named] in seen:
            fields.report((key, index, named), "each id once", item[named])
        seen.add(item[named])


SHAPES: Mapping[str, Callable[[Fields, Rules], Body]] = {
    "criteria": _criteria,
    "table": _table,
    "score": _score,
    "limits": _limits,
    "findings": _findings,
}
