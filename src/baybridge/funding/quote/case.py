"""Reading a funding case: a file, or part of a quote, into terms; every problem at once.

Main job: `read_cases(data, scale)` answers one or many `FundingCase`, or a refusal with each problem's path, what was expected and
what was found.

**Source**: shared funding contract. Fields beyond it: `deductible_group` (layers that share one deductible), `excluded` (reason codes
for which a layer pays nothing), `means_test.scale`, `oba.earlier_refunds`.
**Units**: see `plans/terms.py`. Elsewhere: layers in `plans/layers.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from baybridge.base.money import CURRENCIES
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.funding.outcome.agreement import OPEN_OUTCOMES
from baybridge.funding.plans.layers import read_layers
from baybridge.funding.plans.terms import PATIENT, Agreement, Allocation, FundingCase, Line, RefundBasis, Scale, Tender
from baybridge.funding.quote.reading import Fields, is_text, shape_of

_CASE = (
    "id", "title", "currency", "inputs", "expected", "event_date", "bill_lines", "layers", "instalments", "oba", "settlement",
    "compare",
)  # fmt: skip
_LINE = ("id", "category", "gross", "desc")
_OBA = ("basis", "rate", "cap", "allocation", "refund_outcomes", "void_outcomes", "cases", "earlier_refunds")
_TENDER = ("currency", "bill_ccy_amount", "remainder", "rate_bill_to_tender")


def parse_json(text: str | bytes) -> object:
    """The JSON value of a text with numbers kept exactly; a refusal says where it is no JSON or names a key twice."""
    doubles: list[str] = []

    def once(pairs: Sequence[tuple[str, object]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        doubles.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    def no_number(text: str) -> str:
        raise ValueError(text)

    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=no_number, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        return _unreadable(Reason("funding.case.not_json", {"line": error.lineno, "column": error.colno}))
    except (ValueError, RecursionError):
        return _unreadable(Reason("funding.case.not_json", {"line": 1, "column": 1}))
    if doubles:
        return _unreadable(*(Reason("funding.case.key_twice", where=name) for name in doubles))
    return value


def _unreadable(*reasons: Reason) -> Refusal:
    return refuse(*reasons, category=Category.INVALID)


def read_cases(data: object, scale: Scale) -> tuple[FundingCase, ...] | Refusal:
    """The case of an object, or the cases of a list, with `scale` for means tests that name none; else every problem."""
    problems: list[Reason] = []
    items = data if isinstance(data, list) else [data]
    cases = []
    for index, item in enumerate(items):
        where = f"[{index}]" if isinstance(data, list) else ""
        if isinstance(item, Mapping):
            cases.append(_case(_levelled(item, where, problems), scale))
        else:
            problems.append(Reason("funding.case.object", {"found": shape_of(item)}, where=where))
    if problems:
        return refuse(*problems, category=Category.INVALID)
    return tuple(cases)


def read_written_cases(data: object, scale: Scale) -> tuple[FundingCase, ...] | Refusal:
    """The cases of a file that somebody wrote: which of two layers that cover one charge pays first is said, never left to where they stand."""
    cases = read_cases(data, scale)
    if isinstance(cases, Refusal):
        return cases
    items = data if isinstance(data, list) else [data]
    problems = [
        Reason("funding.case.same_order", {"found": order}, where=f"[{index}].layers[{place}].order" if isinstance(data, list) else f"layers[{place}].order")
        for index, (item, case) in enumerate(zip(items, cases, strict=True))
        for place, order in _same_orders(_levelled(item, "", []), case)
    ]
    return refuse(*problems, category=Category.INVALID) if problems else cases


def _same_orders(fields: Fields, case: FundingCase) -> Iterator[tuple[int, int]]:
    """The places in the file of layers whose order another one has that may pay the same charge, with that order."""
    written = [layer.text("id") for layer in fields.children("layers")]
    for number, layer in enumerate(case.layers):
        if any(layer.order == other.order and layer.covers & other.covers for other in case.layers[:number]):
            yield written.index(layer.layer_id), layer.order


def _levelled(item: Mapping[str, object], where: str, problems: list[Reason]) -> Fields:
    """The fields of a case, with the level `inputs` taken up to the top."""
    outer = Fields(item, where, problems, _CASE)
    inner = outer.child("inputs", _CASE)
    if inner is None:
        return outer
    for name in set(item) & set(inner.value):
        if item[name] != inner.value[name]:
            outer.problem("said_twice", name, found=shape_of(item[name]), other=shape_of(inner.value[name]))
    return Fields({**item, **inner.value}, where, problems)


def _case(fields: Fields, scale: Scale) -> FundingCase:
    currency = fields.one_of("currency", CURRENCIES)
    event_on = fields.day("event_date")
    if not fields.has("event_date"):
        fields.wrong("day", "event_date")
    layers = read_layers(fields, currency, scale)
    instalments = fields.child("instalments")
    return FundingCase(
        case_id=fields.value["id"] if is_text(fields.value.get("id")) else None,
        currency=currency,
        event_on=event_on,  # type: ignore[arg-type]  # None only beside a problem, and then the case is not used
        lines=_lines(fields),
        layers=layers,
        instalments=instalments.whole("count", 1) if instalments else None,
        agreement=_agreement(fields, {layer.layer_id for layer in layers}),
        tenders=_tenders(fields, currency),
    )


def _lines(fields: Fields) -> tuple[Line, ...]:
    lines = []
    seen: set[str] = set()
    for item in fields.children("bill_lines", _LINE, at_least_one=True):
        line = Line(item.text("id"), item.text("category"), item.amount("gross"))
        if line.line_id and line.line_id in seen:
            item.problem("duplicate", "id")
        seen.add(line.line_id)
        lines.append(line)
    return tuple(lines)


def read_agreement(oba: Mapping[str, object], payers: Sequence[str]) -> Agreement:
    """The agreement of a document that was read before; ValueError where it cannot be read."""
    problems: list[Reason] = []
    agreement = _agreement(Fields({"oba": oba}, "", problems), set(payers))
    if agreement is None or problems:
        raise ValueError("expected an agreement as the funding contract writes it")
    return agreement


def _agreement(fields: Fields, layer_ids: set[str]) -> Agreement | None:
    oba = fields.child("oba", _OBA)
    if oba is None:
        return None
    refunds, voids = frozenset(oba.texts("refund_outcomes")), frozenset(oba.texts("void_outcomes"))
    for outcome in sorted(refunds & voids):
        oba.problem("outcome_twice", "void_outcomes", outcome=outcome)
    for outcome in sorted((refunds | voids) & set(OPEN_OUTCOMES)):
        oba.problem("outcome_open", "refund_outcomes", outcome=outcome)
    return Agreement(
        basis=RefundBasis(oba.one_of("basis", tuple(RefundBasis))),
        rate=oba.rate("rate"),
        cap_minor=oba.optional_amount("cap"),
        allocation=Allocation(oba.one_of("allocation", tuple(Allocation))),
        refund_outcomes=refunds,
        void_outcomes=voids,
        outcomes=tuple(item.text("outcome") for item in oba.children("cases", ("outcome",))),
        earlier_refunds=_earlier_refunds(oba, layer_ids),
    )


def _earlier_refunds(oba: Fields, layer_ids: set[str]) -> dict[str, int]:
    earlier = oba.child("earlier_refunds")
    if earlier is None:
        return {}
    for payer in earlier.value:
        if payer != PATIENT and payer not in layer_ids:
            earlier.problem("unknown_payer", payer)
    return {payer: earlier.amount(payer) for payer in earlier.value}


def _tenders(fields: Fields, currency: str) -> tuple[Tender, ...] | None:
    settlement = fields.child("settlement", ("tenders",))
    if settlement is None:
        return None
    tenders = tuple(_tender(item, currency) for item in settlement.children("tenders", _TENDER, at_least_one=True))
    if sum(tender.bill_minor is None for tender in tenders) > 1:
        settlement.problem("remainder_twice", "tenders")
    return tenders


def _tender(item: Fields, bill_currency: str) -> Tender:
    currency = item.one_of("currency", CURRENCIES)
    remainder = item.value.get("remainder")
    is_remainder = remainder not in (None, False)
    if (is_remainder and remainder is not True) or is_remainder == item.has("bill_ccy_amount"):
        item.wrong("amount_or_remainder", "remainder")
    same = currency == bill_currency
    if same and not item.has("rate_bill_to_tender"):
        return Tender(currency, None if is_remainder else item.amount("bill_ccy_amount", 0), Fraction(1), "1")
    rate = item.exchange_rate("rate_bill_to_tender")
    if same and rate != 1:
        item.wrong("rate_of_same", "rate_bill_to_tender")
    amount = None if is_remainder else item.amount("bill_ccy_amount", 0)
    return Tender(currency, amount, rate, str(item.value.get("rate_bill_to_tender")))
