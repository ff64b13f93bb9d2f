"""The pieces that renderings of events are made of: references, codes, quantities, times, and the writer that names resources.

**Source**: FHIR R4 datatypes. **Units**: UCUM; times with offset as they were recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from baybridge.base.money import format_minor
from baybridge.journey.case import Case
from baybridge.journey.events import Event

Json = Mapping[str, object]

PROJECTION = "urn:baybridge:projection"
OBSERVATION = "urn:baybridge:observation"
PRODUCT = "urn:baybridge:product"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ATC = "http://www.whocc.no/atc"
CHAIN = "urn:baybridge:chain-of-identity"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


@dataclass(frozen=True, slots=True)
class Told:
    """One event with who recorded it, where and when."""

    event_id: str
    event: Event
    at: datetime
    recorded_at: datetime
    node: str
    actor: str
    role: str


@dataclass(slots=True)
class Writer:
    """Collects the resources of one event; ids are made of the event's, so that rendering again writes the same."""

    told: Told
    case: Case
    patient_reference: str
    resources: list[dict[str, Any]] = field(default_factory=list)

    def add(self, kind: str, content: Json, *, logical_id: str | None = None) -> Json:
        """Add a resource and answer a reference to it; elements without a value are left out."""
        name = logical_id or (self.told.event_id if not self.resources else f"{self.told.event_id}-{len(self.resources)}")
        self.resources.append({"resourceType": kind, "id": name, **present(content)})
        return {"reference": f"{kind}/{name}"}

    @property
    def patient(self) -> Json:
        """The patient, or the case where this node does not know the patient."""
        if self.patient_reference:
            return {"reference": self.patient_reference}
        return {"type": "Patient", "identifier": {"system": "urn:baybridge:case", "value": self.case_id}}

    @property
    def at(self) -> str:
        """When it happened."""
        return self.told.at.isoformat()

    @property
    def actor(self) -> Json:
        """The person who recorded it, by opaque account."""
        return {"type": "Practitioner", "identifier": {"system": "urn:baybridge:account", "value": self.told.actor}}

    @property
    def node(self) -> Json:
        """The node that recorded it."""
        return organisation(self.told.node)

    @property
    def episode(self) -> Json:
        """The case as an EpisodeOfCare."""
        return {"reference": f"EpisodeOfCare/{self.case_id}"}

    @property
    def case_id(self) -> str:
        """The id under which the case is rendered."""
        return self.case.case_id or self.told.event_id

    def observation(self, code: Json, at: str, content: Json, *, category: str = "survey") -> Json:
        """Add a final Observation about the patient."""
        base = {
            "status": "final",
            "category": [concept(_CATEGORY, category)],
            "code": code,
            "subject": self.patient,
            "effectiveDateTime": at,
            "performer": [self.actor],
        }
        return self.add("Observation", {**base, **content})

    def provenance(self, targets: Sequence[Json], activity: str, people: tuple[tuple[str, str], ...] = ()) -> Json:
        """Add who did something to which resources; `people` are (part played, account)."""
        agents = [{"type": {"text": part}, "who": account(name)} for part, name in people if name]
        agents.append({"type": {"text": self.told.role}, "who": self.actor, "onBehalfOf": self.node})
        recorded = self.told.recorded_at.isoformat()
        content = {"target": targets, "occurredDateTime": self.at, "recorded": recorded, "activity": {"text": activity}, "agent": agents}
        return self.add("Provenance", content)

    def document(self, title: str, identifier: Json, *, kind: str, content_type: str = "application/json") -> Json:
        """Add a pointer to a document that is kept under its SHA-256."""
        content = {
            "status": "current",
            "identifier": [identifier],
            "type": {"text": kind},
            "subject": self.patient,
            "date": self.told.recorded_at.isoformat(),
            "content": [{"attachment": {"contentType": content_type, "title": title}}],
        }
        return self.add("DocumentReference", content)


def present(content: Json) -> dict[str, object]:
    """Without what is None or empty."""
    return {key: value for key, value in content.items() if value is not None and value not in ([], {}, "")}


def organisation(node: str) -> Json:
    """A node as an organisation."""
    return {"type": "Organization", "identifier": {"system": "urn:baybridge:node", "value": node}}


def account(name: str) -> Json:
    """A person by opaque account."""
    return {"type": "Practitioner", "identifier": {"system": "urn:baybridge:account", "value": name}}


def identifier(system: str, value: str) -> Json:
    """An identifier with its system."""
    return {"system": system, "value": value}


def concept(system: str, code: str, text: str | None = None) -> Json:
    """A concept of one code."""
    return present({"coding": [{"system": system, "code": code}], "text": text})


def quantity(value: float | Decimal, unit: str) -> Json:
    """A number with its UCUM unit, digits as they were entered."""
    number = Decimal(str(value)) if isinstance(value, float) else value
    return {"value": number, "unit": unit, "system": UCUM, "code": unit}


def money(minor: int, currency: str) -> Json:
    """An amount to the minor unit."""
    return {"value": Decimal(format_minor(minor)), "currency": currency}


def day(value: date | None) -> str | None:
    """A date, or nothing."""
    return value.isoformat() if value is not None else None


def identified_by_decision(sha256: str) -> Json:
    """A decision document by the SHA-256 of its canonical bytes."""
    return identifier("urn:baybridge:decision", sha256)


def read_from_case(resource: Json) -> bool:
    """Whether a resource only renders a bedside assessment or grade, which the facts read from the case itself."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, Mapping) else None
    listed = tags if isinstance(tags, list | tuple) else ()
    return resource["resourceType"] == "Observation" and any(isinstance(tag, Mapping) and tag.get("system") == PROJECTION for tag in listed)
