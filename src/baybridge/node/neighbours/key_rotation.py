"""A new key in the place of one of this node's own: all of it, or nothing.

Main job: `rotate`, and `recover` at every opening of a node. The new key is laid beside the others (`keys/next.json`) and entered in the log in one transaction:
with that the change is decided. The key from before then signs one more checkpoint, so that neighbours vouch for the entry of the new one before it signs anything. At
last the files are replaced: a process that ends before does it at the next opening of the node.

Elsewhere: what a change says, and when a neighbour believes it, in `key_changes.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from baybridge.base import decoding
from baybridge.base.json_value import JsonDict
from baybridge.base.keys import SigningKey
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.exchange.card.health_card import CardKey
from baybridge.journey.command import Actor
from baybridge.ledger import keeping, log
from baybridge.node.config import write_private
from baybridge.node.neighbours import witnessing
from baybridge.node.neighbours.key_changes import KeyChange, Keys, What, Written, change_in, digest, replaced, written
from baybridge.node.neighbours.own_keys import CHANGES, OwnKeys, as_file, read_own
from baybridge.node.neighbours.package import new_keys, public_jwk

if TYPE_CHECKING:
    from baybridge.node.node import Node

ENTRY = "key-change"
STAGED = "next.json"
_FILES = {"signing": "signing.pem", "sealing": "sealing.pem", "card": "card.jwk"}


class Staged(Struct, frozen=True, kw_only=True):
    """A new key that waits for its files to be written."""

    what: What
    private: str
    change: Written


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a change came to."""

    key: What
    before: str
    kid: str
    number: int

    def as_json(self) -> JsonDict:
        """As the command prints it."""
        return {name: getattr(self, name) for name in self.__slots__}


def rotate(node: Node, what: What, reason: str, actor: Actor, *, lost: bool = False) -> Rotated | Refusal:
    """Put a new key in the place of one of this node's own. `lost`: somebody else may have the old one, so that nothing new counts by it."""
    if not reason.strip():
        return refuse(Reason("neighbour.no_reason", where="reason"), category=Category.INVALID)
    keys, folder = node.config.folder / "keys", node.config.folder
    with node.unit() as unit:
        own = read_own(folder)  # within the turn of the one writer: two at once would both follow the same change
        staged = _staged(own, node, what, unit.at, lost=lost)
        change = change_in(staged.change)
        if what == "signing":
            new = SigningKey.from_text(staged.private)
            unit.log(keeping.KEY_KIND, "", new.kid, keeping.key_content(new), actor, "administration")
        unit.log(ENTRY, "", _named(change), f"{reason.strip()}\n{staged.change.statement}".encode(), actor, "administration")
        unit.step("rotate.logged")
        _put(keys / STAGED, msgspec.json.encode(staged).decode())
        unit.step("rotate.staged")
    node.step("rotate.decided")
    witnessing.sign_checkpoint(node)
    witnessing.ask_cosignatures(node)
    node.step("rotate.witnessed")
    finish(node, staged)
    return Rotated(what, _kid(own.shown, what), _kid(change.keys, what), change.number)


def recover(node: Node) -> None:
    """Finish a change that was decided and cut short; one that was not decided is taken away."""
    path = node.config.folder / "keys" / STAGED
    if not path.exists():
        return
    with node.storage.writing(even_restored=True) as connection:  # nobody is deciding one meanwhile
        if not path.exists():
            return
        staged = decoding.decode(path.read_bytes(), Staged)
        if not log.entries_on(connection, _named(change_in(staged.change)), ENTRY):
            path.unlink(missing_ok=True)
            return
    finish(node, staged)


def finish(node: Node, staged: Staged) -> None:
    """Write the files of a change that was decided; doing it again changes nothing."""
    own, keys = read_own(node.config.folder), node.config.folder / "keys"
    if staged.what == "sealing" and own.sealing != staged.private:
        _put(keys / f"sealing-{own.shown.sealing_key['kid']}.pem", own.sealing)
    if not own.changes or digest(own.changes[-1]) != digest(staged.change):
        _put(keys / CHANGES, as_file((*own.changes, staged.change)))
    node.step("rotate.changes_written")
    _put(keys / _FILES[staged.what], staged.private)
    node.step("rotate.replaced")
    (keys / STAGED).unlink(missing_ok=True)
    for stale in keys.glob(".*.part"):  # of a process that was ended while it wrote
        stale.unlink(missing_ok=True)


def _staged(own: OwnKeys, node: Node, what: What, at: datetime, *, lost: bool) -> Staged:
    """A new key, and the change that says so, signed by the signing key in use."""
    shown, new = own.shown, new_keys()
    if what == "signing":
        private = new[0]
        keys = structs.replace(shown, signing_keys=(public_jwk(private), replaced(shown.signing_keys[0], at, lost=lost), *shown.signing_keys[1:]))
    elif what == "sealing":
        private = new[1]
        keys = structs.replace(shown, sealing_key=public_jwk(private))
    else:
        key = CardKey.generate()
        private = key.to_text()
        keys = structs.replace(shown, card_keys=(key.public.jwk(), replaced(shown.card_keys[0], at, lost=lost), *shown.card_keys[1:]))
    previous = digest(own.changes[-1]) if own.changes else ""
    change = KeyChange(node=node.site.node, number=own.number + 1, at=at.isoformat(), what=what, keys=keys, previous=previous)
    return Staged(what=what, private=private, change=written(change, own.signing, private if what == "signing" else ""))


def _kid(keys: Keys, what: What) -> str:
    return keys.in_use[("signing", "sealing", "card").index(what)]


def _named(change: KeyChange) -> str:
    """What an entry of the log says of a change."""
    return f"{change.number} {change.what} {_kid(change.keys, change.what)}"


def _put(path: Path, text: str) -> None:
    """Write a private file, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    write_private(part, text)
    if os.geteuid() == 0:  # by root for a service of another user, who could read its own keys no more
        owner = path.parent.stat()
        os.chown(part, owner.st_uid, owner.st_gid)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
