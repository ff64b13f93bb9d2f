"""How far: the distance between two places in a straight line.

Main job: `kilometres(one, other)`. **Source**: haversine formula on a sphere of the Earth's mean radius. **Units**: degrees in, kilometres out.
"""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt

#: Mean radius of the Earth. Source: IUGG.
_RADIUS_KM = 6371.0

Point = tuple[float, float]  # latitude, longitude


def kilometres(one: Point | None, other: Point | None) -> int | None:
    """The distance to the nearest 5 km, since a city is no point; None where either place is not known."""
    if one is None or other is None:
        return None
    south, north = radians(one[0]), radians(other[0])
    rise, turn = (north - south) / 2, radians(other[1] - one[1]) / 2
    half = sin(rise) ** 2 + cos(south) * cos(north) * sin(turn) ** 2
    return 5 * round(2 * _RADIUS_KM * asin(sqrt(half)) / 5)
