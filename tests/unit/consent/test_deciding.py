"""Who decides while a patient cannot: children, patients with ICANS, and those who can decide again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import case_world as w
from baybridge.consent.deciding import deciding_of, doubtful, to_confirm
from baybridge.consent.reading import Ground, ground
from baybridge.journey import events as ev
from baybridge.journey.command import Role
from baybridge.journey.stored import event_from_json
from case_world import Step, World, codes

DAY = w.START.date()
DOCUMENT = "birth certificate, paper file 3"
GUARDIAN = w.CONSENT.but(given_by="guardian", by_document=DOCUMENT)
REPRESENTATIVE = w.CONSENT.but(given_by="representative", by_document="court order, paper file 3")


def opened(age: int | None = 61) -> World:
    world = World().walk(w.OPEN)
    world.facts["age"] = age
    return world


def graded(world: World, low: int, high: int, hours: float = 1) -> World:
    world.now += timedelta(hours=hours)
    world.record("mo", ev.GradeAssessed(
        scale="icans-astct-2019", outcome="x", grade=low if low == high else None, grade_min=low, grade_max=high, driver=None, missing=(), assessed_at=world.now,
        decision_sha256="0" * 64,
    ))  # fmt: skip
    return world


def stated(world: World, can: bool, hours: float = 1) -> World:
    said = {"can_decide": can, "note": "talked at the bedside", "unusual": True}
    step = Step("StateCapacity", "mo", Role.PHYSICIAN, hours, lambda one: {**said, "seen_at": one.now.isoformat()})
    return world.walk(step)


@pytest.mark.parametrize(
    ("grade", "can", "hours_ago", "asked"),
    [
        (0, True, 0, []),
        (0, True, 24, []),
        (0, True, 25, ["consent.capacity.long_ago"]),
        (3, True, 0, ["consent.capacity.icans_stands"]),
        (3, False, 0, []),
        (3, True, 24 * 300, ["consent.capacity.icans_stands", "consent.capacity.long_ago"]),
    ],
)
def test_a_statement_that_is_old_or_stands_beside_icans_is_asked_once(grade: int, can: bool, hours_ago: int, asked: list[str]) -> None:
    world = graded(w.infused(), grade, grade)
    given = {"can_decide": can, "seen_at": (world.now - timedelta(hours=hours_ago)).isoformat(), "note": "talked at the bedside"}
    step = Step("StateCapacity", "mo", Role.PHYSICIAN, 0, given)
    assert codes(world.judge(step)) == asked
    assert codes(world.judge(step.but(unusual=True))) == []


def because(world: World) -> str:
    return deciding_of(world.case, 61, 18, 1).because


# --- who gives a consent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "given_by", "refused"),
    [
        (17, "patient", ["consent.giver.minor"]),
        (18, "patient", []),
        (17, "guardian", []),
        (18, "guardian", ["consent.giver.of_age"]),
        (17, "representative", ["consent.giver.guardian_decides"]),
        (18, "representative", ["consent.giver.decides_alone"]),
        (None, "patient", []),
        (None, "guardian", []),
        (None, "representative", []),
    ],
)
def test_who_consents_at_which_age(age: int | None, given_by: str, refused: list[str]) -> None:
    step = w.CONSENT.but(given_by=given_by, **({} if given_by == "patient" else {"by_document": DOCUMENT}))
    assert codes(opened(age).do(step)) == refused


def test_somebody_else_names_the_document_and_the_patient_none() -> None:
    assert codes(opened(9).do(GUARDIAN.but(by_document=" "))) == ["consent.giver.document_missing"]
    assert codes(opened(40).do(w.CONSENT.but(by_document=DOCUMENT))) == ["consent.giver.document_of_patient"]


def test_every_reason_is_given_at_once() -> None:
    step = w.CONSENT.but(given_by="guardian", notice_version="")
    assert codes(opened(61).do(step)) == ["consent.giver.document_missing", "consent.giver.of_age", "consent.record.notice_missing"]


def test_the_event_says_in_which_capacity() -> None:
    world = opened(9).walk(GUARDIAN)
    (consent,) = world.case.consents
    assert (consent.given_by, consent.by_document) == ("guardian", DOCUMENT)


def test_a_region_without_an_age_of_majority_leaves_it_unknown() -> None:
    world = opened(9)
    world.documents = {"regions": {"MO": {**w.documents().folder("regions")["MO"], "deciding": None}}}
    assert codes(world.do(w.CONSENT)) == []
    assert deciding_of(world.case, 9, None, 1).minor is None


# --- ability --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], ""),
        ([(0, 0)], ""),
        ([(1, 1)], "icans"),
        ([(1, 4)], "icans"),
        ([(0, 4)], "icans_open"),
        ([(0, 0), (0, 4)], "icans_open"),  # not knowing is not being able, whatever was certain before
        ([True, (0, 2)], "icans_open"),
        ([(0, 0), (0, 4), (0, 0)], ""),
        ([(0, 0), (0, 4), True], ""),
        ([(2, 2), (0, 0), (0, 1)], "icans_open"),
        ([False, (0, 4)], "stated"),
        ([(2, 2), (0, 4)], "icans"),  # not knowing lifts nothing
        ([(2, 2), (0, 0)], ""),
        ([(2, 2), True], ""),
        ([(2, 2), True, (1, 1)], "icans"),
        ([(0, 4), True], ""),
        ([False], "stated"),
        ([False, (0, 0)], "stated"),  # a grade lifts no physician's word
        ([False, (2, 2), (0, 0)], ""),
        ([False, True], ""),
        ([True, False], "stated"),
    ],
)
def test_the_last_certain_word_says_whether_the_patient_can_decide(steps: list[Any], expected: str) -> None:
    world = opened()
    for step in steps:
        stated(world, step) if isinstance(step, bool) else graded(world, *step)
    assert because(world) == expected


def test_a_confirmed_grade_counts_as_a_grade() -> None:
    world = graded(opened(), 2, 2)
    world.now += timedelta(hours=1)
    world.record("mo", ev.GradeConfirmed(scale="icans-astct-2019", grade=0, computed=2, reason="sedated"), role=Role.PHYSICIAN)
    assert because(world) == ""


def test_other_scales_say_nothing_about_deciding() -> None:
    world = opened()
    world.record("mo", ev.GradeAssessed(
        scale="crs-astct-2019", outcome="x", grade=4, grade_min=4, grade_max=4, driver=None, missing=(), assessed_at=world.now, decision_sha256="0" * 64,
    ))  # fmt: skip
    assert because(world) == ""


@pytest.mark.parametrize(("low", "high", "code"), [(1, 1, "consent.giver.icans"), (0, 2, "consent.giver.icans_open")])
def test_a_patient_with_icans_does_not_consent_and_a_representative_does(low: int, high: int, code: str) -> None:
    world = graded(opened(), low, high)
    assert codes(world.do(w.CONSENT)) == [code]
    assert codes(world.do(REPRESENTATIVE)) == []


def test_a_physician_s_word_opens_and_closes_it() -> None:
    world = stated(opened(), can=False)
    assert codes(world.do(w.CONSENT)) == ["consent.giver.stated"]
    assert codes(stated(world, can=True).do(w.CONSENT)) == []


def test_the_threshold_is_the_site_s_document() -> None:
    world = graded(opened(), 1, 1)
    people = w.documents().folder("access")["people"]
    world.documents = {"access": {"people": {**people, "deciding": {**people["deciding"], "unable_from_icans": 2}}}}
    assert codes(world.do(w.CONSENT)) == []


def test_a_statement_says_why_and_lies_not_ahead() -> None:
    step = Step("StateCapacity", "mo", Role.PHYSICIAN, 0, lambda one: {"can_decide": True, "seen_at": (one.now + timedelta(days=1)).isoformat(), "note": " "})
    assert codes(opened().do(step)) == ["consent.capacity.note", "journey.time.future"]


# --- taking back ----------------------------------------------------------------------------------------------------


def withdraw(world: World, **given: Any) -> list[str]:
    return codes(world.do(Step("WithdrawConsent", "mo", Role.COORDINATOR, 0, {"consent_id": world.case.consents[0].consent_id, **given})))


def test_a_patient_always_takes_back_and_a_guardian_only_of_a_child() -> None:
    assert withdraw(graded(opened().walk(w.CONSENT), 3, 3)) == []
    assert withdraw(opened(40).walk(w.CONSENT), given_by="guardian", by_document=DOCUMENT) == ["consent.giver.of_age"]
    assert withdraw(opened(9).walk(GUARDIAN), given_by="guardian") == ["consent.giver.document_missing"]
    assert withdraw(opened(9).walk(GUARDIAN), given_by="guardian", by_document=DOCUMENT) == []


def test_nobody_takes_back_a_consent_before_it_was_given() -> None:
    assert withdraw(opened().walk(w.CONSENT), withdrawn_on=DAY - timedelta(days=1)) == ["consent.withdraw.before_given"]
    assert withdraw(opened().walk(w.CONSENT), withdrawn_on=DAY) == []


@pytest.mark.parametrize("sign", ["stated", "doubt"])
def test_a_representative_takes_back_from_the_day_on_which_the_patient_could_not_decide(sign: str) -> None:
    world = opened().walk(w.CONSENT)
    world = stated(world, can=False, hours=240) if sign == "stated" else graded(graded(world, 0, 2, hours=240), 2, 2, hours=72)
    since = DAY + timedelta(days=10)
    world.now += timedelta(days=10)
    by = {"given_by": "representative", "by_document": DOCUMENT}
    assert withdraw(world, **by, withdrawn_on=since - timedelta(days=1)) == ["consent.withdraw.before_unable"]
    assert withdraw(world, **by, withdrawn_on=since) == []


def test_a_grade_that_was_lifted_moves_the_day_from_which_others_take_back() -> None:
    world = graded(graded(graded(opened().walk(w.CONSENT), 2, 2), 0, 0, hours=48), 3, 3, hours=48)
    by = {"given_by": "representative", "by_document": DOCUMENT}
    assert withdraw(world, **by, withdrawn_on=DAY + timedelta(days=2)) == ["consent.withdraw.before_unable"]
    assert withdraw(world, **by, withdrawn_on=DAY + timedelta(days=4)) == []


def test_in_the_own_account_a_patient_takes_back_for_nobody_else() -> None:
    world = opened(9).walk(GUARDIAN)
    step = Step("WithdrawConsent", "mo", Role.PATIENT, 0, {"consent_id": world.case.consents[0].consent_id, "given_by": "guardian", "by_document": DOCUMENT})
    assert codes(world.do(step)) == ["consent.giver.own_account"]


def in_doubt(world: World, age: int = 61) -> int:
    return len(doubtful(world.case, deciding_of(world.case, age, 18, 1)))


def taken_back(world: World, **given: Any) -> World:
    world.now += timedelta(hours=1)
    return world.walk(Step("WithdrawConsent", "mo", Role.COORDINATOR, 0, {"consent_id": world.case.consents[0].consent_id, **given}))


def test_a_withdrawal_by_a_patient_who_could_not_decide_holds_and_whoever_decides_is_asked() -> None:
    assert in_doubt(taken_back(opened().walk(w.CONSENT))) == 0
    for world in (graded(opened().walk(w.CONSENT), 3, 3), graded(opened().walk(w.CONSENT), 0, 3), stated(opened().walk(w.CONSENT), can=False)):
        taken_back(world)
        assert world.case.consents[0].withdrawn_on is not None
        assert in_doubt(world) == 1
        assert in_doubt(stated(world, can=True)) == 1, "the question stays when the patient is well again"
    child = opened(9).walk(GUARDIAN)
    assert in_doubt(taken_back(child), age=9) == 1


@pytest.mark.parametrize("answer", ["representative withdraws", "patient withdraws again", "patient consents again"])
def test_the_question_ends_with_the_word_of_whoever_decides(answer: str) -> None:
    world = taken_back(graded(opened().walk(w.CONSENT), 3, 3))
    if answer == "representative withdraws":
        taken_back(world, given_by="representative", by_document=DOCUMENT)
    else:
        stated(world, can=True)
        world.walk(w.CONSENT) if answer == "patient consents again" else taken_back(world)
    assert in_doubt(world) == 0
    if answer != "patient consents again":
        assert withdraw(world) == ["consent.withdraw.already"]


def test_a_sign_that_comes_after_the_withdrawal_puts_it_in_no_doubt() -> None:
    assert in_doubt(graded(taken_back(opened().walk(w.CONSENT)), 3, 3)) == 0


# --- the patient decides again --------------------------------------------------------------------------------------


def collectable(world: World) -> World:
    """At the treating centre, about to collect."""
    return world.walk(w.REFER, w.BOARD, w.ACCEPT, w.RESERVE, *w.PERMITS)


def elective(world: World) -> list[str]:
    return [code for code in codes(world.judge(w.COLLECT)) if code.startswith("consent.")]


def test_steps_that_can_wait_ask_for_the_own_consent_of_a_patient_who_came_of_age() -> None:
    world = opened(17).walk(GUARDIAN)
    collectable(world)
    assert elective(world) == []
    world.facts["age"] = 18
    assert elective(world) == ["consent.elective.unconfirmed"]
    assert [one.kind for one in to_confirm(world.case, DAY, deciding_of(world.case, 18, 18, 1))] == ["care"]
    world.walk(w.CONSENT)
    assert elective(world) == []
    assert to_confirm(world.case, DAY, deciding_of(world.case, 18, 18, 1)) == ()


def test_the_same_holds_once_a_patient_can_decide_again() -> None:
    world = stated(opened(), can=False).walk(REPRESENTATIVE)
    collectable(world)
    assert elective(world) == []
    assert elective(stated(world, can=True)) == ["consent.elective.unconfirmed"]


def test_not_knowing_who_decides_opens_no_gate() -> None:
    world = collectable(opened(None).walk(w.CONSENT))
    assert elective(world) == ["consent.elective.age_unknown"]
    world.facts["age"] = 12
    assert elective(world) == ["consent.elective.guardian_missing"]


def test_a_narrower_own_consent_confirms_nothing_wider() -> None:
    world = opened(17).walk(GUARDIAN.but(kind="cross_border", recipients=["hk", "gd"], purposes=["CARE_REFERRAL"]))
    now = deciding_of(world.case, 18, 18, 1)
    world.facts["age"] = 18
    world.walk(w.CONSENT.but(kind="cross_border", recipients=["hk"], purposes=["CARE_REFERRAL"]))
    assert len(to_confirm(world.case, DAY, now)) == 1
    world.walk(w.CONSENT.but(kind="cross_border", recipients=["gd", "hk"], purposes=["CARE_REFERRAL", "CLAIM"]))
    assert to_confirm(world.case, DAY, now) == ()


def test_the_team_that_treats_reads_on_and_the_cells_that_came_are_given() -> None:
    """Coming of age takes nothing from what has begun: neither reading nor the infusion asks for the new consent."""
    world = collectable(opened(17).walk(GUARDIAN))
    world.facts["age"] = 18
    assert ground(world.case, w.SITES["hk"], DAY) is Ground.RELATION
    infuse = w.COMMANDS["Infuse"]
    reasons = {reason.code for reason in infuse.blocked(world.situation("hk", Role.NURSE))}
    assert not {code for code in reasons if code.startswith("consent.")}


def test_events_of_before_fold_as_the_patient_s_own() -> None:
    plain = {
        "type": "ConsentRecorded", "consent_id": "c1", "kind": "care", "recipients": [], "purposes": [], "valid_until": None, "notice_version": "1",
        "notice_language": "en",
    }  # fmt: skip
    event = event_from_json(plain)
    assert isinstance(event, ev.ConsentRecorded)
    assert event.given_by == "patient"
