"""What was understood of a patient's record by organ and disease: each fact with its newest value, the one before, date, source and whether it is used.

Main job: `facts(view)`. One group (`group=liver`) and one state (`state=stale`) stand in the address. What is odd and what nothing reads stands below.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.documents.terms import FactGroups
from baybridge.facts.factset import ReadFact, Status
from baybridge.node.commands.table import COMMANDS
from baybridge.node.intake.reports import KeptReport, reports
from baybridge.web.case.facts_before import before
from baybridge.web.case.ties import ties_of
from baybridge.web.case.view import CaseView, allowed

#: How many problems of a file are shown; the file itself has them all.
_MOST_PROBLEMS = 300


#: Where facts of no group stand.
OTHER = "other"
_STATES = (Status.USED, Status.STALE)  # those that stand by organ and disease; all others ask somebody to look, and stand before them


def facts(view: CaseView) -> Response:
    """What asks somebody to look, then every fact by organ and disease; then what was set aside, what is odd, and what nothing reads."""
    found = view.facts
    to_look = [(status, [fact for fact in found.facts.values() if fact.status is status]) for status in Status if status not in _STATES]
    groups = _groups(view, [fact for fact in found.facts.values() if fact.status in _STATES])
    chosen, state = _chosen(view, "group", [name for name, _, _ in groups]), _chosen(view, "state", [one.value for one in _STATES])
    shown = [(name, title, [fact for fact in rows if state in ("", fact.status.value)]) for name, title, rows in groups if chosen in ("", name)]
    return view.render(
        "facts.html",
        at=found.at,
        ties=ties_of(view),
        to_look=[(status.value, sorted(rows, key=lambda fact: view.fact_label(fact.name).casefold())) for status, rows in to_look if rows],
        groups=[one for one in shown if one[2]],
        filters=[(name, title, len(rows), _address(view, group=name, state=state)) for name, title, rows in groups],
        states=[(one.value, sum(fact.status is one for _, _, rows in groups for fact in rows), _address(view, group=chosen, state=one.value)) for one in _STATES],
        everything=(_address(view, group="", state=state), _address(view, group=chosen, state="")),
        chosen=chosen,
        state=state,
        before=before(view),
        set_aside=found.set_aside,
        odd=[(one, _words(view, one.values)) for one in found.odd],
        unread=found.unread,
        reports=_reports(view),
        may_confirm=not view.read_only and allowed(view.asked, COMMANDS["ConfirmFinding"]),
        sources=sources,
        is_resource=is_resource,
    )


def _groups(view: CaseView, rows: Sequence[ReadFact]) -> list[tuple[str, str, list[ReadFact]]]:
    """Facts by organ and disease, in the order of the document; those of no group at the end."""
    groups = view.asked.node.documents.typed.the(FactGroups).groups
    of = {fact: name for name, group in groups.items() for fact in group.facts}
    titles = {**{name: view.reader.title(group.names) for name, group in groups.items()}, OTHER: view.reader.t("facts.page.other")}
    by_label = sorted(rows, key=lambda fact: view.fact_label(fact.name).casefold())
    found = [(name, title, [fact for fact in by_label if of.get(fact.name, OTHER) == name]) for name, title in titles.items()]
    return [one for one in found if one[2]]


def _chosen(view: CaseView, name: str, known: Sequence[str]) -> str:
    """What the address asks for, where there is such a thing."""
    wanted = view.asked.query.get(name, "")
    return wanted if wanted in known else ""


def _address(view: CaseView, **chosen: str) -> str:
    at = {"at": view.asked.query["at"]} if view.until is not None else {}
    kept = {name: text for name, text in {**chosen, **at}.items() if text}
    return f"{view.asked.path}?{urlencode(kept)}" if kept else view.asked.path


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
