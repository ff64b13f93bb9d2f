"""Identities elsewhere and the sign-ins that go on there; where a session came from, and whether a second factor was used there."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Create two tables and add two columns that may be empty."""
    op.create_table(
        "outside_identity",
        sa.Column("issuer", sa.String, primary_key=True),
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("bound_at", sa.String, nullable=False),
        sa.Column("password_until", sa.String, nullable=False),
        sa.Column("held_roles", sa.String),
        sa.Column("last_seen_at", sa.String),
    )
    op.create_index("ix_outside_identity_account", "outside_identity", ["account"])
    op.create_table(
        "sign_in_begun",
        sa.Column("key_sha256", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("expires_at", sa.String, nullable=False),
    )
    op.add_column("session", sa.Column("provider", sa.String))
    op.add_column("session", sa.Column("strong", sa.Boolean))
