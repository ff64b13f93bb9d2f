"""A number of a sample that comes again on another day: another sample, and never the next version of the first.

Main job: `parted_by_day(connection, batch)`. Laboratories begin their numbers anew by the day or year; a line of a table that has a number's other day is filed
beside what stands, and told. What says that it corrects or takes back is taken as a change of the one that stands, whose time it corrects.

**Source**: convention of this project; RFC 4180 tables carry no rule. Elsewhere: orders of HL7 v2 messages, whose numbers come once, in `earlier_codes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.intake.earlier import CHANGED, key_of, standing
from baybridge.record.intake.planning import derived_id
from baybridge.record.store.store import Key, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch


def parted_by_day(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Give each result of another day than its number was used for an id of its own; what is to be told as (place in the batch, type, code)."""
    stands = standing(connection, batch.by_sample)
    days: dict[Key, set[str]] = {key: set() for key in batch.by_sample if key not in stands}
    told: list[tuple[int, str, str]] = []
    for number, resource in enumerate(batch.resources):
        key, day = key_of(resource), _day(resource)
        if key not in batch.by_sample or not day:
            continue
        known = _days(connection, key, days)
        if known and day not in known:
            own = (key[0], derived_id(*key, day))
            beside = _days(connection, own, days)
            is_change = resource.get("status") in (*CHANGED, "amended")
            if not beside:
                told.append((number, key[0], "sample_corrected_day" if is_change else "sample_again"))
            if beside or not is_change:
                batch.resources[number], known = {**resource, "id": own[1]}, beside
        known.add(day)
    return told


def _days(connection: Connection, key: Key, days: dict[Key, set[str]]) -> set[str]:
    """Every day that a version of a result had, and those of this batch."""
    if key not in days:
        days[key] = {day for version in history(connection, *key) if not version.deleted and (day := _day(version.resource))}
    return days[key]


def _day(resource: Mapping[str, Any]) -> str:
    return str(resource.get("effectiveDateTime") or "")[:10]
