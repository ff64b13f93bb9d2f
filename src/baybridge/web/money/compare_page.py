"""Other ways to pay for a case, best first, each with what it would require.

Main job: `compare_page(asked)`. The options are computed by `funding/quote/options.py`: other orders that the policies allow, plans that could still
be joined, other products at their list price, and quotes that were issued on this case for another region.

**Units**: amounts as text with two places in the currency of the quote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from baybridge.base import decoding
from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import NO_PLAN
from baybridge.documents.quote import QuoteDocument, is_quote
from baybridge.funding.quote.comparing import Compared, Comparison
from baybridge.funding.quote.options import compare_quote
from baybridge.funding.quote.quoting import IssueQuote
from baybridge.funding.quote.report import Sentence
from baybridge.http.doors import Asked
from baybridge.journey.events import QuoteIssued
from baybridge.web.case.view import CaseView, with_view
from baybridge.web.money.funding_page import kept
from baybridge.web.money.quote_view import Said, named, not_firm, titles
from baybridge.web.page.page import refused

_HEADING = {
    "funding.compare.requires_join": "funding.compare_page.join",
    "funding.compare.requires_order": "funding.compare_page.order",
    "funding.compare.requires_region": "funding.compare_page.region",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay as people read it."""

    heading: str
    pays: str
    difference: str
    better: bool | None
    premium: str | None
    sure: str | None
    requires: tuple[str, ...]
    unverified: str
    outcomes: tuple[str, ...]
    width: float
    ranked: bool


def compare_page(asked: Asked) -> Response:
    """Every way to pay that can be computed for the case's quote, and those that cannot, with every reason."""
    return with_view(asked, _page, "funding")


def _page(view: CaseView) -> Response:
    found = kept(view)
    if found is None:
        return refused(view.asked, refuse(Reason("funding.quote.none"), category=Category.NOT_FOUND))
    quote = found[1]
    if "asked" not in quote:
        return view.render("compare.html", quote=quote, ways=(), cannot=(), refusal=(), changed=None, old=True, not_firm=())
    compared, open_ones = _compared(view, quote), tuple(not_firm(view, quote))
    if isinstance(compared, Refusal):
        sentences = tuple(view.reader.reason(reason) for reason in compared.reasons)
        return view.render("compare.html", quote=quote, ways=(), cannot=(), refusal=sentences, changed=None, old=False, not_firm=open_ones)
    ways = tuple(_way(view, one, compared) for one in compared.options)
    cannot = tuple((_plain(view, name), tuple(map(view.reader.reason, reasons))) for name, reasons in compared.cannot)
    changed = _changed(view, quote, compared)
    return view.render("compare.html", quote=quote, ways=ways, cannot=cannot, refusal=(), changed=changed, old=False, not_firm=open_ones)


def _compared(view: CaseView, quote: QuoteDocument) -> Comparison | Refusal:
    given = decoding.convert(quote["asked"], IssueQuote)
    if given.product is None:
        given = msgspec.structs.replace(given, product=quote.get("product"))
    products = view.asked.node.documents.typed.products
    return compare_quote(view.look.situation(), given, products, tuple(_elsewhere(view, quote)))


def _elsewhere(view: CaseView, quote: QuoteDocument) -> Iterator[tuple[str, IssueQuote]]:
    """The last quote that was issued on this case for each other region and is still valid."""
    issued = [entry.event for entry in view.case.of(QuoteIssued)]
    documents = view.documents([event.quote_sha256 for event in issued])
    today = view.look.situation().today
    by_region: dict[str, IssueQuote] = {}
    for event in issued:
        document = documents.get(event.quote_sha256)
        region = document.get("region") if is_quote(document) else None
        if is_quote(document) and region is not None and region != quote.get("region") and event.valid_until >= today:
            by_region[region] = decoding.convert(document["asked"], IssueQuote)
    yield from by_region.items()


def _changed(view: CaseView, quote: QuoteDocument, compared: Comparison) -> str | None:
    """What is said where the plan documents no longer give what the quote says."""
    base, money = compared.base, compared.currency
    now = format_minor(base.pays_minor) if base is not None else "0.00"
    kept_share = quote["result"]["patient_share"]
    if now == kept_share:
        return None
    return view.reader.t("funding.compare_page.changed", now=view.reader.amount(now, money), kept=view.reader.amount(kept_share, money))


