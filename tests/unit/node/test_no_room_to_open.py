"""A database on a full disk: SQLite says no more than that reading failed, and whoever starts the node is told to make room."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy.exc import OperationalError

from baybridge.node.config import ConfigProblem
from baybridge.node.schema import version
from baybridge.node.storage import Storage


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(("free", "said"), [(0, "found 0 kB free on its disk; make room"), (1 << 30, "disk I/O error")])
def test_opening_says_that_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: str) -> None:
    def broken(_connection: object, _folder: Path) -> str | None:
        raise OperationalError("SELECT 1", {}, Exception("disk I/O error"))

    (tmp_path / "node.sqlite").touch()
    monkeypatch.setattr(version, "against", broken)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(free))
    storage = Storage(f"sqlite:///{tmp_path / 'node.sqlite'}")
    with pytest.raises(ConfigProblem, match=said):
        storage.require(tmp_path)
    storage.close()
