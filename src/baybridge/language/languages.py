"""The languages that people read and documents are written in, as documents of `data/languages` say.

Main job: `languages_of(folder)`, in their order; `chosen(accepted, languages)`, the one that a browser asks for.

**Source**: RFC 9110 section 12.5.4 (weights of Accept-Language), RFC 4647 section 3.4 (lookup: a tag is shortened until one fits).
Elsewhere: sentences in `texts.py`, numbers and units in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict, cast

FALLBACK = "en"


class LanguageRow(TypedDict):
    """A document of `data/languages`; `documents/region.py` says what is wrong with one."""

    id: str
    order: int
    name: str
    locale: str
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Language:
    """One language: what it calls itself, its CLDR locale, and the tags of browsers that mean it."""

    code: str
    name: str
    locale: str
    tags: tuple[str, ...]


def languages_of(folder: Callable[[str], Mapping[str, object]]) -> dict[str, Language]:
    """Every language by its code, in the order in which they are offered; `folder` reads a folder of documents."""
    rows = sorted(cast("Mapping[str, LanguageRow]", folder("languages")).values(), key=lambda row: (row["order"], row["id"]))
    return {row["id"]: Language(row["id"], row["name"], row["locale"], tuple(row["tags"])) for row in rows}


def chosen(accepted: str, languages: Mapping[str, Language]) -> str | None:
    """The language that an Accept-Language header prefers; None where none of ours is asked for."""
    known = {tag.lower(): code for code, language in languages.items() for tag in (code, *language.tags)}
    for tag in _by_weight(accepted):
        parts = tag.lower().split("-")
        found = next((known[name] for size in range(len(parts), 0, -1) if (name := "-".join(parts[:size])) in known), None)
        if found is not None:
            return found
    return None


def _by_weight(accepted: str) -> list[str]:
    """The tags of a header, most wanted first; one with weight 0 is not wanted, one that cannot be read counts as least wanted."""
    weighted = []
    for place, part in enumerate(accepted.split(",")):
        tag, *parameters = (piece.strip() for piece in part.split(";"))
        weight = min(map(_weight, parameters), default=1.0)
        if tag and weight > 0:
            weighted.append((-weight, place, tag.replace("_", "-")))
    return [tag for _, _, tag in sorted(weighted)]


def _weight(parameter: str) -> float:
    name, _, text = parameter.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.001
