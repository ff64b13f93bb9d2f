"""Trust: which nodes the person who verifies already knows, by their keys.

Main job: read a trust file, a node card or a plain key set into the keys that a result may rest on.

A trust file is `{"nodes": [card, …]}`; a card names its `node` and its `signing_keys` (or `keys`) as JWKs. A bare JWK or `{"keys": […]}`
names no node and is good for whichever node uses it. The person gets it from somewhere else than the pack, or it proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baybridge.base.keys import KeyRing, VerifyKey
from baybridge.exchange.card.health_card import CardVerifyKey
from baybridge.ledger.checkpoint import origin_of


@dataclass(frozen=True, slots=True)
class TrustedNode:
    """A node whose keys are known; `node` is None for keys that came without a name."""

    node: str | None
    keys: KeyRing
    card_keys: tuple[CardVerifyKey, ...] = ()  # of patient-carried cards
    url: str | None = None  # the address under which it issues them

    def is_named(self, node: str) -> bool:
        """True if these keys may speak for `node`."""
        return self.node is None or self.node == node


@dataclass(frozen=True, slots=True)
class Trust:
    """The nodes that are known beforehand."""

    nodes: tuple[TrustedNode, ...]

    def keys_of(self, node: str) -> tuple[VerifyKey, ...]:
        """The known keys that may speak for a node."""
        return tuple(key for known in self.nodes if known.is_named(node) for key in known.keys)

    def node_of(self, key: VerifyKey) -> str | None:
        """The node that a key belongs to, "" for a key without a name; None where it is not known."""
        return next((known.node or "" for known in self.nodes if key in tuple(known.keys)), None)

    def others(self, node: str) -> tuple[TrustedNode, ...]:
        """The known nodes with another name."""
        return tuple(known for known in self.nodes if known.node not in (None, node))

    def origins(self) -> dict[str, str]:
        """The known nodes' log names, each with its node."""
        return {origin_of(known.node): known.node for known in self.nodes if known.node is not None}


def read_trust(value: object) -> Trust:
    """The trust that a parsed file says; ValueError says what was expected and found."""
    cards = value["nodes"] if isinstance(value, Mapping) and "nodes" in value else value
    listed = cards if isinstance(cards, list) else [cards]
    trust = Trust(tuple(_node(card) for card in listed))
    if not any(known.keys.keys or known.card_keys for known in trust.nodes):
        raise ValueError('expected a trust file {"nodes": [card, …]}, a node card or a key set with at least one Ed25519 or P-256 key, found none')
    return trust


def _node(card: object) -> TrustedNode:
    if not isinstance(card, Mapping):
        raise ValueError(f"expected a node card or key as a JSON object, found {type(card).__name__}")
    node = card.get("node")
    if node is not None and not isinstance(node, str):
        raise ValueError(f"expected the node's name as text, found {type(node).__name__}")
    url = card.get("issuer") or card.get("url")
    keys = tuple(CardVerifyKey.from_jwk(jwk) for jwk in (*_listed(card), *card.get("card_keys", ())) if jwk.get("crv") == "P-256")
    return TrustedNode(node, ring_of(card), keys, url.rstrip("/") if isinstance(url, str) else None)


def ring_of(card: Mapping[str, object]) -> KeyRing:
    """The signing keys that a node card (or key set, or single key) names."""
    return KeyRing.from_jwks(_listed(card))


def _listed(card: Mapping[str, object]) -> list[Mapping[str, object]]:
    keys = card.get("signing_keys", card.get("keys"))
    listed = [card] if keys is None and "kty" in card else keys
    if not isinstance(listed, list) or not all(isinstance(jwk, Mapping) for jwk in listed):
        raise ValueError("expected signing_keys as a list of JSON Web Keys")
    return listed
