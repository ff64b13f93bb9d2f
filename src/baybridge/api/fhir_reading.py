"""`GET /fhir/{Type}/{id}` on the event loop: a reading whose decision is known is noted and answered without a thread.

Main job: `await Reading(node).answered(scope, send)` answers such a request, or says that the ordinary door is to answer it: whatever has conditions, parameters or a
session by cookie, whatever is refused, absent or shown in part, and all of it while the database takes no notes.

**Source**: FHIR R4, RESTful API, read. Elsewhere: what is decided, `node/fhir/known_reads.py`; the door, `fhir.py`.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope, Send

from baybridge.api.fhir_writing import FHIR_JSON, http_date
from baybridge.api.media_types import takes_json
from baybridge.node.fhir.known_reads import KnownReads
from baybridge.node.node import Node
from baybridge.node.outage import StorageProblem
from baybridge.record.store.store import Version

#: Heads that change nothing of the answer to a reading; a request with any other one is answered by the door.
_PLAIN = frozenset(
    {
        b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"authorization", b"cache-control", b"connection", b"content-type", b"dnt", b"forwarded",
        b"host", b"pragma", b"priority", b"te", b"user-agent", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-request-id",
    }
)  # fmt: skip
_NO_BODY = (b"content-length", b"0")
_PREFIX, _BEARER = "/fhir/", b"bearer "
_ADDRESS_PARTS = 2


class Reading:
    """The readings of one application."""

    def __init__(self, node: Node) -> None:
        self._known, self._noting = KnownReads(node), node.noting

    async def answered(self, scope: Scope, send: Send) -> bool:
        """Whether it is answered; otherwise nothing was sent."""
        asked = _asked(scope)
        if asked is None:
            return False
        token, kind, logical_id = asked
        try:
            found = self._known.find(token, kind, logical_id)
            if found == "undecided":
                await run_in_threadpool(self._known.decide, token, kind, logical_id)
                found = self._known.find(token, kind, logical_id)
            if found is None or found == "undecided":
                return False
            version, decided = found
            if decided.noted:
                await self._noting.noted(decided.noted)
        except StorageProblem:  # the door keeps the reading in the reserve, or says what is wrong
            return False
        scope["path_params"], scope["endpoint"] = {"kind": kind, "id": logical_id}, self
        await send({"type": "http.response.start", "status": 200, "headers": _headers(version)})
        await send({"type": "http.response.body", "body": version.body})
        return True

    def close(self) -> None:
        """End what it holds open."""
        self._known.close()


def _asked(scope: Scope) -> tuple[str, str, str] | None:
    """Token, type and id of a plain reading; None for any other request."""
    path: str = scope["path"]
    if scope["method"] != "GET" or scope["query_string"] or not path.startswith(_PREFIX):
        return None
    parts = path[len(_PREFIX) :].split("/")
    if len(parts) != _ADDRESS_PARTS or not all(name in _PLAIN or (name, value) == _NO_BODY for name, value in scope["headers"]):
        return None
    if not all(takes_json(value.decode("latin-1")) for name, value in scope["headers"] if name == b"accept"):
        return None
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1 or not given[0].lower().startswith(_BEARER):
        return None
    return given[0][len(_BEARER) :].decode("latin-1"), parts[0], parts[1]


def _headers(version: Version) -> list[tuple[bytes, bytes]]:
    return [
        (b"etag", f'W/"{version.number}"'.encode()),
        (b"last-modified", http_date(version.recorded_at).encode()),
        (b"content-length", str(len(version.body)).encode()),
        (b"content-type", FHIR_JSON.encode()),
    ]
