"""What alembic runs: the versions, on the open connection and within the transaction that `upgrading.py` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None, version_table="schema_version", transaction_per_migration=False)
context.run_migrations()
