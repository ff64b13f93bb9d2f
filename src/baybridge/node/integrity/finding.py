"""One finding of the check: what is not as it was logged."""

from __future__ import annotations

from dataclasses import dataclass

from baybridge.base.outcome import Reason

DIFFERS, MISSING, UNLOGGED = "differs", "missing", "unlogged"


@dataclass(frozen=True, slots=True)
class Finding:
    """The kind (differs, missing, unlogged), what it is, and the sentence; never an id from outside."""

    kind: str
    what: str
    reason: Reason
