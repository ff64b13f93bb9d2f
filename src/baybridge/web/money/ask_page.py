"""A quote in three questions: which product, which hospital, what the patient holds. It gives the same command as the form with every field.

Main job: `ASK_DOORS`. Product and hospital stand in the address, because they choose what can be asked at all: the currency, the list price, the plans. Amounts and
households are sent with the form alone. Every choice comes from a list; what is left empty is not counted, and the quote says so.

**Units**: amounts as a reader types them, sent to the command as text with two places. Elsewhere: the command in `funding/quote/quoting.py`, the quote itself in
`funding_page.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from starlette.responses import Response

from baybridge.base.ids import ProductId
from baybridge.base.money import format_minor
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.plan import NO_PLAN, PlanDocument
from baybridge.documents.product import Price
from baybridge.documents.terms import Choices
from baybridge.funding.plans.layers import CAPS
from baybridge.funding.plans.plans import is_agreement, is_computable, status_of, uses_of
from baybridge.funding.quote.quoting import USUAL_CATEGORIES, covered_categories
from baybridge.http.doors import Asked, Door
from baybridge.journey.command import Command, Site
from baybridge.node.clock import new_id
from baybridge.node.commands.table import COMMANDS
from baybridge.node.handle import handle
from baybridge.web.case.view import CaseView, allowed, with_view
from baybridge.web.forms.choices import products
from baybridge.web.page.page import Reader, go, refused

#: What is asked of a household where a plan has a means test.
HOUSEHOLD = ("annual_gross_income", "net_assets", "asset_allowance", "allowable_deductions")
_USED = ("deductible_used", *(f"{cap}_used" for cap in CAPS))
_OF_PLAN = ("risk_class", "effective_from", *_USED, *HOUSEHOLD)
_DRUG = "CAR_T_DRUG"


@dataclass(frozen=True, slots=True)
class Holding:
    """A plan that can be ticked: what it is called, when it is asked, how far its terms were checked, and what it needs to be told."""

    plan: str
    title: str
    order: int
    status: str
    basis: str
    currency: str
    near: bool  # whether it belongs to the region of the hospital or of the patient
    classes: tuple[str, ...]
    used: tuple[str, ...]
    starts: bool
    household: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A hospital that treats: its node, its name, its region and the currency of its bills."""

    node: str
    name: str
    region: str
    currency: str


def ask(asked: Asked) -> Response:
    """The three questions, with what is known filled in."""
    return _open(asked, None)


def issue(asked: Asked) -> Response:
    """Issue the quote; a refusal shows the questions again with every reason."""
    given = _given(asked)
    dropped = tuple(_dropped(asked))
    if dropped:
        return _open(asked, refuse(*dropped))
    command_id = asked.form.get("command_id") or new_id(asked.node.now)
    done = handle(asked.node, Command("IssueQuote", asked.parameters["case_id"], given, asked.person, command_id))
    return _open(asked, done) if isinstance(done, Refusal) else go(f"/cases/{done.case_id}/funding?done=IssueQuote")


def _open(asked: Asked, refusal: Refusal | None) -> Response:
    if not allowed(asked, COMMANDS["IssueQuote"]):
        return refused(asked, refuse(Reason("access.command", _not_yours(asked)), category=Category.FORBIDDEN))
    return with_view(asked, lambda view: _show(view, refusal), "funding")


def _not_yours(asked: Asked) -> dict[str, str]:
    return {"command": "IssueQuote", "roles": ", ".join(sorted(role.value for role in COMMANDS["IssueQuote"].roles)), "role": asked.person.role.value}


