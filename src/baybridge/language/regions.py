"""The regions in which patients live, are treated and insured, as documents of `data/regions` say.

Main job: `regions_of(folder)`. A region is data: adding its document adds it to forms, sites and requests; what its law, labels and plans say
stands in policies and plans of their own.

Elsewhere: public holidays in `data/directory/holidays.yaml`, by the same codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict, cast

from baybridge.documents.heading import Confidence


class NextDoorRow(TypedDict):
    """As the document of a region writes it."""

    regions: list[str]
    route: str
    confidence: Confidence


class RegionRow(TypedDict):
    """A document of `data/regions`; `documents/region.py` says what is wrong with one."""

    id: str
    order: int
    names: Mapping[str, str]
    time_zone: str
    currency: str
    languages: list[str]
    city: str | None
    country_codes: list[str]
    registry_names: list[str]
    identity_systems: list[str]
    law: str
    data_area: list[str] | Literal["all"]
    next_door: NextDoorRow | None
    notify_before_transfer: str | None


@dataclass(frozen=True, slots=True)
class NextDoor:
    """Regions whose drugs a hospital here may ask for where they are not approved here, and by which route."""

    regions: tuple[str, ...]
    route: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Region:
    """One region; `data_area` names the cities that lie in the area of the GBA contract, None all of them."""

    code: str
    names: Mapping[str, str]
    time_zone: str
    currency: str
    languages: tuple[str, ...]
    city: str | None
    country_codes: frozenset[str]
    registry_names: tuple[str, ...]
    identity_systems: frozenset[str]
    law: str
    data_area: frozenset[str] | None
    next_door: NextDoor | None
    notify_before_transfer: str | None

    def in_data_area(self, city: str | None) -> bool:
        """Whether a city of this region lies in the area of the GBA contract."""
        return self.data_area is None or city in self.data_area


Regions = Mapping[str, Region]


def regions_of(folder: Callable[[str], Mapping[str, object]]) -> Regions:
    """Every region by its code, in their order; `folder` reads a folder of documents."""
    rows = sorted(cast("Mapping[str, RegionRow]", folder("regions")).values(), key=lambda row: (row["order"], row["id"]))
    return {row["id"]: _region(row) for row in rows}


def _region(row: RegionRow) -> Region:
    area, door = row["data_area"], row["next_door"]
    return Region(
        code=row["id"],
        names=row["names"],
        time_zone=row["time_zone"],
        currency=row["currency"],
        languages=tuple(row["languages"]),
        city=row["city"],
        country_codes=frozenset(row["country_codes"]),
        registry_names=tuple(row["registry_names"]),
        identity_systems=frozenset(row["identity_systems"]),
        law=row["law"],
        data_area=None if area == "all" else frozenset(area),
        next_door=NextDoor(tuple(door["regions"]), door["route"], door["confidence"]) if door else None,
        notify_before_transfer=row["notify_before_transfer"],
    )


def by_registry_name(regions: Regions) -> dict[str, str]:
    """The code of a region by each name under which registries of trials write it."""
    return {name: region.code for region in regions.values() for name in region.registry_names}


def home_of(regions: Regions, countries: Iterable[str], systems: Iterable[str]) -> str | None:
    """Where somebody lives: the first country of an address that is a region, else the region that issued an identity document."""
    written = [country.upper() for country in countries]
    issued = list(systems)
    by_country = (region.code for country in written for region in regions.values() if country in region.country_codes)
    by_document = (region.code for system in issued for region in regions.values() if system in region.identity_systems)
    return next(iter((*by_country, *by_document)), None)
