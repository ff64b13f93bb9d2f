"""The directory of the alliance: which organisations run which nodes, signed by the node that keeps it.

Main job: `make` signs one over this node and its neighbours, `take` reads one that a neighbour signed and keeps it, `compared` lays it beside what this node knows.

It joins nobody and changes no card: a site still adds a neighbour by the fingerprint that somebody of that node read out, and sees here what the alliance says of it.
A directory has a number that rises and an end; one of before, one that is over and one that somebody else signed are refused. The last one that was taken stands in
`neighbours/directory.jws`, and each is an entry of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from joserfc import jws
from msgspec import Meta, Struct

from baybridge.base import decoding
from baybridge.base.canonical import canonical_bytes
from baybridge.base.json_value import JsonDict
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text_inside
from baybridge.journey.command import Actor
from baybridge.ledger import log
from baybridge.node.neighbours import register
from baybridge.node.neighbours.key_changes import AHEAD
from baybridge.node.neighbours.package import check_signed, sign

if TYPE_CHECKING:
    from baybridge.node.node import Node

DIRECTORY_TYPE = "baybridge-directory+jws"
FILE = "directory.jws"
MOST_DAYS = 366  # a convention of this project: whoever runs the alliance looks at it once a year at least
_MADE, _LARGEST = "directory", 1024 * 1024
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]  # nothing that a terminal would act on
State = Literal["same", "differs", "other-keys", "not-joined", "removed", "not-listed"]


class Listed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node of the alliance."""

    node: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    organisation: Text
    jurisdiction: Text
    kinds: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=20)]
    url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=300)]
    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    city: Text | None = None


