"""An index on the state of calls, by which every page finds the open ones."""

from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Create the index; rows stay as they are."""
    op.create_index("ix_call_board_state", "call_board", ["state"], if_not_exists=True)
