"""Whether the server of a node answers on this machine, for who looks at it every minute and starts it again.

Main job: `missing(config)` asks the node's own `/health/ready`. What is late or soon over (a backup, a certificate) is told by `doctor.py`, and is no reason to start a
server again.
"""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import msgspec
from msgspec import Struct

from baybridge.base import decoding
from baybridge.node.config import Config

PORT = 8080  # where none is named
_WAIT_S = 10
_OK = 200
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what a server listens on, by where it is asked


class _Ready(Struct):
    state: str
    missing: tuple[str, ...] = ()


def missing(config: Config) -> tuple[str, ...]:
    """What a served node lacks to be ready, by the names of `/health/ready`; `answer` where nobody answers as this node does; () of one that is ready."""
    try:
        connection = _connection(config)
        connection.request("GET", "/health/ready", headers={"host": "localhost"})
        answer = connection.getresponse()
        said = decoding.decode(answer.read(), _Ready)
    except (OSError, HTTPException, msgspec.DecodeError):
        return ("answer",)
    return () if answer.status == _OK else said.missing or ("answer",)


def _connection(config: Config) -> HTTPConnection:
    serving, port = config.serving, config.port or PORT
    host = _EVERYWHERE.get(serving.host, serving.host)
    if serving.certificate is None:
        return HTTPConnection(host, port, timeout=_WAIT_S)
    context = ssl.create_default_context(cafile=str(serving.certificate))
    context.check_hostname = False  # it is asked by its address here, and shows the name by which others reach it; it must show this very certificate
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return HTTPSConnection(host, port, timeout=_WAIT_S, context=context)
