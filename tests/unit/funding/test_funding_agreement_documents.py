"""Enrolment, every rule of an agreement from its document to the money, the settlement computed again, and what a payer receives."""

from __future__ import annotations

import copy
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from baybridge.base.canonical import canonical_bytes
from baybridge.base.outcome import Refusal
from baybridge.base.time import CHINA
from baybridge.documents.loader import Documents
from baybridge.funding.outcome.clauses import CLAUSES, FOLLOWS, open_clauses
from baybridge.funding.outcome.enrolling import EnrolInAgreement, enrol_in_agreement, enrol_in_agreement_blocked
from baybridge.funding.outcome.settlement import milestone_of, replay
from baybridge.funding.outcome.settling import SettleOutcome, settle_outcome
from baybridge.funding.plans.checking import check, known_from
from baybridge.funding.quote.quoting import QuotedTender, issue_quote
from baybridge.journey.events import AgreementEnrolled, ConsentRecorded, Event, ProductRejected
from baybridge.journey.judged import Judged
from funding_material import documents
from funding_situations import NOW, situated
from unit.funding.test_quote_to_settlement import AGREEMENT, DAY_0, asked, codes, died, enrolled, infused, issued, read

KNOWN = known_from(Documents())

#: What happens and is declared -> the outcome whose rule decides.
HAPPENED: dict[str, tuple[list[Event], str | None]] = {
    "DEATH_DISEASE": ([infused(), died(40, "disease")], None),
    "DEATH_NRM": ([infused(), died(40, "non_relapse")], None),
    "WINDOW_MISSED": ([infused()], None),
    "WITHDRAWN": ([infused()], "WITHDRAWN"),
    "RETREATED": ([infused(), infused()], "RETREATED"),
    "OOS_INFUSED": ([infused()], "OOS_INFUSED"),
    "NOT_INFUSED": ([], "NOT_INFUSED"),
    "NOT_INFUSED_OOS": ([ProductRejected(batch="b", chain_of_identity="c", failed=("viability",), decision_sha256="0")], "NOT_INFUSED_OOS"),
}
REFUND, EVERYTHING = 4944000, 130000000


def with_rule(outcome: str, follows: str | None) -> dict[str, Any]:
    data = copy.deepcopy(documents())
    terms, path = data[AGREEMENT], CLAUSES[outcome]
    terms["void_outcomes"] = []
    terms["not_infused_rule"] = None
    holder = terms[path[0]] if len(path) > 1 else terms
    holder[path[-1]] = follows
    return data


def settled_with(data: dict[str, Any], outcome: str) -> Any:
    judged = issue_quote(situated(data=data), asked())
    assert isinstance(judged, Judged), judged
    events, declared = HAPPENED[outcome]
    now = datetime(DAY_0.year, DAY_0.month, DAY_0.day, 12, tzinfo=CHINA) + timedelta(days=120)
    situation = situated(*judged.events, enrolled(), *events, now=now, quote=judged.decisions[0], data=data)
    return settle_outcome(situation, SettleOutcome(declared=declared))  # type: ignore[arg-type]


def test_every_rule_of_an_agreement_has_its_row() -> None:
    assert set(HAPPENED) == set(CLAUSES)


@pytest.mark.parametrize("outcome", sorted(CLAUSES))
def test_each_rule_decides_what_follows_from_document_to_money(outcome: str) -> None:
    expected = {"refund": REFUND, "void": EVERYTHING, "no_refund": 0}
    for follows in FOLLOWS:
        event = settled_with(with_rule(outcome, follows), outcome).events[0]
        assert (event.outcome, event.refund_minor) == (outcome, expected[follows])
    assert codes(settled_with(with_rule(outcome, None), outcome)) == ["settle.rule_open"]


def test_a_quote_says_which_outcomes_the_agreement_leaves_open() -> None:
    assert issued()[1]["rules_open"] == open_clauses(documents()[AGREEMENT])
    assert "NOT_INFUSED" not in issued()[1]["rules_open"]
    judged = issue_quote(situated(data=with_rule("WITHDRAWN", "refund")), asked())
    assert isinstance(judged, Judged)
    shown = {one["outcome"]: one["refund_total"] for one in judged.decisions[0]["result"]["oba"]}
    assert shown["WITHDRAWN"] == "49440.00"
    assert "WITHDRAWN" not in judged.decisions[0]["rules_open"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"withdrawal_rule": "perhaps"}, ("funding.case.one_of", "withdrawal_rule")),
        ({"death_rule": {"disease": 1, "non_relapse": None}}, ("funding.case.one_of", "death_rule.disease")),
        ({"not_infused_rule": "no_refund"}, ("funding.check.clause_against_list", "not_infused_rule")),
    ],
)
def test_the_checker_reads_rules(changes: dict[str, Any], problem: tuple[str, str]) -> None:
    found = {(reason.code, reason.where) for reason in check({**documents()[AGREEMENT], **changes}, KNOWN)}
    assert problem in found


def test_the_template_of_an_agreement_passes_the_checker() -> None:
    assert check(documents()["template-agreement"], KNOWN) == ()


# --- enrolment ------------------------------------------------------------------------------------------------------


CONSENTED = ConsentRecorded(consent_id="c", kind="care", recipients=(), purposes=(), valid_until=None, notice_version="1", notice_language="en")


def enrol(*events: Event, data: Any = None, consented: tuple[Event, ...] = (CONSENTED,), **given: Any) -> Any:
    judged = issue_quote(situated(data=data), asked())
    assert isinstance(judged, Judged)
    given = {"enrolled_on": NOW.date(), "conditions_met": True} | given
    return enrol_in_agreement(situated(*consented, *judged.events, *events, quote=judged.decisions[0], data=data), EnrolInAgreement(**given))


