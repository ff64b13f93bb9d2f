"""The table of UCUM: every unit with its value, and the prefixes.

Main job: `table() -> (rows, prefixes)`, read once from the unchanged `ucum-essence.xml` that the package `ucumvert` carries (found without
importing that package, which is slow).

**Source**: UCUM 2.2 of 2024-06-17, copyright Regenstrief Institute and the UCUM Organization, used under its licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as Xml

_NAMESPACE = "{http://unitsofmeasure.org/ucum-essence}"
#: Numbers to UCUM, things of their own to a laboratory: moles and equivalents convert by an analyte's row alone.
_THINGS = frozenset({"mol", "eq", "osm", "[HPF]", "[hnsf'U]", "[NTU]", "[FNU]"})


@dataclass(frozen=True, slots=True)
class Row:
    """One unit: `value` of `unit`; a dimension of its `own`; or a `scale` over `value` of `unit`."""

    value: Fraction
    unit: str
    metric: bool
    own: bool = False
    scale: str | None = None


Table = tuple[Mapping[str, Row], Mapping[str, Fraction]]


@lru_cache(maxsize=1)
def table() -> Table:
    """All units by their case-sensitive code, and the prefixes."""
    root = Xml.parse(_essence()).getroot()  # noqa: S314 - a file of an installed package, pinned by its hash
    prefixes = {p.attrib["Code"]: Fraction(_value(p).attrib["value"]) for p in root.iter(f"{_NAMESPACE}prefix")}
    rows = {b.attrib["Code"]: Row(Fraction(1), "", metric=True, own=True) for b in root.iter(f"{_NAMESPACE}base-unit")}
    rows |= {u.attrib["Code"]: _row(u) for u in root.iter(f"{_NAMESPACE}unit")}
    return rows, prefixes


def _essence() -> Path:
    found = find_spec("ucumvert")
    if found is None or found.origin is None:
        raise FileNotFoundError("the table of UCUM: expected the package ucumvert, found none")
    return Path(found.origin).parent / "vendor" / "ucum-essence.xml"


def _value(of: Xml.Element) -> Xml.Element:
    found = of.find(f"{_NAMESPACE}value")
    if found is None:
        raise ValueError(f"the table of UCUM: {of.attrib['Code']} has no value")
    return found


def _row(unit: Xml.Element) -> Row:
    code, metric, value = unit.attrib["Code"], unit.attrib.get("isMetric") == "yes", _value(unit)
    function = value.find(f"{_NAMESPACE}function")
    if function is not None:
        return _scale(metric, value.attrib["Unit"], function)
    own = code in _THINGS or (unit.attrib.get("isArbitrary") == "yes" and value.attrib["Unit"] == "1")
    written = "[HPF]" if code == "[LPF]" else value.attrib["Unit"]  # a hundred of the other, and no plain number either
    return Row(Fraction(value.attrib["value"]), written, metric, own)


def _scale(metric: bool, written: str, function: Xml.Element) -> Row:  # noqa: FBT001 - one of three plain values
    """`degf(5 K/9)`: the name of the scale, and the value and unit that it rests on (as the formula says, not its second rendering)."""
    name = written.partition("(")[0]
    if name == "100tan":
        return Row(Fraction(1), "rad", metric, scale=name)
    return Row(Fraction(function.attrib["value"]), function.attrib["Unit"], metric, scale=name.lower())
