"""Serving: one node's application on one port, by granian.

Main job: `serve(folder, database, host, port)` runs until it is told to stop. One process a node: SQLite has one writer, threads share the work.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from baybridge.app import application
from baybridge.http import metrics
from baybridge.http.crowding import Crowd, kept_while_room
from baybridge.http.logs import JsonLines, PlainLines
from baybridge.http.proxies import Network, behind, read_networks
from baybridge.node.config import Config, ConfigProblem, Serving
from baybridge.node.neighbours.transport import post
from baybridge.node.node import Node, open_node
from baybridge.node.upkeep import certificate
from baybridge.node.upkeep.served import ServedElsewhereError, hold

_LOG = logging.getLogger("baybridge.serving")
_OWN_FILES = 256  # database connections, documents, log
_STILL_THERE_S = 60  # after which a silent client of HTTP/2 is asked whether it is still there; one that left without a word would keep its connection for ever
_RELOAD_S = 15.0  # in which every open stream ends, so that the server lets its connections go


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


def log_to(stream: TextIO, form: str) -> None:
    """Write the log there, as `text` or `json`; ConfigProblem where another form is asked for."""
    forms = {"text": PlainLines, "json": JsonLines}
    if form not in forms:
        raise ConfigProblem(f"BAYBRIDGE_LOG: expected text or json, found {form[:20]!r}")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(forms[form]())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def serve(folder: Path, database: str | None, host: str, port: int, serving: Serving | None = None) -> None:
    """Serve a node folder until SIGINT or SIGTERM; SIGHUP reads the certificate again. `PortProblem` where a port cannot be taken, ConfigProblem for settings.

    `serving` stands in place of that of the folder's node.yaml.
    """
    _ensure_free(host, port)
    node = open_node(folder, database=database, transport=post)
    served = _alone(node.config)
    node.watch_clock()
    how = serving or node.config.serving
    node.config = replace(node.config, serving=how)
    node.served_at = f"{'https' if how.certificate else 'http'}://{host}:{port}"
    most = _allow_connections(int(node.config.settings["BAYBRIDGE_MAX_CONNECTIONS"]))
    server = Server(
        kept_while_room(behind(application(node), _trusted(how)), Crowd(most)),
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        log_access=False,
        backlog=most,  # with the default of 128 idle connections would shut everybody out
        http1_settings=HTTP1Settings(header_read_timeout=round(float(node.config.settings["BAYBRIDGE_HEADER_SECONDS"]) * 1000)),
        http2_settings=HTTP2Settings(keep_alive_interval=_STILL_THERE_S * 1000),
    )
    _take_certificate(server, node, how)
    if how.metrics_port is not None:
        _publish_metrics(node, how.metrics_port)
    logging.getLogger("_granian").addFilter(_said_before)
    gc.freeze()  # what stands by now is never thrown away, so nobody need look through it again
    asyncio.run(_served(server, node, how))
    served.close()


def _trusted(how: Serving) -> tuple[Network, ...]:
    try:
        return read_networks(how.trusted_proxies)
    except ValueError as problem:
        raise ConfigProblem(f"trusted proxies: expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, never everybody's, found {problem}") from None


def _take_certificate(server: Server, node: Node, how: Serving) -> None:
    """Have the server show the certificate that its file holds now; ConfigProblem where that cannot be used."""
    if how.certificate is None or how.key is None:
        return
    found = certificate.read(how.certificate, how.key, node.now())
    if found.ends_soon(node.now()):
        _LOG.warning("the certificate ends on %s; renew it", found.ends.date().isoformat())
    key = certificate.usable_key(how.key, node.config.folder / "keys")
    server.build_ssl_context(how.certificate, key, None, SSLProtocols.tls12, None, [], client_verify=False)


def _publish_metrics(node: Node, port: int) -> None:
    try:
        metrics.publish(node, port)
    except OSError as problem:
        raise PortProblem(f"127.0.0.1:{port} cannot be used for metrics ({problem.strerror or 'no reason given'}); choose another") from None


async def _served(server: Server, node: Node, how: Serving) -> None:
    loop = asyncio.get_running_loop()
    streams_last = node.streams_last

    def end_streams() -> None:
        node.streams_last = timedelta(0)

    def let_streams_last() -> None:
        node.streams_last = streams_last

    def stop() -> None:
        end_streams()
        server.stop()  # type: ignore[no-untyped-call]

    def read_again() -> None:
        try:
            _take_certificate(server, node, how)
        except ConfigProblem as problem:
            _LOG.error("the certificate was not read again, the one before stays: %s", problem)
            return
        _LOG.info("the certificate was read again")
        end_streams()  # the server waits for what runs on connections under the certificate before; a browser comes again by itself
        loop.call_later(_RELOAD_S, let_streams_last)
        server.reload()  # type: ignore[no-untyped-call]

    loop.add_signal_handler(signal.SIGHUP, read_again)
    for told_to_stop in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(told_to_stop, stop)
    await server.serve()


def _said_before(record: logging.LogRecord) -> bool:
    """Leaves out the server's word that its embedded form is experimental: it is chosen (docs/decisions), and our tests hold what we need of it."""
    return "Embedded server" not in record.getMessage()
