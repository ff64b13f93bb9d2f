"""A patient's options put together: eligibility by label, trials, timing, what it costs the patient, in one list.

Main job: `case_options(look, by, language)` answers `CaseOptions` for a case as a look shows it. Parts do not know of each other; here their answers stand side by side.

What the patient pays rests on the case's last quote where there is one, with the product's list price in place of the quoted product; without a quote it is the list
price alone and says so. **Units**: minor units of the currency that the price is listed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from baybridge.base.ids import ProductId
from baybridge.base.money import format_minor
from baybridge.base.outcome import Refusal
from baybridge.base.time import add_months, full_years
from baybridge.documents.organisations import Cities, Organisations
from baybridge.documents.product import Price, Product
from baybridge.documents.quote import QuoteDocument
from baybridge.documents.timing import Recovery, VeinToVein, Washouts
from baybridge.documents.trials import PublishedResponses
from baybridge.facts.exposure import Exposures, read_exposures
from baybridge.facts.fhir import Found, span
from baybridge.facts.treatment import read_transplants
from baybridge.facts.washouts import Collection, earliest_collection
from baybridge.funding.plans.terms import DRUG
from baybridge.funding.quote.comparing import BASE, Compared, Comparison, compare
from baybridge.funding.quote.quoting import NO_SCALE
from baybridge.language.regions import by_registry_name
from baybridge.matching.distance import Point
from baybridge.matching.eligibility import label_policies
from baybridge.matching.options import Catalogue, Opening, Option, Patient, opening, options, trial_options
from baybridge.matching.ordering import By, ordered
from baybridge.matching.trials import Screened, screened
from baybridge.node.commands.preview import Look
from baybridge.node.node import quote_document
from baybridge.node.options import kept_trials
from baybridge.policy.one_case.decide import DecisionDocument, decide

#: Birthdays that are looked at when age alone is against a patient.
_BIRTHDAYS = 2


@dataclass(frozen=True, slots=True)
class Paid:
    """What the patient would pay for one product; `sure_minor` where only verified plans pay, `unverified` the plans that are not."""

    pays_minor: int
    sure_minor: int
    currency: str
    quoted: bool  # on the case's quote; else the list price alone
    unverified: tuple[str, ...]
    source: str
    confidence: str
    list_minor: int


@dataclass(frozen=True, slots=True)
class Wait:
    """A criterion of fitness that is not met now and may pass: what it waits for, and its source."""

    criterion: str
    waits_for: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """The whole answer for one case."""

    rows: tuple[Option, ...]
    decisions: Mapping[str, DecisionDocument]  # by policy, labels and reviewed trials alike
    paid: Mapping[str, Paid]  # by product
    trials: Mapping[str, kept_trials.Kept]
    collection: Collection | None  # None where no drug history is recorded, so that no day can be said
    history_complete: bool
    waits: tuple[Wait, ...]
    openings: tuple[Opening, ...]

    def pays(self, row: Option) -> Paid | None:
        """What the patient would pay in this row: known where a price is listed in its region."""
        return self.paid.get(f"{row.product}/{row.jurisdiction}")


def case_options(look: Look, by: By = "status", language: str = "") -> CaseOptions:
    """Every option of the case's patient, in that order."""
    return _Together(look).answer(by, language)


