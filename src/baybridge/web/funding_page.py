"""What a case costs, who pays, what comes back: the quote as a picture and to the cent, pre-authorisation, payment, settlement.

Main job: `funding(view)`. What nobody verified is computed and shown apart; it is never called an entitlement.

**Units**: amounts as text with two places, as the quote document has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from baybridge.funding.claiming import Reconciled, reconciliation_of
from baybridge.journey.command import Role
from baybridge.journey.events import QuoteIssued
from baybridge.web.pictures import Piece, pieces
from baybridge.web.view import CaseView

_COMMANDS = (
    "IssueQuote", "RequestPreauthorisation", "AnswerPreauthorisation", "SubmitClaim", "AdjudicateClaim", "AppealClaim", "PayClaim", "PayBenefit",
    "SettleOutcome",
)  # fmt: skip


def funding(view: CaseView) -> Response:
    """The last quote in full, what payers answered, what was paid and settled."""
    case = view.case
    settled = case.settlement
    hashes = [case.quote.event.quote_sha256] if case.quote else []
    documents = view.documents([*hashes, *([settled.event.decision_sha256] if settled else [])])
    quote = documents.get(hashes[0]) if hashes else None
    return view.render(
        "funding.html",
        quote=quote,
        picture=picture(view, quote) if quote else (),
        titles=titles(view),
        earlier=case.of(QuoteIssued)[:-1],
        settlement=documents.get(settled.event.decision_sha256) if settled else None,
        own_payer=_own_payer(view),
        claims=claims(view),
        actions=view.actions(_COMMANDS),
    )


def claims(view: CaseView) -> tuple[Reconciled, ...]:
    """Every claim with what became of it; a payer sees its own."""
    own = _own_payer(view)
    return tuple(one for one in reconciliation_of(view.case) if own in (None, one.claim.payer))


def _own_payer(view: CaseView) -> str | None:
    return view.asked.person.organisation if view.asked.person.role is Role.PAYER else None


def titles(view: CaseView) -> dict[str, str]:
    """What each plan and agreement is called in the reader's language."""
    plans = view.asked.node.documents.folder("plans")
    found = {str(name): view.reader.title(document.get("title")) or str(name) for name, document in plans.items()}
    return found | {"PATIENT": view.reader.t("funding.page.patient")}


def picture(view: CaseView, quote: Mapping[str, Any]) -> tuple[Piece, ...]:
    """The bill as one bar: what each layer pays, then the patient."""
    result, named = quote["result"], titles(view)
    entitled = {plan["id"] for plan in quote["plans"] if plan["status"] == "verified"}
    parts = [(named.get(layer["layer"], layer["layer"]), layer["benefit"], layer["layer"] in entitled) for layer in result["layers"]]
    return pieces([*parts, (named["PATIENT"], result["patient_share"], True)])
