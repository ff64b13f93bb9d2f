"""Changes of keys: what a node says of a new key of its own, and when a neighbour believes it.

Main job: `written` makes a change, `followed` judges the next one, `learn` asks a neighbour for its changes and keeps what follows from the key that is known of it.

A change is signed by the signing key that it follows, and a new signing key signs it too. It counts once, in its order, and takes nothing back: every key from before
stays, with the moment until which it counted, so that what it signed stays verifiable. It changes keys and nothing else of what is known of a neighbour: organisation,
region and address are what people added. Whoever has lost a signing key to somebody else cannot mend that by a change alone, because the thief can sign one too:
neighbours remove the node and add it again by the fingerprint that is read out.

**Source**: that what arrives may be signed by a replaced key for 30 days, and a clock may be 5 minutes ahead, are conventions of this project.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from baybridge.base import decoding
from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.keys import SealKey, VerifyKey
from baybridge.base.outcome import Refusal
from baybridge.base.time import parse_instant
from baybridge.exchange.card.health_card import CardVerifyKey
from baybridge.node.neighbours.package import check_signed, sign

if TYPE_CHECKING:
    from baybridge.node.config import Neighbour
    from baybridge.node.node import Node

_LOG = logging.getLogger("baybridge.keys")
PATH = "/log/keys"
CHANGE_TYPE = "baybridge-keys+jws"
AHEAD = timedelta(minutes=5)
MOST = 20  # changes in one answer
MOST_CHANGES = 1000  # of one node for ever, so that no neighbour makes another's log grow without end
_MOST_KEYS = 2 * MOST_CHANGES
_LARGEST = 4 * 1024 * 1024
_OK = 200
Jwk = dict[str, object]
What = Literal["signing", "sealing", "card"]


class Keys(Struct, frozen=True, kw_only=True):
    """The public keys of a node, of each kind the one in use first; a replaced one says `valid_until`."""

    signing_keys: tuple[Jwk, ...]
    sealing_key: Jwk
    card_keys: tuple[Jwk, ...]

    @property
    def in_use(self) -> tuple[str, ...]:
        """The ids of the keys in use."""
        return tuple(str(jwk.get("kid")) for jwk in (self.signing_keys[0], self.sealing_key, *self.card_keys[:1]))

    def as_card(self) -> dict[str, object]:
        """The part of a node card about keys."""
        return {"signing_keys": [*self.signing_keys], "sealing_key": self.sealing_key, "card_keys": [*self.card_keys]}


class KeyChange(Struct, frozen=True, kw_only=True):
    """What a node says: from `at` on these are its keys."""

    node: str
    number: int  # from 1
    at: str
    what: What
    keys: Keys
    previous: str  # SHA-256 of the change before; empty of the first


class Written(Struct, frozen=True, kw_only=True):
    """A change as it travels: signed by the key before it, and by the new one where that signs."""

    statement: str
    proof: str = ""


class Shown(Struct, frozen=True, kw_only=True):
    """What a node answers who asks for its changes."""

    changes: tuple[Written, ...] = ()


def written(change: KeyChange, before: str, new: str) -> Written:
    """A change, signed by the PEM of the signing key before it, and by that of a new one."""
    payload = canonical_bytes(msgspec.to_builtins(change))
    return Written(statement=sign(payload, before, CHANGE_TYPE).decode(), proof=sign(payload, new, CHANGE_TYPE).decode() if new else "")


def change_in(one: Written) -> KeyChange:
    """What a change of this node's own says, whose signature nobody need look at."""
    from joserfc import jws

    return decoding.decode(jws.extract_compact(one.statement.encode()).payload, KeyChange)


def digest(one: Written) -> str:
    """What names a change in the next one."""
    return sha256_hex(one.statement.encode())


def replaced(jwk: Jwk, at: datetime, *, lost: bool) -> Jwk:
    """A key as it is shown from the moment on at which another one took its place."""
    return {**jwk, "valid_until": at.isoformat(), **({"lost": "yes"} if lost else {})}


# --- believing ------------------------------------------------------------------------------------------------------


