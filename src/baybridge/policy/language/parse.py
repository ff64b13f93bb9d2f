"""From the text of a rule to its tree, or one exact complaint.

Main job: `parse(text)`; sqlglot knows the grammar, this module lets through only the subset of the language.

**Source**: design, "Rules decide in three values". Elsewhere: `words.py` refuses foreign tokens first, `check.py` knows types.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from baybridge.base.canonical import MAX_INTEGER
from baybridge.base.time import parse_day
from baybridge.policy.language import expression as tree
from baybridge.policy.language.types import ExpressionError
from baybridge.policy.language.words import refuse_foreign, refuse_length

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError
    from sqlglot.parser import Parser
    from sqlglot.tokenizer_core import Token

MAX_TREE_DEPTH = 100
MAX_ROUND_DIGITS = 9
MAX_DIGITS = len(str(MAX_INTEGER))
MAX_INTERVAL = 40_000  # days or months

_COMPARE = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/"}
_ONE_NUMBER = {"Abs": "ABS", "Ln": "LN", "Exp": "EXP", "Sqrt": "SQRT"}
_ROUNDING = {"Floor": "FLOOR", "Ceil": "CEIL", "Round": "ROUND"}


def parse(text: str) -> tree.Expression:
    """The tree of one expression; raises `ExpressionError` with offset, expected, found and hint."""
    refuse_length(text)
    return _convert(_grammar(text), 0)


def _grammar(text: str) -> exp.Expr:
    from sqlglot.errors import ParseError, TokenError  # here, because sqlglot costs a third of a second that no other module needs

    dialect, parser = _sqlglot()
    try:
        tokens = dialect.tokenize(text)
        refuse_foreign(text, tokens)
        parsed: list[exp.Expr | None] = parser(dialect=dialect).parse(tokens, text)
    except TokenError:
        last = max(text.rfind("'"), text.rfind('"'), 0)
        raise _syntax(last, "every quote to be closed", "an open one", "a quote within a text is written twice") from None
    except ParseError as error:
        raise _from_sqlglot(text, error) from None
    except RecursionError:
        raise ExpressionError("policy.problem.too_large", 0, "fewer nested parts", "too many") from None
    found = parsed[0] if len(parsed) == 1 else None
    if found is None:
        raise _syntax(0, "one expression", f"{len(parsed)}")
    return found


@cache
def _sqlglot() -> tuple[Dialect, type[Parser]]:
    """The plain dialect, and its parser, which here also remembers where TRUE, FALSE and NULL stood."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.parser import Parser
    from sqlglot.tokenizer_core import TokenType

    def placed(make: Callable[[], exp.Expr]) -> Callable[[Parser, Token], exp.Expr]:
        return lambda parser, token: parser.expression(make()).update_positions(token)

    class PlacedParser(Parser):
        PRIMARY_PARSERS = Parser.PRIMARY_PARSERS | {
            TokenType.NULL: placed(exp.Null),
            TokenType.TRUE: placed(lambda: exp.Boolean(this=True)),
            TokenType.FALSE: placed(lambda: exp.Boolean(this=False)),
        }

    return Dialect.get_or_raise(None), PlacedParser


def _from_sqlglot(text: str, error: ParseError) -> ExpressionError:
    first = error.errors[0] if error.errors else {}
    line, column = first.get("line") or 1, first.get("col") or 1
    highlight = first.get("highlight") or ""
    starts = sum(len(part) for part in text.splitlines(keepends=True)[: line - 1])
    offset = min(max(starts + column - len(highlight), 0), len(text))
    said = str(first.get("description") or "").partition(" for <class")[0].rstrip(".")
    hint = "write BETWEEN the lower AND the upper limit" if "'high'" in said or "'low'" in said else said
    return _syntax(offset, "a complete expression", repr(highlight) if highlight else "its end", hint)


def _syntax(offset: int, expected: str, found: str, hint: str = "") -> ExpressionError:
    return ExpressionError("policy.problem.syntax", offset, expected, found[:60], hint)


