"""Whether a patient-carried card holds, check by check, and whose word that rests on.

Main job: `verify_card(data, trust)` for `baybridge verify` and the page of a receiving site; `results_of(card)` its results as FHIR.

Offline: the signer's key must be known beforehand (a node card or the issuer's jwks.json given as trust); a card names its key only by
its thumbprint, so without trust nothing can be verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from baybridge.base.outcome import Reason, Refusal
from baybridge.base.resource import Resource
from baybridge.exchange.card.health_card import Card, read_card
from baybridge.exchange.evidence.report import Check, VerifyReport, failed, held
from baybridge.exchange.evidence.trust import Trust, TrustedNode

KIND = "health-card"


def verify_card(data: bytes, trust: Trust | None, at: datetime | None = None) -> VerifyReport:
    """Every card of a file against the keys that are known beforehand, as of a moment."""
    cards = read_card(data)
    if isinstance(cards, Refusal):
        return VerifyReport(KIND, (failed("card", "unreadable"),))
    nodes = trust.nodes if trust is not None else ()
    found = [(card, signer_of(card, nodes)) for card in cards]
    checks = tuple(check for card, signer in found for check in _checks(card, signer, at))
    known = [node for _, node in found if node is not None]
    if not known or len(known) < len(found):
        return VerifyReport(KIND, checks)
    return VerifyReport(KIND, checks, Reason("ledger.trust.card", {"node": known[0].node or cards[0].issuer}))


def signer_of(card: Card, nodes: tuple[TrustedNode, ...]) -> TrustedNode | None:
    """The known node whose key signed; one with an address must be the card's issuer."""
    fitting = [node for node in nodes if card.by(node.card_keys) is not None]
    return next((node for node in fitting if node.url in (None, card.issuer)), None)


def _checks(card: Card, signer: TrustedNode | None, at: datetime | None) -> Iterator[Check]:
    """Everything that keeps a card from holding: that nobody known signed it, and what it says itself; else that it holds."""
    if signer is None:
        yield failed("card", "unknown_key", {"kid": card.kid[:80], "issuer": card.issuer[:200]})
    faults = card.faults_at(at)
    for code, values in faults:
        yield failed("card", code, values)
    if signer is not None and not faults:
        yield held("card", values={"results": len(results_of(card)), "issuer": card.issuer[:200], "kid": card.kid[:80]})


def results_of(card: Card) -> tuple[Resource, ...]:
    """The observations of a card."""
    return tuple(item for item in card.resources if item.get("resourceType") == "Observation")
