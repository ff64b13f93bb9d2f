"""Outcomes: a "no" is an answer with every reason; a defect raises.

Main job: the closed list of refusal categories and the one table that maps them to HTTP, FHIR, exit code and page.

A `Refusal` is returned, never raised. Each `Reason` has a stable dotted code; its sentence in four languages stands in
`data/translations/<language>/` under the same code, and is what the disabled button, the command line and HTTP all say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from baybridge.base.json_value import JsonDict


class Category(StrEnum):
    """Why something was not done; closed, so that every surface handles each."""

    INVALID = "invalid"  # the input cannot be read or breaks its form
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"  # somebody else changed it, or it was done before
    REFUSED = "refused"  # a rule of therapy, law or money forbids it
    FORBIDDEN = "forbidden"  # this person may not
    UNAUTHENTICATED = "unauthenticated"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"  # a file of a kind that is not taken in
    TOO_SLOW = "too-slow"  # the request did not arrive in time
    BUSY = "busy"  # the database or the node cannot do it now; the same request may be sent again
    STORAGE_FULL = "storage-full"  # nothing can be written until somebody makes room


class Surface(NamedTuple):
    """How one category appears to each kind of caller."""

    http_status: int
    fhir_issue: str
    exit_code: int
    page: str


SURFACES: Mapping[Category, Surface] = MappingProxyType(
    {
        Category.INVALID: Surface(400, "invalid", 1, "refusal.html"),
        Category.NOT_FOUND: Surface(404, "not-found", 1, "refusal.html"),
        Category.CONFLICT: Surface(409, "conflict", 1, "refusal.html"),
        Category.REFUSED: Surface(422, "business-rule", 1, "refusal.html"),
        Category.FORBIDDEN: Surface(403, "forbidden", 1, "refusal.html"),
        Category.UNAUTHENTICATED: Surface(401, "login", 1, "sign-in.html"),
        Category.TOO_LARGE: Surface(413, "too-long", 1, "refusal.html"),
        Category.UNSUPPORTED: Surface(415, "not-supported", 1, "refusal.html"),
        Category.TOO_SLOW: Surface(408, "timeout", 1, "refusal.html"),
        Category.BUSY: Surface(503, "transient", 1, "refusal.html"),
        Category.STORAGE_FULL: Surface(507, "no-store", 1, "refusal.html"),
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against: a stable code, values for its sentence (never a patient's), its source and what to do."""

    code: str
    values: Mapping[str, str | int | tuple[str, ...]] = field(default_factory=dict)
    source: str = ""
    where: str = ""  # path, line or field that the reason is about

    def as_json(self) -> JsonDict:
        """The reason as plain JSON."""
        return {"code": self.code, "values": dict(self.values), "source": self.source, "where": self.where}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer "no", with every reason."""

    category: Category
    reasons: tuple[Reason, ...]

    @property
    def surface(self) -> Surface:
        """How this refusal appears over HTTP, FHIR, on the command line and on a page."""
        return SURFACES[self.category]


def refuse(*reasons: Reason, category: Category = Category.REFUSED) -> Refusal:
    """A refusal of a rule; at least one reason."""
    if not reasons:
        raise ValueError("a refusal needs a reason")
    return Refusal(category, reasons)
