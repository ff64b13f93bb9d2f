"""Why something outside failed, in words and never by the name of a class."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from acceptance.support_processes import free_ports
from baybridge.base.failures import why
from baybridge.documents.loader import plain_yaml


def _raised(work: Callable[[], object]) -> BaseException:
    with pytest.raises(Exception) as caught:
        work()
    return caught.value


def _get() -> None:
    httpx.get(f"http://127.0.0.1:{free_ports(1)[0]}", trust_env=False)


def _slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        httpx.get(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, trust_env=False)


def _untrusted() -> None:
    try:
        raise ssl.SSLCertVerificationError(1, "certificate verify failed")
    except ssl.SSLError as problem:
        raise httpx.ConnectError("no") from problem


CASES = [
    (_get, "nobody who takes the connection"),
    (_slow, "no answer in time"),
    (lambda: httpx.get("ftp://a.example"), "an address of another kind than http or https"),
    (_untrusted, "a certificate that this machine does not trust"),
    (lambda: b"\xff".decode(), "bytes that are no UTF-8"),
    (lambda: json.loads("{"), "text that is no JSON"),
    (lambda: plain_yaml("a: ["), "text that is no YAML"),
    (lambda: yaml.safe_load("a: ["), "text that is no YAML"),
    (lambda: Path("/nowhere").read_bytes(), "No such file or directory"),
    (lambda: {}["a"], "a part that is missing"),
    (lambda: (_ for _ in ()).throw(ConnectionError("HTTP 404")), "HTTP 404"),
    (lambda: (_ for _ in ()).throw(ArithmeticError("secret")), "a failure without a name"),
]


@pytest.mark.parametrize(("work", "words"), CASES)
def test_a_failure_has_words(work: Callable[[], object], words: str) -> None:
    told = why(_raised(work))
    assert told.startswith(words)
    assert "Error" not in told
    assert "secret" not in told
