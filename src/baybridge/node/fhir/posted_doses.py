"""A dose that another system files through FHIR passes the checks of `GiveDrug`: an amount that can be, the drug's units, a weight where it goes by weight, not twice.

Main job: `against(node, unit, actor, resource)`, why a MedicationAdministration is not filed; a file that is imported asks its two parts. What `GiveDrug` asks about once
is answered by the extension `urn:baybridge:meant` of the resource; what a physician's reason lets through there needs a physician here too.

A dose of days ago belongs to the history and is read for its drug alone: of it only what cannot be is refused. **Source**: `bedside/drugs.py`, `bedside/doses.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from baybridge.base.outcome import Reason
from baybridge.bedside.doses import read_dose
from baybridge.bedside.drugs import GiveDrug, against_giving
from baybridge.documents.escalation import span
from baybridge.documents.terms import Drugs
from baybridge.facts.exposure import filed_doses
from baybridge.facts.fhir import Found, items, mapping, number, text
from baybridge.journey.case import Case
from baybridge.journey.command import Actor, Command, Situation
from baybridge.journey.drug_history import DrugHistory, FiledDose
from baybridge.node.commands.judging import situate
from baybridge.node.commands.table import COMMANDS
from baybridge.node.people import reads
from baybridge.record.fhir.wire import Json
from baybridge.record.store import store

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

#: The resource says that what is asked about is meant as it stands.
MEANT = "urn:baybridge:meant"
#: Most milligrams of one dose that can be. Source: convention of this project, as of `GiveDrug`.
_MOST_MG = 1_000_000
#: References to what belongs to a patient. Source: FHIR R4, MedicationAdministration.
_OF_A_PATIENT = ("request", "context", "partOf", "supportingInformation", "reasonReference", "eventHistory")


def against(node: Node, unit: Unit, actor: Actor, resource: Json) -> tuple[Reason, ...]:
    """Why a dose is not filed, each reason at its element; nothing where it may be."""
    return impossible(node, unit, resource) or asked_about(node, unit, actor, resource)


def impossible(node: Node, unit: Unit, resource: Json) -> tuple[Reason, ...]:
    """What no dose of this patient can be."""
    return (*_of_another(unit, _patient(resource), resource), *_impossible(node, resource))


def asked_about(node: Node, unit: Unit, actor: Actor, resource: Json) -> tuple[Reason, ...]:
    """What is asked about of a dose of now; nothing of one that belongs to the history."""
    recent = unit.at - span(node.escalation.history_after)
    given = [one for one in filed_doses(Found([resource]), node.dictionary.terms.treatments, Case()) if one.at >= recent]
    reasons = (reason for one in given for reason in _as_given(node, unit, actor, _patient(resource), resource, one))
    return tuple(replace(one, where=_DOSAGE if one.where in _OF_DOSE else one.where) for one in reasons)


def _patient(resource: Mapping[str, object]) -> str:
    return text(mapping(resource.get("subject")).get("reference")).removeprefix("Patient/")


_DOSAGE = "MedicationAdministration.dosage"
_OF_DOSE = frozenset({"dose_mg", "mg_per_kg", "amount", "unit", "dose"})


def _dose_of(node: Node, resource: Mapping[str, object]) -> tuple[float | None, str]:
    """The amount of a dose, and its unit as our list names it; nothing for one that it does not have."""
    dose = mapping(mapping(resource.get("dosage")).get("dose"))
    value, written = number(dose.get("value")), text(dose.get("code")) or text(dose.get("unit"))
    _, code = read_dose(f"1 {written}", node.documents.typed.the(Drugs).dose_units)
    return (float(value) if value is not None else None), code or ""


def _impossible(node: Node, resource: Mapping[str, object]) -> Iterator[Reason]:
    """An amount that no dose has."""
    amount, code = _dose_of(node, resource)
    unit = node.documents.typed.the(Drugs).dose_units.get(code)
    if amount is not None and not 0 < amount * ((unit.mg if unit else None) or 1) <= _MOST_MG:
        yield Reason("record.dose.impossible", where=f"{_DOSAGE}.dose.value")


def _as_given(node: Node, unit: Unit, actor: Actor, patient: str, resource: Json, filed: FiledDose) -> Iterator[Reason]:
    """What stands against it as a command of now: every reason of `GiveDrug` for the dose and its time; no route and no name are asked for."""
    amount, code = _dose_of(node, resource)
    drug = node.documents.typed.the(Drugs).drugs.get(filed.atc)
    if amount is not None and not code and drug is not None and drug.units:
        yield Reason("bedside.drug.unit", {"name": drug.names["en"], "known": ", ".join(drug.units)}, where=f"{_DOSAGE}.dose.code")
    meant = any(text(one.get("url")) == MEANT and one.get("valueBoolean") is True for one in items(resource.get("extension")))
    given = GiveDrug(
        atc=filed.atc, amount=amount if code else None, unit=code or None, given_at=filed.at, another=meant, unusual=meant,
        override_reason=MEANT if meant else None,
    )  # fmt: skip
    situation = _situation(node, unit, actor, patient, f"MedicationAdministration/{resource.get('id')}")
    found = [one for one in against_giving(situation, given) if one.code != "bedside.drug.no_dose"]  # what is no amount of our list is read as no dose
    yield from found
    if found and not meant:
        yield Reason("record.dose.meant", {"extension": MEANT}, where="MedicationAdministration.extension")


def _situation(node: Node, unit: Unit, actor: Actor, patient: str, own: str) -> Situation:
    """The patient's situation as `GiveDrug` sees it, without an earlier version of the resource itself."""
    cases = reads.cases_of(unit.connection, patient)
    case = unit.case(cases[-1]) if cases else Case()
    _, situation = situate(node, unit, COMMANDS["GiveDrug"], case, Command("GiveDrug", case.case_id, {}, actor, ""))
    history = situation.record.drugs or DrugHistory()
    others = tuple(one for one in history.filed if one.source != own)
    return replace(situation, record=replace(situation.record, drugs=replace(history, filed=others)))


def _of_another(unit: Unit, patient: str, resource: Mapping[str, object]) -> Iterator[Reason]:
    """Whatever the dose names that belongs to somebody else."""
    for element in _OF_A_PATIENT:
        for one in items(resource.get(element)):
            kind, _, logical_id = text(one.get("reference")).partition("/")
            held = store.get(unit.connection, kind, logical_id) if logical_id else None
            if held is not None and not held.deleted and held.patient not in ("", patient):
                yield Reason("record.dose.another_patient", {"element": element}, where=f"MedicationAdministration.{element}")
