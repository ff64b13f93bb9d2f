"""Files of a laboratory as FHIR: HL7 v2 or CSV, with the laboratory's own codes and columns as its mapping document says.

Main job: `read_feed(data, feed, is_csv=…)` answers resources and faults, one `Taken` a message or line. Codes that the mapping does not
name stay as they were sent and land in the work list of `code_mapping.py`; nothing is guessed.

**Source**: the mapping document of the laboratory (`csv_feed.py` says its form).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from baybridge.base.time import CHINA
from baybridge.record.feeds.code_mapping import mapped
from baybridge.record.feeds.csv_feed import read_csv
from baybridge.record.feeds.hl7v2 import SHOWN_SETS, Fault, codec_of
from baybridge.record.feeds.hl7v2_fhir import Taken, read_hl7
from baybridge.record.feeds.numbers import decimal_mark
from baybridge.record.feeds.orders import Orders


def read_feed(data: bytes, feed: Mapping[str, Any] | None, *, is_csv: bool, orders: Orders | None = None) -> Iterator[Taken]:
    """Each message or line as FHIR; a fault with number 0 is of the whole file. `orders` is what is known of a laboratory's orders from elsewhere."""
    zone, written = zone_of(feed), str((feed or {}).get("encoding") or "utf-8")
    undeclared = codec_of(written)
    if zone is None:
        yield _whole("feed_zone", "zone", "a zone such as Asia/Hong_Kong", "another text")
    elif not is_csv and undeclared is None:
        yield _whole("hl7_characters", "encoding", f"one of {SHOWN_SETS}", written[:40])
    elif not is_csv:
        for taken in read_hl7(data, zone, undeclared or "utf-8", decimal_mark(feed), orders):
            taken.resources = [_named(mapped(resource, feed), feed) for resource in taken.resources]
            yield taken
    elif feed is None or not isinstance(feed.get("columns"), Mapping):
        yield _whole("csv_no_mapping", "", "a mapping of the columns of this laboratory", "none")
    else:
        yield from read_csv(data, feed, zone)


def orders_of(data: bytes, feed: Mapping[str, Any] | None) -> Orders:
    """What the messages of a file say of orders: the filler's numbers of each placer's order, and which came by the placer's alone."""
    found = Orders()
    for _taken in read_feed(data, feed, is_csv=False, orders=found):
        pass
    return found


def _named(resource: dict[str, Any], feed: Mapping[str, Any] | None) -> dict[str, Any]:
    """A patient whose numbers stand under the systems that the mapping names (`identifier_systems`), so that they can be compared."""
    systems = (feed or {}).get("identifier_systems") or {}
    if resource.get("resourceType") != "Patient" or not systems:
        return resource
    items = [{**item, "system": systems.get(item.get("system"), item.get("system"))} for item in resource.get("identifier") or ()]
    return {**resource, "identifier": items}


def _whole(code: str, where: str, expected: str, found: str) -> Taken:
    return Taken(0, faults=[Fault(code, where, expected, found)])


def zone_of(feed: Mapping[str, Any] | None) -> ZoneInfo | None:
    """The zone of times without an offset; the region's civil time where the mapping names none, None where it names no zone."""
    named = (feed or {}).get("zone")
    if named is None:
        return CHINA
    try:
        return ZoneInfo(str(named))
    except (ZoneInfoNotFoundError, ValueError):
        return None
