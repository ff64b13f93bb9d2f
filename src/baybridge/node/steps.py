"""Named steps of a write and of a transfer, in the order in which a process passes them.

Main job: the one list of places at which a crash test has the process killed (`BAYBRIDGE_HALT_AT`); `tests/house` compares it with the source.
"""

from __future__ import annotations

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

STEPS = tuple(dict.fromkeys((*WRITE, *SEND, *DELIVER, *RECEIVE, *FOLLOW)))
