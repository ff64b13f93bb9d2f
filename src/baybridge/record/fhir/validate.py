"""Whether a resource has the form that FHIR R4 asks for, with every problem at its path.

Main job: `validate(resource)` walks a parsed resource against the tables of R4 and answers all problems: `error` keeps the resource
out, `odd` is told and the resource is kept whole. Nothing is repaired here, and nothing is dropped.

**Source**: HL7 FHIR R4 4.0.1: elements, cardinality, types, required bindings, choice, and the invariants per-1, qty-3, obs-6, obs-7,
ref-1, txt-1.
Elsewhere: primitive formats in `primitives.py`; plausible ranges and units of facts in `facts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from baybridge.record.fhir.dates import date_span
from baybridge.record.fhir.definitions import Field, Type, resource_types, type_of
from baybridge.record.fhir.narrative import is_plain
from baybridge.record.fhir.primitives import CHECKS, EXPECTED, shown

Severity = Literal["error", "odd"]

_MAX_DEPTH = 60
_REFERENCE = re.compile(
    r"(?:#\S*|urn:(?:uuid|oid):\S+|[a-zA-Z][a-zA-Z0-9+.\-]*://\S+"
    r"|(?P<type>[A-Z][A-Za-z]+)(?:/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?|\?\S+))"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: its code (a translation key), where, what was expected, what was found (never a patient's value)."""

    severity: Severity
    code: str
    path: str
    expected: str
    found: str


def validate(resource: object, path: str = "") -> tuple[Problem, ...]:
    """Every problem of a parsed resource; empty when R4 has nothing against it."""
    walk = _Walk()
    walk.resource(resource, path, 0)
    return tuple(walk.problems)


