"""The directory of a running node: documents of `data/` with the signed changes of its ledger laid over them.

Main job: `LivingDocuments`, what every rule and page of a node reads; `change(node, actor, …)`, the only way in for a change.

Changes stand in an event stream of their own, so that the log, its checkpoints and witnesses cover them as they cover cases; a site's own folder stays a layer
below. Other nodes do not learn of a change by it: each site's directory is its own word. Elsewhere: what a change means in `alliance/directory.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from baybridge.alliance.directory import Change, DirectoryChanged, against, lay_over
from baybridge.base.outcome import Category, Reason, Refusal, refuse
from baybridge.journey.command import Actor
from baybridge.journey.stored import UnknownEvent, decode
from baybridge.ledger import streams
from baybridge.node.documents import Documents

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from baybridge.node.node import Node
    from baybridge.node.storage import Storage

#: The stream of changes; no case has this name, cases are named by their time and chance.
STREAM = "directory"
_FORMS = "editing"


class LivingDocuments(Documents):
    """Documents with the ledger's changes laid over those that have a form; the others are read once."""

    def __init__(self, storage: Storage, *roots: Path) -> None:
        super().__init__(*roots)
        self._storage = storage
        self._seen = -1
        self._laid: dict[str, Mapping[str, Any]] = {}

    @property
    def forms(self) -> Mapping[str, Mapping[str, Any]]:
        """The forms by the name of their document."""
        found: Mapping[str, Mapping[str, Any]] = super().folder("directory")[_FORMS]["forms"]
        return found

    def folder(self, name: str) -> Mapping[str, Any]:
        """The documents of a folder as they read now."""
        if name not in ("directory", "recognition"):
            return super().folder(name)
        with self._storage.reading() as connection:
            last = streams.last_sequence(connection, STREAM)
            if last != self._seen:
                self._lay(changes(connection))
                self._seen = last
        return self._laid.get(name) or super().folder(name)

    def beneath(self, form: Mapping[str, Any]) -> Mapping[str, Any]:
        """The document of a form without any change."""
        found: Mapping[str, Any] = super().folder(form["folder"])[form["document"]]
        return found

    def _lay(self, found: Sequence[Change]) -> None:
        laid: dict[str, Mapping[str, Any]] = {}
        for name, form in self.forms.items():
            mine = [change for change in found if change.event.document == name]
            if mine:
                folder = laid.get(form["folder"]) or super().folder(form["folder"])
                laid[form["folder"]] = {**folder, form["document"]: lay_over(self.beneath(form), form, mine)}
        self._laid = laid


def changes(connection: Connection) -> tuple[Change, ...]:
    """Every change, in the order in which it was signed; one that a newer version wrote and this one cannot read is left out."""
    return tuple(change for stored in streams.read(connection, STREAM) if stored.body and (change := _read(stored.body)) is not None)


def _read(body: bytes) -> Change | None:
    recorded = decode(body)
    if not isinstance(recorded.event, UnknownEvent):
        return None
    try:
        event = msgspec.convert({name: value for name, value in recorded.event.body.items() if name != "type"}, DirectoryChanged)
    except msgspec.ValidationError:
        return None
    return Change(recorded.event_id, recorded.at.isoformat(), recorded.node, recorded.actor, recorded.role, event)


def change(node: Node, actor: Actor, event: DirectoryChanged) -> Change | Refusal:
    """Append a change, or answer every reason against it; both in one transaction."""
    form = node.documents.forms.get(event.document)
    if form is None:
        known = ", ".join(sorted(node.documents.forms))
        return refuse(Reason("directory.change.unknown_document", {"known": known}, where="document"), category=Category.NOT_FOUND)
    if actor.role.value not in form["roles"]:
        roles = ", ".join(form["roles"])
        return refuse(Reason("access.command", {"command": "DirectoryChanged", "roles": roles, "role": actor.role.value}), category=Category.FORBIDDEN)
    with node.unit() as unit:
        before = changes(unit.connection)
        mine = [one for one in before if one.event.document == event.document]
        reasons = tuple(against(form, lay_over(node.documents.beneath(form), form, mine), mine, event))
        if reasons:
            return refuse(*reasons, category=Category.INVALID)
        known_sequence = streams.last_sequence(unit.connection, STREAM)
        (recorded,) = unit.append(STREAM, [event], actor, known=known_sequence)
    return Change(recorded.event_id, recorded.at.isoformat(), recorded.node, recorded.actor, recorded.role, event)


def plain(value: Any) -> Any:
    """A value of a change as JSON keeps it: days as text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
