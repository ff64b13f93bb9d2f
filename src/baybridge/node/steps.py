"""Named steps of a write and of a transfer, in the order in which a process passes them.

Main job: the one list of places at which a crash test has the process killed (`BAYBRIDGE_HALT_AT`); `tests/house` compares it with the source.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass

#: A command, from the rule's answer to the commit.
WRITE = ("write.decided", "write.events", "write.projected", "write.before_commit", "write.log", "write.committed")

#: A transfer at the sender, until the package waits.
SEND = ("write.decided", "transfer.queued", "write.before_commit")

#: Delivery at the sender.
DELIVER = ("transfer.before_post", "transfer.posted", "transfer.receipt_filed")

#: Filing at the receiver.
RECEIVE = ("transfer.resources_filed", "transfer.before_receipt")

#: What follows from a write: queued with it, done in a unit of its own.
FOLLOW = ("consequence.queued", "consequence.done")

#: An upgrade of the database: copied, changed, checked, standing, opened by the new version.
UPGRADE = ("upgrade.copied", "upgrade.changed", "upgrade.checked", "upgrade.standing")
BACK = ("upgrade.put_back",)

#: A backup: the image taken, the files packed, the file named.
BACKUP = ("backup.imaged", "backup.packed", "backup.named")

#: A restoration: unpacked and compared, checked, the neighbours asked, the folder named.
RESTORE = ("restore.unpacked", "restore.checked", "restore.asked", "restore.named")

#: A setup: the folder founded, its people and neighbours in it, its settings laid elsewhere where they go there, the folder named.
SETUP = ("setup.begun", "setup.founded", "setup.peopled", "setup.laid_out", "setup.named")

#: An attachment: announced to the queue, its file on disk, then a command as any other.
ATTACH = ("attachment.announced", "attachment.kept")
#: A new key: in the log, laid beside the others, decided, vouched for, shown, in its place.
ROTATE = ("rotate.logged", "rotate.staged", "rotate.decided", "rotate.witnessed", "rotate.changes_written", "rotate.replaced")

STEPS = tuple(dict.fromkeys((*WRITE, *SEND, *DELIVER, *RECEIVE, *FOLLOW, *UPGRADE, *BACK, *BACKUP, *RESTORE, *SETUP, *ATTACH, *ROTATE)))


@dataclass(frozen=True, slots=True)
class Walk:
    """Passing the steps in their order; a crash test has the process killed at the one that is named."""

    halt_at: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Walk:
        """As the settings of a node say."""
        return cls(settings.get("BAYBRIDGE_HALT_AT", ""))

    def step(self, name: str) -> None:
        """Pass a step."""
        if self.halt_at == name:
            os.kill(os.getpid(), signal.SIGKILL)
