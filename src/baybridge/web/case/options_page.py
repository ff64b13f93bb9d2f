"""Every option of a patient in one list, each with all its reasons; for the patient in plain words.

Main job: `options(view)`. Nothing is decided here: rows come from `node/options/options.py`, their order from `matching/ordering.py`. What no order
says anything about stands apart and is said to be unranked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.responses import Response

from baybridge.base.ids import ProductId
from baybridge.documents.organisations import Organisation, Organisations, Routes
from baybridge.documents.timing import Recovery
from baybridge.matching.options import Opening, Option
from baybridge.matching.ordering import ORDERS, By, rankable
from baybridge.node.options.options import CaseOptions, Paid, case_options
from baybridge.node.people.access import PERSONAL
from baybridge.policy.document.shapes import Policy
from baybridge.rulebook import view as policy_view
from baybridge.web.case.eligibility_page import criterion_texts
from baybridge.web.case.view import CaseView
from baybridge.web.money.quote_view import titles
from baybridge.web.page.page import saying_of

#: Tests to name at the top: the first opens most, the others follow.
_TESTS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """The decision that a row rests on, as the table of criteria shows it."""

    policy: Policy
    decision: Mapping[str, Any]
    rows: Mapping[str, policy_view.Row]


@dataclass(frozen=True, slots=True)
class Shown:
    """One row as the page shows it."""

    row: Option
    name: str
    place: str
    address: str | None  # of the centre or the trial, where there is a page
    route: str  # the sentence of the route in this region
    route_source: str
    paid: Paid | None
    judged: Judged | None
    ranked: bool
    synthetic: bool
    timeline: tuple[tuple[str, Any], ...]
    plans: tuple[str, ...]  # what the unverified plans are called
    languages: tuple[str, ...]
    missing: tuple[str, ...]  # what the missing facts are called

    @property
    def key(self) -> str:
        """An identifier of the row that stands in the page only."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.row.key)


def options(view: CaseView) -> Response:
    """The list in the order that the reader asked for, the test that would open most, and what collection waits for."""
    asked, priced = view.asked.query.get("by", "status"), view.shows("case.funding")
    orders = tuple(name for name in ORDERS if priced or name != "pays")
    by: By = next((name for name in orders if name == asked), "status")
    language = view.asked.query.get("speaks") or view.asked.language
    found = case_options(view.look, by, language)
    shown = [_shown(view, found, row, by) for row in found.rows]
    plain = view.asked.person.role in PERSONAL
    return view.render(
        "options-patient.html" if plain else "options.html",
        found=found,
        ranked=[one for one in shown if one.ranked],
        unranked=[one for one in shown if not one.ranked],
        counts={status: sum(one.row.status == status for one in shown) for status in ("eligible", "not-yet", "undetermined", "ineligible")},
        by=by,
        orders=orders,
        priced=priced,
        speaks=language,
        languages_known={code: one.name for code, one in view.asked.node.languages.items()},
        tests=_tests(found),
        drug=lambda wait: view.reader.code("matching.washout", wait.of),
        waiting=_criteria(view),
        today=view.now.astimezone(view.asked.node.site.zone).date(),
    )


def _criteria(view: CaseView) -> dict[str, str]:
    """What the criteria of fitness for collection are called."""
    policy = view.asked.node.policies.get(view.asked.node.documents.typed.the(Recovery).policy, view.now)
    return {name: view.reader.title(text) for name, text in criterion_texts(policy).items()}


def _tests(found: CaseOptions) -> tuple[Opening, ...]:
    """The tests that would settle an option alone, or, where none would, those that stand in most."""
    alone = [one for one in found.openings if one.settles]
    return tuple((alone or found.openings)[:_TESTS_SHOWN])


def _shown(view: CaseView, found: CaseOptions, row: Option, by: By) -> Shown:
    kept = found.trials.get(row.product)
    paid, plans, known = found.pays(row), titles(view), view.asked.node.languages
    amounts = {row.key: paid.sure_minor if paid else None}
    key, source = _route(view, row)
    return Shown(
        row=row,
        name=kept.trial.title if kept else _product(view, row.product),
        place=_place(view, row),
        address=f"/trials/{row.product}" if kept else (f"/centres/{row.centre}" if row.centre else None),
        route=key,
        route_source=source,
        paid=paid,
        judged=_judged(view, found, row),
        ranked=rankable(row, by, amounts),
        synthetic=bool(kept and kept.trial.synthetic) or _synthetic(view, row),
        timeline=_timeline(view, found, row),
        plans=tuple(plans.get(name, name) for name in (paid.unverified if paid else ())),
        languages=tuple(known[code].name if code in known else code for code in row.languages or ()),
        missing=tuple(map(view.asked_label, row.missing)),
    )


def _product(view: CaseView, product: str) -> str:
    return view.reader.title(view.asked.node.documents.typed.products[ProductId(product)].names)


def centre_row(view: CaseView, centre: str | None) -> Organisation | None:
    """The directory's row of a centre; None where there is none."""
    return next((row for row in view.asked.node.documents.typed.the(Organisations).organisations if row.id == centre), None)


def _place(view: CaseView, row: Option) -> str:
    if row.facility:
        return ", ".join(filter(None, (row.facility, view.reader.code("city", row.city))))
    centre = centre_row(view, row.centre)
    return view.reader.title({"en": centre.name, **centre.names}) if centre else view.reader.t("matching.option.no_centre")


def _synthetic(view: CaseView, row: Option) -> bool:
    centre = centre_row(view, row.centre)
    return centre is not None and centre.synthetic


def _route(view: CaseView, row: Option) -> tuple[str, str]:
    """The sentence of a route in a region and its source."""
    if row.route == "trial":
        return "matching.route.trial", row.sources[0]
    rows = view.asked.node.documents.typed.the(Routes).routes
    found = next((one for one in rows if (one.route, one.jurisdiction) == (row.route, row.jurisdiction)), None)
    return (f"matching.route.{row.route}.{row.jurisdiction}", found.source) if found else (f"matching.option.route.{row.route}", row.sources[0])


def _judged(view: CaseView, found: CaseOptions, row: Option) -> Judged | None:
    decision = found.decisions.get(row.policy or "")
    if decision is None or row.policy is None:
        return None
    kept = found.trials.get(row.product)
    policy = kept.policy if kept and kept.policy else view.asked.node.policies.get(row.policy, view.now)
    return Judged(policy, decision, policy_view.rows(policy, saying_of(view.asked)))


def _timeline(view: CaseView, found: CaseOptions, row: Option) -> tuple[tuple[str, date | tuple[int, ...] | None], ...]:
    """What comes when, where a day can be said: collection, bridging while the cells are made, lymphodepletion, infusion."""
    if row.infusion is None or found.collection is None:
        return ()
    collection = max(found.collection.on, row.not_before or found.collection.on)
    product = view.asked.node.documents.typed.products.get(ProductId(row.product))
    before = product.lymphodepletion.days_before if product and product.lymphodepletion else None
    return (("collection", collection), ("bridging", None), *((("lymphodepletion", before),) if before else ()), ("infusion", row.infusion.on))
