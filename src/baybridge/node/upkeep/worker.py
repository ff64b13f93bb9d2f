"""The worker: does what follows from writes, delivers packages, signs checkpoints, watches the neighbours' logs, refreshes tasks, retries failed projections.

Main job: `Worker(node).start()` runs these beside the server; a round that fails is logged by its kind and the next one tries again. Each lane of consequences has a
thread of its own, so that neither a slow neighbour nor a slow consequence holds up an alarm. What goes to neighbours and into checkpoints has one, and what grows with
the cases of the node (tasks, screening, documents) another, which does it in slices.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from baybridge.node.attachments import proposals
from baybridge.node.consequences import queue
from baybridge.node.consequences.row import Lane
from baybridge.node.integrity import check as checking
from baybridge.node.integrity import daily
from baybridge.node.keeping import downtime, standing
from baybridge.node.keeping.schedule import Schedule
from baybridge.node.neighbours import transfers, witnessing
from baybridge.node.options import screening
from baybridge.node.outage import StorageProblem
from baybridge.node.upkeep import projections

if TYPE_CHECKING:
    from baybridge.node.node import Node

_LOG = logging.getLogger("baybridge.worker")
_SERVED_FIRST_S = 0.3  # after the start, before what waits is done
_LANE_PAUSE_S = 1.0  # between two looks for consequences that are due
_RETRY_EVERY = 10  # rounds between two tries of failed projections
_SCREEN_EVERY = 5  # rounds between two looks for cases to screen for trials
_READ_EVERY = 5  # rounds between two looks whether the site wrote its documents
_UNREAD_EVERY = 600  # rounds between two looks for what a kill left undone, such as documents that were never read, the first at once
_SLICE = 20  # cases in one round whose tasks may be others by now


class Worker:
    """The background threads of a node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._stop = threading.Event()
        self._backups = Schedule(node)
        self._packs = downtime.Packs(node)
        self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in (("worker", self._deliver), ("upkeep", self._keep_up))]
        self._threads += [threading.Thread(target=self._lane, args=(lane,), name=f"lane-{lane.value}", daemon=True) for lane in Lane]
        self._starter = threading.Thread(target=self._start_lanes, name="worker-start", daemon=True)

    def start(self) -> None:
        """Begin; what waits since before is done at once, and the ledger is checked daily."""
        self._try("checkpoint", lambda: witnessing.sign_first(self.node))
        self._try("ledger", lambda: daily.begin(self.node))
        self._starter.start()

    def _start_lanes(self) -> None:
        """Begin the lanes when the server had its turn: what they find to do at a start would hold up its first answers."""
        if self._stop.wait(_SERVED_FIRST_S):
            return
        for thread in self._threads:
            thread.start()
        self._backups.start()
        self._packs.start()

    def stop(self) -> None:
        """End after the running steps."""
        self._stop.set()
        if self._starter.is_alive():
            self._starter.join()
        self._backups.stop()
        self._packs.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def _lane(self, lane: Lane) -> None:
        pause = min(_LANE_PAUSE_S, float(self.node.config.settings.get("BAYBRIDGE_DELIVERY_SECONDS", "1")))
        while True:
            self._try(f"lane {lane.value}", lambda: queue.drain(self.node, (lane,)))
            if self._stop.wait(pause):
                return

    def _deliver(self) -> None:
        """What other nodes wait for, and the signed log."""
        settings = self.node.config.settings
        pause = float(settings.get("BAYBRIDGE_DELIVERY_SECONDS", "1"))
        witness_every = max(1, round(float(settings.get("BAYBRIDGE_WITNESS_SECONDS", "15")) / pause))
        number = 0
        while not self._stop.wait(pause):
            self._try("reserve", lambda: self.node.reserve.bring_in(self.node))
            self._try("deliver", lambda: transfers.deliver(self.node))
            self._try("checkpoint", lambda: witnessing.sign_checkpoint(self.node))
            if number % witness_every == 0:
                self._try("witness", lambda: witnessing.watch(self.node))
                self._try("restored", self._after_restoring)
            number += 1

    def _keep_up(self) -> None:
        """What is worked out of the cases."""
        pause = float(self.node.config.settings.get("BAYBRIDGE_DELIVERY_SECONDS", "1"))
        number = 0
        while not self._stop.wait(pause):
            self._try("tasks", lambda: projections.work_out_tasks(self.node))
            self._try("due", lambda: projections.refresh_due(self.node, _SLICE))
            if number % _SCREEN_EVERY == 0:
                self._try("screening", lambda: screening.catch_up(self.node))
            if number % _READ_EVERY == 0:
                self._try("documents", self._read_again)
            if number % _RETRY_EVERY == 0:
                self._try("retry", lambda: projections.retry(self.node))
            if number % _UNREAD_EVERY == 0:
                self._try("unread", lambda: proposals.catch_up(self.node))
                self._try("write-ahead", self.node.storage.empty_write_ahead)  # an erasure that was killed before it did that
            number += 1

    def _try(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except StorageProblem as problem:
            if problem.kind != "restored":  # every page says that already
                _LOG.warning("%s failed: the database is %s", what, problem.kind)
        except Exception as problem:  # noqa: BLE001 - the worker must outlive any one failure; it says what failed and tries again
            _LOG.warning("%s failed: %s", what, type(problem).__name__)

    def _after_restoring(self) -> None:
        """Ask the neighbours that had not answered, and tell those that do not know yet."""
        standing.look_again(self.node, checking.own_keys(self.node.config))
        standing.tell(self.node)

    def _read_again(self) -> None:
        """Documents that were written since; another set may ask other things of every case."""
        if self.node.read_documents_again():
            _LOG.info("the documents of this site were written and are in force")
            projections.look_again(self.node)
