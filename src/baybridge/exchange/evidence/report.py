"""What a verification found: every check by name, whether it held, and on whose word the result rests.

Main job: the report that page, command and HTTP show alike; sentences stand in `data/translations/*/ledger.yaml` under each code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from baybridge.base.outcome import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, whether it held, and a reason that says what was seen."""

    what: str
    ok: bool
    detail: Reason

    def as_json(self) -> dict[str, object]:
        """The check as plain JSON."""
        return {"what": self.what, "ok": self.ok, "detail": self.detail.as_json()}


def held(what: str, code: str = "held", values: Mapping[str, str | int] | None = None) -> Check:
    """A check that held; its sentence is `ledger.verify.<what>.<code>`."""
    return Check(what, ok=True, detail=Reason(f"ledger.verify.{what}.{code}", values or {}))


def failed(what: str, code: str, values: Mapping[str, str | int] | None = None, where: str = "") -> Check:
    """A check that failed; its sentence is `ledger.verify.<what>.<code>`."""
    return Check(what, ok=False, detail=Reason(f"ledger.verify.{what}.{code}", values or {}, where=where))


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result over a file of one kind: every check, and what the result rests on."""

    kind: str
    checks: tuple[Check, ...]
    trust: Reason = field(default_factory=lambda: Reason("ledger.trust.none"))

    @property
    def ok(self) -> bool:
        """True if there were checks and each held."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    @property
    def problems(self) -> tuple[Reason, ...]:
        """Why it does not verify, every reason."""
        return tuple(check.detail for check in self.checks if not check.ok)

    def as_json(self) -> dict[str, object]:
        """The report as plain JSON."""
        return {
            "ok": self.ok,
            "kind": self.kind,
            "checks": [check.as_json() for check in self.checks],
            "trust": self.trust.as_json(),
        }


def refused(kind: str, refusal: Refusal, checks: Iterable[Check] = ()) -> VerifyReport:
    """The report over a file that cannot be read at all."""
    return VerifyReport(kind, (*checks, *(Check("form", ok=False, detail=reason) for reason in refusal.reasons)))
