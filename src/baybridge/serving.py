"""Serving: one node's application on one port, by granian.

Main job: `serve(folder, database, host, port)` runs until it is told to stop. One process a node: SQLite has one writer, threads share the work.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from baybridge.app import application
from baybridge.node.node import open_node
from baybridge.node.transport import post


def serve(folder: Path, database: str | None, host: str, port: int) -> None:
    """Serve a node folder until interrupted."""
    app = application(open_node(folder, database=database, transport=post))
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_access=False)
    with suppress(KeyboardInterrupt):
        asyncio.run(server.serve())
