"""References of a package, read by the one resolver that reads those of files: a node's ids are its own, as a hospital's are.

Main job: `led(connection, sender, texts, patient)` answers the resources of a package under the ids that they have here, each reference pointed at what the sender
means, and what leads nowhere.

What a package brings keeps its id where nothing else has it. A reference means what the package brings, what this sender sent before, or what belongs to this
case's patient; it never leads to what merely has the same id here. What has not come is told and gets the id under which it will be filed.

Elsewhere: what an address means in `record/intake/addresses.py`, the resolver in `record/intake/resolving.py`, whose a record is in `arrivals.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from baybridge.exchange.transfer.content import SIGNED, tagged
from baybridge.record.fhir.references import local_part, references
from baybridge.record.fhir.wire import parse
from baybridge.record.intake.addresses import Addresses, Here, Key, Part, without_version
from baybridge.record.intake.importing import under_id
from baybridge.record.intake.planning import Plan, Planned, derived_id
from baybridge.record.intake.resolving import resolved
from baybridge.record.intake.sources import claims, filed_as, keep, named_addresses
from baybridge.record.store.store import Version, get_many

_MOST = 20  # places that are told
_CONTENT = ("resourceType", "id", "meta", "text")  # what is no content of a record


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a package: the node, and its address ('' where not known)."""

    node: str
    url: str = ""

    @property
    def space(self) -> str:
        """Whose ids its ids are."""
        return f"node:{self.node}"


def led(
    connection: Connection, sender: Sender, texts: Sequence[str], patient: str, ours: frozenset[str] = frozenset()
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The resources as they are filed here, and the places of references that lead nowhere, such as `Observation.specimen`."""
    resources = [parse(text.encode()) for text in texts]
    names = named_addresses(connection) | ({f"{sender.url}/fhir": sender.space} if sender.url else {})
    made = Plan(sender.space, Addresses(ours, names))
    keys = ids_here(connection, sender, resources, patient)
    planned = [_planned(made, sender, resource, key) for resource, key in zip(resources, keys, strict=True)]
    _learn_theirs(connection, made, sender, resources, patient)
    named = [under_id(key, resource) for resource, key in zip(resources, keys, strict=True)]
    found = resolved(connection, made, planned, named)
    mine = {(one.part, one.key) for one in planned if one.part is not None and one.key[1] == one.part.given} | {
        (Part(sender.space, "Patient", patient), ("Patient", patient))
    }
    keep(connection, {row: None for row in found.rows if row not in mine})
    open_ends = [(end.place, end.path) for end in found.nowhere] + found.several
    told = dict.fromkeys(f"{keys[place][0]}.{path}" for place, path in open_ends)
    return found.resources, tuple(told)[:_MOST]


def name_here(connection: Connection, sender: Sender, name: str) -> str:
    """Under which name something is filed here that a sender calls so."""
    kind, _, given = name.partition("/")
    known = sorted(filed_as(connection, [Part(sender.space, kind, given)]).get(Part(sender.space, kind, given), ()))
    return f"{kind}/{known[0][1]}" if known else name


def _planned(made: Plan, sender: Sender, resource: Mapping[str, object], key: Key) -> Planned:
    part = Part(sender.space, key[0], str(resource["id"]))
    made.addresses.learn(key, part, None, 0)
    made.filed[key] = 1
    made.stands.add(key)
    return Planned(key, part, Here(sender.space))


def ids_here(connection: Connection, sender: Sender, resources: Sequence[Mapping[str, object]], patient: str) -> list[Key]:
    """Under which id each resource of a package is filed: its own, or another where something else has it here."""
    keys = [(str(resource["resourceType"]), str(resource["id"])) for resource in resources]
    stored, claimed = get_many(connection, keys), claims(connection, keys)
    known = filed_as(connection, (Part(sender.space, *key) for key in keys))
    found = []
    for key, resource in zip(keys, resources, strict=True):
        filed = sorted(known.get(Part(sender.space, *key), ()))
        is_other = _is_other(stored[key], resource, sender, patient) if key in stored else bool(claimed.get(key, set()) - {sender.space})
        found.append(filed[0] if filed else (key[0], derived_id(*key, sender.space)) if is_other else key)
    return found


def _is_other(version: Version, resource: Mapping[str, object], sender: Sender, patient: str) -> bool:
    """Whether what stands under an id here is another thing than what a package calls so; a patient's records are judged on arrival."""
    if version.deleted or _is_theirs(version, sender, patient) or resource["resourceType"] == "Patient":
        return False
    here, there = ({name: value for name, value in one.items() if name not in _CONTENT} for one in (version.resource, resource))
    return here != there


def _is_theirs(version: Version, sender: Sender, patient: str) -> bool:
    return sender.node in tagged(version.resource, SIGNED) or bool(patient and version.patient == patient)


def _learn_theirs(connection: Connection, made: Plan, sender: Sender, resources: Iterable[Mapping[str, Any]], patient: str) -> None:
    """What the package refers to and does not bring, where it is here by this sender or in the record of this case's patient."""
    named = {part for resource in resources for text, _path in references(resource) if (part := local_part(without_version(text)[0])) is not None}
    wanted = [key for key in sorted(named) if not made.addresses.lead_of(Part(sender.space, *key))]
    for key, version in get_many(connection, wanted).items():
        if not version.deleted and (_is_theirs(version, sender, patient) or key == ("Patient", patient)):
            made.addresses.learn(key, Part(sender.space, *key), None, 0)
            made.stands.add(key)
