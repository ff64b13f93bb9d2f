"""Comparing ways to pay: another order, a plan that could still be joined, another product, another region; best first.

Main job: `compare(data, scale)` answers every option of a funding case with what the patient pays in it and what it would require.

A case says which choices there are; nothing is assumed. Beyond the shared funding contract a layer may carry `orders` (other places
in the order of payers that its policy allows) and `could_join` (`until`, `premium`: the patient does not hold it yet), and the case
`compare[]`: `id`, `kind` (`product`, `region`, `other`), `requires` (texts), and what it changes: `bill_lines`, `currency`, `oba`,
`layers` (added, or in place of the same id), `without` (ids), and for another currency `per_bill_unit`, `on`, `source`.
**Source**: policy reference D6: layer order may change the patient's share, so compare orders when a policy allows a choice.
**Units**: minor units. Options in another currency are ranked at the dated rate that they name, and cannot be ranked without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, islice, product
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from baybridge.base.money import format_minor, parse_minor, round_half_up
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.reading import read_on
from baybridge.documents.source import Path
from baybridge.documents.types import of_form
from baybridge.funding.plans.terms import Scale
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.reading import MONEY, Amount, Complaints, Text, is_text, rate_text, shape_of, text_of
from baybridge.funding.quote.report import Funded, Sentence, as_json, fund
from baybridge.funding.quote.stack import pay_stack

#: More options than this are refused rather than shown: nobody reads them.
MOST_OPTIONS = 256

BASE = "as-it-stands"
_REPLACES = ("bill_lines", "currency", "oba", "event_date")

Written = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to pay: the case as it would be, what it requires, and the premium that joining costs."""

    option_id: str
    case: Written
    requires: tuple[Sentence, ...]
    premium_minor: int = 0
    rate: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """One option computed; `pays_minor` is share and premium in the currency of the case as it stands."""

    option: Option
    funded: Funded
    pays_minor: int
    sure_minor: int

    @property
    def unverified(self) -> tuple[str, ...]:
        """Layers that pay in this option without being verified."""
        return tuple(paid.layer.layer_id for paid in self.funded.stack.layers if paid.amounts.benefit and not paid.layer.entitled)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Options from the least that the patient pays to the most, and those that cannot be computed, with every reason."""

    currency: str
    options: tuple[Compared, ...]
    cannot: tuple[tuple[str, tuple[Reason, ...]], ...]

    @property
    def base(self) -> Compared | None:
        """The case as it stands."""
        return next((one for one in self.options if one.option.option_id == BASE), None)


def compare(data: Any, scale: Scale) -> Comparison | Refusal:
    """Every option of one case, best first; a refusal where the case as it stands, or its choices, cannot be read."""
    if not isinstance(data, Mapping):
        return refuse(Reason("funding.case.object", {"found": shape_of(data)}), category=Category.INVALID)
    written = {**data, **(data["inputs"] if isinstance(data.get("inputs"), Mapping) else {})}
    written.pop("inputs", None)
    read = read_cases({name: value for name, value in written.items() if name != "compare"}, scale)
    problems = read.reasons if isinstance(read, Refusal) else tuple(_problems(written))
    if problems:
        return refuse(*problems, category=Category.INVALID)
    options = list(islice(options_of(written), MOST_OPTIONS + 1))
    if len(options) > MOST_OPTIONS:
        return refuse(Reason("funding.compare.too_many", {"most": MOST_OPTIONS}), category=Category.INVALID)
    return compare_options(options, scale)


def compare_options(options: Sequence[Option], scale: Scale) -> Comparison | Refusal:
    """The options computed and ranked; the first is the case as it stands and must be computable."""
    first = _computed(options[0], scale, None)
    if isinstance(first, Refusal):
        return first
    found, cannot = [first], []
    for option in options[1:]:
        one = _computed(option, scale, first.funded.case.currency)
        if isinstance(one, Refusal):
            cannot.append((option.option_id, one.reasons))
        else:
            found.append(one)
    ranked = sorted(found, key=lambda one: (one.pays_minor, one.sure_minor, len(one.option.requires), one.option.option_id))
    return Comparison(first.funded.case.currency, tuple(ranked), tuple(cannot))


def _computed(option: Option, scale: Scale, currency: str | None) -> Compared | Refusal:
    read = read_cases(option.case, scale)
    if isinstance(read, Refusal):
        return read
    funded = fund(read[0])
    if isinstance(funded, Refusal):
        return funded
    case = funded.case
    if currency not in (None, case.currency) and option.rate is None:
        return refuse(Reason("funding.compare.no_rate", {"currency": case.currency, "bill": str(currency)}), category=Category.INVALID)
    rate = option.rate if option.rate is not None and currency not in (None, case.currency) else Fraction(1)
    sure = pay_stack(replace(case, layers=tuple(layer for layer in case.layers if layer.entitled)))
    pays, relied = funded.stack.patient_minor + option.premium_minor, sure.patient_minor + option.premium_minor
    return Compared(option, funded, _at_rate(pays, rate), _at_rate(relied, rate))


def _at_rate(minor: int, rate: Fraction) -> int:
    """An amount of an option's currency in the one that options are ranked in, rounded half up once."""
    return round_half_up(Fraction(minor * rate.denominator, rate.numerator))


