"""What waits for a payer in a case: requests and claims to decide, appeals, payments that are open, agreements to settle, refunds under way.

Main job: `waiting(case, payer, terms)` answers one `Item` each, with since when it waits and by when it is due.

A payer's programme that refunds (the payer of an outcome agreement) has the settlement; who paid for the drug may settle too.
**Source**: events of the case; time limits in `plans/limits.py`. **Units**: minor units; days at the node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from baybridge.base.time import start_of_day
from baybridge.documents import timing
from baybridge.documents.plan import NO_PLAN, AgreementDocument, Plans
from baybridge.funding.claims.reconciliation import Reconciled, reconciliation_of
from baybridge.funding.outcome.outcomes import window_of
from baybridge.funding.plans.limits import Step, TimeLimit, limit_of
from baybridge.journey.case import Case
from baybridge.journey.case_messages import messages_of
from baybridge.journey.claims import adjudicated, decided_at, paid_in_advance, under_appeal
from baybridge.journey.events import AppealFiled, ClaimSubmitted, Died, ResponseAssessed
from baybridge.journey.refunds import refunds_of

Kind = Literal["preauthorisation", "preauthorisation_appeal", "claim", "appeal", "payment", "overpaid", "settlement", "refund_expected", "refund_owed", "question"]

#: Kind of work -> the time limit that it has, and the command that does it.
_STEPS: Mapping[Kind, Step] = {
    "preauthorisation": "preauthorisation",
    "preauthorisation_appeal": "appeal",
    "claim": "claim",
    "appeal": "appeal",
    "payment": "payment",
    "settlement": "settlement",
}
COMMANDS: Mapping[Kind, str] = {
    "preauthorisation": "AnswerPreauthorisation",
    "preauthorisation_appeal": "AnswerPreauthorisation",
    "claim": "AdjudicateClaim",
    "appeal": "AdjudicateClaim",
    "payment": "PayClaim",
    "settlement": "SettleOutcome",
    "refund_expected": "RecordRefund",
    "question": "AnswerMessage",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the list needs of documents: plans and agreements by id, rows of time limits, the node's zone and, to see a window missed, its date."""

    plans: Plans
    limits: Sequence[timing.TimeLimit]
    zone: ZoneInfo
    today: date | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits: of which case, about which plan or agreement (none for a question), how much, since when, until when; `claim_id` where it is a claim's."""

    kind: Kind
    case_id: str
    plan: str
    since_on: date
    limit: TimeLimit | None
    amount_minor: int | None = None
    currency: str = ""
    claim_id: str | None = None
    grounds: str = ""

    @property
    def due_on(self) -> date | None:
        """The last day; None where no limit is known."""
        return self.limit.ends_on(self.since_on) if self.limit else None

    @property
    def command(self) -> str | None:
        """What does it; None where nothing here does."""
        return COMMANDS.get(self.kind)

    def late(self, today: date) -> bool:
        """Whether its last day has passed."""
        return self.due_on is not None and today > self.due_on


def payers_in(case: Case, plans: Plans) -> frozenset[str]:
    """Payers who have to do with a case: asked, claimed from, or bound by its outcome agreement."""
    asked = {one.requested.event.payer for one in case.preauthorisations}
    claimed = {entry.event.payer for entry in case.of(ClaimSubmitted)}
    return frozenset(asked | claimed | ({programme} if (programme := programme_of(case, plans)) else set()))


def programme_of(case: Case, plans: Plans) -> str | None:
    """Who refunds under the case's outcome agreement."""
    agreement = case.quote.event.agreement if case.quote else None
    payer = plans.get(agreement, NO_PLAN).get("payer") if agreement else None
    return str(payer) if payer else None


def waiting(case: Case, payer: str, terms: Terms) -> tuple[Item, ...]:
    """What waits for this payer, what is due first first."""
    found = [*_asked(case, payer, terms), *_claims(case, payer, terms), *_settlement(case, payer, terms), *_refunds(case, payer, terms), *_questions(case, payer, terms)]
    return tuple(sorted(found, key=order))


def order(item: Item) -> tuple[date, date]:
    """What is due first, then what waits longest."""
    return (item.due_on or date.max, item.since_on)


def _asked(case: Case, payer: str, terms: Terms) -> Iterator[Item]:
    for one in case.preauthorisations:
        request = one.requested.event
        if request.payer != payer or not one.waiting:
            continue
        appeal = one.appealed if one.under_appeal else None
        kind: Kind = "preauthorisation_appeal" if appeal else "preauthorisation"
        since = (appeal or one.requested).origin.at
        grounds = appeal.event.grounds if appeal else ""
        yield _item(terms, kind, case, request.plan, since, request.amount_minor, request.currency, grounds=grounds)


def _claims(case: Case, payer: str, terms: Terms) -> Iterator[Item]:
    for one in reconciliation_of(case):
        claim = one.claim
        if claim.payer != payer:
            continue
        kind = _kind_of(one)
        if kind is None:
            continue
        since, grounds = _since(case, claim.claim_id, kind)
        amount = abs(one.open_minor) if kind in ("payment", "overpaid") else one.claimed_minor
        yield _item(terms, kind, case, claim.plan, since, amount, claim.currency, claim_id=claim.claim_id, grounds=grounds)


def _kind_of(one: Reconciled) -> Kind | None:
    states: Mapping[str, Kind] = {"submitted": "claim", "appealed": "appeal", "decided": "payment", "partly_paid": "payment", "overpaid": "overpaid"}
    return states.get(one.state)