def test_enrolment_keeps_the_terms_of_the_quote() -> None:
    (event,) = enrol(number="P-7")
    assert isinstance(event, AgreementEnrolled)
    assert (event.agreement, event.enrolment_id, event.enrolled_on) == (AGREEMENT, "P-7", NOW.date())
    assert event.agreement_sha256 == issued()[1]["agreement"]["sha256"]


@pytest.mark.parametrize(
    ("events", "given", "expected"),
    [
        ([infused()], {}, ["enrol.after_infusion"]),
        ([enrolled()], {}, ["enrol.before"]),
        ([], {"conditions_met": False}, ["enrol.conditions"]),
        ([infused(), enrolled()], {"conditions_met": False}, ["enrol.before", "enrol.after_infusion", "enrol.conditions"]),
        ([], {"number": "  "}, ["enrol.number"]),
    ],
)
def test_who_cannot_be_enrolled_is_told_every_reason(events: list[Event], given: dict[str, Any], expected: list[str]) -> None:
    assert codes(enrol(*events, **given)) == expected


def test_an_enrolment_from_before_the_case_or_its_quote_is_asked_about_once() -> None:
    before = NOW.date() - timedelta(days=400)
    found = codes(enrol(enrolled_on=before))
    assert "enrol.before_quote" in found
    assert set(found) <= {"enrol.before_quote", "journey.time.before_case"}
    assert isinstance(enrol(enrolled_on=before, unusual=True), tuple)


def test_nobody_is_enrolled_without_consent_to_care() -> None:
    assert codes(enrol(consented=())) == ["enrol.no_care_consent"]


def test_enrolment_ends_on_its_day() -> None:
    data = copy.deepcopy(documents())
    data[AGREEMENT]["enrol_by"] = NOW.date()
    assert isinstance(enrol(data=data), tuple)
    assert codes(enrol(data=data, enrolled_on=NOW.date() + timedelta(days=1))) == ["journey.time.future"]


def test_without_a_quote_or_an_agreement_there_is_nothing_to_enrol_in() -> None:
    assert [reason.code for reason in enrol_in_agreement_blocked(situated(CONSENTED))] == ["funding.quote.none"]
    event, _ = issued(agreement=None)
    assert [reason.code for reason in enrol_in_agreement_blocked(situated(CONSENTED, event))] == ["funding.settle.no_agreement"]


# --- the settlement again, and what a payer receives ----------------------------------------------------------------


def a_settlement() -> dict[str, Any]:
    tenders = (QuotedTender(currency="CNY", amount="20000.00"), QuotedTender(currency="HKD"))
    event, document = issued(tenders=tenders)
    now = datetime(2026, 7, 10, tzinfo=CHINA)
    situation = situated(event, enrolled(), infused(), read(88, "CR", second=None), read(90), now=now, quote=document)
    judged = settle_outcome(situation, SettleOutcome())
    assert isinstance(judged, Judged), judged
    return judged.decisions[0]


def test_a_settlement_is_computed_again_from_its_evidence_alone() -> None:
    document = json.loads(canonical_bytes(a_settlement()))
    assert replay(document) == document


def test_evidence_that_was_changed_gives_another_settlement() -> None:
    document = json.loads(canonical_bytes(a_settlement()))
    document["evidence"]["assessments"][1]["category"] = "CR"
    again = replay(document)
    assert not isinstance(again, Refusal)
    assert (again["code"], again["refund_total"]) == ("OBA-NO-REFUND", "0.00")
    for wrong in ({}, {"document": "outcome-settlement"}, {**document, "evidence": {}}):
        assert isinstance(replay(wrong), Refusal)


def test_the_refund_goes_back_through_the_tenders_at_their_original_rates() -> None:
    document = a_settlement()
    back = {part["currency"]: part for part in document["refund_by_tender"]}
    assert document["refund_total"] == "49440.00"
    # 20,000.00 of the patient's 298,880.00 were paid in CNY at 0.92
    assert back["CNY"] == {"currency": "CNY", "bill_ccy": "3308.35", "tender_amount_at_original_rate": "3043.68"}
    assert back["HKD"]["tender_amount_at_original_rate"] == "46131.65"


def test_a_payer_receives_the_milestone_and_not_the_record() -> None:
    document = a_settlement()
    told = milestone_of(document, "hk-vhis-insurer", {"hk-vhis-standard": "hk-vhis-insurer", "hk-ccf-ultra-expensive": "hk-ccf"})
    assert set(told) == {
        "document", "version", "agreement", "agreement_sha256", "enrolment", "outcome", "code", "criteria", "timepoint", "assessed_on", "readers",
        "refund_to_this_payer", "refund_owed_by_this_payer", "currency", "settlement_sha256", "payer",
    }  # fmt: skip
    assert (told["outcome"], told["code"], told["readers"], told["assessed_on"]) == ("NO_CR_AT_M3", "OBA-REFUND-DUE", 2, date(2026, 6, 30).isoformat())
    text = json.dumps(told)
    for hidden in ("r1", "reader 1", "PD", "hk-ccf", "PATIENT", document["refund_total"], "434400"):
        assert hidden not in text


def test_the_programme_is_told_what_it_owes() -> None:
    told = milestone_of(a_settlement(), "fosun-kairos", {"hk-vhis-standard": "hk-vhis-insurer"})
    assert (told["refund_owed_by_this_payer"], told["refund_to_this_payer"]) == ("49440.00", "0.00")
