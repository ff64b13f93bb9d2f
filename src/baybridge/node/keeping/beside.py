"""A thread beside the server that has one of our own commands run when it is due, in a process of its own with low priority.

Main job: `Beside`; a kind of work says in `wanted` whether this node does it at all and in `round` what is due. A round that fails is told in the operator's log, and the
next one comes all the same. What is being done at the end is broken off.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

from baybridge.node.config import database_url

if TYPE_CHECKING:
    from baybridge.node.node import Node

_LOG = logging.getLogger("baybridge.beside")


class Beside(ABC):
    """The thread; `name` is that of the work, `look_s` the seconds between two rounds, `nice` how far its commands stand back."""

    name: str
    look_s: float
    nice: int

    def __init__(self, node: Node) -> None:
        self.node = node
        self.ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    @abstractmethod
    def wanted(self) -> bool:
        """Whether the node's folder asks for this work."""

    @abstractmethod
    def round(self) -> None:
        """Have done what is due."""

    def start(self) -> None:
        """Begin, where it is wanted."""
        if self.wanted:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self.ending.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self.ending.wait(self.look_s):
            try:
                self.round()
            except Exception as problem:  # noqa: BLE001 - the next round tries again
                _LOG.warning("%s failed: %s", self.name, type(problem).__name__)

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The option that names the database, where a command would not find it by the folder."""
        config = self.node.config
        return ("--database", config.database) if config.database != database_url(config.folder, config.secrets.get("database")) else ()

    def command(self, *given: str) -> tuple[int, str]:
        """Run one of our commands; its exit code and the last line that it told on standard error."""
        arguments = [sys.executable, "-m", "baybridge", *given]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own command
        with suppress(ProcessLookupError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, self.nice)
        while True:
            try:
                _, told = process.communicate(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                if self.ending.is_set():
                    process.terminate()
        lines = told.strip().splitlines()
        return process.returncode, lines[-1] if lines else f"the command ended with {process.returncode}"
