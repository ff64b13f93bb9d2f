"""A quote as people read it: the picture from the bill to the patient's share, each step in words and numbers, charges, outcomes.

Main job: `shown(view, quote)` makes from a quote document everything that its page and its print show. Nothing is computed that the document
does not hold, except that it is computed again to say whether it is still the same.

**Units**: amounts as text with two places, as the document has them; widths of the picture in percent of the bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from baybridge.base.ids import ProductId
from baybridge.base.money import format_minor, parse_minor
from baybridge.base.outcome import Refusal
from baybridge.documents.quote import (
    CitedDocument,
    InLayerCurrency,
    LayerResult,
    QuotedBand,
    QuotedCharge,
    QuotedLayer,
    QuoteDocument,
    is_quote,
)
from baybridge.funding.plans.layers import CAPS, VERIFIED
from baybridge.funding.quote.reproducing import Reproduced, reproduce
from baybridge.journey.entitlement import eligibility_open
from baybridge.web.case.view import CaseView
from baybridge.web.page.pictures import Piece, pieces

#: A value of a sentence.
Said = str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One layer: what it is called, what it pays, sentences of how, its codes, and where its terms come from."""

    number: int
    title: str
    benefit: str
    firm: bool
    sentences: tuple[str, ...]
    codes: tuple[str, ...]
    by_line: tuple[str, ...]
    left: str
    source: str
    piece: Piece


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the bill: its words, gross, what plans pay of it, and the patient's part."""

    title: str
    category: str
    gross: str
    plans: str
    patient: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A quote, ready for its templates."""

    document: QuoteDocument
    number: str
    money: str
    steps: tuple[Step, ...]
    patient: Piece
    charges: tuple[Charge, ...]
    again: Reproduced | Refusal
    gap: str | None
    expired: bool
    not_firm: tuple[str, ...]  # why eligibility is open, in the reader's language

    @property
    def same(self) -> bool:
        """Whether the document computed again gives what it says."""
        return isinstance(self.again, Reproduced) and self.again.identical


def quote_in(documents: Mapping[str, object], hashes: Sequence[str]) -> QuoteDocument | None:
    """The first of these kept documents, where it is a quote."""
    found = documents.get(hashes[0]) if hashes else None
    return found if is_quote(found) else None


def shown(view: CaseView, quote: QuoteDocument, number: str) -> Shown:
    """Everything that a quote's page shows, in the reader's language."""
    result = quote["result"]
    made = tuple(_steps(view, quote))
    gap = parse_minor(quote["patient_share_if_only_verified_pay"]) - parse_minor(result["patient_share"])
    parts = picture(view, quote)
    return Shown(
        document=quote,
        number=number,
        money=str(result["currency"]),
        steps=made,
        patient=parts[-1],
        charges=tuple(_charges(view, quote)),
        again=reproduce(quote, view.asked.node.documents.typed.plans),
        gap=view.reader.amount(format_minor(gap), result["currency"]) if gap else None,
        expired=view.now.astimezone(view.asked.node.site.zone).date().isoformat() > str(quote["valid_until"]),
        not_firm=tuple(not_firm(view, quote)),
    )


def not_firm(view: CaseView, quote: QuoteDocument) -> Iterator[str]:
    """Why it is not known as of the page's moment that the product of a quote is for this patient."""
    region = quote.get("region") or view.asked.node.site.jurisdiction
    return (view.reader.t(f"gate_reason.{code}") for code in eligibility_open(view.look.situation(), quote.get("product"), region))


def titles(view: CaseView) -> dict[str, str]:
    """What each plan and agreement is called in the reader's language."""
    plans = view.asked.node.documents.typed.plans
    found = {str(name): view.reader.title(document.get("title")) or str(name) for name, document in plans.items()}
    return found | {"PATIENT": view.reader.t("funding.page.patient")}


def named(view: CaseView, values: Mapping[str, Said]) -> dict[str, Said]:
    """The values of a sentence of a quote, with plans, agreements and days as the reader calls them."""
    known = titles(view)
    products = view.asked.node.documents.typed.products

    def one(name: str, value: Said) -> Said:
        if name in ("plan", "layer", "agreement", "payer", "fund"):
            return known.get(str(value), value)
        if name in ("product", "option"):
            product = products.get(ProductId(str(value)))
            return (view.reader.title(product.names) if product else "") or value
        if name == "fields":
            return ", ".join(view.reader.code("field", one) for one in str(value).split(", "))
        return view.reader.day(str(value)) if name in ("day", "until") and value != "-" else value

    return {name: one(name, value) for name, value in values.items()}


def picture(view: CaseView, quote: QuoteDocument) -> tuple[Piece, ...]:
    """The bill in pieces: what each layer pays, then the patient."""
    result, known = quote["result"], titles(view)
    firm = {plan["id"] for plan in quote["plans"] if plan["status"] == VERIFIED}
    parts = [(known.get(layer["layer"], layer["layer"]), layer["benefit"], layer["layer"] in firm) for layer in result["layers"]]
    return pieces([*parts, (known["PATIENT"], result["patient_share"], True)])


# --- steps ----------------------------------------------------------------------------------------------------------


