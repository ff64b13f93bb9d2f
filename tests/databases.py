"""The databases that an adapter must behave alike on: SQLite always, PostgreSQL where this machine has its server programs.

Main job: `url_of(kind, folder)` gives the address of an empty database. A PostgreSQL server of the tests' own is started once a process, in a temporary folder, reached
by a socket there and stopped at the end; BAYBRIDGE_TEST_POSTGRESQL names a database that may be emptied instead.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine

KINDS = ("sqlite", "postgresql")


def url_of(kind: str, folder: Path) -> str:
    """The address of an empty database; skips where PostgreSQL is not on this machine."""
    return f"sqlite:///{folder / 'database.sqlite'}" if kind == "sqlite" else _empty_postgresql()


def _empty_postgresql() -> str:
    url = os.environ.get("BAYBRIDGE_TEST_POSTGRESQL") or _own_server()
    if url is None:
        pytest.skip("no PostgreSQL server programs on this machine, and BAYBRIDGE_TEST_POSTGRESQL names no database")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return url


@functools.cache
def _own_server() -> str | None:
    programs = _programs()
    if programs is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="baybridge-postgresql-"))
    as_owner: tuple[str, ...] = ()
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_owner = ("runuser", "-u", "postgres", "--")

    def run(program: str, *given: str) -> None:
        subprocess.run([*as_owner, str(programs / program), *given], check=True, capture_output=True, cwd=folder)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "tests", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off", "start")

    def stop() -> None:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return f"postgresql+psycopg://tests@/postgres?host={folder}"


def _programs() -> Path | None:
    """The newest installed server's folder of programs; Debian keeps them off the path."""
    found = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))]
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).resolve().parent if on_path else None