def _offset(node: exp.Expr) -> int:
    """The character where a node starts, by the first of its parts that knows."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    return min(starts, default=0)


def _convert(node: exp.Expr, depth: int) -> tree.Expression:
    if depth > MAX_TREE_DEPTH:
        hint = "name parts of it under define"
        raise ExpressionError("policy.problem.too_large", _offset(node), f"at most {MAX_TREE_DEPTH} levels", "more", hint)
    converter = _converters().get(type(node).__name__)
    if converter is None:
        raise _outside(node)
    return converter(node, depth + 1)


def _outside(node: exp.Expr, hint: str = "") -> ExpressionError:
    found = type(node).__name__.upper()
    if found == "ALIAS":
        return _syntax(_offset(node), "an operator between two names", "two names side by side")
    return ExpressionError("policy.problem.outside_language", _offset(node), "an expression of the rule language", found, hint)


@cache
def _converters() -> dict[str, Callable[[exp.Expr, int], tree.Expression]]:
    table: dict[str, Callable[[exp.Expr, int], tree.Expression]] = {
        "Paren": lambda node, depth: _convert(node.this, depth),
        "Column": _name,
        "Literal": _literal,
        "Boolean": lambda node, _: tree.Literal_(bool(node.this), at=_offset(node)),
        "Null": lambda node, _: tree.Literal_(None, at=_offset(node)),
        "Cast": _date,
        "And": _junction,
        "Or": _junction,
        "Not": lambda node, depth: tree.Not(_convert(node.this, depth), at=_offset(node)),
        "Neg": _negate,
        "Between": _between,
        "In": _in,
        "Is": _is,
        "Case": _case,
        "Coalesce": lambda node, depth: tree.Coalesce(_terms(node, depth), at=_offset(node)),
        "Least": lambda node, depth: tree.Extreme("LEAST", _terms(node, depth), at=_offset(node)),
        "Greatest": lambda node, depth: tree.Extreme("GREATEST", _terms(node, depth), at=_offset(node)),
        "MonthsBetween": lambda node, depth: tree.Span("MONTH", *_two(node, depth), at=_offset(node)),
        "Anonymous": _anonymous,
    }
    table |= dict.fromkeys(_COMPARE, _compare)
    table |= dict.fromkeys(_ARITHMETIC, _arithmetic)
    table |= dict.fromkeys(_ONE_NUMBER, _one_number)
    table |= dict.fromkeys(_ROUNDING, _rounding)
    return table


def _name(node: exp.Expr, _: int) -> tree.Expression:
    if node.args.get("table") is not None or type(node.this).__name__ != "Identifier":
        raise _outside(node, "a fact has one plain name")
    return tree.Fact(node.this.this, at=_offset(node))


def _literal(node: exp.Expr, _: int) -> tree.Literal_:
    if node.is_string:
        return tree.Literal_(node.this, at=_offset(node))
    return tree.Literal_(_number(node), at=_offset(node))


def _number(node: exp.Expr) -> int | float:
    digits: str = node.this
    if digits.isdigit() and len(digits.lstrip("0")) <= MAX_DIGITS and int(digits) <= MAX_INTEGER:
        return int(digits)
    value = float(digits)
    if digits.isdigit() or not math.isfinite(value):
        raise ExpressionError("policy.problem.too_large", _offset(node), "a finite number, or a whole one up to 2**53 - 1", digits[:40])
    return value


def _date(node: exp.Expr, _: int) -> tree.Expression:
    kind = node.args["to"].sql()
    if kind != "DATE" or type(node.this).__name__ != "Literal" or not node.this.is_string:
        raise _outside(node, "there are no casts; a date is written DATE '2026-01-31'")
    try:
        return tree.Literal_(parse_day(node.this.this), at=_offset(node))
    except ValueError:
        found = repr(node.this.this)[:40]
        raise ExpressionError("policy.problem.wrong_type", _offset(node), "a date such as DATE '2026-01-31'", found) from None


def _junction(node: exp.Expr, depth: int) -> tree.Expression:
    """A chain of one connective as one node; sqlglot nests it to the left."""
    kind, pending, found = type(node), [node], []
    while pending:
        part = pending.pop()
        if type(part) is kind:
            pending += [part.expression, part.this]
        else:
            found.append(part)
    terms = tuple(_convert(part, depth) for part in found)
    return (tree.And if kind.__name__ == "And" else tree.Or)(terms, at=terms[0].at)


def _negate(node: exp.Expr, depth: int) -> tree.Expression:
    term = _convert(node.this, depth)
    if isinstance(term, tree.Literal_) and type(term.value) in (int, float) and type(node.this).__name__ == "Literal":
        return tree.Literal_(-term.value, at=term.at)  # type: ignore[operator]
    return tree.Negate(term, at=term.at)


def _two(node: exp.Expr, depth: int) -> tuple[tree.Expression, tree.Expression]:
    if node.args.get("roundoff") is not None:
        raise _outside(node)
    return _convert(node.this, depth), _convert(node.expression, depth)


def _terms(node: exp.Expr, depth: int) -> tuple[tree.Expression, ...]:
    terms = tuple(_convert(part, depth) for part in (node.this, *node.expressions))
    if len(terms) < 2:
        raise _syntax(_offset(node), "two or more arguments", "one")
    return terms


def _compare(node: exp.Expr, depth: int) -> tree.Expression:
    left, right = _two(node, depth)
    return tree.Compare(_COMPARE[type(node).__name__], left, right, at=left.at)  # type: ignore[arg-type]


def _between(node: exp.Expr, depth: int) -> tree.Expression:
    if node.args.get("symmetric"):
        raise _outside(node)
    term = _convert(node.this, depth)
    low, high = _convert(node.args["low"], depth), _convert(node.args["high"], depth)
    return tree.And((tree.Compare(">=", term, low, at=term.at), tree.Compare("<=", term, high, at=term.at)), at=term.at)


def _in(node: exp.Expr, depth: int) -> tree.Expression:
    term = _convert(node.this, depth)
    extra = [key for key, value in node.args.items() if value and key not in {"this", "expressions"}]
    values = [_convert(part, depth) for part in node.expressions]
    for value in values:
        if not isinstance(value, tree.Literal_) or value.value is None:
            hint = "compare with = and OR"
            raise ExpressionError("policy.problem.outside_language", value.at, "literals in IN (…)", "an expression", hint)
    if extra or not values:
        raise _syntax(term.at, "IN with literals in brackets", "IN without them")
    return tree.In(term, tuple(value for value in values if isinstance(value, tree.Literal_)), at=term.at)


def _is(node: exp.Expr, depth: int) -> tree.Expression:
    if type(node.expression).__name__ != "Null":
        expected, found, hint = "IS NULL or IS NOT NULL", "IS with something else", "a boolean stands by itself"
        raise ExpressionError("policy.problem.outside_language", _offset(node), expected, found, hint)
    term = _convert(node.this, depth)
    return tree.IsNull(term, at=term.at)


def _case(node: exp.Expr, depth: int) -> tree.Expression:
    if node.this is not None and node.args.get("this") is not None:
        raise _syntax(_offset(node), "CASE WHEN condition THEN value", "CASE with a value", "write each comparison out")
    branches = tuple((_convert(part.this, depth), _convert(part.args["true"], depth)) for part in node.args["ifs"])
    default = node.args.get("default")
    otherwise = tree.Literal_(None, at=branches[0][0].at) if default is None else _convert(default, depth)
    return tree.Case(branches, otherwise, at=branches[0][0].at)


def _anonymous(node: exp.Expr, depth: int) -> tree.Expression:
    name = str(node.this).upper()
    if name != "DAYS_BETWEEN" or len(node.expressions) != 2:
        raise _syntax(_offset(node), "days_between(from, to)", f"{name} with {len(node.expressions)} arguments")
    start, end = (_convert(part, depth) for part in node.expressions)
    return tree.Span("DAY", start, end, at=start.at)


def _one_number(node: exp.Expr, depth: int) -> tree.Expression:
    return tree.Call(_ONE_NUMBER[type(node).__name__], _convert(node.this, depth), at=_offset(node))  # type: ignore[arg-type]


def _rounding(node: exp.Expr, depth: int) -> tree.Expression:
    function = _ROUNDING[type(node).__name__]
    extra = [key for key, value in node.args.items() if value and key not in {"this", "decimals"}]
    digits = node.args.get("decimals")
    if extra or (digits is not None and function != "ROUND"):
        raise _syntax(_offset(node), f"{function} of one number", "more")
    places = 0 if digits is None else _digits(digits)
    return tree.Call(function, _convert(node.this, depth), places, at=_offset(node))  # type: ignore[arg-type]


def _digits(node: exp.Expr) -> int:
    if type(node).__name__ == "Literal" and not node.is_string and node.this.isdigit() and len(node.this) <= MAX_DIGITS and int(node.this) <= MAX_ROUND_DIGITS:
        return int(node.this)
    raise _syntax(_offset(node), f"a number of digits from 0 to {MAX_ROUND_DIGITS}", "something else")


def _arithmetic(node: exp.Expr, depth: int) -> tree.Expression:
    operator = _ARITHMETIC[type(node).__name__]
    if type(node.expression).__name__ == "Interval":
        return _shift(node, operator, depth)
    left, right = _two(node, depth)
    return tree.Arithmetic(operator, left, right, at=left.at)  # type: ignore[arg-type]


def _shift(node: exp.Expr, operator: str, depth: int) -> tree.Expression:
    term, interval = _convert(node.this, depth), node.expression
    amount = getattr(interval.this, "this", None)
    unit = str(getattr(interval.args.get("unit"), "this", "")).upper().removesuffix("S")
    whole = str(amount).isdecimal() and len(str(amount)) <= MAX_DIGITS and int(str(amount)) <= MAX_INTERVAL
    if operator not in "+-" or unit not in {"DAY", "MONTH"} or not whole:
        hint = f"n is a whole number up to {MAX_INTERVAL}"
        raise _syntax(term.at, "a date plus or minus INTERVAL n DAY or MONTH", "another interval", hint)
    signed = int(str(amount)) if operator == "+" else -int(str(amount))
    return tree.Shift(term, signed, unit, at=term.at)  # type: ignore[arg-type]
