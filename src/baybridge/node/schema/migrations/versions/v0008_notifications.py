"""Who has a task, what people are told on their own pages, and what they do not want to be told.

Every case's tasks are stale afterwards, so that the worker fills in what is new.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    """Add a column that may be empty, two tables, and indexes."""
    op.add_column("task", sa.Column("holder", sa.String))
    op.create_index("task_of_holder", "task", ["holder"], if_not_exists=True)
    op.create_table(
        "notification",
        sa.Column("notification_id", sa.String, primary_key=True),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("at", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("case_id", sa.String, nullable=False),
        sa.Column("seen_at", sa.String),
    )
    op.create_index("notification_of_account", "notification", ["account", "at"], if_not_exists=True)
    op.create_table("notification_rule", sa.Column("account", sa.String, primary_key=True), sa.Column("unwanted", sa.String, nullable=False))
    row = sa.table("case_index", sa.column("tasks_stale", sa.Boolean), sa.column("due_again_at", sa.String))
    op.execute(sa.update(row).values(tasks_stale=True, due_again_at=""))
