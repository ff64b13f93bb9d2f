"""Calls of the rapid response team, read from the entries of a case.

Main job: `calls_of(entries)`: each call with its signs and how high each stood at most, who was notified, whether it was acknowledged, whether the team has come,
how it was closed, and which of its signs were absent since.

A call is open until the team has come or a physician has closed it. One open call a case and node: where an earlier call is open again, because its
closing or the arrival was put right, a later open one joins it with its signs and with who was told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict

from baybridge.journey import events as ev
from baybridge.journey.entry import Entry, tells

State = Literal["open", "acknowledged", "arrived", "closed"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call."""

    called: Entry[ev.RapidResponseCalled]
    levels: Mapping[str, int] = field(default_factory=dict)  # each sign of the call, and how high it stood at most
    absent: frozenset[str] = frozenset()  # signs that a later look did not find
    notified: tuple[Entry[ev.CallNotified], ...] = ()
    acknowledged: Entry[ev.CallAcknowledged] | None = None
    arrived: Entry[ev.RapidResponseArrived] | None = None
    closed: Entry[ev.CallClosed] | None = None
    withdrawn: Entry[ev.CallCauseWithdrawn] | None = None  # what raised it was corrected or withdrawn
    kept: Entry[ev.CallKept] | None = None  # a physician keeps it all the same
    fresh: frozenset[str] = frozenset()  # signs for which it was made or that joined it; the others stood already when it was made
    joined: tuple[str, ...] = ()  # later calls that joined it

    @property
    def asks(self) -> bool:
        """Whether a physician has to close or keep it, because its cause was withdrawn."""
        return self.withdrawn is not None and self.kept is None and self.closed is None

    @property
    def call_id(self) -> str:
        """Its name; a call of an older version is named by its event."""
        return self.called.event.call_id or self.called.origin.event_id

    @property
    def codes(self) -> tuple[str, ...]:
        """Its signs, sorted."""
        return tuple(sorted(self.levels))

    @property
    def names(self) -> tuple[str, ...]:
        """Its own name and those of calls that joined it."""
        return (self.call_id, *self.joined)

    @property
    def is_open(self) -> bool:
        """Whether the team is still awaited."""
        return self.arrived is None and self.closed is None

    @property
    def mistaken(self) -> bool:
        """Whether the node closed it because what raised it was put right: it stays among the calls, and says nothing of the patient.

        A physician who closes a call for that reason changes no entry, so the call goes on holding back its own signs.
        """
        return self.closed is not None and self.closed.event.reason == "raised-on-corrected-entry" and self.closed.origin.role == "system"

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.closed is not None:
            return "closed"
        if self.arrived is not None:
            return "arrived"
        return "open" if self.acknowledged is None else "acknowledged"


class StepState(TypedDict):
    """A step of a call: which, when, and whom it reached."""

    step: str
    at: str
    to: list[str]


class CallState(TypedDict):
    """A call as JSON."""

    call_id: str
    case: str
    codes: list[str]
    called_at: str
    late: bool
    state: State
    steps: list[StepState]


def call_as_json(case_id: str, call: Call) -> CallState:
    """A call as JSON, without names; `to` are the accounts that a step reached."""
    event = call.called.event
    steps: list[StepState] = [{"step": one.event.step, "at": one.origin.at.isoformat(), "to": list(one.event.accounts)} for one in call.notified]
    called_at = event.called_at.isoformat()
    codes = list(call.codes)
    return {"call_id": call.call_id, "case": case_id, "codes": codes, "called_at": called_at, "late": event.late, "state": call.state, "steps": steps}


#: Signs of a call that named its scale alone.
_OF_SCALE = {"crs-astct-2019": "RR-CRS", "icans-astct-2019": "RR-ICANS"}


def calls_of(entries: Iterable[Entry[ev.Event]]) -> tuple[Call, ...]:
    """Every call, in the order in which they were made."""
    calls: dict[str, Call] = {}
    joins: dict[str, str] = {}  # the name of a call that joined another -> the other's
    for entry in entries:
        if tells(entry, ev.RapidResponseCalled):
            _make(calls, joins, entry)
        elif tells(entry, ev.RapidResponseArrived):
            at = joins.get(entry.event.call_id, entry.event.call_id)
            reached = [name for name, call in calls.items() if call.is_open and at in ("", name)]
            calls.update({name: replace(calls[name], arrived=entry) for name in reached})
        elif isinstance(entry.event, ev.CallNotified | ev.CallAcknowledged | ev.SignAdded | ev.SignsAbsent | ev.CallClosed | ev.CallCauseWithdrawn | ev.CallKept):
            named = joins.get(entry.event.call_id, entry.event.call_id)
            if named in calls:
                calls[named] = _after(calls[named], entry)
    return tuple(calls.values())


def _make(calls: dict[str, Call], joins: dict[str, str], entry: Entry[ev.RapidResponseCalled]) -> None:
    """A new call, or one that joins what is open: who took that one did not know of these signs, so it waits to be taken again."""
    made = Call(entry, levels=_first_levels(entry.event))
    made = replace(made, fresh=frozenset(entry.event.fresh or made.levels))
    standing = next((call for call in calls.values() if call.is_open and entry.event.call_id and call.called.origin.node == entry.origin.node), None)
    if standing is None:
        calls[made.call_id] = made
        return
    joins[made.call_id] = standing.call_id
    calls[standing.call_id] = replace(
        _with_signs(standing, made.levels), fresh=standing.fresh | made.fresh, joined=(*standing.joined, made.call_id), acknowledged=None, withdrawn=None
    )


def _first_levels(event: ev.RapidResponseCalled) -> dict[str, int]:
    codes = event.codes or ((_OF_SCALE[event.scale],) if event.scale else ())
    return {code: dict(event.levels).get(code, event.grade_min or 1) for code in codes}


def _after(call: Call, entry: Entry[ev.Event]) -> Call:
    if tells(entry, ev.CallNotified):
        return replace(call, notified=(*call.notified, entry))
    if tells(entry, ev.CallAcknowledged):
        return replace(call, acknowledged=call.acknowledged or entry)
    if tells(entry, ev.CallClosed):
        return replace(call, closed=call.closed or entry)
    if tells(entry, ev.CallCauseWithdrawn):
        return replace(call, withdrawn=entry, kept=None)
    if tells(entry, ev.CallKept):
        return replace(call, kept=entry)
    if tells(entry, ev.SignsAbsent):
        return replace(call, absent=call.absent | set(entry.event.codes))
    if not tells(entry, ev.SignAdded):
        return call
    said = dict(entry.event.levels)
    return replace(_with_signs(call, {code: said.get(code, 1) for code in entry.event.codes}), fresh=call.fresh | set(entry.event.codes), withdrawn=None)


def _with_signs(call: Call, levels: Mapping[str, int]) -> Call:
    """The call with further signs, each at the highest that it ever stood."""
    higher = {code: max(level, call.levels.get(code, 0)) for code, level in levels.items()}
    return replace(call, levels={**call.levels, **higher}, absent=call.absent - levels.keys())
