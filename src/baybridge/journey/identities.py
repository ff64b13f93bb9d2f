"""Which other records of this node are the patient's, as the case says it.

Main job: `identities_of(case)`: each question that was asked, with the answer that stands; the newest word counts.

Only what this node itself recorded counts: whose record it is can be judged only where both records lie. Elsewhere: how people are
compared in `record/identity/matching.py`, the rules of the answers in `recognition/identity.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from baybridge.journey import events as ev
from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells

Answer = Entry[ev.IdentityLinked] | Entry[ev.IdentityRefused] | Entry[ev.IdentityUndone]
State = Literal["open", "linked", "refused", "undone"]
_STATES: Mapping[type[ev.Event], State] = {ev.IdentityLinked: "linked", ev.IdentityRefused: "refused", ev.IdentityUndone: "undone"}


@dataclass(frozen=True, slots=True)
class Identity:
    """One question whose record another is, and every answer to it, oldest first."""

    asked: Entry[ev.IdentityQuestioned]
    answers: tuple[Answer, ...] = ()

    @property
    def question(self) -> str:
        """The opaque id of the question."""
        return self.asked.event.question

    @property
    def other(self) -> str:
        """The logical id of the other Patient."""
        return self.asked.event.other

    @property
    def state(self) -> State:
        """What the newest answer says."""
        return _STATES[type(self.answers[-1].event)] if self.answers else "open"


def identities_of(case: Case) -> tuple[Identity, ...]:
    """Every question of a case in the order in which they arose, each other record once, as last asked."""
    asked = {entry.event.question: entry for entry in case.of(ev.IdentityQuestioned) if not entry.origin.told}
    answers: dict[str, list[Answer]] = {}
    for entry in case.entries:
        if (tells(entry, ev.IdentityLinked) or tells(entry, ev.IdentityRefused) or tells(entry, ev.IdentityUndone)) and not entry.origin.told:
            answers.setdefault(entry.event.question, []).append(entry)
    found = {entry.event.other: Identity(entry, tuple(answers.get(question, ()))) for question, entry in asked.items()}
    return tuple(found.values())


def linked(case: Case) -> frozenset[str]:
    """Logical ids of the other Patients whose records count as this patient's."""
    return frozenset(item.other for item in identities_of(case) if item.state == "linked")


def same_person(case: Case) -> dict[str, bool | None]:
    """By the other Patient's id: the patient (True), somebody else (False), or a person must look (None)."""
    said: Mapping[State, bool | None] = {"open": None, "linked": True, "refused": False, "undone": False}
    return {item.other: said[item.state] for item in identities_of(case)}
