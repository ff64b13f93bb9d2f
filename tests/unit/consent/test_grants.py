"""What a consent allows: recipient, purpose, last day, withdrawal."""

from __future__ import annotations

from datetime import date, timedelta

import case_world as w
from baybridge.consent.grants import consents_for
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from case_world import Step, World, codes

DAY = w.START.date()


def consent(
    kind: str, recipients: tuple[str, ...] = (), purposes: tuple[str, ...] = (), until: date | None = None, number: int = 1
) -> ev.ConsentRecorded:
    return ev.ConsentRecorded(
        consent_id=f"c{number}",
        kind=kind,  # type: ignore[arg-type]
        recipients=recipients,
        purposes=purposes,
        valid_until=until,
        notice_version="1",
        notice_language="en",
    )


def case_with(*events: ev.Event) -> World:
    world = World()
    world.record("mo", *events)
    return world


def test_never_asked_is_not_no() -> None:
    state = consents_for(World().case, "hk", "CARE_REFERRAL", DAY)
    assert state.care is None
    assert state.cross_border is None
    assert state.dspdp_notified is None


def test_a_separate_consent_counts_for_its_recipients_and_purposes_only() -> None:
    case = case_with(consent("cross_border", ("hk",), ("CARE_REFERRAL",))).case
    assert consents_for(case, "hk", "CARE_REFERRAL", DAY).cross_border is True
    assert consents_for(case, "gd", "CARE_REFERRAL", DAY).cross_border is False
    assert consents_for(case, "hk", "QUALITY_REGISTRY", DAY).cross_border is False


def test_a_care_consent_that_names_nobody_is_not_limited() -> None:
    case = case_with(consent("care")).case
    assert consents_for(case, "hk", "CARE_REFERRAL", DAY).care is True


def test_a_cross_border_consent_that_names_nobody_counts_for_nobody() -> None:
    case = case_with(consent("cross_border")).case
    assert consents_for(case, "hk", "CARE_REFERRAL", DAY).cross_border is False


def test_the_last_day_counts() -> None:
    case = case_with(consent("care", until=DAY)).case
    assert consents_for(case, None, None, DAY).care is True
    assert consents_for(case, None, None, DAY + timedelta(days=1)).care is False


def test_the_day_of_withdrawal_does_not_count_and_is_said() -> None:
    case = case_with(consent("cross_border", ("hk",), ("CLAIM",)), ev.ConsentWithdrawn(consent_id="c1", withdrawn_on=DAY)).case
    state = consents_for(case, "hk", "CLAIM", DAY)
    assert (state.cross_border, state.withdrawn_on) == (False, DAY)
    before = consents_for(case, "hk", "CLAIM", DAY - timedelta(days=1))
    assert (before.cross_border, before.withdrawn_on) == (True, None)


def test_a_new_consent_of_the_kind_heals_a_withdrawal() -> None:
    withdrawn = ev.ConsentWithdrawn(consent_id="c1", withdrawn_on=DAY)
    case = case_with(consent("care"), withdrawn, consent("care", number=2)).case
    state = consents_for(case, None, None, DAY)
    assert (state.care, state.withdrawn_on) == (True, None)


def test_a_withdrawal_for_another_receiver_does_not_count() -> None:
    withdrawn = ev.ConsentWithdrawn(consent_id="c1", withdrawn_on=DAY)
    case = case_with(consent("cross_border", ("gd",), ("CLAIM",)), withdrawn, consent("cross_border", ("hk",), ("CLAIM",), number=2)).case
    state = consents_for(case, "hk", "CLAIM", DAY)
    assert (state.cross_border, state.withdrawn_on) == (True, None)


def test_macaos_authority_is_told_from_its_day_on() -> None:
    case = case_with(ev.AuthorityNotified(authority="DSPDP", reference="r", notified_on=DAY)).case
    assert consents_for(case, None, None, DAY).dspdp_notified is True
    assert consents_for(case, None, None, DAY - timedelta(days=1)).dspdp_notified is False


def test_a_separate_consent_without_its_names_is_refused_with_every_reason() -> None:
    world = World().walk(w.OPEN)
    step = w.CONSENT.but(kind="cross_border", notice_version="", notice_language="xx", valid_until="2020-01-01")
    assert codes(world.do(step)) == [
        "consent.record.already_over",
        "consent.record.language_unknown",
        "consent.record.notice_missing",
        "consent.record.purpose_missing",
        "consent.record.recipient_missing",
    ]


def test_recipients_and_purposes_must_be_known() -> None:
    step = w.CONSENT.but(kind="cross_border", recipients=["nowhere"], purposes=["FUN"])
    assert codes(World().walk(w.OPEN).do(step)) == ["consent.record.purpose_unknown", "consent.record.recipient_unknown"]


def test_a_consent_is_taken_back_once() -> None:
    world = World().walk(w.OPEN, w.CONSENT)
    step = Step("WithdrawConsent", "mo", Role.COORDINATOR, 0, {"consent_id": world.case.consents[0].consent_id})
    world.walk(step)
    assert codes(world.do(step)) == ["consent.withdraw.already"]
    assert codes(world.do(step.but(consent_id="other"))) == ["consent.withdraw.unknown"]


def test_a_notice_needs_its_reference() -> None:
    step = Step("NotifyAuthority", "mo", Role.COORDINATOR, 0, {"reference": " "})
    assert codes(World().walk(w.OPEN).do(step)) == ["consent.notify.reference_missing"]
