"""Lists that are paged in the database: figures of a case, when it is looked at again, what waits for payers, which tasks are urgent.

Every case's tasks are stale afterwards, so that the worker fills in what is new.
"""

import sqlalchemy as sa
from alembic import op

from baybridge.base.stored_bytes import StoredBytes

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    """Add columns that may be empty, a table, and indexes."""
    op.add_column("case_index", sa.Column("figures", StoredBytes))
    op.add_column("case_index", sa.Column("due_again_at", sa.String))
    op.add_column("case_index", sa.Column("only_told", sa.Boolean))
    op.add_column("task", sa.Column("urgent", sa.Boolean))
    op.create_table(
        "payer_case",
        sa.Column("payer", sa.String, primary_key=True),
        sa.Column("case_id", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("waiting", StoredBytes, nullable=False),
    )
    op.create_index("payer_case_of", "payer_case", ["case_id"], if_not_exists=True)
    op.create_index("case_index_by_change", "case_index", ["updated_at", "case_id"], if_not_exists=True)
    op.create_index("case_index_by_stage", "case_index", ["stage", "updated_at", "case_id"], if_not_exists=True)
    op.create_index("case_index_only_told", "case_index", ["only_told"], if_not_exists=True)
    op.create_index("case_index_stale", "case_index", ["tasks_stale"], if_not_exists=True)
    op.create_index("case_index_due_again", "case_index", ["due_again_at"], if_not_exists=True)
    op.create_index("task_of_role", "task", ["role", "due_at"], if_not_exists=True)
    op.create_index("task_by_key", "task", ["task"], if_not_exists=True)
    op.create_index("restriction_standing", "restriction", ["lifted_at"], if_not_exists=True)
    row = sa.table("case_index", sa.column("tasks_stale", sa.Boolean), sa.column("due_again_at", sa.String))
    op.execute(sa.update(row).values(tasks_stale=True, due_again_at=""))
