"""Links of calendars."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    """Create a table."""
    op.create_table(
        "calendar_link",
        sa.Column("account", sa.String, primary_key=True),
        sa.Column("token_sha256", sa.String, nullable=False, unique=True),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("ends_at", sa.String, nullable=False),
    )
