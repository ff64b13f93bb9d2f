"""The keys of this node: those it uses now, those it used before, and what it shows of them.

Main job: `read_own(folder)`. In `keys/`: `signing.pem` (log, packages, receipts), `sealing.pem` (opens packages), `card.jwk` (cards that patients carry);
`sealing-KID.pem` are earlier ones, which open packages that were under way; `changes.json` is every change of a key, each signed by the signing key before it, with the
public keys as they were from then on. A signing or card key that was replaced is no longer there: its public half is, so that what it signed stays verifiable.

Elsewhere: making a change in `key_rotation.py`, what a neighbour does with it in `key_changes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from baybridge.base import decoding
from baybridge.base.keys import KeyRing, SigningKey, VerifyKey
from baybridge.exchange.card.health_card import CardKey
from baybridge.node.config import ConfigProblem
from baybridge.node.intake.card_key import card_key
from baybridge.node.neighbours.key_changes import Jwk, Keys, Shown, What, Written, change_in
from baybridge.node.neighbours.package import public_jwk

CHANGES = "changes.json"


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The private keys in use, the earlier ones that still open packages, the changes so far, and the public keys, those in use first."""

    signing: str = field(repr=False)
    sealing: str = field(repr=False)
    card: CardKey
    older_sealing: tuple[str, ...] = field(repr=False)
    changes: tuple[Written, ...]
    shown: Keys

    @property
    def number(self) -> int:
        """How many changes there were."""
        return len(self.changes)

    @property
    def signing_key(self) -> SigningKey:
        """The signing key in use."""
        return SigningKey.from_text(self.signing)

    @property
    def ring(self) -> KeyRing:
        """Every signing key that this node ever showed."""
        return KeyRing.of(*(VerifyKey.from_jwk(jwk) for jwk in self.shown.signing_keys))

    def as_card(self) -> dict[str, object]:
        """The part of a node card about keys."""
        changed = {"key_change": self.number} if self.number else {}
        return {**self.shown.as_card(), **changed}


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key as people see it: what it is for, since when another one took its place, and whether somebody else may have it."""

    key: What
    kid: str
    replaced_at: str | None
    lost: bool


def listed(shown: Keys) -> list[ShownKey]:
    """Every key that a node shows, those in use first."""
    signing: list[tuple[What, Jwk]] = [("signing", one) for one in shown.signing_keys]
    every: list[tuple[What, Jwk]] = [*signing, ("sealing", shown.sealing_key), *(("card", one) for one in shown.card_keys)]
    return [ShownKey(name, str(one["kid"]), str(one["valid_until"]) if "valid_until" in one else None, "lost" in one) for name, one in every]


def read_own(folder: Path) -> OwnKeys:
    """The keys of a node's folder; OSError or ValueError where a file lacks or holds none, ConfigProblem where the card key is gone that others know."""
    keys = folder / "keys"
    if (keys / CHANGES).is_file() and not (keys / "card.jwk").is_file():
        raise ConfigProblem("card.jwk: expected a file in 'keys', found none; bring it from a backup")  # made anew it would be a key that no change led to
    signing, sealing = ((keys / name).read_text(encoding="utf-8") for name in ("signing.pem", "sealing.pem"))
    card = card_key(folder)
    now = Keys(signing_keys=(public_jwk(signing),), sealing_key=public_jwk(sealing), card_keys=({**card.public.jwk()},))
    changes = _those_done(read_changes(folder), now)
    shown = change_in(changes[-1]).keys if changes else now
    older = tuple(path.read_text(encoding="utf-8") for path in sorted(keys.glob("sealing-*.pem")))
    return OwnKeys(signing, sealing, card, older, changes, shown)


def read_changes(folder: Path) -> tuple[Written, ...]:
    """Every change that stands in the file, done or not."""
    path = folder / "keys" / CHANGES
    return decoding.decode(path.read_bytes(), Shown).changes if path.is_file() else ()


def as_file(changes: tuple[Written, ...]) -> str:
    """The file of changes."""
    return msgspec.json.format(msgspec.json.encode(Shown(changes=changes)), indent=1).decode()


def _those_done(changes: tuple[Written, ...], now: Keys) -> tuple[Written, ...]:
    """The changes up to the one that led to the keys in use: one that was cut short is none."""
    for length in range(len(changes), 0, -1):
        if change_in(changes[length - 1]).keys.in_use == now.in_use:
            return changes[:length]
    return ()
