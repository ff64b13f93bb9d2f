"""Events of identity, code mapping and cards in FHIR: the question as a Task, its answer as a Linkage of both Patients with who said so.

**Source**: FHIR R4, Linkage (source is the case's Patient, alternate the other record; inactive once refused or taken back).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from baybridge.exchange.fhir.parts import Json, Writer
from baybridge.exchange.fhir.sharing import task
from baybridge.journey import events as ev


def _other(writer: Writer, question: str) -> str:
    asked = (entry.event for entry in writer.case.of(ev.IdentityQuestioned) if entry.event.question == question)
    return next((f"Patient/{event.other}" for event in asked), "")


def _whose(event: ev.IdentityQuestioned, writer: Writer) -> None:
    task(writer, "requested", "say whether another record is this patient's", None, note=", ".join(event.reasons))


def _linkage(writer: Writer, question: str, *, active: bool) -> Json:
    """One Linkage a question; the newest answer stands."""
    other = _other(writer, question)
    alternate = [{"type": "alternate", "resource": {"reference": other}}] if other else []
    items = [{"type": "source", "resource": writer.patient}, *alternate]
    content = {"active": active, "author": writer.node, "item": items}
    return writer.add("Linkage", content, logical_id=f"linkage-{question}"[:64])


def _linked(event: ev.IdentityLinked, writer: Writer) -> None:
    writer.provenance([_linkage(writer, event.question, active=True)], f"record linked: identity {event.basis}")


def _not_the_same(event: ev.IdentityRefused, writer: Writer) -> None:
    writer.provenance([_linkage(writer, event.question, active=False)], f"record of another person: {event.because}")


def _undone(event: ev.IdentityUndone, writer: Writer) -> None:
    writer.provenance([_linkage(writer, event.question, active=False)], f"link undone: {event.because}")


def _reread(event: ev.ResultsReread, writer: Writer) -> None:
    document = writer.document(
        f"results read anew as LOINC {event.loinc}: {event.results}{' (mapping taken back)' if event.undone else ''}",
        {"system": "urn:baybridge:mapping", "value": event.mapping},
        kind="code mapping",
    )
    writer.provenance([document], "code mapping undone" if event.undone else "code mapping signed")


def _card(event: ev.HealthCardIssued, writer: Writer) -> None:
    targets = [{"reference": f"Observation/{name}"} for name in event.results]
    writer.provenance(targets, f"signed as SMART Health Card by {event.issuer}")


RENDERERS: Mapping[type[ev.Event], Callable[[Any, Writer], None]] = {
    ev.IdentityQuestioned: _whose,
    ev.IdentityLinked: _linked,
    ev.IdentityRefused: _not_the_same,
    ev.IdentityUndone: _undone,
    ev.ResultsReread: _reread,
    ev.HealthCardIssued: _card,
}
