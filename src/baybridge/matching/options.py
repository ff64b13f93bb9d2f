"""Every option of a patient in one list: approved products where they are offered, other routes, and trials.

Main job: `options(…)` answers one row for each way to be treated somewhere, with status, reasons, published chances and the earliest
infusion; `ordered(rows, by)` sorts them as a person asks; `opening(decisions)` names the single test that would open most.

An option is never put above another on a chance unless `chances.better` allows it, so that the list has no hidden recommendation.
**Source**: catalogue, directory and label policies, each with its own. Elsewhere: what the patient pays is the funding part's, put beside by `node`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from baybridge.matching.chances import Chance, better, chances_of
from baybridge.matching.timing import Infusion, earliest_infusion

Json = Mapping[str, Any]
Route = Literal["approved", "named_patient", "centre_import", "in_use", "trial"]
Status = Literal["eligible", "not-yet", "undetermined", "ineligible"]
By = Literal["status", "date", "near", "chance"]
_ROUTES: tuple[Route, ...] = ("approved", "named_patient", "centre_import", "in_use")
_STATUSES: tuple[Status, ...] = ("eligible", "not-yet", "undetermined", "ineligible")


@dataclass(frozen=True, slots=True)
class Option:
    """One way to be treated; `centre` is None where the product may be given in the region and no source names who offers it."""

    route: Route
    product: str
    jurisdiction: str
    centre: str | None
    city: str | None
    policy: str | None
    status: Status
    not_before: date | None  # of status not-yet
    missing: tuple[str, ...]
    chances: tuple[Chance, ...]
    infusion: Infusion | None
    borders: int  # crossings between home and centre: 0 or 1
    same_city: bool
    languages: tuple[str, ...] | None
    unverified: bool  # the label text, the route or the offer is of low confidence: never entitles
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """Where the patient lives, and the earliest day on which cells could be collected; None where that is not known."""

    jurisdiction: str
    city: str | None
    today: date
    collection_on: date | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The documents that options are made from."""

    products: Mapping[str, Json]
    organisations: Sequence[Json]
    published: Json
    vein_to_vein: Json


def options(
    patient: Patient, catalogue: Catalogue, decisions: Mapping[str, Json], not_before: Mapping[str, date] | None = None
) -> tuple[Option, ...]:
    """Every way, by status and then by name; `decisions` are label decisions by policy, `not_before` the day on which a "no" of today ends."""
    rows = [
        _option(patient, catalogue, product, jurisdiction, centre, policy, decisions, not_before or {})
        for product, document in catalogue.products.items()
        for jurisdiction, entry in document["status"].items()
        if entry["status"] in _ROUTES
        for policy in _policies(document, jurisdiction)
        for centre in _centres(catalogue.organisations, product, jurisdiction)
    ]
    return ordered(rows, "status")


def _policies(document: Json, jurisdiction: str) -> Sequence[str | None]:
    """Labels of the region; where it has none the holder's mainland label tells who it is for, and the route decides."""
    own = [row["policy"] for row in document["labels"] if row["jurisdiction"] == jurisdiction]
    return own or [row["policy"] for row in document["labels"]] or [None]


def _centres(organisations: Sequence[Json], product: str, jurisdiction: str) -> Sequence[Json | None]:
    found = [row for row in organisations if row["jurisdiction"] == jurisdiction and _offer(row, product) is not None]
    return found or [None]


def _offer(centre: Json, product: str) -> Json | None:
    return next((offer for offer in centre.get("offers") or () if offer["product"] == product), None)


