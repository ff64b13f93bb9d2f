"""Every product of the catalogue by every label policy as a matrix, one product in full below it, and what to ask for next.

Main job: `eligibility(view)`. The product that is shown in full stands in the address (`product=`); else it is the first of the list. Decisions are made from
the facts as of the page's moment with the same policies as `DecideEligibility`; what was recorded stands beside. Fitness is judged beside, never mixed in.
Elsewhere: the matrix in `eligibility_matrix.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from baybridge.base.ids import ProductId
from baybridge.documents.product import Product as CatalogueEntry
from baybridge.matching.eligibility import label_policies
from baybridge.node.commands.table import COMMANDS
from baybridge.policy.document.shapes import Policy
from baybridge.policy.one_case.decide import DecisionDocument
from baybridge.rulebook import view as policy_view
from baybridge.rulebook.view import Row
from baybridge.web.case.eligibility_matrix import matrix
from baybridge.web.case.from_record import answered
from baybridge.web.case.view import Action, CaseView, allowed
from baybridge.web.page.page import saying_of

#: Reviews and scores before treatment, made from the facts known now.
BEFORE = ("pre-treatment-review", "fludarabine-renal", "car-hematotox", "easix")
#: Scores of one diagnosis: shown for it, and where it is not known yet.
BEFORE_IN: Mapping[str, tuple[str, ...]] = {"mm": ("mycare-2024",)}
FITNESS = ("fitness-treatment", "fitness-collection", "fitness-lymphodepletion", "fitness-infusion")
_ORDER = ("eligible", "undetermined", "ineligible", "not-in-force")


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy over the facts now: its decision, and what was recorded last."""

    policy: Policy
    decision: DecisionDocument
    rows: Mapping[str, Row]  # each rule in words, by its id
    recorded: Any  # the entry of the last recorded decision, or None
    changed: bool  # the recorded one would come out differently now
    choose: Action | None = None

    @property
    def rank(self) -> int:
        """Its place in the list: met first."""
        return _rank(self.decision)


def _rank(decision: DecisionDocument) -> int:
    outcome = decision["outcome"]
    return _ORDER.index(outcome) if outcome in _ORDER else len(_ORDER)


@dataclass(frozen=True, slots=True)
class Line:
    """One label policy of a product over the facts now: a line of the matrix."""

    product_id: str
    document: CatalogueEntry
    name: str
    decision: DecisionDocument

    @property
    def rank(self) -> int:
        """Its place in the list: met first."""
        return _rank(self.decision)


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue with its label policies judged."""

    product_id: str
    document: CatalogueEntry
    judged: tuple[Judged, ...]


def eligibility(view: CaseView) -> Response:
    """Products with their policies, what to ask next, and fitness beside."""
    documents = view.asked.node.documents.typed.products
    lines = [Line(name, document, policy, _decided(view, policy)) for name, document in documents.items() for policy in label_policies(document)]
    lines.sort(key=lambda one: (one.rank, one.product_id))
    wanted = view.asked.query.get("product", "")
    shown = wanted if wanted in documents else lines[0].product_id if lines else next(iter(documents), "")
    return view.render(
        "eligibility.html",
        matrix=matrix(view, lines),
        unlabelled=[(name, document) for name, document in documents.items() if not label_policies(document)],
        full=lambda name: _address(view, name),
        shown=shown,
        unread_product=wanted[:60] if wanted and wanted not in documents else "",
        products=[_product(view, ProductId(shown))] if shown else [],
        ask=to_ask(view, lines),
        fitness=[_judge(view, name) for name in FITNESS if name in view.asked.node.policies.ids()],
        answered=list(answered(view, (*BEFORE, *_of_diagnosis(view)))),
        may_answer=not view.read_only and allowed(view.asked, COMMANDS["ConfirmFinding"]),
        actions=view.buttons(),
    )


def _product(view: CaseView, name: ProductId) -> Product:
    document = view.asked.node.documents.typed.products[name]
    return Product(name, document, _policies(view, name, document))


def _decided(view: CaseView, name: str) -> DecisionDocument:
    return view.look.decide(name).as_json()


def _address(view: CaseView, product: str) -> str:
    """The page with one product in full, at the moment that it shows."""
    at = {"at": view.asked.query["at"]} if view.until is not None else {}
    return f"{view.asked.path}?{urlencode({'product': product, **at})}#{product}"


def _of_diagnosis(view: CaseView) -> tuple[str, ...]:
    known = view.facts.values.get("diagnosis")
    return tuple(name for diagnosis, names in BEFORE_IN.items() if known in (None, diagnosis) for name in names)


def _policies(view: CaseView, product: str, document: CatalogueEntry) -> tuple[Judged, ...]:
    may_choose = not view.read_only and allowed(view.asked, COMMANDS["ChooseProduct"])
    found = [_judge(view, name, product if may_choose else None) for name in label_policies(document)]
    return tuple(sorted(found, key=lambda one: one.rank))


def _judge(view: CaseView, name: str, product: str | None = None) -> Judged:
    policy = view.asked.node.policies.get(name, view.now)
    decision = _decided(view, name)
    recorded = view.case.eligibility.get(name)
    choose = view.action(COMMANDS["ChooseProduct"], {"product": product, "policy": name}) if product and recorded else None
    changed = recorded is not None and recorded.event.outcome != decision["outcome"]
    return Judged(policy, decision, policy_view.rows(policy, saying_of(view.asked)), recorded, changed, choose)


def criterion_texts(policy: Policy) -> dict[str, Mapping[str, str]]:
    """The words of each criterion of a policy, by its id."""
    return {rule.id: rule.text for rule in getattr(policy.body, "rules", ())}


@dataclass(frozen=True, slots=True)
class Question:
    """A fact to ask for: what it costs to learn, and which policies it could settle."""

    fact: str
    cost: float
    policies: tuple[Policy, ...]


def to_ask(view: CaseView, lines: Iterable[Line]) -> list[Question]:
    """Facts that would settle an open policy, the cheapest first, then those that settle most."""
    wanted: dict[str, list[Policy]] = {}
    for one in lines:
        if one.decision["outcome"] == "undetermined":
            policy = view.asked.node.policies.get(one.name, view.now)
            for fact in _settling(one.decision):
                wanted.setdefault(fact, []).append(policy)
    dictionary = view.asked.node.dictionary
    questions = [Question(fact, dictionary[fact].cost if fact in dictionary else 1, tuple(policies)) for fact, policies in wanted.items()]
    return sorted(questions, key=lambda question: (question.cost, -len(question.policies), question.fact))


def _settling(decision: DecisionDocument) -> Sequence[str]:
    named = [fact for facts in decision["would_settle"] for fact in facts]
    return list(dict.fromkeys(named or decision["missing"]))
