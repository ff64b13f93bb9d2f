"""What documents say of the facts known now, a line each: grades, scores, screenings and reviews that nobody has to record.

Main job: `answered(view, names)`; `from_record.html` shows it. A clinician judges and records; nothing is graded by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from baybridge.node.commands.table import COMMANDS
from baybridge.policy.document.shapes import Findings, Policy, Score
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.rulebook import view as policy_view
from baybridge.rulebook.wording import Wording
from baybridge.web.case.view import CaseView, allowed
from baybridge.web.page.page import saying_of

_DECIMALS = 2  # of a computed value on a page; the decision has all of them


@dataclass(frozen=True, slots=True)
class Answered:
    """What a document says of the facts known now; `found` in words, `missing` with whether a person may answer it here."""

    name: str
    title: str
    outcome: str
    found: tuple[str, ...]
    missing: tuple[tuple[str, bool], ...]


def answered(view: CaseView, names: Iterable[str]) -> Iterator[Answered]:
    """The documents of these names that this node has, in their order."""
    may_answer = not view.read_only and allowed(view.asked, COMMANDS["ConfirmFinding"])
    for name in names:
        if name in view.asked.node.policies.ids():
            policy = view.asked.node.policies.get(name, view.now)
            decision = view.look.decide(name, settle=False)
            missing = tuple((fact, may_answer and _is_asked(view, fact)) for fact in decision.missing)
            yield Answered(name, view.reader.title(policy.title), decision.outcome, tuple(_found(view, policy, decision.as_json())), missing)


def _is_asked(view: CaseView, fact: str) -> bool:
    """Whether a fact is what this reader may look at and say, not what is counted from the record."""
    return view.may_state(fact) and bool(view.asked.node.dictionary[fact].codes)


def _found(view: CaseView, policy: Policy, decision: DecisionDocument) -> Iterator[str]:
    reader, values = view.reader, decision.get("values") or {}
    if isinstance(policy.body, Score) and policy.body.combine == "sum":
        yield _between(view, *(values.get(name) for name in (policy.body.names.min, policy.body.names.max)))
    if isinstance(policy.body, Findings):
        wording = Wording(policy, saying_of(view.asked))
        held = {reason["criterion"] for reason in decision["reasons"] if reason["holds"] is True}
        yield from (policy_view.text_of(row.rule, wording) or row.code for row in policy.body.findings if row.rule.id in held)
    for rule in policy.values:
        value = values.get(rule.id)
        if value is not None:
            shown = round(value, _DECIMALS) if isinstance(value, float) else value
            yield reader.t("from_record.value", name=reader.code("policy.value", rule.id), value=reader.value(shown))
    yield from (reader.code("policy.flag", mark) for mark in marks_of(decision))


def _between(view: CaseView, least: object, most: object) -> str:
    if least == most:
        return view.reader.t("from_record.score", score=view.reader.value(least))
    return view.reader.t("from_record.score_between", least=view.reader.value(least), most=view.reader.value(most))


def marks_of(decision: DecisionDocument) -> tuple[str, ...]:
    """The marks of a decision document, in one order."""
    values = decision.get("values") or {}
    return tuple(values.get("flags") or ([values["flag"]] if values.get("flag") else ()))
