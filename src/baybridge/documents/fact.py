"""A fact as its document writes it: `data/facts/*.yaml`.

Main job: `FactEntry`; `facts/dictionary.py` makes the dictionary of them. Elsewhere: the rules under `read` in `fact_reading.py`.

**Units**: UCUM in `unit`; hours for the age of a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from baybridge.documents.fact_reading import KINDS, Reading, how_of, reading_of
from baybridge.documents.heading import EMPTY, Amount, Confidence, Exact, Part, Translated
from baybridge.documents.reading import converted
from baybridge.documents.source import Path


class FactConversion(Part, frozen=True, kw_only=True):
    """How a value in another unit becomes one in the fact's own."""

    factor: Exact | None = None
    divide: Exact | None = None
    decimals: int | None = None
    published: Mapping[Any, Exact] = EMPTY  # by the value in the other unit, a number


class FactEntry(Part, frozen=True, kw_only=True):
    """One fact."""

    type: Literal["number", "integer", "boolean", "code", "date", "instant", "text"]
    unit: str | None = None
    codes: tuple[Mapping[str, str], ...] = ()
    also_called: tuple[str, ...] = ()  # words and codes of other systems by which it comes and nothing reads it: somebody is asked to look
    general: str | None = None  # a fact whose code may stand beside one of these in the same coding and says less
    values: tuple[str | int, ...] = ()
    values_from: Literal["regions"] | None = None  # the ids of a folder of documents
    answers: Mapping[str, int | str | bool] = EMPTY
    labels: Translated = EMPTY
    plausible: tuple[int | float, int | float] | None = None
    conversions: Mapping[str, Exact | FactConversion] = EMPTY
    read: Mapping[str, object] = EMPTY
    stated_by: tuple[Literal["physician", "laboratory"], ...] = ()  # whose word stands for it; none where it is computed or has a command of its own
    kept: str | None = None
    cost: Amount = 1
    source: str = ""
    confidence: Confidence | None = None
    notes: str | None = None

    def contradictions(self) -> Iterator[tuple[Path, str, str]]:
        """What is wrong with the rule by which it is read."""
        problems: list[tuple[Path, str, str]] = []

        def report(_: str, path: Path, expected: str, found: str, hint: str) -> None:
            problems.append((path, f"{expected} ({hint})" if hint else expected, found))

        reading_of(self.read, report, ("read",))
        yield from problems

    def reading(self) -> Reading:
        """The rule by which an entry without contradictions is read."""
        return converted(self.read, KINDS[how_of(self.read)])
