"""A value that a person typed, against the dictionary: read as the fact's type, refused where it does not fit.

Main job: `read_typed` and `unfit`, for confirmed findings, bedside assessments and release tests alike.

**Units**: the dictionary's own. A value outside the plausible range is refused, because a typing error is likelier than a wonder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from baybridge.base.outcome import Reason
from baybridge.documents.fact import FactEntry
from baybridge.journey.command import Situation

Typed = bool | int | float | str

#: The code of the reason against a value outside the plausible range; whoever checked it with the laboratory may let it stand.
IMPLAUSIBLE = "journey.value.implausible"
#: The code of the reason against a fact that the dictionary does not have.
FACT_UNKNOWN = "journey.value.fact_unknown"

_WORDS: Mapping[str, bool] = {"true": True, "false": False}


def fact_entry(situation: Situation, name: str) -> FactEntry | None:
    """The dictionary's entry of a fact; None where it has none."""
    return situation.documents.fact(name)


def read_typed(entry: FactEntry | None, value: Typed) -> Typed:
    """The value as the fact's type where text was sent; as it came where it cannot be read so."""
    if not isinstance(value, str):
        return value
    text, kind = value.strip(), entry.type if entry else None
    if kind == "boolean":
        return _WORDS.get(text.casefold(), text)
    if kind in ("integer", "number"):
        return _number(text)
    return text


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def unfit(situation: Situation, name: str, value: Typed) -> Iterator[Reason]:
    """Why a value cannot stand for a fact: unknown name, wrong type, unknown code, implausible."""
    entry = fact_entry(situation, name)
    if entry is None:
        yield Reason(FACT_UNKNOWN, {"fact": name}, where=name)
        return
    typed = read_typed(entry, value)
    if not _fits(entry, typed):
        yield Reason("journey.value.unfit", {"fact": name, "expected": expected(entry)}, where=name)
    elif entry.plausible is not None and not _within(entry.plausible, typed):
        low, high = entry.plausible
        yield Reason(IMPLAUSIBLE, {"fact": name, "low": str(low), "high": str(high), "unit": _unit(entry)}, where=name)


def expected(entry: FactEntry) -> str:
    """What a fact can be, in words: its codes, or its type and unit."""
    return ", ".join(map(str, entry.values)) if entry.values else f"{entry.type} {_unit(entry)}".strip()


def _unit(entry: FactEntry) -> str:
    return entry.unit or ""


def _fits(entry: FactEntry, value: Typed) -> bool:
    kind, codes = entry.type, entry.values
    if kind == "boolean" or isinstance(value, bool):
        return kind == "boolean" and isinstance(value, bool)
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float)
    if kind in ("date", "instant"):
        return isinstance(value, str) and _is_time(kind, value)
    return isinstance(value, str) and (not codes or value in codes)


def _is_time(kind: str, value: str) -> bool:
    try:
        return bool(date.fromisoformat(value)) if kind == "date" else datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _within(span: tuple[int | float, int | float], value: Typed) -> bool:
    return isinstance(value, bool | str) or span[0] <= value <= span[1]
