"""Every option of a patient in one list: approved products where they are offered, other routes, and trials.

Main job: `options(…)` answers one row for each way to be treated somewhere, with status, reasons, published chances and the earliest
infusion; `trial_options(…)` the same for trials; `opening(decisions)` names the single test that would open most.

**Source**: catalogue, directory and label policies, each with its own. Elsewhere: the order of the rows and what may not be ranked in
`ordering.py`; what the patient pays is the funding part's, put beside by `node`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from baybridge.base.ids import ProductId
from baybridge.documents.heading import Confidence
from baybridge.documents.organisations import Offer, Organisation
from baybridge.documents.product import Approval, Product
from baybridge.documents.timing import VeinToVein
from baybridge.documents.trials import PublishedResponses
from baybridge.language.regions import Region, Regions, by_registry_name
from baybridge.matching.chances import Chance, chances_of
from baybridge.matching.distance import Point, kilometres
from baybridge.matching.eligibility import label_policies
from baybridge.matching.timing import Infusion, earliest_infusion
from baybridge.matching.trials import Location, Screened, Standing, Trial
from baybridge.policy.one_case.decide import DecisionDocument

Status = Literal["eligible", "not-yet", "undetermined", "ineligible"]
#: By which right a product reaches a patient; a region may name another for its own next door, and a trial is one.
_ROUTES = ("approved", "named_patient", "centre_import", "in_use", "hong_kong_macao_drug")
#: Where a product is used: what lets a designated hospital next door ask for it, where its own region has not approved it.
_USED_NEXT_DOOR = ("approved", "in_use")


@dataclass(frozen=True, slots=True)
class Option:
    """One way to be treated; `centre` is None where the product may be given in the region and no source names who offers it."""

    route: str
    product: str  # of the catalogue; the registry's number for a trial
    jurisdiction: str
    centre: str | None
    city: str | None
    policy: str | None
    status: Status
    not_before: date | None  # of status not-yet; None where no day can be given
    missing: tuple[str, ...]
    chances: tuple[Chance, ...]
    infusion: Infusion | None
    borders: int  # crossings between home and centre: 0 or 1
    same_city: bool
    languages: tuple[str, ...] | None
    unverified: bool  # the label text, the route or the offer is of low confidence: never entitles, never ranked
    sources: tuple[str, ...]
    distance_km: int | None = None  # in a straight line, between cities
    facility: str | None = None  # the place of a trial, as the registry writes it
    standing: Standing | None = None  # of a trial's criteria
    unread: int = 0  # published lines of a trial that no rule holds: a person reads them

    @property
    def key(self) -> str:
        """Names the row on a page: what, where, by which policy."""
        return "-".join((self.product, self.jurisdiction.lower(), self.centre or (self.facility or "any").casefold(), self.policy or "none"))


@dataclass(frozen=True, slots=True)
class Patient:
    """Where the patient lives, the earliest day on which cells could be collected (None where not known), and what collection waits for without a day."""

    jurisdiction: str
    city: str | None
    today: date
    collection_on: date | None
    waits_for: tuple[str, ...] = ()  # criteria of fitness that are not met now and can recover


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The documents that options are made from."""

    products: Mapping[ProductId, Product]
    organisations: Sequence[Organisation]
    published: PublishedResponses
    vein_to_vein: VeinToVein
    cities: Mapping[str, Point]
    regions: Regions


def options(
    patient: Patient, catalogue: Catalogue, decisions: Mapping[str, DecisionDocument], not_before: Mapping[str, date] | None = None
) -> tuple[Option, ...]:
    """Every way through the catalogue; `decisions` are label decisions by policy, `not_before` the day on which a "no" of today ends."""
    return tuple(
        _option(patient, catalogue, product, jurisdiction, centre, policy, decisions, not_before or {})
        for product, document in catalogue.products.items()
        for jurisdiction, entry in routes_of(document, catalogue.regions).items()
        for policy in _policies(document, jurisdiction)
        for centre in _centres(catalogue.organisations, product, jurisdiction)
    )


@dataclass(frozen=True, slots=True)
class Way:
    """A route by which a product can be had, with where that comes from."""

    route: str
    source: str
    confidence: Confidence


def routes_of(product: Product, regions: Regions) -> dict[str, Way]:
    """By region, the route by which a product can be had there, with its source and confidence."""
    status = product.status
    found = {jurisdiction: Way(entry.status, entry.source, entry.confidence) for jurisdiction, entry in status.items() if entry.status in _ROUTES}
    return found | {code: entry for code, region in regions.items() if (entry := _next_door(status, region, regions))}


def _next_door(status: Mapping[str, Approval], region: Region, regions: Regions) -> Way | None:
    """The route by which a product that nobody approved in a region may be asked for because regions next door use it."""
    door = region.next_door
    here = status.get(region.code)
    if door is None or here is None or here.status != "none_known":
        return None
    used = [entry for place in door.regions if (entry := status.get(place)) is not None and entry.status in _USED_NEXT_DOOR]
    if not used:
        return None
    places = " or ".join(regions[place].names["en"] for place in door.regions if place in regions)
    source = f"Used in {places} ({used[0].source}); whether the scheme of {region.names['en']} covers it is not established"
    return Way(door.route, source, door.confidence)


