"""Who reads which kind of FHIR resource: whoever may open the page that shows the same.

Main job: `KINDS`, from each type to the action of that page (`node/people/access.py`); `may(role, kind)`, and `closed_events(role)`, the events whose resources stand
on a page that a role does not open although it opens others of their type. A type without a row is open to nobody.

What is decided here depends on role and type alone, so that a refusal tells nothing of what there is, and no answer costs a question to the database.
**Source**: Personal Information Protection Law of the mainland, article 6 (least necessary). Elsewhere: whose record it is, `seeing.Seeing`; how little of it a
payer or a plant reads, `payer.py` and `plant.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.facts.fhir import items, mapping
from baybridge.journey.command import Actor, Role
from baybridge.journey.events import ConfirmationAsked, ConfirmationDeclined, EntryCorrected, EntryReinstated, PatientAnswered, PatientWrote
from baybridge.journey.fhir.writer import PROJECTION
from baybridge.node.commands.table import COMMANDS, EVENTS
from baybridge.node.people import access
from baybridge.record.fhir.wire import Json

#: By the action of the page that shows the same, the types of a person's record; where several pages show a type, the one that is open to the fewest.
_OF_PERSONS: Mapping[str, tuple[str, ...]] = {
    # whose record it is: the card shows it
    "case.card": ("Patient", "Person", "Linkage"),
    # where the case stands, and when: the first page of a case
    "case.first": ("Appointment", "AppointmentResponse", "Encounter", "EpisodeOfCare", "Schedule", "Slot"),
    # what was found, and what the rules make of it
    "case.facts": (
        "AllergyIntolerance", "BodyStructure", "Condition", "Device", "DiagnosticReport", "FamilyMemberHistory", "Group", "GuidanceResponse", "ImagingStudy",
        "Immunization", "ImmunizationEvaluation", "ImmunizationRecommendation", "List", "Media", "MedicationStatement", "MolecularSequence", "Observation", "Procedure",
        "ResearchSubject", "VisionPrescription",
    ),
    # what is to be measured
    "case.tests": ("ServiceRequest",),
    # the cells and their road
    "case.cells": ("BiologicallyDerivedProduct", "Specimen", "SupplyDelivery", "SupplyRequest", "Task"),
    # who did what
    "case.timeline": ("Provenance",),
    # what is given, planned, asked and written at the bedside; and what may hold anything of a record
    "case.bedside": (
        "AdverseEvent", "Basic", "Bundle", "CarePlan", "CareTeam", "ClinicalImpression", "Communication", "CommunicationRequest", "Composition", "DetectedIssue",
        "DeviceMetric", "DeviceRequest", "DeviceUseStatement", "Flag", "Goal", "MeasureReport", "MedicationAdministration", "MedicationDispense",
        "MedicationRequest", "MessageHeader", "NutritionOrder", "OperationOutcome", "Parameters", "QuestionnaireResponse", "RequestGroup", "RiskAssessment",
        "VerificationResult",
    ),
    # papers and their files
    "case.attachments": ("Binary", "DocumentManifest", "DocumentReference"),
    # what it costs, and who pays
    "case.funding": (
        "Account", "ChargeItem", "Claim", "ClaimResponse", "Contract", "Coverage", "CoverageEligibilityRequest", "CoverageEligibilityResponse",
        "EnrollmentRequest", "EnrollmentResponse", "ExplanationOfBenefit", "Invoice", "PaymentNotice", "PaymentReconciliation",
    ),
    # who consented, who helps, and what was sent where
    "case.sharing": ("AuditEvent", "Consent", "RelatedPerson"),
}  # fmt: skip

#: Types that are of no person's record: places, people and things of the directory, and definitions.
_OF_NOBODY: Mapping[str, tuple[str, ...]] = {
    "directory.read": (
        "DeviceDefinition", "Endpoint", "HealthcareService", "InsurancePlan", "Location", "Medication", "MedicationKnowledge", "Organization",
        "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Substance",
    ),
    "policy.read": (
        "ActivityDefinition", "CapabilityStatement", "CatalogEntry", "ChargeItemDefinition", "CodeSystem", "CompartmentDefinition", "ConceptMap",
        "EffectEvidenceSynthesis", "EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "GraphDefinition", "ImplementationGuide", "Library",
        "Measure", "MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication", "MedicinalProductIndication",
        "MedicinalProductIngredient", "MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "MessageDefinition", "NamingSystem", "ObservationDefinition",
        "OperationDefinition", "PlanDefinition", "Questionnaire", "ResearchDefinition", "ResearchElementDefinition", "ResearchStudy",
        "RiskEvidenceSynthesis", "SearchParameter", "SpecimenDefinition", "StructureDefinition", "StructureMap", "Subscription", "SubstanceNucleicAcid",
        "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial", "SubstanceSpecification",
        "TerminologyCapabilities", "TestReport", "TestScript", "ValueSet",
    ),
}  # fmt: skip

KINDS: Mapping[str, str] = MappingProxyType({kind: action for table in (_OF_PERSONS, _OF_NOBODY) for action, kinds in table.items() for kind in kinds})


_LETTERS = (PatientWrote, PatientAnswered)
#: What speaks of an entry or a command of any page: where its tag does not say which, only who opens every page reads it.
_OF_OTHER_ENTRIES = (ConfirmationAsked, ConfirmationDeclined, EntryCorrected, EntryReinstated)


@cache
def may(role: Role, kind: str) -> bool:
    """Whether a role opens the page that shows the same as a type."""
    return role in access.roles(KINDS.get(kind, ""))


def refusal(role: Role, kind: str) -> Refusal | None:
    """Why a role does not read a type; None where it does."""
    return None if may(role, kind) else refuse(Reason("access.role", {"role": role.value, "action": KINDS.get(kind, "")}), category=Category.FORBIDDEN)


def acting(actor: Actor | None, action: str, *asked: str) -> Actor | None:
    """Whoever has several roles in the one that does this with these types, as a page is opened by whichever role opens it; else unchanged."""
    if actor is None or not actor.also:
        return actor
    return actor.acting([role for role in access.roles(action) if all(may(role, kind) for kind in asked)])


@cache
def closed_kinds(role: Role) -> frozenset[str]:
    """The types that a role does not read."""
    return frozenset(kind for kind in KINDS if not may(role, kind))


@cache
def open_kinds(role: Role) -> frozenset[str]:
    """The types that a role reads."""
    return frozenset(kind for kind in KINDS if may(role, kind))


@cache
def closed_events(role: Role) -> frozenset[str]:
    """The events whose resources stand on pages that a role of the staff does not open; a patient's own entries are the patient's."""
    if role in access.PERSONAL:
        return frozenset()
    closed = {event for event in EVENTS if (action := access.action_of_event(event)) and role not in access.roles(action)}
    letters = _LETTERS if role not in COMMANDS["AnswerPatient"].roles else ()
    about = () if access.opens_every_entry(role) else _OF_OTHER_ENTRIES
    names = {event.__name__ for event in (*closed, *letters)}
    corrections = {correction_of(one.__name__, name) for one in (EntryCorrected, EntryReinstated) for name in names}
    return frozenset(names | {event.__name__ for event in about} | corrections)


def correction_of(correction: str, entry: str) -> str:
    """The tag of a correction of an entry of this type."""
    return f"{correction}.{entry}"


def is_closed(role: Role, resource: Json) -> bool:
    """Whether a role does not read a resource of a type that it reads: for what is enclosed in it, or for the event that wrote it."""
    inside = {str(part.get("resourceType")) for part in items(resource.get("contained"))}
    return not all(may(role, kind) for kind in inside) or not closed_events(role).isdisjoint(events_of(resource))


def events_of(resource: Json) -> Iterator[str]:
    """The names of the events that wrote a resource; none where somebody filed it."""
    tags = items(mapping(resource.get("meta")).get("tag"))
    return (str(tag.get("code")) for tag in tags if tag.get("system") == PROJECTION)