def _show(view: CaseView, refusal: Refusal | None) -> Response:
    asked, reader, documents = view.asked, view.reader, view.asked.node.documents.typed
    places = places_of(asked)
    chosen = asked.form if asked.method == "POST" else asked.query
    product = next((name for name in (chosen.get("product"), view.case.product) if name and ProductId(name) in documents.products), "")
    wanted = (chosen.get("hospital"), view.case.treating_node, asked.node.site.node)
    place = next((one for name in wanted for one in places if one.node == name), places[0])
    price = price_in(documents.products[ProductId(product)].list_price if product else (), place)
    given = _given(asked) if asked.method == "POST" else {}
    standing = refusal or view.look.would("IssueQuote", _preview(view, product, place, price))
    problems = [(reason.where, reader.reason(reason)) for reason in (refusal.reasons if refusal else ())]
    return view.render(
        "ask.html",
        refusal.surface.http_status if refusal else 200,
        places=places,
        place=place,
        products=products(asked),
        product=product,
        price=price,
        other_prices=[one for one in (documents.products[ProductId(product)].list_price if product else ()) if one is not price],
        drug=asked.form.get(f"gross.{_DRUG}", format_minor(price.amount_minor) if price else ""),
        charges=[one for one in charges_of(asked) if one != _DRUG],
        usual=USUAL_CATEGORIES,
        holdings=_holdings(view, place, problems),
        agreements=_agreements(view, product),
        household=HOUSEHOLD,
        currencies=sorted({str(plan["currency"]) for plan in documents.plans.values() if plan.get("currency")} - {place.currency}),
        given=asked.form,
        plans_given=_ticked(asked),
        today=view.look.situation().today.isoformat(),
        sentences=[(_named(reader, given, reason), reason) for reason in standing.reasons] if standing else [],
        asked_about="unusual" in asked.form or any(reason.where == "unusual" for reason in (standing.reasons if standing else ())),
        tried=refusal is not None,
        command_id=new_id(asked.node.now),
    )


def _named(reader: Reader, given: Mapping[str, object], reason: Reason) -> str:
    """A sentence, with the charge or the field of a plan that it is about before it: the reader of a funding case knows no words of a form."""
    sentence, place = reader.reason(reason), _PLACE.fullmatch(reason.where)
    if place is None:
        return sentence
    rows = given.get("bill_lines" if place["rows"] == "bill_lines" else "plans")
    row = rows[int(place["row"])] if isinstance(rows, list) and int(place["row"]) < len(rows) else {}
    if place["rows"] == "bill_lines":
        return f"{reader.code('code', row.get('category'))}: {sentence}"
    return f"{reader.named('plan', str(row.get('plan')))}, {reader.code('field', place['field'])}: {sentence}"


#: Where a reason of a funding case stands, which counts the rows of the form in their order.
_PLACE = re.compile(r"(?P<rows>bill_lines|layers)\[(?P<row>\d+)\]\.(?:\w+\.)*(?P<field>\w+)")


def _preview(view: CaseView, product: str, place: Place, price: Price | None) -> dict[str, object]:
    """What the form would send as it stands, so that whatever forbids a quote is said before anybody types."""
    line = {"id": _DRUG.lower(), "category": _DRUG, "gross": format_minor(price.amount_minor) if price else "0.00"}
    today = view.look.situation().today
    return {"event_date": today, "currency": place.currency, "bill_lines": [line], "product": product or None, "region": place.region, "unusual": True}


def places_of(asked: Asked) -> tuple[Place, ...]:
    """The hospitals that treat, this one first."""
    sites: list[Site] = [asked.node.site, *(one.site for one in asked.node.neighbours.values())]
    found = [site for site in sites if "centre" in site.kinds] or sites[:1]
    regions = asked.node.regions
    return tuple(Place(site.node, site.organisation, site.jurisdiction, regions[site.jurisdiction].currency) for site in found)


def price_in(prices: tuple[Price, ...], place: Place) -> Price | None:
    """The published price in a place's region and currency; a price of elsewhere is not one of here."""
    return next((one for one in prices if one.jurisdiction == place.region and one.currency == place.currency), None)


def _holdings(view: CaseView, place: Place, problems: list[tuple[str, str]]) -> list[Holding]:
    """Every plan that a quote can hold, in the order of payers."""
    near = {place.region, view.case.residence}
    plans = view.asked.node.documents.typed.plans
    found = [_holding(view, name, plan, near, problems) for name, plan in plans.items() if is_computable(plan)]
    return sorted(found, key=lambda one: (one.order, one.plan))  # of one order, as the computation has them


def _holding(view: CaseView, name: str, plan: PlanDocument, near: set[str | None], problems: list[tuple[str, str]]) -> Holding:
    terms = plan.get("benefit") or {}
    classes = plan.get("rates_by_risk_class") or {}
    return Holding(
        plan=name,
        title=view.reader.title(plan.get("title")) or name,
        order=int(plan.get("order") or 0),
        status=status_of(plan),
        basis="gross" if terms.get("basis") == "GROSS" else "residual",
        currency=str(plan.get("currency")),
        near=bool(near & set(plan.get("jurisdiction") or ())),
        classes=tuple(classes),
        used=uses_of(plan),
        starts=bool(terms.get("waiting_days")),
        household=bool(plan.get("means_test")),
        problems=tuple(sentence for where, sentence in problems if where == f"plans.{name}" or where.startswith(f"plans.{name}.")),
    )


