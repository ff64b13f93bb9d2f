"""Serving: one node's application on one port, by granian.

Main job: `serve(folder, database, host, port)` runs until it is told to stop. One process a node: SQLite has one writer, threads share the work.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from baybridge.app import application
from baybridge.node.config import Config
from baybridge.node.neighbours.transport import post
from baybridge.node.node import open_node
from baybridge.node.upkeep.served import ServedElsewhereError, hold

_OWN_FILES = 256  # database connections, documents, log


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


def _alone(config: Config) -> TextIO:
    """Holds the folder of a node for this server; PortProblem where another process serves it."""
    try:
        return hold(config)
    except ServedElsewhereError as problem:
        raise PortProblem(str(problem)) from None


def _allow_connections(wanted: int) -> int:
    """How many connections may be open: as wanted, or as many as the system's limit of open files leaves beside the node's own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(64, min(wanted, soft - _OWN_FILES))


def serve(folder: Path, database: str | None, host: str, port: int) -> None:
    """Serve a node folder until interrupted; `PortProblem` where the port cannot be taken."""
    _ensure_free(host, port)
    node = open_node(folder, database=database, transport=post)
    served = _alone(node.config)
    node.served_at = f"http://{host}:{port}"
    connections = _allow_connections(int(node.config.settings["BAYBRIDGE_MAX_CONNECTIONS"]))
    header_s = float(node.config.settings["BAYBRIDGE_HEADER_SECONDS"])
    server = Server(
        application(node),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        log_access=False,
        backlog=connections,  # the server's limit of open connections: with its default of 128 idle ones would shut everybody out
        http1_settings=HTTP1Settings(header_read_timeout=round(header_s * 1000)),
    )
    with suppress(KeyboardInterrupt):
        asyncio.run(server.serve())
    served.close()
