"""Documents of `data/` as a running node reads them: the signed changes of its ledger laid over them.

Main job: `LivingDocuments`, what every rule and page of a node reads; `changes(connection)`. A site's own folder stays a layer below.

Each reading asks the ledger whether a change was signed since. Within `steady` it is asked once: for a page, which shows one state, and for a unit of work,
which keeps every other writer out. Elsewhere: the only way in for a change in `directory.py`, what a change means in `node/directory/changes.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from baybridge.base import decoding
from baybridge.documents.document_set import DocumentSet
from baybridge.documents.laboratories import Editing, EditingForm
from baybridge.documents.loader import Documents
from baybridge.documents.overlay import Whose
from baybridge.journey.stored import UnknownEvent, decode
from baybridge.ledger import streams
from baybridge.node.directory.changes import Change, DirectoryChanged, lay_over

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from baybridge.node.storage import Storage

#: Within `steady`: whose ledger was asked already.
_ASKED: ContextVar[set[int] | None] = ContextVar("_ASKED", default=None)
#: The stream of changes; no case has this name, cases are named by their time and chance.
STREAM = "directory"


class LivingDocuments(Documents):
    """Documents with the ledger's changes laid over those that have a form; the others are read once."""

    def __init__(self, storage: Storage, *roots: Path) -> None:
        super().__init__(*roots)
        self._storage = storage
        self._written = DocumentSet(super().folder)  # as the files have them
        self._seen = -1
        self._laid: dict[str, Mapping[str, object]] = {}

    @property
    def forms(self) -> Mapping[str, EditingForm]:
        """The forms by the name of their document."""
        return self._written.the(Editing).forms

    def folder(self, name: str) -> Mapping[str, object]:
        """The documents of a folder as they read now."""
        if name not in ("directory", "recognition"):
            return super().folder(name)
        asked = _ASKED.get()
        if asked is None or id(self) not in asked:
            self._ask()
        if asked is not None:
            asked.add(id(self))
        return self._laid.get(name) or super().folder(name)

    def _ask(self) -> None:
        """Lay over what was signed since the last look."""
        with self._storage.reading() as connection:
            last = streams.last_sequence(connection, STREAM)
            if last != self._seen:
                self._lay(changes(connection))
                self._seen = last

    def whose(self, folder: str, name: str, *path: str | int) -> Whose:
        """Whose a part of a document is; what a signed change says otherwise is the change's."""
        now = self.folder(folder).get(name)
        if folder in self._laid and part_of(now, path) != part_of(super().folder(folder).get(name), path):
            return "signed"
        return super().whose(folder, name, *path)

    def beneath(self, form: EditingForm) -> Mapping[str, object]:
        """The document of a form without any change."""
        found = super().folder(form.folder)[form.document]
        return found if isinstance(found, Mapping) else {}

    def _lay(self, found: Sequence[Change]) -> None:
        laid: dict[str, Mapping[str, object]] = {}
        for name, form in self.forms.items():
            mine = [change for change in found if change.event.document == name]
            if mine:
                folder = laid.get(form.folder) or super().folder(form.folder)
                laid[form.folder] = {**folder, form.document: lay_over(self.beneath(form), form, mine)}
        self._laid = laid


@contextmanager
def steady() -> Iterator[None]:
    """While this lasts, the ledger is asked once whether documents changed; afterwards as before."""
    token = _ASKED.set(set())
    try:
        yield
    finally:
        _ASKED.reset(token)


def part_of(document: object, path: Sequence[str | int]) -> object:
    """What stands at a path of a document; None where there is nothing."""
    for step in path:
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def changes(connection: Connection) -> tuple[Change, ...]:
    """Every change, in the order in which it was signed; one that a newer version wrote and this one cannot read is left out."""
    return tuple(change for stored in streams.read(connection, STREAM) if stored.body and (change := _read(stored.body)) is not None)


def _read(body: bytes) -> Change | None:
    recorded = decode(body)
    if not isinstance(recorded.event, UnknownEvent):
        return None
    try:
        event = decoding.convert({name: value for name, value in recorded.event.body.items() if name != "type"}, DirectoryChanged)
    except msgspec.ValidationError:
        return None
    return Change(recorded.event_id, recorded.at.isoformat(), recorded.node, recorded.actor, recorded.role, event)
