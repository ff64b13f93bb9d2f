"""Where a case stands on the road, as one table read from the end.

Main job: `stage_of(case)`: the first stage, from the last to the first, whose condition holds.

**Source**: logistics reference C3 (state machine).
"""

from __future__ import annotations

from collections.abc import Callable

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.cells import Batch
from baybridge.journey.held import Stage

Holds = Callable[[Case], bool]


def _new_cycle(case: Case) -> bool:
    """A new therapy event was planned after the last infusion: its cells lead the stage."""
    used = {e.event.chain_of_identity for e in case.infusions}
    return case.chain_of_identity is not None and bool(used) and case.chain_of_identity not in used


def _current(case: Case, holds: Callable[[Batch], bool]) -> bool:
    batches = [b for b in case.batches if b.chain_of_identity in (None, case.chain_of_identity)]
    return bool(batches) and holds(batches[-1])


def _under_way(case: Case, leg: ev.Leg) -> bool:
    return any(s.under_way for s in case.shipments_on(leg, case.chain_of_identity))


def _arrived(case: Case, leg: ev.Leg) -> bool:
    return any(s.received for s in case.shipments_on(leg, case.chain_of_identity))


def _lymphodepleted(case: Case) -> bool:
    started = case.lymphodepletion
    return started is not None and (case.infused_on is None or started.event.started_on > case.infused_on)


_AFTERWARDS: tuple[tuple[str, Holds], ...] = (
    ("follow_up", lambda case: bool(case.follow_up or case.visits or case.did(ev.FollowUpAccepted))),
    ("discharged", lambda case: bool(case.discharge)),
    ("infused", lambda case: bool(case.infusions)),
)

_CELLS: tuple[tuple[str, Holds], ...] = (
    ("lymphodepleted", _lymphodepleted),
    ("at_centre", lambda case: _arrived(case, "to_centre")),
    ("to_centre", lambda case: _under_way(case, "to_centre")),
    ("released", lambda case: _current(case, lambda batch: batch.released is not None)),
    ("out_of_specification", lambda case: _current(case, lambda batch: batch.rejected is not None)),
    ("in_process", lambda case: _current(case, lambda batch: batch.open)),
    ("at_plant", lambda case: _arrived(case, "to_plant")),
    ("to_plant", lambda case: _under_way(case, "to_plant")),
    ("collected", lambda case: any(c.chain_of_identity == case.chain_of_identity for c in case.collections)),
    ("slot_reserved", lambda case: case.slot is not None),
)

_BEFORE: tuple[tuple[str, Holds], ...] = (
    ("declined", lambda case: _last_answer(case) is ev.CaseDeclined),
    ("accepted", lambda case: _last_answer(case) is ev.CaseAccepted),
    ("referred", lambda case: case.did(ev.CaseReferred)),
    ("declined", lambda case: _proposal(case) == "refused"),
    ("proposed", lambda case: _proposal(case) == "open"),
    ("opened", lambda case: bool(case.entries)),
)


def _proposal(case: Case) -> str:
    from baybridge.journey.proposals import proposal_of

    proposal = proposal_of(case)
    return proposal.state if proposal is not None else ""


def _last_answer(case: Case) -> type[ev.Event] | None:
    answers = (ev.CaseReferred, ev.CaseAccepted, ev.CaseDeclined)
    return next((type(e.event) for e in reversed(case.entries) if isinstance(e.event, answers)), None)


def stage_of(case: Case) -> Stage:
    """Where the case stands on the road."""
    if not case.alive:
        return Stage.DIED
    tables = (_CELLS, _BEFORE) if _new_cycle(case) else (_AFTERWARDS, _CELLS, _BEFORE)
    return Stage(next((name for table in tables for name, holds in table if holds(case)), "new"))
