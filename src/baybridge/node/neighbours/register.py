"""The neighbours of a node: added by their card and its fingerprint, listed with how their logs look, removed, a brand lifted by two persons.

Main job: `read_card`, `fingerprint`, `add`, `listed`, `remove`, `clear`. A card stands in `neighbours/NAME.yaml`; a removed one beside it with `.removed`, so that it is
read by nobody and still there. A running node sees either at its next request. Every change is an entry of the log.

**Source**: contract K5. The fingerprint is the SHA-256 over the canonical JSON of the node's name and its public keys: two people read it to each other.
**Units**: minutes by name. Elsewhere: the watch on neighbours' logs in `witnessing.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import yaml
from sqlalchemy import delete, insert, select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.base.json_value import JsonDict
from baybridge.base.keys import KeyRing, SealKey, VerifyKey
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.base.text import not_text_inside
from baybridge.facts.fhir import items, mapping, text
from baybridge.journey.command import Actor, Role
from baybridge.ledger import checkpoint as notes
from baybridge.ledger import keeping
from baybridge.node import tables
from baybridge.node.neighbours.key_changes import MOST_CHANGES

if TYPE_CHECKING:
    from baybridge.node.neighbours.key_changes import KeyChange, Written
    from baybridge.node.node import Node

State = Literal["active", "removed", "forked", "shrunk", "unreachable"]
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_URL = re.compile(r"https?://[^\s/?#@]+(?:/[^\s?#]*)?")
_UNREACHABLE_AFTER = timedelta(minutes=15)  # CONV: sixty looks without an answer
_SECOND_WITHIN = timedelta(minutes=15)  # contract K3
_MAY_CLEAR = (Role.ADMINISTRATOR, Role.QUALITY)


@dataclass(frozen=True, slots=True)
class Listed:
    """A neighbour as people see it."""

    node: str
    organisation: str
    fingerprint: str
    state: State
    seen_size: int | None
    last_seen: str | None

    def as_json(self) -> JsonDict:
        """The row of the contract."""
        return {name: getattr(self, name) for name in self.__slots__}


# --- cards ----------------------------------------------------------------------------------------------------------


class _Card(yaml.SafeLoader):
    """YAML without aliases: a few lines of them stand for more than any machine holds, and no card needs one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node, which is no alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def read_card(text: bytes, own: str, regions: Collection[str]) -> dict[str, object] | Refusal:
    """A node card as JSON or YAML, or everything that is wrong with it."""
    try:
        card = yaml.load(text.decode(), Loader=_Card)  # noqa: S506 - a safe loader
    except (UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError):
        card = None
    if not isinstance(card, dict) or not_text_inside(card):
        return refuse(Reason("neighbour.card.unreadable"), category=Category.INVALID)
    reasons = [Reason("neighbour.card.field", {"field": name, "expected": expected}, where=name) for name, expected in _faults(card, regions)]
    if card.get("node") == own:
        reasons.append(Reason("neighbour.card.own", where="node"))
    return refuse(*reasons, category=Category.INVALID) if reasons else card


def _faults(card: Mapping[str, object], regions: Collection[str]) -> list[tuple[str, str]]:
    """Fields that are not what they must be, with what they must be."""
    found = []
    checks: tuple[tuple[str, str, bool], ...] = (
        ("node", "a name of a-z, 0-9 and -", _NAME.fullmatch(text(card.get("node"))) is not None),
        ("organisation", "a name", bool(text(card.get("organisation")).strip())),
        ("jurisdiction", ", ".join(regions), card.get("jurisdiction") in regions),
        ("url", "an http or https address", _URL.fullmatch(text(card.get("url"))) is not None),
        ("kinds", "a list of kinds", _texts(card.get("kinds"))),
        ("city", "a name or nothing", card.get("city") is None or isinstance(card["city"], str)),
        ("issuer", "an address or nothing", card.get("issuer") is None or isinstance(card["issuer"], str)),
        ("signing_keys", "a list of Ed25519 public keys, the one in use first", _keys(card.get("signing_keys"))),
        ("sealing_key", "an X25519 public key", _is_key(SealKey, card.get("sealing_key"))),
        ("key_change", "a whole number or nothing", card.get("key_change") is None or (type(card["key_change"]) is int and 0 < card["key_change"] <= MOST_CHANGES)),
        ("card_keys", "a list of public keys or nothing", card.get("card_keys") is None or _maps(card["card_keys"])),
    )
    for name, expected, holds in checks:
        if not holds:
            found.append((name, expected))
    return found


