"""What may be written in a rule at all: words, signs, length and nesting, refused before anything is parsed.

Main job: look at the tokens of an expression and refuse, with the place and a hint, what is outside the language, so that the
parser never meets a subquery, an attribute, a cast, a foreign function or a text deep enough to exhaust it.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING
from unicodedata import normalize

from baybridge.policy.language.types import ExpressionError

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

MAX_LENGTH = 8_000  # characters of one expression
MAX_TOKENS = 1_500
MAX_DEPTH = 20  # nested brackets, CASE and prefix signs

FUNCTIONS = ("ABS", "CEIL", "COALESCE", "DAYS_BETWEEN", "EXP", "FLOOR", "GREATEST", "LEAST", "LN", "MONTHS_BETWEEN", "ROUND", "SQRT")
KEYWORDS = frozenset(
    ["AND", "OR", "NOT", "IS", "NULL", "IN", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "TRUE", "FALSE", "DATE", "INTERVAL"]
)
_NEVER_CALLED = frozenset({"DATE", "INTERVAL"})
UNITS = frozenset({"DAY", "DAYS", "MONTH", "MONTHS"})
SIGNS = frozenset({"(", ")", ",", "+", "-", "*", "/", "=", "<>", "<", "<=", ">", ">="})
NAME = re.compile(r"[a-z][a-z0-9_]*")
NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_OF_UNITS = frozenset({"VAR", "SLASH", "STAR", "NUMBER"})
_PERCENT = "a percentage is written as its number; a remainder is not part of the language"
_QUOTES = "texts and codes stand in straight single quotes, such as 'none'"
_HINTS = {
    "!=": "write <>",
    "==": "write =",
    "=>": "write >=",
    "≥": "write >=",
    "≤": "write <=",
    "≠": "write <>",
    "×": "write *",
    "÷": "write /",
    "&&": "write AND",
    "||": "write OR; texts are only compared",
    ".": "a fact has one plain name; nothing can be reached through it",
    "::": "there are no casts; a date is written DATE '2026-01-31'",
    "CAST": "there are no casts; a date is written DATE '2026-01-31'",
    "SELECT": "a rule reads facts only, never a table",
    "LIKE": "codes are compared with = or IN",
    "%": _PERCENT,
    "、": "write ,",
    "。": "leave it out",
    **dict.fromkeys("‘’“”「」『』`´", _QUOTES),
}


def refuse_foreign(text: str, tokens: list[Token]) -> None:
    """Raise `ExpressionError` at the first token that the language does not have, with the others in `also`, or where the limits are passed."""
    if len(tokens) > MAX_TOKENS:
        raise _limit(tokens[MAX_TOKENS].start, f"at most {MAX_TOKENS} words and signs", f"{len(tokens)}")
    _refuse_depth(tokens)
    found: list[ExpressionError] = []
    after_unit = False  # within what was written as the unit of a number, which is told once, or just after a point
    for index, token in enumerate(tokens):
        unit = _is_unit(text, tokens, index)
        after_unit = unit or (after_unit and token.token_type.name in _OF_UNITS) or (index > 0 and tokens[index - 1].token_type.name == "DOT")
        try:
            if unit:
                hint = "a number has the unit of the fact that it is compared with; write no unit"
                raise _foreign(token.start, "an operator after a number", text[token.start : token.end + 1], hint)
            if not after_unit:
                _refuse_token(text, tokens, index, token)
        except ExpressionError as problem:
            found.append(problem)
    if found:
        found[0].also = tuple(found[1:])
        raise found[0]


def _is_unit(text: str, tokens: list[Token], index: int) -> bool:
    """Whether a plain word follows a number (`1.5 mg/dL`, `18 years`), other than a word of the language."""
    token = tokens[index]
    written = text[token.start : token.end + 1].upper()
    follows = index > 0 and tokens[index - 1].token_type.name == "NUMBER"
    interval = index > 1 and tokens[index - 2].text.upper() == "INTERVAL"
    return follows and not interval and token.token_type.name == "VAR" and written not in KEYWORDS and written.isascii()


def refuse_length(text: str) -> None:
    """Raise `ExpressionError` when an expression is empty or longer than the language allows."""
    if not text.strip():
        raise ExpressionError("policy.problem.syntax", 0, "an expression", "nothing")
    if len(text) > MAX_LENGTH:
        raise _limit(MAX_LENGTH, f"at most {MAX_LENGTH} characters", f"{len(text)}")


def _limit(offset: int, expected: str, found: str) -> ExpressionError:
    return ExpressionError("policy.problem.too_large", offset, expected, found, "name parts of it under define")


def _refuse_token(text: str, tokens: list[Token], index: int, token: Token) -> None:
    written = text[token.start : token.end + 1]
    called = index + 1 < len(tokens) and tokens[index + 1].token_type.name == "L_PAREN"
    if token.comments:
        raise _foreign(token.start, "no comment inside a rule", "a comment", "use the document's notes")
    if _is_literal_or_sign(token, written) or (written.upper() in KEYWORDS and not (called and written.upper() in _NEVER_CALLED)):
        return
    if written.upper() in UNITS and index >= 2 and tokens[index - 2].text.upper() == "INTERVAL":
        return
    if called:
        _refuse_function(token.start, written)
    elif token.token_type.name != "VAR" or not NAME.fullmatch(written):
        raise _describe_foreign(token.start, written, token.token_type.name)


def _is_literal_or_sign(token: Token, written: str) -> bool:
    match token.token_type.name:
        case "STRING":
            return written.startswith("'")
        case "NUMBER":
            return NUMBER.fullmatch(written) is not None
        case _:
            return written in SIGNS


def _describe_foreign(offset: int, written: str, kind: str) -> ExpressionError:
    if kind == "IDENTIFIER":
        return _foreign(offset, "a fact or a text", written, "texts and codes stand in single quotes, facts in none")
    if NAME.fullmatch(written.lower()):
        hint = _HINTS.get(written.upper(), "facts are lower case letters, digits and _, and no word of SQL")
        return _foreign(offset, "a fact, a defined name or a word of the language", written, hint)
    return _foreign(offset, "a word or sign of the language", written, _HINTS.get(written, "") or _hint_of_signs(written))


def _hint_of_signs(written: str) -> str:
    """What to write for the full-width and typographic signs that input methods for Chinese give."""
    known = next((_HINTS[sign] for sign in written if not sign.isascii() and sign in _HINTS), "")
    plain = normalize("NFKC", written)
    return known or (f"write the half-width {plain}" if plain != written and plain.isascii() else "")


def _refuse_function(offset: int, written: str) -> None:
    if written.upper() in FUNCTIONS:
        return
    close = get_close_matches(written.upper(), FUNCTIONS, n=1)
    hint = f"did you mean {close[0]}?" if close else ""
    raise _foreign(offset, f"one of {', '.join(FUNCTIONS)}", f"{written}(", hint)


def _foreign(offset: int, expected: str, found: str, hint: str) -> ExpressionError:
    return ExpressionError("policy.problem.outside_language", offset, expected, found[:40], hint)


def _refuse_depth(tokens: list[Token]) -> None:
    depth = prefix = 0
    for token in tokens:
        word = token.text.upper() if token.token_type.name != "STRING" else "'"
        depth += (word in {"(", "CASE"}) - (word in {")", "END"})
        prefix = prefix + 1 if word in {"NOT", "-", "+"} else 0
        if depth + prefix > MAX_DEPTH:
            raise _limit(token.start, f"at most {MAX_DEPTH} levels", "more")
