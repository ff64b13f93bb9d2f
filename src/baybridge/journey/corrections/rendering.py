"""A correction in FHIR: the Provenance of what was struck through.

The resources of the struck entry are written anew as entered in error by `node/fhir/rendering.py`, which knows how each entry is rendered.
**Source**: FHIR R4, Provenance.
"""

from __future__ import annotations

from baybridge.journey.events import EntryCorrected, EntryReinstated
from baybridge.journey.fhir.writer import Json, Writer, identifier, present

_EVENT = "urn:baybridge:event"


def corrected(event: EntryCorrected, writer: Writer) -> None:
    """As Provenance: which entry does not hold, why, and which stands instead."""
    targets: list[Json] = [{"type": "Basic", "identifier": identifier(_EVENT, event.event_id)}]
    writer.provenance(targets, "entry replaced" if event.replaced_by else "entry voided")
    instead = [{"role": "derivation", "what": {"identifier": identifier(_EVENT, event.replaced_by)}}] if event.replaced_by else []
    said = {"reason": [present({"coding": [{"system": "urn:baybridge:correction", "code": event.reason}], "text": event.note})], "entity": instead}
    writer.resources[-1] |= present(said)


def reinstated(event: EntryReinstated, writer: Writer) -> None:
    """As Provenance: which entry of another node counts again."""
    targets: list[Json] = [{"type": "Basic", "identifier": identifier(_EVENT, event.event_id)}]
    writer.provenance(targets, "entry reinstated")
    writer.resources[-1] |= present({"reason": [{"text": event.note}] if event.note else []})
