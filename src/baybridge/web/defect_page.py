"""The page that a reader sees when the software failed.

Main job: `defect(node, request)`. It reads nothing but the reader's language, so that what failed cannot fail again here, and says no value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from baybridge.node.doors import Asked, language_of
from baybridge.web.page import render

if TYPE_CHECKING:
    from baybridge.node.node import Node


def defect(node: Node, request: Request) -> Response:
    """Status 500 in the reader's language, without who the reader is."""
    asked = Asked(
        node=node,
        method="GET",
        path="",
        parameters={},
        query={},
        queries=(),
        headers={},
        body=b"",
        form={},
        forms=(),
        uploads={},
        actor=None,
        session=None,
        language=language_of(request, None),
        base_url="",
    )
    return render(asked, "defect.html", 500)
