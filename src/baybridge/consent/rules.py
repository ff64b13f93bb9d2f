"""Recording, withdrawing and notifying: what the law wants to see of each.

Main job: the rules of `RecordConsent`, `WithdrawConsent`, `NotifyAuthority`.

**Source**: PIPL articles 23, 29, 39 (separate consent names recipient and purpose, in a language that was understood); Macao Law 8/2005
articles 20 and 21 (notice to the authority).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from baybridge.base.outcome import Reason, refuse
from baybridge.consent import rendering
from baybridge.consent.deciding import against_giver, against_taker_back, deciding, doubtful
from baybridge.consent.grants import DSPDP, NAMED_KINDS
from baybridge.consent.helping import acting_as
from baybridge.journey.attachments import not_attached
from baybridge.journey.checks import Unusual, alive, asked_once, before_case, happened, local_day, said
from baybridge.journey.command import Role, Situation, Verdict
from baybridge.journey.events import AuthorityNotified, ConsentKind, ConsentRecorded, ConsentWithdrawn, Giver
from baybridge.journey.prefill import FormContext
from baybridge.journey.row import CLINICAL, CommandRow, Correction, EventRow, roles, told_in
from baybridge.journey.texts import Note, OneOf
from baybridge.language.languages import languages_of
from baybridge.language.regions import regions_of

#: Purposes of transfers. Source: policy reference B3, purpose profiles.
PURPOSES = (
    "CARE_REFERRAL",
    "RESULT_RECOGNITION",
    "COI_LOGISTICS",
    "CLAIM",
    "OBA_OUTCOME",
    "QUALITY_REGISTRY",
    "PHARMACOVIGILANCE",
    "CASE_STATUS",
    "CASE_MESSAGE",
)
PIPL_39 = "PIPL articles 23 and 39"
BY_DOCUMENT = "of somebody else than the patient: which paper says that this person decides, and where it is filed; no name and no number of a document"


def authorities(situation: Situation) -> Collection[str]:
    """Authorities that are told before personal data leave a region, by the regions' documents."""
    return {region.notify_before_transfer for region in regions_of(situation.documents.folder).values() if region.notify_before_transfer}


class RecordConsent(Struct, frozen=True, kw_only=True):
    """The patient, or who decides for the patient, allows something."""

    kind: ConsentKind
    given_by: Annotated[Giver, Meta(description="in which capacity: the patient, the guardian of a child, or who represents an adult who cannot decide")] = "patient"
    by_document: Annotated[Note, Meta(description=BY_DOCUMENT)] = ""
    recipients: Annotated[tuple[str, ...], Meta(description="nodes that may receive; none for care and finance is no limit")] = ()
    purposes: Annotated[tuple[str, ...], Meta(description="purpose codes; none for care and finance is no limit")] = ()
    valid_until: date | None = None
    notice_version: str
    notice_language: str
    attachment: Annotated[str, Meta(description="the signed form, where it is among the documents of the case")] = ""


class WithdrawConsent(Struct, frozen=True, kw_only=True):
    """A consent is taken back."""

    consent_id: str
    given_by: Annotated[Giver, Meta(description="who takes it back, in which capacity")] = "patient"
    by_document: Annotated[Note, Meta(description=BY_DOCUMENT)] = ""
    withdrawn_on: Annotated[date | None, Meta(description="today where left out")] = None


class NotifyAuthority(Struct, frozen=True, kw_only=True):
    """An authority was told."""

    authority: Annotated[str, OneOf(authorities)] = DSPDP
    reference: str
    notified_on: Annotated[date | None, Meta(description="today where left out")] = None
    unusual: Unusual = False


def record_consent(situation: Situation, given: RecordConsent) -> Verdict:
    """The consent stands, or what its form lacks."""
    against = (*alive(situation), *against_giver(situation, given.given_by, given.by_document), *_form(situation, given), *not_attached(situation.case, given.attachment))
    if against:
        return refuse(*against)
    return (
        ConsentRecorded(
            consent_id=situation.new_id(),
            kind=given.kind,
            recipients=given.recipients,
            purposes=given.purposes,
            valid_until=given.valid_until,
            notice_version=given.notice_version,
            notice_language=given.notice_language,
            given_by=given.given_by,
            by_document=given.by_document.strip(),
            attachment=given.attachment,
        ),
    )


def _form(situation: Situation, given: RecordConsent) -> Iterator[Reason]:
    known = {situation.site.node, *situation.neighbours}
    for node in given.recipients:
        if node not in known:
            yield Reason("consent.record.recipient_unknown", {"node": node}, where="recipients")
    for purpose in given.purposes:
        if purpose not in PURPOSES:
            yield Reason("consent.record.purpose_unknown", {"purpose": purpose, "known": ", ".join(PURPOSES)}, where="purposes")
    if given.kind in NAMED_KINDS and not given.recipients:
        yield Reason("consent.record.recipient_missing", {"kind": given.kind}, source=PIPL_39, where="recipients")
    if given.kind in NAMED_KINDS and not given.purposes:
        yield Reason("consent.record.purpose_missing", {"kind": given.kind}, source=PIPL_39, where="purposes")
    if not said(given.notice_version):
        yield Reason("consent.record.notice_missing", source=PIPL_39, where="notice_version")
    languages = languages_of(situation.documents.folder)
    if given.notice_language not in languages:
        yield Reason("consent.record.language_unknown", {"known": ", ".join(languages)}, source=PIPL_39, where="notice_language")
    if given.valid_until is not None and given.valid_until < situation.today:
        yield Reason("consent.record.already_over", {"day": given.valid_until.isoformat()}, where="valid_until")


