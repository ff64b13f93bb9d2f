"""Which outside results serve at a site for a purpose and moment, what to test when and where, and what an emergency or an override left to be done.

Main job: `tests(view)`. What is still to be done stands first; then the plan of the whole case; then every result against the purpose, site and time that the
reader chose; then the decisions that were recorded, and what they spared.

Elsewhere: results as rows of the page in `tests_results.py`; the rules in `recognition`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from starlette.responses import Response

from baybridge.base.resource import Resource
from baybridge.documents.laboratories import Laboratories
from baybridge.documents.recognition import Methods, Sampling
from baybridge.documents.timing import VeinToVein
from baybridge.node.commands.table import COMMANDS
from baybridge.node.upkeep import sparing
from baybridge.recognition.arranging import Arrangement, Material, arrange
from baybridge.recognition.needs import Need, needs
from baybridge.recognition.overriding import waiting
from baybridge.recognition.panel import panel
from baybridge.recognition.parallel import ParallelTest, parallel_tests
from baybridge.recognition.plan import PlanLine, plan
from baybridge.recognition.recognising import RecogniseResults, costs_of, setting_of
from baybridge.recognition.request import PURPOSES
from baybridge.recognition.results import Setting, code_of, collected_at
from baybridge.recognition.rules import POLICY_ID, RecognitionRules, rules_of
from baybridge.recognition.savings import savings
from baybridge.recognition.trends import Trend, trends
from baybridge.web.case.tests_results import Chosen, recorded, shown
from baybridge.web.case.view import Action, CaseView

_NEEDS = frozenset({"observations", "resources"})


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of the case: needs, lines by purpose, draws with places, and what is spared."""

    needs: tuple[Need, ...]
    by_need: tuple[tuple[Need, tuple[PlanLine, ...]], ...]
    arrangement: Arrangement


@dataclass(frozen=True, slots=True)
class Beside:
    """A parallel test with the results that could be its answer, and a button to compare each."""

    test: ParallelTest
    answers: tuple[tuple[Resource, Action | None], ...]


def tests(view: CaseView) -> Response:
    """What to do, the plan, the results as chosen, the decisions."""
    situation = view.look.situation(_NEEDS)
    observations = tuple(situation.record.observations)
    known = bool(view.case.patient_id)
    plans = test_plan(view, observations) if known else None
    asked_for = chosen(view, plans)
    setting = setting_of(situation, RecogniseResults(purpose=asked_for.purpose, use_at=asked_for.use_at, receiver=asked_for.receiver))
    judged = panel(observations, setting, _rules(view))
    rows = sparing.rows(view.look.unit.connection, view.case.case_id)
    return view.render(
        "tests.html",
        beside=_beside(view, observations),
        waiting=[(entry, _button(view, "CountersignOverride", entry.event)) for entry in waiting(view.case)],
        planned=plans,
        laboratories=laboratory_names(view),
        chosen=asked_for,
        purposes=PURPOSES,
        receivers=[view.asked.node.site, *(n.site for n in view.asked.node.neighbours.values() if "centre" in n.site.kinds)],
        asked_for=shown(view, judged.asked_for, asked_for),
        others=shown(view, judged.others, asked_for),
        record=view.actions(["RecogniseResults"], {"RecogniseResults": _given(asked_for)}) if known else [],
        trends=[line for line in lines_over_time(observations, view) if len(line.points) > 1 or line.apart],
        recorded=recorded(view),
        spared=savings(rows),
    )


def _rules(view: CaseView) -> RecognitionRules:
    """The rules by themselves: a page only shows, so no decision of the hundreds behind it is kept."""
    node = view.asked.node
    return rules_of(node.policies.get(POLICY_ID, view.now.date()), node.documents.typed)


def laboratory_names(view: CaseView) -> dict[str, str]:
    """What each laboratory of the directory is called."""
    rows = view.asked.node.documents.typed.the(Laboratories).laboratories
    return {row.id: next(iter(row.names), row.id) for row in rows}


