"""A fact set: what is known of a patient as of a moment, what is odd in the record, and what nothing reads.

Main job: the values that reading answers. `values` is what rules receive; `facts` says for each where it came from and why it is, or is
not, used.

**Units**: `value` is in the dictionary's unit; `original` keeps number and unit as they were reported. Times are aware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from baybridge.policy.language.types import Value


class Status(StrEnum):
    """Whether a reading is used, and if not, why not."""

    USED = "used"
    STALE = "stale"  # older than the fact may be
    IMPLAUSIBLE = "implausible"  # cannot be true of a living person
    PROPOSED = "proposed"  # words, or an open code, say so; a person confirms
    BOUND = "bound"  # reported as above or below a limit; not an exact value
    UNKNOWN = "unknown"  # looked for, and cannot be told


@dataclass(frozen=True, slots=True)
class ReadFact:
    """One reading: value, unit, moment, source, and whether it is used."""

    name: str
    value: Value
    unit: str | None
    original: str
    at: datetime | None
    source: str
    status: Status
    note: str = ""  # a translation key
    sources: tuple[str, ...] = ()  # every resource that it rests on, where more than one
    between: tuple[float, float] | None = None  # what can be true of a value that was reported as above or below a limit, both ends included

    def as_json(self) -> dict[str, object]:
        """The reading as plain JSON."""
        value = self.value.isoformat() if isinstance(self.value, date) else self.value
        return {
            "fact": self.name,
            "value": value,
            "unit": self.unit,
            "original": self.original,
            "at": self.at.isoformat() if self.at else None,
            "source": self.source,
            "sources": list(self.sources or ((self.source,) if self.source else ())),
            "status": self.status.value,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True, order=True)
class Odd:
    """One thing in the record that is not as it should be: where, and which (a translation key with its values)."""

    resource: str
    path: str
    code: str
    values: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, object]:
        """The finding as plain JSON."""
        return {"resource": self.resource, "path": self.path, "code": self.code, "values": dict(self.values)}


@dataclass(frozen=True, slots=True, order=True)
class UnreadCode:
    """A code that nothing reads, and how often it stands in the record."""

    kind: str
    system: str
    code: str
    text: str
    count: int

    def as_json(self) -> dict[str, object]:
        """The code as plain JSON."""
        return {"kind": self.kind, "system": self.system, "code": self.code, "text": self.text, "count": self.count}


@dataclass(frozen=True, slots=True)
class Tie:
    """Values of one moment that differ: the one that counts at the bedside until somebody says which is right, and the others."""

    counts: ReadFact
    others: tuple[ReadFact, ...]


@dataclass(frozen=True)
class FactSet:
    """Everything that reading answered for one patient as of `at`.

    `read_codes` counts, by (system, code), the observations whose code reached its fact, whether or not the value could be used.
    """

    at: datetime
    values: Mapping[str, Value] = field(default_factory=dict)
    facts: Mapping[str, ReadFact] = field(default_factory=dict)
    set_aside: tuple[ReadFact, ...] = ()
    odd: tuple[Odd, ...] = ()
    unread: tuple[UnreadCode, ...] = ()
    read_codes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ties: tuple[Tie, ...] = ()  # values of one moment that differ at the bedside, and nobody said which is right

    def as_json(self) -> dict[str, object]:
        """The fact set as plain JSON, in order of names; `values` holds what is used, `facts` every reading by name."""
        facts = {name: self.facts[name].as_json() for name in sorted(self.facts)}
        return {
            "at": self.at.isoformat(),
            "values": {name: facts[name]["value"] for name in sorted(self.values)},
            "facts": facts,
            "set_aside": [item.as_json() for item in self.set_aside],
            "odd": [item.as_json() for item in self.odd],
            "unread": [item.as_json() for item in self.unread],
        }
