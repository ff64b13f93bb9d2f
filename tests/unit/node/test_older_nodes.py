"""A node folder that an older version wrote opens, keeps working, and what was not logged then is said, not called tampering.

`node_before_coverage.tar.xz` is the folder `mo` of a referral, written before the log covered renderings, accounts, receipts and the basis of decisions.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from baybridge.node.config import read_config
from baybridge.node.integrity import check as checking
from baybridge.node.integrity.rows import RowLog
from baybridge.node.node import Node, open_node
from baybridge.node.schema import upgrading
from baybridge.node.steps import Walk
from baybridge.node.storage import Storage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder with the tables of now: every command that checks asks for an upgrade first."""
    with tarfile.open(Path(__file__).parent / "node_before_coverage.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    upgrading.upgrade(read_config(tmp_path / "mo"), Walk())
    return tmp_path / "mo"


def checked(folder: Path) -> checking.Checked:
    """The check as the command runs it, without opening the node."""
    from baybridge.ledger.log import pseudonym
    from baybridge.node.clock import now

    config = read_config(folder)
    secret = bytes.fromhex(config.secrets["pseudonym"])
    storage = Storage(config.database)
    try:
        with storage.reading() as connection:
            return checking.check(connection, config, RowLog(config.site, lambda name: pseudonym(secret, name), now))
    finally:
        storage.close()


def spoil(folder: Path, statement: str) -> None:
    engine = create_engine(f"sqlite:///{folder / 'node.sqlite'}")
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    engine.dispose()


def opened(folder: Path) -> Node:
    node = open_node(folder)
    node.storage.close()
    return node


def test_before_it_is_opened_what_has_no_entry_is_counted_and_no_problem(folder: Path) -> None:
    found = checked(folder)
    assert found.findings == []
    assert found.coverage is None
    assert found.not_covered == 64


def test_what_was_logged_then_is_checked_before_it_is_opened(folder: Path) -> None:
    spoil(folder, "UPDATE decision SET document = document || ' '")
    assert {one.kind for one in checked(folder).findings} == {"differs"}


def test_opened_once_everything_is_covered_and_the_day_is_said(folder: Path) -> None:
    opened(folder)
    found = checked(folder)
    assert found.findings == []
    assert found.coverage is not None and found.coverage.first_logged == 64
    opened(folder)
    assert checked(folder).entries == found.entries


def test_after_that_what_has_no_entry_was_put_there_behind_its_back(folder: Path) -> None:
    opened(folder)
    spoil(folder, "UPDATE account SET role = 'administrator'")
    spoil(folder, "INSERT INTO recovery_code (account, code_sha256) VALUES ('acc-1', 'x')")
    opened(folder)
    assert sorted(one.kind for one in checked(folder).findings) == ["differs", "unlogged"]
