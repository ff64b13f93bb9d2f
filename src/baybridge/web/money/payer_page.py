"""A payer's pages: what waits for it over all cases, and its own part of one case.

Main job: `work(asked)` is where somebody of a payer, a fund or a maker's programme begins; `part(view)` is what they see of a case.

A payer sees its own plans, requests, claims and payments, and of an agreement the signed outcome. It never sees another payer, the rest of the bill,
the record, or the patient's name. **Units**: minor units; amounts of a quote as text with two places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from starlette.responses import Response

from baybridge.base.ids import mark_of
from baybridge.base.money import parse_minor
from baybridge.base.outcome import Refusal
from baybridge.documents.plan import NO_PLAN
from baybridge.documents.quote import QuotedBand
from baybridge.funding.claims.claiming import AdjudicateClaim, adjudicate_claim
from baybridge.funding.claims.reconciliation import Reconciled, reconciliation_of
from baybridge.funding.payer.share import Part, Term, agreement_part, parts_of
from baybridge.funding.payer.worklist import Item, open_appeal, used_of, waiting
from baybridge.funding.plans.limits import TimeLimit
from baybridge.funding.plans.quota import Standing, standing_of
from baybridge.http.doors import Asked, Door
from baybridge.journey.case import Case
from baybridge.journey.events import ClaimAdjudicated
from baybridge.journey.held import Preauthorisation
from baybridge.journey.refunds import refund_late, refunds_of
from baybridge.node.money import payer as payers
from baybridge.web.case.view import Action, CaseView, product_name
from baybridge.web.money.quote_view import quote_in
from baybridge.web.page.page import Reader, render
from baybridge.web.page.paging import part_of

#: Kinds of work in the order in which the list shows them where nothing is due sooner.
KINDS = ("preauthorisation", "preauthorisation_appeal", "claim", "appeal", "payment", "overpaid", "settlement", "refund_expected", "refund_owed", "question")


_ROWS = 50  # of a page, of what waits and of the other cases
#: Commands whose form is told in its address about which plan it is, and the field that says so.
_NAMES = {"AnswerPreauthorisation": "plan", "RecordRefund": "recipient"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the work list."""

    item: Item
    mark: str
    plan: str
    product: str
    waited_days: int
    late: bool
    address: str


def work(asked: Asked) -> Response:
    """What waits for this payer, what is due first first; then every case in which it has a part."""
    payer, today, reader = asked.person.organisation, payers.today(asked.node), Reader(asked)
    with asked.node.storage.reading() as connection:
        cases = payers.parts_of(asked.node, connection, payer)
        items = payers.worklist(cases)
        quiet = [one for one in cases if not one.items]
        part = part_of(asked, max(len(items), len(quiet)), _ROWS)
        shown = payers.with_grounds(asked.node, connection, payer, items[part.start : part.start + part.size])
    products = {case.case_id: case.product for case in cases}
    counted = Counter[str](item.kind for item in items)
    return render(
        asked,
        "payer.html",
        payer=reader.payer(payer),
        part=part,
        waiting=len(items),
        rows=[_row(asked, reader, item, products[item.case_id], today) for item in shown],
        counts=[(kind, counted[kind]) for kind in KINDS if counted[kind]],
        late=sum(item.late(today) for item in items),
        longest=max((_waited(item, today) for item in items), default=0),
        limits=limits_used(items),
        others=len(quiet),
        quiet=[(one, mark_of(one.case_id), product_name(asked, one.product), one.state) for one in quiet[part.start : part.start + part.size]],
    )


def _waited(item: Item, today: date) -> int:
    return max((today - item.since_on).days, 0)


def _row(asked: Asked, reader: Reader, item: Item, product: str | None, today: date) -> Row:
    command = item.command
    address = f"/cases/{item.case_id}/do/{command}" if command else f"/cases/{item.case_id}/funding"
    if command in _NAMES:
        address += f"?{_NAMES[command]}={item.plan}"
    plan = reader.named("plan", item.plan) if item.plan else reader.t("tab.messages")
    return Row(item, mark_of(item.case_id), plan, product_name(asked, product), _waited(item, today), item.late(today), address)


def limits_used(items: Sequence[Item]) -> list[tuple[str, TimeLimit]]:
    """Each time limit that the list rests on, with the kind of work it is for."""
    found = {(item.kind, item.limit): None for item in items if item.limit is not None}
    return [(kind, limit) for kind, limit in found if limit is not None]


# --- one case -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that waits here, its button, and for a claim what the terms give with the codes that say why."""

    item: Item
    plan: str
    days: int
    late: bool
    button: Action | None
    terms: tuple[int, tuple[str, ...]] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One plan of the payer in a case: its part of the quote, the request, what was used of it, and its claims."""

    part: Part
    title: str
    asked: Preauthorisation | None
    used: dict[str, int]
    quota: Standing | None
    currency: str


@dataclass(frozen=True, slots=True)
class ClaimShown:
    """One claim of the payer with the open appeal's grounds."""

    one: Reconciled
    title: str
    grounds: str | None


