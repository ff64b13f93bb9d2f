"""A fact as its document writes it: `data/facts/*.yaml`.

Main job: `FactEntry`; `facts/dictionary.py` makes the dictionary of them.

**Units**: UCUM in `unit`; hours for the age of a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from baybridge.documents.heading import EMPTY, Amount, Confidence, Exact, Part, Translated


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
    values: tuple[str | int, ...] = ()
    values_from: Literal["regions"] | None = None  # the ids of a folder of documents
    answers: Mapping[str, int | str | bool] = EMPTY
    labels: Translated = EMPTY
    plausible: tuple[int | float, int | float] | None = None
    conversions: Mapping[str, Exact | FactConversion] = EMPTY
    read: Mapping[str, object] = EMPTY
    kept: str | None = None
    cost: Amount = 1
    source: str = ""
    confidence: Confidence | None = None
    notes: str | None = None
