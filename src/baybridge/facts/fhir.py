"""Looking into FHIR R4 resources that may hold anything: what is not there, or has another shape, is simply absent.

Main job: codings, moments, days and references of a resource, without ever raising on a strange one.

**Units**: a moment that is only a day is the start of that day in China's civil time; days keep how exactly they were said.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from baybridge.base.time import CHINA, start_of_day

#: A resource of whatever shape: each look into it goes through the functions below.
Resource = Mapping[str, object]
_YEAR, _MONTH, _DAY = len("2026"), len("2026-03"), len("2026-03-08")


class Coded(NamedTuple):
    """One coding of a concept."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Span:
    """A day, or the days that a partial date leaves open."""

    first: date
    last: date

    @property
    def exact(self) -> bool:
        """Whether it is one day."""
        return self.first == self.last


_LISTS = (list, tuple)


def mapping(value: object) -> Mapping[str, object]:
    """The value where it is an object, else an empty one."""
    return value if type(value) is dict or isinstance(value, Mapping) else {}  # nearly all are a dict, which is seen at once


def items(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; one object counts as a list of it."""
    if type(value) is dict or isinstance(value, Mapping):
        return [value]
    return [item for item in value if type(item) is dict or isinstance(item, Mapping)] if isinstance(value, _LISTS) else []


def text(value: object) -> str:
    """The value where it is text, else nothing."""
    return value if isinstance(value, str) else ""


def patient_name(resource: Resource) -> str:
    """How a Patient resource writes the name: official first, another script beside it."""
    return " · ".join(dict.fromkeys(filter(None, map(written_name, items(resource.get("name"))))))


def written_name(name: Mapping[str, object]) -> str:
    """One name of a Patient as it is written."""
    given = name.get("given")
    return str(name.get("text") or " ".join(map(str, filter(None, [*(given if isinstance(given, list) else ()), name.get("family")]))))


def name_of(resource: Mapping[str, object]) -> str:
    """`Type/id` of a resource."""
    return f"{text(resource.get('resourceType')) or 'Resource'}/{text(resource.get('id')) or '?'}"


def codings(concept: object) -> list[Coded]:
    """The codings of a CodeableConcept that have a code."""
    found = items(mapping(concept).get("coding"))
    return [Coded(text(c.get("system")), text(c.get("code")), text(c.get("display"))) for c in found if text(c.get("code"))]


def words(concept: object) -> str:
    """Everything that a CodeableConcept says in words, one line each."""
    said = [text(mapping(concept).get("text")), *(text(c.get("display")) for c in items(mapping(concept).get("coding")))]
    return "\n".join(part for part in said if part)


def span(value: object) -> Span | None:
    """The day or days of a FHIR date or time; None where it is none."""
    said = text(value)
    try:
        if len(said) == _YEAR:
            return Span(date(int(said), 1, 1), date(int(said), 12, 31))
        if len(said) == _MONTH:
            year, month = int(said[:_YEAR]), int(said[_YEAR + 1 :])
            return Span(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
        day = date.fromisoformat(said) if len(said) == _DAY else _aware(said).astimezone(CHINA).date()
    except (ValueError, OverflowError):
        return None
    return Span(day, day)


def moment(value: object) -> datetime | None:
    """The earliest instant that a FHIR date or time can mean; None where it is none, or a time without its offset."""
    said = text(value)
    if len(said) > _DAY:
        try:
            return _aware(said)
        except (ValueError, OverflowError):
            return None
    days = span(value)
    return start_of_day(days.first) if days else None


def _aware(said: str) -> datetime:
    value = datetime.fromisoformat(said)
    if value.tzinfo is None:
        raise ValueError("a time needs its offset")
    return value


def number(value: object) -> Decimal | None:
    """A JSON number exactly; None for anything else, infinities included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return None
    return exact if exact.is_finite() else None


def references(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every (path, reference) anywhere in a resource."""
    if isinstance(value, Mapping):
        said = value.get("reference")
        if isinstance(said, str):
            yield path, said
        for key, inner in value.items():
            if isinstance(inner, Mapping | list):
                yield from references(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from references(inner, f"{path}[{index}]")


def modified(resource: Mapping[str, object]) -> bool:
    """Whether a resource says that its meaning is changed in a way that is not known here."""
    return bool(resource.get("modifierExtension") or resource.get("implicitRules"))


class Found:
    """The resources of one patient by type and by name, each name once.

    One that says by `modifierExtension` or `implicitRules` that it must be read by rules which nobody here knows is not read at all (`not_understood`).
    Source: FHIR R4, modifier extensions and implicitRules.
    """

    def __init__(self, resources: Iterable[Mapping[str, object]]) -> None:
        ordered = sorted((r for r in resources if type(r) is dict or isinstance(r, Mapping)), key=_order)
        by_name: dict[str | int, Resource] = {name_of(r) if r.get("id") else id(r): r for r in ordered}
        self.all: tuple[Resource, ...] = tuple(by_name.values())
        self.names = frozenset(name if isinstance(name, str) else name_of(r) for name, r in by_name.items())
        self.ids = frozenset(text(r.get("id")) for r in self.all)
        self.not_understood = tuple(r for r in self.all if modified(r))
        self._of_type: dict[str, list[Resource]] = {}
        for resource in self.all:
            if not modified(resource):
                self._of_type.setdefault(text(resource.get("resourceType")), []).append(resource)

    def of(self, *types: str) -> list[Resource]:
        """The resources of some types, in order of type and id."""
        return [resource for kind in sorted(set(types)) for resource in self._of_type.get(kind, ())]

    def has(self, reference: str) -> bool:
        """Whether a reference leads to one of these."""
        if reference.startswith("urn:uuid:"):
            return reference.removeprefix("urn:uuid:") in self.ids
        return "/".join(reference.split("/_history")[0].split("/")[-2:]) in self.names

    def medication(self, resource: Resource) -> Mapping[str, object]:
        """The concept of a medication, followed through a reference to a contained or separate Medication."""
        if "medicationReference" not in resource:
            return mapping(resource.get("medicationCodeableConcept"))
        reference = text(mapping(resource["medicationReference"]).get("reference"))
        inside = [r for r in items(resource.get("contained")) if reference == f"#{text(r.get('id'))}"]
        tail = reference.removeprefix("urn:uuid:").split("/")[-1]
        beside = [r for r in self.of("Medication") if text(r.get("id")) == tail]
        return next((mapping(r.get("code")) for r in (*inside, *beside)), {})


def _order(resource: Resource) -> tuple[str, str, str]:
    meta = mapping(resource.get("meta"))
    return text(resource.get("resourceType")), text(resource.get("id")), text(meta.get("versionId")) + text(meta.get("lastUpdated"))