def part(view: CaseView) -> Response:
    """This payer's part of a case: what waits first, then its plans, claims, payments and the agreement's outcome."""
    payer, case, today = view.asked.person.organisation, view.case, view.now.astimezone(view.asked.node.site.zone).date()
    settled = case.settlement
    hashes = [case.quote.event.quote_sha256] if case.quote else []
    documents = view.documents([*hashes, *([settled.event.decision_sha256] if settled else [])])
    quote = quote_in(documents, hashes)
    plans = {one["id"] for one in quote["plans"] if one.get("payer") == payer} if quote else set()
    items = waiting(case, payer, payers.terms_of(view.asked.node))
    return view.render(
        "payer_case.html",
        mark=mark_of(case.case_id),
        items=[_wait(view, item, today) for item in items],
        money=lambda text, currency: view.reader.money(parse_minor(text), currency),
        shown=[_shown(view, found, today) for found in (parts_of(quote, payer) if quote else ())],
        claims=[_claim(view, one) for one in reconciliation_of(case) if one.claim.payer == payer],
        payments=[entry for entry in case.payments if entry.event.payer == payer],
        agreement=agreement_part(quote, payer) if quote else None,
        not_firm=[view.reader.t(f"gate_reason.{code}") for code in case.quote.event.not_firm] if case.quote else [],
        settled=settled,
        settlement=documents.get(settled.event.decision_sha256) if settled else None,
        refunded=[(view.reader.named("plan", one.recipient), one) for one in refunds_of(case) if one.recipient in plans],
        owed=refunds_of(case),
        late=refund_late(case, today),
        programme=bool(quote and (agreement := quote.get("agreement")) and agreement.get("payer") == payer),
        term_value=term_value,
        advance=view.actions(("PayBenefit",)) if _may_advance(case, payer) else [],
    )


def _wait(view: CaseView, item: Item, today: date) -> Wait:
    days = max((today - item.since_on).days, 0)
    plan = view.reader.named("plan", item.plan) if item.plan else view.reader.t("tab.messages")
    return Wait(item, plan, days, item.late(today), _action(view, item), _terms_give(view, item))


def _terms_give(view: CaseView, item: Item) -> tuple[int, tuple[str, ...]] | None:
    """What the plan's terms give for a claim now, and why, before anybody decides."""
    if item.kind not in ("claim", "appeal") or item.claim_id is None:
        return None
    judged = adjudicate_claim(view.look.situation(frozenset({"quote"})), AdjudicateClaim(claim_id=item.claim_id))
    decided = None if isinstance(judged, Refusal) else next(event for event in judged.events if isinstance(event, ClaimAdjudicated))
    return (decided.benefit_minor, decided.codes) if decided else None


def _action(view: CaseView, item: Item) -> Action | None:
    if item.command is None:
        return None
    found = view.actions((item.command,), {item.command: {_NAMES[item.command]: item.plan} if item.command in _NAMES else {}})
    return found[0] if found else None


def _claim(view: CaseView, one: Reconciled) -> ClaimShown:
    return ClaimShown(one, view.reader.named("plan", one.claim.plan), open_appeal(view.case, one.claim.claim_id))


def _shown(view: CaseView, found: Part, today: date) -> Shown:
    case = view.case
    asked = next((one for one in case.preauthorisations if one.requested.event.plan == found.plan), None)
    title, used = view.reader.named("plan", found.plan), used_of(case, found.plan, today.year)
    currency = str(view.asked.node.documents.typed.plans.get(found.plan, NO_PLAN).get("currency") or found.currency)
    return Shown(found, title, asked, used, _quota(view, found.plan, today), currency)


def _quota(view: CaseView, plan: str, today: date) -> Standing | None:
    """What stands of a plan's quota of this year, over all cases here."""
    grants = view.look.situation(frozenset({"grants"})).record.grants
    return standing_of(view.asked.node.documents.typed.plans.get(plan, NO_PLAN), plan, grants, today)


def _may_advance(case: Case, payer: str) -> bool:
    """Whether a payer approved and nothing was claimed yet, so that it could only pay in advance."""
    approved = any(one.standing and one.standing.event.answer != "refused" for one in case.preauthorisations if one.requested.event.payer == payer)
    return approved and not any(one.claim.payer == payer for one in reconciliation_of(case))


def term_value(reader: Reader, name: str, value: Term, currency: str) -> str:
    """A term of a plan as its payer reads it: amounts with their currency, rates in percent."""
    if isinstance(value, list):
        return "; ".join(_band(reader, band, currency) for band in value)
    return reader.share(str(value)) if name == "rate" else reader.amount(str(value), currency)


def _band(reader: Reader, band: QuotedBand, currency: str) -> str:
    rate = reader.share(str(band["rate"]))
    return reader.t("payer.band", amount=reader.amount(str(band["up_to"]), currency), rate=rate) if band.get("up_to") else reader.t("payer.band_rest", rate=rate)


PAYER_DOORS = (Door("/payer", ("GET",), "payer.work", "payer.work", work),)
