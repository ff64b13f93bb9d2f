"""Backups that a node makes by itself, where its `node.yaml` says where to.

Main job: `Schedule(node)` runs beside the server: makes a backup when it is due, throws away those that are no longer kept, reads the newest again now and then.

A backup is made by a process of its own with low priority, so that packing it takes nothing from whoever is served. How often stands in `data/keeping/backups.yaml`.
Elsewhere: making one in `backups.py`; what is remembered of them in `records.py`.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from baybridge.base.failures import why
from baybridge.documents.backups import Backups
from baybridge.documents.escalation import span
from baybridge.node.keeping import records, retention
from baybridge.node.keeping.backups import fresh_name
from baybridge.node.keeping.beside import Beside
from baybridge.node.keeping.records import Remembered

if TYPE_CHECKING:
    from baybridge.node.config import BackupTo
    from baybridge.node.node import Node

_LOG = logging.getLogger("baybridge.backup")
_AGAIN_AFTER = timedelta(hours=1)  # a try that failed
_CHUNK = 1 << 20


def rules(node: Node) -> Backups:
    """When backups are made, as this site's documents say."""
    return node.documents.typed.the(Backups)


def is_late(node: Node, last: Remembered | None) -> bool:
    """Whether the last good backup is too old; a node that makes none by itself is never late."""
    return node.config.backup is not None and (last is None or node.now() - last.made_at > span(rules(node).late_after))


def is_due(node: Node) -> bool:
    """Whether the last good backup is as old as this site's documents let it become."""
    with node.storage.reading() as connection:
        good = records.latest(connection, good=True)
    return _due(node.now(), good.made_at if good is not None else None, span(rules(node).every))


class Schedule(Beside):
    """A node's own backups."""

    name = "backups"
    look_s = 60.0
    nice = 15

    @property
    def wanted(self) -> bool:
        """Whether the node's folder says where backups go."""
        return self.node.config.backup is not None

    def round(self) -> None:
        """Make what is due."""
        to = self.node.config.backup
        if to is None:
            return
        with self.node.storage.reading() as connection:
            good, tried = records.latest(connection, good=True), records.latest(connection, good=False)
            looked_at = records.last_look(connection)
        now, said = self.node.now(), rules(self.node)
        made_at, tried_at = (one.made_at if one is not None else None for one in (good, tried))
        if _due(now, made_at, span(said.every)) and _due(now, tried_at, min(_AGAIN_AFTER, span(said.every))):
            if self._made(to):
                self._throw_away(to, said)
        elif good is not None and _due(now, looked_at, span(said.look_again_every)):
            self._look_again(to, good)

    def _made(self, to: BackupTo) -> bool:
        file = str(to.folder / fresh_name(self.node.site.node))
        code, said = self.command("backup", str(self.node.config.folder), "--to", file, "--key", str(to.key), "--json", *self.elsewhere)
        if code and not self.ending.is_set():
            records.failed(self.node.storage, self.node.now(), to.folder, said)
            _LOG.warning("no backup was made; the page of the log says why")
        return code == 0

    def _throw_away(self, to: BackupTo, said: Backups) -> None:
        for file in retention.to_go(to.folder.iterdir(), self.node.site.node, said.kept):
            file.unlink(missing_ok=True)

    def _look_again(self, to: BackupTo, good: Remembered) -> None:
        """Read the newest file again: by its hash, and where the node may, to its last byte with the check of its ledger."""
        problem = _problem_of(good)
        if not problem and to.private_key is not None:
            code, said = self.command("verify-backup", str(good.path), "--key", str(to.private_key), "--json")
            problem = said if code else ""
        if not self.ending.is_set():
            records.looked(self.node.storage, good, self.node.now(), problem)


def _due(now: datetime, last_at: datetime | None, every: timedelta) -> bool:
    """Whether so long has gone by since; a moment that lies ahead is one of a clock that was wrong."""
    return last_at is None or not timedelta(0) <= now - last_at < every


def _problem_of(one: Remembered) -> str:
    """What is wrong with the file of a backup; empty where it is the one that was written."""
    hashed = sha256()
    try:
        with one.path.open("rb") as file:
            while data := file.read(_CHUNK):
                hashed.update(data)
    except OSError as problem:
        return f"{one.path.name}: cannot be read ({why(problem)})"
    return "" if hashed.hexdigest() == one.sha256 else f"{one.path.name}: is not the file that was written"
