"""Only what the purpose needs: which resources go along, and which of their fields.

Main job: `minimise(resources, purpose, profiles, pseudonym) -> Minimised`, what is kept and what was left out, each with its reason.

**Source**: purpose profiles of the exchange contract; PIPL article 6 (least necessary); they stand in `data/exchange/profiles.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baybridge.documents.exchange import LeastFields, Profile, Profiles
from baybridge.facts.fhir import codings

Resource = Mapping[str, object]
#: Fields that every resource keeps: without them it is none. Source: FHIR R4, Resource.
_ALWAYS = frozenset({"resourceType", "id", "meta"})
_YEAR = 4
PSEUDONYM_SYSTEM = "urn:baybridge:pseudonym"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A resource that does not go along, and why: a key of the translations."""

    resource: str
    reason: str


@dataclass(frozen=True, slots=True)
class Minimised:
    """What goes along, and what does not."""

    kept: tuple[dict[str, object], ...]
    dropped: tuple[Dropped, ...]


def reference_of(resource: Mapping[str, object]) -> str:
    """Type/id of a resource."""
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def minimise(resources: Sequence[Resource], purpose: str, profiles: Profiles, pseudonym: str = "") -> Minimised:
    """The resources that a purpose needs, each with the fields that it needs; `pseudonym` names the patient where the profile says so."""
    profile = profiles.purposes[purpose]
    kept, dropped = [], []
    for resource in resources:
        reason = _against(resource, profile)
        if reason:
            dropped.append(Dropped(reference_of(resource), reason))
        else:
            kept.append(_least(resource, profile, profiles.always_strip, pseudonym))
    return Minimised(tuple(kept), tuple(dropped))


def _against(resource: Resource, profile: Profile) -> str | None:
    kind = str(resource["resourceType"])
    if kind not in profile.types:
        return "exchange.minimise.type"
    wanted = profile.only.get(kind)
    if wanted is not None and not _codes(resource) & set(wanted):
        return "exchange.minimise.code"
    return None


def _codes(resource: Resource) -> set[str]:
    return {f"{coding.system}|{coding.code}" for coding in codings(resource.get("code"))}


def _least(resource: Resource, profile: Profile, always_strip: Sequence[str], pseudonym: str) -> dict[str, object]:
    fields = profile.fields.get(str(resource["resourceType"]), LeastFields())
    gone = {*fields.strip, *(() if profile.patient == "whole" else always_strip)}
    stays = set(resource) if fields.keep is None else {*fields.keep, *_ALWAYS}
    least = {name: _copied(value) for name, value in resource.items() if name in stays and name not in gone}
    if fields.birth == "year" and "birthDate" in least:
        least["birthDate"] = str(least["birthDate"])[:_YEAR]
    if profile.patient == "whole":
        return least
    named = pseudonym if profile.patient == "pseudonym" else ""
    if named and least["resourceType"] == "Patient":
        least["id"] = named
    return {name: _unnamed(value, named, "Patient" in profile.types) for name, value in least.items()}


def _copied(value: object) -> object:
    """A JSON value that shares nothing changeable with this one."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _unnamed(value: object, pseudonym: str, has_patient: bool) -> object:  # noqa: FBT001 - a property of the profile
    """The value with references to people's records reduced to an opaque id or a pseudonym."""
    if isinstance(value, list):
        return [_unnamed(item, pseudonym, has_patient) for item in value]
    if not isinstance(value, dict):
        return value
    if _names_patient(value):
        return _patient(value, pseudonym, has_patient)
    return {name: _unnamed(item, pseudonym, has_patient) for name, item in value.items()}


def _names_patient(value: Mapping[str, object]) -> bool:
    reference = value.get("reference")
    return value.get("type") == "Patient" or (isinstance(reference, str) and "Patient/" in reference)


def _patient(value: Mapping[str, object], pseudonym: str, has_patient: bool) -> dict[str, object]:  # noqa: FBT001
    if not pseudonym:
        return {name: value[name] for name in ("reference", "type") if name in value}
    if has_patient:
        return {"reference": f"Patient/{pseudonym}"}
    return {"type": "Patient", "identifier": {"system": PSEUDONYM_SYSTEM, "value": pseudonym}}
