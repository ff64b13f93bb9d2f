"""Enrolment in the outcome agreement of a case's quote, before infusion.

Main job: the rule `enrol_in_agreement` answers `AgreementEnrolled`, or every reason why the patient cannot be enrolled now.

**Source**: policy reference D4 (product, indication, line, enrol_by); an agreement is about what happens after infusion, so it is entered before.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

from msgspec import Meta, Struct

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.consent.emergency import may_be_cared_for
from baybridge.documents.plan import AgreementDocument
from baybridge.funding import rendering
from baybridge.funding.quote.quotes import kept_quote
from baybridge.journey.checks import Unusual, alive, asked_once, before_case, happened, local_day
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.entitlement import entitled
from baybridge.journey.events import AgreementEnrolled
from baybridge.journey.gates import unsigned
from baybridge.journey.row import OF_MONEY, CommandRow, EventRow, reads, roles, told_in


class EnrolInAgreement(Struct, frozen=True, kw_only=True):
    """Enrol the patient in the outcome agreement of the quote."""

    enrolled_on: Annotated[date, Meta(description="day on which the programme took the patient in")]
    number: Annotated[str, Meta(max_length=64, description="the programme's own number, never a name; a new one is made without it")] | None = None
    conditions_met: Annotated[bool, Meta(description="the programme's conditions were read, and the patient meets them")] = False
    quote: Annotated[dict[str, Any] | None, Meta(description="the quote document, where this node does not keep it")] = None
    unusual: Unusual = False


def enrol_in_agreement_blocked(situation: Situation) -> Iterator[Reason]:
    """What stands against any enrolment now."""
    yield from alive(situation)
    quote = situation.case.quote
    if quote is None:
        yield Reason("funding.quote.none")
    elif quote.event.agreement is None:
        yield Reason("funding.settle.no_agreement")
    elif situation.case.enrolled_in(quote.event.agreement) is not None:
        yield Reason("funding.enrol.before", {"agreement": quote.event.agreement})
    if situation.case.infused_at is not None:
        yield Reason("funding.enrol.after_infusion")
    if not may_be_cared_for(situation):
        yield Reason("funding.enrol.no_care_consent")
    if situation.case.product is not None:
        yield from unsigned(situation, "accept", entitled(situation, situation.case.product, "accept"))


def enrol_in_agreement(situation: Situation, given: EnrolInAgreement) -> Verdict:
    """The enrolment, with the terms that it was entered on; they stay those of the quote, whatever the document says later."""
    against = [*enrol_in_agreement_blocked(situation), *happened(situation, enrolled_on=given.enrolled_on)]
    against += asked_once((*before_case(situation, enrolled_on=given.enrolled_on), *_before_quote(situation, given)), unusual=given.unusual)
    if not given.conditions_met:
        against.append(Reason("funding.enrol.conditions", where="conditions_met"))
    if against:
        return refuse(*against)
    quote = kept_quote(situation, given.quote)
    if isinstance(quote, Refusal):
        return quote
    agreement = quote["agreement"]
    if agreement is None:
        return refuse(Reason("funding.settle.no_agreement"))
    reasons = tuple(_against(situation, given, agreement["terms"]))
    if reasons:
        return refuse(*reasons)
    issued = situation.case.quote
    enrolled = AgreementEnrolled(
        enrolment_id=(given.number or situation.new_id()).strip(),
        agreement=agreement["id"],
        agreement_sha256=agreement["sha256"],
        quote_sha256=issued.event.quote_sha256 if issued else "",
        enrolled_on=given.enrolled_on,
    )
    return (enrolled,) if enrolled.enrolment_id else refuse(Reason("funding.enrol.number", where="number"), category=Category.INVALID)


def _before_quote(situation: Situation, given: EnrolInAgreement) -> Iterator[Reason]:
    """The programme took the patient in before the quote that names its agreement was made."""
    quote = situation.case.quote
    if quote is not None and given.enrolled_on < (quoted := local_day(situation, quote.origin.at)):
        yield Reason("funding.enrol.before_quote", {"day": quoted.isoformat()}, where="enrolled_on")


def _against(situation: Situation, given: EnrolInAgreement, terms: AgreementDocument) -> Iterator[Reason]:
    source, name = str(terms.get("source", "")), str(terms.get("id", ""))
    enrol_by = terms.get("enrol_by")
    if enrol_by is not None and given.enrolled_on.isoformat() > str(enrol_by):
        yield Reason("funding.quote.enrolment_closed", {"agreement": name, "day": str(enrol_by)}, source, "enrolled_on")
    product = situation.case.product
    if product is not None and terms.get("product") not in (None, product):
        yield Reason("funding.quote.agreement_product", {"agreement": name, "expected": str(terms.get("product")), "found": product}, source)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        EnrolInAgreement, enrol_in_agreement, roles(Role.COORDINATOR, Role.PHYSICIAN),
        (EventRow(AgreementEnrolled, rendering.enrolled, told_in("CARE_REFERRAL", "OBA_OUTCOME")),),
        page="funding",
        correction=OF_MONEY,
        step="enrol",
        purpose="finance",
        needs=reads("quote"),
        blocked=enrol_in_agreement_blocked,
        place=20,
    ),
)
