"""The rules of a site about its people: sessions, second factor, emergency access, what a patient is told of who looked.

Main job: `rules(documents)`, the document `access/people.yaml` as a typed value. A site lays its own over ours; what it leaves out holds as in ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from baybridge.documents.loader import Documents, packaged_data
from baybridge.journey.command import Role

_DOCUMENT = "people"


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which roles must have a second factor, and whether accounts of a node's founding are among them."""

    required_for: tuple[Role, ...]
    also_of_founding_accounts: bool


class BreakGlassRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long an emergency access lasts, and who may take one."""

    hours: float
    roles: tuple[Role, ...]


class WhoLooked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a patient reads the names of staff who looked."""

    staff_names: bool


class PeopleRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole document."""

    session_hours: float
    invitation_hours: float
    password_at_least: int
    second_factor: SecondFactor
    break_glass: BreakGlassRules
    who_looked: WhoLooked
    purposes: Mapping[str, str]
    restricted: tuple[str, ...]

    def purpose_of(self, role: Role) -> str:
        """Why a role reads, where nothing else says it."""
        return self.purposes.get(role.value, "care")


def rules(documents: Any) -> PeopleRules:
    """The rules that hold at a site; ValueError where its document cannot be read."""
    ours = Documents(packaged_data()).folder("access")[_DOCUMENT]
    theirs = documents.folder("access").get(_DOCUMENT, ours)
    merged = _over(ours, theirs)
    merged.pop("id", None)
    try:
        return msgspec.convert(merged, PeopleRules)
    except msgspec.ValidationError as problem:
        raise ValueError(f"access/{_DOCUMENT}.yaml: {problem}") from None


def _over(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs laid over ours key by key; lists are replaced whole."""
    found = dict(ours)
    for key, value in theirs.items():
        held = found.get(key)
        found[key] = _over(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return found
