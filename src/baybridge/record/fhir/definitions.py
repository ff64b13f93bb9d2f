"""The tables of FHIR R4: types and their elements, required codes, search parameters, the patient compartment.

Main job: answer what the standard says about a type, from `r4.json`, which belongs to this package like its code does.

**Source**: HL7 FHIR R4 4.0.1 definitions (CC0), made compact by `tools/r4_definitions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

SearchKind = Literal["token", "date", "string", "reference", "quantity", "uri", "number"]

#: Parameters of every resource. Source: FHIR R4 search, "Parameters for all resources".
COMMON: dict[str, tuple[SearchKind, str]] = {
    "_tag": ("token", "meta.tag"),
    "_security": ("token", "meta.security"),
    "_profile": ("uri", "meta.profile"),
    "_source": ("uri", "meta.source"),
}

#: Which element names the patient whose record a resource belongs to, in order of preference; the compartment also lists
#: people who only act (performer, asserter, recipient), and those do not make it their record.
OWNER_ELEMENTS = ("patient", "subject", "beneficiary", "individual", "for", "candidate")

#: Types that ask a server to do something that this one does not do: filing them would promise it.
NOT_OFFERED = frozenset({"Subscription"})
#: Types that this node writes from its own log and its cases' events: what was done, on whose word, and who consented. What others send of them over HTTP would read as
#: its own word, and a consent is taken by a command. A file of another system may hold them.
MADE_HERE = frozenset({"AuditEvent", "Provenance", "Consent"})


@dataclass(frozen=True, slots=True)
class Field:
    """One JSON property of a type: its type, whether it repeats, its required codes, allowed targets, choice group."""

    kind: str
    many: bool
    codes: frozenset[str] | None
    targets: frozenset[str]
    group: str | None
    primitive: bool


@dataclass(frozen=True, slots=True)
class Type:
    """A resource, datatype or part: its properties by JSON name, and the required ones (choice groups end in [x])."""

    fields: Mapping[str, Field]
    required: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Path:
    """Where a search parameter looks: JSON steps, allowed targets, and a field that must have a value."""

    steps: tuple[str, ...]
    targets: frozenset[str]
    where: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one resource type."""

    name: str
    kind: SearchKind
    paths: tuple[Path, ...]
    targets: frozenset[str]  # resource types that a reference may name


@cache
def _tables() -> dict[str, Any]:
    loaded: dict[str, Any] = msgspec.json.decode(files("baybridge.record.fhir").joinpath("r4.json").read_bytes())
    return loaded


@cache
def resource_types() -> frozenset[str]:
    """Every resource type of R4."""
    return frozenset(_tables()["resources"])


@cache
def primitives() -> frozenset[str]:
    """Every primitive type."""
    return frozenset(_tables()["primitives"])


@cache
def code_list(name: str) -> frozenset[str]:
    """The codes of a value set with a required binding."""
    return frozenset(_tables()["codes"][name])


@cache
def type_of(name: str) -> Type | None:
    """The definition of a resource type, a datatype or a part such as Observation.component."""
    raw = _tables()["types"].get(name)
    if raw is None:
        return None
    fields = {key: _field(spec) for key, spec in raw["f"].items()}
    if name in resource_types():
        fields["resourceType"] = _primitive_field("code")
        fields["id"] = _primitive_field("id")
    groups: dict[str, list[str]] = {}
    for key, field in fields.items():
        if field.group:
            groups.setdefault(field.group, []).append(key)
    return Type(fields, tuple(raw["r"]), {group: tuple(names) for group, names in groups.items()})


def _primitive_field(kind: str) -> Field:
    return Field(kind=kind, many=False, codes=None, targets=frozenset(), group=None, primitive=True)


def _field(spec: list[Any]) -> Field:
    kind, many, extra, group = (*spec, None, None)[:4]
    is_code = isinstance(extra, str)
    return Field(
        kind=kind,
        many=bool(many),
        codes=code_list(extra) if is_code else None,
        targets=frozenset(extra or ()) if not is_code else frozenset(),
        group=group,
        primitive=kind in primitives(),
    )


@cache
def parameters(resource_type: str) -> Mapping[str, Parameter]:
    """The search parameters of a resource type, the common ones included."""
    found = {name: Parameter(name, kind, (_path(path),), frozenset()) for name, (kind, path) in COMMON.items()}
    for name, (kind, paths) in _tables()["search"].get(resource_type, {}).items():
        read = tuple(_path(path, targets, where) for path, targets, where in paths)
        found[name] = Parameter(name, kind, read, _targets(resource_type, read) if kind == "reference" else frozenset())
    return found


def _path(path: str, targets: Sequence[str] = (), where: Sequence[str] = ()) -> Path:
    return Path(tuple(path.split(".")), frozenset(targets), (where[0], where[1]) if where else None)


def _targets(resource_type: str, paths: tuple[Path, ...]) -> frozenset[str]:
    found: set[str] = set()
    for path in paths:
        found |= path.targets or _field_targets(resource_type, path.steps)
    return frozenset(found)


def _field_targets(kind: str, steps: tuple[str, ...]) -> frozenset[str]:
    for step in steps:
        definition = type_of(kind)
        field = definition.fields.get(step) if definition else None
        if field is None:
            return frozenset()
        kind, targets = field.kind, field.targets
    return targets or resource_types()


@cache
def owner_elements(resource_type: str) -> tuple[str, ...]:
    """The elements, in order, whose reference to a Patient makes a resource part of that patient's record."""
    definition = type_of(resource_type)
    if definition is None:
        return ()
    return tuple(
        name
        for name in OWNER_ELEMENTS
        if name in definition.fields and definition.fields[name].kind == "Reference" and _may_be_patient(definition.fields[name])
    )


def _may_be_patient(field: Field) -> bool:
    return not field.targets or "Patient" in field.targets
