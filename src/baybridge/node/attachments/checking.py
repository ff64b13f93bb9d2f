"""The content of attachments, compared with the entries of the log that name it.

Main job: `findings(connection, node_folder)`: a file that is missing, one that was changed or put in another's place, one that no entry names. The entries
themselves are events, which the log's own check compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, select

from baybridge.base.outcome import Reason
from baybridge.journey.events import DocumentAttached, DocumentReceived
from baybridge.ledger import streams
from baybridge.node import tables
from baybridge.node.attachments import files
from baybridge.node.attachments.settling import SETTLE_KIND, named
from baybridge.node.integrity.finding import DIFFERS, MISSING, UNLOGGED, Finding
from baybridge.node.integrity.projected import readable


def findings(connection: Connection, node_folder: Path) -> Iterator[Finding]:
    """What is wrong with any file of this node; each is named by the hash that it should have."""
    left = files.kept(node_folder)
    for case_id in streams.cases_with(connection, (DocumentAttached.__name__, DocumentReceived.__name__)):
        for digest in sorted(named(readable(connection, case_id))):
            path = left.pop((files.folder_name(case_id), digest), None)
            if path is None:
                yield _found(MISSING, digest, "ledger.check.attachment_missing")
            elif files.hash_of(path) != digest:
                yield _found(DIFFERS, digest, "ledger.check.attachment_differs")
    if not left:
        return  # a node that an older version wrote has neither files nor the table that is asked below
    waiting = set(connection.execute(select(tables.consequence.c.consequence_id).where(tables.consequence.c.kind == SETTLE_KIND)).scalars())
    for folder, name in left:
        if f"{SETTLE_KIND}/{folder}/{name}" not in waiting:
            yield _found(UNLOGGED, name, "ledger.check.attachment_unlogged")


def _found(kind: str, digest: str, code: str) -> Finding:
    what = f"attachment/{digest[:64]}"
    return Finding(kind, what, Reason(code, {"what": what}))
