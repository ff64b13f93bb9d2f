"""A number of a sample or an order that comes again at another time: another sample, and never the next version of the first.

Main job: `parted_by_time(connection, batch)`. Laboratories begin their numbers anew by the day or year, and send the samples of one order one by one; a
line of a table, or a result or report of a message, that has a number's other time is filed beside what stands, and told. What says that it corrects or takes back is
taken as a change of the one that stands, whose time it corrects; so is what completes a preliminary one. Where several stand under the number and a change has the time
of none, none of them is used.

**Source**: convention of this project; RFC 4180 tables carry no rule. HL7 v2.5.1, 4.5.3.3 (a filler's number is unique among its orders) and table 0085 (F replaces
no final result, C does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, dropwhile, takewhile
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from baybridge.record.intake.earlier import CHANGED, COMPLETE, TAKEN_BACK, key_of, moment_of, naming, results_of, sent_at, standing, time_of
from baybridge.record.intake.planning import derived_id
from baybridge.record.store.store import Key, get_many, history

if TYPE_CHECKING:
    from baybridge.record.intake.importing import Batch

Json = dict[str, Any]
_MARKED = (*CHANGED, "amended")
_FIRST = datetime.min.replace(tzinfo=UTC)


def parted_by_time(connection: Connection, batch: Batch) -> list[tuple[int, str, str]]:
    """Give each result or report of another time than its number was used for an id of its own; what is to be told as (place in the batch, type, code)."""
    numbered = batch.by_sample | {key for key, of in batch.results.items() if of.number}
    if not numbered:
        return []
    samples = _Samples(connection, {key: version.resource for key, version in standing(connection, numbered).items()}, looked_up=set(numbered))
    told: list[tuple[int, str, str]] = []
    report: int | None = None
    for number in sorted(range(len(batch.resources)), key=lambda place: sent_at(batch.resources[place]) or _FIRST):
        key = key_of(batch.resources[number])
        report = number if key[0] == "DiagnosticReport" else report
        if key in numbered:
            code = _part(samples, batch, number, report)
            told += [(number, key[0], code)] if code else []
            samples.met(batch.resources[number])
    return told


def _part(samples: _Samples, batch: Batch, number: int, report: int | None) -> str:
    """File one result or report where it belongs; what is to be told of it, or nothing."""
    resource = batch.resources[number]
    key, at = key_of(resource), time_of(resource)
    if not samples.times(key) or (at and samples.has(key, at)) or samples.is_what_was_changed(key, resource):
        return ""
    is_change, beside = _is_change(batch, resource, samples.stands.get(key), report), samples.beside(key, at)
    own = next((one for one in beside if at and samples.has(one, at)), None)
    if own is None and is_change:
        return _doubt(samples, batch, number, [key, *beside]) if beside else _told_of_change(batch, key, at)
    is_of_one = not beside and samples.stands.get(key, {}).get("status") not in TAKEN_BACK  # what is not known brings back nothing
    if own is None and not at and (is_of_one or key[0] != "Observation"):
        return ""
    meant = own or samples.another(key, at)
    batch.resources[number] = {**resource, "id": meant[1]}
    if report is not None and key[0] == "Observation":
        batch.resources[report] = naming(batch.resources[report], key, meant)
    if own is None and _is_in_doubt(samples, batch, number, report, key):
        return "changed_before_it_came"
    return "sample_again" if key[0] == "Observation" and not samples.is_known(meant) else ""


def _is_in_doubt(samples: _Samples, batch: Batch, number: int, report: int | None, key: Key) -> bool:
    """Whether a change without a time, sent after this sample and come before it, may be meant of it: then neither this nor the one it was taken for is used."""
    resource = batch.resources[number]
    change = samples.undated_change_after(key, resource) or samples.changes.get(report)
    if change is None:
        return False
    if key[0] == "DiagnosticReport":
        samples.changes[number] = change
        return False  # its results say so
    batch.doubted |= dict.fromkeys((key_of(resource), key), (change, batch.places[number]))
    return True


def _told_of_change(batch: Batch, key: Key, at: str) -> str:
    """A line of a table that corrects the time is told; a message says itself that it corrects."""
    return "sample_corrected_day" if at and key in batch.by_sample else ""


def _doubt(samples: _Samples, batch: Batch, number: int, several: list[Key]) -> str:
    """A change of one of several samples under a number, of which it has the time of none: none of them is used until their source says which is meant."""
    change = batch.resources[number]
    is_report = change["resourceType"] == "DiagnosticReport"
    if is_report and (change.get("status") not in TAKEN_BACK or change.get("result")):
        return ""  # its results say for themselves what they change
    meant = samples.results_of(several, batch) if is_report else several
    batch.doubted |= dict.fromkeys((key for key in meant if samples.is_known(key)), (change, batch.places[number]))
    batch.resources[number] = samples.stands.get(key_of(change), change)
    return "which_of_several"


def _is_change(batch: Batch, resource: Mapping[str, Any], before: Mapping[str, Any] | None, report: int | None) -> bool:
    """Whether a result says that it corrects or takes back, or its message does, or it completes what was preliminary."""
    if resource.get("status") in _MARKED:
        return True
    is_of_table = key_of(resource) in batch.by_sample
    if not is_of_table and report is not None and batch.resources[report].get("status") in _MARKED:
        return True
    if before is None or before.get("status") in (*COMPLETE, *TAKEN_BACK):
        return False
    return not is_of_table or time_of(before)[:10] == time_of(resource)[:10]


@dataclass(slots=True)
class _Samples:
    """What stands under each number, its times, and those that are filed beside it: of the record, and of this batch so far."""

    connection: Connection
    stands: dict[Key, Json]
    known: dict[Key, set[str]] = field(default_factory=dict)
    looked_up: set[Key] = field(default_factory=set)  # nobody asks the database twice
    changes: dict[int | None, Json] = field(default_factory=dict)  # by the place of a report: the change without a time that may be meant of it

    def met(self, resource: Json) -> None:
        """One of this batch, for those that follow."""
        key = key_of(resource)
        self.times(key).add(time_of(resource))
        self.times(key).discard("")
        self.stands[key] = resource

    def times(self, key: Key) -> set[str]:
        """Every time that a version of a result had."""
        if key not in self.known:
            versions = history(self.connection, *key) if self.is_known(key) else []
            self.known[key] = {at for version in versions if not version.deleted and (at := time_of(version.resource))}
        return self.known[key]

    def has(self, key: Key, at: str) -> bool:
        """Whether a result had a time; a day has every time of it."""
        return any(_is_same(at, one) for one in self.times(key))

    def is_what_was_changed(self, key: Key, resource: Json) -> bool:
        """Whether a result comes after its correction, which was sent later, and is the first that nothing marks as one."""
        stands = self.stands.get(key, {})
        before, at = sent_at(resource), sent_at(stands)
        if before is None or at is None or before >= at or stands.get("status") not in _MARKED:
            return False
        return all(version.resource.get("status") in _MARKED for version in history(self.connection, *key) if not version.deleted)

    def undated_change_after(self, key: Key, resource: Json) -> Json | None:
        """A change of a number without a time that was sent after another sample of the number, and came before it: it may be meant of either."""
        sent = sent_at(resource)
        known = [version.resource for version in history(self.connection, *key) if not version.deleted] if self.is_known(key) else []
        changes = (one for one in (*known, self.stands.get(key, {})) if one.get("status") in _MARKED and not time_of(one))
        return next((one for one in changes if sent is not None and (sent_at(one) or _FIRST) > sent), None)

    def is_known(self, key: Key) -> bool:
        """Whether a result stands, here or in this batch."""
        if key not in self.stands and key not in self.looked_up:
            self.looked_up.add(key)
            self.stands |= {name: version.resource for name, version in standing(self.connection, [key]).items()}
        return key in self.stands

    def beside(self, key: Key, at: str) -> list[Key]:
        """Those that are filed beside the first of a number: one after the other, what has no time, and what stood under its day before times were told apart."""
        others = [one for which in ("", at[:10]) if self.is_known(one := _beside(key, which))]
        return list(dict.fromkeys([*takewhile(self.is_taken, _one_after_the_other(key)), *others]))

    def another(self, key: Key, at: str) -> Key:
        """The id of one more beside those; all without a time are one."""
        return next(dropwhile(self.is_taken, _one_after_the_other(key))) if at else _beside(key, "")

    def is_taken(self, key: Key) -> bool:
        """Whether an id was given once, though what had it may be deleted."""
        return self.is_known(key) or bool(get_many(self.connection, [key]))

    def results_of(self, reports: list[Key], batch: Batch) -> set[Key]:
        """Every result that a version of these reports named."""
        stored = [version.resource for report in reports for version in history(self.connection, *report) if not version.deleted]
        return {name for resource in (*stored, *(one for one in batch.resources if key_of(one) in reports)) for name in results_of(resource)}


def _one_after_the_other(key: Key) -> Iterator[Key]:
    return (_beside(key, str(number)) for number in count())


def _beside(key: Key, which: str) -> Key:
    return key[0], derived_id(*key, which)


def _is_same(one: str, other: str) -> bool:
    if "T" in one and "T" in other:
        return moment_of(one) == moment_of(other)
    shorter = min(len(one), len(other), len("2026-03-08"))
    return one[:shorter] == other[:shorter]
