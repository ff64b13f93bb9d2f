"""Whether a product may be planned for this patient here: by label, at this centre, by a route that exists in the region.

Main job: `entitled(situation, product, gate)`, the reasons at the gates before accepting a case, reserving a slot and enrolling in an agreement. Quotes and
enquiries stay free of them, and say what is open: `eligibility_open(situation, product, region)`.

Eligible is what a label policy of this region says today of the facts as they are, or what a board decided here for this product. What is not known stands.
**Source**: catalogue (`data/products`: labels, status by region), directory (`data/directory/organisations`: offers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Reason
from baybridge.documents.organisations import Organisations
from baybridge.documents.product import Approval, Product
from baybridge.journey.command import GateName, Situation
from baybridge.journey.events import BoardDecided

ELIGIBLE = "eligible"
_NO = frozenset({"ineligible", "not-in-force"})

#: Status of a product in a region -> the bases of supply that fit it. None: supplied within the region.
_BASES: Mapping[str, frozenset[str | None]] = {
    "approved": frozenset({None, "registered", "named_patient"}),
    "in_use": frozenset({None, "registered", "named_patient"}),
    "named_patient": frozenset({None, "named_patient"}),
    "centre_import": frozenset({None, "named_patient"}),
}


def entitled(situation: Situation, product: str, gate: GateName) -> Iterator[Reason]:
    """Everything that stands against planning this product for this patient here: label, offer, status."""
    yield from _label(situation, product, gate, situation.site.jurisdiction)
    yield from _offer(situation, product, gate)
    if _bases(situation, product) is None:
        status = _status(situation, product)
        values = {"product": product, "jurisdiction": situation.site.jurisdiction}
        yield Reason(f"gate.{gate}.status_open", values, source=status.source if status else "")


def eligibility_open(situation: Situation, product: str | None, region: str) -> tuple[str, ...]:
    """Why nobody knows today that this product is for this patient in a region, as codes of `gate_reason`; none where a label or a board says so."""
    if not product:
        return ("no_product",)
    reasons = _label(situation, product, "accept", region)
    return tuple(reason.code.rpartition(".")[2] for reason in reasons)


def basis_fits(situation: Situation, product: str, basis: str | None) -> bool:
    """Whether a basis of supply fits the product's status in this region; where the status is open that is another reason's matter."""
    bases = _bases(situation, product)
    return bases is None or basis in bases


def board_decision(situation: Situation, product: str) -> str | None:
    """What a board of this centre decided last about a product for this patient."""
    own = [e.event for e in situation.case.of(BoardDecided) if not e.origin.told and e.event.product == product]
    return own[-1].decision if own else None


def _label(situation: Situation, product: str, gate: GateName, region: str) -> Iterator[Reason]:
    decided = board_decision(situation, product)
    if decided == "treat":
        return
    values = {"product": product, "jurisdiction": region}
    if decided == "do_not_treat":
        yield Reason(f"gate.{gate}.board_against", values)
    document = _document(situation, product)
    policies = [row.policy for row in document.labels if row.jurisdiction == region] if document else []
    if not policies:
        yield Reason(f"gate.{gate}.no_label", values)
        return
    outcomes = [_outcome(situation, policy) for policy in policies]
    if ELIGIBLE in outcomes:
        return
    refused = all(outcome in _NO for outcome in outcomes)
    yield Reason(f"gate.{gate}.not_eligible" if refused else f"gate.{gate}.eligibility_open", values)


def _outcome(situation: Situation, policy: str) -> str:
    """What a label says today; one of low confidence entitles nobody."""
    if situation.documents.policy(policy).get("confidence") == "low":
        return "unverified"
    return str(situation.decide(policy, {}).outcome)


def _offer(situation: Situation, product: str, gate: GateName) -> Iterator[Reason]:
    rows = situation.documents.the(Organisations).organisations
    offers = [offer for row in rows if row.node == situation.site.node for offer in row.offers or ()]
    if not offers:
        yield Reason(f"gate.{gate}.offer_unknown", {"product": product})
    elif not any(offer.product == product and str(offer.since or "") <= situation.today.isoformat() for offer in offers):
        yield Reason(f"gate.{gate}.not_offered", {"product": product})


def _bases(situation: Situation, product: str) -> frozenset[str | None] | None:
    """The bases of supply that fit; None where the status is not established, not there, or of low confidence."""
    status = _status(situation, product)
    return None if status is None or status.confidence == "low" else _BASES.get(status.status)


def _status(situation: Situation, product: str) -> Approval | None:
    document = _document(situation, product)
    return document.status.get(situation.site.jurisdiction) if document else None


def _document(situation: Situation, product: str) -> Product | None:
    return situation.products.get(ProductId(product))
