"""Passkeys of accounts."""

import sqlalchemy as sa
from alembic import op

from baybridge.base.stored_bytes import StoredBytes

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    """Create a table."""
    op.create_table(
        "passkey",
        sa.Column("credential_id", sa.String, primary_key=True),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("public_key", StoredBytes, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("copied_at", sa.String),
        sa.Column("last_count", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.String),
    )
    op.create_index("ix_passkey_account", "passkey", ["account"])
