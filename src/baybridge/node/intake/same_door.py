"""What a file brings that the same person could not file through FHIR: a dose that cannot be, and another version of a final result that is another's word.

Main job: `leave_out_unfit` takes both out of a batch before it is filed and tells each at its place; `tell_doses` tells of doses that were filed what is asked about
where they are typed. A file answers no question, and what was given counts for the limits of later doses: such a dose goes in.

A result belongs to whom it came from: a laboratory's feed and a named source replace what they sent first; else the rule of `fhir/authors.py` holds. A copy of what
stood here that a source sends back does not make it the source's. Feeds of laboratories bring no doses; a neighbour's package replaces only what that neighbour
signed (`neighbours/transfers.py`).
**Source**: `fhir/posted_doses.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from baybridge.base.outcome import Reason
from baybridge.journey.command import Actor
from baybridge.node.fhir import authors, posted_doses
from baybridge.record.fhir.wire import Json, content_sha256
from baybridge.record.intake.addresses import OWN
from baybridge.record.intake.importing import Batch, ImportProblem
from baybridge.record.intake.reading import Place, Source
from baybridge.record.intake.sources import claims
from baybridge.record.store.store import Key, get_many

if TYPE_CHECKING:
    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_DOSE = "MedicationAdministration"


def leave_out_unfit(node: Node, unit: Unit, actor: Actor, source: Source, batch: Batch, *, is_feed: bool) -> None:
    """Leave out what this person may not file through FHIR, and tell it."""
    kept: list[tuple[Json, Place]] = []
    others = {} if is_feed else _of_others(node, unit, actor, batch)
    for resource, place in zip(batch.resources, batch.places, strict=True):
        reasons = [*others.get(_key(resource), ()), *(posted_doses.impossible(node, unit, resource) if resource["resourceType"] == _DOSE else ())]
        batch.problems += _told(source, resource, place, "error", reasons)
        if not reasons:
            kept.append((resource, place))
    batch.resources, batch.places = [resource for resource, _ in kept], [place for _, place in kept]


def tell_doses(node: Node, unit: Unit, actor: Actor, source: Source, filed: Iterable[tuple[Json, Place]]) -> list[ImportProblem]:
    """What is asked about of doses that were filed: each told as odd."""
    doses = [(resource, place) for resource, place in filed if resource["resourceType"] == _DOSE]
    return [one for resource, place in doses for one in _told(source, resource, place, "odd", posted_doses.asked_about(node, unit, actor, resource))]


def _of_others(node: Node, unit: Unit, actor: Actor, batch: Batch) -> dict[Key, tuple[Reason, ...]]:
    """Of the results that stand and would be replaced those that this person, and the source of the file, may not replace."""
    coming = {_key(resource): resource for resource in batch.resources if resource["resourceType"] in authors.STANDS}
    held = {key: version for key, version in get_many(unit.connection, sorted(coming)).items() if not version.deleted}
    owners = claims(unit.connection, held)
    sent_by = {key: part.space for part, key in batch.rows or () if part.space != OWN}
    theirs = {key for key, whose in owners.items() if sent_by.get(key) in whose and OWN not in whose}
    others = [one for key, one in held.items() if key not in theirs and one.sha256 != content_sha256(coming[key])]
    refusals = {(one.type, one.id): authors.against(node, unit, actor, one) for one in others}
    return {key: refusal.reasons for key, refusal in refusals.items() if refusal is not None}


def _key(resource: Json) -> Key:
    return resource["resourceType"], resource["id"]


def _told(source: Source, resource: Json, place: Place, severity: str, reasons: Sequence[Reason]) -> Iterator[ImportProblem]:
    """Each reason once, in the words of an import."""
    kind = str(resource["resourceType"])
    for code, expected, found in dict.fromkeys(_WORDS.get(reason.code, _ASKED) for reason in reasons):
        yield ImportProblem(severity, code, source.name, place.line, place.entry, kind, place.path or kind, expected, found)


_DOSE_CODE = "record.import.dose"
_GIVEN = "an amount that can have been given, with its unit"
#: In the words of an import: its code, what was expected, what was found.
_WORDS = {
    "record.not_theirs": ("record.import.not_theirs", "a version from whoever filed it, a physician or the laboratory", "one from somebody else"),
    "record.dose.impossible": (_DOSE_CODE, _GIVEN, "an amount that no dose has"),
    "record.dose.another_patient": (_DOSE_CODE, "what belongs to the same patient", "what belongs to another patient"),
}
_ASKED = ("record.import.dose_asked", "a dose within what is usual and within its limits", "a dose that is asked about where it is typed")