def _steps(view: CaseView, quote: QuoteDocument) -> Iterator[Step]:
    result, money = quote["result"], quote["result"]["currency"]
    terms = {layer["id"]: layer for layer in quote["inputs"].get("layers", ())}
    cited = {plan["id"]: plan for plan in quote["plans"]}
    left = parse_minor(result["gross"])
    for number, (layer, piece) in enumerate(zip(result["layers"], picture(view, quote), strict=False), 1):
        left -= parse_minor(layer["benefit"])
        codes = (layer["binding"], *(note for note in layer["notes"]))
        yield Step(
            number=number,
            title=piece.label,
            benefit=layer["benefit"],
            firm=piece.firm,
            sentences=tuple(_sentences(view, layer, terms[layer["layer"]], quote)) if parse_minor(layer["benefit"]) else (),
            codes=tuple(view.reader.money_code(code) for code in codes),
            by_line=tuple(_by_line(view, layer, quote, money)),
            left=view.reader.amount(format_minor(left), money),
            source=_source(view, cited[layer["layer"]]),
            piece=piece,
        )


def _sentences(view: CaseView, layer: LayerResult, terms: QuotedLayer, quote: QuoteDocument) -> Iterator[str]:
    reader, bill = view.reader, quote["result"]["currency"]
    converted = layer.get("in_layer_ccy")
    own, money = (converted, converted["currency"]) if converted else (layer, bill)
    basis = "gross" if terms.get("basis") == "GROSS" else "residual"
    yield reader.t(f"funding.step.base_{basis}", base=reader.amount(layer["base"], bill), lines=", ".join(_covered(view, terms, quote)))
    if money != bill:
        told = {"own": reader.amount(own["base"], money), "rate": terms.get("fx_to_layer_ccy"), "currency": money, "bill": bill}
        yield reader.t("funding.step.own", **told, day=reader.day(terms.get("fx_on")), source=terms.get("fx_source") or "–")
    if layer.get("adfr"):
        values = {"adfr": reader.amount(layer["adfr"], money), "contribution": reader.amount(layer["contribution"], money)}
        yield reader.t("funding.step.means", **values, tier=_tier(view, layer["tier"], money))
    elif parse_minor(own["deductible_applied"]):
        yield reader.t(
            "funding.step.deducted", deducted=reader.amount(own["deductible_applied"], money), after=reader.amount(own["after_deductible"], money)
        )
    scale = layer.get("scale")
    if scale and scale["in_force_to"] and scale["in_force_to"] < quote["inputs"]["event_date"]:
        yield reader.t("funding.told.scale_ended", scale=scale["id"], day=reader.day(scale["in_force_to"]))
    yield from _rated(view, own, terms, money)
    name = layer["binding"].removeprefix("PAY-CAP:")
    if name in CAPS:
        values = {"limit": reader.amount(str(terms.get(name)), money), "used": reader.amount(str(terms.get(f"{name}_used") or "0.00"), money)}
        yield reader.t("funding.step.cap", **values)


def _rated(view: CaseView, own: InLayerCurrency | LayerResult, terms: QuotedLayer, money: str) -> Iterator[str]:
    reader, raw = view.reader, view.reader.amount(own["raw_benefit"], money)
    if terms.get("kind") == "FIXED_GRANT":
        yield reader.t("funding.step.fixed", raw=raw)
    elif terms.get("bands"):
        yield reader.t("funding.step.bands", raw=raw, bands="; ".join(_band(view, band, money) for band in terms["bands"]))
    elif terms.get("rate") is not None:
        yield reader.t("funding.step.rate", rate=reader.share(terms["rate"]), raw=raw)


def _band(view: CaseView, band: QuotedBand, money: str) -> str:
    up_to = band.get("up_to")
    if up_to is None:
        return view.reader.t("funding.step.band_last", rate=view.reader.share(band["rate"]))
    return view.reader.t("funding.step.band", rate=view.reader.share(band["rate"]), up_to=view.reader.amount(up_to, money))


def _tier(view: CaseView, tier: str, money: str) -> str:
    """A row of the scale: `PCT:0.20` is 20 %, `FLAT:1000.00` an amount."""
    kind, _, value = tier.partition(":")
    return view.reader.share(value) if kind == "PCT" else view.reader.amount(value, money)


def _covered(view: CaseView, terms: QuotedLayer, quote: QuoteDocument) -> Sequence[str]:
    return [_line_title(view, line) for line in quote["inputs"]["bill_lines"] if line["category"] in terms["covers"]]


def _line_title(view: CaseView, line: QuotedCharge) -> str:
    """What a charge is: the word for its kind; a note that somebody wrote stands beside it in the table."""
    return view.reader.code("code", line["category"])


def _by_line(view: CaseView, layer: LayerResult, quote: QuoteDocument, money: str) -> Iterator[str]:
    lines = {line["id"]: line for line in quote["inputs"]["bill_lines"]}
    shares = layer.get("allocation") or {}
    for line_id, share in shares.items() if len(shares) > 1 else ():
        yield view.reader.t("funding.step.line", line=_line_title(view, lines[line_id]), amount=view.reader.amount(share, money))


def _source(view: CaseView, cited: CitedDocument) -> str:
    """Where a plan's terms come from, how far they were checked, and by whom."""
    reader = view.reader
    parts = [str(cited.get("source") or "–")]
    if cited.get("document_date"):
        parts.append(reader.t("funding.step.document_day", day=reader.day(cited["document_date"])))
    parts.append(reader.code("plan_status", cited["status"]))
    if cited["status"] == VERIFIED:
        parts.append(reader.t("funding.step.verified", who=cited["verified_by"], day=reader.day(cited["verified_on"])))
    return " · ".join(parts)


def _charges(view: CaseView, quote: QuoteDocument) -> Iterator[Charge]:
    for line in quote["inputs"]["bill_lines"]:
        patient = quote["result"]["patient_share_by_line"].get(line["id"], "0.00")
        by_plans = format_minor(parse_minor(line["gross"]) - parse_minor(patient))
        yield Charge(_line_title(view, line), str(line.get("desc") or ""), line["gross"], by_plans, patient)