def _agreements(view: CaseView, product: str) -> list[tuple[str, str, str]]:
    """The outcome agreements of a product: id, title, status."""
    plans = view.asked.node.documents.typed.plans
    fitting = [(name, plan) for name, plan in plans.items() if is_agreement(plan, name) and plan.get("product") in (None, product)]
    return [(name, view.reader.title(plan.get("title")) or name, status_of(plan)) for name, plan in fitting]


# --- what the form says ---------------------------------------------------------------------------------------------


def _given(asked: Asked) -> dict[str, object]:
    """The input of the command; what is empty is not given, what is no amount goes as it was typed and is refused by name."""
    form = {name: text.strip() for name, text in asked.form.items() if text.strip()}
    place = next((one for one in places_of(asked) if one.node == form.get("hospital")), None)
    lines = [{"id": name.lower(), "category": name, "gross": amount(form[f"gross.{name}"])} for name in charges_of(asked) if f"gross.{name}" in form]
    given: dict[str, object] = {
        "event_date": form.get("event_date"),
        "currency": place.currency if place else form.get("hospital"),
        "region": place.region if place else form.get("hospital"),
        "product": form.get("product"),
        "agreement": form.get("agreement"),
        "bill_lines": lines,
        "plans": [dict(_chosen(asked, name, form)) for name in _ticked(asked)],
        "exchange": [dict(_rate(asked, form))] if "rate.per" in form or "rate.source" in form else [],
        "unusual": "unusual" in form or None,
    }
    return {name: value for name, value in given.items() if value not in (None, [])} | {"bill_lines": lines}


def _dropped(asked: Asked) -> Iterator[Reason]:
    """What was typed and would not be sent: of a plan that is not ticked. A forgotten tick would lose the plan, and nobody would see it."""
    typed = {name for name, text in asked.form.items() if text.strip()}
    for plan in asked.node.documents.typed.plans:
        of_plan = [field for field in _OF_PLAN if f"{field}.{plan}" in typed]
        if of_plan and plan not in _ticked(asked):
            yield Reason("funding.quote.not_ticked", {"plan": plan, "fields": ", ".join(of_plan)}, where=f"plans.{plan}")


def _chosen(asked: Asked, name: str, form: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield "plan", name
    yield from ((key, form[f"{key}.{name}"]) for key in ("risk_class", "effective_from") if f"{key}.{name}" in form)
    yield from ((key, amount(form[f"{key}.{name}"])) for key in _USED if f"{key}.{name}" in form)
    household = {key: amount(form[f"{key}.{name}"]) for key in HOUSEHOLD if f"{key}.{name}" in form}
    if household and asked.node.documents.typed.plans.get(name, NO_PLAN).get("means_test"):
        yield "household", household


def _rate(asked: Asked, form: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield "currency", form.get("rate.currency", "")
    yield "per_bill_unit", Reader(asked).typed(form.get("rate.per", ""))
    yield "on", form.get("rate.on", "")
    yield "source", form.get("rate.source", "")


def _ticked(asked: Asked) -> tuple[str, ...]:
    """The plans that were ticked, each once."""
    return tuple(dict.fromkeys(text for name, text in asked.forms if name == "plan"))


def charges_of(asked: Asked) -> tuple[str, ...]:
    """The categories of charges that a bill can have, the usual ones first."""
    documents = asked.node.documents.typed
    known = (*documents.the(Choices).bill_categories, *sorted(covered_categories(documents)))
    return tuple(dict.fromkeys((*USUAL_CATEGORIES, *known)))


def amount(text: str) -> str:
    """An amount as somebody typed it, as text with two places; what could mean two amounts (1.200) or none stays as it was typed, and is refused."""
    plain = _BLANKS.sub("", text)
    if _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    elif _GROUPED_BY_POINT.fullmatch(plain):
        plain = plain.replace(".", "")
    return f"{Decimal(plain.replace(',', '.')):.2f}" if _WHOLE_OR_CENTS.fullmatch(plain) else text


_BLANKS = re.compile(r"(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))")
_WHOLE_OR_CENTS = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,2})?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]{2}|(?:,[0-9]{3}){2,})")
_GROUPED_BY_POINT = re.compile(r"[0-9]{1,3}(?:(?:\.[0-9]{3})+,[0-9]{2}|(?:\.[0-9]{3}){2,})")


ASK_DOORS = (
    Door("/cases/{case_id}/funding/ask", ("GET",), "case.ask", "case.command", ask),
    Door("/cases/{case_id}/funding/ask", ("POST",), "case.ask.do", "case.command", issue),
)
