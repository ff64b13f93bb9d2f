"""Which entries of the log a request wrote."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    """Create the table, empty: what was asked before is not known."""
    op.create_table(
        "entries_of_request",
        sa.Column("first", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("request", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_index("ix_entries_of_request_request", "entries_of_request", ["request"], if_not_exists=True)
