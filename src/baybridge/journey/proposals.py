"""A case that another node proposed, until a person takes it in or does not.

Main job: `proposal_of(case)`: who proposes it, with which packages, and what a person of this node said; None for every other case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry

E = TypeVar("E", bound=ev.Event)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed case: every package that was held, oldest first, and the answer."""

    held: tuple[Entry[ev.CaseProposed], ...]
    state: Literal["open", "accepted", "refused"]

    @property
    def from_node(self) -> str:
        """The node that proposes it."""
        return self.held[0].event.from_node

    @property
    def packages(self) -> tuple[str, ...]:
        """The ids of the packages that are held."""
        return tuple(entry.event.package_id for entry in self.held)


def proposal_of(case: Case) -> Proposal | None:
    """The proposal of a case, where it came by one."""
    held = _own(case, ev.CaseProposed)
    if not held:
        return None
    if _own(case, ev.ProposedCaseAccepted):
        return Proposal(held, "accepted")
    return Proposal(held, "refused" if _own(case, ev.ProposedCaseRefused) else "open")


def _own(case: Case, kind: type[E]) -> tuple[Entry[E], ...]:
    """What this node recorded; what another tells of its own proposals is news, no answer."""
    return tuple(entry for entry in case.of(kind) if not entry.origin.told)


def waits(case: Case) -> bool:
    """Whether nothing may happen in a case because nobody has taken it in."""
    proposal = proposal_of(case)
    return proposal is not None and proposal.state != "accepted"
