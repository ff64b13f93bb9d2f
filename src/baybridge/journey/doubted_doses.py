"""Doses whose weight proved to be another one, until a physician says what follows or the weight is put right again.

Main job: `doubted_doses(case, node)`, the doses of this node that wait for it. A dose that is put right or struck through waits no longer: what stands in its place is
held against the weight anew.

**Source**: convention of this project; contract K2 (what rests on an entry that is put right). Elsewhere: when a weight tells another dose in `bedside/dose_review.py`,
that it is looked at in `node/corrections/doses.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from baybridge.journey.case import Case
from baybridge.journey.entry import Entry, tells
from baybridge.journey.events import DoseDoubted, DoseDoubtEnded, DoseReviewed, DrugGiven


@dataclass(frozen=True, slots=True)
class DoubtedDose:
    """A dose, and what is said of its weight by now."""

    dose: Entry[DrugGiven]
    asked: Entry[DoseDoubted]

    @property
    def entry(self) -> str:
        """The event of the dose."""
        return self.dose.origin.event_id


def doubted_doses(case: Case, node: str) -> tuple[DoubtedDose, ...]:
    """The doses of this node that wait for a physician's word, in the order in which they were given."""
    standing = {entry: last for entry, last in last_said(case, node).items() if tells(last, DoseDoubted)}
    doses = ((dose, standing.get(dose.origin.event_id)) for dose in case.drugs if standing)
    return tuple(DoubtedDose(dose, asked) for dose, asked in doses if asked is not None and tells(asked, DoseDoubted))


def last_said(case: Case, node: str) -> dict[str, Entry[DoseDoubted] | Entry[DoseDoubtEnded] | Entry[DoseReviewed]]:
    """By dose, what was said last of its weight at this node."""
    found: dict[str, Entry[DoseDoubted] | Entry[DoseDoubtEnded] | Entry[DoseReviewed]] = {}
    for entry in case.entries:
        if entry.origin.node != node:
            continue
        if tells(entry, DoseDoubted) or tells(entry, DoseDoubtEnded) or tells(entry, DoseReviewed):
            found[entry.event.dose_entry] = entry
    return found
