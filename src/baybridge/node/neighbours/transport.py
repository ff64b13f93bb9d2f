"""Transport: HTTP between nodes.

Main job: `post(neighbour, path, body)` answers status and bytes; an outage raises OSError, which the caller keeps with the package and tries again.
"""

from __future__ import annotations

from functools import cache

import httpx

from baybridge.node.config import Neighbour

_SECONDS = 10.0


@cache
def _client() -> httpx.Client:
    """The one client of this process, for all threads: making one reads every certificate of the machine, which cost an idle node most of its work."""
    return httpx.Client(timeout=_SECONDS, trust_env=False)


def fetch(address: str) -> bytes:
    """The node card at an address: the card itself, or the node that has it; OSError when it cannot be had."""
    card = "/.well-known/baybridge.json"
    url = address if address.endswith(".json") else address.rstrip("/") + card
    try:
        answer = _client().get(url)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        raise ConnectionError(type(problem).__name__) from None
    if answer.status_code != 200:
        raise ConnectionError(f"HTTP {answer.status_code}")
    return answer.content


def post(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
    """POST bytes to a neighbour, or GET where there is no body; OSError when it cannot be reached."""
    try:
        url = neighbour.url.rstrip("/") + path
        answer = _client().get(url) if body is None else _client().post(url, content=body, headers={"content-type": "application/jose"})
    except httpx.HTTPError as problem:
        raise ConnectionError(type(problem).__name__) from None
    return answer.status_code, answer.content
