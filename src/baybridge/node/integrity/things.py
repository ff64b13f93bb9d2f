"""Everything that the log speaks of, beside the events: each thing with the name that the log has for it and the bytes that its entry binds.

Main job: `things(connection, rows)` yields, in portions, every resource version, decision, the basis of each decision, every package, receipt and logged row.
The check compares each with its entry; the first opening of an older node logs what had none.

**Units**: `what` holds pseudonyms, hashes and numbers, never an id from outside. Elsewhere: events and the tree itself in `ledger/checking.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import orjson
from sqlalchemy import Connection, select

from baybridge.base.canonical import canonical_bytes, sha256_hex
from baybridge.exchange.evidence.bound import BASIS_KIND, RECEIPT_KIND
from baybridge.ledger import log
from baybridge.node import tables
from baybridge.node.integrity import rows as covered_rows
from baybridge.node.integrity.covered import COVERED, Way
from baybridge.node.integrity.rows import RowLog
from baybridge.record.store import store
from baybridge.record.store.store import Version

RECORD, DECISION, BASIS, PACKAGE, RECEIPT, ROW = "record", "decision", BASIS_KIND, "package", RECEIPT_KIND, covered_rows.KIND
#: Kinds of entries whose thing must still be there.
KEPT = (RECORD, DECISION, BASIS, PACKAGE, RECEIPT)
PORTION = 400
Pseudonym = Callable[[str], str]
Newest = tuple[log.Logged, log.Entry]


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing: the kind and `what` of its entry, the content that the entry binds, whose it is, and its version where it is one."""

    kind: str
    what: str
    content: bytes
    subject: str = ""  # a case or patient, before it is made a pseudonym
    version: Version | None = None


def version_what(pseudonym: Pseudonym, version: Version) -> str:
    """How the log names a resource version: type, pseudonym of the id, number."""
    return f"{version.type}/{pseudonym(version.reference)}/_history/{version.number}"


def basis(row: Mapping[str, object], policy_text: str, sources: Sequence[str]) -> bytes:
    """What is bound of a decision beside its document: the case, the moment, the outcome, the facts, what was given, the policy's text, what was read."""
    return canonical_bytes(
        {
            "case_id": row["case_id"],
            "made_at": row["made_at"],
            "policy": row["policy"],
            "policy_sha256": row["policy_sha256"],
            "outcome": row["outcome"],
            "facts_sha256": sha256_hex(_bytes(row["facts"])),
            "given_sha256": sha256_hex(_bytes(row["given"])),
            "policy_text_sha256": sha256_hex(policy_text.encode()),
            "sources": sorted(sources),
        }
    )


def package_what(pseudonym: Pseudonym, direction: str, package_id: str) -> str:
    """How the log names a package or its receipt; the other node chose the id of one that came in."""
    return f"{direction}/{pseudonym(f'package/{package_id}')[:32]}"


def _bytes(kept: object) -> bytes:
    """The content of a column of bytes, as either database answers it."""
    if isinstance(kept, bytes | bytearray | memoryview):
        return bytes(kept)
    raise TypeError(f"expected bytes, found {type(kept).__name__}")


def package(row: Mapping[str, object]) -> bytes:
    """What is bound of a package: the other node, the case, its content, and which resources went along or who signed."""
    told = {name: row[name] for name in ("package_id", "case_id", "to_node", "from_node", "created_at", "received_at", "content_sha256") if name in row}
    signed = {"signed_sha256": sha256_hex(_bytes(row["signed"]))} if "signed" in row else {}
    names = {"resources": orjson.loads(_bytes(row["resources"]))} if "resources" in row else {}
    return canonical_bytes({**told, **signed, **names})


# --- all of them ----------------------------------------------------------------------------------------------------


def things(connection: Connection, rows: RowLog) -> Iterator[list[Thing]]:
    """Every thing, in portions of a few hundred of one kind."""
    yield from versions(connection, rows)
    yield from other_things(connection, rows)


def versions(connection: Connection, rows: RowLog, span: store.Span = (None, None)) -> Iterator[list[Thing]]:
    """Every resource version, or those of a span of rows."""
    yield from _portions(_versions(connection, rows.pseudonym, span))


def other_things(connection: Connection, rows: RowLog) -> Iterator[list[Thing]]:
    """Every thing that is no resource version."""
    yield from _portions(_decisions(connection))
    yield from _portions(_packages(connection, rows.pseudonym))
    for covered in COVERED.values():
        if covered.way is Way.LOGGED:
            yield from _portions(Thing(ROW, what, content) for what, content in rows.states(connection, covered))


def _portions(found: Iterator[Thing]) -> Iterator[list[Thing]]:
    while portion := list(islice(found, PORTION)):
        yield portion


def _versions(connection: Connection, pseudonym: Pseudonym, span: store.Span) -> Iterator[Thing]:
    for version in store.every_version(connection, span):
        yield Thing(RECORD, version_what(pseudonym, version), version.body, version.patient, version)


def _decisions(connection: Connection) -> Iterator[Thing]:
    texts = {row.sha256: row.text for row in connection.execute(select(tables.policy_text))}
    sources: dict[tuple[str, str], list[str]] = {}  # of a decision, as its own case reads them: by these a correction finds the case
    source = tables.decision_source.c
    for row in connection.execute(select(source.sha256, source.case_id, source.resource)):
        sources.setdefault((row.sha256, row.case_id), []).append(row.resource)
    for found in connection.execute(select(tables.decision).order_by(tables.decision.c.made_at)).mappings():
        yield Thing(DECISION, found["sha256"], bytes(found["document"]), found["case_id"])
        text = texts.get(found["policy_sha256"], "")
        bound = basis(dict(found), text, sources.get((found["sha256"], found["case_id"]), ())) if found["document"] else b""  # of an erased one nothing is left to bind
        yield Thing(BASIS, found["sha256"], bound, found["case_id"])


def _packages(connection: Connection, pseudonym: Pseudonym) -> Iterator[Thing]:
    for direction, table in (("out", tables.outgoing), ("in", tables.incoming)):
        for row in connection.execute(select(table)).mappings():
            what = package_what(pseudonym, direction, row["package_id"])
            erased = direction == "in" and not row["signed"]
            yield Thing(PACKAGE, what, b"" if erased else package(dict(row)), row["case_id"])
            if row["receipt"]:
                yield Thing(RECEIPT, what, bytes(row["receipt"]), row["case_id"])


def newest(connection: Connection, portion: Sequence[Thing]) -> dict[tuple[str, str], Newest]:
    """The newest entry of each thing of a portion, by kind and name, with what it says."""
    kinds = {thing.kind for thing in portion}
    found = log.entries_about(connection, [thing.what for thing in portion], kinds | ({covered_rows.REMOVED} if ROW in kinds else set()))
    named = ((one, one.entry) for one in found)
    return {(ROW if entry.kind == covered_rows.REMOVED else entry.kind, entry.what): (one, entry) for one, entry in named}
