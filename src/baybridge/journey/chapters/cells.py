"""Cells: the slot, papers, collection, journeys, manufacture, release."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from baybridge.journey.chapters.envelope import Event

PermitKind = Literal["special_article", "export", "import_licence", "carrier", "hgr"]
Leg = Literal["to_plant", "to_centre"]


class TravelArranged(Event, frozen=True, kw_only=True, tag=True):
    """Entry papers, invitation and lodging stand."""

    papers: tuple[str, ...]
    arrives_on: date


class SlotReserved(Event, frozen=True, kw_only=True, tag=True):
    """A collection day at the centre and a start at the plant are held together."""

    plant_node: str
    product: str
    collection_on: date
    chain_of_identity: str
    supply_basis: Literal["registered", "named_patient"] | None = None


class PermitRecorded(Event, frozen=True, kw_only=True, tag=True):
    """A paper for the border stands, between two dates."""

    kind: PermitKind
    leg: Leg
    number: str
    valid_from: date
    valid_to: date
    attachment: str = ""  # the paper among the documents of the case


class CellsCollected(Event, frozen=True, kw_only=True, tag=True):
    """Leukapheresis ended; two people checked identity and labels."""

    chain_of_identity: str
    bags: tuple[str, ...]
    started_at: datetime
    ended_at: datetime
    volume_ml: int
    first_checker: str = ""  # typed names of before two persons signed
    second_checker: str = ""


class ShipmentDispatched(Event, frozen=True, kw_only=True, tag=True):
    """Bags left, with logger and container; clocks run from here."""

    shipment_id: str
    leg: Leg
    to_node: str
    chain_of_identity: str
    bags: tuple[str, ...]
    container: str
    logger_id: str
    dispatched_at: datetime
    remaining_hold_h: int | None


class CourierNamed(Event, frozen=True, kw_only=True, tag=True):
    """Bags were given to a courier who has no account: who it is, under which waybill and seal, when; the giver signs, the courier confirms by a code."""

    shipment_id: str
    courier: str
    waybill: str
    seal: str
    handed_at: datetime


class CourierConfirmed(Event, frozen=True, kw_only=True, tag=True):
    """The courier took the bags over: the one-time code that the courier was given was said back, once and in time."""

    shipment_id: str
    confirmed_at: datetime


class ShipmentReceived(Event, frozen=True, kw_only=True, tag=True):
    """Bags arrived; what was scanned and what the logger said."""

    shipment_id: str
    leg: Leg
    chain_of_identity: str
    bags: tuple[str, ...]
    received_at: datetime
    warmest_c: float
    coldest_c: float
    minutes_outside: int
    seal_intact: bool
    disposition: Literal["accepted", "quarantined"]
    findings: tuple[str, ...] = ()
    seal: str = ""  # as read at arrival


class QuarantineResolved(Event, frozen=True, kw_only=True, tag=True):
    """Quality decided on quarantined bags."""

    bags: tuple[str, ...]
    decision: Literal["use", "discard"]
    basis: str


class ManufactureStarted(Event, frozen=True, kw_only=True, tag=True):
    """The plant began a batch from the collected cells."""

    chain_of_identity: str
    batch: str
    from_bags: tuple[str, ...]


class ProductTested(Event, frozen=True, kw_only=True, tag=True):
    """Release tests of a batch were recorded, each as (attribute, value, unit)."""

    batch: str
    results: tuple[tuple[str, str, str], ...]
    outcome: str
    decision_sha256: str


class ProductReleased(Event, frozen=True, kw_only=True, tag=True):
    """Quality released a batch against its specification."""

    batch: str
    product: str
    chain_of_identity: str
    bags: tuple[str, ...]
    expires_at: datetime
    storage_max_c: float
    specification: str
    decision_sha256: str
    certificate: str


class LateResultRecorded(Event, frozen=True, kw_only=True, tag=True):
    """Results of a batch that came after its release, as (attribute, value, unit): final sterility, and whatever was measured again.

    `failed` are the attributes out of their limit, `critical` whether one of them lets nobody use the product.
    """

    batch: str
    results: tuple[tuple[str, str, str], ...]
    outcome: str
    failed: tuple[str, ...]
    critical: bool
    decision_sha256: str


class ProductRejected(Event, frozen=True, kw_only=True, tag=True):
    """A batch is out of specification and was not released."""

    batch: str
    chain_of_identity: str
    failed: tuple[str, ...]
    decision_sha256: str
