"""A payer's or programme's money over all its cases: what it is bound to, what may come back, and how much to keep in reserve.

Main job: `programme(asked)`. Refunds of open agreements are drawn from published response rates; every rate stands with its source and status, and a
rate of low confidence is shown as such and chosen by nobody but the reader.

**Units**: minor units; parts of pictures in percent of their width. Elsewhere: sums in `funding/payer/portfolio.py`, draws in `simulation/outlook.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from baybridge.base.outcome import Refusal
from baybridge.documents.plan import OutcomeRates
from baybridge.funding.payer.portfolio import STATES, bound_minor, documents_of, open_agreements, settled_refunds, standing
from baybridge.funding.plans.terms import FundingCase
from baybridge.funding.quote.quotes import recompute
from baybridge.http.doors import Asked
from baybridge.journey.case import Case
from baybridge.node.money import payer as payers
from baybridge.node.node import decision_document
from baybridge.simulation.outlook import PROGRAMME, Group, Outlook, Position, Rates, outlook, rates_of
from baybridge.web.case.view import product_name
from baybridge.web.page.page import Reader, render

DRAWS, SEED = 10_000, 1
_CONFIDENCE = ("high", "medium", "low")
_Published = tuple[str, OutcomeRates]  # the id of a publication, and what it says


@dataclass(frozen=True, slots=True)
class Shown:
    """One position with the places of its picture, in percent: where 90 of 100 draws lie, and the middle."""

    label: str
    position: Position
    low: float
    middle: float
    high: float

    @property
    def width(self) -> float:
        """From the 5th to the 95th of 100 draws."""
        return max(round(self.high - self.low, 2), 0.6)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rates of a product: those that are used, and the others to choose."""

    product: str
    name: str
    used: Rates
    options: tuple[tuple[str, str], ...]
    cases: int


def programme(asked: Asked) -> Response:
    """What this payer is bound to, and the outlook of its open outcome agreements."""
    payer, reader = asked.person.organisation, Reader(asked)
    cases = payers.cases_of(asked.node, payer)
    plans, agreements = documents_of(asked.node.documents.typed.plans, payer)
    rows = standing(cases, payer)
    running = open_agreements(cases)
    chosen, groups, without = _groups(asked, running)
    looks = _outlooks(groups)
    return render(
        asked,
        "programme.html",
        payer=reader.payer(payer),
        states=STATES,
        rows=[(currency, rows[currency], bound_minor(rows[currency])) for currency in sorted(rows)],
        running=len(running),
        chosen=chosen,
        without=without,
        looks=[(look, _positions(reader, look, plans, programme=bool(agreements))) for look in looks],
        settled=sorted(settled_refunds(cases, plans, programme=agreements).items()),
        is_programme=bool(agreements),
        has_plans=bool(plans),
        draws=DRAWS,
    )


def _groups(asked: Asked, running: Sequence[Case]) -> tuple[list[Chosen], list[Group], int]:
    """A group a case with the rates of its product; how many cases have no published rate for their product, or no quote that gives its result again."""
    options: dict[str, list[_Published]] = {}
    for name, document in asked.node.documents.typed.plans_in("rates").items():
        options.setdefault(str(document.get("product")), []).append((str(name), document))
    used: dict[str, Rates] = {}
    counted: dict[str, int] = {}
    groups: list[Group] = []
    for case in running:
        product = case.product or ""
        if product in options and product not in used:
            found = _rates(asked, product, options[product])
            if found is not None:
                used[product] = found
        funded = _quoted(asked, case)
        if product in used and funded is not None:
            groups.append(Group(funded, 1, used[product]))
            counted[product] = counted.get(product, 0) + 1
    reader = Reader(asked)
    chosen = [
        Chosen(product, product_name(asked, product), rates, _named(reader, options[product]), counted[product])
        for product, rates in used.items()
        if product in counted
    ]
    return chosen, groups, len(running) - len(groups)


def _named(reader: Reader, options: Sequence[_Published]) -> tuple[tuple[str, str], ...]:
    """What each publication is called, with its confidence where that is low."""
    low = f" ({reader.t('policy.confidence.low')})"
    return tuple((name, reader.title(document.get("title")) + (low if document.get("confidence") == "low" else "")) for name, document in _ordered(options))


def _ordered(options: Sequence[_Published]) -> list[_Published]:
    """Rates with the best confidence first, then the publication with most patients."""
    return sorted(options, key=lambda one: (_CONFIDENCE.index(str(one[1].get("confidence") or "low")), -int(one[1].get("n") or 0), one[0]))


def _rates(asked: Asked, product: str, options: Sequence[_Published]) -> Rates | None:
    """The rates that the reader chose for a product, else the best of those whose confidence is not low."""
    wanted = asked.query.get(f"rates-{product}")
    known = dict(options)
    name = wanted if wanted in known else next((name for name, document in _ordered(options) if document.get("confidence") != "low"), None)
    found = rates_of(known[name], name) if name is not None else None
    return found if isinstance(found, Rates) else None


def _quoted(asked: Asked, case: Case) -> FundingCase | None:
    """The case of a kept quote, as far as it still gives its result."""
    if case.quote is None:
        return None
    with asked.node.storage.reading() as connection:
        document = decision_document(connection, case.quote.event.quote_sha256)
    funded = recompute(document) if document is not None else None
    return None if funded is None or isinstance(funded, Refusal) or funded.case.agreement is None else funded.case


def _outlooks(groups: Sequence[Group]) -> list[Outlook]:
    """One outlook a currency."""
    looks = []
    for currency in sorted({group.case.currency for group in groups}):
        found = outlook([group for group in groups if group.case.currency == currency], draws=DRAWS, seed=SEED)
        if isinstance(found, Outlook):
            looks.append(found)
    return looks


def _positions(reader: Reader, look: Outlook, plans: frozenset[str], *, programme: bool) -> list[Shown]:
    """The reader's own positions: its plans, and what its programme refunds; nobody else's."""
    own = [one for one in look.positions if one.who in plans or (programme and one.who == PROGRAMME)]
    widest = max((one.quantiles[95] for one in own), default=0) or 1

    def at(minor: int) -> float:
        return round(100 * minor / widest, 2)

    def label(one: Position) -> str:
        return reader.t("programme.refunds") if one.who == PROGRAMME else reader.named("plan", one.who)

    return [Shown(label(one), one, *(at(one.quantiles[percent]) for percent in (5, 50, 95))) for one in own]