class _Together:
    """The parts' answers for one look, each made once."""

    def __init__(self, look: Look) -> None:
        self.look, self.node, self.case = look, look.node, look.case
        self.today = look.unit.at.astimezone(look.node.site.zone).date()

    def answer(self, by: By, language: str) -> CaseOptions:
        products = self.node.documents.typed.products
        labels = {name: self._decision(name) for document in products.values() for name in label_policies(document)}
        everything = kept_trials.all_kept(self.node, self.look.unit.connection)
        kept = {one.trial.trial_id: one for one in everything if self._may_show(one.trial.synthetic)}
        answers = {name: self._screened(one) for name, one in kept.items()}
        decisions = {**labels, **{found.policy: decision for found, decision in answers.values() if found.policy and decision}}
        rows = (
            *options(self._patient, self._catalogue, labels, dict(self._later(labels))),
            *trial_options(self._patient, self._catalogue, [(kept[name].trial, found) for name, (found, _) in answers.items()]),
        )
        paid = dict(self._paid(products))
        amounts = {row.key: paid[f"{row.product}/{row.jurisdiction}"].sure_minor for row in rows if f"{row.product}/{row.jurisdiction}" in paid}
        open_rows = [decisions[row.policy] for row in rows if row.policy in decisions]
        costs = {name: round(fact.cost) for name, fact in self.node.dictionary.facts.items()}
        return CaseOptions(
            rows=ordered(rows, by, amounts, language),
            decisions=decisions,
            paid=paid,
            trials=kept,
            collection=self._collection,
            history_complete=self._exposures.complete,
            waits=self._waits,
            openings=opening(open_rows, costs),
        )

    def _may_show(self, synthetic: bool | None) -> bool:  # noqa: FBT001 - a mark of a row
        """What is invented is shown to invented patients alone."""
        return self.case.synthetic or not synthetic

    def _decision(self, name: str) -> DecisionDocument:
        policy = self.node.policies.get(name, self.today)
        return {**self.look.decide(name).as_json(), "confidence": policy.confidence}

    def _screened(self, one: kept_trials.Kept) -> tuple[Screened, DecisionDocument | None]:
        decision = None
        if one.counts and one.policy is not None and one.trial.recruits:
            decision = decide(one.policy, self.look.facts.values, subject=self.case.case_id, as_of=self.look.unit.at).as_json()
        return screened(one.trial, one.review, decision, by_registry_name(self.node.regions)), decision

    # --- who, where, when -------------------------------------------------------------------------------------------

    @cached_property
    def _patient(self) -> Patient:
        """At home where the case was opened, unless it says that home is another region."""
        site = self.node.site
        lives = self.node.regions.get(self.case.residence or "")
        home = lives.code if lives else site.jurisdiction
        city = lives.city if lives and home != site.jurisdiction else site.city
        on = self._collection.on if self._collection else None
        return Patient(home, city, self.today, on, tuple(wait.criterion for wait in self._waits))

    @cached_property
    def _catalogue(self) -> Catalogue:
        documents = self.node.documents.typed
        cities: Mapping[str, Point] = documents.the(Cities).cities
        offered = [row for row in documents.the(Organisations).organisations if "centre" in row.kinds and self._may_show(row.synthetic)]
        return Catalogue(documents.products, offered, documents.the(PublishedResponses), documents.the(VeinToVein), cities, self.node.regions)

    @cached_property
    def _resources(self) -> Found:
        return Found(self.look.situation(frozenset({"resources"})).record.resources)

    @cached_property
    def _exposures(self) -> Exposures:
        return read_exposures(self._resources, self.look.unit.at, self.node.dictionary.terms.treatments, self.case)

    @cached_property
    def _collection(self) -> Collection | None:
        """The first day on which every washout is over; a drug that is still given counts as given today."""
        doses = [(exposure.atc, min(exposure.last, self.today)) for exposure in self._exposures.dated]
        if not doses:
            return None
        treatments = self.node.dictionary.terms.treatments
        transplants = [("transplant", day) for day in read_transplants(self._resources, self.look.unit.at, treatments)]
        return earliest_collection(doses, self.node.documents.typed.the(Washouts), self.today, transplants)

    @cached_property
    def _waits(self) -> tuple[Wait, ...]:
        document = self.node.documents.typed.the(Recovery)
        known = {row.criterion: row for row in document.rows}
        against = [reason.criterion for reason in self.look.decide(document.policy).reasons if reason.holds is False]
        return tuple(Wait(name, known[name].for_, known[name].source) for name in against if name in known)

    def _later(self, labels: Mapping[str, DecisionDocument]) -> Iterator[tuple[str, date]]:
        """Labels whose "no" of today ends on a day that can be computed: the label comes into force, or a birthday makes the patient old enough."""
        for name, decision in labels.items():
            if decision["outcome"] == "not-in-force":
                begins = self.node.policies.get(name, self.today).in_force_from
                days: Sequence[date] = [begins] if begins and begins > self.today else []
            elif decision["outcome"] == "ineligible" and any(r["holds"] is False and "age" in r["facts"] for r in decision["reasons"]):
                days = self._birthdays
            else:
                continue
            found = next((day for day in days if self._on(name, day) == "eligible"), None)
            if found is not None:
                yield name, found

    @cached_property
    def _birthdays(self) -> Sequence[date]:
        fact = self.look.facts.facts.get("age")
        born = span(fact.original) if fact else None
        if born is None or not born.exact:
            return ()
        years = full_years(born.first, self.today)
        return [add_months(born.first, 12 * (years + number)) for number in range(1, _BIRTHDAYS + 1)]

    def _on(self, name: str, day: date) -> str:
        """What a label answers on another day, with the age of that day and everything else as it is."""
        facts = dict(self.look.facts.values)
        fact = self.look.facts.facts.get("age")
        born = span(fact.original) if fact else None
        if born is not None and born.exact:
            facts["age"] = full_years(born.first, day)
        return decide(self.node.policies.get(name, day), facts, subject=None, as_of=_noon(day, self)).outcome

    # --- money ------------------------------------------------------------------------------------------------------

    def _paid(self, products: Mapping[ProductId, Product]) -> Iterator[tuple[str, Paid]]:
        quote = self._quote
        for name, product in products.items():
            for price in product.list_price:
                found = self._pays(name, price, quote)
                if found is not None:
                    yield f"{name}/{price.jurisdiction}", found

    @cached_property
    def _quote(self) -> QuoteDocument | None:
        return quote_document(self.look.unit.connection, self.case)

    def _pays(self, product: str, price: Price, quote: QuoteDocument | None) -> Paid | None:
        quoted = quote is not None and quote["inputs"]["currency"] == price.currency
        compared = _on_quote(product, price, quote) if quoted and quote is not None else None
        found = compared or _alone(price, self.today)
        if found is None:
            return None
        return Paid(
            found.pays_minor, found.sure_minor, price.currency, compared is not None, found.unverified,
            price.source, price.confidence, price.amount_minor,
        )  # fmt: skip


