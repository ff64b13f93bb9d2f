"""What leaves the building about a call: an interface, and the one adapter that files what would be sent.

Main job: `Leaving.send(message)`; `Filed` writes each message as a file of its own, whole or not at all; `queue_message` queues one with what it tells. Messages leave by
the worker, in a lane of their own behind every alarm and escalation, and are tried again until they have left. A message names a call, a case, signs and accounts, and
never a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import orjson

from baybridge.node.consequences.row import Consequence, ConsequenceRow, Lane

if TYPE_CHECKING:
    from collections.abc import Mapping

    from baybridge.node.node import Node
    from baybridge.node.unit import Unit

_KIND = "call-message"


class Leaving(Protocol):
    """A way out of the building: telephone, pager, text message."""

    @property
    def channel(self) -> str:
        """The name of the way."""

    def send(self, message: Mapping[str, object]) -> None:
        """Send a message; OSError where it could not be sent, and it is tried again. The same message may come twice."""


@dataclass(frozen=True, slots=True)
class Filed:
    """Files what would be sent, one JSON file a message, in a folder of the node."""

    folder: Path
    channel: str = "file"

    def send(self, message: Mapping[str, object]) -> None:
        """Write the file under its own name; one that stands already is written over by the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{message['call']}-{message['step']}"
        part = self.folder / f".{name}.part"
        part.write_bytes(orjson.dumps(dict(message), option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE))
        part.replace(self.folder / f"{name}.json")


def adapter(node: Node) -> Leaving:
    """The way out that this node has."""
    return Filed(node.config.folder / "would-be-sent")


def queue_message(unit: Unit, case_id: str, message: Mapping[str, object]) -> None:
    """Queue a message with what it tells."""
    unit.follow(_KIND, case_id, message, consequence_id=f"message/{message['call']}/{message['step']}")


def _send(node: Node, consequence: Consequence) -> None:
    adapter(node).send(consequence.body)


def _sent(_node: Node, _unit: Unit, _consequence: Consequence, _prepared: None) -> None:
    """It has left; the row goes."""


LEAVE = ConsequenceRow(_KIND, Lane.LATER, _sent, prepare=_send)
