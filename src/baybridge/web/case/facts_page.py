"""What was understood of a patient's record: each fact with value, unit, date, source and whether it is used; what is odd, what nothing reads.

Main job: `facts(view)`.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from baybridge.facts.factset import ReadFact, Status
from baybridge.node.commands.table import COMMANDS
from baybridge.node.intake.reports import KeptReport, reports
from baybridge.web.case.view import CaseView, allowed

#: How many problems of a file are shown; the file itself has them all.
_MOST_PROBLEMS = 300


def facts(view: CaseView) -> Response:
    """Every fact, by whether it is used; then what was set aside, what is odd, and what nothing reads."""
    found = view.facts
    groups = [(status, [fact for fact in found.facts.values() if fact.status is status]) for status in Status]
    return view.render(
        "facts.html",
        at=found.at,
        groups=[(status.value, sorted(rows, key=lambda fact: view.fact_label(fact.name).casefold())) for status, rows in groups if rows],
        set_aside=found.set_aside,
        odd=[(one, _words(view, one.values)) for one in found.odd],
        unread=found.unread,
        reports=_reports(view),
        may_confirm=not view.read_only and allowed(view.asked, COMMANDS["ConfirmFinding"]),
        sources=sources,
        is_resource=is_resource,
    )


def sources(fact: ReadFact) -> tuple[str, ...]:
    """Every resource that a fact rests on."""
    return fact.sources or ((fact.source,) if fact.source else ())


def is_resource(source: str) -> bool:
    """Whether a source is a resource of the record, hence has an address; an event of the case has none."""
    return "/" in source and not source.startswith("Event/")


def _words(view: CaseView, values: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The values of a finding with the fact's name as the reader calls it."""
    return {name: view.fact_label(value) if name == "fact" else value for name, value in values}


def _reports(view: CaseView) -> list[KeptReport]:
    found = reports(view.look.unit.connection, view.case.case_id, view.now)
    return [{**report, "problems": report["problems"][:_MOST_PROBLEMS]} for report in found]
