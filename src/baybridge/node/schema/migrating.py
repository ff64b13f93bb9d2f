"""The changes of the schema from version to version, run by alembic on an open transaction.

Main job: `steps_from(found)` names what is to be done to a database; `migrate(connection)` does it; `make_at(connection, wanted)` makes the empty tables of a version.

Alembic takes a second to load and is imported when a change is really run. **Units**: a step is named `0002 what it changes`, as its file says.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from baybridge.node.schema import version

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def steps_from(found: str) -> tuple[str, ...]:
    """The changes that bring a database of version `found` up to the newest, in order."""
    from alembic.script import ScriptDirectory

    base = "base" if found == version.UNCOUNTED else found
    revisions = ScriptDirectory.from_config(_config()).iterate_revisions("head", base)
    return tuple(f"{one.revision} {one.doc.splitlines()[0].rstrip('.')}" for one in revisions)[::-1]


def migrate(connection: Connection, to: str = "head") -> None:
    """Run the changes up to a version within the caller's transaction, and write down which version it is then."""
    from alembic import command

    if not connection.in_transaction():
        connection.begin()  # the open one was begun by SQLite's own driver: without this word alembic begins another and ends it, and ours with it
    command.upgrade(_config(connection), to)


def make_at(connection: Connection, wanted: str) -> None:
    """Make the empty tables of a version in an empty database."""
    if wanted == version.NEWEST:
        version.make(connection)
        return
    migrate(connection, max(wanted, version.FIRST))
    if wanted == version.UNCOUNTED:
        version.schema_version.drop(connection)
