"""Where a reference leads: the one reading of addresses for files, transactions, feeds and packages.

Main job: `Addresses` learns under which address each resource of a command or transaction is meant and under which key it is filed;
`lead(text, here)` answers the keys that a reference can mean: one, none, or several. None of them is guessed: who asks says what follows.

A **space** is whose ids are meant: the name of a source, the base address of a server, or `OWN` for this record's own ids. Within one
space an id is one thing; two spaces with the same id are two things.

**Source**: FHIR R4, Bundle ("Resolving references in Bundles": a relative reference is meant under the base of its entry's fullUrl).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from baybridge.record.fhir.definitions import resource_types
from baybridge.record.fhir.references import local_part

Key = tuple[str, str]  # type, id as filed here
OWN = ""
_REST = re.compile(r"(https?://.+)/([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")


class Part(NamedTuple):
    """A resource as its sender names it."""

    space: str
    kind: str
    given: str


@dataclass(frozen=True, slots=True)
class Here:
    """Where a reference stands: the space of its resource, the base of its entry's address, and its Bundle (one number each)."""

    space: str = OWN
    base: str = ""
    bundle: int = 0


def without_version(text: str) -> tuple[str, str]:
    """A reference, and the version that it names ('' or /_history/N)."""
    base, mark, version = text.partition("/_history/")
    return base, f"{mark}{version}"


def base_of(address: str | None) -> str:
    """The base of a server in the address of one of its resources; '' where it is no such address."""
    match = _REST.fullmatch(address or "")
    return match[1] if match and match[2] in resource_types() else ""


@dataclass(slots=True)
class Addresses:
    """What is known of where references lead. `ours` are the bases of this server, `names` says which base belongs to which source."""

    ours: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    bases: set[str] = field(default_factory=set)  # of servers whose resources come with this command
    _urls: dict[tuple[int, str], Key] = field(default_factory=dict)
    _several: dict[tuple[int, str], tuple[Key, ...]] = field(default_factory=dict)
    _anywhere: dict[str, set[Key]] = field(default_factory=dict)
    _parts: dict[Part, set[Key]] = field(default_factory=dict)
    _identifiers: dict[tuple[str, str], set[Key]] = field(default_factory=dict)

    def space_of(self, base: str) -> str:
        """Whose ids a server's base stands for."""
        return OWN if base in self.ours else self.names.get(base, base)

    def learn(self, key: Key, part: Part | None, url: str | None, bundle: int, identifiers: Iterable[str] = ()) -> None:
        """A resource that comes with this command, and where it is filed."""
        if part is not None:
            self._parts.setdefault(part, set()).add(key)
            self.bases.add(part.space)
        if url:
            before = self._urls.setdefault((bundle, url), key)
            if before != key:  # one address for two resources: what refers to it may mean either
                self._several[bundle, url] = (*self._several.get((bundle, url), (before,)), key)
            self._anywhere.setdefault(url, set()).add(key)
        for identifier in identifiers:
            self._identifiers.setdefault((key[0], identifier), set()).add(key)

    def learn_several(self, keys: tuple[Key, ...], part: Part | None, url: str | None, bundle: int) -> None:
        """A resource of which nobody knows which of several it is: whatever refers to it may mean each of them."""
        if part is not None:
            self._parts.setdefault(part, set()).update(keys)
        if url:
            self._several[bundle, url] = keys

    def part_of(self, text: str, here: Here) -> Part | None:
        """Whose resource a relative or absolute reference names; None for any other form."""
        plain = local_part(text)
        if plain is not None:
            return Part(here.space, *plain) if plain[0] in resource_types() else None
        match = _REST.fullmatch(text)
        if match is None or match[2] not in resource_types():
            return None
        return Part(self.space_of(match[1]), match[2], match[3])

    def lead_of(self, part: Part) -> tuple[Key, ...]:
        """Where this command files what a source calls so."""
        return tuple(sorted(self._parts.get(part, ())))

    def lead(self, text: str, here: Here) -> tuple[Key, ...]:
        """The keys that a reference, without its version, can mean by what this command brings."""
        for url in (text, f"{here.base}/{text}"):
            if (here.bundle, url) in self._several:
                return self._several[here.bundle, url]
        if (here.bundle, text) in self._urls:
            return (self._urls[here.bundle, text],)
        if here.base and local_part(text) and (here.bundle, f"{here.base}/{text}") in self._urls:
            return (self._urls[here.bundle, f"{here.base}/{text}"],)
        if "?identifier=" in text:
            kind, _query, identifier = text.partition("?identifier=")
            return tuple(sorted(self._identifiers.get((kind, identifier), ())))
        part = self.part_of(text, here)
        return self.lead_of(part) if part is not None else tuple(sorted(self._anywhere.get(text, ())))
