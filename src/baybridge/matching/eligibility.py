"""Eligibility by label for every product, and the physician's choice.

Main job: the rules of `DecideEligibility` and `ChooseProduct`.

**Source**: each policy document names its own; a product that is certainly outside its label, or not certainly inside, may be chosen by a
physician with a reason, which stands in the event. A policy of low confidence never entitles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.ids import ProductId
from baybridge.base.outcome import Reason, refuse
from baybridge.documents.product import Product
from baybridge.journey.checks import alive, digest, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.conditions import therapy_event_open
from baybridge.journey.custody import ONE_CHAIN
from baybridge.journey.events import EligibilityDecided, ProductChosen
from baybridge.journey.row import CLINICAL, CommandRow, EventRow, roles, told_in
from baybridge.journey.texts import Note
from baybridge.matching import rendering

ELIGIBLE = "eligible"


class DecideEligibility(Struct, frozen=True, kw_only=True):
    """Apply the label policies of the catalogue."""

    product: Annotated[str | None, Meta(description="one product; all of the catalogue where left out")] = None
    jurisdiction: Annotated[str | None, Meta(description="CN, HK or MO; all where left out")] = None


class ChooseProduct(Struct, frozen=True, kw_only=True):
    """A physician chooses a product on an eligibility decision."""

    product: str
    policy: Annotated[str, Meta(description="the eligibility policy that the choice rests on")]
    exception_reason: Annotated[Note | None, Meta(description="why, where the label is not certainly met")] = None


def label_policies(product: Product, jurisdiction: str | None = None) -> tuple[str, ...]:
    """The eligibility policies that the catalogue names for a product, of one jurisdiction where given."""
    return tuple(row.policy for row in product.labels if jurisdiction in (None, row.jurisdiction))


def decide_eligibility(situation: Situation, given: DecideEligibility) -> Verdict:
    """Every policy's answer; "undetermined" and "ineligible" are answers too."""
    against = (*alive(situation), *_known(situation, given.product))
    if against:
        return refuse(*against)
    products = situation.products
    names = [ProductId(given.product)] if given.product else sorted(products)
    policies = dict.fromkeys(policy for name in names for policy in label_policies(products[name], given.jurisdiction))
    if not policies:
        return refuse(Reason("matching.eligibility.no_policy"))
    return tuple(_decided(situation, policy) for policy in policies)


def _decided(situation: Situation, policy: str) -> EligibilityDecided:
    decision = situation.decide(policy, {})
    return EligibilityDecided(policy=policy, outcome=decision.outcome, decision_sha256=digest(decision))


def _known(situation: Situation, product: str | None) -> Iterator[Reason]:
    if product is not None and product not in situation.products:
        yield Reason("matching.refer.product_unknown", {"product": product}, where="product")


def choose_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against choosing any product: the patient died, or a therapy event with another one is under way."""
    yield from alive(situation)
    if therapy_event_open(situation.case):
        yield Reason("matching.choose.under_way", {"product": situation.case.product or ""}, source=ONE_CHAIN)


def choose_product(situation: Situation, given: ChooseProduct) -> Verdict:
    """The choice stands on the last decision by that policy; off label only with a physician's reason."""
    decided = situation.case.eligibility.get(given.policy)
    against = [*choose_blocked(situation), *_known(situation, given.product), *_policy(situation, given)]
    unverified = _unverified(situation, given.policy)
    if decided is None:
        against.append(Reason("matching.choose.undecided", {"policy": given.policy}, where="policy"))
    elif decided.event.outcome != ELIGIBLE and not said(given.exception_reason):
        values = {"policy": given.policy, "outcome": decided.event.outcome}
        against.append(Reason("matching.choose.not_eligible", values, where="exception_reason"))
    elif unverified and not said(given.exception_reason):
        against.append(Reason("matching.choose.unverified", {"policy": given.policy}, where="exception_reason"))
    if said(given.exception_reason) and situation.actor.role is not Role.PHYSICIAN:
        against.append(Reason("matching.choose.exception_not_physician", where="exception_reason"))
    if against or decided is None:
        return refuse(*against)
    reason = given.exception_reason.strip() if given.exception_reason and (unverified or decided.event.outcome != ELIGIBLE) else None
    sha256 = decided.event.decision_sha256
    return (ProductChosen(product=given.product, policy=given.policy, decision_sha256=sha256, exception_reason=reason),)


def _unverified(situation: Situation, policy: str) -> bool:
    return situation.documents.policy(policy).get("confidence") == "low"


def _policy(situation: Situation, given: ChooseProduct) -> Iterator[Reason]:
    document = situation.products.get(ProductId(given.product))
    if document is not None and given.policy not in label_policies(document):
        yield Reason("matching.choose.policy_of_other", {"policy": given.policy, "product": given.product}, where="policy")


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        DecideEligibility, decide_eligibility, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.PHARMACIST),
        (EventRow(EligibilityDecided, rendering.eligibility, told_in("CARE_REFERRAL")),),
        page="eligibility",
        correction=CLINICAL,
        step="eligibility",
        place=10,
    ),
    CommandRow(
        ChooseProduct, choose_product, roles(Role.PHYSICIAN),
        (EventRow(ProductChosen, rendering.product, told_in("CARE_REFERRAL", "COI_LOGISTICS")),),
        page="eligibility",
        correction=CLINICAL,
        step="product",
        blocked=choose_blocked,
        button=None,
        choices={"policy": "label_policy"},
    ),
)