def _policies(product: Product, jurisdiction: str) -> Sequence[str | None]:
    """Labels of the region; where it has none the holder's mainland label tells who it is for, and the route decides."""
    return label_policies(product, jurisdiction) or label_policies(product) or (None,)


def _centres(organisations: Sequence[Organisation], product: str, jurisdiction: str) -> Sequence[Organisation | None]:
    found = [row for row in organisations if row.jurisdiction == jurisdiction and _offer(row, product) is not None]
    return found or [None]


def _offer(centre: Organisation, product: str) -> Offer | None:
    return next((offer for offer in centre.offers if offer.product == product), None)


def _option(
    patient: Patient, catalogue: Catalogue, product: ProductId, jurisdiction: str, centre: Organisation | None, policy: str | None,
    decisions: Mapping[str, DecisionDocument], not_before: Mapping[str, date],
) -> Option:  # fmt: skip
    way = routes_of(catalogue.products[product], catalogue.regions)[jurisdiction]
    decision = decisions.get(policy or "")
    offer = _offer(centre, product) if centre else None
    day = not_before.get(policy or "")
    status = _status(decision["outcome"] if decision else None, day, patient)
    city = centre.city if centre else None
    evidence = [one for one in (decision and decision.get("confidence"), offer and offer.confidence) if one]
    return Option(
        route=way.route,
        product=product,
        jurisdiction=jurisdiction,
        centre=centre.id if centre else None,
        city=city,
        policy=policy,
        status=status,
        not_before=_not_before(patient, day) if status == "not-yet" else None,
        missing=tuple(decision["missing"]) if decision else (),
        chances=(*chances_of(policy, catalogue.published), *chances_of(policy, catalogue.published, "response")),
        infusion=_infusion(patient, product, catalogue, day) if status in ("eligible", "not-yet") else None,
        borders=int(jurisdiction != patient.jurisdiction),
        same_city=city is not None and city == patient.city,
        languages=centre.languages if centre else None,
        unverified="low" in (way.confidence, *evidence),
        sources=tuple(filter(None, (way.source, offer.source if offer else None, *(decision["sources"] if decision else ())))),
        distance_km=kilometres(catalogue.cities.get(patient.city or ""), catalogue.cities.get(city or "")),
    )


def _status(outcome: str | None, day: date | None, patient: Patient) -> Status:
    """Not yet where the label is met and collection must wait, or where a "no" of today ends on a known day."""
    if outcome == "eligible":
        later = patient.collection_on is not None and patient.collection_on > patient.today
        return "not-yet" if later or patient.waits_for else "eligible"
    if outcome in ("ineligible", "not-in-force"):
        return "not-yet" if day is not None else "ineligible"
    return "undetermined"


def _not_before(patient: Patient, day: date | None) -> date | None:
    """The later of both days; none where collection waits for something that has no day."""
    if patient.waits_for:
        return None
    return max((found for found in (day, patient.collection_on) if found is not None), default=None)


def _infusion(patient: Patient, product: str, catalogue: Catalogue, day: date | None) -> Infusion | None:
    if patient.collection_on is None or patient.waits_for:
        return None
    return earliest_infusion(product, max(patient.collection_on, day or patient.collection_on), catalogue.vein_to_vein)


# --- trials ---------------------------------------------------------------------------------------------------------

_STATUS_OF: Mapping[str, Status] = {"eligible": "eligible", "ineligible": "ineligible"}


def trial_options(patient: Patient, catalogue: Catalogue, found: Iterable[tuple[Trial, Screened]]) -> tuple[Option, ...]:
    """One row for each place of a trial where the patient could go; without a valid review, or with lines left to read, nobody is called eligible."""
    return tuple(
        _trial_option(patient, catalogue, trial, screened, place)
        for trial, screened in found
        if screened.status != "closed"
        for place in screened.places
    )


def _trial_option(patient: Patient, catalogue: Catalogue, trial: Trial, screened: Screened, place: Location) -> Option:
    status = _STATUS_OF.get(screened.status, "undetermined")
    if status == "eligible" and screened.unread:
        status = "undetermined"
    if status == "eligible":
        status = _status("eligible", None, patient)
    jurisdiction = by_registry_name(catalogue.regions).get(place.country, place.country)
    return Option(
        route="trial",
        product=trial.trial_id,
        jurisdiction=jurisdiction,
        centre=None,
        city=place.city or None,
        policy=screened.policy,
        status=status,
        not_before=_not_before(patient, None) if status == "not-yet" else None,
        missing=screened.missing,
        chances=(),
        infusion=_infusion(patient, trial.trial_id, catalogue, None) if status in ("eligible", "not-yet") else None,
        borders=int(jurisdiction != patient.jurisdiction),
        same_city=bool(place.city) and place.city == patient.city,
        languages=None,
        unverified=False,
        sources=(f"ClinicalTrials.gov {trial.trial_id}",),
        distance_km=kilometres(catalogue.cities.get(patient.city or ""), place.point or catalogue.cities.get(place.city)),
        facility=place.facility,
        standing=screened.standing,
        unread=screened.unread,
    )


# --- what to test next ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """A missing fact: how many options it alone would settle, in how many it is missing, and what it costs to obtain."""

    fact: str
    settles: int
    concerns: int
    cost: int


def opening(decisions: Iterable[DecisionDocument], costs: Mapping[str, int]) -> tuple[Opening, ...]:
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
