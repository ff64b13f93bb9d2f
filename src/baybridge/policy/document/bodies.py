"""Reading the body of each shape: criteria, table, score, limits, findings.

Main job: `body_of(written, rules)` answers the checked body.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from baybridge.documents.problems import MISSING, WRONG_VALUE, did_you_mean, kind_of
from baybridge.documents.source import Path
from baybridge.policy.document.forms import (
    Row,
    Written,
    WrittenCriteria,
    WrittenDomain,
    WrittenFindings,
    WrittenLimit,
    WrittenLimits,
    WrittenScore,
    WrittenTable,
)
from baybridge.policy.document.rules import UNKNOWN_FACT, WRONG_FORM, Rules
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

BOUNDS = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<", "equals": "="}


def body_of(written: Written, rules: Rules) -> Body:
    """The checked body of a document of one of the five shapes."""
    match written:
        case WrittenCriteria():
            return _criteria(written, rules)
        case WrittenTable():
            return _table(written, rules)
        case WrittenScore():
            return _score(written, rules)
        case WrittenLimits():
            return _limits(written, rules)
        case WrittenFindings():
            return _findings(written, rules)
    raise TypeError(f"no body of {type(written).__name__}")


def _criteria(written: WrittenCriteria, rules: Rules) -> Body:
    found = [Criterion(rules.condition(row, row.when, ("criteria", n), row.id), row.any_of or None) for n, row in enumerate(written.criteria)]
    _unique(rules, "criteria", [("id", row.id) for row in written.criteria])
    return Criteria(tuple(found), written.outcomes.holds, written.outcomes.fails)


def _table(written: WrittenTable, rules: Rules) -> Body:
    found: list[TableRow] = []
    for number, row in enumerate(written.rows):
        rule_id = _row_id(row, row.outcome, [known.rule for known in found])
        found.append(TableRow(rules.condition(row, row.when, ("rows", number), rule_id), row.outcome))
    _unique(rules, "rows", [("id", row.id) for row in written.rows])
    return Table(tuple(found), written.default)


def _score(written: WrittenScore, rules: Rules) -> Body:
    names = written.names
    if written.combine == "sum" and names.driver is not None:
        rules.source.report(WRONG_FORM, ("names", "driver"), "a driver only where combine is max", "combine: sum")
    printed = ScoreNames(names.score, names.min or f"{names.score}_min", names.max or f"{names.score}_max", names.driver)
    domains = tuple(_domain(domain, ("domains", number), rules) for number, domain in enumerate(written.domains))
    _unique(rules, "domains", [("id", domain.id) for domain in written.domains])
    return Score(written.combine, domains, printed, _bands(written, rules))


def _domain(domain: WrittenDomain, path: Path, rules: Rules) -> Domain:
    found: list[PointRow] = []
    for number, row in enumerate(domain.rows):
        rule_id = _row_id(row, f"{domain.id}-{row.points}", [known.rule for known in found])
        found.append(PointRow(rules.condition(row, row.when, (*path, "rows", number), rule_id, domain.source), row.points))
    return Domain(domain.id, tuple(found))


def _bands(written: WrittenScore, rules: Rules) -> tuple[Band, ...]:
    if (written.bands is None) == (written.outcome is None):
        rules.source.report(WRONG_FORM, (), "either bands or outcome", "both or neither")
    if written.outcome is not None:
        return (Band(written.outcome, None),)
    found = tuple(Band(band.outcome, band.up_to) for band in written.bands or ())
    limits = [band.up_to for band in found[:-1]]
    ordered = [limit for limit in limits if limit is not None]
    if len(ordered) < len(limits) or ordered != sorted(set(ordered)) or (found and found[-1].up_to is not None):
        rules.source.report(WRONG_FORM, ("bands",), "bands with rising up_to, and a last one without", "another order")
    return found


def _limits(written: WrittenLimits, rules: Rules) -> Body:
    found = tuple(Limit(_limit_rule(row, ("limits", number), rules), row.critical) for number, row in enumerate(written.limits))
    _unique(rules, "limits", [("id", row.id) if row.id else ("fact", row.fact) for row in written.limits])
    return Limits(found)


def _limit_rule(row: WrittenLimit, path: Path, rules: Rules) -> Rule:
    rule_id = row.id or row.fact or ""
    if row.when is not None:
        return rules.condition(row, row.when, path, rule_id)
    report = rules.source.report
    known = rules.checker.fact_types.get(row.fact or "")
    if row.fact is None:
        report(MISSING, (*path, "fact"), "a text under fact", "nothing")
    elif known is None:
        report(UNKNOWN_FACT, (*path, "fact"), "a fact of the dictionary", row.fact, did_you_mean(row.fact, rules.checker.fact_types))
    elif row.unit and row.unit != known.unit:
        report("policy.problem.unit_mismatch", (*path, "unit"), f"the unit of {row.fact}, {known.unit}", row.unit)
    bounds: dict[Path, tuple[str, object]] = {(key,): (sign, value) for key, sign in BOUNDS.items() if (value := getattr(row, key)) is not None}
    bounds |= {("one_of", number): ("=", value) for number, value in enumerate(row.one_of or ())}
    if known is not None and not bounds and row.one_of is None:
        report(WRONG_FORM, path, f"a limit: {', '.join(BOUNDS)} or one_of", "none")
    unlike = {at: value for at, (_, value) in bounds.items() if not isinstance(value, bool | int | float | str | date)}
    for at, value in unlike.items():
        report(WRONG_VALUE, (*path, *at), "a number, a text, a date, true or false", kind_of(value))
    if known is None or not bounds or unlike:
        return rules.condition_text(row, path, rule_id, {}, "NULL")
    literals = {at: _literal(value, known.type) for at, (_, value) in bounds.items()}
    parts = {at: f"{row.fact} {sign} {literals[at]}" for at, (sign, _) in bounds.items()}
    listed = [literal for at, literal in literals.items() if at[0] == "one_of"]
    all_of = [part for at, part in parts.items() if at[0] != "one_of"] + ([f"{row.fact} IN ({', '.join(listed)})"] if listed else [])
    return rules.condition_text(row, path, rule_id, parts, " AND ".join(all_of))


def _literal(value: object, kind: str) -> str:
    """A value as a literal of the language."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    return ("DATE " if kind == "date" and type(value) is date else "") + "'" + str(value).replace("'", "''") + "'"


def _findings(written: WrittenFindings, rules: Rules) -> Body:
    found: list[FindingRow] = []
    for number, row in enumerate(written.findings):
        rule_id = _row_id(row, row.code, [known.rule for known in found])
        found.append(FindingRow(rules.condition(row, row.when, ("findings", number), rule_id), row.code, row.severity, row.overridable))
    return Findings(tuple(found), written.outcomes.found, written.outcomes.clear)


def _row_id(row: Row, base: str, before: list[Rule]) -> str:
    """The id of a row: its own, or one made from what it gives, numbered where that repeats."""
    taken = {rule.id for rule in before}
    return row.id or next(name for name in (base, *(f"{base}-{n}" for n in range(2, len(before) + 3))) if name not in taken)


def _unique(rules: Rules, key: str, named: Sequence[tuple[str, str | None]]) -> None:
    """Report each entry of a list whose name, at the field where it stands, is that of one before it."""
    seen: set[str] = set()
    for number, (name, written) in enumerate(named):
        if written and written in seen:
            rules.source.report(WRONG_FORM, (key, number, name), "each id once", written)
        seen.add(written or "")
