"""Transport: HTTP between nodes.

Main job: `post(neighbour, path, body)` answers status and bytes; an outage raises OSError, which the caller keeps with the package and tries again.
"""

from __future__ import annotations

import httpx

from baybridge.node.config import Neighbour

_SECONDS = 10.0


def post(neighbour: Neighbour, path: str, body: bytes | None) -> tuple[int, bytes]:
    """POST bytes to a neighbour, or GET where there is no body; OSError when it cannot be reached."""
    try:
        with httpx.Client(timeout=_SECONDS, trust_env=False) as client:
            url = neighbour.url.rstrip("/") + path
            answer = client.get(url) if body is None else client.post(url, content=body, headers={"content-type": "application/jose"})
    except httpx.HTTPError as problem:
        raise ConnectionError(type(problem).__name__) from None
    return answer.status_code, answer.content
