"""Reading the layers of a funding case: each payer's terms, with every problem.

Main job: `read_layers(fields, currency, scale)` answers the layers in the order in which they pay.

**Source**: shared funding contract, `layers[]` and "details of a layer". **Units**: see `terms.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from baybridge.base.money import CURRENCIES
from baybridge.base.outcome import Reason, Refusal, refuse
from baybridge.documents.plan import ScaleDocument, WrittenScale
from baybridge.funding.plans.terms import PATIENT, Band, Cap, Kind, Layer, LayerBasis, MeansTest, Scale, Tier
from baybridge.funding.quote.reading import Fields

#: Caps in the order in which a tie is named. Source: shared funding contract, "details of a layer".
CAPS = ("cap_event", "cap_year", "cap_lifetime")

VERIFIED = "verified"

_LAYER = (
    "id", "order", "covers", "kind", "amount", "basis", "deductible", "deductible_used", "deductible_group", "rate", "bands",
    *CAPS, *(f"{cap}_used" for cap in CAPS), "effective_from", "effective_to", "waiting_days", "layer_ccy", "fx_to_layer_ccy",
    "fx_on", "fx_source", "means_test", "excluded", "status", "title", "source", "orders", "could_join",
)  # fmt: skip
_MEANS_TEST = (
    "annual_gross_income", "income_factor", "allowable_deductions", "net_assets", "asset_allowance", "asset_factor",
    "absolute_cap", "scale",
)  # fmt: skip
_ONE = Fraction(1)


def read_layers(fields: Fields, currency: str, scale: Scale) -> tuple[Layer, ...]:
    """The layers by `order`; layers of a file without any order pay as they stand in it."""
    written = list(fields.children("layers", _LAYER))
    items = [item for item in written if not item.has("could_join")]  # a plan that is not held yet pays nothing
    ordered = any(item.has("order") for item in items)
    layers = [_layer(item, index, currency, scale, ordered=ordered) for index, item in enumerate(items)]
    seen: set[str] = set()
    for item, layer in zip(items, layers, strict=True):
        if layer.layer_id in seen and layer.layer_id:
            item.problem("duplicate", "id")
        seen.add(layer.layer_id)
    _one_currency_a_group(items, layers)
    return tuple(sorted(layers, key=lambda layer: layer.order))


def _one_currency_a_group(items: Sequence[Fields], layers: Sequence[Layer]) -> None:
    """A deductible that layers share is of one currency."""
    for item, layer in zip(items, layers, strict=True):
        currencies = {other.currency for other in layers if other.deductible_group == layer.deductible_group}
        if layer.deductible_group is not None and len(currencies) > 1:
            item.problem("group_currency", "deductible_group", group=layer.deductible_group, found=", ".join(sorted(currencies)))


def _layer(item: Fields, index: int, currency: str, scale: Scale, *, ordered: bool) -> Layer:
    layer_id = item.text("id")
    if layer_id == PATIENT:
        item.problem("reserved", "id")
    kind = Kind(item.one_of("kind", tuple(Kind), Kind.COINSURANCE.value))
    _only_terms_of(kind, item)
    currency_of, fx = _exchange(item, currency)
    start, end = item.day("effective_from"), item.day("effective_to")
    waiting = item.whole("waiting_days", 0, 0)
    if start and end and end < start:
        item.wrong("dates_order", "effective_to")
    if waiting and not item.has("effective_from"):
        item.wrong("waiting_needs_start", "effective_from")
    return Layer(
        layer_id=layer_id,
        order=item.whole("order", 0) if ordered else index,
        covers=frozenset(item.texts("covers", required=True)),
        kind=kind,
        basis=LayerBasis(item.one_of("basis", tuple(LayerBasis), LayerBasis.RESIDUAL.value)),
        deductible_minor=item.amount("deductible", 0),
        deductible_used_minor=item.amount("deductible_used", 0),
        deductible_group=item.text("deductible_group") if item.has("deductible_group") else None,
        bands=_bands(item) if kind is Kind.COINSURANCE else (),
        caps=tuple(Cap(name, item.amount(name), item.amount(f"{name}_used", 0)) for name in CAPS if item.has(name)),
        grant_minor=item.amount("amount") if kind is Kind.FIXED_GRANT else 0,
        means_test=_means_test(item, scale) if kind is Kind.MEANS_TESTED else None,
        effective_from=start,
        effective_to=end,
        waiting_days=waiting,
        currency=currency_of,
        fx=fx,
        excluded=item.texts("excluded"),
        entitled="status" not in item.value or item.value["status"] == VERIFIED,
    )


def _only_terms_of(kind: Kind, item: Fields) -> None:
    """Terms that the kind of layer does not use are a problem, unless they change nothing."""
    if kind is Kind.COINSURANCE:
        unused: tuple[str, ...] = ("amount", "means_test")
    else:
        unused = ("bands", "deductible_group", "means_test" if kind is Kind.FIXED_GRANT else "amount")
        if item.amount("deductible", 0):
            item.problem("not_of_kind", "deductible", kind=kind.value)
        if item.rate("rate", _ONE) != _ONE:
            item.problem("not_of_kind", "rate", kind=kind.value)
    if kind is Kind.MEANS_TESTED and item.value.get("basis") == LayerBasis.GROSS.value:
        item.problem("not_of_kind", "basis", kind=kind.value)
    for name in unused:
        if item.has(name):
            item.problem("not_of_kind", name, kind=kind.value)


def _exchange(item: Fields, bill_currency: str) -> tuple[str, Fraction | None]:
    """The layer's currency and its rate; none where it is the bill's."""
    currency = item.one_of("layer_ccy", CURRENCIES, bill_currency)
    if currency != bill_currency:
        return currency, item.exchange_rate("fx_to_layer_ccy")
    if item.has("fx_to_layer_ccy") and item.exchange_rate("fx_to_layer_ccy") != 1:
        item.wrong("rate_of_same", "fx_to_layer_ccy")
    return currency, None


def _bands(item: Fields) -> tuple[Band, ...]:
    if item.has("rate") == item.has("bands"):
        item.problem("rate_or_bands", "rate")
        return ()
    if item.has("rate"):
        return (Band(None, item.rate("rate")),)
    bands = tuple(Band(b.optional_amount("up_to"), b.rate("rate")) for b in item.children("bands", ("up_to", "rate"), at_least_one=True))
    if not ascending([band.up_to_minor for band in bands]):
        item.problem("bands_order", "bands")
    return bands


def ascending(ends: Sequence[int | None]) -> bool:
    """Whether ends rise from zero and the last, and only the last, is open."""
    closed = [end for end in ends if end is not None]
    only_last_open = bool(ends) and ends[-1] is None and len(closed) == len(ends) - 1
    return only_last_open and all(below < above for below, above in pairwise([0, *closed]))


def _means_test(item: Fields, scale: Scale) -> MeansTest | None:
    test = item.child("means_test", _MEANS_TEST)
    if test is None:
        if not item.has("means_test"):
            item.wrong("object", "means_test")
        return None
    return MeansTest(
        income_minor=test.amount("annual_gross_income"),
        income_factor=test.rate("income_factor", _ONE),
        deductions_minor=test.amount("allowable_deductions", 0),
        assets_minor=test.amount("net_assets", 0),
        asset_allowance_minor=test.amount("asset_allowance", 0),
        asset_factor=test.rate("asset_factor", _ONE),
        absolute_cap_minor=test.optional_amount("absolute_cap"),
        scale=_scale(test) or scale,
    )


def _scale(test: Fields) -> Scale | None:
    given = test.child("scale", ("id", "in_force_to", "ceiling_rate", "tiers"))
    if given is None:
        return None
    tiers = tuple(_tier(row) for row in given.children("tiers", ("up_to", "flat", "rate"), at_least_one=True))
    if not ascending([tier.up_to_minor for tier in tiers]):
        given.problem("bands_order", "tiers")
    scale_id = given.text("id") if given.has("id") else None
    return Scale(tiers, given.rate("ceiling_rate"), scale_id, given.day("in_force_to"))


def _tier(row: Fields) -> Tier:
    if row.has("flat") == row.has("rate"):
        row.problem("flat_or_rate", "rate")
    return Tier(row.optional_amount("up_to"), row.optional_amount("flat"), row.rate("rate") if row.has("rate") else None)


def written_scale(document: ScaleDocument) -> WrittenScale:
    """The scale of a document of shape `means_test` as a case writes it out, with its name and last day."""
    last_day = document.get("in_force_to")
    named: WrittenScale = {"id": document.get("id"), "in_force_to": str(last_day) if last_day is not None else None}
    return {**named, **(document.get("scale") or {})}


def scale_of(document: ScaleDocument) -> Scale | Refusal:
    """The means-test scale of a document of shape `means_test`."""
    problems: list[Reason] = []
    scale = _scale(Fields({"scale": written_scale(document)}, str(document.get("id", "")), problems))
    if scale is None and not problems:
        problems.append(Reason("funding.case.object", {"found": "nothing"}, where="scale"))
    return scale if scale is not None and not problems else refuse(*problems)
