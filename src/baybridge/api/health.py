"""Whether a node lives and is ready, for service managers and load balancers; says nothing of any patient and asks for no sign-in.

Main job: `GET /health/live` answers 200 as long as the process answers at all, `GET /health/ready` 200 or 503 with what is missing.
"""

from __future__ import annotations

import orjson
from starlette.responses import Response

from baybridge.http.doors import Asked, Door
from baybridge.node.upkeep.gauges import unready


def live(_asked: Asked) -> Response:
    """The process answers."""
    return _answer({"state": "live"}, 200)


def ready(asked: Asked) -> Response:
    """Whether database, disk and certificate let the node do its work."""
    missing = unready(asked.node)
    return _answer({"state": "unready", "missing": missing}, 503) if missing else _answer({"state": "ready", "missing": []}, 200)


def _answer(body: object, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"cache-control": "no-store"})


DOORS = (
    Door("/health/live", ("GET",), "health.live", "public", live),
    Door("/health/ready", ("GET",), "health.ready", "public", ready),
)