def _noon(day: date, together: _Together) -> datetime:
    return together.look.unit.at.replace(year=day.year, month=day.month, day=day.day)


def _on_quote(product: str, price: Price, quote: QuoteDocument) -> Compared | None:
    """The case's quote with this product at its list price; the quote itself where it is for this product."""
    inputs = quote["inputs"]
    if quote.get("product") == product:
        return _option_of(compare(inputs, NO_SCALE), BASE)
    drugs = [line for line in inputs["bill_lines"] if line["category"] == DRUG]
    if len(drugs) != 1:
        return None
    lines = [{**line, "gross": format_minor(price.amount_minor)} if line is drugs[0] else line for line in inputs["bill_lines"]]
    entry = {"id": product, "kind": "product", "bill_lines": lines, **({"oba": None} if "oba" in inputs else {})}
    return _option_of(compare({**inputs, "compare": [entry]}, NO_SCALE), product)


def _alone(price: Price, on: date) -> Compared | None:
    """The list price alone, with nobody else paying."""
    line = {"id": "drug", "category": DRUG, "gross": format_minor(price.amount_minor), "desc": ""}
    case = {"currency": price.currency, "event_date": on.isoformat(), "bill_lines": [line], "layers": []}
    return _option_of(compare(case, NO_SCALE), BASE)


def _option_of(comparison: Comparison | Refusal, name: str) -> Compared | None:
    if isinstance(comparison, Refusal):
        return None
    return next((one for one in comparison.options if one.option.option_id == name), None)
