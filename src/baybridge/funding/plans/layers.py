"""Reading the layers of a funding case: each payer's terms, with every problem.

Main job: `read_layers(written, currency, scale, told)` answers the layers in the order in which they pay.

**Source**: shared funding contract, `layers[]` and "details of a layer". **Units**: see `terms.py`. Elsewhere: their form in `written.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from msgspec import Struct

from baybridge.base.outcome import Refusal, refuse
from baybridge.documents import plan
from baybridge.documents.plan import ScaleDocument
from baybridge.documents.reading import read_on
from baybridge.documents.source import Path
from baybridge.funding.plans.terms import PATIENT, Band, Cap, Kind, Layer, LayerBasis, MeansTest, Scale, Tier
from baybridge.funding.plans.written import ONE, WrittenLayer, WrittenScale
from baybridge.funding.quote.reading import MONEY, Complaints, shape_of

#: Caps in the order in which a tie is named. Source: shared funding contract, "details of a layer".
CAPS = ("cap_event", "cap_year", "cap_lifetime")

VERIFIED = "verified"


def read_layers(written: Sequence[object], currency: str, scale: Scale, told: Complaints) -> tuple[Layer, ...]:
    """The layers by `order`; layers of a file without any order pay as they stand in it."""
    items = dict(_written(written, told))
    ordered = any(item.order is not None for item in items.values())
    layers: dict[int, Layer] = {}
    for place, item in items.items():
        path = ("layers", place)
        if item.id and item.id in {layer.layer_id for layer in layers.values()}:
            told.problem("duplicate", (*path, "id"))
        if ordered and item.order is None and told.fine((*path, "order")):
            told.problem("whole", (*path, "order"), found="nothing", at_least=0)
        _only_terms_of(item, path, told)
        entitled = _says(written[place], "status") in (None, VERIFIED)
        layers[place] = _layer(item, path, (item.order or 0) if ordered else place, currency, scale, told, entitled=entitled)
    _one_currency_a_group(layers, told)
    return tuple(sorted(layers.values(), key=lambda layer: layer.order))


def _written(written: Sequence[object], told: Complaints) -> Iterator[tuple[int, WrittenLayer]]:
    """The layers with their places in the file; a plan that is not held yet pays nothing, and only its names are looked at."""
    for place, layer in enumerate(written):
        joins = isinstance(layer, Mapping) and layer.get("could_join") is not None
        report = told.names_alone if joins else told.report
        item = read_on(WrittenLayer, layer, report, MONEY, ("layers", place))
        if not joins and isinstance(layer, Mapping):
            yield place, item


def _says(layer: object, name: str) -> object:
    """What a layer says under a name, `null` as text; None where it says nothing."""
    return str(layer[name]) if isinstance(layer, Mapping) and name in layer else None


def _one_currency_a_group(layers: Mapping[int, Layer], told: Complaints) -> None:
    """A deductible that layers share is of one currency."""
    for place, layer in layers.items():
        if (group := layer.deductible_group) is None:
            continue
        currencies = {other.currency for other in layers.values() if other.deductible_group == group}
        if len(currencies) > 1:
            found = ", ".join(sorted(currencies))
            told.problem("group_currency", ("layers", place, "deductible_group"), group=group, found=found)


def _layer(item: WrittenLayer, path: Path, order: int, currency: str, scale: Scale, told: Complaints, *, entitled: bool) -> Layer:
    if item.id == PATIENT:
        told.problem("reserved", (*path, "id"))
    currency_of, fx = _exchange(item, path, currency, told)
    start, end = item.effective_from, item.effective_to
    if start and end and end < start:
        told.problem("dates_order", (*path, "effective_to"), found=f'"{end}"')
    if item.waiting_days and start is None and told.fine((*path, "effective_from")):
        told.problem("waiting_needs_start", (*path, "effective_from"), found="nothing")
    if item.kind is Kind.FIXED_GRANT and item.amount is None:
        told.problem("amount", (*path, "amount"), found="nothing")
    limits = ((cap, getattr(item, cap), getattr(item, f"{cap}_used")) for cap in CAPS)
    return Layer(
        layer_id=item.id,
        order=order,
        covers=frozenset(item.covers),
        kind=item.kind,
        basis=item.basis,
        deductible_minor=item.deductible,
        deductible_used_minor=item.deductible_used,
        deductible_group=item.deductible_group,
        bands=_bands(item, path, told) if item.kind is Kind.COINSURANCE else (),
        caps=tuple(Cap(name, limit, used) for name, limit, used in limits if limit is not None),
        grant_minor=(item.amount or 0) if item.kind is Kind.FIXED_GRANT else 0,
        means_test=_means_test(item, path, scale, told) if item.kind is Kind.MEANS_TESTED else None,
        effective_from=start,
        effective_to=end,
        waiting_days=item.waiting_days,
        currency=currency_of,
        fx=fx,
        excluded=item.excluded,
        entitled=entitled,
    )


def _only_terms_of(item: WrittenLayer, path: Path, told: Complaints) -> None:
    """Terms that the kind of layer does not use are a problem, unless they change nothing."""
    kind = item.kind
    if kind is Kind.COINSURANCE:
        unused = {"amount": item.amount is not None, "means_test": item.means_test is not None}
    else:
        unused = {
            "deductible": bool(item.deductible),
            "rate": item.rate is not None and item.rate != ONE,
            "bands": item.bands is not None,
            "deductible_group": item.deductible_group is not None,
            "means_test": kind is Kind.FIXED_GRANT and item.means_test is not None,
            "amount": kind is Kind.MEANS_TESTED and item.amount is not None,
            "basis": kind is Kind.MEANS_TESTED and item.basis is LayerBasis.GROSS,
        }
    for name, used in unused.items():
        if used and told.fine((*path, name)):
            told.problem("not_of_kind", (*path, name), kind=kind.value)


def _exchange(item: WrittenLayer, path: Path, bill_currency: str, told: Complaints) -> tuple[str, Fraction | None]:
    """The layer's currency and its rate; none where it is the bill's."""
    currency, rate, at = item.layer_ccy or bill_currency, item.fx_to_layer_ccy, (*path, "fx_to_layer_ccy")
    if currency != bill_currency and rate is None:
        told.problem("exchange_rate", at, found="nothing")
    if currency != bill_currency:
        return currency, Fraction(rate or 1)
    if rate is not None and Fraction(rate) != 1:
        told.problem("rate_of_same", at, found=shape_of(rate))
    return currency, None


def _bands(item: WrittenLayer, path: Path, told: Complaints) -> tuple[Band, ...]:
    if (item.rate is None) == (item.bands is None):
        told.problem("rate_or_bands", (*path, "rate"))
        return ()
    if item.rate is not None:
        return (Band(None, item.rate),)
    bands = tuple(Band(band.up_to, band.rate) for band in item.bands or ())
    if told.fine((*path, "bands")) and not ascending([band.up_to_minor for band in bands]):
        told.problem("bands_order", (*path, "bands"))
    return bands


def ascending(ends: Sequence[int | None]) -> bool:
    """Whether ends rise from zero and the last, and only the last, is open."""
    closed = [end for end in ends if end is not None]
    only_last_open = bool(ends) and ends[-1] is None and len(closed) == len(ends) - 1
    return only_last_open and all(below < above for below, above in pairwise([0, *closed]))


def _means_test(item: WrittenLayer, path: Path, scale: Scale, told: Complaints) -> MeansTest | None:
    test, at = item.means_test, (*path, "means_test")
    if test is None:
        if told.fine(at):
            told.problem("object", at, found="nothing")
        return None
    return MeansTest(
        income_minor=test.annual_gross_income,
        income_factor=test.income_factor,
        deductions_minor=test.allowable_deductions,
        assets_minor=test.net_assets,
        asset_allowance_minor=test.asset_allowance,
        asset_factor=test.asset_factor,
        absolute_cap_minor=test.absolute_cap,
        scale=_scale(test.scale, (*at, "scale"), told) if test.scale else scale,
    )


def _scale(written: WrittenScale, path: Path, told: Complaints) -> Scale:
    for number, tier in enumerate(written.tiers):
        if (tier.flat is None) == (tier.rate is None):
            told.problem("flat_or_rate", (*path, "tiers", number, "rate"))
    if told.fine((*path, "tiers")) and not ascending([tier.up_to for tier in written.tiers]):
        told.problem("bands_order", (*path, "tiers"))
    tiers = tuple(Tier(tier.up_to, tier.flat, tier.rate) for tier in written.tiers)
    return Scale(tiers, written.ceiling_rate, written.id, written.in_force_to)


def written_scale(document: ScaleDocument) -> plan.WrittenScale:
    """The scale of a document of shape `means_test` as a case writes it out, with its name and last day."""
    last_day = document.get("in_force_to")
    named: plan.WrittenScale = {"id": document.get("id"), "in_force_to": str(last_day) if last_day is not None else None}
    return {**named, **(document.get("scale") or {})}


def scale_of(document: ScaleDocument) -> Scale | Refusal:
    """The means-test scale of a document of shape `means_test`."""
    told = Complaints(str(document.get("id", "")), [])
    written = read_on(_WithScale, {"scale": written_scale(document)}, told.report, MONEY)
    scale = _scale(written.scale, ("scale",), told)
    return refuse(*told.problems) if told.problems else scale


class _WithScale(Struct, frozen=True):
    """A document as far as its scale."""

    scale: WrittenScale
