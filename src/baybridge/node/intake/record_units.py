"""Units of an imported result that nobody knows.

Main job: `unknown_units(resource, table)` names each quantity of an Observation whose unit is neither UCUM nor a spelling that the
dictionary knows, so that an import tells it at once and not only where a fact stays unknown.

**Source**: UCUM by `facts/ucum.py`; spellings of `data/terms/units.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from baybridge.facts.units import UnitTable

_SHOWN = re.compile(r"[\w/%*^.\[\]{}' -]{1,20}")
_MOST = 60  # characters; nobody writes a longer unit


def unknown_units(resource: dict[str, object], table: UnitTable) -> Iterator[tuple[str, str]]:
    """(path inside the resource, unit as it may be shown) of every value whose unit is not known."""
    if resource.get("resourceType") != "Observation":
        return
    places = [("valueQuantity", resource.get("valueQuantity"))]
    parts = resource.get("component")
    for index, part in enumerate(parts if isinstance(parts, list) else []):
        places.append((f"component[{index}].valueQuantity", part.get("valueQuantity")))
    for path, quantity in places:
        unit = _unit_of(quantity)
        if unit and not _is_known(unit, table):
            yield path, unit if _SHOWN.fullmatch(unit) else f"text of {len(unit)} characters"


def _unit_of(quantity: object) -> str:
    if not isinstance(quantity, dict):
        return ""
    unit = quantity.get("code") or quantity.get("unit")
    return unit.strip() if isinstance(unit, str) else ""


def _is_known(unit: str, table: UnitTable) -> bool:
    return len(unit) <= _MOST and bool(table.readings(unit))
