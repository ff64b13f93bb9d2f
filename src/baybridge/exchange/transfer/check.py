"""Whether data may go from one place to another, by which route, and every reason against.

Main job: `check_transfer(request, rules) -> TransferDecision`, pure: the same request and rules give the same bytes.

**Source**: exchange contract, "transfer check"; policy reference B. Elsewhere: input in `request.py`, facts in
`facts.py`, routes and codes in the policies `transfer-route` and `transfer-check`, what is sent in `profiles.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from baybridge.base.outcome import Reason
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.exchange import Profiles
from baybridge.documents.organisations import Calendar, Holidays
from baybridge.exchange.transfer.facts import derive, unknown_days
from baybridge.exchange.transfer.request import day_of, read
from baybridge.language.regions import Regions, regions_of
from baybridge.policy.language.types import Value
from baybridge.policy.one_case.decide import Decision
from baybridge.policy.one_case.ground import GroundDocument
from baybridge.recognition.recognise import holding

ROUTE_POLICY_ID = "transfer-route"
CHECK_POLICY_ID = "transfer-check"
ALLOW, CONDITIONS, HOLD, DENY = "allow", "allow-with-conditions", "hold", "deny"
#: Severity of a finding -> outcome, most severe first. Source: exchange contract, "Precedence".
_OUTCOMES = (("deny", DENY), ("hold", HOLD), ("conditions", CONDITIONS))
#: Given when nothing else is; genome data take R3 beside the chosen route. Source: exchange contract.
ALL_MET = "DT-001"
GENOME_CODES, GENOME_ROUTE = frozenset({"DT-050", "DT-051"}), "R3"
_ALL_MET_SOURCE = "Policy reference B3"

Decide = Callable[[str, Mapping[str, Value]], Decision]


@dataclass(frozen=True, slots=True)
class TransferRules:
    """How a policy is applied to facts by its identifier, the purpose profiles, holidays by jurisdiction, and the regions that an exporter can lie in."""

    decide: Decide
    profiles: Profiles
    holidays: Mapping[str, Calendar]
    regions: Regions

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that have a profile."""
        return tuple(self.profiles.purposes)


@dataclass(frozen=True, slots=True)
class TransferDecision:
    """Outcome, route and codes of one check, with every reason."""

    outcome: str
    route: str | None
    beside: tuple[str, ...]
    codes: tuple[str, ...]
    reasons: tuple[GroundDocument, ...]
    policy_sha256: str
    told: tuple[Reason, ...] = ()  # what of the calendar is not known and was counted as working days

    @property
    def allowed(self) -> bool:
        """Whether the data may go, with or without conditions."""
        return self.outcome in (ALLOW, CONDITIONS)

    def as_json(self) -> dict[str, object]:
        """The answer of the contract as plain JSON."""
        return {
            "outcome": self.outcome,
            "route": self.route,
            **({"beside": list(self.beside)} if self.beside else {}),
            "codes": list(self.codes),
            "reasons": [dict(reason) for reason in self.reasons],
            "policy": CHECK_POLICY_ID,
            "policy_sha256": self.policy_sha256,
            **({"told": [reason.as_json() for reason in self.told]} if self.told else {}),
        }


def rules_of(decide: Decide, given: DocumentSet) -> TransferRules:
    """The rules from applied policies and the documents of the folders `exchange`, `directory` and `regions`."""
    profiles, holidays = given.one(Profiles, "exchange", "profiles"), given.one(Holidays, "directory", "holidays")
    return TransferRules(decide, profiles, holidays.jurisdictions, regions_of(given.folder))


def check_transfer(request: object, rules: TransferRules) -> TransferDecision:
    """Whether the transfer of a request may be made; raises `FormError` where the request cannot be read."""
    checked = read(request, rules.purposes, tuple(rules.regions))
    facts = derive(checked, rules.profiles, rules.holidays)
    route = rules.decide(ROUTE_POLICY_ID, facts)
    decision = rules.decide(CHECK_POLICY_ID, {**facts, "transfer_route": route.outcome})
    found = holding(decision)
    severities = {reason["severity"] for reason in found}
    codes = tuple(sorted(reason["code"] for reason in found))
    reasons = holding(route)[:1] + decision.as_json()["reasons"]
    if not codes:
        reasons.append({"criterion": ALL_MET, "holds": True, "expression": "", "facts": {}, "source": _ALL_MET_SOURCE})
    return TransferDecision(
        outcome=next((name for severity, name in _OUTCOMES if severity in severities), ALLOW),
        route=None if route.outcome == "none" else route.outcome,
        beside=(GENOME_ROUTE,) if GENOME_CODES & set(codes) else (),
        codes=codes or (ALL_MET,),
        reasons=tuple(reasons),
        policy_sha256=decision.policy_sha256,
        told=tuple(unknown_days(checked.exporter["jurisdiction"], checked.contract, day_of(checked.transfer["at"]), rules.holidays)),
    )
