"""Papers for the border: which a leg needs, and which of them are valid on a day.

Main job: the rule of `RecordPermit`, and `missing_papers` for collection and dispatch.

**Source**: `data/pathways/border-papers.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.documents.border_papers import BorderPapers
from baybridge.journey.attachments import not_attached
from baybridge.journey.case import Case
from baybridge.journey.checks import Unusual, alive, asked_once, before_infusion, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import Leg, PermitKind, PermitRecorded
from baybridge.journey.row import CELLS, OF_CELLS, CommandRow, EventRow, roles, told_in
from baybridge.supply import rendering

Paper = tuple[str, str]


class RecordPermit(Struct, frozen=True, kw_only=True):
    """A paper for the border, with its number and its two dates."""

    kind: PermitKind
    leg: Leg
    number: str
    valid_from: date
    valid_to: date
    attachment: Annotated[str, Meta(description="the permit, where it is among the documents of the case")] = ""
    unusual: Unusual = False


def papers_needed(document: BorderPapers, leg: str, start: str, end: str, before: str | None = None) -> tuple[Paper, ...]:
    """(kind, source) of each paper that a leg between two jurisdictions needs; none where no border is crossed."""
    if start == end:
        return ()
    rows = [row for row in document.legs if row.leg == leg and start in row.from_ and end in row.to]
    papers = [paper for row in rows for paper in row.papers if before is None or paper.before == before]
    return tuple((paper.kind, paper.source) for paper in papers)


def missing_papers(situation: Situation, leg: Leg, ends: tuple[str, str], day: date, before: str | None = None) -> Iterator[Reason]:
    """A reason for each paper of the leg that is not valid on the day; `ends` are the two jurisdictions."""
    document = situation.documents.the(BorderPapers)
    for kind, source in papers_needed(document, leg, *ends, before):
        if not permit_valid(situation.case, kind, leg, day):
            values = {"kind": kind, "leg": leg, "day": day.isoformat()}
            yield Reason("supply.permit.missing", values, source=source)


def permit_valid(case: Case, kind: str, leg: str, day: date) -> bool:
    """Whether a paper of this kind for this leg is valid on the day."""
    papers = (entry.event for entry in case.permits)
    return any(p.kind == kind and p.leg == leg and p.valid_from <= day <= p.valid_to for p in papers)


def permit_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any paper: nothing is left to travel."""
    yield from alive(situation)
    yield from before_infusion(situation)


def record_permit(situation: Situation, given: RecordPermit) -> Verdict:
    """The paper stands, or what is wrong with it."""
    against = [*permit_blocked(situation), *not_attached(situation.case, given.attachment)]
    if not said(given.number):
        against.append(Reason("supply.permit.number_missing", where="number"))
    if given.valid_to < given.valid_from:
        against.append(Reason("supply.permit.dates", where="valid_to"))
    elif given.valid_to < situation.today:
        against.append(Reason("supply.permit.expired", {"day": given.valid_to.isoformat()}, where="valid_to"))
    against.extend(_longer_than_law(situation, given))
    against.extend(asked_once(_long(situation, given), unusual=given.unusual))
    if against:
        return refuse(*against)
    return (
        PermitRecorded(
            kind=given.kind, leg=given.leg, number=given.number.strip(), valid_from=given.valid_from, valid_to=given.valid_to, attachment=given.attachment
        ),
    )


def _longer_than_law(situation: Situation, given: RecordPermit) -> Iterator[Reason]:
    """The paper says a longer time than the law gives such a paper, where the document of papers knows it."""
    papers = (paper for row in situation.documents.the(BorderPapers).legs if row.leg == given.leg for paper in row.papers if paper.kind == given.kind)
    known = [(paper.valid_at_most_d, paper.source) for paper in papers if paper.valid_at_most_d is not None]
    if known and (given.valid_to - given.valid_from).days > max(known)[0]:
        yield Reason("supply.permit.longer_than_law", {"kind": given.kind, "days": max(known)[0]}, source=max(known)[1], where="valid_to")


def _long(situation: Situation, given: RecordPermit) -> Iterator[Reason]:
    usual = situation.limits.plausible
    longest = timedelta(days=usual.permit_d)
    if given.valid_to - given.valid_from > longest or given.valid_to - situation.today > longest:
        values: dict[str, str | int] = {"from": given.valid_from.isoformat(), "to": given.valid_to.isoformat(), "days": usual.permit_d}
        yield Reason("supply.permit.long", values, source=usual.source, where="unusual")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        RecordPermit, record_permit, roles(Role.COORDINATOR, Role.MANUFACTURER),
        (EventRow(PermitRecorded, rendering.permit, told_in("COI_LOGISTICS")),),
        page="cells",
        correction=OF_CELLS,
        kinds=CELLS,
        step="permit_collection",
        blocked=permit_blocked,
        purpose="logistics",
        place=20,
    ),
)
