"""What the rules know of a fact, and the problems that a document can have.

Main job: `FactType`, one row of the dictionary as the rule language sees it, and `Problem`, one line for the author.

Elsewhere: labels, codes, windows and plausible ranges of a fact belong to `facts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

#: A value of an expression; None is unknown. Instants are aware.
Value = bool | int | float | str | date | datetime | None

#: The largest whole number that JSON and a 64-bit fraction both carry exactly, so that every engine and neighbour reads the same.
#: Source: RFC 7493 section 2.2, RFC 8785 section 3.2.2.3.
MAX_INTEGER = 2**53 - 1

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


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a document: where it stands, what was expected and found, and what to do."""

    file: str
    line: int
    column: int
    code: str  # its heading in four languages stands in data/translations under this key
    expected: str
    found: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: expected {self.expected}, found {self.found}{hint}"

    def as_json(self) -> dict[str, object]:
        """The problem as plain JSON."""
        names = ("file", "line", "column", "code", "expected", "found", "hint")
        return {name: getattr(self, name) for name in names}


class PolicyProblems(ValueError):
    """A document that cannot be used, with every problem in it, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ExpressionError(ValueError):
    """One thing wrong in one expression, at a character offset of its text; `also` holds what else is wrong in it."""

    def __init__(self, code: str, offset: int, expected: str, found: str, hint: str = "") -> None:
        self.also: tuple[ExpressionError, ...] = ()
        self.code, self.offset, self.expected, self.found, self.hint = code, offset, expected, found, hint
        super().__init__(f"expected {expected}, found {found}" + (f"; {hint}" if hint else ""))
