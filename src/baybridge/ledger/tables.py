"""Tables of the ledger: event streams, log, tree, salts, checkpoints, witnesses.

Main job: one SQLAlchemy schema for SQLite and PostgreSQL. A table about a patient carries the case, or the case's
pseudonym `subject`, as its distribution key. The tables are append-only but for salts and bodies that the law may have erased,
co-signatures that join a checkpoint, and the latest word of each neighbour.

**Units**: times are ISO 8601 texts with offset; hashes and salts 32 bytes; positions in the log count from 0, sequences in a case from 1.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from baybridge.base.stored_bytes import StoredBytes

metadata = MetaData()

event = Table(
    "event",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("at", String, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("command_id", String),
    Column("command_part", Integer),  # position among the events of one command
    Column("body", StoredBytes, nullable=False),  # the canonical JSON of the envelope
    UniqueConstraint("case_id", "event_id"),
    UniqueConstraint("case_id", "command_id", "command_part"),
    Index("event_by_id", "event_id"),
    Index("event_by_type", "type"),
    Index("event_by_command", "command_id"),
)

log_entry = Table(
    "log_entry",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("subject", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("what", String, nullable=False),
    Column("body", StoredBytes, nullable=False),  # canonical JSON; these bytes are hashed
    Column("leaf_hash", StoredBytes, nullable=False),
    Index("log_entry_subject", "subject", "kind", "position"),
    Index("log_entry_what", "what"),
)

log_node = Table(
    "log_node",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("hash", StoredBytes, nullable=False),
)

content_salt = Table(
    "content_salt",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("subject", String, primary_key=True),
    Column("salt", StoredBytes, nullable=False),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("tree_size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),  # signed by this node, co-signed by neighbours
    Column("made_at", String, nullable=False),
)

witness = Table(
    "witness",
    metadata,
    Column("neighbour", String, primary_key=True),
    Column("note", Text, nullable=False),  # the latest checkpoint that we found consistent, "" if none yet
    Column("checked_at", String, nullable=False),
    Column("consistent", Boolean, nullable=False),
    Column("problem", String, nullable=False),  # the verdict where it is not consistent
    Column("problem_note", Text, nullable=False),  # the checkpoint that did not fit, kept as evidence
)
