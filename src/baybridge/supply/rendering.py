"""Events of the cells in FHIR: slot, permits, collection, shipments, manufacture, release.

**Source**: design section 6 (BiologicallyDerivedProduct, Specimen, SupplyDelivery, Provenance, Slot, DiagnosticReport); FHIR R4.
The chain of identity is an identifier on everything that is the patient's cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from baybridge.journey import events as ev
from baybridge.journey.fhir.resources import guidance
from baybridge.journey.fhir.writer import CHAIN, PRODUCT, Json, Writer, concept, identifier, organisation, quantity

_BAG = "urn:baybridge:bag"
_BATCH = "urn:baybridge:batch"
_SHIPMENT = "urn:baybridge:shipment"
_ATTRIBUTE = "urn:baybridge:release-attribute"


def _identifiers(chain: str, *, bags: tuple[str, ...] = (), batch: str = "") -> list[Json]:
    found = [identifier(CHAIN, chain)] if chain else []
    found += [identifier(_BATCH, batch)] if batch else []
    return found + [identifier(_BAG, bag) for bag in bags]


def _safe(prefix: str, text: str) -> str:
    safe = "".join(char if (char.isalnum() and char.isascii()) or char in "-." else "-" for char in text)
    return f"{prefix}-{safe}"[:64]


def slot(event: ev.SlotReserved, writer: Writer) -> None:
    """As Schedule, Slot and Appointment."""
    start, end = _whole_day(event.collection_on, writer)
    schedule = writer.add("Schedule", {"active": True, "actor": [organisation(event.plant_node)], "comment": "manufacturing starts"})
    slot = writer.add(
        "Slot",
        {
            "identifier": _identifiers(event.chain_of_identity),
            "schedule": schedule,
            "status": "busy",
            "start": start,
            "end": end,
            "serviceType": [concept(PRODUCT, event.product)],
        },
    )
    content = {
        "identifier": _identifiers(event.chain_of_identity),
        "status": "booked",
        "description": "leukapheresis",
        "start": start,
        "end": end,
        "slot": [slot],
        "created": writer.at,
        "participant": [{"actor": writer.patient, "status": "accepted"}],
    }
    writer.add("Appointment", content)


def _whole_day(on: date, writer: Writer) -> tuple[str, str]:
    zone = writer.told.at.strftime("%z") or "+0000"
    offset = f"{zone[:3]}:{zone[3:5]}"
    return f"{on.isoformat()}T00:00:00{offset}", f"{(on + timedelta(days=1)).isoformat()}T00:00:00{offset}"


def permit(event: ev.PermitRecorded, writer: Writer) -> None:
    """As DocumentReference."""
    writer.document(f"{event.kind} {event.leg}", identifier("urn:baybridge:permit", event.number), kind="permit")
    writer.resources[-1]["context"] = {"period": {"start": event.valid_from.isoformat(), "end": event.valid_to.isoformat()}}


def collected(event: ev.CellsCollected, writer: Writer) -> None:
    """As Procedure, Specimen, BiologicallyDerivedProduct and Provenance."""
    period = {"start": event.started_at.isoformat(), "end": event.ended_at.isoformat()}
    procedure = writer.add(
        "Procedure",
        {
            "identifier": _identifiers(event.chain_of_identity),
            "status": "completed",
            "code": {"text": "leukapheresis"},
            "subject": writer.patient,
            "performedPeriod": period,
        },
    )
    specimen = writer.add(
        "Specimen",
        {
            "identifier": _identifiers(event.chain_of_identity, bags=event.bags),
            "status": "available",
            "type": {"text": "leukapheresis material"},
            "subject": writer.patient,
            "collection": {"collectedPeriod": period, "quantity": quantity(event.volume_ml, "mL")},
        },
    )
    source = {"source": writer.patient} if writer.patient_reference else {}
    product = writer.add(
        "BiologicallyDerivedProduct",
        {
            "identifier": _identifiers(event.chain_of_identity, bags=event.bags),
            "productCategory": "cells",
            "productCode": {"text": "leukapheresis material"},
            "status": "available",
            "quantity": len(event.bags),
            "collection": {**source, "collectedPeriod": period},
        },
    )
    people = tuple(zip(("first checker", "second checker"), event.people(event.first_checker, event.second_checker), strict=False))
    writer.provenance([procedure, specimen, product], "collection, checked by two", people)


def _delivery(writer: Writer, shipment_id: str, status: str, chain: str, bags: tuple[str, ...], at: str, content: Json) -> Json:
    base = {
        "identifier": [identifier(_SHIPMENT, shipment_id), *_identifiers(chain, bags=bags)],
        "status": status,
        "patient": writer.patient if writer.patient_reference else None,
        "suppliedItem": {"quantity": {"value": len(bags)}, "itemCodeableConcept": {"text": "bags of cells"}},
        "occurrenceDateTime": at,
    }
    return writer.add("SupplyDelivery", {**base, **content}, logical_id=_safe("shipment", shipment_id))


def dispatched(event: ev.ShipmentDispatched, writer: Writer) -> None:
    """As SupplyDelivery and Provenance."""
    content = {"supplier": writer.node, "destination": {"display": event.to_node}}
    at = event.dispatched_at.isoformat()
    delivery = _delivery(writer, event.shipment_id, "in-progress", event.chain_of_identity, event.bags, at, content)
    people = (("container", event.container), ("logger", event.logger_id))
    writer.provenance([delivery], f"dispatched ({event.leg})", ())
    writer.resources[-1]["entity"] = [
        {"role": "source", "what": {"type": "Device", "identifier": identifier(f"urn:baybridge:{part}", name)}} for part, name in people
    ]


def courier_named(event: ev.CourierNamed, writer: Writer) -> None:
    """As DocumentReference (the waybill) and Provenance with courier and seal."""
    waybill = writer.document(f"waybill {event.waybill}", identifier("urn:baybridge:waybill", event.waybill), kind="waybill")
    writer.provenance([waybill], "given to a courier")
    agents = [{"type": {"text": "courier"}, "who": {"display": event.courier}}, *writer.resources[-1]["agent"]]
    seal = {"role": "source", "what": {"type": "Device", "identifier": identifier("urn:baybridge:seal", event.seal)}}
    writer.resources[-1] |= {"agent": agents, "entity": [seal], "occurredDateTime": event.handed_at.isoformat()}


def courier_confirmed(event: ev.CourierConfirmed, writer: Writer) -> None:
    """As Provenance of the shipment."""
    target: Json = {"type": "SupplyDelivery", "identifier": identifier(_SHIPMENT, event.shipment_id)}
    writer.provenance([target], "taken over by the courier, by one-time code")


def arrived(event: ev.ShipmentReceived, writer: Writer) -> None:
    """As SupplyDelivery, Observation and Provenance."""
    at = event.received_at.isoformat()
    content = {"receiver": [writer.actor]}
    delivery = _delivery(writer, event.shipment_id, "completed", event.chain_of_identity, event.bags, at, content)
    parts = (
        ("warmest", quantity(event.warmest_c, "Cel")),
        ("coldest", quantity(event.coldest_c, "Cel")),
        ("outside", quantity(event.minutes_outside, "min")),
    )
    writer.add(
        "Observation",
        {
            "identifier": [identifier(_SHIPMENT, event.shipment_id)],
            "status": "final",
            "code": {"text": "temperature of the shipment"},
            "effectiveDateTime": at,
            "device": {"type": "Device", "identifier": identifier(_SHIPMENT, event.shipment_id)},
            "component": [{"code": {"text": name}, "valueQuantity": value} for name, value in parts]
            + [{"code": {"text": "seal intact"}, "valueBoolean": event.seal_intact}],
        },
    )
    writer.provenance([delivery], f"received ({event.leg}), {event.disposition}")


def quarantine(event: ev.QuarantineResolved, writer: Writer) -> None:
    """As Observation and Provenance."""
    content = {
        "identifier": [identifier(_BAG, bag) for bag in event.bags],
        "status": "final",
        "code": {"text": "decision on quarantined bags"},
        "effectiveDateTime": writer.at,
        "performer": [writer.actor],
        "valueString": event.decision,
        "note": [{"text": event.basis}] if event.basis else None,
    }
    made = writer.add("Observation", content)
    writer.provenance([made], f"quarantine resolved: {event.decision}")


def _product(writer: Writer, batch: str, chain: str, content: Json) -> Json:
    base = {"identifier": _identifiers(chain, batch=batch), "productCategory": "cells"}
    return writer.add("BiologicallyDerivedProduct", {**base, **content}, logical_id=_safe("batch", batch))


def manufacture(event: ev.ManufactureStarted, writer: Writer) -> None:
    """As BiologicallyDerivedProduct and Provenance."""
    content = {
        "status": "unavailable",
        "parent": [{"type": "BiologicallyDerivedProduct", "identifier": identifier(_BAG, bag)} for bag in event.from_bags],
        "processing": [{"description": "manufacture", "timePeriod": {"start": writer.at}}],
    }
    writer.provenance([_product(writer, event.batch, event.chain_of_identity, content)], "manufacture started")


def tested(event: ev.ProductTested, writer: Writer) -> None:
    """As DiagnosticReport, DocumentReference, GuidanceResponse and Observation."""
    _tests(writer, event, "preliminary", "release tests of a batch")


def late_result(event: ev.LateResultRecorded, writer: Writer) -> None:
    """As DiagnosticReport, DocumentReference, GuidanceResponse and Observation: the report is amended, because the batch was released."""
    _tests(writer, event, "amended", "tests of a batch after its release")


def _tests(writer: Writer, event: ev.ProductTested | ev.LateResultRecorded, status: str, code: str) -> None:
    results = [_attribute(writer, *result) for result in event.results]
    content = {
        "identifier": [identifier(_BATCH, event.batch)],
        "status": status,
        "code": {"text": code},
        "effectiveDateTime": writer.at,
        "performer": [writer.node],
        "result": results,
        "conclusion": event.outcome,
    }
    writer.add("DiagnosticReport", content)
    guidance(writer, "release-specification", event.outcome, event.decision_sha256)


def _attribute(writer: Writer, attribute: str, value: str, unit: str) -> Mapping[str, object]:
    content: dict[str, object] = {
        "status": "final",
        "code": concept(_ATTRIBUTE, attribute),
        "effectiveDateTime": writer.at,
        "performer": [writer.node],
    }
    number = _number(value)
    if number is not None and unit:
        content["valueQuantity"] = quantity(number, unit)
    else:
        content["valueString"] = f"{value} {unit}".strip() or "not told"
    return writer.add("Observation", content)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def released(event: ev.ProductReleased, writer: Writer) -> None:
    """As BiologicallyDerivedProduct, DiagnosticReport, DocumentReference, Provenance and GuidanceResponse."""
    content = {
        "status": "available",
        "productCode": concept(PRODUCT, event.product),
        "quantity": len(event.bags),
        "storage": [
            {
                "description": f"at most {event.storage_max_c} Cel, until {event.expires_at.isoformat()}",
                "temperature": Decimal(str(event.storage_max_c)),
                "scale": "celsius",
                "duration": {"end": event.expires_at.isoformat()},
            }
        ],
    }
    product = _product(writer, event.batch, event.chain_of_identity, content)
    writer.resources[-1]["identifier"] += [identifier(_BAG, bag) for bag in event.bags]
    report = _report(writer, event.batch, "released", event.specification)
    name = identifier("urn:baybridge:certificate", event.certificate)
    document = writer.document(f"certificate {event.certificate}", name, kind="certificate")
    writer.provenance([product, report, document], "released by quality")
    guidance(writer, event.specification, "released", event.decision_sha256)


def rejected(event: ev.ProductRejected, writer: Writer) -> None:
    """As BiologicallyDerivedProduct, DiagnosticReport, DocumentReference and GuidanceResponse."""
    _product(writer, event.batch, event.chain_of_identity, {"status": "unavailable"})
    _report(writer, event.batch, f"rejected: {', '.join(event.failed)}", "release-specification")
    guidance(writer, "release-specification", "rejected", event.decision_sha256, reasons=event.failed)


def _report(writer: Writer, batch: str, conclusion: str, specification: str) -> Json:
    content = {
        "identifier": [identifier(_BATCH, batch)],
        "status": "final",
        "code": concept("urn:baybridge:specification", specification, "release of a batch"),
        "effectiveDateTime": writer.at,
        "performer": [writer.node],
        "conclusion": conclusion,
    }
    return writer.add("DiagnosticReport", content)
