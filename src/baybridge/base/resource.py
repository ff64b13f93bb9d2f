"""FHIR R4 resources as Baybridge reads them: the elements that any rule, page or package looks at, each with its type.

Main job: `Resource`, one shape for every type of resource; an element that a type does not have is absent. Elements that nothing here reads may stand in a
resource too and travel with it untouched.

**Source**: HL7 FHIR R4 (4.0.1). Whether what arrived has this shape is checked where it comes in (`http/wellformed.py`, `record/fhir`).
"""

from __future__ import annotations

from typing import TypedDict


class Coding(TypedDict, total=False):
    """A code of a system."""

    system: str
    version: str
    code: str
    display: str


class Concept(TypedDict, total=False):
    """A concept: codes for the same thing, and how it was written."""

    coding: list[Coding]
    text: str


class Quantity(TypedDict, total=False):
    """A measured amount."""

    value: int | float
    comparator: str
    unit: str
    system: str
    code: str


class Period(TypedDict, total=False):
    """From when to when, as FHIR writes times."""

    start: str
    end: str


class Range(TypedDict, total=False):
    """From how much to how much."""

    low: Quantity
    high: Quantity


class Identifier(TypedDict, total=False):
    """A number that somebody issued."""

    use: str
    type: Concept
    system: str
    value: str
    period: Period


class Reference(TypedDict, total=False):
    """Another resource, by its address or its number."""

    reference: str
    type: str
    identifier: Identifier
    display: str


class HumanName(TypedDict, total=False):
    """A person's name."""

    use: str
    text: str
    family: str
    given: list[str]
    prefix: list[str]
    suffix: list[str]
    extension: list[Extension]


class Extension(TypedDict, total=False):
    """What a profile adds."""

    url: str
    extension: list[Extension]
    valueBoolean: bool
    valueCode: str
    valueCodeableConcept: Concept
    valueCoding: Coding
    valueDateTime: str
    valueDecimal: int | float
    valueIdentifier: Identifier
    valueInteger: int
    valuePeriod: Period
    valueQuantity: Quantity
    valueReference: Reference
    valueString: str
    valueUri: str
    valueUrl: str


class Meta(TypedDict, total=False):
    """What the server says of a version."""

    versionId: str
    lastUpdated: str
    source: str
    profile: list[str]
    security: list[Coding]
    tag: list[Coding]


class Annotation(TypedDict, total=False):
    """A note."""

    text: str
    time: str
    authorString: str


class ReferenceRange(TypedDict, total=False):
    """Between which values a laboratory finds nobody ill."""

    low: Quantity
    high: Quantity
    text: str
    type: Concept


class Measured(TypedDict, total=False):
    """What an observation, or a component of one, found."""

    code: Concept
    valueBoolean: bool
    valueCodeableConcept: Concept
    valueDateTime: str
    valueInteger: int
    valuePeriod: Period
    valueQuantity: Quantity
    valueRange: Range
    valueString: str
    valueTime: str
    dataAbsentReason: Concept
    interpretation: list[Concept]
    referenceRange: list[ReferenceRange]


class Resource(Measured, total=False):
    """Any resource."""

    resourceType: str
    id: str
    meta: Meta
    contained: list[Resource]
    extension: list[Extension]
    identifier: list[Identifier]
    status: str
    category: list[Concept]
    subject: Reference
    patient: Reference
    encounter: Reference
    performer: list[Reference]
    issued: str
    effectiveDateTime: str
    effectiveInstant: str
    effectivePeriod: Period
    component: list[Measured]
    hasMember: list[Reference]
    derivedFrom: list[Reference]
    basedOn: list[Reference]
    partOf: list[Reference]
    method: Concept
    specimen: Reference
    device: Reference
    note: list[Annotation]
    bodySite: Concept
    result: list[Reference]
    conclusion: str
    conclusionCode: list[Concept]
    clinicalStatus: Concept
    verificationStatus: Concept
    severity: Concept
    onsetDateTime: str
    onsetPeriod: Period
    abatementDateTime: str
    recordedDate: str
    medicationCodeableConcept: Concept
    medicationReference: Reference
    performedDateTime: str
    performedPeriod: Period
    name: list[HumanName]
    gender: str
    birthDate: str
    deceasedDateTime: str
    deceasedBoolean: bool