def none_to_withdraw(situation: Situation) -> Iterator[Reason]:
    """No consent is left that could be taken back, or this account takes none back."""
    if situation.actor.role is Role.CAREGIVER and ((helps := acting_as(situation)) is None or helps.event.capacity == "caregiver"):
        yield Reason("consent.giver.own_capacity")
    if all(one.withdrawn_on is not None and one.withdrawn_on <= situation.today for one in situation.case.consents):
        yield Reason("consent.withdraw.none")


def withdraw_consent(situation: Situation, given: WithdrawConsent) -> Verdict:
    """The consent ends; a consent can be taken back at any time, whatever else stands."""
    found = next((c for c in situation.case.consents if c.consent_id == given.consent_id), None)
    day = given.withdrawn_on or situation.today
    against = [*happened(situation, withdrawn_on=day), *_taken_back_by(situation, given, day)]
    if found is None:
        against.append(Reason("consent.withdraw.unknown", where="consent_id"))
    elif found.withdrawn_on is not None and found.withdrawn_on <= day and found not in doubtful(situation.case, deciding(situation)):
        against.append(Reason("consent.withdraw.already", {"day": found.withdrawn_on.isoformat()}, where="consent_id"))
    elif day < (given_on := local_day(situation, found.origin.at)):
        against.append(Reason("consent.withdraw.before_given", {"day": given_on.isoformat()}, where="withdrawn_on"))
    if against:
        return refuse(*against)
    return (ConsentWithdrawn(consent_id=given.consent_id, withdrawn_on=day, withdrawn_by=given.given_by, by_document=given.by_document.strip()),)


def _taken_back_by(situation: Situation, given: WithdrawConsent, day: date) -> Iterator[Reason]:
    if situation.actor.role is Role.PATIENT and given.given_by != "patient":
        yield Reason("consent.giver.own_account", where="given_by")
    if situation.actor.role is Role.CAREGIVER:
        helps = acting_as(situation)
        if helps is None or helps.event.capacity != given.given_by:
            yield Reason("consent.giver.own_capacity", where="given_by")
    yield from against_taker_back(situation, given.given_by, given.by_document, day)


def as_before(context: FormContext) -> Mapping[str, object]:
    """What the consent that the form's address names said: the patient gives in the own name what somebody else gave."""
    named = context.address.get("consent_id")
    found = next((one for one in context.case.consents if one.consent_id == named), None)
    return {"kind": found.kind, "recipients": found.recipients, "purposes": found.purposes, "valid_until": found.valid_until} if found else {}


def notify_authority(situation: Situation, given: NotifyAuthority) -> Verdict:
    """The notice stands with its reference."""
    day = given.notified_on or situation.today
    asked = asked_once(before_case(situation, notified_on=day), unusual=given.unusual)
    against = [*alive(situation), *happened(situation, notified_on=day), *asked]
    if not said(given.authority):
        against.append(Reason("consent.notify.authority_missing", where="authority"))
    if not said(given.reference):
        against.append(Reason("consent.notify.reference_missing", source="Macao Law 8/2005 article 21", where="reference"))
    if against:
        return refuse(*against)
    return (AuthorityNotified(authority=given.authority.strip(), reference=given.reference.strip(), notified_on=day),)


#: What page, command line, FHIR and other nodes know about these commands.
COMMAND_ROWS = (
    CommandRow(
        RecordConsent, record_consent, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE),
        (
            EventRow(ConsentRecorded, rendering.consented, told_in("CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS", "CASE_STATUS", "CASE_MESSAGE")),
        ),
        page="sharing",
        correction=Correction(None, undo="WithdrawConsent"),
        prefill=as_before,
        step="consent_care",
        purpose="consent",
        place=10,
    ),
    CommandRow(
        WithdrawConsent, withdraw_consent, roles(Role.COORDINATOR, Role.PHYSICIAN, Role.NURSE, Role.PATIENT, Role.CAREGIVER),
        (
            EventRow(ConsentWithdrawn, rendering.withdrawn, told_in("CARE_REFERRAL", "RESULT_RECOGNITION", "COI_LOGISTICS", "CASE_STATUS", "CASE_MESSAGE")),
        ),
        page="sharing",
        correction=Correction(None, undo="RecordConsent"),
        purpose="consent",
        blocked=none_to_withdraw,
        place=20,
    ),
    CommandRow(
        NotifyAuthority, notify_authority, roles(Role.COORDINATOR, Role.QUALITY),
        (EventRow(AuthorityNotified, rendering.notified, told_in("CARE_REFERRAL", "CASE_STATUS", "CASE_MESSAGE")),),
        page="sharing",
        correction=CLINICAL,
        step="notify_authority",
        purpose="consent",
        place=30,
    ),
)
