"""What the people and systems of a plant read over FHIR: what the events of a case say of its cells, the patient under a pseudonym.

Main job: `refusal(view, kind)`, `parameters_against(view, kind, given)` and `seen(node, actor, version)`. A plant's pages show cells, their road and a chain of
identity, never a name; a resource that somebody filed may hold names in any of its texts, so that a plant reads none of those.

Elsewhere: the types, fields and search parameters in `data/exchange/plant-view.yaml`; relation and log in `interactions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from baybridge.base.outcome import Reason
from baybridge.documents.exchange import PlantView
from baybridge.exchange.transfer.profiles import minimise
from baybridge.facts.fhir import mapping, text
from baybridge.node.fhir.kinds import events_of
from baybridge.record.fhir.wire import Json, write
from baybridge.record.store.search import Pairs
from baybridge.record.store.store import Version

if TYPE_CHECKING:
    from baybridge.journey.command import Actor
    from baybridge.node.node import Node

PURPOSE = "PLANT_VIEW"
_CASE = "urn:baybridge:case"


def view_of(node: Node) -> PlantView:
    """What a plant reads at this node."""
    return node.documents.typed.the(PlantView)


def reads(view: PlantView, kind: str) -> bool:
    """Whether a plant reads anything of a type."""
    return kind in view.purposes[PURPOSE].types


def parameters_against(view: PlantView, kind: str, given: Pairs) -> Iterator[Reason]:
    """Why a plant does not search by these parameters: they could say who the patient is."""
    known = ", ".join(sorted(view.search))
    for name in dict.fromkeys(name.partition(":")[0][:40] for name, _value in given):
        if name not in view.search:
            yield Reason("record.search.unknown", {"parameter": name, "type": kind, "known": known}, where=name)


def is_of_events(resource: Json) -> bool:
    """Whether an event of a case wrote a resource."""
    return next(events_of(resource), None) is not None


def seen(node: Node, actor: Actor, version: Version) -> Version:
    """The version as a plant reads it."""
    resource = version.resource
    pseudonym = node.pseudonym(f"{version.patient or _case_in(resource)}|{actor.organisation}")
    (kept,) = minimise([resource], PURPOSE, view_of(node), pseudonym).kept
    return replace(version, body=write(kept))


def _case_in(resource: Json) -> str:
    """The case that an event names in the place of a patient whom this node does not know."""
    named = (mapping(mapping(resource.get(field)).get("identifier")) for field in ("subject", "patient", "for"))
    return next((text(one.get("value")) for one in named if one.get("system") == _CASE), "")