def errors(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems that keep a resource out."""
    return tuple(problem for problem in problems if problem.severity == "error")


class _Walk:
    """One walk over one resource."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def _say(self, severity: Severity, code: str, path: str, expected: str, found: str) -> None:
        self.problems.append(Problem(severity, f"record.invalid.{code}", path, expected, found))

    def resource(self, resource: object, path: str, depth: int) -> None:
        if not isinstance(resource, dict):
            self._say("error", "not_an_object", path or "$", "a JSON object with resourceType", json_kind(resource))
            return
        name = resource.get("resourceType")
        if not isinstance(name, str) or name not in resource_types():
            near = get_close_matches(name, resource_types(), 1) if isinstance(name, str) else []
            expected = near[0] if near else "a resource type of FHIR R4"
            self._say("error", "resource_type", f"{path}.resourceType".lstrip("."), expected, shown("code", name))
            return
        definition = type_of(name)
        if definition is not None:
            here = path or name
            self._object(resource, definition, name, here, depth)
            self._references_inside(resource, here)

    def _object(self, value: dict[str, Any], definition: Type, kind: str, path: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._say("error", "too_deep", path, f"at most {_MAX_DEPTH} levels", "more")
            return
        if not value:
            self._say("odd", "empty", path, "at least one property", "an empty object")
        fields = definition.fields
        for key, item in value.items():
            field = fields.get(key)
            if field is not None:
                self._property(item, field, key, f"{path}.{key}", depth, value)
            elif key[:1] != "_" or key[1:] not in fields or not fields[key[1:]].primitive:
                self._say("odd", "unknown_element", f"{path}.{key}", f"an element of {kind}", key)
        self._required(value, definition, path)
        rule = _RULES.get(kind)
        if rule is not None:
            for severity, code, where, expected, found in rule(value):
                self._say(severity, code, f"{path}.{where}" if where else path, expected, found)

    def _required(self, value: dict[str, Any], definition: Type, path: str) -> None:
        for name in definition.required:
            names = definition.groups.get(name, (name,))
            if not any(key in value or f"_{key}" in value for key in names):
                self._say("error", "missing", f"{path}.{name}", "a value (required)", "nothing")
        for group, names in definition.groups.items():
            given = [key for key in names if key in value]
            if len(given) > 1:
                self._say("error", "choice", f"{path}.{group}", "only one of them", ", ".join(given))

    def _property(self, value: object, field: Field, key: str, path: str, depth: int, owner: dict[str, Any]) -> None:
        if not field.many:
            self._one(value, field, key, path, depth, owner)
            return
        if not isinstance(value, list):
            self._say("error", "not_a_list", path, "a list", json_kind(value))
            return
        if not value:
            self._say("odd", "empty", path, "at least one entry", "an empty list")
        for index, item in enumerate(value):
            self._one(item, field, key, f"{path}[{index}]", depth, owner)

    def _one(self, value: object, field: Field, key: str, path: str, depth: int, owner: dict[str, Any]) -> None:
        if field.primitive:
            self._primitive(value, field, key, path, owner)
        elif not isinstance(value, dict):
            self._say("error", "not_an_object", path, f"an object ({field.kind})", json_kind(value))
        elif field.kind == "Resource":
            self.resource(value, path, depth + 1)
        else:
            definition = type_of(field.kind)
            if definition is not None:
                self._object(value, definition, field.kind, path, depth + 1)
            if field.kind == "Reference":
                self._reference(value, field, path)

    def _primitive(self, value: object, field: Field, key: str, path: str, owner: dict[str, Any]) -> None:
        if value is None and f"_{key}" in owner:
            return
        if not CHECKS[field.kind](value):
            self._say("error", "format", path, EXPECTED[field.kind], shown(field.kind, value, key))
        elif field.kind == "xhtml" and not is_plain(str(value)):
            self._say(
                "error", "narrative", path, "text in plain XHTML (txt-1)", "scripts, forms, outside sources or markup that is no XHTML"
            )
        elif field.codes is not None and value not in field.codes:
            near = get_close_matches(str(value), field.codes, 1)
            expected = near[0] if near else ", ".join(sorted(field.codes)[:12])
            self._say("error", "code", path, expected, shown("code", value))

    def _reference(self, value: dict[str, Any], field: Field, path: str) -> None:
        text = value.get("reference")
        if not isinstance(text, str):
            return
        match = _REFERENCE.fullmatch(text)
        named = match["type"] if match else None
        if match is None or (named is not None and named not in resource_types()):
            self._say("error", "reference", f"{path}.reference", "Type/id, a URL, urn:uuid:… or #id", "another form")
        elif named is not None and field.targets and named not in field.targets:
            self._say("odd", "reference_type", f"{path}.reference", ", ".join(sorted(field.targets)), named)

    def _references_inside(self, resource: dict[str, Any], path: str) -> None:
        contained = resource.get("contained")
        inside = {item.get("id") for item in contained if isinstance(item, dict)} if isinstance(contained, list) else set()
        for text, where in local_references(resource, path):
            if text != "#" and text[1:] not in inside:
                self._say("odd", "contained_missing", where, "an id of a contained resource", "none of them")


def local_references(value: object, path: str) -> list[tuple[str, str]]:
    """References to contained resources (`#id`) with their paths, wherever they stand."""
    found: list[tuple[str, str]] = []
    stack: list[tuple[object, str]] = [(value, path)]
    while stack:
        here, where = stack.pop()
        if isinstance(here, dict):
            text = here.get("reference")
            if isinstance(text, str) and text.startswith("#"):
                found.append((text, f"{where}.reference"))
            stack.extend((item, f"{where}.{key}") for key, item in here.items() if isinstance(item, dict | list))
        elif isinstance(here, list):
            stack.extend((item, f"{where}[{index}]") for index, item in enumerate(here) if isinstance(item, dict | list))
    return found


def json_kind(value: object) -> str:
    """What a JSON value is, without its content."""
    kinds = ((bool, "true or false"), (dict, "an object"), (list, "a list"), (str, "text"), (type(None), "null"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a number")


# --- invariants -----------------------------------------------------------------------------------------------------

_Found = list[tuple[Severity, str, str, str, str]]


def _period(value: dict[str, Any]) -> _Found:
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return []
    first, last = date_span(start), date_span(end)
    if first is not None and last is not None and first[0] >= last[1]:
        return [("error", "period", "", "an end that is not before the start (per-1)", "an end before the start")]
    return []


def _quantity(value: dict[str, Any]) -> _Found:
    if "code" in value and "system" not in value:
        return [("odd", "quantity_system", "system", "the system of the unit's code (qty-3)", "nothing")]
    return []


def _observation(value: dict[str, Any]) -> _Found:
    has_value = any(key.startswith("value") for key in value)
    found: _Found = []
    if has_value and "dataAbsentReason" in value:
        found.append(("odd", "value_and_absent", "dataAbsentReason", "only where there is no value (obs-6)", "both"))
    codes = _codings(value.get("code"))
    if has_value and codes and any(codes & _codings(part.get("code")) for part in _parts(value)):
        found.append(("odd", "value_twice", "component", "no component with the code of the whole where it has a value (obs-7)", "both"))
    return found


def _parts(value: dict[str, Any]) -> list[dict[str, Any]]:
    parts = value.get("component")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _codings(value: object) -> set[tuple[str, str]]:
    codings = value.get("coding") if isinstance(value, dict) else None
    if not isinstance(codings, list):
        return set()
    return {(str(item.get("system")), str(item.get("code"))) for item in codings if isinstance(item, dict) and "code" in item}


_RULES = {"Period": _period, "Quantity": _quantity, "Observation": _observation}