class Directory(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who belongs to the alliance, as the node that keeps it says from `made_at` to `expires_at`."""

    by: Text
    version: Annotated[int, Meta(ge=1)]
    made_at: datetime
    expires_at: datetime
    nodes: Annotated[tuple[Listed, ...], Meta(min_length=1, max_length=1000)]


@dataclass(frozen=True, slots=True)
class Compared:
    """A node in the directory beside what is known of it here: field, here, there."""

    node: str
    state: State
    fingerprint: str | None = None
    differs: list[tuple[str, str, str]] = field(default_factory=list)

    def as_json(self) -> JsonDict:
        """As the command prints it."""
        differs = [{"field": name, "here": here, "there": there} for name, here, there in self.differs]
        return {"node": self.node, "state": self.state, "fingerprint": self.fingerprint, "differs": differs}


# --- making ---------------------------------------------------------------------------------------------------------


def make(node: Node, days: int, by: Actor | None = None) -> bytes | Refusal:
    """A directory of this node and its neighbours, signed; its number is one more than that of the last. Refused where this node does not know its own address."""
    if not node.config.url:
        return refuse(Reason("neighbour.directory.no_url", where="url"), category=Category.CONFLICT)
    if not 1 <= days <= MOST_DAYS:
        return refuse(Reason("neighbour.directory.days", {"days": MOST_DAYS}, where="days"), category=Category.INVALID)
    cards = {name: card for name, card in _cards(node).items() if name in node.neighbours} | {node.site.node: _own(node)}
    with node.unit() as unit:
        version = 1 + sum(what.startswith("made ") for _, _, what in log.positions_of(unit.connection, (_MADE,)))
        listed = tuple(_listed(cards[name]) for name in sorted(cards))
        said = Directory(by=node.site.node, version=version, made_at=unit.at, expires_at=unit.at + timedelta(days=days), nodes=listed)
        signed = sign(canonical_bytes(msgspec.to_builtins(said)), node.keys.signing, DIRECTORY_TYPE)
        unit.log(_MADE, "", f"made {version}", signed, by or register.operator(node), "administration")
    return signed


def _own(node: Node) -> dict[str, object]:
    from baybridge.node.upkeep.founding import card

    site = node.site
    return card(node.config.folder, node.address) | {"organisation": site.organisation, "kinds": sorted(site.kinds), "city": site.city}


def _cards(node: Node) -> dict[str, Mapping[str, object]]:
    return {str(card["node"]): card for card in register.cards(node)}


def _listed(card: Mapping[str, object]) -> Listed:
    names = ("node", "organisation", "jurisdiction", "kinds", "url", "city")
    return decoding.convert({name: card[name] for name in names if card.get(name) is not None} | {"fingerprint": register.fingerprint(card)}, Listed)


# --- taking ---------------------------------------------------------------------------------------------------------


def take(node: Node, signed: bytes, by: str, actor: Actor | None = None) -> Directory | Refusal:
    """A directory that the neighbour `by` signed, kept from now on; refused with words where it does not count."""
    signed = signed.strip()
    neighbour = node.neighbours.get(by)
    if neighbour is None:
        return refuse(Reason("neighbour.unknown", {"node": by[:40], "known": ", ".join(sorted(node.neighbours)) or "-"}, where="by"), category=Category.NOT_FOUND)
    payload = check_signed(signed, neighbour.signers(node.now()), DIRECTORY_TYPE) if len(signed) <= _LARGEST else None
    if payload is None or isinstance(payload, Refusal):
        return refuse(Reason("neighbour.directory.signature", {"node": by}), category=Category.FORBIDDEN)
    said = _read(payload)
    if said is None:
        return refuse(Reason("neighbour.directory.unreadable"), category=Category.INVALID)
    with node.unit() as unit:
        reasons = [*_against(node, said, by, unit.at), *_older(node, said, signed)]
        if reasons:
            return refuse(*reasons, category=Category.CONFLICT)
        unit.log(_MADE, "", f"taken {said.by} {said.version}", signed, actor or register.operator(node), "administration")
        register.put(node.config.folder / "neighbours" / FILE, signed.decode())
    return said


def _read(payload: bytes) -> Directory | None:
    try:
        said = decoding.decode(payload, Directory, strict=True)
        aware = said.made_at.tzinfo is not None and said.expires_at.tzinfo is not None
        return said if aware and not not_text_inside(msgspec.to_builtins(said)) else None
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _against(node: Node, said: Directory, by: str, at: datetime) -> Iterator[Reason]:
    if said.by != by:
        yield Reason("neighbour.directory.of_another", {"node": by, "found": said.by[:40]}, where="by")
    if said.expires_at <= at:
        yield Reason("neighbour.directory.over", {"day": said.expires_at.date().isoformat()}, where="expires_at")
    if said.made_at > at + AHEAD or said.expires_at > said.made_at + timedelta(days=MOST_DAYS):
        yield Reason("neighbour.directory.times", {"days": MOST_DAYS}, where="made_at")
    names = [one.node for one in said.nodes]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Reason("neighbour.directory.twice", {"node": name}, where="nodes")
    for one in said.nodes:
        if one.jurisdiction not in node.regions:
            yield Reason("neighbour.directory.region", {"node": one.node, "known": ", ".join(node.regions)}, where="nodes")


def _older(node: Node, said: Directory, signed: bytes) -> Iterator[Reason]:
    """Against one that takes back what was taken: of a lower number, or another of the same."""
    path = node.config.folder / "neighbours" / FILE
    before = kept(node)
    if before is None or before.by != said.by:
        return
    if said.version < before.version or (said.version == before.version and path.read_bytes() != signed):
        yield Reason("neighbour.directory.older", {"found": said.version, "known": before.version}, where="version")


def kept(node: Node) -> Directory | None:
    """The directory that was taken last; None before the first."""
    path = node.config.folder / "neighbours" / FILE
    return _read(jws.extract_compact(path.read_bytes()).payload) if path.is_file() else None


def counts(node: Node, said: Directory) -> bool:
    """Whether the directory that was taken last is signed by a key of its neighbour that counts now: one that was parted with, or lost its key, has none."""
    neighbour = node.neighbours.get(said.by)
    path = node.config.folder / "neighbours" / FILE
    return neighbour is not None and not isinstance(check_signed(path.read_bytes().strip(), neighbour.signers(node.now()), DIRECTORY_TYPE), Refusal)


# --- comparing ------------------------------------------------------------------------------------------------------


def compared(node: Node, said: Directory) -> list[Compared]:
    """Every node of the directory beside what is known here, then neighbours that it does not name."""
    here = {name: _listed(card) for name, card in _cards(node).items()} | {node.site.node: _listed(_own(node))}
    if not node.config.url:  # it does not know itself under which address others reach it
        here |= {one.node: msgspec.structs.replace(here[one.node], url=one.url) for one in said.nodes if one.node == node.site.node}
    rows = [_compared(one, here.get(one.node), joined=one.node in node.neighbours or one.node == node.site.node) for one in said.nodes]
    return rows + [Compared(name, "not-listed", here[name].fingerprint) for name in sorted({*node.neighbours} - {one.node for one in said.nodes})]


def _compared(there: Listed, here: Listed | None, *, joined: bool) -> Compared:
    if here is None:
        return Compared(there.node, "not-joined", there.fingerprint)
    pairs = [(name, _words(getattr(here, name)), _words(getattr(there, name))) for name in Listed.__struct_fields__]
    differs = [(name, one, other) for name, one, other in pairs if one != other]
    changed: State = "other-keys" if here.fingerprint != there.fingerprint else "differs" if differs else "same"
    return Compared(there.node, changed if joined else "removed", there.fingerprint, differs)


def _words(value: object) -> str:
    return ", ".join(sorted(map(str, value))) if isinstance(value, tuple | list) else str(value or "")
