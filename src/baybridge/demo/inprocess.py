"""In-process transport: the demo's four nodes answer each other without a network while their history is made.

Main job: `transport(nodes)` gives packages and checkpoints to the other node's own functions, the same ones that HTTP calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from msgspec import json

from baybridge.base.outcome import Refusal
from baybridge.node.config import Neighbour
from baybridge.node.neighbours import key_changes, transfers, witnessing
from baybridge.node.node import Node, Transport


def transport(nodes: Mapping[str, Node]) -> Transport:
    """A transport over nodes of this process."""

    def call(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
        node = nodes[neighbour.site.node]
        if path == transfers.EXCHANGE_PATH and body is not None:
            receipt = transfers.receive(node, body)
            return (receipt.surface.http_status, b"") if isinstance(receipt, Refusal) else (200, receipt)
        if path == "/exchange/checkpoints" and body is not None:
            shown = orjson.loads(body)
            found = witnessing.consider(node, shown["note"], [bytes.fromhex(part) for part in shown["proof"]])
            if isinstance(found, Refusal):
                return found.surface.http_status, b""
            return (409, orjson.dumps({"seen": found})) if isinstance(found, int) else (200, found.encode())
        if path.startswith(key_changes.PATH):
            return 200, json.encode(key_changes.Shown(changes=node.keys.changes[int(path.partition("=")[2]) :]))
        raise ConnectionError(path)

    return call
