"""Scripts of other pages: which origins may ask FHIR from a browser, by a token and never by a cookie.

Main job: `elsewhere(node)`, which requests those are and what answers them; none where the node names no origin (`serving.fhir_origins` of node.yaml), so that no
browser lets another page read anything. **Source**: Fetch standard, "CORS protocol"; Starlette's CORSMiddleware.
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Scope

from baybridge.node.node import Node

_ASKED = (
    "Accept", "Accept-Language", "Authorization", "Content-Type", "If-Match", "If-None-Exist", "If-None-Match", "Prefer", "X-Baybridge-Reason",
)  # fmt: skip
_ANSWERED = ("Allow", "ETag", "Last-Modified", "Location", "Warning", "X-Request-Id")
#: FHIR's addresses, and the one at which a program gets its token.
_OPEN = ("/fhir", "/session")


class Cross:
    """Answers to scripts of the origins that a node names."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._origins = origins

    def is_of(self, scope: Scope) -> bool:
        """Whether a request comes from a script of another page and is for FHIR."""
        path: str = scope["path"]
        asked = bool(self._origins) and any(path == one or path.startswith(f"{one}/") for one in _OPEN)
        return asked and any(name == b"origin" for name, _ in scope["headers"])

    def around(self, inner: ASGIApp) -> ASGIApp:
        """What answers with what the browser needs to hand it on; the asking beforehand is answered there."""
        methods = ("GET", "HEAD", "POST", "PUT", "DELETE")
        return CORSMiddleware(
            inner, allow_origins=self._origins, allow_methods=methods, allow_headers=_ASKED, expose_headers=_ANSWERED, allow_credentials=False, max_age=600
        )


def elsewhere(node: Node) -> Cross:
    """Which scripts may ask here."""
    return Cross(node.config.serving.fhir_origins)
