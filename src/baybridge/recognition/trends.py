"""Results as lines over time, where values that depend on the method never share a line.

Main job: `trends(observations, methods)`; every page and export that draws or lists results over time takes its lines from here.

A method-dependent analyte has one line for each method and, where no method is stated, one for each laboratory; where neither is
known each result stands alone. **Source**: policy reference A3, "never merge trends silently". **Units**: as reported; another unit is another line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from baybridge.base.resource import Coding, Resource
from baybridge.documents.recognition import Methods
from baybridge.recognition.derive import group_of
from baybridge.recognition.results import code_of, collected_at


@dataclass(frozen=True, slots=True)
class Trend:
    """One line: values that may be compared with one another, the earliest first; `apart` says why others of the analyte stand elsewhere."""

    loinc: str
    group: str | None  # of analytes whose values depend on the method
    method: str | None
    laboratory: str | None
    unit: str
    points: tuple[tuple[datetime, float, str], ...]  # (collected, value, id of the observation)
    apart: bool = False


def trends(observations: Iterable[Resource], methods: Methods) -> tuple[Trend, ...]:
    """Every numeric result that counts (final, amended, corrected), line by line."""
    lines: dict[tuple[str, str, str, str], list[tuple[datetime, float, str]]] = {}
    for item in observations:
        taken, quantity, loinc = collected_at(item), item.get("valueQuantity") or {}, code_of(item)
        usable = item.get("status") in ("final", "amended", "corrected") and isinstance(quantity.get("value"), int | float | Decimal)
        if taken is None or loinc is None or not usable or quantity.get("comparator"):
            continue
        key = (loinc, *_kind(item, loinc, methods), str(quantity.get("code") or quantity.get("unit") or ""))
        lines.setdefault(key, []).append((taken, float(quantity["value"]), str(item.get("id") or "")))
    return tuple(_trend(key, points, lines, methods) for key, points in sorted(lines.items()))


def _kind(item: Resource, loinc: str, methods: Methods) -> tuple[str, str]:
    """Method and laboratory that keep a line apart; both empty where the analyte does not depend on the method."""
    if group_of(methods, loinc) is None:
        return "", ""
    method, laboratory = _method(item), _laboratory(item)
    if method:
        return method, ""
    return "", laboratory or f"result {item.get('id')}"


def _method(item: Resource) -> str:
    concept = item.get("method") or {}
    coding = next(iter(concept.get("coding") or ()), Coding())
    return str(concept.get("text") or coding.get("display") or coding.get("code") or "").strip().casefold()


def _laboratory(item: Resource) -> str:
    performers = (str(one.get("display") or one.get("reference") or "") for one in item.get("performer") or ())
    return next(filter(None, performers), "")


def _trend(
    key: tuple[str, str, str, str], points: list[tuple[datetime, float, str]], lines: Iterable[tuple[str, ...]], methods: Methods
) -> Trend:
    loinc, method, laboratory, unit = key
    others = any(other[0] == loinc and other != key for other in lines)
    return Trend(loinc, group_of(methods, loinc), method or None, laboratory or None, unit, tuple(sorted(points)), apart=others)
