"""What can be wrong in a document or a request: each problem at its field, for a file with line and column, with what was expected and found.

Main job: `Problem`, one line for the author, and `PolicyProblems`, every problem of one document together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

UNKNOWN_KEY, UNKNOWN_FOLDER, MISSING, WRONG_VALUE, TWICE = (f"document.problem.{name}" for name in ("unknown_key", "unknown_folder", "missing", "wrong_value", "twice"))


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a document or request: where it stands, what was expected and found, and what to do; `file` is empty for a request."""

    file: str
    line: int
    column: int
    code: str  # its heading in four languages stands in data/translations under this key
    expected: str
    found: str
    hint: str = ""
    field: str = ""  # the path of the field, such as `list_price[0].currency`

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        place = f"{self.file}:{self.line}:{self.column}" if self.file else self.field
        return f"{place}: expected {self.expected}, found {self.found}{hint}"

    @property
    def shown(self) -> str:
        """The problem as a page shows it, without the folders in which the file stands."""
        where = f"{self.field}: " if self.field else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{Path(self.file).parent.name}/{Path(self.file).name}:{self.line}: {where}expected {self.expected}, found {self.found}{hint}"

    def as_json(self) -> dict[str, object]:
        """The problem as plain JSON."""
        names = ("file", "line", "column", "field", "code", "expected", "found", "hint")
        return {name: getattr(self, name) for name in names}


def field_name(path: Sequence[str | int]) -> str:
    """A path as people write it, such as `list_price[0].currency`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def path_of(field: str) -> tuple[str | int, ...]:
    """The path of a field as people write it."""
    return tuple(name or int(index) for name, index in _STEP.findall(field))


_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def nearest(written: str, known: Collection[str]) -> str:
    """The nearest known name, whatever its letters' case; empty where none is near."""
    names = {name.lower(): name for name in known}
    close = get_close_matches(written.lower(), names, n=1)
    return names[close[0]] if close else ""


def did_you_mean(written: str, known: Collection[str]) -> str:
    """A hint with the nearest known name; empty where none is near."""
    near = nearest(written, known)
    return f"did you mean {near}?" if near else ""


def kind_of(value: object) -> str:
    """What a value of a document is, in the words of the author."""
    if value is None:
        return "nothing"
    if value == "":
        return "an empty text"
    names = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a number", str: "a text"}
    return names.get(type(value), "a date")


class PolicyProblems(ValueError):
    """A document that cannot be used, with every problem in it, in reading order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DocumentProblem(ValueError):
    """A file of `data/` that cannot be read: which, where, what was expected and found, with each problem where it has places."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
