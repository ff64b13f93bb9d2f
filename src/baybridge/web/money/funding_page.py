"""What a case costs, who pays, what comes back: the quote as a picture and to the cent, pre-authorisation, claims, payment, settlement.

Main job: `funding(view)`, the tab of a case; `quote_page` the quote on paper, `quote_file` the document that can be computed again. What nobody
verified is computed and shown apart; it is never called an entitlement.

**Units**: amounts as text with two places, as the quote document has them. Elsewhere: a quote's words in `quote_view.py`, other ways to pay in
`compare_page.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response

from baybridge.base.canonical import canonical_bytes
from baybridge.base.ids import mark_of
from baybridge.base.outcome import Category, Reason, refuse
from baybridge.documents.quote import QuoteDocument
from baybridge.funding.claims.reconciliation import Reconciled, reconciliation_of
from baybridge.funding.outcome.settlement import MILESTONE, is_settlement, milestone_of
from baybridge.funding.plans.applying import seeking_of
from baybridge.funding.plans.assistance import assistance_left
from baybridge.funding.plans.terms import PATIENT
from baybridge.http.doors import Asked
from baybridge.journey.command import Role
from baybridge.journey.corrections.money import changed_under
from baybridge.journey.events import QuoteIssued
from baybridge.journey.refunds import refund_late, refunds_of
from baybridge.node.commands.table import COMMANDS
from baybridge.node.neighbours.evidence import signed_file
from baybridge.node.people.access import PERSONAL
from baybridge.web.case.view import Action, CaseView, allowed, with_view
from baybridge.web.money.payer_page import part as payer_part
from baybridge.web.money.quote_view import named, quote_in, shown, titles
from baybridge.web.page.page import refused


def funding(view: CaseView) -> Response:
    """The last quote in full, what payers answered, what was paid and settled; a payer sees its own part."""
    if view.asked.person.role is Role.PAYER:
        return payer_part(view)
    case = view.case
    settled = case.settlement
    hashes = [case.quote.event.quote_sha256] if case.quote else []
    documents = view.documents([*hashes, *([settled.event.decision_sha256] if settled else [])])
    quote = quote_in(documents, hashes)
    return view.render(
        "funding.html",
        q=shown(view, quote, hashes[0]) if quote else None,
        titles=titles(view),
        say=lambda key, values: view.reader.t(key, **named(view, values)),
        products=view.asked.node.documents.folder("products"),
        assistance=tuple(_left(view, quote)) if quote and "asked" in quote else (),
        earlier=case.of(QuoteIssued)[:-1],
        changed=changed_under(case),
        settlement=documents.get(settled.event.decision_sha256) if settled else None,
        own_payer=_own_payer(view),
        payers={plan["id"]: plan["payer"] for plan in quote["plans"]} if quote else {},
        refunds=refunds_of(case),
        late=refund_late(case, view.now.astimezone(view.asked.node.site.zone).date()),
        enrolled=case.enrolled_in(case.agreement) if case.agreement else None,
        claims=claims(view),
        actions=view.buttons(),
    )


@dataclass(frozen=True, slots=True)
class Left:
    """A fund as people read it: what it could pay, what it needs, every reason, and the button to apply."""

    title: str
    state: str
    could: str | None
    needs: tuple[str, ...]
    reasons: tuple[str, ...]
    apply: Action | None


def _left(view: CaseView, quote: QuoteDocument) -> Iterator[Left]:
    """Every fund that the patient could ask or has asked, for the share that is left."""
    known, kind = titles(view), COMMANDS["ApplyForAssistance"]
    may = not view.read_only and allowed(view.asked, kind)
    for fund in assistance_left(seeking_of(view.look.situation(frozenset({"grants"})), quote), view.asked.node.documents.typed.plans):
        could = None if fund.could_pay_minor is None else view.reader.money(fund.could_pay_minor, quote["result"]["currency"])
        asked = fund.state in ("asked", "closed")
        reasons = tuple(view.reader.t(reason.code, **named(view, reason.values)) for reason in fund.reasons)
        action = view.action(kind, {"fund": fund.fund_id}) if may and not asked else None
        yield Left(known.get(fund.fund_id, fund.fund_id), fund.state, could, fund.needs, reasons, action)


def claims(view: CaseView) -> tuple[Reconciled, ...]:
    """Every claim with what became of it; a payer sees its own."""
    own = _own_payer(view)
    return tuple(one for one in reconciliation_of(view.case) if own in (None, one.claim.payer))


def _own_payer(view: CaseView) -> str | None:
    return view.asked.person.organisation if view.asked.person.role is Role.PAYER else None


# --- the quote on paper ---------------------------------------------------------------------------------------------


def quote_page(asked: Asked) -> Response:
    """A quote of the case as it is printed: the last one, or the one that the address names."""
    return with_view(asked, _quote_page, "funding")


def _quote_page(view: CaseView) -> Response:
    found = kept(view)
    if found is None:
        return refused(view.asked, refuse(Reason("funding.quote.none"), category=Category.NOT_FOUND))
    number, quote = found
    return view.render(
        "quote.html",
        q=shown(view, quote, number),
        titles=titles(view),
        say=lambda key, values: view.reader.t(key, **named(view, values)),
        products=view.asked.node.documents.folder("products"),
    )


def quote_file(asked: Asked) -> Response:
    """The quote document itself, from which `baybridge fund reproduce` computes it again."""
    return with_view(asked, _quote_file, "funding")


def _quote_file(view: CaseView) -> Response:
    found = kept(view)
    if found is None:
        return refused(view.asked, refuse(Reason("funding.quote.none"), category=Category.NOT_FOUND))
    name = f"baybridge-quote-{mark_of(view.case.case_id)}-{found[0][:8]}.json"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(canonical_bytes(found[1]), media_type="application/json", headers=headers)


def milestone_file(asked: Asked) -> Response:
    """The signed milestone of a settled agreement for one payer: a payer's own, or the one that staff sends to the payer named."""
    return with_view(asked, _milestone_file, "funding")


def _milestone_file(view: CaseView) -> Response:
    case, role = view.case, view.asked.person.role
    settled = case.settlement
    document = view.documents([settled.event.decision_sha256]).get(settled.event.decision_sha256) if settled else None
    found = kept(view)
    if settled is None or found is None or not is_settlement(document) or document["version"] != "2":
        return refused(view.asked, refuse(Reason("funding.settle.nothing_settled"), category=Category.NOT_FOUND))
    payers = {plan["id"]: plan["payer"] for plan in found[1]["plans"]} | {PATIENT: PATIENT}
    agreement = found[1]["agreement"]
    maker = str(agreement.get("payer")) if agreement is not None else PATIENT
    wanted = _own_payer(view) or (PATIENT if role in PERSONAL else view.asked.query.get("payer", maker))
    if wanted not in {*payers.values(), maker}:
        return refused(view.asked, refuse(Reason("funding.settle.no_payer"), category=Category.NOT_FOUND))
    body = signed_file(view.asked.node, MILESTONE, milestone_of(document, wanted, payers))
    name = f"baybridge-milestone-{mark_of(case.case_id)}.json"
    return Response(body, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}"'})


def kept(view: CaseView) -> tuple[str, QuoteDocument] | None:
    """The SHA-256 and document of the quote that is asked for, which must be one of this case."""
    issued = [entry.event.quote_sha256 for entry in view.case.of(QuoteIssued)]
    wanted = view.asked.query.get("quote") or (view.case.quote.event.quote_sha256 if view.case.quote else "")
    quote = quote_in(view.documents([wanted]), [wanted]) if wanted in issued else None
    return None if quote is None else (wanted, quote)