def followed(name: str, known: Neighbour, one: Written, at: datetime, taken: Collection[str]) -> KeyChange | str:
    """The change, where it follows from what is known of a neighbour; else what is wrong with it. `taken` are ids of keys of other nodes."""
    payload = check_signed(one.statement.encode(), known.signing_keys[:1], CHANGE_TYPE)
    if isinstance(payload, Refusal):
        return "it is not signed by the key that is known"
    try:
        change = decoding.decode(payload, KeyChange, strict=True)
        wrong = next(_wrong(name, known, change, at, taken), "")
    except (msgspec.DecodeError, ValueError, KeyError, TypeError, IndexError):
        return "it cannot be read"
    new = change.keys.signing_keys[0]
    if not wrong and new["kid"] != known.signing_keys[0].get("kid") and check_signed(one.proof.encode(), [new], CHANGE_TYPE) != payload:
        wrong = "the new key has not signed it"
    return wrong or change


def _wrong(name: str, known: Neighbour, change: KeyChange, at: datetime, taken: Collection[str]) -> Iterator[str]:
    if change.node != name:
        yield "it speaks for another node"
    if change.number != known.key_change + 1:
        yield "a change before it is lacking"
    if parse_instant(change.at) > at + AHEAD:
        yield "it lies in the future"
    yield from _wrong_keys(known, change, taken)


def _wrong_keys(known: Neighbour, change: KeyChange, taken: Collection[str]) -> Iterator[str]:
    keys = change.keys
    signing = [VerifyKey.from_jwk(jwk).kid for jwk in keys.signing_keys]
    every = [*signing, SealKey.from_jwk(keys.sealing_key).kid, *(CardVerifyKey.from_jwk(jwk).kid for jwk in keys.card_keys)]
    said = [jwk.get("kid") for jwk in (*keys.signing_keys, keys.sealing_key, *keys.card_keys)]
    if said != every or any("d" in jwk for jwk in (*keys.signing_keys, keys.sealing_key, *keys.card_keys)):
        yield "a key is not what it says"
    if "valid_until" in keys.signing_keys[0] or not all("valid_until" in jwk for jwk in keys.signing_keys[1:]):
        yield "it does not say which key is in use"
    if any(parse_instant(jwk["valid_until"]) > parse_instant(change.at) for jwk in (*keys.signing_keys, *keys.card_keys) if "valid_until" in jwk):
        yield "a key is replaced later than now"
    if len(every) > _MOST_KEYS or change.number > MOST_CHANGES:
        yield "it is one of too many"
    if set(every) & set(taken):
        yield "it names a key of another node"
    for mine, theirs in ((known.signing_keys, keys.signing_keys), (known.card_keys, keys.card_keys)):
        yield from _taken_back(mine, theirs, change.at)


def _taken_back(known: Sequence[Jwk], now: Sequence[Jwk], at: str) -> Iterator[str]:
    """Keys that were known and are gone, in use again or over at another moment."""
    there = {str(jwk["kid"]): jwk for jwk in now}
    for place, jwk in enumerate(known):
        until = there.get(str(jwk.get("kid")), {"valid_until": "-"}).get("valid_until")
        if until != jwk.get("valid_until") and not (place == 0 and until == at):
            yield "a key from before is gone or counts differently"


def outlived(kid: str, keys: Sequence[Mapping[str, object]], sent_at: str) -> bool:
    """Whether something was sent after the key that signed it was replaced, as a node does that was restored from a backup of before."""
    until = next((jwk["valid_until"] for jwk in keys if jwk.get("kid") == kid and "valid_until" in jwk), None)
    return until is not None and parse_instant(sent_at) > parse_instant(str(until)) + AHEAD


# --- learning -------------------------------------------------------------------------------------------------------


def learn(node: Node, name: str) -> None:
    """Ask a neighbour for its changes of keys, and keep those that follow from what is known of it; OSError where it does not answer."""
    from baybridge.node.neighbours import register

    known = node.neighbours.get(name)
    if node.transport is None or known is None:
        return
    status, body = node.transport(known, f"{PATH}?after={known.key_change}", None)
    if status != _OK or len(body) > _LARGEST:
        return
    for one in decoding.decode(body, Shown).changes[:MOST]:
        known = node.neighbours.get(name)
        taken = {str(jwk.get("kid")) for other, its in node.neighbours.items() if other != name for jwk in (*its.signing_keys, its.sealing_key)}
        change = followed(name, known, one, node.now(), taken) if known is not None else "it is parted with"
        if isinstance(change, str):
            if node.keys_not_believed.get(name) != change:  # said once, not every fifteen seconds
                _LOG.warning("a new key of the neighbour %s is not believed: %s; compare its fingerprint and add it again", name, change)
            node.keys_not_believed[name] = change
            return
        register.change_keys(node, name, change, one)
