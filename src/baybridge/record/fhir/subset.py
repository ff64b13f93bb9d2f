"""A resource in part: the elements that somebody asks for, beside those that make it one; marked, so that nobody takes it for the whole.

Main job: `Subset.of(resource)`. What is required by the definition of a type, `id` and `meta` always stay, and the tag SUBSETTED says what it is.

**Source**: FHIR R4 search, "_elements" and "_summary" (`text`, `data`); code system v3-ObservationValue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from baybridge.record.fhir.definitions import type_of

SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED", "display": "subsetted"}
_ALWAYS = ("resourceType", "id", "meta")


@dataclass(frozen=True, slots=True)
class Subset:
    """What is wanted of a type: these elements, or where none are named everything but `without`."""

    kind: str
    elements: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()

    def of(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a resource of this type."""
        keys = _keys(self.kind, self.elements) if self.elements else frozenset(resource) - self.without - {f"_{name}" for name in self.without}
        kept = {name: value for name, value in resource.items() if name in keys}
        meta = dict(kept.get("meta") or {})
        return {**kept, "meta": {**meta, "tag": [*(meta.get("tag") or ()), SUBSETTED]}}


def is_part(resource: Mapping[str, Any]) -> bool:
    """Whether a resource says of itself that it is not whole: written back, it would take away what it does not show."""
    tags = (resource.get("meta") or {}).get("tag") or ()
    return any(isinstance(tag, dict) and tag.get("code") == SUBSETTED["code"] for tag in tags)


def unknown_elements(kind: str, elements: frozenset[str]) -> tuple[str, ...]:
    """Which of these names are no elements of a type."""
    return tuple(sorted(name for name in elements if not any(True for _ in _of_element(kind, name))))


def elements_of(kind: str) -> tuple[str, ...]:
    """The names by which elements of a type are asked for."""
    definition = type_of(kind)
    return tuple(sorted({(field.group or name).removesuffix("[x]") for name, field in definition.fields.items()} - {"resourceType"})) if definition is not None else ()


@lru_cache(maxsize=1024)
def _keys(kind: str, elements: frozenset[str]) -> frozenset[str]:
    """The JSON properties that stay: required ones, those that are asked for, and what extends them."""
    definition = type_of(kind)
    required = definition.required if definition is not None else ()
    names = {key for name in (*_ALWAYS, *required, *elements) for key in _of_element(kind, name)}
    return frozenset(names | {f"_{name}" for name in names})


def _of_element(kind: str, name: str) -> Iterator[str]:
    """The JSON properties of an element: of a choice, each of its types."""
    definition = type_of(kind)
    name = name.removesuffix("[x]")
    for key, field in definition.fields.items() if definition is not None else ():
        if key == name or (field.group or "").removesuffix("[x]") == name:
            yield key