def _option(
    patient: Patient, catalogue: Catalogue, product: str, jurisdiction: str, centre: Json | None, policy: str | None,
    decisions: Mapping[str, Json], not_before: Mapping[str, date],
) -> Option:  # fmt: skip
    entry = catalogue.products[product]["status"][jurisdiction]
    decision = decisions.get(policy or "") or {}
    offer = (_offer(centre, product) if centre else None) or {}
    day = not_before.get(policy or "")
    status = _status(decision.get("outcome"), day, patient)
    city = centre.get("city") if centre else None
    languages = centre.get("languages") if centre else None
    return Option(
        route=entry["status"],
        product=product,
        jurisdiction=jurisdiction,
        centre=centre["id"] if centre else None,
        city=city,
        policy=policy,
        status=status,
        not_before=(day or patient.collection_on) if status == "not-yet" else None,
        missing=tuple(decision.get("missing") or ()),
        chances=chances_of(policy, catalogue.published),
        infusion=_infusion(patient, product, catalogue, day) if status in ("eligible", "not-yet") else None,
        borders=int(jurisdiction != patient.jurisdiction),
        same_city=city is not None and city == patient.city,
        languages=None if languages is None else tuple(languages),
        unverified="low" in (entry.get("confidence"), decision.get("confidence"), offer.get("confidence")),
        sources=tuple(filter(None, (entry.get("source"), offer.get("source"), *(decision.get("sources") or ())))),
    )


def _status(outcome: str | None, day: date | None, patient: Patient) -> Status:
    """Not yet where the label is met and a washout is not over, or where a "no" of today ends on a known day."""
    if outcome == "eligible":
        return "not-yet" if patient.collection_on is not None and patient.collection_on > patient.today else "eligible"
    if outcome in ("ineligible", "not-in-force"):
        return "not-yet" if day is not None else "ineligible"
    return "undetermined"


def _infusion(patient: Patient, product: str, catalogue: Catalogue, day: date | None) -> Infusion | None:
    if patient.collection_on is None:
        return None
    return earliest_infusion(product, max(patient.collection_on, day or patient.collection_on), catalogue.vein_to_vein)


# --- order ----------------------------------------------------------------------------------------------------------


def ordered(rows: Iterable[Option], by: By) -> tuple[Option, ...]:
    """The rows by status, by date, by nearness, or by chance; equal ones stand by name, which says nothing about them."""
    named = sorted(rows, key=lambda row: (row.product, row.jurisdiction, row.centre or "~", row.policy or ""))
    if by == "chance":
        return tuple(_by_chance(named))
    keys = {"status": _by_status, "date": _by_date, "near": _by_nearness}
    return tuple(sorted(named, key=keys[by]))


def _by_status(row: Option) -> tuple[int, bool]:
    return _STATUSES.index(row.status), row.unverified


def _by_date(row: Option) -> tuple[bool, date]:
    return row.infusion is None, row.infusion.on if row.infusion else date.max


def _by_nearness(row: Option) -> tuple[int, bool]:
    return row.borders, not row.same_city


def _by_chance(rows: Sequence[Option]) -> Iterator[Option]:
    """A row stands after one that is better than it, and otherwise where it stood."""
    left = list(rows)
    while left:
        free = (row for row in left if not any(better(other.chances, row.chances) for other in left if other is not row))
        best = next(free, left[0])
        left.remove(best)
        yield best


# --- what to test next ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """A missing fact: how many options it alone would settle, in how many it is missing, and what it costs to obtain."""

    fact: str
    settles: int
    concerns: int
    cost: int


def opening(decisions: Iterable[Json], costs: Mapping[str, int]) -> tuple[Opening, ...]:
    """Missing facts, the one that alone would settle most undetermined options first, then the cheaper one."""
    undetermined = [decision for decision in decisions if decision["outcome"] == "undetermined"]
    facts = sorted({fact for decision in undetermined for fact in decision["missing"]})
    rows = [
        Opening(
            fact,
            sum([fact] in [list(item) for item in decision["would_settle"]] for decision in undetermined),
            sum(fact in decision["missing"] for decision in undetermined),
            costs.get(fact, 1),
        )
        for fact in facts
    ]
    return tuple(sorted(rows, key=lambda row: (-row.settles, -row.concerns, row.cost, row.fact)))
