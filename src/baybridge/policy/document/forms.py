"""The form of a policy document as it is written, before its rules are parsed.

Main job: `Written` and its five shapes, `FORMS`; `rules.py` and `bodies.py` give their texts a meaning. A part that does not fit was told.

**Source**: docs/architecture.md, "A policy document". Elsewhere: the reader that tells what has not this form, `documents/reading.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from baybridge.documents.heading import EMPTY, Confidence, Part
from baybridge.policy.document.shapes import Expected

#: A rule or formula; a number or truth stands for itself.
Expr = Annotated[str | bool | int | float, Meta(extra={"words": "an expression", "harmless": "NULL"})]
Text = Annotated[str, Meta(pattern=r"\S", extra={"words": "a text"})]
# Source: RFC 5646, language, script and region of a tag.
Language = Annotated[
    str, Meta(pattern="^(?!zh$)[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$", extra={"words": "a language such as en, zh-Hans, zh-Hant or pt"})
]
# ISO 3166-1, or a part of it by 3166-2.
Place = Annotated[str, Meta(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$", extra={"words": "a code such as CN, HK, MO or CN-GD"})]
#: A text by language, or the English one alone.
Texts = Mapping[Language, Text] | str | None


class WrittenRule(Part, frozen=True, kw_only=True):
    """A condition with where it comes from."""

    source: str | None = None
    text: Texts = None


class Flag(WrittenRule, frozen=True, kw_only=True):
    """A code that is listed where its condition holds."""

    code: Text
    when: Expr


class Asked(WrittenRule, frozen=True, kw_only=True):
    """A fact that is asked for while its condition holds."""

    fact: Text
    when: Expr


class WrittenCase(Part, frozen=True, kw_only=True):
    """An example with what must come out."""

    name: Text
    at: Any = None
    facts: Mapping[str, Any] = EMPTY
    expect: Expected = field(default_factory=Expected)


class Written(Part, frozen=True, kw_only=True):
    """What every policy says of itself."""

    id: Text
    version: Text | int | float
    shape: Text
    title: Texts = None
    source: Text | None = None
    sources: tuple[str, ...] = ()
    confidence: Confidence = "medium"
    jurisdiction: tuple[Place, ...] = ()
    in_force_from: date | None = None
    in_force_to: date | None = None
    notes: str | None = None
    define: Mapping[str, Expr] = EMPTY
    flags: tuple[Flag, ...] = ()
    values: Mapping[str, Expr] = EMPTY
    recorded_only: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    asked: tuple[Asked, ...] = ()
    presumed: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    cases: tuple[WrittenCase, ...] = ()


class Entry(WrittenRule, frozen=True, kw_only=True):
    """An entry of a body."""

    id: Text | None = None
    notes: str | None = None
    confidence: Confidence | None = None


class Row(Entry, frozen=True, kw_only=True):
    """An entry with its condition."""

    when: Expr


class WrittenCriterion(Row, frozen=True, kw_only=True):
    """One that must hold."""

    id: Text
    any_of: str | None = None


class Ends(Part, frozen=True, kw_only=True):
    """The outcomes of criteria."""

    holds: Text = "holds"
    fails: Text = "fails"


class WrittenCriteria(Written, frozen=True, kw_only=True):
    """Shape `criteria`."""

    criteria: Annotated[tuple[WrittenCriterion, ...], Meta(min_length=1)]
    outcomes: Ends = Ends()


class WrittenTableRow(Row, frozen=True, kw_only=True):
    """A row with its outcome."""

    outcome: Text


class WrittenTable(Written, frozen=True, kw_only=True):
    """Shape `table`."""

    rows: Annotated[tuple[WrittenTableRow, ...], Meta(min_length=1)]
    default: Text


class WrittenPoints(Row, frozen=True, kw_only=True):
    """A row with its points."""

    points: int | float


class WrittenDomain(Part, frozen=True, kw_only=True):
    """A domain with its rows."""

    id: Text
    source: str | None = None
    rows: Annotated[tuple[WrittenPoints, ...], Meta(min_length=1)]
    text: Texts = None
    notes: str | None = None


class WrittenNames(Part, frozen=True, kw_only=True):
    """Under which names a score is printed."""

    score: Text = "score"
    min: Text | None = None
    max: Text | None = None
    driver: Text | None = None


class WrittenBand(Part, frozen=True, kw_only=True):
    """The outcome of scores up to a limit."""

    outcome: Text
    up_to: int | float | None = None
    text: Texts = None


class WrittenScore(Written, frozen=True, kw_only=True):
    """Shape `score`."""

    combine: Literal["sum", "max"]
    domains: Annotated[tuple[WrittenDomain, ...], Meta(min_length=1)]
    names: WrittenNames = WrittenNames()
    bands: tuple[WrittenBand, ...] | None = None
    outcome: Text | None = None


class WrittenLimit(Entry, frozen=True, kw_only=True):
    """A limit of a specification: a condition, or bounds of a fact, each a number, text, date or truth."""

    when: Expr | None = None
    fact: Text | None = None
    unit: str | None = None
    critical: bool = False
    at_least: Any = None
    at_most: Any = None
    above: Any = None
    below: Any = None
    equals: Any = None
    one_of: Annotated[tuple[Any, ...], Meta(min_length=1, extra={"harmless": ()})] | None = None


class WrittenLimits(Written, frozen=True, kw_only=True):
    """Shape `limits`."""

    limits: Annotated[tuple[WrittenLimit, ...], Meta(min_length=1)]


class WrittenFinding(Row, frozen=True, kw_only=True):
    """A code that is reported where its condition holds."""

    code: Text
    severity: Text = "hard"
    overridable: bool = False


class Found(Part, frozen=True, kw_only=True):
    """The outcomes of findings."""

    found: Text = "found"
    clear: Text = "clear"


class WrittenFindings(Written, frozen=True, kw_only=True):
    """Shape `findings`."""

    findings: Annotated[tuple[WrittenFinding, ...], Meta(min_length=1)]
    outcomes: Found = Found()


FORMS: Mapping[str, type[Written]] = MappingProxyType(
    {"criteria": WrittenCriteria, "table": WrittenTable, "score": WrittenScore, "limits": WrittenLimits, "findings": WrittenFindings}
)
