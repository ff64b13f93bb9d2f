"""A number of a sample or an order that comes again on another day: another sample, and never the next version of the first.

Main job: `parted_by_day(connection, batch)`. Laboratories begin their numbers anew by the day or year; a line of a table, or a result or report of a message, that has
a number's other day is filed beside what stands, and told. What says that it corrects or takes back is taken as a change of the one that stands, whose time
it corrects; so is what completes a preliminary one.

**Source**: convention of this project; RFC 4180 tables carry no rule. HL7 v2.5.1, 4.5.3.3 (a filler's number is unique among its orders) and table 0085 (F replaces
no final result, C does).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.intake.earlier import CHANGED, COMPLETE, key_of, naming, standing
from baybridge.record.intake.planning import derived_id
from baybridge.record.store.store import Key, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch


def parted_by_day(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Give each result or report of another day than its number was used for an id of its own; what is to be told as (place in the batch, type, code)."""
    numbered = batch.by_sample | {key for key, of in batch.results.items() if of.number}
    stands = {key: version.resource for key, version in standing(connection, numbered).items()}
    days: dict[Key, set[str]] = {key: set() for key in numbered if key not in stands}
    told: list[tuple[int, str, str]] = []
    report: int | None = None
    for number, resource in enumerate(batch.resources):
        key, day = key_of(resource), _day(resource)
        report = number if key[0] == "DiagnosticReport" else report
        if key not in numbered or not day:
            continue
        known = _days(connection, key, days)
        if known and day not in known:
            own = (key[0], derived_id(*key, day))
            beside = _days(connection, own, days)
            is_change = _is_change(batch, resource, stands.get(key), report)
            is_silent = key[0] != "Observation" or (is_change and key not in batch.by_sample)  # a message says itself that it corrects
            if not beside and not is_silent:
                told.append((number, key[0], "sample_corrected_day" if is_change else "sample_again"))
            if beside or not is_change:
                batch.resources[number], known = {**resource, "id": own[1]}, beside
                if report is not None and key[0] == "Observation":
                    batch.resources[report] = naming(batch.resources[report], key, own)
        known.add(day)
        stands[key_of(batch.resources[number])] = batch.resources[number]
    return told


def _is_change(batch: Batch, resource: Mapping[str, Any], before: Mapping[str, Any] | None, report: int | None) -> bool:
    """Whether a result says that it corrects or takes back, or its message does, or it completes what was preliminary."""
    if resource.get("status") in (*CHANGED, "amended"):
        return True
    if key_of(resource) in batch.by_sample:
        return False
    if report is not None and batch.resources[report].get("status") in (*CHANGED, "amended"):
        return True
    return before is not None and before.get("status") not in COMPLETE


def _days(connection: Connection, key: Key, days: dict[Key, set[str]]) -> set[str]:
    """Every day that a version of a result had, and those of this batch."""
    if key not in days:
        days[key] = {day for version in history(connection, *key) if not version.deleted and (day := _day(version.resource))}
    return days[key]


def _day(resource: Mapping[str, Any]) -> str:
    return str(resource.get("effectiveDateTime") or "")[:10]
