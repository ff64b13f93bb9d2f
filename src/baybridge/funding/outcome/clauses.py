"""What an outcome agreement says about outcomes beside its own: death, no assessment, withdrawal, another infusion, a product that was not right.

Main job: `clause_of(terms, outcome)` answers what follows from an outcome (`refund`, `void`, `no_refund`), or None where the agreement does not
say. Nobody guesses: what is not said is asked of the programme, and its written answer is entered with its source.

**Source**: policy reference D4, required contract fields and codes ("contract rule decides").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from baybridge.documents.plan import AgreementDocument

REFUND: Literal["refund"] = "refund"
VOID: Literal["void"] = "void"
NO_REFUND = "no_refund"
FOLLOWS = (REFUND, VOID, NO_REFUND)

#: Where an agreement's document says what follows from an outcome. Source: policy reference D4, required contract fields.
CLAUSES: Mapping[str, tuple[str, ...]] = {
    "DEATH_DISEASE": ("death_rule", "disease"),
    "DEATH_NRM": ("death_rule", "non_relapse"),
    "WINDOW_MISSED": ("missing_assessment_rule",),
    "WITHDRAWN": ("withdrawal_rule",),
    "RETREATED": ("retreatment_rule",),
    "OOS_INFUSED": ("out_of_specification_rule",),
    "NOT_INFUSED": ("not_infused_rule",),
    "NOT_INFUSED_OOS": ("not_infused_rule",),
}


def clause_of(terms: AgreementDocument, outcome: str) -> str | None:
    """What follows from an outcome by the agreement's lists, else by its rule; None where it does not say."""
    if outcome in (terms.get("refund_outcomes") or ()):
        return REFUND
    if outcome in (terms.get("void_outcomes") or ()):
        return VOID
    if outcome not in CLAUSES:
        return NO_REFUND
    said = _said(terms, CLAUSES[outcome])
    return said if said in FOLLOWS else None


def _said(terms: Mapping[str, object], path: tuple[str, ...]) -> str | None:
    found: object = terms
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def outcomes_of(terms: AgreementDocument, follows: Literal["refund", "void"]) -> list[str]:
    """The outcomes from which that follows: those of the agreement's own list, then those of its rules."""
    named = (terms.get("refund_outcomes") if follows == REFUND else terms.get("void_outcomes")) or []
    return [*named, *(outcome for outcome in CLAUSES if outcome not in named and clause_of(terms, outcome) == follows)]


def open_clauses(terms: AgreementDocument) -> list[str]:
    """The outcomes of which the agreement does not say what follows."""
    return [outcome for outcome in CLAUSES if clause_of(terms, outcome) is None]
