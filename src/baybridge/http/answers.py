"""Answers to programs: a value or a refusal as JSON.

Main job: `answer(body)` and `refused(asked, refusal)`. Elsewhere: how a page says a refusal, `web/page/page.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from starlette.responses import Response

from baybridge.base.outcome import Category, Refusal
from baybridge.language.texts import Texts

if TYPE_CHECKING:
    from baybridge.http.doors import Asked


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body, default=msgspec.to_builtins), status, media_type="application/json")


def refused(asked: Asked, refusal: Refusal) -> Response:
    """A refusal as JSON: category, every reason with its sentence."""
    texts = Texts(asked.node.documents)
    reasons = [texts.told(asked.language, reason) for reason in refusal.reasons]
    response = answer({"refused": refusal.category.value, "reasons": reasons}, refusal.surface.http_status)
    if refusal.category is Category.UNAUTHENTICATED:
        response.headers["www-authenticate"] = "Bearer"
    return response
