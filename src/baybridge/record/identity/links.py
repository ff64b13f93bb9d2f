"""A link between two people's records, and what undoing it takes with it.

Main job: `resting_on(resources, sources, events)` answers which decisions read a resource that came in by the link, and which events of the
case cite them, so that undoing a wrong link tells everything that rested on it.

Pure: the caller brings what each decision read (`node` keeps it beside the decision) and the case's events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Rested:
    """One decision that rested on linked resources, and the events that cite it."""

    decision_sha256: str
    resources: tuple[str, ...]
    events: tuple[tuple[str, str], ...]  # (event id, name of the event), in the order of the case

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        events = [{"event_id": event_id, "event": name} for event_id, name in self.events]
        return {"decision_sha256": self.decision_sha256, "resources": list(self.resources), "events": events}


def linked_resources(resources: Iterable[Mapping[str, Any]], patient_id: str) -> frozenset[str]:
    """Names (`Type/id`) of a patient's resources: what a link brings in and its undoing takes out."""
    subjects = {f"Patient/{patient_id}"}
    return frozenset(f"{item['resourceType']}/{item['id']}" for item in resources if _subject(item) in subjects and item.get("id"))


def _subject(resource: Mapping[str, Any]) -> str | None:
    if resource.get("resourceType") == "Patient":
        return f"Patient/{resource.get('id')}"
    for member in ("subject", "patient"):
        reference = (resource.get(member) or {}).get("reference")
        if reference:
            return "/".join(str(reference).split("/")[-2:])
    return None


def resting_on(
    resources: Collection[str], sources: Mapping[str, Collection[str]], events: Sequence[tuple[str, str, Mapping[str, Any]]]
) -> tuple[Rested, ...]:
    """Decisions (SHA-256 -> resources that it read) that read any of the resources, with the events (id, name, body) that cite them."""
    found = []
    for sha256 in sorted(sources):
        read = sorted(set(sources[sha256]) & set(resources))
        if read:
            citing = tuple((event_id, name) for event_id, name, body in events if sha256 in _cited(body))
            found.append(Rested(sha256, tuple(read), citing))
    return tuple(found)


def _cited(body: Mapping[str, Any]) -> set[str]:
    return {str(value) for name, value in body.items() if name.endswith("sha256") and value}
