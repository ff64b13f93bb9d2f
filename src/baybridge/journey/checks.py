"""Checks that every rule begins with: the case is open, the patient lives, the times can be.

Main job: small generators of reasons, so that a rule gives every reason and not the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Protocol, TypeVar

from msgspec import Meta

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.outcome import Reason
from baybridge.journey.command import Situation
from baybridge.journey.conditions import therapy_event_open
from baybridge.journey.custody import TWO_PERSONS

When = TypeVar("When", datetime, date)


class Documented(Protocol):
    """A decision, whose document is plain JSON."""

    def as_json(self) -> Mapping[str, object]:
        """The document."""


#: A time in a command's input: one without an offset is refused when the input is read.
Moment = Annotated[datetime, Meta(tz=True)]

#: The answer to what is asked about, in a command's input.
Unusual = Annotated[bool, Meta(description="true where something unusual was asked about, and it is meant as it stands")]

#: Clocks of two machines differ; a time this far ahead of the node's is still "now". Convention of this project.
CLOCK_TOLERANCE = timedelta(minutes=5)

#: Source: chain of identity rule F2.3 (two-person check).
TWO_PEOPLE = TWO_PERSONS


def alive(situation: Situation) -> Iterator[Reason]:
    """The case stands and the patient has not died."""
    if situation.case.opened is None and not situation.case.entries:
        yield Reason("journey.case.not_open")
    if situation.case.died_on is not None:
        yield Reason("journey.case.died")


def treating_here(situation: Situation) -> Iterator[Reason]:
    """This node accepted the case for treatment."""
    if situation.case.treating_node is None:
        yield Reason("journey.case.not_accepted")
    elif situation.case.treating_node != situation.site.node:
        yield Reason("journey.case.treated_elsewhere", {"node": situation.case.treating_node})


def before_infusion(situation: Situation) -> Iterator[Reason]:
    """There is still something to give, or nothing was given yet: else what belongs before the infusion comes too late."""
    case = situation.case
    if case.infusions and not therapy_event_open(case) and not case.bags_waiting:
        yield Reason("journey.stage.given")


def happened(situation: Situation, **moments: datetime | date | None) -> Iterator[Reason]:
    """None of the named moments lies in the future."""
    for field, moment in moments.items():
        if moment is not None and _ahead(situation, moment):
            yield Reason("journey.time.future", {"field": field, "moment": moment.isoformat()}, where=field)


def _ahead(situation: Situation, moment: datetime | date) -> bool:
    if isinstance(moment, datetime):
        return moment > situation.now + CLOCK_TOLERANCE
    return moment > situation.today


def ordered(first: When, then: When, first_field: str, then_field: str) -> Iterator[Reason]:
    """The first moment is not after the second; both times, or both dates."""
    if first > then:
        yield Reason("journey.time.order", {"first": first_field, "then": then_field}, where=then_field)


def before_case(situation: Situation, **days: date | None) -> Iterator[Reason]:
    """What is said to have been done for a case before anybody opened it: possible, and asked about."""
    if not situation.case.entries:
        return
    opened = min(local_day(situation, entry.origin.at) for entry in situation.case.entries)
    for field, day in days.items():
        if day is not None and day < opened:
            yield Reason("journey.time.before_case", {"field": field, "moment": day.isoformat(), "day": opened.isoformat()}, where=field)


def asked_once(questions: Iterable[Reason], *, unusual: bool) -> Iterator[Reason]:
    """What is unusual but possible is asked about; nothing more where the person says that it is meant as it stands."""
    if not unusual:
        yield from questions


def longer_than(since: datetime, until: datetime, hours: int) -> bool:
    """Whether more than some hours lie between two moments."""
    return until - since > timedelta(hours=hours)


def said(text: str | None) -> bool:
    """Whether a reason or name was really given."""
    return bool(text and text.strip())


def digest(decision: Documented) -> str:
    """The SHA-256 under which a decision's document is kept."""
    return sha256_hex(canonical_bytes(decision.as_json()))


def local_day(situation: Situation, moment: datetime) -> date:
    """The date of a moment at this node."""
    return moment.astimezone(situation.site.zone).date()
