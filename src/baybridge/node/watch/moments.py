"""Which moments are looked back at where much comes at once: a monitor that sends hours after an outage, a file of a whole day.

Main job: `worth_a_look(node, resources, moments)`, the latest moments, and of the earlier ones the latest for each sign that the findings of that moment alone show,
for each finding that is a sign only beside others, and where something else than a finding came. No number of quiet moments hides a sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from baybridge.facts.fhir import Found
from baybridge.facts.measurement import taken_at
from baybridge.node.watch import asking, signs

if TYPE_CHECKING:
    from baybridge.node.node import Node

#: So many moments are looked back at, and so many of each sign. Source: convention of this project; an hour of a monitor that sends once a minute.
MOST = 60

#: A score calls by its grade, or by how far it fell.
_BESIDE_OTHERS = frozenset({"ice_score", "capd_score", "iec_hs_grade"})


def worth_a_look(node: Node, resources: Found, moments: Iterable[datetime]) -> list[datetime]:
    """The moments that are looked at, in order."""
    every = sorted(set(moments))
    earlier, latest = every[:-MOST], every[-MOST:]
    if not earlier:
        return latest
    found: dict[datetime, list[Mapping[str, object]]] = {at: [] for at in earlier}
    for resource in resources.of("Observation"):
        at = taken_at(resource)
        if at in found:
            found[at].append(resource)
    shown: dict[str, list[datetime]] = {}
    for at, own in found.items():
        for why in _why(node, own, at):
            shown.setdefault(why, []).append(at)
    return sorted({*latest, *(at for some in shown.values() for at in some[-MOST:])})


def _why(node: Node, own: Sequence[Mapping[str, object]], at: datetime) -> Iterator[str]:
    """For what a moment is looked at, by its own findings."""
    if not own:
        yield ""
        return
    facts, codes = signs.shown_by_itself(node, Found(own), at)
    yield from codes
    yield from (fact for one in own for fact in asking.watched_facts(one, node.dictionary) if fact in _BESIDE_OTHERS or fact not in facts.values)
