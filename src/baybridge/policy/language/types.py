"""What the rules know of a fact, and what can be wrong in one expression.

Main job: `FactType`, one row of the dictionary as the rule language sees it.

Elsewhere: labels, codes, windows and plausible ranges of a fact belong to `facts`; problems of a whole document to `documents/problems.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

#: A value of an expression; None is unknown. Instants are aware.
Value = bool | int | float | str | date | datetime | None

FactKind = Literal["number", "integer", "boolean", "code", "date", "instant", "text"]
FACT_KINDS: tuple[str, ...] = get_args(FactKind)


@dataclass(frozen=True, slots=True)
class FactType:
    """A fact as rules see it: its type, UCUM unit, the codes it can take, and the cost of obtaining it."""

    name: str
    type: FactKind
    unit: str | None = None
    values: tuple[str, ...] = ()
    cost: float = 1


class ExpressionError(ValueError):
    """One thing wrong in one expression, at a character offset of its text; `also` holds what else is wrong in it."""

    def __init__(self, code: str, offset: int, expected: str, found: str, hint: str = "") -> None:
        self.also: tuple[ExpressionError, ...] = ()
        self.code, self.offset, self.expected, self.found, self.hint = code, offset, expected, found, hint
        super().__init__(f"expected {expected}, found {found}" + (f"; {hint}" if hint else ""))