def _texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _maps(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _keys(value: object) -> bool:
    if not isinstance(value, list) or not value or not all(_is_key(VerifyKey, one) for one in value) or "valid_until" in value[0]:
        return False
    try:
        return bool(KeyRing.from_jwks(value).keys)  # times can be read
    except (ValueError, TypeError):
        return False


def _is_key(kind: type[VerifyKey | SealKey], value: object) -> bool:
    """Whether this is a public key of that kind; a card that holds a private one is refused."""
    try:
        return isinstance(value, dict) and "d" not in value and kind.from_jwk(value) is not None
    except (ValueError, TypeError, KeyError):
        return False


def fingerprint(card: Mapping[str, object]) -> str:
    """What two people compare: SHA-256 over the node's name and its public keys."""
    signing = sorted(VerifyKey.from_jwk(jwk).kid for jwk in items(card["signing_keys"]))
    said: dict[str, object] = {"node": card["node"], "signing": signing, "sealing": SealKey.from_jwk(mapping(card["sealing_key"])).kid}
    if card.get("key_change"):  # keys were replaced: which one is in use counts too
        said |= {"key_change": card["key_change"], "in_use": VerifyKey.from_jwk(items(card["signing_keys"])[0]).kid}
    return sha256_hex(canonical_bytes(said))


def same_fingerprint(given: str, card: Mapping[str, object]) -> bool:
    """Whether a fingerprint that was read out is the card's; blanks, colons and capitals do not count."""
    return re.sub(r"[\s:]", "", given).lower() == fingerprint(card)


# --- changes --------------------------------------------------------------------------------------------------------


def add(node: Node, card: Mapping[str, object], given: str, by: Actor | None = None) -> Listed | Refusal:
    """Make a node a neighbour; refused where the fingerprint differs, or where another key is known under its name. `by` nobody: whoever works on the machine."""
    if not same_fingerprint(given, card):
        reason = Reason("neighbour.fingerprint", {"expected": given.strip()[:100], "found": fingerprint(card)}, where="fingerprint")
        return refuse(reason, category=Category.CONFLICT)
    name = str(card["node"])
    known = _card_of(node, name)
    if known is not None and fingerprint(known) != fingerprint(card):
        return refuse(Reason("neighbour.other_keys", {"node": name, "known": fingerprint(known)}, where="node"), category=Category.CONFLICT)
    text = yaml.safe_dump(dict(card), allow_unicode=True, sort_keys=False)
    folder = node.config.folder / "neighbours"
    folder.mkdir(parents=True, exist_ok=True)
    with node.unit() as unit:
        unit.log("neighbour", "", f"added {name} {fingerprint(card)}", text.encode(), by or operator(node), "administration")
        put(folder / f"{name}.yaml", text)
        (folder / f"{name}.yaml.removed").unlink(missing_ok=True)
    return _listed(node, name, card, removed=False)


def remove(node: Node, name: str, reason: str, by: Actor | None = None) -> Listed | Refusal:
    """Part with a neighbour: its packages, its word on our log and its cards count no longer, at once."""
    against = _unknown_or_silent(node, name, reason)
    if against is not None:
        return against
    card = _card_of(node, name) or {}
    path = node.config.folder / "neighbours" / f"{name}.yaml"
    with node.unit() as unit:
        unit.log("neighbour", "", f"removed {name} {fingerprint(card)}", reason.strip().encode(), by or operator(node), "administration")
        path.rename(path.with_name(f"{name}.yaml.removed"))
    return _listed(node, name, card, removed=True)


def change_keys(node: Node, name: str, change: KeyChange, signed: Written) -> None:
    """Keep the keys that a neighbour changed to, where they follow what is known; the rest of its card stays as people added it."""
    path = node.config.folder / "neighbours" / f"{name}.yaml"
    with node.unit(even_restored=True) as unit:
        card = _card_of(node, name)
        if card is None or int(str(card.get("key_change") or 0)) + 1 != change.number:
            return  # parted with, or kept already, meanwhile
        card |= {**change.keys.as_card(), "key_change": change.number}
        unit.log("neighbour", "", f"keys changed {name} {fingerprint(card)}", signed.statement.encode(), node.system(), "administration")
        put(path, yaml.safe_dump(card, allow_unicode=True, sort_keys=False))


def put(path: Path, text: str) -> None:
    """Write a card, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def clear(node: Node, name: str, reason: str, actor: Actor) -> Listed | Refusal | None:
    """Lift the brand of a neighbour's log, by two persons; None where this was the first of them.

    The last checkpoint that fitted is given up with the brand: a log that has shrunk is looked at anew. That it was branded, and who lifted it, stays in the log.
    """
    against = _unknown_or_silent(node, name, reason)
    if against is not None:
        return against
    actor = actor.acting(_MAY_CLEAR)
    if not actor.person:
        return refuse(Reason("signing.no_person", {"command": "neighbour clear"}), category=Category.FORBIDDEN)
    if actor.role not in _MAY_CLEAR or actor.organisation != node.site.organisation:
        roles = ", ".join(_MAY_CLEAR)
        return refuse(Reason("access.command", {"command": "neighbour clear", "roles": roles, "role": actor.role.value}), category=Category.FORBIDDEN)
    table = tables.neighbour_clearing
    with node.unit() as unit:
        seen = keeping.seen(unit.connection, name)
        if seen is None or not seen.problem:
            return refuse(Reason("neighbour.no_brand", {"node": name}), category=Category.CONFLICT)
        asked = unit.connection.execute(select(table).where(table.c.neighbour == name)).mappings().first()
        fresh = asked is not None and unit.at - datetime.fromisoformat(asked["asked_at"]) <= _SECOND_WITHIN and asked["problem_note"] == seen.problem_note
        if asked is not None and fresh and asked["person"] == actor.person:
            return refuse(Reason("neighbour.same_person"), category=Category.FORBIDDEN)
        unit.connection.execute(delete(table).where(table.c.neighbour == name))
        what = f"{'cleared' if fresh else 'clearing asked'} {name} {seen.problem}"
        unit.log("neighbour", "", what, f"{reason.strip()}\n{seen.problem_note}".encode(), actor, "administration")
        if not fresh:
            row = {"neighbour": name, "person": actor.person, "asked_at": unit.at.isoformat(), "reason": reason.strip(), "problem_note": seen.problem_note}
            unit.connection.execute(insert(table).values(row))
            return None
        keeping.clear(unit.connection, name)
    return _listed(node, name, _card_of(node, name) or {}, removed=False)


def _unknown_or_silent(node: Node, name: str, reason: str) -> Refusal | None:
    if name not in node.neighbours:
        return refuse(Reason("neighbour.unknown", {"node": name[:40], "known": ", ".join(sorted(node.neighbours)) or "-"}), category=Category.NOT_FOUND)
    return refuse(Reason("neighbour.no_reason", where="reason"), category=Category.INVALID) if not reason.strip() else None


def operator(node: Node) -> Actor:
    """Whoever gives commands on the machine."""
    return Actor("operator", Role.ADMINISTRATOR, node.site.organisation)


# --- looking --------------------------------------------------------------------------------------------------------


def listed(node: Node) -> list[Listed]:
    """Every neighbour, and those that were removed, by name."""
    found = [_listed(node, str(card["node"]), card, removed=path.suffix == ".removed") for path, card in _kept(node)]
    return sorted(found, key=lambda one: one.node)


def cards(node: Node) -> list[dict[str, object]]:
    """The card of every neighbour, and of those that were removed."""
    return [card for _, card in _kept(node)]


def _kept(node: Node) -> Iterator[tuple[Path, dict[str, object]]]:
    for path in sorted((node.config.folder / "neighbours").glob("*.yaml*")):
        if path.suffix in (".yaml", ".removed"):
            yield path, yaml.safe_load(path.read_text(encoding="utf-8"))


def _card_of(node: Node, name: str) -> dict[str, object] | None:
    path = node.config.folder / "neighbours" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None


def _listed(node: Node, name: str, card: Mapping[str, object], *, removed: bool) -> Listed:
    with node.storage.reading() as connection:
        seen = keeping.seen(connection, name)
    size = None
    if seen is not None and seen.note:
        size = notes.read(notes.parse(seen.note)).size
    state = "removed" if removed else _state(node, seen)
    return Listed(name, str(card.get("organisation", "")), fingerprint(card), state, size, seen.checked_at if seen else None)


def _state(node: Node, seen: keeping.Seen | None) -> State:
    if seen is None:
        return "active"  # not looked at yet
    if seen.problem in ("forked", "shrunk"):
        return "forked" if seen.problem == "forked" else "shrunk"
    late = node.now() - datetime.fromisoformat(seen.checked_at) > _UNREACHABLE_AFTER
    return "unreachable" if late else "active"
