"""Serving: one node's application on one port, by granian.

Main job: `serve(folder, database, host, port)` runs until it is told to stop. One process a node: SQLite has one writer, threads share the work.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from baybridge.app import application
from baybridge.node.neighbours.transport import post
from baybridge.node.node import open_node


class PortProblem(RuntimeError):
    """A port that cannot be taken; the message says what to do."""


def _ensure_free(host: str, port: int) -> None:
    """The server shares a port with whoever asks (SO_REUSEPORT), so that two nodes could answer on one address: asked here first."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as problem:
            reason = problem.strerror or "no reason given"
            raise PortProblem(f"{host}:{port} cannot be served on ({reason}); choose another with --port") from None


def serve(folder: Path, database: str | None, host: str, port: int) -> None:
    """Serve a node folder until interrupted; `PortProblem` where the port cannot be taken."""
    _ensure_free(host, port)
    app = application(open_node(folder, database=database, transport=post))
    server = Server(app, address=host, port=port, interface=Interfaces.ASGI, log_access=False)
    with suppress(KeyboardInterrupt):
        asyncio.run(server.serve())