# --- which options there are ----------------------------------------------------------------------------------------


def options_of(written: Written) -> Iterator[Option]:
    """The case as it stands first, then each variant, with and without each plan that could be joined, in each allowed order."""
    plain = {name: value for name, value in written.items() if name != "compare"}
    variants = [Option(BASE, plain, ()), *(_variant(plain, entry) for entry in written.get("compare") or ())]
    for variant in variants:
        for joined in _joined(variant):
            yield from _ordered(joined)


def _variant(plain: Written, entry: Written) -> Option:
    without, changed = set(entry.get("without") or ()), {layer.get("id"): layer for layer in entry.get("layers") or ()}
    kept = [layer for layer in plain.get("layers") or () if layer.get("id") not in without and layer.get("id") not in changed]
    case = {**plain, **{name: entry[name] for name in _REPLACES if name in entry}, "layers": [*kept, *changed.values()]}
    if "oba" in entry and entry["oba"] is None:
        case.pop("oba")
    if case.get("currency") != plain.get("currency"):
        case = _in_another_currency(case, str(plain.get("currency")), changed, entry)
    kind = entry["kind"]
    requires: list[Sentence] = [(f"funding.compare.requires_{kind}", {"option": entry["id"]})]
    requires += [("funding.compare.requires_text", {"text": text}) for text in entry.get("requires") or ()]
    if "per_bill_unit" not in entry:
        return Option(entry["id"], case, tuple(requires))
    dated = {"currency": str(case.get("currency")), "rate": entry["per_bill_unit"], "day": entry["on"], "source": entry["source"]}
    requires.append(("funding.compare.at_rate", dated))
    return Option(entry["id"], case, tuple(requires), rate=Fraction(entry["per_bill_unit"]))


def _in_another_currency(case: Written, before: str, changed: Written, entry: Mapping[str, object]) -> dict[str, Any]:
    """The case in the option's currency: amounts of terms that the option does not write anew stay in their own, and ask for a rate."""
    layers = [layer if layer.get("id") in changed else _own_currency(layer, before, str(case.get("currency"))) for layer in case["layers"]]
    kept = {name: value for name, value in case.items() if name != "settlement"}  # tenders were of the other bill
    oba = kept.get("oba")
    if "oba" not in entry and isinstance(oba, Mapping) and oba.get("cap") is not None:
        kept.pop("oba")  # its cap is an amount of the other currency
    return {**kept, "layers": layers}


def _own_currency(layer: Mapping[str, object], before: str, now: str) -> Mapping[str, object]:
    own = layer.get("layer_ccy") or before
    bare = {name: value for name, value in layer.items() if name not in ("layer_ccy", "fx_to_layer_ccy")}
    return bare if own == now else {**bare, "layer_ccy": own}


def _joined(option: Option) -> Iterator[Option]:
    """Without any plan that is not held yet, and with each choice of them."""
    layers = list(option.case.get("layers") or ())
    open_to = [layer for layer in layers if layer.get("could_join") is not None]
    for count in range(len(open_to) + 1):
        for chosen in combinations(open_to, count):
            left = [layer for layer in open_to if layer not in chosen]
            kept = [_bare(layer) for layer in layers if layer not in left]
            names = "".join(f" +{layer['id']}" for layer in chosen)
            requires = tuple(_to_join(layer, str(option.case.get("currency"))) for layer in chosen)
            premium = sum(parse_minor(layer["could_join"].get("premium", "0.00")) for layer in chosen)
            case = {**option.case, "layers": kept}
            yield replace(option, option_id=option.option_id + names, case=case, requires=option.requires + requires, premium_minor=premium)


def _bare(layer: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in layer.items() if name != "could_join"}


def _to_join(layer: Written, currency: str) -> Sentence:
    terms = layer["could_join"]
    values = {"plan": layer["id"], "until": terms["until"], "premium": terms.get("premium", "0.00"), "currency": currency}
    return "funding.compare.requires_join", values


def _ordered(option: Option) -> Iterator[Option]:
    """As the orders stand, and in every other order that a layer's policy allows."""
    layers = list(option.case.get("layers") or ())
    places = [(None, *layer.get("orders", ())) for layer in layers]
    for chosen in product(*places):
        moved = [(layer, place) for layer, place in zip(layers, chosen, strict=True) if place is not None and place != layer.get("order")]
        if len(moved) != sum(place is not None for place in chosen):
            continue
        kept = [_placed(layer, place) for layer, place in zip(layers, chosen, strict=True)]
        names = "".join(f" {layer['id']}@{place}" for layer, place in moved)
        requires = tuple(("funding.compare.requires_order", {"plan": layer["id"], "order": place}) for layer, place in moved)
        case = {**option.case, "layers": kept}
        yield replace(option, option_id=option.option_id + names, case=case, requires=option.requires + requires)