# --- one way --------------------------------------------------------------------------------------------------------


def _way(view: CaseView, one: Compared, compared: Comparison) -> Way:
    reader, money = view.reader, compared.currency
    base_minor = compared.base.pays_minor if compared.base else one.pays_minor
    step = "less" if one.pays_minor < base_minor else "more" if one.pays_minor > base_minor else "same"
    most = max(other.pays_minor for other in compared.options) or 1
    known = titles(view)
    own = one.funded.case.currency
    return Way(
        heading=_heading(view, one),
        pays=reader.amount(format_minor(one.pays_minor), money),
        difference="" if one is compared.base else _difference(view, step, abs(one.pays_minor - base_minor), money),
        better=None if step == "same" else step == "less",
        premium=reader.t("funding.compare_page.premium", amount=reader.amount(format_minor(one.option.premium_minor), own)) if one.option.premium_minor else None,
        sure=_sure(view, one, money),
        requires=tuple(_required(view, sentence) for sentence in one.option.requires),
        unverified=", ".join(known.get(plan, plan) for plan in one.unverified),
        outcomes=tuple(_outcomes(view, one)),
        width=round(one.pays_minor * 1000 / most) / 10,
        ranked=one is compared.base or not _of_low_confidence(view, one),
    )


def _of_low_confidence(view: CaseView, one: Compared) -> bool:
    """Whether a plan that pays in this way has terms of low confidence: it is shown, and never ranked before others."""
    plans = view.asked.node.documents.typed.plans
    return any(plans.get(plan, NO_PLAN).get("confidence") == "low" for plan in one.unverified)


def _difference(view: CaseView, step: str, minor: int, money: str) -> str:
    return view.reader.t(f"funding.compare_page.{step}", amount=view.reader.amount(format_minor(minor), money))


def _sure(view: CaseView, one: Compared, money: str) -> str | None:
    if one.sure_minor == one.pays_minor:
        return None
    return view.reader.t("funding.compare_page.sure", amount=view.reader.amount(format_minor(one.sure_minor), money))


def _outcomes(view: CaseView, one: Compared) -> Iterator[str]:
    """What the patient would have paid in the end where the agreement's outcome is not reached."""
    agreement = one.funded.case.agreement
    for settled in one.funded.outcomes or ():
        if agreement is not None and settled.outcome in agreement.refund_outcomes:
            net = format_minor(one.funded.stack.patient_minor - settled.patient_refund_minor)
            yield view.reader.t("funding.compare_page.if_not_reached", amount=view.reader.amount(net, one.funded.case.currency))


def _heading(view: CaseView, one: Compared) -> str:
    parts = [_headed(view, sentence) for sentence in one.option.requires]
    return " + ".join(part for part in parts if part) or view.reader.t("funding.compare_page.as_it_stands")


def _headed(view: CaseView, sentence: Sentence) -> str:
    key, values = sentence
    words = _words(view, values)
    if key == "funding.compare.requires_product":
        return str(words["option"])
    if key not in _HEADING:
        return ""
    return view.reader.t(_HEADING[key], plan=words.get("plan"), order=words.get("order"), region=view.reader.code("code", values.get("option")))


def _required(view: CaseView, sentence: Sentence) -> str:
    key, values = sentence
    return view.reader.t(key, **_words(view, values))


def _words(view: CaseView, values: Mapping[str, Said]) -> dict[str, Said]:
    found = named(view, values)
    if "option" in found:
        found["option"] = view.reader.code("code", found["option"])
    for name in ("premium", "price"):
        if name in found and "currency" in found:
            found[name] = str(found[name])
    return found


def _plain(view: CaseView, name: str) -> str:
    """The id of an option that could not be computed, with products, plans and regions by their names."""
    known = {**titles(view), **{str(product): view.reader.title(one.names) for product, one in view.asked.node.documents.typed.products.items()}}
    words = [view.reader.code("code", known.get(word.strip("+()"), word.strip("+()"))) for word in name.split() if word != "as-it-stands"]
    return " · ".join(words) or view.reader.t("funding.compare_page.as_it_stands")
