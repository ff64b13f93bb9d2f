"""A batch's tests against its specification: as they were judged when they were recorded, and as a release would judge them now.

Main job: `made(view, batch, documents)` for the page of the cells, `before_release(view)` for whoever releases, on the form and at the second signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baybridge.journey.cells import Batch
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.rulebook import view as policy_view
from baybridge.rulebook.view import Row
from baybridge.supply.manufacture import counting, measured, so_far
from baybridge.supply.readings import Result, read_results, wrong_results
from baybridge.web.case.view import CaseView
from baybridge.web.page.page import saying_of


@dataclass(frozen=True, slots=True)
class Measured:
    """One attribute: the result that counts, and the others that were measured."""

    counts: Result
    others: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A batch with a decision against its specification; `failed` and `unknown` are the attributes that stand against a release, where one was asked for."""

    batch: Batch
    decision: DecisionDocument | None
    results: Sequence[Measured]
    unread: Sequence[Result]  # what does not fit its attribute, and counts nowhere
    rows: Mapping[str, Row]  # each limit in words, by its id
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def made(view: CaseView, batch: Batch, documents: Mapping[str, DecisionDocument]) -> Made:
    """A batch with the decision that was kept here; where another node made it, the same results by the specification as this node has it."""
    results, unread = _results(view, batch)
    decision = documents.get(batch.tests[-1].event.decision_sha256) if batch.tests else None
    if decision is None and results and batch.released is not None and batch.released.event.specification in view.asked.node.policies.ids():
        values = read_results(view.look.situation(), tuple(one.counts for one in results))
        decision = view.look.decide(batch.released.event.specification, values).as_json()
    return Made(batch, decision, results, unread, _limits(view, decision["policy"]) if decision is not None else {})


def before_release(view: CaseView) -> list[Made]:
    """The batches that are neither released nor rejected, each as a release would judge it now."""
    situation = view.look.situation()
    found = []
    for batch in view.case.batches:
        if batch.started is not None and batch.open:
            judged = so_far(situation, batch)
            decision = judged.decision.as_json()
            found.append(Made(batch, decision, *_results(view, batch), _limits(view, decision["policy"]), judged.failed, judged.unknown))
    return found


def _results(view: CaseView, batch: Batch) -> tuple[list[Measured], list[Result]]:
    """By attribute the result that counts, with the others; and those that cannot be read."""
    situation, every = view.look.situation(), measured(batch)
    fit = [row for row in every if not any(wrong_results(situation, (row,)))]
    counts = counting(situation, fit)
    found = [Measured(_in_its_unit(view, one), tuple(_in_its_unit(view, row) for row in fit if row[0] == name and row is not one)) for name, one in counts.items()]
    return found, [row for row in every if row not in fit]


def _in_its_unit(view: CaseView, row: Result) -> Result:
    """A result with the unit of its attribute where it names none: it was read in that."""
    attribute, value, unit = row
    fact = view.asked.node.dictionary.facts.get(attribute)
    return (attribute, value, (fact.unit if fact else None) or "") if unit in ("", "-") else row


def _limits(view: CaseView, specification: str) -> Mapping[str, Row]:
    """The limits of a specification in words; none where this node does not have it."""
    policies = view.asked.node.policies
    return policy_view.rows(policies.get(specification, view.now), saying_of(view.asked)) if specification in policies.ids() else {}
