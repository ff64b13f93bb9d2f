"""From the values of a case to lines that can be drawn: what is usable has a place, and what may not be compared stands apart.

Main job: `place_of(charted)`, `lines_of(panel, values, gap)`. Elsewhere: the values in `facts/charted.py`, places on paper in `drawing.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from baybridge.facts.charted import Charted, Use
from baybridge.web.ward.drawing import NEVER, Line, Value, finite
from baybridge.web.ward.panels import Panel


@dataclass(frozen=True, slots=True)
class Group:
    """One line, its first value, and whether nobody knows by which method its values came: these stand together and are joined by nothing."""

    line: Line
    first: Charted
    method_unknown: bool


def place_of(one: Charted) -> Value | None:
    """Where a usable value stands on its axis; what was reported as above or below a limit stands at the limit. None for what is not used."""
    if one.at is None or one.use not in (Use.USED, Use.BOUND):
        return None
    if one.use is Use.USED:
        number = finite(one.value)
        return Value(one.at, number) if number is not None else None
    least, greatest = one.between or (None, None)
    above, below = finite(least), finite(greatest)
    if below is not None and (above is None or one.original.startswith("<")):
        return Value(one.at, below, "below")
    return Value(one.at, above, "above") if above is not None else None


def lines_of(panel: Panel, values: Sequence[Charted], gap: timedelta) -> list[Group]:
    """The lines of a panel in the order of its facts; each usable value is on one of them."""
    groups: dict[tuple[int, str, str], list[tuple[Charted, Value]]] = {}
    for one in values:
        place = place_of(one)
        if place is not None and one.fact in panel.facts:
            _, came, method = one.line
            key = panel.facts.index(one.fact), came, "?" if method and method == one.source else method
            groups.setdefault(key, []).append((one, place))
    return [_group(groups[key], gap, method_unknown=key[2] == "?") for key in sorted(groups)]


def _group(members: Sequence[tuple[Charted, Value]], gap: timedelta, *, method_unknown: bool) -> Group:
    return Group(Line(tuple(place for _, place in members), NEVER if method_unknown else gap), members[0][0], method_unknown)
