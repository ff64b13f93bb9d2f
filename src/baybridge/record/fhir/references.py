"""References: finding them, whose record a resource belongs to, and pointing them at the ids that this store uses.

**Source**: FHIR R4, references; Bundle, "Resolving references in Bundles".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from baybridge.record.fhir.definitions import owner_elements
from baybridge.record.fhir.wire import Json

#: Names the patient of a resource that has no element for one (a payment, a slot); set by our own renderings only.
PATIENT_EXTENSION = "urn:baybridge:patient"
_NESTED = (dict, list)  # made once: every value of a record is asked


def references(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every `reference` inside a resource with the path of its element, contained resources included."""
    if isinstance(value, dict):
        text = value.get("reference")
        if isinstance(text, str):
            yield text, path
        for key, item in value.items():
            if isinstance(item, _NESTED):
                yield from references(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from references(item, f"{path}[{index}]")


def named_in(value: object) -> list[str]:
    """Every `reference` inside a resource without its path, in no order; many times faster than `references`."""
    found, left = [], [value]
    while left:
        inside = left.pop()
        if isinstance(inside, dict):
            text = inside.get("reference")
            if isinstance(text, str):
                found.append(text)
            left.extend([item for item in inside.values() if isinstance(item, _NESTED)])
        elif isinstance(inside, list):
            left.extend(inside)
    return found


def repointed(value: Any, resolve: Callable[[str], str | None]) -> Any:
    """The same value with every reference that `resolve` knows replaced; untouched parts are shared, not copied."""
    if isinstance(value, dict):
        made = {key: repointed(item, resolve) if isinstance(item, dict | list) else item for key, item in value.items()}
        text = value.get("reference")
        if isinstance(text, str):
            made["reference"] = resolve(text) or text
        return made
    if isinstance(value, list):
        return [repointed(item, resolve) for item in value]
    return value


def local_part(reference: str) -> tuple[str, str] | None:
    """(type, id) of a relative reference such as Patient/1 or Patient/1/_history/2; None for any other form."""
    parts = reference.split("/")
    if len(parts) in (2, 4) and parts[0][:1].isupper() and parts[0].isalpha() and parts[1]:
        return parts[0], parts[1]
    return None


def patient_of(resource: Json) -> str:
    """The logical id of the patient whose record a resource belongs to; '' where it is nobody's (an organisation, a drug)."""
    kind = resource.get("resourceType")
    if kind == "Patient":
        return str(resource.get("id", ""))
    for name in owner_elements(str(kind)):
        found = _first_patient(resource.get(name))
        if found:
            return found
    return _by_special_element(str(kind), resource) or _by_extension(resource)


def _first_patient(value: object) -> str:
    for item in value if isinstance(value, list) else [value]:
        text = item.get("reference") if isinstance(item, dict) else None
        part = local_part(text) if isinstance(text, str) else None
        if part and part[0] == "Patient":
            return part[1]
    return ""


def _by_special_element(kind: str, resource: Json) -> str:
    if kind == "Provenance":
        return _first_patient(resource.get("target"))
    if kind == "BiologicallyDerivedProduct":
        collection = resource.get("collection")
        return _first_patient(collection.get("source")) if isinstance(collection, dict) else ""
    if kind == "Appointment":
        return _first_patient([item.get("actor") for item in _objects(resource.get("participant"))])
    if kind == "AuditEvent":
        return _first_patient([item.get("what") for item in _objects(resource.get("entity"))])
    return ""


def _by_extension(resource: Json) -> str:
    for item in _objects(resource.get("extension")):
        if item.get("url") == PATIENT_EXTENSION:
            return _first_patient(item.get("valueReference"))
    return ""


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
