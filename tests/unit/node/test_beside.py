"""The threads beside the server: a round that fails is told, and the next one comes."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event

import pytest

from baybridge.node.keeping.beside import Beside
from watch_world import Ward


class Once(Beside):
    """Fails at its first round."""

    name = "once"
    look_s = 0.0
    nice = 1
    rounds = 0

    @property
    def wanted(self) -> bool:
        return True

    def round(self) -> None:
        self.rounds += 1
        if self.rounds == 1:
            raise ValueError("Chan Tai Man")
        again.set()
        self.ending.wait()


again = Event()


def test_a_round_that_fails_ends_nothing_and_is_told_without_what_it_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    again.clear()
    beside = Once(Ward(tmp_path / "hk").node)
    with caplog.at_level(logging.WARNING, "baybridge.beside"):
        beside.start()
        assert again.wait(240), "the next round comes"
        beside.stop()
    assert "once failed: ValueError" in caplog.text and "Chan" not in caplog.text


def test_what_a_command_tells_however_much_is_read_and_its_code_is_known(tmp_path: Path) -> None:
    beside = Once(Ward(tmp_path / "hk").node)
    code, told = beside.command("no-such-command-" + "x" * 100_000)
    assert code == 2
    assert told.startswith("Error: No such command")
