"""The checker of plan documents: form, source, worked cases, and whether each number is held by a case.

Main job: `check(document, known)` answers every problem of a plan, agreement, means-test scale or outcome-rates document.

A document says what it gives in its own worked cases; they are computed here, and each number is moved by its last place to see that a
case notices. **Source**: policy reference D3 and D4 ("each plan row needs…", required contract fields). **Units**: as in the documents.
Elsewhere: the form of each shape in `documents/plan.py`, the line of a path in `documents/source.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from msgspec import inspect

from baybridge.base import decoding
from baybridge.base.money import CURRENCIES, format_minor, parse_minor
from baybridge.base.outcome import Reason, Refusal
from baybridge.documents.loader import Documents, packaged_data
from baybridge.documents.plan import AGREEMENT, BENEFIT, MEANS_TEST, SHAPES, PlanDocument, Plans, WorkedCase, is_money, misformed
from baybridge.documents.problems import UNKNOWN_KEY, field_name
from baybridge.documents.reading import DOCUMENT
from baybridge.documents.types import bare
from baybridge.funding.outcome.agreement import settle
from baybridge.funding.outcome.clauses import CLAUSES, FOLLOWS, clause_of
from baybridge.funding.plans.layers import VERIFIED, scale_of
from baybridge.funding.plans.means_test import contribution_of
from baybridge.funding.plans.plans import TEMPLATES, ChosenPlan, Household, layer_from
from baybridge.funding.plans.quota import WHEN_USED_UP, is_amount
from baybridge.funding.plans.terms import Agreement, FundingCase, MeansTest
from baybridge.funding.quote.case import read_cases
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.funding.quote.reading import is_text, reason_of, shape_of
from baybridge.funding.quote.report import fund
from baybridge.language.languages import languages_of
from baybridge.language.regions import regions_of

NEEDED = ("version", "title", "source", "status", "verified_by", "verified_on", "confidence")
CITED = ("source_url", "document_date", "jurisdiction", "currency", "cases")
PLAN_TERMS = ("payer", "kind_of_payer", "order", "in_force_from", "in_force_to", "listed_products", "rates_by_risk_class")
AGREEMENT_TERMS = (
    "product", "indication", "line", "enrol_by", "outcome", "assessor_independence", "evidence", "cap", "rate", "basis", "allocation",
    "refund_outcomes", "void_outcomes", "death_rule", "missing_assessment_rule", "withdrawal_rule", "retreatment_rule",
    "out_of_specification_rule", "not_infused_rule", "dispute_and_time_limit", "tax",
)  # fmt: skip
_CHOICES = {"status": (VERIFIED, "unverified", "expired"), "confidence": ("high", "medium", "low"), "shape": tuple(SHAPES)}


@dataclass(frozen=True, slots=True)
class Known:
    """What a document of money may name: other documents (means-test scales), regions, and the languages that its title stands in."""

    others: Plans
    regions: tuple[str, ...]
    languages: tuple[str, ...]


def known_from(documents: Documents) -> Known:
    """What plan documents of a site may name; a title stands in each language that Baybridge comes with, whatever a site adds."""
    shipped = Documents(packaged_data())
    return Known(documents.typed.plans, tuple(regions_of(documents.folder)), tuple(languages_of(shipped.folder)))


def check(document: object, known: Known) -> tuple[Reason, ...]:
    """Every problem of a document: of its form, of what must be named, of its terms and of its worked cases."""
    if not is_money(document):
        return (Reason("funding.case.object", {"found": shape_of(document)}),)
    problems = [*_form(document, known)]
    shaped = document.get("shape") in SHAPES
    if shaped:
        problems += _shape_problems(document, known.others)
    if shaped and not problems:
        problems += _case_problems(document, known.others)
    problems += _misformed(document, frozenset(reason.where for reason in problems))
    if not problems and not str(document.get("id")).startswith(TEMPLATES):
        problems += _untested(document, known.others)
    return tuple(problems)


def _sort(kind: inspect.Type) -> str:
    """The code of what is said against a value of another sort."""
    match bare(kind):
        case inspect.BoolType():
            return "funding.check.flag"
        case inspect.CollectionType():
            return "funding.check.list"
    return f"funding.case.{reason_of(kind).partition(':')[0]}"


_OF_PLANS = replace(DOCUMENT, code=_sort)


def _misformed(document: PlanDocument, told: frozenset[str]) -> tuple[Reason, ...]:
    """Keys that the shape does not have and values of another sort, where nothing was said of the field yet."""
    found: list[Reason] = []

    def note(code: str, path: tuple[str | int, ...], expected: str, was: str, _: str) -> None:
        where = field_name(path)
        if where in told:
            return
        if code == UNKNOWN_KEY:
            found.append(Reason("funding.check.unknown_key", {"found": was, "known": expected.removeprefix("one of ")}, where=where))
        else:
            found.append(Reason(code, {"found": was, "at_least": 0}, where=where))

    misformed(document, note, _OF_PLANS)
    return tuple(found)


def _form(document: PlanDocument, known: Known) -> Iterator[Reason]:
    needed = NEEDED + (CITED if document.get("shape") in (BENEFIT, AGREEMENT, MEANS_TEST) else ())
    needed += {BENEFIT: PLAN_TERMS, AGREEMENT: AGREEMENT_TERMS}.get(str(document.get("shape")), ())
    if not is_text(document.get("id")):
        yield Reason("funding.case.text", {"found": shape_of(document.get("id"))}, where="id")
    for name in needed:
        if name not in document:
            yield Reason("funding.check.missing", {"field": name}, where=name)
    for name, allowed in _CHOICES.items():
        if (name in document or name == "shape") and document.get(name) not in allowed:
            yield Reason("funding.case.one_of", {"expected": ", ".join(allowed), "found": shape_of(document.get(name))}, where=name)
    yield from _text_problems(document, known)
    yield from _quota_problems(document)


def _quota_problems(document: PlanDocument) -> Iterator[Reason]:
    """A quota names places or money with what is used of them, the day that says so, and what happens when it is used up."""
    apply = document.get("apply")
    quota = apply.get("quota") if isinstance(apply, Mapping) else None
    if quota is None:
        return
    if not isinstance(quota, Mapping):
        yield Reason("funding.case.object", {"found": shape_of(quota)}, where="apply.quota")
        return
    for name, value in quota.items():
        if name in ("places", "used") and not (type(value) is int and value >= 0):
            yield Reason("funding.case.whole", {"at_least": 0, "found": shape_of(value)}, where=f"apply.quota.{name}")
        if name in ("amount", "amount_used") and not is_amount(value):
            yield Reason("funding.claim.amount", where=f"apply.quota.{name}")
    if not isinstance(quota.get("as_of"), date):
        yield Reason("funding.case.day", {"found": shape_of(quota.get("as_of"))}, where="apply.quota.as_of")
    if quota.get("when_used_up", WHEN_USED_UP[0]) not in WHEN_USED_UP:
        values = {"expected": ", ".join(WHEN_USED_UP), "found": shape_of(quota["when_used_up"])}
        yield Reason("funding.case.one_of", values, where="apply.quota.when_used_up")
    if not {"places", "used"} <= quota.keys() and not {"amount", "amount_used"} <= quota.keys():
        yield Reason("funding.check.quota", where="apply.quota")


def _text_problems(document: PlanDocument, known: Known) -> Iterator[Reason]:
    if document.get("status") == VERIFIED and not (document.get("verified_by") and isinstance(document.get("verified_on"), date)):
        yield Reason("funding.check.verified_by_whom", where="status")
    if "currency" in document and document["currency"] not in CURRENCIES:
        yield Reason("funding.case.one_of", {"expected": ", ".join(CURRENCIES), "found": shape_of(document["currency"])}, where="currency")
    places = document.get("jurisdiction", [])
    if not isinstance(places, list) or not set(map(str, places)) <= set(known.regions):
        yield Reason("funding.case.one_of", {"expected": ", ".join(known.regions), "found": shape_of(places)}, where="jurisdiction")
    title = document.get("title")
    for language in known.languages if "title" in document else ():
        if not isinstance(title, Mapping) or not is_text(title.get(language)):
            yield Reason("funding.check.title", {"language": language}, where="title")
    if "source" in document and not (isinstance(document["source"], str) and document["source"].strip()):
        yield Reason("funding.case.text", {"found": shape_of(document["source"])}, where="source")
    for name in ("document_date", "verified_on", "in_force_from", "in_force_to", "enrol_by"):
        if document.get(name) is not None and not isinstance(document[name], date):
            yield Reason("funding.case.day", {"found": shape_of(document[name])}, where=name)


# --- terms ----------------------------------------------------------------------------------------------------------


def _shape_problems(document: PlanDocument, others: Plans) -> Iterator[Reason]:
    shape = document["shape"]
    if shape == MEANS_TEST:
        scale = scale_of(document)
        for reason in scale.reasons if isinstance(scale, Refusal) else ():
            yield Reason(reason.code, reason.values, reason.source, reason.where.removeprefix(f"{document.get('id', '')}."))
    elif shape == AGREEMENT:
        read = _agreement(document)
        yield from read if isinstance(read, tuple) else ()
        yield from _clause_problems(document)
    elif shape == BENEFIT and document.get("benefit") is not None:
        yield from _plan_problems(document, others)
    elif shape == "outcome_rates":
        counts = document.get("counts")
        whole = isinstance(counts, Mapping) and all(type(count) is int and count >= 0 for count in counts.values())
        if not whole or (isinstance(counts, Mapping) and sum(counts.values()) != document.get("n")):
            yield Reason("funding.check.counts", where="counts")
    without_terms = shape == "outcome_rates" or (shape == BENEFIT and document.get("benefit", ...) is None)
    if not without_terms and not (isinstance(document.get("cases"), list) and document["cases"]):
        yield Reason("funding.check.no_cases", where="cases")


def _clause_problems(document: PlanDocument) -> Iterator[Reason]:
    """Each rule says refund, void, no_refund or nothing, and never another thing than the lists of outcomes."""
    for outcome, path in CLAUSES.items():
        holder = document.get(path[0])
        said = holder.get(path[1]) if len(path) > 1 and isinstance(holder, Mapping) else holder
        where = ".".join(path)
        if said is not None and said not in FOLLOWS:
            yield Reason("funding.case.one_of", {"expected": f"{', '.join(FOLLOWS)}, null", "found": shape_of(said)}, where=where)
        elif said is not None and said != clause_of(document, outcome):
            yield Reason("funding.check.clause_against_list", {"outcome": outcome, "rule": str(said)}, where=where)


def _plan_problems(document: PlanDocument, others: Plans) -> Iterator[Reason]:
    if not isinstance(document["benefit"], Mapping):
        yield Reason("funding.case.object", {"found": shape_of(document["benefit"])}, where="benefit")
        return
    if type(document.get("order")) is not int:
        yield Reason("funding.case.whole", {"at_least": 0, "found": shape_of(document.get("order"))}, where="order")
        return
    terms = document.get("means_test")
    if terms is not None and (not isinstance(terms, Mapping) or others.get(str(terms.get("scale")), {}).get("shape") != MEANS_TEST):
        scale = str(terms.get("scale")) if isinstance(terms, Mapping) else "-"
        yield Reason("funding.quote.scale_missing", {"plan": str(document.get("id")), "scale": scale}, where="means_test.scale")
        return
    classes = document.get("rates_by_risk_class")
    for risk_class in classes if isinstance(classes, Mapping) and classes else (None,):
        read = _read(document, others, {"gross": "1.00", "risk_class": risk_class})
        if isinstance(read, Refusal):
            found = [Reason(r.code, r.values, r.source, _in_document(r.where, risk_class)) for r in read.reasons]
            yield from {(reason.code, reason.where): reason for reason in found}.values()


def _in_document(where: str, risk_class: str | None) -> str:
    """The place in the document of a place in a funding case."""
    field = where.removeprefix("layers[0].")
    if field == "rate" and risk_class is not None:
        return f"rates_by_risk_class.{risk_class}"
    return field if field.startswith(("means_test", "order", "effective")) else f"benefit.{field}"


def _read(document: PlanDocument, others: Plans, case: WorkedCase) -> FundingCase | Refusal:
    """A plan over one charge of a category that it covers, as a funding case, on a day on which it pays."""
    nobody = {"annual_gross_income": "0.00", "net_assets": "0.00", "asset_allowance": "0.00"}
    household = decoding.convert({**nobody, **case.get("means_test", {})}, Household) if document.get("means_test") else None
    chosen = ChosenPlan(plan=str(document["id"]), risk_class=case.get("risk_class"), household=household)
    layer = layer_from(document, chosen, None, None, others)
    bare = {name: value for name, value in layer.items() if name not in ("effective_from", "effective_to", "waiting_days")}
    covers = layer.get("covers")
    category = case.get("category") or (covers[0] if isinstance(covers, list) and covers else "-")
    line = {"id": "charge", "category": category, "gross": case.get("gross")}
    written = {"currency": document.get("currency"), "event_date": "2026-01-01", "bill_lines": [line], "layers": [bare]}
    read = read_cases(written, NO_SCALE)
    return read if isinstance(read, Refusal) else read[0]


def _agreement(document: PlanDocument) -> Agreement | tuple[Reason, ...]:
    names = ("basis", "rate", "cap", "allocation", "refund_outcomes", "void_outcomes")
    oba = {name: document.get(name) for name in names if document.get(name) is not None}
    line = {"id": "drug", "category": "CAR_T_DRUG", "gross": "1.00"}
    written = {"currency": document.get("currency"), "event_date": "2026-01-01", "bill_lines": [line], "oba": oba}
    read = read_cases(written, NO_SCALE)
    if isinstance(read, Refusal):
        return tuple(Reason(r.code, r.values, r.source, r.where.removeprefix("oba.")) for r in read.reasons)
    agreement = read[0].agreement
    return agreement if agreement is not None else (Reason("funding.check.missing", {"field": "basis"}, where="basis"),)


# --- worked cases ---------------------------------------------------------------------------------------------------

#: What a worked case says that the document gives.
_EXPECTED = {BENEFIT: ("benefit", "binding"), AGREEMENT: ("refund", "code"), MEANS_TEST: ("contribution", "tier")}


def _case_problems(document: PlanDocument, others: Plans) -> Iterator[Reason]:
    if document["shape"] not in _EXPECTED or document.get("benefit", True) is None:
        return
    for index, case in enumerate(document["cases"]):
        where = f"cases[{index}]"
        expected = _said(document, case)
        found = _given(document, others, case)
        if found is None:
            yield Reason("funding.check.case_unreadable", {"case": _name(case, index)}, where=where)
        elif found != expected:
            values = {"case": _name(case, index), "expected": " ".join(expected), "found": " ".join(found)}
            yield Reason("funding.check.case_fails", values, where=where)


def _name(case: object, index: int) -> str:
    return str(case.get("name", index)) if isinstance(case, Mapping) else str(index)


def _said(document: PlanDocument, case: WorkedCase) -> tuple[str, ...]:
    return tuple(str(case.get(name)) for name in _EXPECTED[document["shape"]]) if isinstance(case, Mapping) else ()


def _given(document: PlanDocument, others: Plans, case: WorkedCase) -> tuple[str, ...] | None:
    """What the document gives for a worked case; None where the case cannot be read."""
    give: Mapping[str, Callable[[PlanDocument, Plans, WorkedCase], tuple[str, ...] | None]] = {BENEFIT: _benefit, AGREEMENT: _refund, MEANS_TEST: _contribution}
    try:
        return give[document["shape"]](document, others, case)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):  # a case that is not of its shape
        return None


def _benefit(document: PlanDocument, others: Plans, case: WorkedCase) -> tuple[str, ...] | None:
    read = _read(document, others, case)
    funded = read if isinstance(read, Refusal) else fund(read)
    if isinstance(funded, Refusal):
        return None
    paid = funded.stack.layers[0]
    return format_minor(paid.amounts.benefit), paid.binding


def _refund(document: PlanDocument, _: Plans, case: WorkedCase) -> tuple[str, ...] | None:
    agreement = _agreement(document)
    if not isinstance(agreement, Agreement):
        return None
    paid = {payer: parse_minor(amount) for payer, amount in case["paid"].items()}
    settled = settle(agreement, paid, parse_minor(case["drug"]), case["outcome"])
    return format_minor(settled.refund_minor), settled.code


def _contribution(document: PlanDocument, _: Plans, case: WorkedCase) -> tuple[str, ...] | None:
    scale = scale_of(document)
    if isinstance(scale, Refusal):
        return None
    one = Fraction(1)
    test = MeansTest(parse_minor(case["adfr"]), one, 0, 0, 0, one, None, scale)
    found = contribution_of(test)
    return format_minor(found.contribution_minor), found.tier


# --- is every number held by a case ---------------------------------------------------------------------------------


def _untested(document: PlanDocument, others: Plans) -> Iterator[Reason]:
    """Each number of the terms that could be another without a worked case noticing."""
    if document["shape"] not in _EXPECTED or document.get("benefit", True) is None:
        return
    for path, number in _numbers(document):
        if not any(_noticed(document, others, path, number, sign) for sign in (1, -1)):
            yield Reason("funding.check.number_untested", {"field": field_name(path)}, where=field_name(path))


Path = tuple[str | int, ...]


def _numbers(document: PlanDocument) -> Iterator[tuple[Path, Decimal]]:
    for part in ("benefit", "rates_by_risk_class", "means_test", "scale", "rate", "cap"):
        yield from _numbers_in(document.get(part), (part,))


def _numbers_in(value: object, path: Path) -> Iterator[tuple[Path, Decimal]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _numbers_in(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _numbers_in(item, (*path, index))
    elif isinstance(value, str) and value[:1].isdecimal() and (number := _decimal(value)) is not None:
        yield path, number


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _noticed(document: PlanDocument, others: Plans, path: Path, number: Decimal, sign: int) -> bool:
    exponent = number.as_tuple().exponent
    place = min(int(exponent), -2) if isinstance(exponent, int) else -2
    changed = number + sign * Decimal(1).scaleb(place)
    if changed < 0:
        return False
    moved = _moved(document, path, f"{changed:f}")
    return is_money(moved) and any(_given(moved, others, case) != _said(moved, case) for case in moved["cases"])


def _moved(value: object, path: Path, text: str) -> object:
    """The value with another text at a place."""
    if not path:
        return text
    if isinstance(value, Mapping):
        return {name: _moved(item, path[1:], text) if name == path[0] else item for name, item in value.items()}
    items = value if isinstance(value, list) else []
    return [_moved(item, path[1:], text) if index == path[0] else item for index, item in enumerate(items)]


