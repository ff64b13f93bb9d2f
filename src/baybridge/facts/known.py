"""What single resources of a record say whatever the moment, so that a record which is read again is not read from its beginning.

Main job: `Known(dictionary)` answers for a resource what `measurement.said_by` and `named_in` answer, and works it out once. Whoever keeps resources in memory keeps
one of these beside them; what it knows belongs to the very object that it was read from, which nobody changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar, cast

from baybridge.facts.dictionary import Dictionary
from baybridge.facts.measurement import Said, said_by
from baybridge.record.fhir.references import named_in

Resource = Mapping[str, object]
T = TypeVar("T")


class Known:
    """What was worked out of resources, by the objects themselves; safe for many threads, since all of them work out the same."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self._said: dict[int, tuple[Resource, Said]] = {}  # the resource stands beside it, so that its place is no other's
        self._named: dict[int, tuple[Resource, tuple[str, ...]]] = {}
        self._other: dict[tuple[str, int], tuple[object, object]] = {}

    def said(self, observation: Resource) -> Said:
        """What an observation says."""
        found = self._said.get(id(observation))
        if found is None or found[0] is not observation:
            found = self._said[id(observation)] = (observation, said_by(observation, self.dictionary))
        return found[1]

    def named(self, resource: Resource) -> tuple[str, ...]:
        """Every reference inside a resource."""
        found = self._named.get(id(resource))
        if found is None or found[0] is not resource:
            found = self._named[id(resource)] = (resource, tuple(named_in(resource)))
        return found[1]

    def once(self, what: str, thing: object, make: Callable[[], T]) -> T:
        """Anything else that is worked out of one thing by this dictionary, under a name of its own."""
        key = (what, id(thing))
        found = self._other.get(key)
        if found is None or found[0] is not thing:
            found = self._other[key] = (thing, make())
        return cast("T", found[1])

    def only(self, resources: Iterable[Resource]) -> Known:
        """The same of these resources alone; what was worked out of anything else is worked out again."""
        kept, here = Known(self.dictionary), {id(resource) for resource in resources}
        kept._said = {place: one for place, one in list(self._said.items()) if place in here}
        kept._named = {place: one for place, one in list(self._named.items()) if place in here}
        kept._other = {key: one for key, one in list(self._other.items()) if key[1] in here}
        return kept