def _since(case: Case, claim_id: str, kind: Kind) -> tuple[datetime, str]:
    """When the step before it was done, and what was said there."""
    if kind == "appeal":
        appeal = next(e for e in reversed(case.of(AppealFiled)) if e.event.claim_id == claim_id)
        return appeal.origin.at, appeal.event.grounds
    sent = next(e.origin.at for e in case.of(ClaimSubmitted) if e.event.claim_id == claim_id)
    return (sent, "") if kind == "claim" else (decided_at(case, claim_id) or sent, "")


def _settlement(case: Case, payer: str, terms: Terms) -> Iterator[Item]:
    """An agreement whose outcome can be judged: assessed at its time point, the patient died, or nobody assessed while the window was open."""
    agreement = case.quote.event.agreement if case.quote else None
    if agreement is None or case.settlement is not None or payer not in payers_in(case, terms.plans):
        return
    document = terms.plans.get(agreement, NO_PLAN)
    timepoint = str((document.get("outcome") or {}).get("timepoint"))
    known = [e.origin.at for e in case.of(ResponseAssessed) if e.event.timepoint == timepoint]
    known += [e.origin.at for e in case.of(Died)]
    if not known:
        known = list(_missed(case, document, terms))
    if known:
        yield _item(terms, "settlement", case, agreement, min(known), None, "")


def _missed(case: Case, document: AgreementDocument, terms: Terms) -> Iterator[datetime]:
    """The day after the window, where it has passed without an assessment: the agreement's rule for that, or the programme's answer, decides."""
    said, infused_at = document.get("outcome") or {}, case.infused_at
    if terms.today is None or infused_at is None or not {"target_day", "window_days", "counts_as_reached"} <= said.keys():
        return
    after = window_of(document, infused_at.astimezone(terms.zone).date()).last_day + timedelta(days=1)
    if terms.today >= after:
        yield start_of_day(after, terms.zone)


def _refunds(case: Case, payer: str, terms: Terms) -> Iterator[Item]:
    """What a settled agreement returns to this payer's plans and has not arrived; and to whom it owes all of it, what is open of it."""
    settled, parts = case.settlement, [refund for refund in refunds_of(case) if refund.open_minor > 0]
    if settled is None or not parts:
        return
    event, since = settled.event, settled.origin.at.astimezone(terms.zone).date()
    limit = _refund_limit(event.refund_due_on, since, terms.plans.get(event.agreement, NO_PLAN))
    for refund in parts:
        if terms.plans.get(refund.recipient, NO_PLAN).get("payer") == payer:
            yield Item("refund_expected", case.case_id, refund.recipient, since, limit, refund.open_minor, event.currency)
    if terms.plans.get(event.agreement, NO_PLAN).get("payer") == payer:
        yield Item("refund_owed", case.case_id, event.agreement, since, limit, sum(refund.open_minor for refund in parts), event.currency)


def _questions(case: Case, payer: str, terms: Terms) -> Iterator[Item]:
    """What the hospital asked this payer and nobody answered; no time limit is known for it."""
    for one in messages_of(case).values():
        if one.open and one.entry.event.to_organisation == payer:
            yield Item("question", case.case_id, "", one.entry.origin.at.astimezone(terms.zone).date(), None)


def _refund_limit(due_on: date | None, since: date, agreement: AgreementDocument) -> TimeLimit | None:
    """The limit as the settlement wrote it down; the agreement's document may have another by now."""
    if due_on is None:
        return None
    own = (agreement.get("time_limits") or {}).get("refund") or {}
    return TimeLimit((due_on - since).days, str(own.get("source") or agreement.get("source") or ""), verified=True)


def _item(
    terms: Terms, kind: Kind, case: Case, plan: str, since: datetime, amount: int | None, currency: str, *, claim_id: str | None = None, grounds: str = ""
) -> Item:
    step = _STEPS.get(kind)
    limit = limit_of(terms.plans.get(plan, NO_PLAN), terms.limits, step) if step else None
    return Item(kind, case.case_id, plan, since.astimezone(terms.zone).date(), limit, amount, currency, claim_id, grounds)


# --- what stands at a payer's plan ----------------------------------------------------------------------------------


def used_of(case: Case, plan: str, year: int) -> dict[str, int]:
    """What adjudicated claims of this case used of a plan's deductible and caps, in the plan's currency: in a year, and ever."""
    events = [event for event in adjudicated(case).values() if event.plan == plan]
    same = [dict(event.used) for event in events if event.service_on.year == year]
    ever = [dict(event.used) for event in events]
    return {
        "deductible": sum(used.get("deductible", 0) for used in same),
        "cap_year": sum(used.get("benefit", 0) for used in same),
        "cap_lifetime": sum(used.get("benefit", 0) for used in ever),
    }


def open_appeal(case: Case, claim_id: str) -> str | None:
    """The grounds of an appeal that waits."""
    if not under_appeal(case, claim_id):
        return None
    return next((e.event.grounds for e in reversed(case.of(AppealFiled)) if e.event.claim_id == claim_id), None)


def state_of(case: Case, payer: str) -> str:
    """What became of a payer's part of a case in which nothing waits: a key of its sentence."""
    claims = [one.state for one in reconciliation_of(case) if one.claim.payer == payer]
    if claims:
        return "refused" if set(claims) == {"refused"} else "paid"
    answers = [one.standing.event.answer for one in case.preauthorisations if one.requested.event.payer == payer and one.standing is not None]
    if paid_in_advance(case, payer):
        return "paid"
    return ("refused" if set(answers) == {"refused"} else "approved") if answers else "settled" if case.settlement else "agreement"