def lines_over_time(observations: Sequence[Resource], view: CaseView) -> tuple[Trend, ...]:
    """Results over time, where values of different methods never share a line."""
    return trends(observations, view.asked.node.documents.typed.one(Methods, "recognition", "methods"))


# --- what to do -----------------------------------------------------------------------------------------------------


def _beside(view: CaseView, observations: Sequence[Resource]) -> list[Beside]:
    """Parallel tests that nobody compared, with this analyte's later results."""
    found = []
    for test in parallel_tests(view.case):
        if test.compared is not None:
            continue
        event, acted_at = test.event, test.asked[0].origin.at
        later = [o for o in observations if o.get("id") != event.result_id and code_of(o) == event.loinc and _after(o, acted_at)]
        answers = [(item, _button(view, "CompareParallelTest", event, repeat=str(item.get("id")))) for item in later]
        found.append(Beside(test, tuple(answers)))
    return found


def _after(observation: Resource, moment: datetime) -> bool:
    taken = collected_at(observation)
    return taken is not None and taken > moment


def _button(view: CaseView, command: str, event: Any, **more: str) -> Action | None:
    """A button about one result; none for those who may not."""
    if view.read_only or view.asked.person.role not in COMMANDS[command].roles:
        return None
    return view.action(COMMANDS[command], {"result": event.result_id, "purpose": event.purpose, **more}, preview=False)


# --- the plan -------------------------------------------------------------------------------------------------------


def test_plan(view: CaseView, observations: Sequence[Resource]) -> Planned | None:
    """Every analyte of the purposes that are still ahead, for the moment when each is needed; None where nothing is ahead."""
    situation = view.look.situation(_NEEDS)
    typed = view.asked.node.documents.typed
    found = needs(view.case, view.now, view.asked.node.site.zone, typed.the(VeinToVein), typed.pathway.follow_up)
    if not found:
        return None
    first = setting_of(situation, RecogniseResults(purpose="ELIGIBILITY"))
    settings: list[Setting] = [replace(first, purpose=need.purpose, use_at=need.at) for need in found]
    rules = _rules(view)
    lines = plan(observations, settings, rules, view.now)
    material = Material(typed.one(Sampling, "recognition", "sampling"), costs_of(typed))
    arrangement = arrange(lines, settings, rules, view.now, material)
    by_need = tuple((need, tuple(line for line in lines if line.purpose == need.purpose)) for need in found)
    return Planned(found, by_need, arrangement)


# --- the choice -----------------------------------------------------------------------------------------------------


def chosen(view: CaseView, plans: Planned | None) -> Chosen:
    """Purpose, receiver and moment from the address; else the next purpose of the plan, here, when it is needed."""
    query, node = view.asked.query, view.asked.node
    ahead = {need.purpose: need.at for need in plans.needs} if plans else {}
    purpose = query.get("purpose") or next(iter(ahead), "ELIGIBILITY")
    receiver = query.get("receiver") or node.site.node
    problem = ""
    if purpose not in PURPOSES or receiver not in {node.site.node, *node.neighbours}:
        purpose, receiver, problem = next(iter(ahead), "ELIGIBILITY"), node.site.node, "tests.choice_unknown"
    use_at, text = ahead.get(purpose, view.now), (query.get("use_at") or "").strip()
    if text:
        try:
            written = datetime.fromisoformat(text)
            use_at = written if written.tzinfo else written.replace(tzinfo=node.site.zone)
        except ValueError:
            problem = "tests.choice_time"
    return Chosen(purpose, receiver, use_at.astimezone(node.site.zone), problem)


def _given(chosen: Chosen) -> dict[str, str]:
    return {"purpose": chosen.purpose, "receiver": chosen.receiver, "use_at": chosen.use_at.isoformat(timespec="minutes")}