def _placed(layer: Mapping[str, object], place: int | None) -> Mapping[str, object]:
    bare = {name: value for name, value in layer.items() if name != "orders"}
    return bare if place is None else {**bare, "order": place}


# --- choices that cannot be read ------------------------------------------------------------------------------------


class _Joining(Struct, frozen=True):
    """Terms on which a plan can still be joined."""

    until: Annotated[str, of_form(text_of, "the last day to join", harmless="", reason="funding.compare.could_join")]
    premium: Amount = 0


class _Choosing(Struct, frozen=True):
    """What a layer says of other ways to pay."""

    id: Any = None
    orders: Annotated[tuple[Annotated[int, Meta(ge=0, extra={"reason": "funding.compare.orders"})], ...], Meta(extra={"reason": "funding.compare.orders"})] = ()
    could_join: Annotated[_Joining, Meta(extra={"reason": "funding.compare.could_join"})] | None = None


class _Entry(Struct, frozen=True):
    """A choice, and what it changes."""

    id: Text
    kind: Literal["product", "region", "other"]
    requires: tuple[Text, ...] = ()
    without: tuple[Text, ...] = ()
    layers: tuple[_Choosing, ...] = ()
    per_bill_unit: Annotated[str, of_form(rate_text, "a rate above zero as text", harmless="1", reason="funding.compare.rate")] | None = None
    on: Any = None
    source: Any = None


class _Choices(Struct, frozen=True):
    """A case as far as it says which choices there are."""

    layers: tuple[_Choosing, ...] = ()
    compare: tuple[_Entry, ...] = ()


def _problems(written: Mapping[str, object]) -> Iterator[Reason]:
    """What of the choices cannot be read."""
    told = Complaints("", [])
    choices = read_on(_Choices, written, told.report, replace(MONEY, strays=None))
    _check_joining(choices.layers, (), told)
    names = [entry.id for entry in choices.compare]
    for number, entry in enumerate(choices.compare):
        path = ("compare", number)
        if entry.id and (names.count(entry.id) > 1 or entry.id == BASE):
            told.problem("duplicate", (*path, "id"))
        if entry.per_bill_unit is not None and told.fine((*path, "per_bill_unit")) and not (is_text(entry.on) and is_text(entry.source)):
            told.problem("funding.compare.rate", (*path, "per_bill_unit"), found=shape_of(entry.per_bill_unit))
        _check_joining(entry.layers, path, told)
    yield from told.problems


def _check_joining(layers: Sequence[_Choosing], path: Path, told: Complaints) -> None:
    """A plan that could be joined, or that stands in a choice, has an id."""
    for number, layer in enumerate(layers):
        at = (*path, "layers", number)
        if path and not isinstance(layer.id, str) and told.fine(at):
            told.problem("text", (*at, "id"), found="nothing" if layer.id is None else shape_of(layer.id))
        elif layer.could_join is not None and not is_text(layer.id):
            told.problem("funding.compare.could_join", (*at, "could_join"), found="an object")


# --- printing -------------------------------------------------------------------------------------------------------


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """The comparison as plain JSON; each option with the contract's object of its own case."""
    base = comparison.base
    return {
        "currency": comparison.currency,
        "options": [_option(one, None if base is None else base.pays_minor) for one in comparison.options],
        "cannot": [{"id": name, "reasons": [reason.as_json() for reason in reasons]} for name, reasons in comparison.cannot],
    }


def _option(one: Compared, base_minor: int | None) -> dict[str, object]:
    return {
        "id": one.option.option_id,
        "patient_pays": format_minor(one.pays_minor),
        "difference": None if base_minor is None else format_minor(one.pays_minor - base_minor),
        "premium": format_minor(one.option.premium_minor),
        "patient_pays_if_only_verified_pay": format_minor(one.sure_minor),
        "unverified": list(one.unverified),
        "requires": [{"key": key, "values": dict(values)} for key, values in one.option.requires],
        "result": as_json(one.funded),
    }


def comparison_sentences(comparison: Comparison) -> Iterator[Sentence]:
    """The comparison in words, best first."""
    base = comparison.base
    for rank, one in enumerate(comparison.options, 1):
        values: dict[str, str | int] = {"rank": rank, "option": one.option.option_id, "amount": format_minor(one.pays_minor), "currency": comparison.currency}
        yield "funding.compare.option", values
        if base is not None and one is not base:
            step = "less" if one.pays_minor < base.pays_minor else "more" if one.pays_minor > base.pays_minor else "same"
            difference = format_minor(abs(one.pays_minor - base.pays_minor))
            yield f"funding.compare.{step}", {"amount": difference, "currency": comparison.currency}
        if one.unverified:
            values = {"plans": ", ".join(one.unverified), "amount": format_minor(one.sure_minor), "currency": comparison.currency}
            yield "funding.compare.unverified", values
        yield from one.option.requires
    for name, reasons in comparison.cannot:
        yield "funding.compare.cannot", {"option": name, "count": len(reasons)}
