"""The cookies of somebody who has just signed in, however that was proved.

Main job: `signed_in(asked, session, to)`; `BEGUN` is the cookie by which a browser is known that began a sign-in.
"""

from __future__ import annotations

import secrets

from starlette.responses import Response

from baybridge.http.doors import COOKIE, DEVICE, Asked
from baybridge.node.people import accounts
from baybridge.node.people.outside.begun import LASTS
from baybridge.web.page.page import go

_BEGUN = "baybridge-begun"
_A_YEAR_S = 365 * 24 * 3600


def signed_in(asked: Asked, session: accounts.Session, to: str) -> Response:
    """The session's cookies, and the way to the page that was asked for."""
    response = go(to)
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="lax", secure=asked.secure)
    if session.device:
        response.set_cookie(DEVICE, session.device, max_age=_A_YEAR_S, httponly=True, samesite="lax", secure=asked.secure)
    return response


def browser_of(asked: Asked) -> str:
    """The token of a browser that begins a sign-in."""
    return asked.cookies.get(_BEGUN) or secrets.token_urlsafe(32)


def remembering(asked: Asked, response: Response, browser: str) -> Response:
    """The same answer, by which the browser is known when it comes back."""
    response.set_cookie(_BEGUN, browser, max_age=int(LASTS.total_seconds()), path="/sign-in", httponly=True, samesite="lax", secure=asked.secure)
    return response


def began(asked: Asked) -> str:
    """The token that the browser brings back; empty where it has none."""
    return asked.cookies.get(_BEGUN, "")
