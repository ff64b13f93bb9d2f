"""The pages that a reader sees when the software failed, and when nothing stands at an address.

Main job: `defect(node, request)` and `nowhere(node, request, status)`. They read nothing but the reader's language, so that what failed cannot fail again here,
and say no value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from baybridge.http.doors import Asked, language_of
from baybridge.node.asking import REQUEST
from baybridge.web.page.page import render

if TYPE_CHECKING:
    from baybridge.node.node import Node


def defect(node: Node, request: Request) -> Response:
    """Status 500 in the reader's language, without who the reader is, with the id by which an operator finds it in the log."""
    return render(_nobody(node, request), "defect.html", 500, request=REQUEST.get())


def nowhere(node: Node, request: Request, status: int) -> Response:
    """Status 404 or 405 in the reader's language, with the way back."""
    return render(_nobody(node, request), "nowhere.html", status)


def _nobody(node: Node, request: Request) -> Asked:
    """The request of nobody for nothing, in a language."""
    return Asked(
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
        language=language_of(node, request, None),
        base_url="",
    )
