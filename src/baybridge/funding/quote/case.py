"""Reading a funding case: a file, or part of a quote, into terms; every problem at once.

Main job: `read_cases(data, scale)` answers one or many `FundingCase`, or a refusal with each problem's path, what was expected and
what was found.

**Source**: shared funding contract. **Units**: see `plans/terms.py`. Elsewhere: the form of a case in `plans/written.py`, layers in `plans/layers.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.documents.reading import read_on
from baybridge.documents.source import Path
from baybridge.funding.outcome.agreement import OPEN_OUTCOMES
from baybridge.funding.plans.layers import read_layers
from baybridge.funding.plans.terms import PATIENT, Agreement, FundingCase, Line, Scale, Tender
from baybridge.funding.plans.written import WrittenAgreement, WrittenCase, WrittenLine, WrittenSettlement, WrittenTender
from baybridge.funding.quote.reading import MONEY, Complaints, is_text, shape_of


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
    cases = [_case(item, scale, Complaints(where, problems)) for item, where in _items(data)]
    return refuse(*problems, category=Category.INVALID) if problems else tuple(cases)


def _items(data: object) -> list[tuple[object, str]]:
    """Each case with where it stands in the file."""
    return [(item, f"[{index}]") for index, item in enumerate(data)] if isinstance(data, list) else [(data, "")]


def read_written_cases(data: object, scale: Scale) -> tuple[FundingCase, ...] | Refusal:
    """The cases of a file that somebody wrote: which of two layers that cover one charge pays first is said, never left to where they stand."""
    cases = read_cases(data, scale)
    if isinstance(cases, Refusal):
        return cases
    problems: list[Reason] = []
    for (item, where), case in zip(_items(data), cases, strict=True):
        told = Complaints(where, problems)
        for place, order in _same_orders(_levelled(item, told), case):
            if order is None:
                told.problem("whole", ("layers", place, "order"), found="nothing", at_least=0)
            else:
                told.problem("same_order", ("layers", place, "order"), found=order)
    return refuse(*problems, category=Category.INVALID) if problems else cases


def _same_orders(item: Mapping[str, Any], case: FundingCase) -> Iterator[tuple[int, int | None]]:
    """The places in the file of layers whose order another one has that may pay the same charge, with that order; None where neither says any."""
    places = {layer.get("id"): (place, layer.get("order")) for place, layer in enumerate(item.get("layers") or ())}
    for number, layer in enumerate(case.layers):
        place, said = places[layer.layer_id]
        if any(layer.covers & other.covers and said == places[other.layer_id][1] for other in case.layers[:number]):
            yield place, said


def _levelled(item: object, told: Complaints) -> Mapping[str, Any]:
    """A case with the level `inputs` taken up to the top; what is no object has nothing."""
    outer = item if isinstance(item, Mapping) else {}
    inner = outer.get("inputs")
    if inner is not None and not isinstance(inner, Mapping):
        told.problem("object", ("inputs",), found=shape_of(inner))
    if not isinstance(inner, Mapping):
        return outer
    for name in set(outer) & set(inner):
        if outer[name] != inner[name]:
            told.problem("said_twice", (name,), found=shape_of(outer[name]), other=shape_of(inner[name]))
    return {**outer, **inner}


def _case(item: object, scale: Scale, told: Complaints) -> FundingCase:
    levelled = _levelled(item, told) if isinstance(item, Mapping) else item
    written = read_on(WrittenCase, levelled, told.report, MONEY)
    layers = read_layers(written.layers, written.currency, scale, told)
    _distinct_lines(written.bill_lines, told)
    return FundingCase(
        case_id=written.id if is_text(written.id) else None,
        currency=written.currency,
        event_on=written.event_date,
        lines=tuple(Line(line.id, line.category, line.gross) for line in written.bill_lines),
        layers=layers,
        instalments=written.instalments.count if written.instalments else None,
        agreement=_agreement(written.oba, {layer.layer_id for layer in layers}, told) if written.oba else None,
        tenders=_tenders(written.settlement, written.currency, told) if written.settlement else None,
    )


def _distinct_lines(lines: Sequence[WrittenLine], told: Complaints) -> None:
    for number, line in enumerate(lines):
        if line.id and line.id in {other.id for other in lines[:number]}:
            told.problem("duplicate", ("bill_lines", number, "id"))


def read_agreement(oba: Mapping[str, object], payers: Sequence[str]) -> Agreement:
    """The agreement of a document that was read before; ValueError where it cannot be read."""
    told = Complaints("", [])
    agreement = _agreement(read_on(WrittenAgreement, oba, told.report, MONEY, ("oba",)), set(payers), told)
    if told.problems:
        raise ValueError("expected an agreement as the funding contract writes it")
    return agreement


def _agreement(oba: WrittenAgreement, layer_ids: set[str], told: Complaints) -> Agreement:
    refunds, voids = frozenset(oba.refund_outcomes), frozenset(oba.void_outcomes)
    for outcome in sorted(refunds & voids):
        told.problem("outcome_twice", ("oba", "void_outcomes"), outcome=outcome)
    for outcome in sorted((refunds | voids) & set(OPEN_OUTCOMES)):
        told.problem("outcome_open", ("oba", "refund_outcomes"), outcome=outcome)
    for payer in oba.earlier_refunds or ():
        if payer != PATIENT and payer not in layer_ids:
            told.problem("unknown_payer", ("oba", "earlier_refunds", payer))
    return Agreement(
        basis=oba.basis,
        rate=oba.rate,
        cap_minor=oba.cap,
        allocation=oba.allocation,
        refund_outcomes=refunds,
        void_outcomes=voids,
        outcomes=tuple(case.outcome for case in oba.cases),
        earlier_refunds=dict(oba.earlier_refunds or {}),
    )


def _tenders(settlement: WrittenSettlement, currency: str, told: Complaints) -> tuple[Tender, ...]:
    tenders = tuple(_tender(tender, ("settlement", "tenders", number), currency, told) for number, tender in enumerate(settlement.tenders))
    if sum(bool(tender.remainder) for tender in settlement.tenders) > 1:
        told.problem("remainder_twice", ("settlement", "tenders"))
    return tenders


def _tender(tender: WrittenTender, path: Path, bill_currency: str, told: Complaints) -> Tender:
    same, rate = tender.currency == bill_currency, tender.rate_bill_to_tender
    if bool(tender.remainder) == (tender.bill_ccy_amount is not None) and told.fine((*path, "remainder")):
        told.problem("amount_or_remainder", (*path, "remainder"), found=shape_of(tender.remainder) if tender.remainder is not None else "nothing")
    if not same and rate is None:
        told.problem("exchange_rate", (*path, "rate_bill_to_tender"), found="nothing")
    if same and rate is not None and Fraction(rate) != 1:
        told.problem("rate_of_same", (*path, "rate_bill_to_tender"), found=shape_of(rate))
    amount = None if tender.remainder else tender.bill_ccy_amount or 0
    return Tender(tender.currency, amount, Fraction(rate or 1), rate or "1")
